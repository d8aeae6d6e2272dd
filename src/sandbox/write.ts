import { fillNumbers } from "./autonumber.ts";
import { bump } from "./counters.ts";
import { detectDuplicates, runPlugins } from "./custom-logic.ts";
import { moment } from "./dates.ts";
import { divide, round } from "./decimal.ts";
import { newPlace } from "./elastic.ts";
import { requiredNull } from "./errors.ts";
import { imageValues } from "./files/image.ts";
import type { Writer, Written } from "./payload.ts";
import type { Table } from "./schema.ts";
import { requireWrite } from "./security/check.ts";
import { type Shape, shapeOf } from "./shape.ts";
import { refuseInactive, settleState } from "./state.ts";
import type { Reference, Row, Value } from "./store.ts";
import type { Session, World } from "./world.ts";

type Draft = Record<string, Value | undefined>;

/** Owner columns follow the owner: user or team, and the business unit. */
function settleOwner(world: World, table: Table, draft: Draft): void {
  const owner = draft.ownerid as Reference;
  draft.owninguser = owner.table === "systemuser" ? owner : null;
  draft.owningteam = owner.table === "team" ? owner : null;
  const ownerTable = world.schema.tables.get(owner.table);
  const row = ownerTable && world.store.get(ownerTable, owner.id);
  if (table.columns.has("owningbusinessunit")) {
    draft.owningbusinessunit = row?.values.businessunitid ?? world.organization.businessUnit;
  }
}

/** Amounts are kept in the row's currency and once more in the organisation's (page: entity-attribute-metadata). */
function settleMoney(
  world: World,
  table: Table,
  draft: Draft,
  changed: Written,
  shape: Shape,
  isNew: boolean,
) {
  if (!table.hasCurrency) return;
  const moved = changed.transactioncurrencyid !== undefined;
  const amounts = moved ? shape.allMoney : shape.money;
  if (!draft.transactioncurrencyid && (amounts.length > 0 || (isNew && world.rules.everyRowGetsCurrency))) {
    draft.transactioncurrencyid = world.organization.currency;
  }
  const reference = draft.transactioncurrencyid as Reference | null | undefined;
  if (!reference) return;
  const isStale = isNew || moved || !draft.exchangerate;
  if (!isStale && amounts.length === 0) return;
  const currencies = world.schema.tables.get("transactioncurrency") as Table;
  const currency = world.store.get(currencies, reference.id)?.values;
  if (isStale) draft.exchangerate = currency?.exchangerate ?? "1";
  const places = Number(currency?.currencyprecision ?? 2);
  for (const { column, base } of amounts) {
    const amount = draft[column.logicalName];
    if (typeof amount !== "string") {
      if (amount === null) draft[base] = null;
      continue;
    }
    const rounded = round(amount, column.precisionSource === 2 ? places : (column.precision ?? 2));
    draft[column.logicalName] = rounded;
    draft[base] = divide(rounded, draft.exchangerate as string, 4);
  }
}

/** Columns that the service computes from others, when one of those was written. */
function settleComputed(draft: Draft, shape: Shape): void {
  if (shape.writesName) {
    const { firstname, lastname } = draft;
    draft.fullname = (firstname && lastname ? `${firstname} ${lastname}` : firstname || lastname) || null;
  }
  for (const { composite, parts } of shape.addresses) draft[composite] = addressOf(draft, parts);
}

/** Two texts with something between them, or the one that there is. */
const joined = (a: Value | undefined, between: string, b: Value | undefined): string =>
  a && b ? `${a}${between}${b}` : String(a || b || "");

/** An address as a form shows it: lines, then city, region and code, then the country. */
function addressOf(draft: Draft, parts: readonly string[]): string | null {
  const part = (at: number) => draft[parts[at] as string];
  const place = joined(part(3), ", ", joined(part(4), " ", part(5)));
  const lines = joined(joined(part(0), "\r\n", part(1)), "\r\n", part(2));
  return joined(joined(lines, "\r\n", place), "\r\n", part(6)) || null;
}

