import { type Value, valueIn, valuesIn } from "../row.ts";
import type { Table } from "../schema.ts";
import type { World } from "../world.ts";
import { type ColumnProfile, rolesOf } from "./access.ts";
import { roleId, type SandboxRole, SYSTEM_ADMINISTRATOR } from "./roles.ts";

/** Puts roles, memberships and secured columns in place, as settings and as the rows that a client reads. */

export interface ColumnSecurity {
  /** Secured columns, as `table.column`. */
  readonly secured: readonly string[];
  readonly profiles?: readonly ColumnProfile[];
}

function putRow(world: World, table: Table, id: string, values: Record<string, Value>): void {
  const before = world.store.get(table, id);
  const version = before ? before.version + 1 : 1;
  const row = { id, version, order: before?.order ?? world.store.rows(table).size + 1 };
  const state = { [table.primaryId]: id, ...(before && valuesIn(before)), ...values };
  world.store.restore(table, { ...row, values: state }, id);
}

export function placeRole(world: World, role: SandboxRole): void {
  world.security.roles.set(role.name, role);
  world.security.cache.clear();
  const table = world.schema.tables.get("role");
  if (!table) return;
  putRow(world, table, roleId(role.name), {
    name: role.name,
    businessunitid: world.organization.businessUnit,
    createdon: "2024-01-01T00:00:00Z",
    modifiedon: "2024-01-01T00:00:00Z",
  });
}

/** Roles of a user as rows of the intersect table (page: web-api-navigation-properties). */
function placeMemberships(world: World, user: string): void {
  const table = world.schema.tables.get("systemuserroles");
  if (!table) return;
  for (const row of [...world.store.rows(table).values()]) {
    if (valueIn(row, "systemuserid") === user) world.store.restore(table, undefined, row.id);
  }
  for (const name of rolesOf(world.security, user)) {
    const role = roleId(name);
    const id = `${user.slice(0, 19)}${role.slice(19)}`;
    putRow(world, table, id, { systemuserid: user, roleid: role });
  }
}

/** What a user is: his roles, and whether he is disabled. */
export function placeUser(
  world: World,
  id: string,
  settings: { readonly roles?: readonly string[]; readonly disabled?: boolean },
): void {
  const { security } = world;
  if (settings.roles) {
    for (const name of settings.roles) {
      if (name !== SYSTEM_ADMINISTRATOR && !security.roles.has(name)) {
        throw new Error(`There is no role '${name}'.`);
      }
    }
    security.assigned.set(id, settings.roles);
  }
  security.cache.clear();
  const table = world.schema.tables.get("systemuser") as Table;
  if (
    settings.disabled !== undefined &&
    settings.disabled !== (valueIn(world.store.get(table, id), "isdisabled") ?? false)
  ) {
    putRow(world, table, id, { isdisabled: settings.disabled });
  }
  placeMemberships(world, id);
}

export function secureColumns(world: World, { secured, profiles = [] }: ColumnSecurity): void {
  for (const name of secured) {
    const [table = "", column = ""] = name.split(".");
    const found = world.schema.tables.get(table);
    if (!found?.columns.has(column)) throw new Error(`There is no column '${name}'.`);
    // Page: define-alternate-keys-entity.
    const key = found.keys.find((one) => one.columns.includes(column));
    if (key) throw new Error(`${name} is part of the key ${key.schemaName}: it cannot be secured.`);
    if (column === found.primaryId) throw new Error(`${name} is the primary key: it cannot be secured.`);
  }
  const { security } = world;
  const touched = [...security.secured, ...secured].filter(
    (name) => security.secured.has(name) !== secured.includes(name),
  );
  security.secured.clear();
  for (const name of secured) security.secured.add(name);
  security.profiles.splice(0, Infinity, ...profiles);
  security.cache.clear();
  const changed = [...new Set(touched.map((name) => name.split(".")[0] as string))];
  if (changed.length > 0) world.metadata.note({ changed, deleted: [] });
}

/** All members of the organisation, those without settings included: every one of them has roles as rows. */
export function placeEverybody(world: World, settings: ReadonlyMap<string, readonly string[]>): void {
  placeRole(world, { name: SYSTEM_ADMINISTRATOR, tables: { "*": "all" } });
  const table = world.schema.tables.get("systemuser") as Table;
  for (const row of [...world.store.rows(table).values()]) {
    const roles = settings.get(row.id);
    placeUser(world, row.id, roles === undefined ? {} : { roles });
  }
}
