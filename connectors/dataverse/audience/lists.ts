/**
 * Marketing lists. Sources: "Marketing list (List) table/entity reference", "AddListMembersList action",
 * "AddMemberList action", "Web service error codes".
 */
import type { AudienceSpec, Problem, WriteContext } from "../../../src/sdk.ts";
import type { Refusal, Sender, Sent } from "../sender/sender.ts";
import type { Json, Service } from "../sender/service.ts";
import type { Table } from "../table.ts";
import { quoted } from "../types/value-problem.ts";
import { MOST_LIST_MEMBERS } from "../unverified.ts";
import { addressById, folded, inQueries, pathOf, SERVICE_ROOT } from "../url.ts";
import { idOfTexts } from "../uuid5.ts";
import { isBulkDone } from "../write/bodies.ts";
import { memberOf, memberships } from "./memberships.ts";
import { openRemoval, type RemovalMemory } from "./removal.ts";
import { type Keeper, type Roster, unnamed } from "./roster.ts";

/** `createdfromcode`: the table that the members are of. */
const CODES: Readonly<Record<string, number>> = { account: 1, contact: 2, lead: 4 };
const NAMES = new Map(Object.entries(CODES).map(([name, code]) => [code, `${name}s`]));

const COLUMNS = ["listid", "listname", "type", "lockstatus", "membercount", "createdfromcode", "statecode"];
const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const LONGEST_NAME = 128;
const PAGE = 5_000;

export interface ListsOptions {
  readonly service: Service;
  readonly sender: Sender;
  /** The table of the members. */
  readonly table: Table;
  readonly audience: AudienceSpec;
  /** Who keeps the list, for the list's own columns. */
  readonly sync: string;
  readonly memory: RemovalMemory;
}

/** Whether records of a table can be members of lists. */
export const canBeMember = (table: Table): boolean => CODES[table.name] !== undefined;

