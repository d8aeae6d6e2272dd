import { noJoins } from "./elastic.ts";
import { querySyntax, Refusal, unknownQueryProperty, unsupportedOption } from "./errors.ts";
import { parseFilter } from "./filter.ts";
import type { Preferences } from "./headers.ts";
import { tokenize } from "./lexer.ts";
import { compareValues, compilePredicate, type Predicate } from "./predicate.ts";
import { jsonRow, readValue, type View } from "./represent.ts";
import type { Table } from "./schema.ts";
import { requireReadable } from "./security/check.ts";
import type { Row, Value } from "./store.ts";
import type { Column } from "./tables/column.ts";
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

/** Unknown options are refused by name; what does not start with `$` is refused too, but aliases pass. */
export function checkOptions(query: ReadonlyMap<string, string>, allowed: ReadonlySet<string>): void {
  for (const name of query.keys()) {
    if (!name.startsWith("@") && !allowed.has(name)) throw unsupportedOption(name);
  }
}

/** Splits at commas outside parentheses. */
export function splitList(text: string, separator = ","): string[] {
  const parts: string[] = [];
  let depth = 0;
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === "(") depth += 1;
    else if (character === ")") depth -= 1;
    else if (character === separator && depth === 0) {
      parts.push(text.slice(from, at).trim());
      from = at + 1;
    }
  }
  if (depth !== 0) throw querySyntax();
  parts.push(text.slice(from).trim());
  return parts.filter((part) => part !== "");
}

function selected(world: World, table: Table, select: string | undefined): readonly Column[] {
  if (select === undefined || select.trim() === "*") return table.readable;
  const columns = new Set<Column>();
  const add = (name: string) => {
    const column = table.properties.get(name);
    if (!column?.forRead) throw unknownQueryProperty(world.rules, table.logicalName, name);
    columns.add(column);
    // Page: retrieve-entity-using-web-api: an amount brings its currency along.
    if (column.type === "money") {
      const currency = table.columns.get("transactioncurrencyid");
      if (currency) columns.add(currency);
    }
  };
  for (const name of splitList(select)) add(name);
  add(table.primaryId);
  return [...columns];
}

/** What of a row a reader asked for. */
export function viewOf(
  world: World,
  table: Table,
  query: ReadonlyMap<string, string>,
  preferences: Preferences,
): View {
  if (table.elastic && query.has("$expand")) throw noJoins();
  const expand = splitList(query.get("$expand") ?? "").map((item) => {
    const match = /^(\w+)(?:\((.*)\))?$/s.exec(item);
    const navigation = table.navigation.get(match?.[1] ?? "");
    if (!navigation) throw unknownQueryProperty(world.rules, table.logicalName, match?.[1] ?? item);
    const options = new Map<string, string>();
    for (const option of splitList(match?.[2] ?? "", ";")) {
      const equals = option.indexOf("=");
      if (option.slice(0, equals) !== "$select")
        throw unsupportedOption(option.slice(0, Math.max(equals, 0)));
      options.set("$select", option.slice(equals + 1));
    }
    const target = world.schema.tables.get(navigation.targets[0] ?? "") as Table;
    return {
      property: navigation.name,
      column: navigation.column,
      target: navigation.relationship.target,
      view: viewOf(world, target, options, preferences),
    };
  });
  return {
    table,
    columns: selected(world, table, query.get("$select")),
    expand,
    annotation: preferences.annotation,
  };
}

type Ordering = readonly { readonly column: Column; readonly descending: boolean }[];

function parseOrder(world: World, table: Table, text: string | undefined): Ordering {
  return splitList(text ?? "").map((item) => {
    const [name, direction, end] = tokenize(item);
    const column = table.properties.get(name?.text ?? "");
    if (!column?.forRead) throw unknownQueryProperty(world.rules, table.logicalName, name?.text ?? item);
    requireReadable(world, column);
    const word = direction?.kind === "end" ? "asc" : direction?.text;
    if ((word !== "asc" && word !== "desc") || (direction?.kind !== "end" && end?.kind !== "end")) {
      throw querySyntax();
    }
    return { column, descending: word === "desc" };
  });
}

/** What a page link carries: where the page before ended. Opaque to clients. */
interface Cookie {
  readonly page: number;
  readonly order: number;
  readonly values: readonly Value[];
}

const encodeCookie = (cookie: Cookie): string =>
  encodeURIComponent(
    `<cookie pagenumber="${cookie.page}" pagingcookie="${Buffer.from(JSON.stringify(cookie)).toString("base64url")}" />`,
  );

function decodeCookie(text: string): Cookie {
  try {
    const packed = /pagingcookie="([\w-]+)"/.exec(text)?.[1] ?? "";
    const cookie = JSON.parse(Buffer.from(packed, "base64url").toString()) as Cookie;
    if (Number.isInteger(cookie.page) && Number.isInteger(cookie.order) && Array.isArray(cookie.values)) {
      return cookie;
    }
  } catch {
    // refused below
  }
  throw new Refusal(400, "0x80060888", "The value of the query option $skiptoken is malformed.");
}

const countOf = (text: string | undefined, name: string): number | undefined => {
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text)) throw querySyntax(`Invalid value '${text}' for ${name} query option found.`);
  return Number(text);
};

/** Rows that a filter lets through, in order of creation. */
function* matching(world: World, table: Table, predicate: Predicate | undefined): Iterable<Row> {
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
): string {
  checkOptions(query, SET_OPTIONS);
  const filter = query.get("$filter");
  const predicate =
    filter === undefined ? undefined : compilePredicate(world, table, parseFilter(filter, query));
  const ordering = parseOrder(world, table, query.get("$orderby"));
  const view = viewOf(world, table, query, preferences);
  const top = countOf(query.get("$top"), "$top");
  const token = query.get("$skiptoken");
  const cookie = token === undefined ? undefined : decodeCookie(token);
  // $top and odata.maxpagesize do not go together: $top wins.
  const size = Math.min(top ?? preferences.maxPageSize ?? LARGEST_PAGE, LARGEST_PAGE);
  const wantsCount = query.get("$count") === "true";

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
    for (const row of matching(world, table, predicate)) {
      total += 1;
      if (cookie && row.order <= cookie.order) continue;
      if (page.length < size) page.push(row);
      else {
        more = true;
        if (!wantsCount) break;
      }
    }
  } else {
    const all = [...matching(world, table, predicate)].sort(sequence);
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
    const link = `${session.root}${table.set}?${[...rest, `$skiptoken=${next}`].join("&")}`;
    parts.push(`"@odata.nextLink":${JSON.stringify(link)}`);
  }
  return `{${parts.join(",")}}`;
}

/** `GET set/$count`, capped like the real one. */
export function countRows(world: World, table: Table, query: ReadonlyMap<string, string>): string {
  checkOptions(query, new Set(["$filter"]));
  const filter = query.get("$filter");
  const predicate =
    filter === undefined ? undefined : compilePredicate(world, table, parseFilter(filter, query));
  let total = 0;
  for (const _ of matching(world, table, predicate)) total += 1;
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
  return jsonRow(world, row, viewOf(world, table, query, preferences), context);
}
