import { missingRow, Refusal } from "../errors.ts";
import { isGuid } from "../guid.ts";
import type { Headers } from "../headers.ts";
import { type Reference, valueIn } from "../row.ts";
import type { Table } from "../schema.ts";
import type { Session, World } from "../world.ts";
import { accessOf, intersection, rolesOf } from "./access.ts";
import { requirePrivilege } from "./check.ts";
import { ACT_ON_BEHALF, BYPASS_LOGIC, BYPASS_PLUGINS } from "./roles.ts";

const users = (world: World): Table => world.schema.tables.get("systemuser") as Table;

/** Refuses who may not work here at all: not a member, disabled, without a role (page: authenticate-oauth). */
export function requireMember(world: World, user: Reference): void {
  const row = world.store.get(users(world), user.id);
  if (!row) {
    const status = world.rules.unknownUserStatus;
    throw new Refusal(status, "0x80072560", "The user is not a member of the organization.");
  }
  if (valueIn(row, "isdisabled") === true) {
    // Captured with its placeholder unfilled.
    const id = world.rules.disabledUserText === "placeholder" ? "{0}" : user.id;
    throw new Refusal(403, "0x80040225", `The specified user(Id = ${id}) is disabled.`);
  }
  if (rolesOf(world.security, user.id).length === 0) {
    throw new Refusal(world.rules.noRolesStatus, "0x80042f09", "The user has not been assigned any roles.");
  }
}

/** The user that `CallerObjectId` or `MSCRMCallerID` names (page: impersonate-another-user-web-api). */
function impersonated(world: World, headers: Headers): Reference | undefined {
  const objectId = headers.callerobjectid?.trim();
  const userId = headers.mscrmcallerid?.trim();
  if (!objectId && !userId) return undefined;
  const table = users(world);
  const wanted = (objectId ?? userId ?? "").replace(/^\{|\}$/g, "").toLowerCase();
  if (!isGuid(wanted)) {
    throw new Refusal(400, "0x80040203", `'${wanted.slice(0, 100)}' is not the id of a user.`);
  }
  if (!objectId) {
    if (!world.store.get(table, wanted)) throw missingRow(world.rules, table.logicalName, wanted);
    return { table: table.logicalName, id: wanted };
  }
  for (const row of world.store.rows(table).values()) {
    if (valueIn(row, "azureactivedirectoryobjectid") === wanted)
      return { table: table.logicalName, id: row.id };
  }
  throw new Refusal(
    world.rules.unknownUserStatus,
    "0x80072560",
    "The user is not a member of the organization.",
  );
}

const CUSTOM_LOGIC = new Set(["customsync", "customasync"]);

/** Whether a plug-in is skipped; a header without its privilege is refused (page: bypass-custom-business-logic). */
function bypasses(world: World, session: Session, headers: Headers): boolean {
  const logic = headers["mscrm.bypassbusinesslogicexecution"];
  const steps = headers["mscrm.bypassbusinesslogicexecutionstepids"];
  const plugins = headers["mscrm.bypasscustompluginexecution"];
  const code = world.rules.bypassDeniedCode;
  const { suppressCallbacksNeeds } = world.rules;
  // Page: bypass-power-automate-flows. There are no flows here, so the right to silence them is all there is.
  const silences = headers["mscrm.suppresscallbackregistrationexpanderjob"]?.toLowerCase() === "true";
  if (silences && suppressCallbacksNeeds !== undefined) {
    requirePrivilege(world, session, suppressCallbacksNeeds, code);
  }
  if (steps !== undefined) requirePrivilege(world, session, BYPASS_LOGIC, code);
  if (plugins?.toLowerCase() === "true") {
    requirePrivilege(world, session, BYPASS_PLUGINS, code);
    return true;
  }
  if (logic === undefined) return false;
  const kinds = logic.split(",").map((kind) => kind.trim().toLowerCase());
  if (!kinds.every((kind) => CUSTOM_LOGIC.has(kind))) {
    throw new Refusal(400, "0x80040203", `'${logic.slice(0, 100)}' is no kind of custom logic.`);
  }
  requirePrivilege(world, session, BYPASS_LOGIC, code);
  return kinds.includes("customsync");
}

/** The headers that change who asks or what runs; without one of them a session stays as it is. */
const RELEVANT = [
  "callerobjectid",
  "mscrmcallerid",
  "mscrm.bypassbusinesslogicexecution",
  "mscrm.bypassbusinesslogicexecutionstepids",
  "mscrm.bypasscustompluginexecution",
  "mscrm.suppresscallbackregistrationexpanderjob",
  "mscrm.suppressduplicatedetection",
] as const;

/** The session of one operation: who acts for whom, and which of its optional checks are on. */
export function sessionFor(world: World, session: Session, headers: Headers): Session {
  if (!RELEVANT.some((name) => headers[name] !== undefined)) return session;
  let acting = session;
  const other = impersonated(world, headers);
  if (other && other.id !== session.user.id) {
    if (session.access !== undefined && !session.access.has(ACT_ON_BEHALF)) {
      throw new Refusal(403, "0x8004a110", "User does not have the privilege to act on behalf another user.");
    }
    requireMember(world, other);
    acting = {
      ...session,
      user: other,
      onBehalfBy: session.user,
      access: intersection(accessOf(world, other), session.access),
    };
  }
  return {
    ...acting,
    bypassesPlugins: bypasses(world, session, headers),
    detectsDuplicates: headers["mscrm.suppressduplicatedetection"]?.toLowerCase() === "false",
  };
}
