import { bump } from "./counters.ts";
import { payloadError, requiredNull, undeclaredProperty, unknownProperty, wrongType } from "./errors.ts";
import { isText, type JsonObject } from "./json.ts";
import { bindTarget } from "./keys.ts";
import type { Value } from "./row.ts";
import { isLookup, type Navigation, propertyName, type Table } from "./schema.ts";
import type { Column } from "./tables/column.ts";
import type { Unverified } from "./unverified.ts";
import { type Check, compileCheck } from "./validate.ts";
import type { Session, World } from "./world.ts";

const ROW_ANNOTATIONS = ["@odata.id", "@odata.etag", "@odata.context", "@odata.editLink"];

type Slot =
  | { readonly is: "value"; readonly column: Column; readonly check: Check }
  | { readonly is: "navigation" | "bind"; readonly navigation: Navigation }
  | { readonly is: "raw lookup" }
  | { readonly is: "type"; readonly name: string; readonly hashed: string }
  | { readonly is: "annotation" };

/** What each name in a body of this table means; made once. */
export interface Writer {
  readonly slots: ReadonlyMap<string, Slot>;
  /** The names of the last body of each kind: those of the next one are nearly always the same. */
  readonly last: Record<"create" | "update", Names>;
  /** Columns that a new row must have and that nothing fills in. */
  readonly required: readonly Column[];
}

/** The names of one body and what they mean. */
interface Names {
  readonly names: readonly string[];
  readonly slots: readonly (Slot | undefined)[];
  /** What was left out of the result, and what it has room for beside. */
  readonly identity: string | undefined;
  readonly room: readonly string[];
  /**
   * A result without its values, to be copied: an object that grows name by name is slow, and one that grows after it
   * was copied is slower still. Undefined until the first body was read.
   */
  blank: Written | undefined;
}

const NO_ROOM: readonly string[] = [];

/** What the names of a body mean, in their order. */
function namesIn(
  writer: Writer,
  body: JsonObject,
  operation: "create" | "update",
  identity: string | undefined,
  room: readonly string[],
): Names {
  const known = writer.last[operation];
  let at = 0;
  for (const name in body) {
    if (known.names[at] !== name) {
      at = -1;
      break;
    }
    at += 1;
  }
  if (at === known.names.length && known.identity === identity && known.room === room) return known;
  const names = Object.keys(body);
  const slots = names.map((name) => writer.slots.get(name));
  writer.last[operation] = { names, slots, identity, room, blank: undefined };
  return writer.last[operation];
}

export function compileWriter(table: Table, rules: Unverified): Writer {
  const type = `Microsoft.Dynamics.CRM.${table.logicalName}`;
  const none: Names = { names: [], slots: [], identity: undefined, room: NO_ROOM, blank: undefined };
  const slots = new Map<string, Slot>([["@odata.type", { is: "type", name: type, hashed: `#${type}` }]]);
  for (const name of ROW_ANNOTATIONS) slots.set(name, { is: "annotation" });
  for (const column of table.columns.values()) {
    if (!column.odata) continue;
    if (isLookup(column)) slots.set(propertyName(column), { is: "raw lookup" });
    else slots.set(column.logicalName, { is: "value", column, check: compileCheck(table, column, rules) });
  }
  for (const navigation of table.navigation.values()) {
    slots.set(navigation.name, { is: "navigation", navigation });
    slots.set(`${navigation.name}@odata.bind`, { is: "bind", navigation });
  }
  const required = [...table.columns.values()].filter(
    (column) =>
      column.required === "SystemRequired" &&
      column.odata &&
      column.forCreate &&
      column.fallback === undefined &&
      column.logicalName !== table.primaryId &&
      column.type !== "owner",
  );
  return { slots, last: { create: none, update: none }, required };
}

export type Written = Record<string, Value>;

/**
 * Reads the body of a create or update: column values, checked and in stored form.
 * Values for columns that are not valid for the operation are dropped and counted, as the service drops them
 * (page: web-api-properties).
 * @param identity a name that only says which row is meant, left out of the result
 * @param room columns that the caller will add, always the same list: undefined until then
 */
