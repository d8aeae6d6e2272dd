import { payloadError, Refusal } from "./errors.ts";
import type { Preferences } from "./headers.ts";
import { jsonRow } from "./represent.ts";
import type { Row } from "./row.ts";
import type { Table } from "./schema.ts";
import type { Deletion } from "./shelf.ts";
import { viewOf } from "./view.ts";
import type { Session, World } from "./world.ts";

/** Change tracking (page: use-change-tracking-synchronize-data-external-systems). */

const LARGEST_PAGE = 5000;
const ALLOWED = new Set(["$select", "$deltatoken", "$skiptoken", "tag"]);
const DAY = 86_400_000;

function checkOptions(world: World, query: ReadonlyMap<string, string>): void {
  for (const name of query.keys()) {
    if (name.startsWith("@") || ALLOWED.has(name)) continue;
    throw new Refusal(
      400,
      world.rules.trackingOptionCode,
      `The "${name}" query parameter isn't supported when Change Tracking is enabled.`,
    );
  }
}

function requireTracking(world: World, table: Table): void {
  if (table.changeTracking) return;
  throw new Refusal(
    400,
    world.rules.trackingDisabledCode,
    `Change tracking is not enabled for entity '${table.logicalName}'.`,
  );
}

/** `919042!08/22/2024 08:10:44`: the version up to which the client knows everything, and when that was. */
interface Token {
  readonly version: number;
  readonly at: Date;
}

const two = (value: number): string => String(value).padStart(2, "0");

function tokenText({ version, at }: Token): string {
  const day = `${two(at.getUTCMonth() + 1)}/${two(at.getUTCDate())}/${at.getUTCFullYear()}`;
  const time = [at.getUTCHours(), at.getUTCMinutes(), at.getUTCSeconds()].map(two).join(":");
  return `${version}!${day} ${time}`;
}

const TOKEN = /^(\d{1,15})!(\d\d)\/(\d\d)\/(\d{4}) (\d\d):(\d\d):(\d\d)$/;

const malformed = (option: string) =>
  new Refusal(400, "0x80060888", `The value of the query option ${option} is malformed.`);

/**
 * @throws Refusal when the token is none that was given out: no date, or of a time or a version that are still to come;
 * and when it is too old to say what was deleted since
 */
function readToken(world: World, table: Table, text: string): Token {
  const match = TOKEN.exec(text);
  if (!match) throw malformed("$deltatoken");
  const [version = 0, month = 0, day = 0, year = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1)
    .map(Number);
  const at = new Date(Date.UTC(year, month - 1, day, hour, minute, second));
  const age = world.now().getTime() - at.getTime();
  if (age < 0 || version > world.store.version() || tokenText({ version, at }) !== text) {
    throw malformed("$deltatoken");
  }
  const started = Math.floor(world.started.getTime() / 1000) * 1000;
  // Deletions from before the last start are not known any more: as good as expired.
  const isKnown = at.getTime() >= started && version >= world.store.forgotten(table);
  if (age > world.organization.changeTrackingDays * DAY || !isKnown) {
    const message = "Version stamp associated with the client has expired. Please perform a full sync.";
    throw new Refusal(400, world.rules.expiredTokenCode, message);
  }
  return { version, at };
}

/** Tokens that are remembered, about; the oldest go first. */
const MOST_TOKENS = 100_000;

/** The query that a token belongs to: its rows and its columns, in whatever order. */
const queryOf = (table: Table, select: string | undefined): string =>
  `${table.logicalName}?${[...new Set((select ?? "").split(",").map((name) => name.trim()))].sort().join(",")}`;

function remember({ issued }: World, token: string, query: string): void {
  const known = issued.get(token);
  if (known) known.add(query);
  else issued.set(token, new Set([query]));
  const [oldest] = issued.size > MOST_TOKENS ? issued.keys() : [];
  if (oldest !== undefined) issued.delete(oldest);
}

/**
 * A token is good for the query that it came with: what changed elsewhere would be passed over without a word.
 * @param isTheirs whether it is one of the queries that were given the token
 */
function requireIssued({ issued }: World, token: string, isTheirs: (query: string) => boolean): void {
  const queries = issued.get(token);
  if (queries ? [...queries].some(isTheirs) : issued.size >= MOST_TOKENS) return;
  throw malformed("$deltatoken");
}

/** Where a page ended, and what the link at the very end will say. */
interface Cursor {
  readonly phase: "rows" | "deleted";
  readonly after: number;
  readonly upTo: string;
}

const encodeCursor = (cursor: Cursor): string => Buffer.from(JSON.stringify(cursor)).toString("base64url");

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 0;

