import { type Reference, valueIn } from "../row.ts";
import type { Table } from "../schema.ts";
import type { World } from "../world.ts";
import { type Right, rightsOn, type SandboxRole, SYSTEM_ADMINISTRATOR } from "./roles.ts";

/** Column security (page: field-security-entities): what the named users may do with secured columns. */
export interface ColumnProfile {
  readonly name: string;
  /** Client ids of application users, or ids of system users. */
  readonly users: readonly string[];
  /** By `table.column`. */
  readonly columns: Readonly<Record<string, readonly ("read" | "create" | "update")[]>>;
}

/** Who may do what in one organisation. */
export interface Security {
  readonly roles: Map<string, SandboxRole>;
  /** Names of roles by system user; who is not listed is a system administrator. */
  readonly assigned: Map<string, readonly string[]>;
  /** Columns that only profiles (and system administrators) open, as `table.column`. */
  readonly secured: Set<string>;
  readonly profiles: ColumnProfile[];
  /** Made on first use, dropped when anything above changes. */
  readonly cache: Map<string, Access | "everything">;
}

/** What one principal may do; a system administrator has none of these, because nothing is asked of him. */
export interface Access {
  readonly principal: Reference;
  readonly roles: readonly string[];
  readonly allows: (right: Right, table: Table) => boolean;
  readonly has: (privilege: string) => boolean;
  readonly opens: (what: "read" | "create" | "update", column: string) => boolean;
}

export const newSecurity = (roles: readonly SandboxRole[] = []): Security => ({
  roles: new Map(roles.map((role) => [role.name, role])),
  assigned: new Map(),
  secured: new Set(),
  profiles: [],
  cache: new Map(),
});

export const rolesOf = (security: Security, user: string): readonly string[] =>
  security.assigned.get(user) ?? [SYSTEM_ADMINISTRATOR];

/** What a user may do; undefined for everything. */
export function accessOf(world: World, user: Reference): Access | undefined {
  const { security } = world;
  let access = security.cache.get(user.id);
  if (access === undefined) {
    access = compile(world, user);
    security.cache.set(user.id, access);
  }
  return access === "everything" ? undefined : access;
}

function compile(world: World, user: Reference): Access | "everything" {
  const { security } = world;
  const names = rolesOf(security, user.id);
  if (names.includes(SYSTEM_ADMINISTRATOR)) return "everything";
  const roles = names.flatMap((name) => security.roles.get(name) ?? []);
  // Worked out on demand: tables may come and go while a sandbox runs.
  const rights = new Map<string, ReadonlySet<Right>>();
  const rightsFor = (table: string): ReadonlySet<Right> => {
    let granted = rights.get(table);
    if (!granted) {
      granted = new Set(roles.flatMap((role) => rightsOn(role, table)));
      rights.set(table, granted);
    }
    return granted;
  };
  const privileges = new Set(roles.flatMap((role) => role.privileges ?? []));
  const table = world.schema.tables.get("systemuser");
  const client = table && valueIn(world.store.get(table, user.id), "applicationid");
  const opened = new Set(
    security.profiles
      .filter(({ users }) => users.includes(user.id) || users.includes(String(client)))
      .flatMap(({ columns }) =>
        Object.entries(columns).flatMap(([column, whats]) => whats.map((what) => `${what} ${column}`)),
      ),
  );
  return {
    principal: user,
    roles: names,
    allows: (right, on) => rightsFor(on.logicalName).has(right),
    has: (privilege) => privileges.has(privilege),
    opens: (what, column) => opened.has(`${what} ${column}`),
  };
}

/** What both may do: an impersonating caller gains nothing (page: impersonate-another-user-web-api). */
export function intersection(one: Access | undefined, other: Access | undefined): Access | undefined {
  if (!one || !other) return one ?? other;
  return {
    principal: one.principal,
    roles: one.roles,
    allows: (right, table) => one.allows(right, table) && other.allows(right, table),
    has: (privilege) => one.has(privilege) && other.has(privilege),
    opens: (what, column) => one.opens(what, column) && other.opens(what, column),
  };
}
