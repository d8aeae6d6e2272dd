import { type Reference, type Row, type Value, valueIn } from "./row.ts";
import type { Collection, Table } from "./schema.ts";
import type { World } from "./world.ts";

/** The rows behind a collection-valued navigation property (page: web-api-navigation-properties). */

const idOf = (value: Value | undefined): string | undefined =>
  value === null || value === undefined ? undefined : typeof value === "object" ? value.id : String(value);

const tableOf = (value: Value | undefined): string | undefined =>
  typeof value === "object" && value !== null ? value.table : undefined;

const byOrder = (a: Row, b: Row): number => a.order - b.order;

/** The member that a tie leads to, when it is of the collection's table. */
function memberOf(world: World, collection: Collection, tie: Row): Row | undefined {
  if (collection.member === undefined) return tie;
  const value = valueIn(tie, collection.member);
  const table = tableOf(value);
  if (table !== undefined && table !== collection.table) return undefined;
  return world.store.get(world.schema.tables.get(collection.table) as Table, idOf(value) ?? "");
}

/** Ties of one row, by an index or by a look at all rows. */
function tiesOf(world: World, from: Table, collection: Collection, id: string): Row[] {
  const tie = world.schema.tables.get(collection.tie) as Table;
  const points = (row: Row): boolean => {
    const value = valueIn(row, collection.own);
    return idOf(value) === id && (tableOf(value) ?? from.logicalName) === from.logicalName;
  };
  if (!tie.tracked.includes(collection.own)) return [...world.store.rows(tie).values()].filter(points);
  const ids = [...world.store.referrers(tie, collection.own, id)];
  return ids
    .map((one) => world.store.get(tie, one))
    .filter((row) => row !== undefined && points(row)) as Row[];
}

/** The rows of a collection, in the order in which they were made. */
export function relatedRows(world: World, from: Table, collection: Collection, id: string): Row[] {
  const ties = tiesOf(world, from, collection, id);
  const members = ties.map((tie) => memberOf(world, collection, tie));
  return (members.filter((row) => row !== undefined) as Row[]).sort(byOrder);
}

/**
 * The same for many rows: what has no index is looked through once and not once per row, until something is written.
 */
export function relatedReader(
  world: World,
  from: Table,
  collection: Collection,
): (id: string) => readonly Row[] {
  const tie = world.schema.tables.get(collection.tie) as Table;
  if (tie.tracked.includes(collection.own)) return (id) => relatedRows(world, from, collection, id);
  let found = new Map<string, Row[]>();
  let version = -1;
  return (id) => {
    if (version !== world.store.version()) {
      version = world.store.version();
      found = new Map();
      for (const row of world.store.rows(tie).values()) {
        const value = valueIn(row, collection.own);
        const owner = idOf(value);
        if (owner === undefined || (tableOf(value) ?? from.logicalName) !== from.logicalName) continue;
        const member = memberOf(world, collection, row);
        const known = found.get(owner);
        if (!member) continue;
        if (known) known.push(member);
        else found.set(owner, [member]);
      }
    }
    return found.get(id) ?? [];
  };
}

/** The value that ties a member to a row: a reference in a lookup, a bare id in an intersect table. */
export const tieValue = (table: Table, column: string, target: Reference): Value =>
  table.columns.get(column)?.type === "guid" ? target.id : target;