function decodeCursor(world: World, table: Table, text: string): Cursor {
  try {
    const cursor = JSON.parse(Buffer.from(text, "base64url").toString()) as Cursor;
    const isPhase = cursor.phase === "rows" || cursor.phase === "deleted";
    if (isPhase && isCount(cursor.after) && typeof cursor.upTo === "string") {
      readToken(world, table, cursor.upTo);
      return cursor;
    }
  } catch {
    // refused below
  }
  throw malformed("$skiptoken");
}

function changed(world: World, table: Table, since: number): Row[] {
  const rows = [...world.store.rows(table).values()].filter((row) => row.version > since);
  rows.sort((a, b) => a.version - b.version);
  return world.rules.changedRowsComeOnce ? rows : rows.flatMap((row) => [row, row]);
}

/** Rows that went and did not come back. */
const deleted = (world: World, table: Table, since: number): Deletion[] =>
  world.store
    .deletions(table)
    .filter((deletion) => deletion.version > since && !world.store.get(table, deletion.id));

/** Lower-case escapes, as the page prints them. */
const inLink = (text: string): string =>
  encodeURIComponent(text)
    .replaceAll("!", "%21")
    .replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase());

/** Answers `Prefer: odata.track-changes`, a delta link, or a page of either. */
export function readChanges(
  world: World,
  session: Session,
  table: Table,
  query: ReadonlyMap<string, string>,
  raw: string,
  preferences: Preferences,
): string {
  checkOptions(world, query);
  requireTracking(world, table);
  const given = query.get("$deltatoken");
  const since = given === undefined ? undefined : readToken(world, table, given);
  const names = query.get("$select");
  const ours = queryOf(table, names);
  if (given !== undefined) requireIssued(world, given, (theirs) => theirs === ours);
  const skip = query.get("$skiptoken");
  const cursor = skip === undefined ? undefined : decodeCursor(world, table, skip);
  const size = Math.min(preferences.maxPageSize ?? LARGEST_PAGE, LARGEST_PAGE);
  const upTo = cursor?.upTo ?? tokenText({ version: world.store.version(), at: world.now() });
  const view = viewOf(world, table, query, preferences, session);

  const items: { readonly text: string; readonly phase: Cursor["phase"]; readonly at: number }[] = [];
  if (cursor?.phase !== "deleted") {
    const rows = since ? changed(world, table, since.version) : [...world.store.rows(table).values()];
    for (const row of rows) {
      if (items.length > size) break;
      const at = since ? row.version : row.order;
      if (cursor && at <= cursor.after) continue;
      items.push({ text: jsonRow(world, row, view), phase: "rows", at });
    }
  }
  if (since && items.length <= size) {
    const gone = `${session.root}$metadata#${table.set}/$deletedEntity`;
    for (const { id, version: at } of deleted(world, table, since.version)) {
      if (items.length > size) break;
      if (cursor?.phase === "deleted" && at <= cursor.after) continue;
      const text = JSON.stringify({ "@odata.context": gone, id, reason: "deleted" });
      items.push({ text, phase: "deleted", at });
    }
  }
  const page = items.slice(0, size);
  const context = `${session.root}$metadata#${table.set}${names ? `(${names})` : ""}${since ? "/$delta" : ""}`;
  const kept = raw.split("&").filter((pair) => pair !== "" && !/^(?:\$|%24)(?:skip|delta)token=/i.test(pair));
  const link = (name: string, options: readonly string[]) =>
    `"@odata.${name}":${JSON.stringify(`${session.root}${table.set}?${[...kept, ...options].join("&")}`)}`;
  const last = page.at(-1);
  const token = given === undefined ? [] : [`$deltatoken=${inLink(given)}`];
  const isLast = items.length <= size || last === undefined;
  if (isLast) remember(world, upTo, ours);
  const next = !isLast
    ? link("nextLink", [...token, `$skiptoken=${encodeCursor({ phase: last.phase, after: last.at, upTo })}`])
    : link("deltaLink", [`$deltatoken=${inLink(upTo)}`]);
  return `{"@odata.context":${JSON.stringify(context)},"value":[${page.map((item) => item.text).join(",")}],${next}}`;
}

/** `GET set/$count?$deltatoken=…` */
export function countChanges(
  world: World,
  _session: Session,
  table: Table,
  query: ReadonlyMap<string, string>,
): string {
  checkOptions(world, query);
  requireTracking(world, table);
  const text = query.get("$deltatoken");
  if (text === undefined) throw payloadError(table.set, "$deltatoken is missing.");
  const { version } = readToken(world, table, text);
  requireIssued(world, text, (theirs) => theirs.startsWith(`${table.logicalName}?`));
  return String(changed(world, table, version).length + deleted(world, table, version).length);
}
