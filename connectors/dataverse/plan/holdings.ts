/**
 * Asks what users may do. Sources: "RetrieveUserSetOfPrivilegesByNames Function" (with the depth that team roles give),
 * "RetrieveUserPrivileges Function" (tells Basic for all that comes by a team), "RetrievePrincipalAttributePrivileges
 * Function". Who cannot be asked, because a server knows none of them, is taken to have every right.
 */
import type { Reply, SyncSpec, WriteOptions } from "../../../src/sdk.ts";
import { SyncError } from "../../../src/sdk.ts";
import type { Mapping } from "../compile/mapping.ts";
import {
  ACT_ON_BEHALF,
  type ColumnNeed,
  columnNeedsOf,
  type Depth,
  type Held,
  type Lacking,
  lackingOf,
  type Need,
  needsOfMapping,
} from "../compile/rights.ts";
import { type Json, parsed, type Service } from "../sender/service.ts";
import { encode, SERVICE_ROOT } from "../url.ts";

export interface Needed {
  readonly needs: readonly Need[];
  readonly columns: readonly ColumnNeed[];
  readonly options: WriteOptions;
}

/** What the users lack for a sync; a problem for each thing that each of them lacks. */
export function lackingFor(
  service: Service,
  users: readonly string[],
  mapping: Mapping,
  sync: SyncSpec,
  signal: AbortSignal,
): Promise<Lacking> {
  const needs = needsOfMapping(mapping);
  const columns = columnNeedsOf(mapping);
  return lackingOfNeeds(service, users, { needs, columns, options: mapping.options }, sync, signal);
}

export async function lackingOfNeeds(
  service: Service,
  users: readonly string[],
  { needs, columns, options }: Needed,
  sync: SyncSpec,
  signal: AbortSignal,
): Promise<Lacking> {
  const { impersonate } = options;
  const behalf: Need[] =
    impersonate === undefined
      ? []
      : [
          {
            privilege: ACT_ON_BEHALF,
            purpose: "for impersonate, to act on behalf of another user",
            reach: "any",
            path: ["options", "impersonate"],
          },
        ];
  const asked: { id: string; who: string; needs: readonly Need[] }[] = users.map((id) => ({
    id,
    who: `The user ${id}`,
    needs: [...needs, ...behalf],
  }));
  if (impersonate !== undefined) {
    const other = await userOf(service, impersonate, signal);
    // Both have to have a right ("Impersonate another user").
    if (other === "none") return { problems: [unknownUser(impersonate, sync)], warnings: [] };
    if (other !== "unknown") asked.push({ id: other, who: `The impersonated user ${other}`, needs });
  }
  const found = await heldBy(
    service,
    asked.map(({ id, needs: own }) => ({ id, names: own.map(({ privilege }) => privilege) })),
    columns.length > 0,
    signal,
  );
  const all = asked.map(({ who, needs: own }, index): Lacking => {
    const held = found[index];
    if (held !== undefined) return lackingOf(own, columns, held, who, sync);
    const warning = `${who} could not be asked what it may do: a right that it lacks shows when rows are written.`;
    return { problems: [], warnings: [warning] };
  });
  return {
    problems: all.flatMap(({ problems }) => problems),
    warnings: all.flatMap(({ warnings }) => warnings),
  };
}

const unknownUser = (objectId: string, sync: SyncSpec): Lacking["problems"][number] => ({
  kind: "config",
  code: "dataverse.unknown_user",
  message: `No user of the organisation has the Microsoft Entra object id ${objectId}.`,
  remedy: "Give the object id of a user who has been added to the environment.",
  place: sync.place("options", "impersonate"),
});

const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The user with an Entra object id. */
async function userOf(service: Service, objectId: string, signal: AbortSignal): Promise<string> {
  if (!GUID.test(objectId)) return "none";
  const path = `${SERVICE_ROOT}systemusers?$select=systemuserid&$filter=azureactivedirectoryobjectid%20eq%20${objectId}`;
  try {
    const { value } = (await service.get(path, signal)) as Json;
    if (!Array.isArray(value)) return "unknown";
    return value.length === 0 ? "none" : String(value[0].systemuserid);
  } catch (error) {
    if (signal.aborted || !(error instanceof SyncError)) throw error;
    return "unknown";
  }
}

interface Asked {
  readonly id: string;
  readonly names: readonly string[];
}

/** What each user holds, in one request; undefined for one who could not be asked. */
async function heldBy(
  service: Service,
  users: readonly Asked[],
  withColumns: boolean,
  signal: AbortSignal,
): Promise<readonly (Held | undefined)[]> {
  const paths = users.flatMap(({ id, names }) => {
    const user = `${SERVICE_ROOT}systemusers(${id})/Microsoft.Dynamics.CRM.`;
    const list = encode(JSON.stringify(names));
    return [
      `${user}RetrieveUserSetOfPrivilegesByNames(PrivilegeNames=@p1)?@p1=${list}`,
      `${user}RetrieveUserPrivileges()`,
      ...(withColumns ? [`${user}RetrievePrincipalAttributePrivileges()`] : []),
    ];
  });
  const replies = await service.reads(paths, signal);
  const each = withColumns ? 3 : 2;
  return users.map((_, index) => heldIn(replies.slice(index * each, (index + 1) * each), service.origin));
}

function heldIn([byNames, all, columns]: readonly Reply[], origin: string): Held | undefined {
  const list = (reply: Reply | undefined, name: string): readonly Json[] | null => {
    const items = reply !== undefined && reply.status < 300 ? parsed(reply, origin)?.[name] : undefined;
    return Array.isArray(items) ? items : null;
  };
  const exact = list(byNames, "RolePrivileges");
  const told = exact ?? list(all, "RolePrivileges");
  if (told === null) return undefined;
  const privileges = new Map<string, Depth | "unknown">();
  for (const { PrivilegeName, Depth: depth } of told) {
    const name = String(PrivilegeName);
    const known = exact === null && depth === "Basic" ? "unknown" : (depth as Depth);
    const other = privileges.get(name);
    if (other === undefined || RANK.indexOf(known) > RANK.indexOf(other)) privileges.set(name, known);
  }
  const opened = list(columns, "AttributePrivileges");
  return {
    privileges,
    columns:
      opened &&
      new Map(
        opened.map((item) => [
          String(item.AttributeId).toLowerCase(),
          { read: item.CanRead > 0, create: item.CanCreate > 0, update: item.CanUpdate > 0 },
        ]),
      ),
  };
}

/** A user may hold a privilege by several roles: the farthest counts. */
const RANK: readonly (Depth | "unknown")[] = ["Basic", "Local", "Deep", "unknown", "Global"];
