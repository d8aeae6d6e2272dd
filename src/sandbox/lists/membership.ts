import { methodNotSupported, missingRow, requiredNull } from "../errors.ts";
import { type Reference, type Row, type Value, valueIn } from "../row.ts";
import { keyValues, type Table } from "../schema.ts";
import type { Hooks, World } from "../world.ts";
import { setFor, valueFor, type Written } from "../written.ts";
import { listDynamic, listInactive, listLocked, partyInactive, wrongMemberType } from "./refusals.ts";

/** Marketing lists and their members (pages: list and listmember table references). */

/** `createdfromcode`: the one table whose rows a list may hold. */
const MEMBER_TABLES: Readonly<Record<number, string>> = { 1: "account", 2: "contact", 4: "lead" };

export const tableNamed = (world: World, name: string): Table => world.schema.tables.get(name) as Table;

export const memberTableOf = (list: Row): string =>
  MEMBER_TABLES[valueIn(list, "createdfromcode") as number] ?? "";

/** Members of dynamic, locked and inactive lists cannot be changed by hand. */
export function requireOpenList(list: Row): void {
  if (valueIn(list, "type") === true) throw listDynamic();
  if (valueIn(list, "lockstatus") === true) throw listLocked();
  if (valueIn(list, "statecode") === 1) throw listInactive();
}

const listOf = (world: World, reference: Value | undefined): Row | undefined =>
  typeof reference === "object" && reference !== null
    ? world.store.get(tableNamed(world, "list"), reference.id)
    : undefined;

/** The `listmember` row of a member, through the index on the pair. */
export function membershipOf(world: World, list: Row, member: Reference): Row | undefined {
  const table = tableNamed(world, "listmember");
  const [unique] = table.unique;
  const pair = { listid: { table: "list", id: list.id }, entityid: member };
  return unique && world.store.find(table, unique, keyValues(unique, pair));
}

/** Rows of `listmember` of one list, in the order in which they were added. */
export function* membershipsOf(world: World, list: Row): Iterable<Row> {
  const table = tableNamed(world, "listmember");
  for (const id of world.store.referrers(table, "listid", list.id)) {
    const row = world.store.get(table, id);
    if (row) yield row;
  }
}

/** Checks a member before its row is made, and fills in what the service knows itself. */
function checkMember(world: World, written: Written): void {
  const list = listOf(world, valueFor(written, "listid"));
  // Both are bound, so a row that is not there was refused before; only absence is left.
  if (!list) throw requiredNull(world.rules, "listmember", "listid");
  const member = valueFor(written, "entityid") as Reference | undefined;
  if (!member) throw requiredNull(world.rules, "listmember", "entityid");
  requireOpenList(list);
  if (member.table !== memberTableOf(list)) throw wrongMemberType();
  const table = tableNamed(world, member.table);
  const row = world.store.get(table, member.id);
  if (!row) throw missingRow(world.rules, member.table, member.id);
  if (valueIn(row, "statecode") !== 0) throw partyInactive();
  setFor(written, "entitytype", member.table);
  setFor(written, "name", valueIn(row, table.primaryName ?? "") ?? null);
}

/** A member that leaves because it, or its list, was deleted asks nobody. */
function checkRemoval(world: World, row: Row): void {
  const list = listOf(world, valueIn(row, "listid"));
  const member = valueIn(row, "entityid") as Reference;
  if (list && world.store.exists(member)) requireOpenList(list);
}

export const LIST_HOOKS: readonly (readonly [table: string, hooks: Hooks])[] = [
  [
    "list",
    {
      creating(_world, _session, written) {
        // `membertype` mirrors the table of the members.
        const code = valueFor(written, "createdfromcode");
        if (code !== undefined && (valueFor(written, "membertype") ?? null) === null)
          setFor(written, "membertype", code);
      },
    },
  ],
  [
    "listmember",
    {
      creating: (world, _session, written) => checkMember(world, written),
      // Documented for create and delete alone: a member is not moved from list to list.
      updating: ({ rules }) => {
        throw methodNotSupported(rules.intersectTableWrite, "listmember", "PATCH");
      },
      deleting: (world, row) => checkRemoval(world, row),
    },
  ],
];
