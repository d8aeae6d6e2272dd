import { noContent, type Reply } from "../api.ts";
import { deleteRow } from "../cascade.ts";
import { Refusal } from "../errors.ts";
import { isGuid } from "../guid.ts";
import { rowsOfFetch } from "../jobs/fetch.ts";
import { type Handler, type Invocation, invalidParameter, replyWith, rowIn } from "../messages/invocation.ts";
import { type Reference, type Row, valueIn } from "../row.ts";
import { requireRight } from "../security/check.ts";
import { createRow } from "../write.ts";
import { writing } from "../written.ts";
import { membershipOf, membershipsOf, memberTableOf, requireOpenList, tableNamed } from "./membership.ts";
import { noMember, wrongMemberType } from "./refusals.ts";

/** The actions of marketing lists (pages: AddListMembersList and its kin in the action reference). */

/** Adds a member unless it is there. Gives back the id of its `listmember` row. */
function add(invocation: Invocation, list: Row, member: Reference): string {
  const { world, session } = invocation;
  const present = membershipOf(world, list, member);
  if (present) {
    if (world.rules.presentListMember === "refused") {
      throw new Refusal(world.rules.duplicateStatus, "0x80040237", "Cannot insert duplicate key.");
    }
    return present.id;
  }
  const written = writing({ listid: { table: "list", id: list.id }, entityid: member });
  return createRow(world, session, tableNamed(world, "listmember"), written).id;
}

/** What a removal deletes is a row like any other. */
const requireRemoval = ({ world, session }: Invocation): void =>
  requireRight(world, session, tableNamed(world, "listmember"), "delete");

/** @throws Refusal when one call names more members than a call takes */
function requireFew({ world }: Invocation, members: readonly unknown[]): void {
  const most = world.rules.mostListMembersPerCall;
  if (members.length <= most) return;
  throw new Refusal(400, "0x80040203", `At most ${most} members fit one call.`);
}

function remove({ world }: Invocation, list: Row, membership: Row | undefined): void {
  if (!membership || (valueIn(membership, "listid") as Reference).id !== list.id) throw noMember();
  deleteRow(world, tableNamed(world, "listmember"), membership);
}

function addListMembers(invocation: Invocation): Reply {
  const { world, parameters } = invocation;
  const { row: list } = rowIn(invocation, "List", parameters.List, "list");
  requireOpenList(list);
  const members = parameters.Members as unknown[];
  requireFew(invocation, members);
  world.store.transaction(() => {
    for (const item of members) {
      const { table, row } = rowIn(invocation, "Members", item);
      if (table.logicalName !== memberTableOf(list)) throw wrongMemberType();
      add(invocation, list, { table: table.logicalName, id: row.id });
    }
  });
  return noContent();
}

function addMember(invocation: Invocation): Reply {
  const { world, parameters } = invocation;
  const list = invocation.row as Row;
  requireOpenList(list);
  const member = { table: memberTableOf(list), id: String(parameters.EntityId).toLowerCase() };
  const id = world.store.transaction(() => add(invocation, list, member));
  return replyWith(invocation, { Id: id });
}

/** Unverified: the guid under `listmemberid` may be the member's or the `listmember` row's. */
function removeMember(invocation: Invocation): Reply {
  const { world, parameters } = invocation;
  const list = invocation.row as Row;
  requireRemoval(invocation);
  requireOpenList(list);
  const form = world.rules.removeMemberListTakes;
  const given = form === "EntityId" ? parameters.EntityId : namedIn(parameters.ListMember);
  if (typeof given !== "string" || !isGuid(given)) throw invalidParameter(invocation, "ListMember");
  const id = given.toLowerCase();
  const membership =
    form === "the row's id"
      ? world.store.get(tableNamed(world, "listmember"), id)
      : membershipOf(world, list, { table: memberTableOf(list), id });
  remove(invocation, list, membership);
  return noContent();
}

const namedIn = (value: unknown): unknown =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>).listmemberid : undefined;

function copyMembers(invocation: Invocation): Reply {
  const { world, parameters } = invocation;
  const from = invocation.row as Row;
  const { row: to } = rowIn(invocation, "TargetList", parameters.TargetList, "list");
  requireOpenList(to);
  if (memberTableOf(from) !== memberTableOf(to)) throw wrongMemberType();
  world.store.transaction(() => {
    for (const member of membersOf(invocation, from)) add(invocation, to, member);
  });
  return noContent();
}

/** The members of a list: its rows of `listmember`, or what the query of a dynamic list finds. */
function membersOf(invocation: Invocation, list: Row): Reference[] {
  const { world, session } = invocation;
  if (valueIn(list, "type") !== true) {
    requireRight(world, session, tableNamed(world, "listmember"), "read");
    return [...membershipsOf(world, list)].map((row) => valueIn(row, "entityid") as Reference);
  }
  const table = tableNamed(world, memberTableOf(list));
  requireRight(world, session, table, "read");
  return rowsOfFetch(world, table, String(valueIn(list, "query") ?? ""))
    .filter((row) => valueIn(row, "statecode") === 0)
    .map((row) => ({ table: table.logicalName, id: row.id }));
}

function copyToStatic(invocation: Invocation): Reply {
  const { world, session } = invocation;
  const from = invocation.row as Row;
  if (valueIn(from, "type") !== true) {
    throw new Refusal(400, "0x80040203", "This action is available for a dynamic marketing list alone.");
  }
  const members = membersOf(invocation, from);
  const id = world.store.transaction(() => {
    const copy = writing({
      listname: `${String(valueIn(from, "listname"))} (static)`.slice(0, 128),
      createdfromcode: valueIn(from, "createdfromcode") ?? null,
      type: false,
    });
    const list = createRow(world, session, tableNamed(world, "list"), copy);
    for (const member of members) add(invocation, list, member);
    return list.id;
  });
  return replyWith(invocation, { [world.rules.copyToStaticReply]: id });
}

/** Keeps only the given members, or removes just them. */
function qualifyMembers(invocation: Invocation): Reply {
  const { world, parameters } = invocation;
  const list = invocation.row as Row;
  requireRemoval(invocation);
  requireOpenList(list);
  const ids = parameters.MembersId as unknown[];
  requireFew(invocation, ids);
  const named = new Set(ids.map((id) => String(id).toLowerCase()));
  const keeps = parameters.OverrideorRemove === true;
  world.store.transaction(() => {
    for (const membership of [...membershipsOf(world, list)]) {
      if (named.has((valueIn(membership, "entityid") as Reference).id) !== keeps) {
        remove(invocation, list, membership);
      }
    }
  });
  return noContent();
}

export const LIST_ACTIONS: Readonly<Record<string, Handler>> = {
  AddListMembersList: addListMembers,
  AddMemberList: addMember,
  RemoveMemberList: removeMember,
  CopyMembersList: copyMembers,
  CopyDynamicListToStatic: copyToStatic,
  QualifyMemberList: qualifyMembers,
};
