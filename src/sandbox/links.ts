import { noContent, type Reply, withBody } from "./api.ts";
import { readBody } from "./body.ts";
import { deleteRow } from "./cascade.ts";
import { relatedRows, tieValue } from "./collections.ts";
import { payloadError, undeclaredProperty, unknownSet, wrongMethod } from "./errors.ts";
import { isText } from "./json.ts";
import { findRow, type Identity, identify, missing, parseAddress, requireRow } from "./keys.ts";
import { readPayload, UPDATE } from "./payload.ts";
import { countRows, queryRows, type Source } from "./query.ts";
import { type Reference, type Row, valueIn } from "./row.ts";
import { type Asked, requireCondition } from "./rows.ts";
import { type Collection, keyValues, type Table } from "./schema.ts";
import { requireRight, requireTied } from "./security/check.ts";
import type { Segment } from "./url.ts";
import { createRow, updateRow } from "./write.ts";
import { writing } from "./written.ts";

/**
 * Ties between rows: `…/$ref` on single-valued and collection-valued navigation properties, and reading what is behind
 * a collection (pages: associate-disassociate-entities-using-web-api; retrieve-related-entities-query).
 */

const tableNamed = (asked: Asked, name: string): Table => asked.world.schema.tables.get(name) as Table;

function referenceIn(asked: Asked): string {
  const id = readBody(asked.world.rules, asked.call, asked.table.set)["@odata.id"];
  if (!isText(id)) {
    throw payloadError(asked.table.set, "Microsoft.OData.ODataException: '@odata.id' is missing.");
  }
  return id;
}

/** The row that a request wants to add or remove: in the address, in `$id`, or in the body. */
function memberIn(asked: Asked, collection: Collection, segment: Segment): Row {
  const { world, call, target } = asked;
  const table = tableNamed(asked, collection.table);
  let identity: Identity;
  if (segment.key.kind !== "none") identity = identify(world, table, segment.key);
  else {
    const text = call.method === "DELETE" ? (target.query.get("$id") ?? "") : referenceIn(asked);
    const address = parseAddress(world, call.session, text);
    if (address.table !== table) throw undeclaredProperty(segment.name);
    identity = address.identity;
  }
  return requireRow(world, table, identity);
}

const refTo = (table: Table, row: Row): Reference => ({ table: table.logicalName, id: row.id });

/** One end of a one-to-many: the lookup of the member is set, or cleared when it points here. */
function writeLookup(asked: Asked, row: Row, collection: Collection, member: Row): void {
  const { world, call, table } = asked;
  const other = tableNamed(asked, collection.table);
  const present = valueIn(member, collection.own) as Reference | null | undefined;
  if (call.method === "DELETE" && present?.id !== row.id) throw missing(world, other, byId(member));
  const tie = writing({ [collection.own]: call.method === "DELETE" ? null : refTo(table, row) });
  world.store.transaction(() => updateRow(world, call.session, other, member, tie));
}

const byId = (row: Row): Identity => ({ by: "id", id: row.id });

/** A pair of a many-to-many: made once, a second time refused with 0x80040237. */
function writePair(asked: Asked, row: Row, collection: Collection, member: Row): void {
  const { world, call, table } = asked;
  const tie = tableNamed(asked, collection.tie);
  const other = tableNamed(asked, collection.table);
  if (!tie.intersect && !world.rules.listLinksAreWritable) throw wrongMethod(call.method);
  requireRight(world, call.session, table, "append");
  requireRight(world, call.session, other, "appendTo");
  const pair = {
    [collection.own]: tieValue(tie, collection.own, refTo(table, row)),
    [collection.member as string]: tieValue(tie, collection.member as string, refTo(other, member)),
  };
  if (call.method === "POST") {
    if (tie.intersect) {
      const id = world.store.newId();
      world.store.insert(tie, id, { [tie.primaryId]: id, ...pair }, Object.keys(pair));
    } else world.store.transaction(() => createRow(world, call.session, tie, writing(pair)));
    return;
  }
  if (!tie.intersect) requireRight(world, call.session, tie, "delete");
  const tied = tie.unique[0] && world.store.find(tie, tie.unique[0], keyValues(tie.unique[0], pair));
  if (!tied) throw missing(world, other, byId(member));
  deleteRow(world, tie, tied);
}

