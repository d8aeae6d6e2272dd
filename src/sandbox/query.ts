import { querySyntax, Refusal } from "./errors.ts";
import type { Preferences } from "./headers.ts";
import { isObject } from "./json.ts";
import { compareValues, type Predicate } from "./predicate.ts";
import { jsonRow, readValue } from "./represent.ts";
import type { Row, Value } from "./row.ts";
import { isLookup, type Table } from "./schema.ts";
import type { Column } from "./tables/column.ts";
import { checkOptions, countOf, filterOf, type Ordering, parseOrder, viewOf } from "./view.ts";
import type { Session, World } from "./world.ts";

/** Page: page-results; count-rows. */
const LARGEST_PAGE = 5000;
const COUNT_CAP = 5000;

const SET_OPTIONS = new Set([
  "$select",
  "$filter",
  "$orderby",
  "$expand",
  "$top",
  "$count",
  "$skiptoken",
  "tag",
  "partitionId",
]);
const ROW_OPTIONS = new Set(["$select", "$expand", "tag", "partitionId"]);

/** What a page link carries: where the page before ended. Opaque to clients. */
interface Cookie {
  readonly page: number;
  readonly order: number;
  readonly values: readonly Value[];
}

/** Columns whose values are numbers where they are kept; exact ones are text. */
const NUMERIC = new Set(["integer", "double", "choice", "state", "status"]);

function isAsked(count: string | undefined): boolean {
  if (count === undefined || count === "false") return false;
  if (count === "true") return true;
  throw querySyntax(`Invalid value '${count.slice(0, 100)}' for $count query option found.`);
}

const encodeCookie = (cookie: Cookie): string =>
  encodeURIComponent(
    `<cookie pagenumber="${cookie.page}" pagingcookie="${Buffer.from(JSON.stringify(cookie)).toString("base64url")}" />`,
  );

/** Whether a value in a cookie is one that this column could have put there. */
function couldHold(column: Column, value: unknown): boolean {
  if (value === null) return true;
  if (isLookup(column))
    return isObject(value) && typeof value.table === "string" && typeof value.id === "string";
  if (column.type === "boolean") return typeof value === "boolean";
  return typeof value === (NUMERIC.has(column.type) ? "number" : "string");
}

function decodeCookie(text: string, ordering: Ordering): Cookie {
  try {
    const packed = /pagingcookie="([\w-]+)"/.exec(text)?.[1] ?? "";
    const cookie = JSON.parse(Buffer.from(packed, "base64url").toString()) as Cookie;
    const { page, order, values } = cookie;
    const isSound = Number.isSafeInteger(page) && page > 1 && Number.isSafeInteger(order) && order >= 0;
    const fits = Array.isArray(values) && values.length === ordering.length;
    if (isSound && fits && ordering.every(({ column }, at) => couldHold(column, values[at]))) return cookie;
  } catch {
    // refused below
  }
  throw new Refusal(400, "0x80060888", "The value of the query option $skiptoken is malformed.");
}

/** Rows that a filter lets through, in order of creation. */
function* matching(
  world: World,
  table: Table,
  predicate: Predicate | undefined,
  source?: Source,
): Iterable<Row> {
  if (source) {
    for (const row of source.rows) if (!predicate || predicate.test(row)) yield row;
    return;
  }
  if (predicate?.candidates) {
    const rows = [...predicate.candidates]
      .map((id) => world.store.get(table, id))
      .filter((row) => row !== undefined);
    rows.sort((a, b) => a.order - b.order);
    for (const row of rows) if (predicate.test(row)) yield row;
    return;
  }
  for (const row of world.store.rows(table).values()) if (!predicate || predicate.test(row)) yield row;
}

/** The rows behind a collection-valued navigation property, in place of a whole set. */
export interface Source {
  /** Path below the service root, for the link to the next page. */
  readonly path: string;
  readonly rows: readonly Row[];
}

/**
 * Answers a query on a set.
 * @param raw the request's own query text, repeated in the link to the next page
 * @returns the JSON body
 */
