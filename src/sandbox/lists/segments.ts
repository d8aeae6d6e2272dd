import { noContent, type Reply, withBody } from "../api.ts";
import { missingRow, Refusal } from "../errors.ts";
import { isGuid } from "../guid.ts";
import { type Handler, type Invocation, replyWith } from "../messages/invocation.ts";
import { type Row, type Value, valueIn } from "../row.ts";
import { keyValues, type Table } from "../schema.ts";
import { requireRight } from "../security/check.ts";
import type { Hooks, World } from "../world.ts";
import { updateRow } from "../write.ts";
import { valueFor, writing } from "../written.ts";
import { tableNamed } from "./membership.ts";

/** Static segments of Customer Insights – Journeys (page: real-time-marketing-segments-api). */

const DEFINITION = "msdynmkt_segmentdefinition";
const SEGMENT = "msdynmkt_segment";
const MEMBER = "msdynmkt_segmentmember";
const LIVE = 723270000;
const DRAFT = 723270001;

const MOST_IDS_PER_CALL = 1000;
const MOST_IDS_PER_GROUP = 200_000;
const MOST_GROUPS = 10;

/** The page gives no codes: the general one for arguments stands in. */
const invalid = (message: string) => new Refusal(400, "0x80040203", message);

interface Group {
  readonly groupId: string;
  readonly includeType: "Include" | "Exclude";
}

/** The groups of a definition: a JSON text inside a text column. */
function groupsOf(text: Value | undefined): readonly Group[] {
  if (typeof text !== "string" || text === "") return [];
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw invalid("msdynmkt_staticlistmembers is not valid JSON.");
  }
  if (!Array.isArray(parsed)) throw invalid("msdynmkt_staticlistmembers is not an array.");
  if (parsed.length > MOST_GROUPS) throw invalid(`A segment definition has at most ${MOST_GROUPS} groups.`);
  for (const group of parsed as Partial<Group>[]) {
    const isInclusion = group?.includeType === "Include" || group?.includeType === "Exclude";
    if (typeof group?.groupId !== "string" || !isGuid(group.groupId) || !isInclusion) {
      throw invalid("A group of msdynmkt_staticlistmembers needs a groupId and an includeType.");
    }
  }
  return parsed as Group[];
}

const memberTable = (world: World): Table => world.schema.internal.get(MEMBER) as Table;

interface Addressed {
  readonly segment: Row | undefined;
  readonly definition: Row;
}

/**
 * The definition that a call means by its `SegmentId`.
 * @param right what the call does with the definition, whose groups hold the members
 */
function addressed({ world, session }: Invocation, id: string, right: "read" | "write"): Addressed {
  requireRight(world, session, tableNamed(world, SEGMENT), "read");
  requireRight(world, session, tableNamed(world, DEFINITION), right);
  const wanted = id.toLowerCase();
  const definitions = tableNamed(world, DEFINITION);
  const segment = isGuid(id) ? world.store.get(tableNamed(world, SEGMENT), wanted) : undefined;
  const uid = String(valueIn(segment, "msdynmkt_sourcesegmentuid") ?? "").toLowerCase();
  const direct = world.rules.segmentCallsTakeDefinitions ? world.store.get(definitions, wanted) : undefined;
  const definition = segment ? world.store.get(definitions, uid) : direct;
  if (!definition) throw missingRow(world.rules, segment ? DEFINITION : SEGMENT, segment ? uid : id);
  return { segment, definition };
}

const groupKey = (definition: Row, group: string): string => `${definition.id}:${group.toLowerCase()}`;

function* idsOf(world: World, key: string): Iterable<string> {
  const table = memberTable(world);
  for (const id of world.store.referrers(table, "msdynmkt_groupid", key)) {
    yield String(valueIn(world.store.get(table, id), "msdynmkt_entityid"));
  }
}

/** The group that a call means, its key, and its ids in lower case. */
function asked(invocation: Invocation, right: "read" | "write"): { key: string; ids: readonly string[] } {
  const { parameters } = invocation;
  const { definition } = addressed(invocation, String(parameters.SegmentId), right);
  const group = String(parameters.GroupId);
  const known = groupsOf(valueIn(definition, "msdynmkt_staticlistmembers"));
  if (!known.some((one) => one.groupId.toLowerCase() === group.toLowerCase())) {
    throw invalid(`The segment has no group '${group}'.`);
  }
  const ids = ((parameters.EntityIds as unknown[] | undefined) ?? []).map((id) => String(id).toLowerCase());
  if (ids.length > MOST_IDS_PER_CALL) throw invalid(`At most ${MOST_IDS_PER_CALL} ids fit one call.`);
  const wrong = ids.find((id) => !isGuid(id));
  if (wrong !== undefined) throw invalid(`'${wrong}' is not the id of a row.`);
  return { key: groupKey(definition, group), ids };
}

/** The row that says that an id is in a group. */
function memberOf(world: World, group: string, id: string): Row | undefined {
  const table = memberTable(world);
  const [unique] = table.unique;
  const pair = { msdynmkt_groupid: group, msdynmkt_entityid: id };
  return unique && world.store.find(table, unique, keyValues(unique, pair));
}

/** The reply of a call whose reply no page shows. */
function done(invocation: Invocation): Reply {
  return invocation.world.rules.segmentCallStatus === 204 ? noContent() : replyWith(invocation, {});
}

