/**
 * Static segments of Customer Insights - Journeys: a segment, its definition, and groups of members in it. Source:
 * "Real-time marketing segments API".
 */
import type { AudienceSpec, Problem, WriteContext } from "../../../src/sdk.ts";
import type { Refusal, Sender, Sent } from "../sender/sender.ts";
import type { Json, Service } from "../sender/service.ts";
import type { Table } from "../table.ts";
import { quoted } from "../types/value-problem.ts";
import { SEGMENT_PAGE } from "../unverified.ts";
import { addressById, folded, inQueries, SERVICE_ROOT } from "../url.ts";
import { idOfTexts } from "../uuid5.ts";
import { isBulkDone } from "../write/bodies.ts";
import { type Keeper, type Roster, unnamed } from "./roster.ts";

const STATIC = 10;
const JOURNEYS = 12;
const DELETED = 4;
const DRAFT = 723270001;
const MOST_IDS = 1_000;
const MOST_IN_GROUP = 200_000;
const MOST_GROUPS = 10;
const LONGEST_NAME = 256;
const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

const SEGMENT = "msdynmkt_segments";
const DEFINITION = "msdynmkt_segmentdefinitions";
const COLUMNS = [
  "msdynmkt_segmentid",
  "msdynmkt_displayname",
  "msdynmkt_type",
  "msdynmkt_baseentitylogicalname",
  "msdynmkt_sourcesegmentuid",
  "statuscode",
];

export interface SegmentsOptions {
  readonly service: Service;
  readonly sender: Sender;
  /** The table of the members. */
  readonly table: Table;
  readonly audience: AudienceSpec;
}

interface Group {
  readonly groupId: string;
  readonly includeType: string;
  readonly [more: string]: unknown;
}

/** What is known of a segment's groups. */
interface Inside {
  readonly definition: string;
  groups: readonly Group[];
  isDraft: boolean;
  /** Members of each group, as far as they were read or added. */
  readonly sizes: Map<string, number>;
  /** The groups that a member is in. */
  readonly groupsOf: Map<string, readonly string[]>;
  /** Resolves when the members have been read; absent before anybody has begun. */
  read?: Promise<void>;
}

export const canBeInSegment = ({ name }: Table): boolean => name === "contact" || name === "lead";