/** A picture has an id, a time and an address of its own. */
function settleImages(world: World, table: Table, draft: Draft, written: Written): void {
  for (const column of table.images) {
    const picture = written[column.logicalName];
    if (picture === undefined) continue;
    const values = imageValues(world, column, picture);
    for (const name in values) if (table.columns.has(name)) draft[name] = values[name];
  }
}

/**
 * Makes a row.
 * @param written checked values; may hold the primary key
 * @returns the stored row; throws 412 for an id or key that exists, 400 for what the table does not allow
 */
export function createRow(world: World, session: Session, table: Table, written: Written): Row {
  const hooks = world.hooks.get(table.logicalName);
  hooks?.creating?.(world, session, written);
  world.meter.rows += 1;
  requireWrite(world, session, table, written, "create");
  if (table.numbered.length > 0) fillNumbers(world, table, written);
  const id = (written[table.primaryId] as string | null | undefined) ?? world.store.newId();
  const { required, drafts } = world.writers.get(table) as Writer;
  for (const column of required) {
    const value = written[column.logicalName];
    if (value === undefined || value === null) {
      throw requiredNull(world.rules, table.logicalName, column.logicalName);
    }
  }
  detectDuplicates(world, session, table, written, undefined);
  runPlugins(world, session, table, written, undefined);
  const now = moment(world.now());
  const shape = shapeOf(table, written);
  const draft: Draft = drafts.from(shape, written);
  draft[table.primaryId] = id;
  draft.createdon = written.overriddencreatedon ?? now;
  draft.modifiedon = now;
  draft.createdby = session.user;
  draft.modifiedby = session.user;
  if (session.onBehalfBy) {
    draft.createdonbehalfby = session.onBehalfBy;
    draft.modifiedonbehalfby = session.onBehalfBy;
  }
  if (table.hasOwner) {
    draft.ownerid ??= session.user;
    settleOwner(world, table, draft);
  }
  settleState(table, draft, written, id, undefined);
  settleMoney(world, table, draft, written, shape, true);
  settleComputed(draft, shape);
  if (table.images.length > 0) settleImages(world, table, draft, written);
  if (table.elastic) draft.partitionid ??= id;
  const row = world.store.insert(table, newPlace(table, draft, id), draft, shape.columns);
  hooks?.created?.(world, session, row);
  return row;
}

const same = (a: Value | undefined, b: Value | undefined): boolean => {
  if (a === b) return true;
  if (a === null || a === undefined) return b === null || b === undefined;
  return typeof a === "object" && typeof b === "object" && b !== null && a.id === b.id && a.table === b.table;
};

/** Changes a row; every column sent counts as written, equal or not (page: update-delete-entities-using-web-api). */
export function updateRow(world: World, session: Session, table: Table, row: Row, written: Written): Row {
  world.meter.rows += 1;
  requireWrite(world, session, table, written, "update");
  refuseInactive(world.rules, table, row, written);
  world.hooks.get(table.logicalName)?.updating?.(world, session, row, written);
  detectDuplicates(world, session, table, written, row);
  runPlugins(world, session, table, written, row);
  const shape = shapeOf(table, written);
  let hollow = true;
  for (let at = 0; at < shape.columns.length; at++) {
    const column = shape.columns[at] as string;
    if (same(written[column], row.values[column])) bump(world.counters.redundant, shape.labels[at] as string);
    else hollow = false;
  }
  if (hollow) bump(world.counters.redundantRows, table.logicalName);
  const draft: Draft = { ...row.values, ...written };
  draft.modifiedon = moment(world.now());
  draft.modifiedby = session.user;
  if (session.onBehalfBy || draft.modifiedonbehalfby) draft.modifiedonbehalfby = session.onBehalfBy ?? null;
  if (written.ownerid) settleOwner(world, table, draft);
  settleState(table, draft, written, row.id, row.values);
  settleMoney(world, table, draft, written, shape, false);
  settleComputed(draft, shape);
  if (table.images.length > 0) settleImages(world, table, draft, written);
  return world.store.replace(table, row, draft, shape.columns);
}