/** `POST`, `PUT` and `DELETE` on `…/$ref`. */
export function writeReference(asked: Asked, key: Segment, navigation: Segment): Reply {
  const { world, call, table } = asked;
  const row = requireRow(world, table, identify(world, table, key.key));
  const single = table.navigation.get(navigation.name);
  if (single && call.method !== "POST") {
    requireCondition(asked, row);
    const bind = { [`${single.name}@odata.bind`]: call.method === "DELETE" ? null : referenceIn(asked) };
    const written = readPayload(world, call.session, table, bind, UPDATE);
    world.store.transaction(() => updateRow(world, call.session, table, row, written));
    return noContent();
  }
  const collection = table.collections.get(navigation.name);
  if (!collection || call.method === "PUT") throw undeclaredProperty(navigation.name);
  const member = memberIn(asked, collection, navigation);
  if (collection.member === undefined) writeLookup(asked, row, collection, member);
  else writePair(asked, row, collection, member);
  return noContent();
}

function sourceOf(asked: Asked, key: Segment, collection: Collection): Source {
  const { world, table } = asked;
  const row = requireRow(world, table, identify(world, table, key.key));
  return {
    path: `${table.set}(${row.id})/${collection.name}`,
    rows: relatedRows(world, table, collection, row.id),
  };
}

/** `GET set(key)/collection`, its `$count` and its `$ref`; undefined when there is no such collection. */
export function readCollection(
  asked: Asked,
  key: Segment,
  name: string,
  suffix: string | undefined,
): Reply | undefined {
  const { world, call, target, preferences } = asked;
  const collection = asked.table.collections.get(name);
  if (!collection) return undefined;
  const table = tableNamed(asked, collection.table);
  requireTied(world, call.session, collection);
  const source = sourceOf(asked, key, collection);
  if (suffix === "$count") {
    const count = countRows(world, call.session, table, target.query, source);
    return withBody(200, count, { "Content-Type": "text/plain" });
  }
  if (suffix === "$ref") {
    const value = source.rows.map((row) => ({ "@odata.id": `${call.session.root}${table.set}(${row.id})` }));
    const context = `${call.session.root}$metadata#Collection($ref)`;
    return withBody(200, JSON.stringify({ "@odata.context": context, value }));
  }
  if (suffix !== undefined) throw unknownSet(world.rules, suffix);
  const mark = call.target.indexOf("?");
  const raw = mark < 0 ? "" : call.target.slice(mark + 1);
  const headers = preferences.applied ? { "Preference-Applied": preferences.applied } : {};
  return withBody(
    200,
    queryRows(world, call.session, table, target.query, raw, preferences, source),
    headers,
  );
}

/** `GET set(key)/lookup/$ref`: the address of the row that a lookup points at. */
export function readReference(asked: Asked, key: Segment, name: string): Reply {
  const { world, call, table } = asked;
  const row = requireRow(world, table, identify(world, table, key.key));
  const navigation = table.navigation.get(name);
  if (!navigation) throw unknownSet(world.rules, name);
  const value = valueIn(row, navigation.column.logicalName) as Reference | null | undefined;
  const target =
    value && navigation.targets.includes(value.table) ? tableNamed(asked, value.table) : undefined;
  if (!value || !target || !findRow(world, target, { by: "id", id: value.id })) return noContent();
  const context = `${call.session.root}$metadata#$ref`;
  const id = `${call.session.root}${target.set}(${value.id})`;
  return withBody(200, JSON.stringify({ "@odata.context": context, "@odata.id": id }));
}
