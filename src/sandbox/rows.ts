import { type Call, noContent, type Reply, withBody } from "./api.ts";
import { readBody } from "./body.ts";
import { deleteRow } from "./cascade.ts";
import { createDeep } from "./deep-insert.ts";
import { etagOf, publicId, sessionToken } from "./elastic.ts";
import { missingRow, payloadError, Refusal, rowExists, unknownSet, versionMismatch } from "./errors.ts";
import { type Preferences, parseCondition } from "./headers.ts";
import { isText, type JsonObject, markedNumber } from "./json.ts";
import {
  findRow,
  type Identity,
  identify,
  keyUrl,
  missing as missingOf,
  parseAddress,
  requireRow,
} from "./keys.ts";
import { CREATE, type Reading, type Room, readAs, readingOf, readPayload, UPDATE } from "./payload.ts";
import { readRow } from "./query.ts";
import { jsonValue, readValue } from "./represent.ts";
import type { Reference, Row, Value } from "./row.ts";
import type { Table } from "./schema.ts";
import { requireRight } from "./security/check.ts";
import type { Column } from "./tables/column.ts";
import type { Segment, Target } from "./url.ts";
import { checkOptions, viewOf } from "./view.ts";
import type { World } from "./world.ts";
import { createRow, updateRow } from "./write.ts";
import { setFor, valueFor, type Written } from "./written.ts";

/** What every operation on rows is given. */
export interface Asked {
  readonly world: World;
  readonly call: Call;
  readonly target: Target;
  readonly preferences: Preferences;
  readonly table: Table;
}

const WRITE_OPTIONS = new Set(["$select", "$expand", "tag"]);

const applied = (preferences: Preferences): Record<string, string> =>
  preferences.applied === undefined ? {} : { "Preference-Applied": preferences.applied };

function addressOf(asked: Asked, key: string): Record<string, string> {
  const url = `${asked.call.session.root}${asked.table.set}(${key})`;
  // Inside a batch the address comes twice (page: execute-batch-operations).
  return asked.call.inBatch ? { Location: url, "OData-EntityId": url } : { "OData-EntityId": url };
}

function represented(asked: Asked, status: number, row: Row, query = asked.target.query): Reply {
  const { world, call, table, preferences } = asked;
  const body = readRow(world, call.session, table, row, query, preferences);
  const headers = { ...applied(preferences), ETag: etagOf(table, row.version) };
  const reply = withBody(status, body, headers);
  return { ...reply, address: `${call.session.root}${table.set}(${publicId(table, row)})` };
}

const withHeaders = (reply: Reply, headers: Record<string, string>): Reply => ({
  ...reply,
  headers: { ...reply.headers, ...headers },
});

/** `POST set` (page: create-entity-web-api). */
export function create(asked: Asked): Reply {
  const { world, call, table, preferences } = asked;
  checkOptions(asked.target.query, WRITE_OPTIONS);
  requireShowable(asked, asked.target.query);
  const body = readBody(world.rules, call, table.set);
  return world.store.transaction(() => {
    const row = createDeep(world, call.session, table, body);
    const token = sessionToken(world, table);
    if (preferences.representation) return withHeaders(represented(asked, 201, row), token);
    return noContent({ ...addressOf(asked, publicId(table, row)), ...applied(preferences), ...token });
  });
}

/** `GET set(key)`; `If-None-Match` with the row's version answers 304. */
export function read(asked: Asked, key: Segment): Reply {
  const { world, call, table, preferences } = asked;
  const row = requireRow(world, table, identityIn(asked, key));
  const condition = parseCondition(world.rules, call.headers["if-none-match"]);
  // Neither related rows nor annotations show in the version (page: perform-conditional-operations).
  const isWhole = !asked.target.query.has("$expand") && !call.headers.prefer?.includes("annotations");
  if (condition.is === "version" && condition.version === row.version && isWhole) {
    return { status: 304, headers: { ETag: etagOf(table, row.version) }, body: "" };
  }
  const reply = represented(asked, 200, row);
  if (!preferences.annotation("Microsoft.Dynamics.CRM.globalmetadataversion")) return reply;
  const version = `,"@Microsoft.Dynamics.CRM.globalmetadataversion":"${world.metadata.version()}"`;
  return { ...reply, body: String(reply.body).replace(',"@odata.etag"', () => `${version},"@odata.etag"`) };
}

/** A stored key value as a body would hold it, so that the column's own check takes it. */
const sentForm = ({ type }: Column, value: Value): unknown =>
  typeof value === "string" && (type === "decimal" || type === "money" || type === "bigint")
    ? markedNumber(value)
    : value;

/** A lookup in a key points at a row that is there, of one of the tables that it may point at. */
function targetOf(world: World, column: Column, { table, id }: Reference): Reference {
  const found = column.targets?.find((name) => world.store.exists({ table: name, id }));
  if (found === undefined) throw missingRow(world.rules, table, id);
  return { table: found, id };
}

