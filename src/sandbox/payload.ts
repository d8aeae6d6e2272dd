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
import { type Columns, hasNames, newColumns, type Written } from "./written.ts";

const ROW_ANNOTATIONS = ["@odata.id", "@odata.etag", "@odata.context", "@odata.editLink"];

interface ValueSlot {
  readonly is: "value";
  readonly column: Column;
  readonly check: Check;
}

interface LookupSlot {
  readonly is: "navigation" | "bind";
  readonly column: Column;
  readonly navigation: Navigation;
}

interface TypeSlot {
  readonly is: "type";
  readonly name: string;
  readonly hashed: string;
}

type Slot = ValueSlot | LookupSlot | { readonly is: "raw lookup" } | TypeSlot | { readonly is: "annotation" };

/** What each name in a body of this table means; made once. */
export interface Writer {
  readonly slots: ReadonlyMap<string, Slot>;
  /** How the last body of each kind was read: the next one nearly always has the same names. */
  readonly last: Record<Purpose["operation"], Reading | undefined>;
}

/** What a body is read for; each is one object. */
export interface Purpose {
  readonly operation: "create" | "update";
  /** The caller has checked the type. */
  readonly knowsType: boolean;
  /** The caller has read the primary key: it only says which row is meant. */
  readonly knowsId: boolean;
}

export const CREATE: Purpose = { operation: "create", knowsType: false, knowsId: false };
export const UPDATE: Purpose = { operation: "update", knowsType: false, knowsId: false };
export const BULK_CREATE: Purpose = { operation: "create", knowsType: true, knowsId: false };
export const BULK_UPDATE: Purpose = { operation: "update", knowsType: true, knowsId: true };
/** All that is wanted is that the service would understand it. */
export const BULK_DELETE: Purpose = { operation: "create", knowsType: true, knowsId: true };

/** How bodies with one list of names are read. */
export interface Reading {
  readonly purpose: Purpose;
  /** Columns that the address says. */
  readonly addressed: readonly string[];
  readonly names: readonly string[];
  /** In the order of the names. */
  readonly steps: readonly Step[];
  /** Whether one of them is a column that the address says. */
  readonly saysAddress: boolean;
  /** What a new row takes from its address. */
  readonly room: readonly Room[];
  readonly columns: Columns;
  /** As many values as columns, none of them known. */
  readonly blank: readonly undefined[];
}

/** A column that the address of a new row says. */
export interface Room {
  readonly column: Column;
  /** Where it stands among what is written. */
  readonly place: number;
  readonly check: Check;
}

/** What becomes of the value under one name. */
interface Step {
  readonly slot: Exclude<Slot, { is: "annotation" }> | undefined;
  /** Where its column stands among what is written, or one of the three below. */
  readonly place: number;
}

/** The caller has read it, or it says nothing. */
const PASSED = -1;
/** Not valid for the operation: dropped and counted, as the service drops it (page: web-api-properties). */
const DROPPED = -2;
/** Checked, and that is all. */
const CHECKED = -3;

const NONE: readonly string[] = [];

/** @param written the columns that the names before it write */
function stepOf(
  table: Table,
  { operation, knowsType, knowsId }: Purpose,
  addressed: readonly string[],
  name: string,
  slot: Slot | undefined,
  written: string[],
): Step {
  const isKnown = (knowsType && slot?.is === "type") || (knowsId && name === table.primaryId);
  if (isKnown || slot?.is === "annotation") return { slot: undefined, place: PASSED };
  if (slot === undefined || !("column" in slot)) return { slot, place: CHECKED };
  const { column } = slot;
  if (!(operation === "create" ? column.forCreate : column.forUpdate)) {
    // Page: use-elastic-tables. The partition of a row that is there says which one is meant.
    return { slot, place: table.elastic && column.logicalName === "partitionid" ? PASSED : DROPPED };
  }
  if (operation === "update" && addressed.includes(column.logicalName)) return { slot, place: CHECKED };
  const at = written.indexOf(column.logicalName);
  return { slot, place: at >= 0 ? at : written.push(column.logicalName) - 1 };
}

function roomFor(table: Table, slots: Writer["slots"], written: readonly string[], name: string): Room {
  const slot = slots.get(name);
  return {
    column: table.columns.get(name) as Column,
    place: written.indexOf(name),
    check: slot?.is === "value" ? slot.check : (input) => input as Value,
  };
}

/**
 * How a body is read: as the last one of its kind was, where its names are the same.
 * @param addressed columns that the address says already: what is to be created has room for them beside the body's; on
 * update the URL says which row is meant, and what the body holds of them is checked and goes no further
 */
