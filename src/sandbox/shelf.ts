import { duplicateDetails } from "./error-details.ts";
import { duplicateId, keyViolated } from "./errors.ts";
import { formsOf } from "./forms.ts";
import type { Serials } from "./guid.ts";
import { enter, firstPair, type KeyIndex, leave, newKeyIndex, nextPair, placeAt } from "./key-index.ts";
import {
  type Held,
  type Layout,
  newLayout,
  type Row,
  type Spot,
  spotOf,
  type Value,
  type Values,
  valueAt,
  valueIn,
} from "./row.ts";
import { trimEndOf } from "./scan.ts";
import type { AlternateKey, Table } from "./schema.ts";
import type { Unverified } from "./unverified.ts";

/** The rows of one table in the order of their creation, and what finds them. */
export interface Shelf {
  readonly layout: Layout;
  /** By place. A row that is deleted leaves a hole: less than change tracking remembers of it. */
  readonly slots: (Row | undefined)[];
  /** By place: the last serial number that was given out when the row came, so that an id of the server's finds it. */
  readonly serials: number[];
  size: number;
  /** The places of rows whose ids others chose. */
  readonly byId: Map<string, number>;
  readonly indexes: readonly KeptKey[];
  /** By tracked column: the rows that point at an id. */
  readonly referrers: readonly Referrers[];
  readonly deleted: Deletion[];
  /** Of deletions up to this version nothing is known any more. */
  forgotten: number;
}

/** What finds rows by one of their keys. */
interface KeptKey {
  readonly key: AlternateKey;
  readonly spots: readonly Spot[];
  readonly index: KeyIndex;
}

interface Referrers {
  readonly column: string;
  readonly spot: Spot;
  readonly ids: Map<string, Set<string>>;
}

/** What change tracking tells of a row that is gone. */
export interface Deletion {
  readonly id: string;
  readonly version: number;
}

/** The rows of a table, to be read. */
export interface Rows {
  readonly size: number;
  values(): IterableIterator<Row>;
  /** Their ids. */
  keys(): IterableIterator<string>;
}

const USUAL = [
  "ownerid",
  "owninguser",
  "owningteam",
  "owningbusinessunit",
  "createdby",
  "modifiedby",
  "transactioncurrencyid",
  "exchangerate",
  "statecode",
  "statuscode",
];

/** What nearly all rows of a table agree in: whose they are, what their amounts and states are, and the defaults. */
function defaultsOf(table: Table): Values {
  const names = USUAL.filter((name) => table.columns.has(name));
  return { ...Object.fromEntries(names.map((name) => [name, null])), ...Object.fromEntries(table.fallbacks) };
}

export function newShelf(table: Table, ids: Serials): Shelf {
  const layout = newLayout(
    ids,
    table.elastic ? undefined : table.primaryId,
    defaultsOf(table),
    formsOf(table),
  );
  return {
    layout,
    slots: [],
    serials: [],
    size: 0,
    byId: new Map(),
    indexes: [...table.activeKeys, ...table.unique].map((key) => ({
      key,
      spots: key.columns.map((column) => spotOf(layout, column)),
      index: newKeyIndex(),
    })),
    referrers: table.tracked.map((column) => ({ column, spot: spotOf(layout, column), ids: new Map() })),
    deleted: [],
    forgotten: 0,
  };
}

export function* rowsOn({ slots }: Shelf): IterableIterator<Row> {
  for (const row of slots) if (row !== undefined) yield row;
}

export function* idsOn(shelf: Shelf): IterableIterator<string> {
  for (const row of rowsOn(shelf)) yield row.id;
}

/** The row with an id, through the index or by the number in the id. */
export function rowWith({ layout, slots, serials, byId }: Shelf, id: string): Row | undefined {
  const place = byId.get(id);
  if (place !== undefined) return slots[place];
  const serial = layout.ids.serialOf(id);
  if (serial === undefined) return undefined;
  let [from, to] = [0, serials.length - 1];
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((serials[middle] as number) < serial) from = middle + 1;
    else to = middle;
  }
  // A row that came otherwise may carry the number that was the last one then.
  for (; serials[from] === serial; from++) if (slots[from]?.id === id) return slots[from];
  return undefined;
}

export function fold(rules: Unverified, text: string): string {
  const trimmed = rules.textFoldsTrailingSpaces && text.endsWith(" ") ? trimEndOf(text, " ") : text;
  return rules.textFoldsCase ? trimmed.toLowerCase() : trimmed;
}

let lastRules: Unverified | undefined;
let lastText = "";
let lastFolded = "";

/** The same for keys: a new row is looked for, checked and entered with one text. */
function foldKey(rules: Unverified, text: string): string {
  if (text === lastText && rules === lastRules) return lastFolded;
  lastFolded = fold(rules, text);
  lastRules = rules;
  lastText = text;
  return lastFolded;
}

/** One part of a key as it is compared. */
function keyPart(rules: Unverified, value: Value | undefined): string | undefined {
  if (value === null || value === undefined) return undefined;
  if (typeof value === "string") return foldKey(rules, value);
  return typeof value === "object" ? value.id : String(value);
}

const targetOf = (value: Value | undefined): string | undefined =>
  value === null || value === undefined ? undefined : typeof value === "object" ? value.id : String(value);

