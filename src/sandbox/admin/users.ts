import { isGuid } from "../guid.ts";
import { isObject } from "../json.ts";
import { type SandboxUser, userIdOf } from "../organization.ts";
import { valueIn } from "../row.ts";
import type { Table } from "../schema.ts";
import { rolesOf } from "../security/access.ts";
import { RIGHTS, type SandboxRole } from "../security/roles.ts";
import { placeRole, placeUser, secureColumns } from "../security/setup.ts";
import type { Service } from "../service.ts";
import { either, flag, listOf, oneOf, record, shape, text } from "./check.ts";
import { type AdminReply, DONE, json, wrong } from "./reply.ts";

/** Who may do what: application users, roles, secured columns. */

export function listUsers({ world }: Service): AdminReply {
  const table = world.schema.tables.get("systemuser") as Table;
  return json(
    [...world.store.rows(table).values()].map((row) => ({
      id: row.id,
      name: valueIn(row, "fullname"),
      clientId: valueIn(row, "applicationid") ?? null,
      objectId: valueIn(row, "azureactivedirectoryobjectid") ?? null,
      disabled: valueIn(row, "isdisabled") === true,
      roles: rolesOf(world.security, row.id),
    })),
  );
}

/**
 * `POST users`: adds an application user, or changes one; `{ id, roles?, disabled? }` changes any user of the
 * organisation.
 */
export function writeUser(service: Service, body: unknown): AdminReply {
  if (!isObject(body)) return wrong("Send { clientId, clientSecret, … } or { id, roles?, disabled? }.");
  const of = { roles: listOf(text), disabled: flag };
  const more = { clientId: text, clientSecret: text, certificate: text, name: text, member: flag };
  if (!shape({}, { ...of, ...more, id: text })(body)) {
    return wrong(
      "Send { clientId, clientSecret, certificate?, name?, member?, roles?, disabled? } or { id, roles?, disabled? }.",
    );
  }
  if (typeof body.id === "string") {
    const { world } = service;
    const table = world.schema.tables.get("systemuser") as Table;
    const row = world.store.get(table, body.id.toLowerCase());
    if (!row) return wrong(`There is no user '${body.id}'.`);
    placeUser(world, row.id, body as { roles?: readonly string[]; disabled?: boolean });
    return json({ id: row.id });
  }
  const clientId = String(body.clientId ?? "").toLowerCase();
  const at = service.users.findIndex((user) => user.clientId === clientId);
  const before = service.users[at];
  const user = { ...before, ...body, clientId } as SandboxUser;
  if (!isGuid(clientId) || typeof user.clientSecret !== "string") {
    return wrong("An application user needs clientId, a GUID, and clientSecret.");
  }
  if (at >= 0) service.users[at] = user;
  else service.users.push(user);
  // Tokens of the application name the user as he was when they were issued.
  service.authority.revoke({ clientId });
  if (user.member !== false) service.join(user);
  return json({ id: userIdOf(clientId) });
}

/** `POST roles`: adds or replaces roles by name. */
export function writeRoles({ world }: Service, body: unknown): AdminReply {
  const granted = either(oneOf(["all"]), listOf(oneOf(RIGHTS)));
  const tables = record(oneOf([...world.schema.tables.keys(), "*"]), granted);
  if (!listOf(shape({ name: text }, { tables, privileges: listOf(text) }))(body)) {
    return wrong(
      `Send a list of { name, tables?, privileges? }; tables grants by name, or "*", "all" or a list of ${RIGHTS.join(", ")}.`,
    );
  }
  for (const role of body as SandboxRole[]) placeRole(world, role);
  return DONE;
}

/** `POST columns`: which columns are secured, and who may do what with them. */
export function writeColumns({ world }: Service, body: unknown): AdminReply {
  const opened = record(text, listOf(oneOf(["read", "create", "update"])));
  const profile = shape({ name: text, users: listOf(text), columns: opened });
  if (!shape({ secured: listOf(text) }, { profiles: listOf(profile) })(body)) {
    return wrong("Send { secured: [table.column], profiles?: [{ name, users, columns }] }.");
  }
  secureColumns(world, body as unknown as Parameters<typeof secureColumns>[1]);
  return DONE;
}