export function readingOf(
  world: World,
  table: Table,
  body: JsonObject,
  purpose: Purpose,
  addressed = NONE,
): Reading {
  const { slots, last } = world.writers.get(table) as Writer;
  const { operation } = purpose;
  const before = last[operation];
  const isSame = before?.purpose === purpose && before.addressed === addressed;
  if (isSame && hasNames(body, before.names)) return before;
  const names = Object.keys(body);
  const written: string[] = [];
  const steps = names.map((name) => stepOf(table, purpose, addressed, name, slots.get(name), written));
  if (operation === "create") written.push(...addressed.filter((column) => !written.includes(column)));
  const reading: Reading = {
    purpose,
    addressed,
    names,
    steps,
    saysAddress: addressed.some((column) => names.includes(column)),
    room: operation === "create" ? addressed.map((name) => roomFor(table, slots, written, name)) : [],
    columns: newColumns(written),
    blank: written.map(() => undefined),
  };
  last[operation] = reading;
  return reading;
}

export function compileWriter(table: Table, rules: Unverified): Writer {
  const type = `Microsoft.Dynamics.CRM.${table.logicalName}`;
  const slots = new Map<string, Slot>([["@odata.type", { is: "type", name: type, hashed: `#${type}` }]]);
  for (const name of ROW_ANNOTATIONS) slots.set(name, { is: "annotation" });
  for (const column of table.columns.values()) {
    if (!column.odata) continue;
    if (isLookup(column)) slots.set(propertyName(column), { is: "raw lookup" });
    else slots.set(column.logicalName, { is: "value", column, check: compileCheck(table, column, rules) });
  }
  for (const navigation of table.navigation.values()) {
    const { name, column } = navigation;
    slots.set(name, { is: "navigation", column, navigation });
    slots.set(`${name}@odata.bind`, { is: "bind", column, navigation });
  }
  return { slots, last: { create: undefined, update: undefined } };
}

/** Reads the body of a create or update: column values, checked and in stored form. */
export const readPayload = (
  world: World,
  session: Session,
  table: Table,
  body: JsonObject,
  purpose: Purpose,
  addressed?: readonly string[],
): Written => readAs(readingOf(world, table, body, purpose, addressed), world, session, table, body);

/** The same for a caller who knows how. */
export function readAs(
  reading: Reading,
  world: World,
  session: Session,
  table: Table,
  body: JsonObject,
): Written {
  const { steps, columns, blank } = reading;
  const values: (Value | undefined)[] = blank.slice();
  let at = 0;
  for (const name in body) {
    const { slot, place } = steps[at] as Step;
    at += 1;
    if (place === PASSED) continue;
    if (slot === undefined) refuseUnlessAnnotation(world, table, body, name);
    else if (slot.is === "type") requireType(table, slot, body[name]);
    else if (slot.is === "raw lookup") throw rawLookup(table, name);
    else if (place === DROPPED)
      bump(world.counters.ignored, `${table.logicalName}.${slot.column.logicalName}`);
    else {
      const value =
        slot.is === "value"
          ? checked(world, table, slot, body[name])
          : bound(world, session, table, slot, body[name]);
      // Clearing one name of a polymorphic lookup must not undo a bind through another one in the same body.
      if (place >= 0 && (value !== null || values[place] === undefined)) values[place] = value;
    }
  }
  return { columns, values };
}

/** The value of a column that a body holds as it is. */
function checked(world: World, table: Table, { column, check }: ValueSlot, input: unknown): Value {
  const value = input === null ? null : check(input);
  if (value === null && column.required === "SystemRequired") {
    throw requiredNull(world.rules, table.logicalName, column.logicalName);
  }
  return value;
}

/** The value of a lookup. */
function bound(world: World, session: Session, table: Table, slot: LookupSlot, input: unknown): Value {
  const { is, column, navigation } = slot;
  if (input === null && column.required === "SystemRequired") {
    throw requiredNull(world.rules, table.logicalName, column.logicalName);
  }
  if (input === null) return null;
  if (is === "navigation") {
    const { name } = navigation;
    throw payloadError(
      table.set,
      `Microsoft.OData.ODataException: '${name}' is a navigation property; bind it with '${name}@odata.bind'.`,
    );
  }
  if (!isText(input)) throw wrongType(table.set, String(input), "Edm.String");
  return bindTarget(world, session, navigation, input);
}

const rawLookup = (table: Table, name: string) =>
  payloadError(
    table.set,
    `Microsoft.OData.ODataException: The property '${name}' cannot be written; use '@odata.bind'.`,
  );

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

function requireType(table: Table, { name, hashed }: TypeSlot, input: unknown): void {
  if (input === name || input === hashed) return;
  throw payloadError(
    table.set,
    `Microsoft.OData.ODataException: A type named '${String(input)}' could not be resolved by the model.`,
  );
}

function refuseUnlessAnnotation({ writers }: World, table: Table, body: JsonObject, name: string): void {
  const sign = name.indexOf("@");
  if (sign < 0) throw unknownProperty(table.set, table.logicalName, name);
  if (sign === 0) {
    if (name.startsWith("@odata.")) throw undeclaredProperty(name);
    return;
  }
  const subject = name.slice(0, sign);
  const declared = writers.get(table)?.slots.get(subject);
  // Annotations that come back from a read (formatted values) are accepted beside a declared property.
  if (declared && !name.endsWith("@odata.bind")) return;
  if (!(subject in body) || !declared) throw undeclaredProperty(subject);
  throw undeclaredProperty(name);
}