/** Checks the value of one part of an alternate key like any other, since it becomes the new row's. */
function keyValue(world: World, { column, check }: Room, value: Value): Value {
  if (value === null) return null;
  if (typeof value === "object") return targetOf(world, column, value);
  return check(sentForm(column, value));
}

/** Unverified: an id in a body beside an address that names another row. */
export function requireSameId(
  world: World,
  table: Table,
  given: unknown,
  row: { readonly id: string },
): void {
  if (given === undefined || given === null || world.rules.conflictingIds === "the address counts") return;
  if (typeof given !== "string" || given.toLowerCase() === row.id) return;
  throw payloadError(
    table.set,
    `Microsoft.OData.ODataException: '${table.primaryId}' is not the id of the row that the request addresses.`,
  );
}

/** Unverified: an address in a body beside another one in the request. */
function requireSameAddress(
  { world, call, table }: Asked,
  given: unknown,
  identity: Identity,
  found: Row | undefined,
): void {
  if (given === undefined || world.rules.conflictingIds === "the address counts") return;
  const named = isText(given) ? parseAddress(world, call.session, given) : undefined;
  const isSame = found
    ? named?.table === table && findRow(world, table, named.identity)?.id === found.id
    : named?.table === table && keyUrl(named.identity) === keyUrl(identity);
  if (isSame) return;
  throw payloadError(
    table.set,
    "Microsoft.OData.ODataException: '@odata.id' is not the address of the row that the request addresses.",
  );
}

/** Unverified: a row with null in its key would not be found by the address that made it, so each retry makes another. */
const nullKey = (table: Table, column: Column) =>
  new Refusal(
    400,
    "0x80040203",
    `The key column '${column.logicalName}' of a new row in ${table.logicalName} cannot be null when the row is addressed by it.`,
  );

/**
 * Adds to the values of a body what its address says, for the row that an upsert makes: on create the body wins over
 * the URL (page: use-upsert-insert-update-record).
 */
export function upsertValues(
  world: World,
  table: Table,
  identity: Identity,
  { room }: Reading,
  body: Written,
): Written {
  if (identity.by === "id") {
    requireSameId(world, table, valueFor(body, table.primaryId), identity);
    setFor(body, table.primaryId, identity.id);
    return body;
  }
  for (let at = 0; at < room.length; at++) {
    const part = room[at] as Room;
    const value = keyValue(world, part, identity.values[at] ?? null);
    if (body.values[part.place] === undefined) body.values[part.place] = value;
    if (body.values[part.place] === null && world.rules.upsertToNullKey === "refused") {
      throw nullKey(table, part.column);
    }
  }
  return body;
}

/** The columns that an address by an alternate key says. */
export const columnsIn = (identity: Identity): readonly string[] | undefined =>
  identity.by === "key" ? identity.key.columns : undefined;

/**
 * Makes the row that an upsert did not find. On an elastic table an upsert replaces the row that it finds: what is not
 * sent is lost (page: use-elastic-tables).
 */
export function upsertRow(
  asked: Asked,
  identity: Identity,
  body: JsonObject,
): { readonly row: Row; readonly isNew: boolean } {
  const { world, call, table } = asked;
  const reading = readingOf(world, table, body, CREATE, columnsIn(identity));
  const written = readAs(reading, world, call.session, table, body);
  const values = upsertValues(world, table, identity, reading, written);
  if (identity.by === "id" && identity.partition !== undefined) {
    setFor(values, "partitionid", identity.partition);
  }
  const old = table.elastic ? findRow(world, table, identity) : undefined;
  if (old) requireSameId(world, table, body[table.primaryId], { id: publicId(table, old) });
  return { row: createRow(world, call.session, table, values, old), isNew: old === undefined };
}

/** The row that a request means; `?partitionId=` says the partition of an elastic one. */
function identityIn(asked: Asked, key: Segment): Identity {
  const identity = identify(asked.world, asked.table, key.key);
  const partition = asked.table.elastic ? asked.target.query.get("partitionId") : undefined;
  return identity.by === "id" && partition !== undefined ? { ...identity, partition } : identity;
}

/** Versions are compared where the definition says so (page: perform-conditional-operations). */
function requireVersions(table: Table): void {
  if (table.loaded?.entity.IsOptimisticConcurrencyEnabled !== false) return;
  throw new Refusal(
    400,
    "0x8006088d",
    `Optimistic concurrency isn't enabled for entity type ${table.logicalName}. The IfVersionMatches value of ` +
      "ConcurrencyBehavior can only be used if optimistic concurrency is enabled.",
  );
}

/** Conditions on a request that changes a row which is there, or one of its properties. */
export function requireCondition({ world, call, table }: Asked, row: Row): void {
  const match = parseCondition(world.rules, call.headers["if-match"]);
  if (match.is === "version") requireVersions(table);
  if (match.is === "version" && match.version !== row.version) throw versionMismatch();
  if (parseCondition(world.rules, call.headers["if-none-match"]).is === "any") throw rowExists();
}