/** The values of a key as its index knows them; undefined when the row is not in the index. */
function keyText(rules: Unverified, values: readonly (Value | undefined)[]): string | undefined {
  const parts: string[] = [];
  for (const value of values) {
    const part = keyPart(rules, value);
    if (part === undefined && rules.nullKeyPartsAreUnchecked) return undefined;
    parts.push(part ?? "");
  }
  return parts.join("\u0000");
}

/** The same of a row. Nearly all keys have one part. */
const textIn = (rules: Unverified, { spots }: KeptKey, row: Held): string | undefined =>
  spots.length === 1
    ? keyPart(rules, valueAt(row, spots[0] as Spot))
    : keyText(
        rules,
        spots.map((spot) => valueAt(row, spot)),
      );

const agree = (a: Held, b: Held, { spots }: KeptKey): boolean => {
  for (const spot of spots) if (valueAt(a, spot) !== valueAt(b, spot)) return false;
  return true;
};

function violated(rules: Unverified, key: AlternateKey, table: Table, row: Row) {
  const columns = key.parts.map((part) => part.label).join(", ");
  const names = [...key.columns, table.primaryId];
  const values = names.map((name) => [name, targetOf(valueIn(row, name)) ?? ""] as const);
  const details = duplicateDetails(key.label, columns, Object.fromEntries(values));
  return keyViolated(rules, key.label, columns, details);
}

/**
 * The pair of the row with a key, or -1.
 * @param first the value of its first part: a key of one part that has it as it is need not be folded to be compared
 */
function pairOf(
  { slots }: Shelf,
  rules: Unverified,
  kept: KeptKey,
  text: string,
  first: Value | undefined,
): number {
  const { index, spots } = kept;
  const [spot, more] = spots as [Spot, ...Spot[]];
  let at = firstPair(index, text);
  for (; at >= 0; at = nextPair(index, at)) {
    const row = slots[placeAt(index, at)];
    if (row === undefined) continue;
    if (more === undefined && valueAt(row, spot) === first) break;
    if (textIn(rules, kept, row) === text) break;
  }
  return at;
}

/** The row with the values of a key, in the order of its columns. */
export function rowWithKey(
  shelf: Shelf,
  rules: Unverified,
  key: AlternateKey,
  values: readonly (Value | undefined)[],
): Row | undefined {
  for (const kept of shelf.indexes) {
    if (kept.key !== key) continue;
    const text = values.length === 1 ? keyPart(rules, values[0]) : keyText(rules, values);
    const at = text === undefined ? -1 : pairOf(shelf, rules, kept, text, values[0]);
    return at < 0 ? undefined : shelf.slots[placeAt(kept.index, at)];
  }
  return undefined;
}

/** @throws Refusal when the new values of a key are another row's */
function checkKeys(shelf: Shelf, table: Table, rules: Unverified, before: Row | undefined, after: Row): void {
  for (const kept of shelf.indexes) {
    if (before && agree(before, after, kept)) continue;
    const text = textIn(rules, kept, after);
    if (text === undefined || (before && textIn(rules, kept, before) === text)) continue;
    if (pairOf(shelf, rules, kept, text, valueAt(after, kept.spots[0] as Spot)) < 0) continue;
    // What is no alternate key is a plain unique index: the database says so in other words.
    throw table.unique.includes(kept.key) ? duplicateId(rules) : violated(rules, kept.key, table, after);
  }
}

/** @param areUnique whether it is known that no other row has the new keys */
function moveKeys(
  shelf: Shelf,
  rules: Unverified,
  before: Row | undefined,
  after: Row | undefined,
  areUnique: boolean,
): void {
  const { place } = (after ?? before) as Row;
  for (const kept of shelf.indexes) {
    if (before && after && agree(before, after, kept)) continue;
    const from = before && textIn(rules, kept, before);
    const to = after && textIn(rules, kept, after);
    if (from === to) continue;
    if (from !== undefined) leave(kept.index, from, place);
    if (to === undefined || after === undefined) continue;
    const first = valueAt(after, kept.spots[0] as Spot);
    enter(kept.index, to, place, areUnique ? -1 : pairOf(shelf, rules, kept, to, first));
  }
}

function moveReferences({ referrers }: Shelf, before: Row | undefined, after: Row | undefined): void {
  for (const { spot, ids } of referrers) {
    const from = before && targetOf(valueAt(before, spot));
    const to = after && targetOf(valueAt(after, spot));
    if (from === to) continue;
    const { id } = (after ?? before) as Row;
    if (from !== undefined) ids.get(from)?.delete(id);
    if (to === undefined) continue;
    const known = ids.get(to);
    if (known) known.add(id);
    else ids.set(to, new Set([id]));
  }
}

/**
 * Puts one row in the place of another, nothing included.
 * @param check whether keys must be unique; when one is not, nothing has happened and the Refusal is thrown
 */
export function shelve(
  shelf: Shelf,
  table: Table,
  rules: Unverified,
  before: Row | undefined,
  after: Row | undefined,
  check: boolean,
): void {
  if (check && after) checkKeys(shelf, table, rules, before, after);
  moveKeys(shelf, rules, before, after, check);
  moveReferences(shelf, before, after);
  if (after) {
    shelf.slots[after.place] = after;
    if (before) return;
    if (after.givenId !== undefined) shelf.byId.set(after.givenId, after.place);
    shelf.size += 1;
  } else if (before) {
    shelf.slots[before.place] = undefined;
    if (before.givenId !== undefined) shelf.byId.delete(before.givenId);
    shelf.size -= 1;
  }
}