export function queryRows(
  world: World,
  session: Session,
  table: Table,
  query: ReadonlyMap<string, string>,
  raw: string,
  preferences: Preferences,
  source?: Source,
): string {
  checkOptions(query, SET_OPTIONS);
  const predicate = filterOf(world, session, table, query);
  const ordering = parseOrder(world, table, query.get("$orderby"));
  const view = viewOf(world, table, query, preferences, session);
  const top = countOf(query.get("$top"), "$top");
  const token = query.get("$skiptoken");
  const cookie = token === undefined ? undefined : decodeCookie(token, ordering);
  // $top and odata.maxpagesize do not go together: $top wins.
  const size = Math.min(top ?? preferences.maxPageSize ?? LARGEST_PAGE, LARGEST_PAGE);
  const wantsCount = isAsked(query.get("$count"));

  const keys = (row: Row): Value[] => ordering.map(({ column }) => readValue(world, column, row));
  const sequence = (a: Row | Cookie, b: Row): number => {
    const left = "id" in a ? keys(a) : a.values;
    const right = keys(b);
    for (const [at, { column, descending }] of ordering.entries()) {
      const difference = compareValues(world, column, left[at] ?? null, right[at] ?? null);
      if (difference !== 0) return descending ? -difference : difference;
    }
    return a.order - b.order;
  };

  let total = 0;
  let page: Row[] = [];
  let more = false;
  if (ordering.length === 0) {
    for (const row of matching(world, table, predicate, source)) {
      total += 1;
      if (cookie && row.order <= cookie.order) continue;
      if (page.length < size) page.push(row);
      else {
        more = true;
        if (!wantsCount) break;
      }
    }
  } else {
    const all = [...matching(world, table, predicate, source)].sort(sequence);
    total = all.length;
    const rest = cookie ? all.filter((row) => sequence(cookie, row) < 0) : all;
    page = rest.slice(0, size);
    more = rest.length > size;
  }

  const names = query.get("$select");
  const context = `${session.root}$metadata#${table.set}${names ? `(${names})` : ""}`;
  const parts = [`"@odata.context":${JSON.stringify(context)}`];
  if (wantsCount) parts.push(`"@odata.count":${Math.min(total, COUNT_CAP)}`);
  if (preferences.annotation("Microsoft.Dynamics.CRM.totalrecordcount")) {
    parts.push(`"@Microsoft.Dynamics.CRM.totalrecordcount":${wantsCount ? Math.min(total, COUNT_CAP) : -1}`);
    parts.push(`"@Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded":${wantsCount && total > COUNT_CAP}`);
  }
  if (preferences.annotation("Microsoft.Dynamics.CRM.globalmetadataversion")) {
    parts.push(`"@Microsoft.Dynamics.CRM.globalmetadataversion":"${world.metadata.version()}"`);
  }
  parts.push(`"value":[${page.map((row) => jsonRow(world, row, view)).join(",")}]`);
  const last = page.at(-1);
  if (more && last && top === undefined) {
    const next = encodeCookie({ page: (cookie?.page ?? 1) + 1, order: last.order, values: keys(last) });
    const rest = raw.split("&").filter((pair) => pair !== "" && !/^(\$|%24)skiptoken=/i.test(pair));
    const link = `${session.root}${source?.path ?? table.set}?${[...rest, `$skiptoken=${next}`].join("&")}`;
    parts.push(`"@odata.nextLink":${JSON.stringify(link)}`);
  }
  return `{${parts.join(",")}}`;
}

/** `GET set/$count`, capped like the real one. */
export function countRows(
  world: World,
  session: Session,
  table: Table,
  query: ReadonlyMap<string, string>,
  source?: Source,
): string {
  checkOptions(query, new Set(["$filter"]));
  const predicate = filterOf(world, session, table, query);
  let total = 0;
  for (const _ of matching(world, table, predicate, source)) total += 1;
  return String(Math.min(total, COUNT_CAP));
}

/** One row as the body of a reply. */
export function readRow(
  world: World,
  session: Session,
  table: Table,
  row: Row,
  query: ReadonlyMap<string, string>,
  preferences: Preferences,
): string {
  checkOptions(query, ROW_OPTIONS);
  const names = query.get("$select");
  const context = `${session.root}$metadata#${table.set}${names ? `(${names})` : ""}/$entity`;
  return jsonRow(world, row, viewOf(world, table, query, preferences, session), context);
}