/** Whether the row may come back and as it is wanted, asked before anything is written. */
function requireShowable(
  { world, call, table, preferences }: Asked,
  query: ReadonlyMap<string, string>,
): void {
  if (!preferences.representation) return;
  requireRight(world, call.session, table, "read");
  viewOf(world, table, query, preferences, call.session);
}

/** `PATCH set(key)`: an upsert unless a condition says otherwise (page: perform-conditional-operations). */
export function patch(asked: Asked, key: Segment): Reply {
  const { world, call, table, preferences } = asked;
  const { session } = call;
  checkOptions(asked.target.query, WRITE_OPTIONS);
  const query = new Map(asked.target.query);
  query.delete("$expand"); // ignored on PATCH (page: update-delete-entities-using-web-api)
  requireShowable(asked, query);
  const identity = identify(world, table, key.key);
  const match = parseCondition(world.rules, call.headers["if-match"]);
  const noneMatch = parseCondition(world.rules, call.headers["if-none-match"]);
  const body = readBody(world.rules, call, table.set);
  return world.store.transaction(() => {
    const found = findRow(world, table, identity);
    if (found && noneMatch.is === "any") throw rowExists();
    if (match.is === "version") requireVersions(table);
    if (found && match.is === "version" && match.version !== found.version) throw versionMismatch();
    if (found) requireSameId(world, table, body[table.primaryId], { id: publicId(table, found) });
    requireSameAddress(asked, body["@odata.id"], identity, found);
    if (!found && match.is !== "none") {
      const refusal = missingOf(world, table, identity);
      if (match.is === "any") throw refusal;
      throw new Refusal(world.rules.staleVersionOfMissingRow, refusal.code, refusal.message);
    }
    let row: Row;
    if (found && !(table.elastic && match.is === "none")) {
      const written = readPayload(world, session, table, body, UPDATE, columnsIn(identity));
      row = updateRow(world, session, table, found, written);
    } else row = upsertRow(asked, identity, body).row;
    const token = sessionToken(world, table);
    if (!preferences.representation) {
      return noContent({ ...addressOf(asked, keyUrl(identity)), ...applied(preferences), ...token });
    }
    return withHeaders(represented(asked, found ? 200 : 201, row, query), token);
  });
}

/** `DELETE set(key)`. */
export function remove(asked: Asked, key: Segment): Reply {
  const { world, table } = asked;
  const row = requireRow(world, table, identityIn(asked, key));
  requireCondition(asked, row);
  world.store.transaction(() => deleteRow(world, table, row));
  return noContent();
}

/** `GET set(key)/property` and `…/$value`. */
export function readProperty(asked: Asked, key: Segment, name: string, raw: boolean): Reply {
  const { world, call, table } = asked;
  const row = requireRow(world, table, identify(world, table, key.key));
  const column = table.properties.get(name);
  if (!column?.forRead) return readNavigation(asked, row, name);
  const value = readValue(world, column, row);
  if (value === null && world.rules.nullPropertyIs204) return noContent();
  if (raw) {
    const text = typeof value === "object" && value !== null ? value.id : String(value);
    return { status: 200, headers: { "Content-Type": "text/plain" }, body: text };
  }
  const context = `${call.session.root}$metadata#${table.set}(${row.id})/${name}`;
  return withBody(200, `{"@odata.context":${JSON.stringify(context)},"value":${jsonValue(column, value)}}`);
}

function readNavigation(asked: Asked, row: Row, name: string): Reply {
  const { world, table } = asked;
  const navigation = table.navigation.get(name);
  if (!navigation) throw unknownSet(world.rules, name);
  const value = readValue(world, navigation.column, row);
  if (value === null || typeof value !== "object" || !navigation.targets.includes(value.table))
    return noContent();
  const target = world.schema.tables.get(value.table) as Table;
  requireRight(world, asked.call.session, target, "read");
  return represented({ ...asked, table: target }, 200, world.store.get(target, value.id) as Row);
}

/** `{"value": …}`, beside which there may be annotations. */
function singleValue(body: JsonObject, set: string): unknown {
  const other = Object.keys(body).find((name) => name !== "value" && !name.startsWith("@"));
  if (body.value !== undefined && other === undefined) return body.value;
  const what =
    other === undefined ? "'value' is missing" : `The property '${other}' is not expected beside 'value'`;
  throw payloadError(set, `Microsoft.OData.ODataException: ${what}.`);
}

/** `PUT set(key)/property` and `DELETE set(key)/property`: one value set or cleared. */
export function writeProperty(asked: Asked, key: Segment, name: string): Reply {
  const { world, call, table } = asked;
  const row = requireRow(world, table, identify(world, table, key.key));
  const column = table.properties.get(name);
  if (!column || !(name in Object.fromEntries(table.columns))) throw unknownSet(world.rules, name);
  requireCondition(asked, row);
  const value =
    call.method === "DELETE" ? null : singleValue(readBody(world.rules, call, table.set), table.set);
  const written = readPayload(world, call.session, table, { [name]: value }, UPDATE);
  world.store.transaction(() => updateRow(world, call.session, table, row, written));
  return noContent();
}
