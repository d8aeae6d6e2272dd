import { Refusal } from "../errors.ts";
import { type Reference, valueIn } from "../row.ts";
import type { Collection, Table } from "../schema.ts";
import type { Column } from "../tables/column.ts";
import type { Session, World } from "../world.ts";
import { valueFor, type Written } from "../written.ts";
import { type Access, accessOf } from "./access.ts";
import { privilegeId, privilegeName, type Right } from "./roles.ts";

/** The questions that every read and write asks before it happens. A system administrator is asked nothing. */

function missingPrivilege(
  world: World,
  access: Access,
  name: string,
  on: { readonly code: number; readonly table: string; readonly label: string } | undefined,
): Refusal {
  const { id } = access.principal;
  const users = world.schema.tables.get("systemuser");
  const user = users && world.store.get(users, id);
  const mode = valueIn(user, "accessmode") === 4 ? "4 Non-interactive" : "0 Read-Write";
  const unit = (valueIn(user, "businessunitid") as Reference | null | undefined)?.id;
  // The captured text, counts of privileges being ours (see `errors/403-missing-privilege` of the captures).
  const who =
    `Principal user (Id=${id}, type=8, roleCount=${access.roles.length}, privilegeCount=${access.roles.length * 8}, ` +
    `accessMode='${mode}', AADObjectId='${valueIn(user, "azureactivedirectoryobjectid") ?? "00000000-0000-0000-0000-000000000000"}', ` +
    `MetadataCachePrivilegesCount=${world.schema.tables.size * 8}, businessUnitId=${unit ?? world.organization.businessUnit.id})`;
  const where = on ? ` on OTC=${on.code} for entity '${on.table}' (LocalizedName='${on.label}')` : "";
  return new Refusal(
    403,
    "0x80040220",
    `${who}, is missing ${name} privilege (Id=${privilegeId(name)})${where}. context.Caller=${id}`,
  );
}

/** @throws Refusal 0x80040220 (page: support/bulk-operation-errors) */
export function requireRight(world: World, session: Session, table: Table, right: Right): void {
  const { access } = session;
  if (access === undefined || access.allows(right, table)) return;
  throw missingPrivilege(world, access, privilegeName(right, table), {
    code: table.code,
    table: table.logicalName,
    label: table.label,
  });
}

/** A privilege that belongs to no table. */
export function requirePrivilege(world: World, session: Session, name: string, code = "0x80040220"): void {
  const { access } = session;
  if (access === undefined || access.has(name)) return;
  const refusal = missingPrivilege(world, access, name, undefined);
  throw code === refusal.code ? refusal : new Refusal(403, code, refusal.message);
}

const COLUMN_CODES = {
  create: ["0x8004f502", "The user does not have create permissions to a secured field."],
  update: ["0x8004f507", "The user does not have update permissions to a secured field."],
  read: ["0x8004f504", "The user does not have read permissions to a secured field."],
} as const;

const closed = (what: keyof typeof COLUMN_CODES): Refusal =>
  new Refusal(
    403,
    COLUMN_CODES[what][0],
    `${COLUMN_CODES[what][1]} The requested operation could not be completed.`,
  );

/**
 * The world as one session sees it: secured columns that its user may not read are hidden from every reader
 * (page: field-security-entities).
 */
export function seenBy(world: World, session: Session): World {
  const { access } = session;
  const { secured } = world.security;
  if (access === undefined || secured.size === 0) return world;
  const hidden = new Set<Column>();
  for (const name of secured) {
    const [table = "", column = ""] = name.split(".");
    const columns = world.schema.tables.get(table)?.columns;
    const found = columns?.get(column);
    if (!found || access.opens("read", name)) continue;
    hidden.add(found);
    // The same amount in the base currency.
    const twin = world.rules.baseAmountsAreHiddenToo && columns?.get(`${column}_base`);
    if (twin && twin.calculationOf === column) hidden.add(twin);
  }
  return { ...world, hidden };
}

/** A filter or an order by a column that may not be read would give its values away. */
export function requireReadable(world: World, column: Column): void {
  if (world.hidden?.has(column) && world.rules.hiddenColumnInQuery === "refused") throw closed("read");
}

/** Reading what is behind a collection: its rows, and the column that ties them, which a profile may close. */
export function requireTied(world: World, session: Session, { table, tie, own, member }: Collection): void {
  requireRight(world, session, world.schema.tables.get(table) as Table, "read");
  const columns = world.schema.tables.get(tie)?.columns;
  for (const name of [own, member]) {
    const column = name === undefined ? undefined : columns?.get(name);
    if (column) requireReadable(world, column);
  }
}

function requireColumns(
  world: World,
  access: Access,
  table: Table,
  { columns }: Written,
  what: "create" | "update",
): void {
  const { secured } = world.security;
  if (secured.size === 0) return;
  for (const column of columns.names) {
    const name = `${table.logicalName}.${column}`;
    if (secured.has(name) && !access.opens(what, name)) throw closed(what);
  }
}

/** The new owner must be able to read what he is given: 0x80040231. */
function requireOwner(world: World, table: Table, owner: Reference): void {
  if (owner.table !== "systemuser") return;
  const access = accessOf(world, owner);
  if (access === undefined || access.allows("read", table)) return;
  throw new Refusal(403, "0x80040231", "Target user or team does not hold required privileges.");
}

/**
 * Everything that a create or an update asks: the right itself, secured columns, append to the row and append to each
 * row that it is tied to, assign when the owner is named.
 */
export function requireWrite(
  world: World,
  session: Session,
  table: Table,
  written: Written,
  operation: "create" | "update",
): void {
  const { access } = session;
  if (access === undefined && world.security.assigned.size === 0) return;
  const owner = valueFor(written, "ownerid");
  const names = table.hasOwner && typeof owner === "object" && owner !== null ? owner : undefined;
  if (access !== undefined) {
    requireRight(world, session, table, operation === "create" ? "create" : "write");
    requireColumns(world, access, table, written, operation);
    for (const column of written.columns.names) {
      const value = valueFor(written, column);
      if (typeof value !== "object" || value === null || column === "ownerid") continue;
      const target = world.schema.tables.get(value.table);
      requireRight(world, session, table, "append");
      if (target) requireRight(world, session, target, "appendTo");
    }
    if (names && names.id !== session.user.id) requireRight(world, session, table, "assign");
  }
  if (names && world.security.assigned.size > 0) requireOwner(world, table, names);
}