function addMembers(invocation: Invocation): Reply {
  const { world } = invocation;
  const { key, ids } = asked(invocation, "write");
  const table = memberTable(world);
  world.store.transaction(() => {
    for (const id of ids) {
      if (memberOf(world, key, id) !== undefined) continue;
      const row = world.store.newId();
      const values = { [table.primaryId]: row, msdynmkt_groupid: key, msdynmkt_entityid: id };
      world.store.insert(table, row, values, []);
    }
    if (world.store.referrers(table, "msdynmkt_groupid", key).size > MOST_IDS_PER_GROUP) {
      throw invalid(`At most ${MOST_IDS_PER_GROUP} ids fit one group.`);
    }
  });
  return done(invocation);
}

function removeMembers(invocation: Invocation): Reply {
  const { world } = invocation;
  const { key, ids } = asked(invocation, "write");
  const table = memberTable(world);
  world.store.transaction(() => {
    for (const id of ids) {
      const row = memberOf(world, key, id);
      if (row) world.store.remove(table, row);
    }
  });
  return done(invocation);
}

function listGroupMembers(invocation: Invocation): Reply {
  const { world, parameters } = invocation;
  const { key } = asked(invocation, "read");
  const page = Number(parameters.PageNo ?? 1);
  const size = Number(parameters.PageSize ?? 100);
  if (page < 1 || size < 1) throw invalid("PageNo and PageSize start at 1.");
  const entityIds: string[] = [];
  let at = 0;
  for (const id of idsOf(world, key)) {
    if (at >= page * size) break;
    if (at >= (page - 1) * size) entityIds.push(id);
    at += 1;
  }
  return replyWith(invocation, { Response: JSON.stringify({ entityIds, additionalProperties: {} }) });
}

/** Puts definition and segment into the states that go together. */
function move({ world, session }: Invocation, target: Addressed, live: boolean): void {
  world.store.transaction(() => {
    const status = writing({ statuscode: live ? LIVE : DRAFT });
    updateRow(world, session, tableNamed(world, DEFINITION), target.definition, status);
    if (!target.segment) return;
    const state = live ? { statecode: 0, statuscode: 1 } : { statecode: 1, statuscode: 2 };
    updateRow(world, session, tableNamed(world, SEGMENT), target.segment, writing(state));
  });
}

function publish(invocation: Invocation): Reply {
  move(invocation, addressed(invocation, String(invocation.parameters.SegmentId), "write"), true);
  return done(invocation);
}

/** Members of a live segment: what is included and not excluded. */
function members(invocation: Invocation): Reply {
  const { world, parameters } = invocation;
  const { definition } = addressed(invocation, String(parameters.SegmentId), "read");
  const found = new Set<string>();
  const groups = groupsOf(valueIn(definition, "msdynmkt_staticlistmembers"));
  if (valueIn(definition, "statuscode") === LIVE) {
    for (const type of ["Include", "Exclude"] as const) {
      for (const { groupId } of groups.filter((group) => group.includeType === type)) {
        for (const id of idsOf(world, groupKey(definition, groupId))) {
          if (type === "Include") found.add(id);
          else found.delete(id);
        }
      }
    }
  }
  const ResultText = JSON.stringify({ entityIds: [...found], additionalProperties: {} });
  return replyWith(invocation, { StatusCode: 200, ResultText });
}

function stop(invocation: Invocation): Reply {
  const { world, parameters, session } = invocation;
  const stopOne = (SegmentId: string) => {
    const target = addressed(invocation, SegmentId, "write");
    const WasStopped = valueIn(target.definition, "statuscode") === LIVE;
    if (WasStopped) move(invocation, target, false);
    const Message = WasStopped ? "The segment was stopped." : "The segment is not live.";
    return { SegmentId, WasStopped, Message, DependentJourneys: [], DependentSegments: [] };
  };
  // A list with one wrong id stops nothing.
  const results = world.store.transaction(() => (parameters.SegmentIdList as string[]).map(stopOne));
  const stopped = results.filter((result) => result.WasStopped).length;
  const body = {
    "@odata.context": `${session.root}$metadata#Microsoft.Dynamics.CRM.msdynmkt_StopSegmentsResponse`,
    summary: `${stopped} of ${results.length} segments stopped.`,
    stopSingleSegmentResults: results,
  };
  return withBody(200, JSON.stringify(body));
}

export const SEGMENT_ACTIONS: Readonly<Record<string, Handler>> = {
  msdynmkt_AddStaticMembers: addMembers,
  msdynmkt_RemoveStaticMembers: removeMembers,
  msdynmkt_ListGroupMembers: listGroupMembers,
  msdynmkt_PublishSegmentDefinition: publish,
  msdynmkt_MembersList: members,
  msdynmkt_StopSegments: stop,
};

export const SEGMENT_HOOKS: readonly (readonly [table: string, hooks: Hooks])[] = [
  [
    DEFINITION,
    {
      creating: (_world, _session, written) => void groupsOf(valueFor(written, "msdynmkt_staticlistmembers")),
      updating: (_world, _session, _row, written) =>
        void groupsOf(valueFor(written, "msdynmkt_staticlistmembers")),
    },
  ],
];
