import { noContent, type Reply } from "./api.ts";
import { referring } from "./cascade.ts";
import { Refusal } from "./errors.ts";
import { isObject } from "./json.ts";
import { type Handler, type Invocation, invalidParameter, rowIn } from "./messages/invocation.ts";
import { readPayload, UPDATE } from "./payload.ts";
import { type Row, type Value, type Values, valueIn } from "./row.ts";
import { isLookup, type Table } from "./schema.ts";
import { updateRow } from "./write.ts";
import { valuesFor, writing } from "./written.ts";

/**
 * Two records that mean the same are made one (page: merge-entity-using-web-api): the subordinate is deactivated, says
 * that it was merged and into what, and keeps its own key; what points at it points at the target from then on, and what
 * the target has not it gets from the subordinate. The pages do not say how the records end in every column: what is
 * guessed stands in `unverified.ts`.
 */

/** The tables whose records merge, with the state that a merged one is in. */
const MERGED: Readonly<Record<string, Values>> = {
  account: { statecode: 1 },
  contact: { statecode: 1 },
  lead: { statecode: 2 },
  incident: { statecode: 2, statuscode: 2000 },
};

/** Pages: web-service-error-codes (MergeEntitiesIdenticalError, MergeEntityNotActiveError). */
const identical = () =>
  new Refusal(400, "0x80045305", "Merge cannot be performed on master and sub-entities that are identical.");
const inactive = () =>
  new Refusal(400, "0x80045304", "Merge cannot be performed on entity that is inactive.");

function merge(invocation: Invocation): Reply {
  const { world, session, parameters } = invocation;
  const { table, row: target } = rowIn(invocation, "Target", parameters.Target);
  const { table: other, row: subordinate } = rowIn(invocation, "Subordinate", parameters.Subordinate);
  if (other !== table) throw invalidParameter(invocation, "Subordinate");
  const merged = MERGED[table.logicalName];
  if (merged === undefined || !table.columns.has("merged")) {
    const { unmergeableTableCode: code } = world.rules;
    throw new Refusal(400, code, `This type: ${table.logicalName} is not supported with merge operation`);
  }
  if (target.id === subordinate.id) throw identical();
  for (const row of [target, subordinate]) if (valueIn(row, "statecode") !== 0) throw inactive();
  const content = parameters.UpdateContent;
  const given = isObject(content) ? valuesFor(readPayload(world, session, table, content, UPDATE)) : {};
  world.store.transaction(() => {
    const useful = world.rules.mergeFillsEmptyColumns ? missingIn(table, target, subordinate) : {};
    const written = { ...useful, ...given };
    if (Object.keys(written).length > 0) updateRow(world, session, table, target, writing(written));
    const masterid = { table: table.logicalName, id: target.id };
    updateRow(world, session, table, subordinate, writing({ merged: true, masterid, ...merged }));
    if (world.rules.mergeMovesReferences) moveReferences(invocation, table, subordinate, masterid.id);
  });
  return noContent();
}

/** What the subordinate has and the target has not, short of keys, which the subordinate keeps. */
function missingIn(table: Table, target: Row, subordinate: Row): Values {
  const keys = new Set(table.keys.flatMap(({ columns }) => columns));
  const found: Record<string, Value> = {};
  for (const column of table.columns.values()) {
    const { logicalName: name, type, forUpdate, odata } = column;
    if (!forUpdate || !odata || isLookup(column) || keys.has(name)) continue;
    if (["state", "status", "image", "file", "partylist"].includes(type)) continue;
    const value = valueIn(subordinate, name) ?? null;
    if (value !== null && (valueIn(target, name) ?? null) === null) found[name] = value;
  }
  return found;
}

/** Rows that have an owner and point at the subordinate by a column that may change. */
function moveReferences({ world, session }: Invocation, table: Table, from: Row, to: string): void {
  for (const dependent of world.schema.dependents.get(table.logicalName) ?? []) {
    const other = world.schema.tables.get(dependent.table) as Table;
    const column = other.columns.get(dependent.column);
    if (!other.hasOwner || !column?.forUpdate || other.dataProvider !== undefined) continue;
    const target = writing({ [dependent.column]: { table: table.logicalName, id: to } });
    for (const row of referring(world, table, from.id, dependent))
      updateRow(world, session, other, row, target);
  }
}

export const MERGE_ACTIONS: Readonly<Record<string, Handler>> = { Merge: merge };