export function readPayload(
  world: World,
  session: Session,
  table: Table,
  body: JsonObject,
  operation: "create" | "update",
  identity?: string,
  room = NO_ROOM,
): Written {
  const writer = world.writers.get(table) as Writer;
  const names = namesIn(writer, body, operation, identity, room);
  const written: Written = names.blank === undefined ? {} : { ...names.blank };
  let at = 0;
  for (const name in body) {
    const slot = names.slots[at];
    at += 1;
    if (name === identity) continue;
    const input = body[name];
    if (slot === undefined) {
      refuseUnlessAnnotation(table, body, name, writer.slots);
      continue;
    }
    if (slot.is === "annotation") continue;
    if (slot.is === "type") {
      if (input !== slot.name && input !== slot.hashed) throw unknownType(table, input);
      continue;
    }
    if (slot.is === "raw lookup") {
      throw payloadError(
        table.set,
        `Microsoft.OData.ODataException: The property '${name}' cannot be written; use '@odata.bind'.`,
      );
    }
    const column = slot.is === "value" ? slot.column : slot.navigation.column;
    if (!(operation === "create" ? column.forCreate : column.forUpdate)) {
      // Page: use-elastic-tables. The partition of a row that is there says which one is meant.
      if (!(table.elastic && column.logicalName === "partitionid"))
        bump(world.counters.ignored, `${table.logicalName}.${column.logicalName}`);
      continue;
    }
    if (input === null) {
      if (column.required === "SystemRequired") {
        throw requiredNull(world.rules, table.logicalName, column.logicalName);
      }
      // Clearing one name of a polymorphic lookup must not undo a bind through another one in the same body.
      if (slot.is === "value" || written[column.logicalName] === undefined)
        written[column.logicalName] = null;
    } else if (slot.is === "value") {
      const value = slot.check(input);
      if (value === null && column.required === "SystemRequired") {
        throw requiredNull(world.rules, table.logicalName, column.logicalName);
      }
      written[column.logicalName] = value;
    } else if (slot.is === "bind") {
      if (!isText(input)) throw wrongType(table.set, String(input), "Edm.String");
      written[column.logicalName] = bindTarget(world, session, slot.navigation, input);
    } else {
      throw payloadError(
        table.set,
        `Microsoft.OData.ODataException: '${name}' is a navigation property; bind it with '${name}@odata.bind'.`,
      );
    }
  }
  // New rows that number themselves get more columns.
  if (names.blank === undefined && (operation === "update" || table.numbered.length === 0)) {
    const columns = [...Object.keys(written), ...room];
    names.blank = Object.fromEntries(columns.map((column) => [column, undefined])) as unknown as Written;
  }
  return written;
}

/** One value that is not null, checked like any other; as it is when nothing checks its column. */
export function checkedValue(world: World, table: Table, column: string, input: unknown): Value {
  const slot = (world.writers.get(table) as Writer).slots.get(column);
  return slot?.is === "value" ? slot.check(input) : (input as Value);
}

/** Unverified: what is to be created has no address yet. */
export function refuseAddress(world: World, table: Table, body: JsonObject): void {
  if (body["@odata.id"] === undefined || world.rules.conflictingIds === "the address counts") return;
  throw payloadError(table.set, "Microsoft.OData.ODataException: '@odata.id' is not expected on a new row.");
}

const unknownType = (table: Table, input: unknown) =>
  payloadError(
    table.set,
    `Microsoft.OData.ODataException: A type named '${String(input)}' could not be resolved by the model.`,
  );

function refuseUnlessAnnotation(
  table: Table,
  body: JsonObject,
  name: string,
  slots: ReadonlyMap<string, Slot>,
): void {
  const sign = name.indexOf("@");
  if (sign < 0) throw unknownProperty(table.set, table.logicalName, name);
  if (sign === 0) {
    if (name.startsWith("@odata.")) throw undeclaredProperty(name);
    return;
  }
  const subject = name.slice(0, sign);
  const declared = slots.get(subject);
  // Annotations that come back from a read (formatted values) are accepted beside a declared property.
  if (declared && !name.endsWith("@odata.bind")) return;
  if (!(subject in body) || !declared) throw undeclaredProperty(subject);
  throw undeclaredProperty(name);
}
