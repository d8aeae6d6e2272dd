import { fillNumbers } from "./autonumber.ts";
import { bump } from "./counters.ts";
import { detectDuplicates, runPlugins } from "./custom-logic.ts";
import { moment } from "./dates.ts";
import { divide, round } from "./decimal.ts";
import { newPlace } from "./elastic.ts";
import { requiredNull } from "./errors.ts";
import { imageValues } from "./files/image.ts";
import { OF_PARTS } from "./forms.ts";
import {
  type Draft,
  draftOf,
  finish,
  type Held,
  type Layout,
  newDraft,
  put,
  putAt,
  type Reference,
  type Row,
  type Value,
  valueAt,
  valueIn,
} from "./row.ts";
import type { Table } from "./schema.ts";
import { requireWrite } from "./security/check.ts";
import { type Amount, change, fill, type Shape, shapeOf, talliesOf } from "./shape.ts";
import { refuseInactive, refuseLifecycle, settleState } from "./state.ts";
import type { Store } from "./store.ts";
import type { Session, World } from "./world.ts";
import { NOTHING, valueFor, type Written } from "./written.ts";

/** Owner columns follow the owner: user or team, and the business unit. */
function settleOwner(world: World, table: Table, draft: Draft): void {
  const owner = valueIn(draft, "ownerid") as Reference;
  put(draft, "owninguser", owner.table === "systemuser" ? owner : null);
  put(draft, "owningteam", owner.table === "team" ? owner : null);
  if (!table.columns.has("owningbusinessunit")) return;
  const ownerTable = world.schema.tables.get(owner.table);
  const row = ownerTable && world.store.get(ownerTable, owner.id);
  put(draft, "owningbusinessunit", valueIn(row, "businessunitid") ?? world.organization.businessUnit);
}

/** What amounts of a currency are counted with. */
interface Currency {
  readonly reference: Reference;
  /** The last change of what is looked up. */
  readonly since: number;
  readonly rate: string;
  readonly precision: number;
}

const currencies = new WeakMap<Store, Currency>();

function currencyOf({ schema, store }: World, reference: Reference): Currency {
  const known = currencies.get(store);
  const since = store.pointedAtSince();
  if (known?.since === since && known.reference.id === reference.id) return known;
  const row = store.get(schema.tables.get("transactioncurrency") as Table, reference.id);
  const rate = (valueIn(row, "exchangerate") as string | null | undefined) ?? "1";
  const currency = { reference, since, rate, precision: Number(valueIn(row, "currencyprecision") ?? 2) };
  currencies.set(store, currency);
  return currency;
}

/** Amounts are kept in the row's currency and once more in the organisation's (page: entity-attribute-metadata). */
function settleMoney(
  world: World,
  table: Table,
  draft: Draft,
  written: Written,
  shape: Shape,
  isNew: boolean,
): void {
  if (!table.hasCurrency) return;
  const moved = shape.writesCurrency;
  const amounts = moved ? shape.allMoney : shape.money;
  let reference = valueAt(draft, shape.currency) as Reference | null | undefined;
  if (!reference && (amounts.length > 0 || (isNew && world.rules.everyRowGetsCurrency))) {
    reference = world.organization.currency;
    putAt(draft, shape.currency, reference);
  }
  if (!reference) return;
  const rate = valueAt(draft, shape.rate) as string | null | undefined;
  const isStale = isNew || moved || !rate;
  if (!isStale && amounts.length === 0) return;
  const currency = currencyOf(world, reference);
  if (isStale) putAt(draft, shape.rate, currency.rate);
  settleAmounts(draft, written, amounts, isStale ? currency.rate : rate, currency.precision);
}

function settleAmounts(
  draft: Draft,
  { values }: Written,
  amounts: readonly Amount[],
  rate: string,
  precision: number,
): void {
  for (const { column, place, amount, base } of amounts) {
    const sent = values[place];
    // Few digits in the base currency: nothing is rounded, and nothing need be spelled.
    if (typeof sent === "number" && rate === "1" && precision >= 2 && column.precisionSource === 2) {
      putAt(draft, base, sent);
      continue;
    }
    const value = valueAt(draft, amount);
    if (typeof value !== "string") {
      if (value === null) putAt(draft, base, null);
      continue;
    }
    const rounded = round(value, column.precisionSource === 2 ? precision : (column.precision ?? 2));
    putAt(draft, amount, rounded);
    putAt(draft, base, divide(rounded, rate, 4));
  }
}

/** A picture has an id, a time and an address of its own. */
function settleImages(world: World, table: Table, draft: Draft, written: Written): void {
  for (const column of table.images) {
    const picture = valueFor(written, column.logicalName);
    if (picture === undefined) continue;
    const values = imageValues(world, column, picture);
    for (const name in values) if (table.columns.has(name)) put(draft, name, values[name] as Value);
  }
}

/** Who writes a row, and when. */
function stamp(draft: Draft, session: Session, createdOn: string, now: string): void {
  const { user, onBehalfBy } = session;
  put(draft, "createdon", createdOn);
  put(draft, "modifiedon", now);
  put(draft, "createdby", user);
  put(draft, "modifiedby", user);
  if (onBehalfBy === undefined) return;
  put(draft, "createdonbehalfby", onBehalfBy);
  put(draft, "modifiedonbehalfby", onBehalfBy);
}

/** What the new rows of one request start with: the stamps, the owner, the currency, the first state, the defaults. */
interface Start {
  readonly session: Session;
  readonly now: string;
  readonly layout: Layout;
  /** The last change of what is looked up. */
  readonly since: number;
  /** Of rows that name none. */
  readonly currency: Currency | undefined;
  readonly row: Held;
}