export function openSegments({ service, sender, table, audience }: SegmentsOptions): Keeper {
  const { by } = audience;
  const inside = new Map<string, Inside>();
  const ownId = (name: string): string => idOfTexts(["segment", table.name, by ?? "", folded(name)]);
  /** The groups that are ours, so that those of people stay as they are. */
  const ownGroup = (segment: string, n: number): Group => ({
    groupId: idOfTexts(["segment group", segment, String(n)]),
    includeType: "Include",
    name: n === 0 ? "From warehouse" : `From warehouse ${n + 1}`,
    inputType: "manualSelect",
  });
  const numberOfOwn = ({ groups }: Inside, segment: string): number =>
    Array.from({ length: MOST_GROUPS }, (_, n) => ownGroup(segment, n)).filter(({ groupId }) =>
      groups.some((group) => group.groupId.toLowerCase() === groupId),
    ).length;

  const post = (
    path: string,
    body: unknown,
    context: WriteContext,
    method: "POST" | "PATCH" = "POST",
  ): Promise<Sent> =>
    sender.send(
      { method, path: SERVICE_ROOT + path, body: JSON.stringify(body), accepts: isBulkDone },
      context,
    );

  const open = async (row: Json, signal: AbortSignal): Promise<Inside | undefined> => {
    const definition = String(row.msdynmkt_sourcesegmentuid ?? "");
    if (!GUID.test(definition)) return undefined;
    const found = await service.get(
      `${SERVICE_ROOT}${DEFINITION}(${definition})?$select=msdynmkt_staticlistmembers,statuscode`,
      signal,
    );
    const groups = JSON.parse(found.msdynmkt_staticlistmembers || "[]") as readonly Group[];
    return {
      definition,
      groups,
      isDraft: found.statuscode === DRAFT,
      sizes: new Map(),
      groupsOf: new Map(),
    };
  };

  const found = async (
    name: string,
    rows: readonly Json[],
    signal: AbortSignal,
  ): Promise<Roster | Problem> => {
    if (name.trim() === "") return unnamed("segment");
    const what = `"${name}"`;
    const [row, ...others] = rows;
    if (others.length > 0) {
      const ids = rows.map(({ msdynmkt_segmentid: id }) => id).join(", ");
      return refusal(
        "several",
        `There are several segments named ${what}: ${ids}.`,
        "Name the segment by its id.",
      );
    }
    if (row === undefined) return made(name);
    if (row.msdynmkt_type !== STATIC) {
      const why = "a query decides on its members, so none can be added or taken off.";
      return refusal("dynamic", `The segment ${what} is not static: ${why}`, "Name a static segment.");
    }
    if (row.msdynmkt_baseentitylogicalname !== table.name) {
      const holds = String(row.msdynmkt_baseentitylogicalname);
      return refusal(
        "member",
        `The segment ${what} holds records of ${holds}, not of ${table.name}.`,
        "Name a segment of that kind, or correct member.",
      );
    }
    const opened = await open(row, signal);
    if (opened === undefined)
      return refusal("no_definition", `The segment ${what} has no definition.`, "Make it anew in Dynamics.");
    const id = String(row.msdynmkt_segmentid).toLowerCase();
    inside.set(id, opened);
    const title = String(row.msdynmkt_displayname);
    const isOwn = id === ownId(by === undefined ? title : String(row[by]));
    return { id, title, address: addressById(SEGMENT, id), count: null, sleep: "none", isOwn };
  };

  const made = (name: string): Roster | Problem => {
    if (!audience.create || (by === undefined && GUID.test(name)))
      return refusal(
        "not_found",
        `There is no segment named "${name}".`,
        "Correct the name, or write create: true.",
      );
    if (name.length > LONGEST_NAME)
      return refusal(
        "name",
        `${quoted(name)} is too long for the name of a segment.`,
        `Use ${LONGEST_NAME} characters at most.`,
      );
    const id = ownId(name);
    inside.set(id, {
      definition: idOfTexts(["segment definition", id]),
      groups: [ownGroup(id, 0)],
      isDraft: true,
      sizes: new Map(),
      groupsOf: new Map(),
    });
    return { id, title: name, address: addressById(SEGMENT, id), count: 0, sleep: "new", isOwn: true };
  };

  const insideOf = ({ id }: Roster): Inside => inside.get(id)!;

  async function* members(roster: Roster, signal: AbortSignal): AsyncGenerator<readonly string[]> {
    const { groups, sizes, groupsOf } = insideOf(roster);
    groupsOf.clear();
    sizes.clear();
    for (const { groupId, includeType } of groups) {
      if (includeType !== "Include") continue;
      const group = groupId.toLowerCase();
      for (let page = 1; ; page++) {
        const body = { SegmentId: roster.id, GroupId: groupId, PageNo: page, PageSize: SEGMENT_PAGE };
        const reply = await service.ask(`${SERVICE_ROOT}msdynmkt_ListGroupMembers`, body, signal);
        const { entityIds = [] } = JSON.parse(String(reply?.Response ?? "{}")) as { entityIds?: string[] };
        const ids = entityIds.map((id) => id.toLowerCase());
        sizes.set(group, (sizes.get(group) ?? 0) + ids.length);
        const fresh = ids.filter((id) => !groupsOf.has(id));
        for (const id of ids) groupsOf.set(id, [...(groupsOf.get(id) ?? []), group]);
        if (fresh.length > 0) yield fresh;
        if (ids.length < SEGMENT_PAGE) break;
      }
    }
  }

  /** Which groups hold whom, and how many: a saved plan is written without having looked. */
  const known = async (roster: Roster, signal: AbortSignal): Promise<Inside> => {
    const own = insideOf(roster);
    if (roster.sleep === "new") return own;
    own.read ??= (async () => {
      for await (const _ of members(roster, signal));
    })();
    await own.read;
    return own;
  };

  /** A group of ours that has room, made where there is none. */
  const roomFor = async (roster: Roster, count: number, context: WriteContext): Promise<string | Problem> => {
    const own = await known(roster, context.signal);
    const { id } = roster;
    const there = numberOfOwn(own, id);
    for (let n = 0; n < there; n++) {
      const { groupId } = ownGroup(id, n);
      const size = own.sizes.get(groupId) ?? 0;
      if (size + count > MOST_IN_GROUP) continue;
      own.sizes.set(groupId, size + count);
      return groupId;
    }
    if (own.groups.length >= MOST_GROUPS) {
      const message = `The segment "${roster.title}" has ${MOST_GROUPS} groups, as many as a segment can, and no room in ours.`;
      return { kind: "connection", code: "audience.full", message, remedy: "Use several segments." };
    }
    const group = ownGroup(id, there);
    own.groups = [...own.groups, group];
    const sent = await post(
      `${DEFINITION}(${own.definition})`,
      { msdynmkt_staticlistmembers: JSON.stringify(own.groups) },
      context,
      "PATCH",
    );
    if (sent.kind === "refused") return sent.problem;
    own.sizes.set(group.groupId, count);
    return group.groupId;
  };
  /** One group is made at a time. */
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = turn.then(work);
    turn = mine.catch(() => {});
    return mine;
  };

  const call = (name: string, { id }: Roster, GroupId: string, EntityIds: readonly string[]) => ({
    path: `${SERVICE_ROOT}msdynmkt_${name}`,
    body: JSON.stringify({ SegmentId: id, GroupId, EntityIds }),
  });

  const keeper: Keeper = {
    word: "segment",
    most: MOST_IDS,
    async find(wanted, signal) {
      const ids = by === undefined ? wanted.filter((name) => GUID.test(name)) : [];
      const others = wanted.filter((name) => !ids.includes(name));
      const select = [...new Set([...COLUMNS, ...(by === undefined ? [] : [by])])];
      const query = (property: string, values: readonly string[]): string[] =>
        values.length === 0 ? [] : inQueries({ set: SEGMENT, select, property, values });
      const paths = [...query(by ?? "msdynmkt_displayname", others), ...query("msdynmkt_segmentid", ids)];
      const rows = (await service.queries(paths, signal)).filter(({ statuscode }) => statuscode !== DELETED);
      const isNamed = (row: Json, name: string): boolean =>
        [row[by ?? "msdynmkt_displayname"], row.msdynmkt_segmentid].some(
          (text) => folded(String(text)) === folded(name),
        );
      const entries = await Promise.all(
        wanted.map(async (name) => {
          const own = rows.filter((row) => isNamed(row, name));
          return [folded(name), await found(name, own, signal)] as const;
        }),
      );
      return new Map(entries);
    },
    async ready(roster, context) {
      const { definition, groups } = insideOf(roster);
      const first = await post(
        DEFINITION,
        {
          msdynmkt_segmentdefinitionid: definition,
          statecode: 0,
          statuscode: DRAFT,
          msdynmkt_segmentquery: "",
          msdynmkt_staticlistmembers: JSON.stringify(groups),
          msdynmkt_disablesegmentrefresh: false,
          msdynmkt_segmentrefreshintervalminutes: 60,
        },
        context,
      );
      if (!isThere(first)) return first as Refusal & Sent;
      const second = await post(
        SEGMENT,
        {
          msdynmkt_segmentid: roster.id,
          msdynmkt_displayname: roster.title,
          msdynmkt_type: STATIC,
          msdynmkt_source: JOURNEYS,
          msdynmkt_baseentitylogicalname: table.name,
          statecode: 1,
          statuscode: 2,
          msdynmkt_sourcesegmentuid: definition,
          ...(by === undefined ? {} : { [by]: roster.title }),
        },
        context,
      );
      return isThere(second) ? undefined : (second as Refusal & Sent);
    },
    pages: ({ sleep }) => (sleep === "new" ? 0 : 1),
    async *everyone(roster, signal) {
      yield* members(roster, signal);
      insideOf(roster).read ??= Promise.resolve();
    },
    async count(roster, signal) {
      let count = 0;
      for await (const page of members(roster, signal)) count += page.length;
      return count;
    },
    async add(roster, ids, context) {
      const group = await inTurn(() => roomFor(roster, ids.length, context));
      return typeof group === "string" ? call("AddStaticMembers", roster, group, ids) : group;
    },
    async removal(roster, ids, { signal }) {
      const { groupsOf } = await known(roster, signal);
      return {
        present: new Set(ids.filter((id) => groupsOf.has(id))),
        calls(chosen) {
          const byGroup = new Map<string, string[]>();
          for (const id of chosen)
            for (const group of groupsOf.get(id) ?? [])
              byGroup.set(group, [...(byGroup.get(group) ?? []), id]);
          return [...byGroup].map(([group, all]) => ({
            ...call("RemoveStaticMembers", roster, group, all),
            ids: all,
          }));
        },
      };
    },
    async close(roster, changed, context) {
      const own = insideOf(roster);
      const isRetiring =
        "column" in audience.named &&
        audience.create &&
        roster.isOwn &&
        changed &&
        (await keeper.count(roster, context.signal)) === 0;
      const sent = isRetiring
        ? await post("msdynmkt_StopSegments", { SegmentIdList: [roster.id] }, context)
        : changed || (own.isDraft && roster.sleep !== "new")
          ? await post("msdynmkt_PublishSegmentDefinition", { SegmentId: roster.id }, context)
          : undefined;
      return sent === undefined || sent.kind === "reply" ? undefined : sent.problem;
    },
  };
  return keeper;
}

/** What has an id of our own and is there was made by an earlier attempt. */
const isThere = (sent: Sent): boolean =>
  sent.kind === "reply" || sent.problem.code === "dataverse.0x80040237";

function refusal(code: string, message: string, remedy: string): Problem {
  return { kind: "config", code: `audience.${code}`, message, remedy };
}