export function openLists({ service, sender, table, audience, sync, memory }: ListsOptions): Keeper {
  const { by } = audience;
  /** Names of lists that are not there yet. */
  const names = new Map<string, string>();

  const read = async (wanted: readonly string[], signal: AbortSignal): Promise<Json[]> => {
    const select = [...new Set([...COLUMNS, ...(by === undefined ? [] : [by])])];
    const query = (property: string, values: readonly string[]): string[] =>
      values.length === 0 ? [] : inQueries({ set: "lists", select, property, values });
    const ids = by === undefined ? wanted.filter((name) => GUID.test(name)) : [];
    const paths = [
      ...query(
        by ?? "listname",
        wanted.filter((name) => !ids.includes(name)),
      ),
      ...query("listid", ids),
    ];
    return [...(await service.queries(paths, signal))];
  };

  const rosterOf = (row: Json): Roster => {
    const id = String(row.listid).toLowerCase();
    const isOwn = id === ownId(by === undefined ? String(row.listname) : String(row[by]));
    return {
      id,
      title: String(row.listname),
      address: addressById("lists", id),
      count: Number(row.membercount ?? 0),
      sleep: row.statecode === 1 && isOwn && audience.create ? "retired" : "none",
      isOwn,
    };
  };
  const ownId = (name: string): string => idOfTexts(["list", table.name, by ?? "", folded(name)]);

  const found = (name: string, rows: readonly Json[]): Roster | Problem => {
    if (name.trim() === "") return unnamed("list");
    const [row, ...others] = rows;
    const what = `"${name}"`;
    if (others.length > 0) {
      const ids = rows.map(({ listid }) => listid).join(", ");
      return refusal("several", `There are several lists named ${what}: ${ids}.`, "Name the list by its id.");
    }
    if (row === undefined) return made(name);
    const roster = rosterOf(row);
    if (row.type === true) {
      const why = "a query decides on its members, so none can be added or taken off.";
      return refusal("dynamic", `The list ${what} is dynamic: ${why}`, "Name a static list.");
    }
    if (row.createdfromcode !== CODES[table.name]) {
      const holds = NAMES.get(Number(row.createdfromcode)) ?? "records of another table";
      return refusal(
        "member",
        `The list ${what} holds ${holds}, not ${table.name}s.`,
        "Name a list of that kind, or correct member.",
      );
    }
    if (row.lockstatus === true)
      return refusal("locked", `The list ${what} is locked.`, "Unlock it in Dynamics.");
    if (row.statecode === 1 && roster.sleep === "none")
      return refusal("inactive", `The list ${what} is inactive.`, "Activate it in Dynamics.");
    return roster;
  };

  const made = (name: string): Roster | Problem => {
    if (!audience.create || (by === undefined && GUID.test(name)))
      return refusal(
        "not_found",
        `There is no list ${by === undefined ? "named" : `with ${by}`} "${name}".`,
        "Correct the name, or write create: true.",
      );
    if (by === undefined && name.length > LONGEST_NAME)
      return refusal(
        "name",
        `${quoted(name)} is too long for the name of a list.`,
        "Use 128 characters at most.",
      );
    const id = ownId(name);
    names.set(id, name);
    const title = name.slice(0, LONGEST_NAME);
    return { id, title, address: addressById("lists", id), count: 0, sleep: "new", isOwn: true };
  };

  const post = (path: string, body: unknown, context: WriteContext, method: "POST" | "PATCH" = "POST") =>
    sender.send({ method, path, body: JSON.stringify(body), accepts: isBulkDone }, context);

  const keeper: Keeper = {
    word: "list",
    most: MOST_LIST_MEMBERS,
    async find(wanted, signal) {
      const rows = await read(wanted, signal);
      return new Map(
        wanted.map((name) => [
          folded(name),
          found(
            name,
            rows.filter((row) => isNamed(row, name, by)),
          ),
        ]),
      );
    },
    async ready(roster, context) {
      const sent =
        roster.sleep === "retired"
          ? await post(pathOf(roster.address), { statecode: 0, statuscode: 0 }, context, "PATCH")
          : await post(
              `${SERVICE_ROOT}lists`,
              {
                listid: roster.id,
                listname: roster.title,
                type: false,
                createdfromcode: CODES[table.name],
                purpose: `Kept by Backhaul: its members are the rows of ${sync}.`.slice(0, 512),
                source: `Backhaul: ${sync}`.slice(0, 128),
                ...(by === undefined ? {} : { [by]: names.get(roster.id) ?? roster.title }),
              },
              context,
            );
      return isThere(sent) ? undefined : (sent as Refusal & Sent);
    },
    pages: ({ count }) => Math.ceil((count ?? 0) / PAGE),
    async *everyone({ id }, signal) {
      const path = `${SERVICE_ROOT}listmembers?$select=_entityid_value&$filter=_listid_value%20eq%20${id}`;
      for await (const rows of service.pages(path, signal)) yield rows.map(memberOf);
    },
    among: async (roster, ids, signal) => new Set((await memberships(service, roster, ids, signal)).keys()),
    async count({ id }, signal) {
      const row = await service.get(`${SERVICE_ROOT}lists(${id})?$select=membercount`, signal);
      return Number(row?.membercount ?? 0);
    },
    add: async ({ id }, ids) => ({
      path: `${SERVICE_ROOT}AddListMembersList`,
      body: `{"List":{"@odata.type":"Microsoft.Dynamics.CRM.list","listid":"${id}"},"Members":[${ids
        .map(
          (member) =>
            `{"@odata.type":"Microsoft.Dynamics.CRM.${table.name}","${table.primaryId}":"${member}"}`,
        )
        .join(",\n")}]}`,
    }),
    addOne: ({ address }, id) => ({
      method: "POST",
      path: `${pathOf(address)}/Microsoft.Dynamics.CRM.AddMemberList`,
      body: `{"EntityId":"${id}"}`,
    }),
    removal: openRemoval({ service, sender, memory }),
    async close(roster, changed, context) {
      const isRetiring = "column" in audience.named && audience.create && roster.isOwn && changed;
      if (!isRetiring || (await keeper.count(roster, context.signal)) > 0) return undefined;
      const sent = await post(pathOf(roster.address), { statecode: 1, statuscode: 1 }, context, "PATCH");
      return sent.kind === "reply" ? undefined : sent.problem;
    },
  };
  return keeper;
}

/** A list whose own id is taken is the one that an earlier attempt has made. */
const isThere = (sent: Sent): boolean =>
  sent.kind === "reply" || sent.problem.code === "dataverse.0x80040237";

const isNamed = (row: Json, name: string, by: string | undefined): boolean =>
  by !== undefined
    ? folded(String(row[by] ?? "")) === folded(name)
    : [row.listname, row.listid].some((text) => folded(String(text)) === folded(name));

function refusal(code: string, message: string, remedy: string): Problem {
  return { kind: "config", code: `audience.${code}`, message, remedy };
}