/** The last one of each table. */
const starts = new WeakMap<Table, Start>();

function startOf(world: World, session: Session, table: Table, layout: Layout, now: string): Start {
  const since = world.store.pointedAtSince();
  const known = starts.get(table);
  if (
    known?.session === session &&
    known.now === now &&
    known.layout === layout &&
    known.since === since &&
    known.row.cells.length === layout.blank.length
  ) {
    return known;
  }
  const draft = newDraft(layout);
  stamp(draft, session, now, now);
  if (table.hasOwner) {
    put(draft, "ownerid", session.user);
    settleOwner(world, table, draft);
  }
  settleState(world, table, draft, NOTHING, undefined, undefined);
  const hasCurrency = table.hasCurrency && world.rules.everyRowGetsCurrency;
  const currency = hasCurrency ? currencyOf(world, world.organization.currency) : undefined;
  if (currency) {
    put(draft, "transactioncurrencyid", currency.reference);
    put(draft, "exchangerate", currency.rate);
  }
  const start = { session, now, layout, since, currency, row: finish(draft) };
  starts.set(table, start);
  return start;
}

/**
 * Makes a row.
 * @param written checked values; may hold the primary key
 * @param replaced the row whose place it takes, whole: an upsert on an elastic table (page: use-elastic-tables)
 * @returns the stored row; throws 412 for an id or key that exists, 400 for what the table does not allow
 */
export function createRow(
  world: World,
  session: Session,
  table: Table,
  written: Written,
  replaced?: Row,
): Row {
  const hooks = world.hooks.get(table.logicalName);
  hooks?.creating?.(world, session, written);
  world.meter.rows += 1;
  requireWrite(world, session, table, written, replaced ? "update" : "create");
  if (table.numbered.length > 0) fillNumbers(world, table, written);
  const given = (valueFor(written, table.primaryId) as string | null | undefined) ?? undefined;
  const id = table.elastic ? (given ?? world.store.newId()) : given;
  for (const column of table.required) {
    if ((valueFor(written, column) ?? null) === null)
      throw requiredNull(world.rules, table.logicalName, column);
  }
  detectDuplicates(world, session, table, written, replaced);
  runPlugins(world, session, table, written, undefined);
  const now = session.moment ?? moment(world.now());
  const shape = shapeOf(table, world.store.layout(table), written.columns);
  const start = startOf(world, session, table, shape.layout, now);
  const draft = draftOf(start.row);
  fill(draft, shape, written);
  if (shape.writesStamps) {
    stamp(
      draft,
      session,
      (valueFor(written, "overriddencreatedon") as string | null | undefined) ?? now,
      now,
    );
  }
  if (shape.writesOwner) {
    if (valueIn(draft, "ownerid") === null) put(draft, "ownerid", session.user);
    settleOwner(world, table, draft);
  }
  if (shape.writesState) settleState(world, table, draft, written, id, undefined);
  const { currency } = start;
  if (shape.writesCurrency || currency === undefined) settleMoney(world, table, draft, written, shape, true);
  else settleAmounts(draft, written, shape.money, currency.rate, currency.precision);
  for (const spot of shape.composed) putAt(draft, spot, OF_PARTS);
  if (table.images.length > 0) settleImages(world, table, draft, written);
  if (table.elastic) {
    put(draft, table.primaryId, id as string);
    if ((valueIn(draft, "partitionid") ?? null) === null) put(draft, "partitionid", id as string);
  }
  if (replaced) return world.store.replace(table, replaced, draft, shape.columns);
  const place = table.elastic ? newPlace(draft, id as string) : id;
  const row = world.store.insert(table, place, draft, shape.columns);
  hooks?.created?.(world, session, row);
  return row;
}

/** Changes a row; every column sent counts as written, equal or not (page: update-delete-entities-using-web-api). */
export function updateRow(world: World, session: Session, table: Table, row: Row, written: Written): Row {
  world.meter.rows += 1;
  requireWrite(world, session, table, written, "update");
  refuseInactive(world.rules, table, row, written);
  refuseLifecycle(world.rules, table, row, written);
  world.hooks.get(table.logicalName)?.updating?.(world, session, row, written);
  detectDuplicates(world, session, table, written, row);
  runPlugins(world, session, table, written, row);
  const shape = shapeOf(table, row.layout, written.columns);
  const { stamps } = shape;
  const draft = draftOf(row);
  const hasChanged = change(draft, shape, written, talliesOf(table, shape, world.counters));
  if (!hasChanged) bump(world.counters.redundantRows, table.logicalName);
  putAt(draft, stamps.modifiedon, session.moment ?? moment(world.now()));
  putAt(draft, stamps.modifiedby, session.user);
  if (session.onBehalfBy || valueAt(draft, stamps.modifiedonbehalfby)) {
    putAt(draft, stamps.modifiedonbehalfby, session.onBehalfBy ?? null);
  }
  if (shape.writesOwner && valueFor(written, "ownerid") !== null) settleOwner(world, table, draft);
  if (shape.writesState || typeof valueAt(row, stamps.statecode) !== "number") {
    settleState(world, table, draft, written, row.id, row);
  }
  settleMoney(world, table, draft, written, shape, false);
  for (const spot of shape.composed) putAt(draft, spot, OF_PARTS);
  if (table.images.length > 0) settleImages(world, table, draft, written);
  return world.store.replace(table, row, draft, shape.columns);
}
