import { duplicateDetails } from "./error-details.ts";
import { duplicateId, keyViolated } from "./errors.ts";
import type { Serials } from "./guid.ts";
import { enter, type KeyIndex, leave, newKeyIndex, placeWith } from "./key-index.ts";
import { type Held, type Layout, newLayout, type Row, type Value, type Values, valueIn } from "./row.ts";
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
  readonly indexes: readonly { readonly key: AlternateKey; readonly index: KeyIndex }[];
  /** By tracked column: the rows that point at an id. */
  readonly referrers: readonly { readonly column: string; readonly ids: Map<string, Set<string>> }[];
  readonly deleted: Deletion[];
  /** Of deletions up to this version nothing is known any more. */
  forgotten: number;
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

/** What nearly all rows of a table agree in: whose they are, what state they are in, and the defaults. */
function defaultsOf(table: Table): Values {
  const usual = ["ownerid", "owninguser", "owningteam", "owningbusinessunit", "statecode", "statuscode"];
  const names = usual.filter((name) => table.columns.has(name));
  return { ...Object.fromEntries(names.map((name) => [name, null])), ...Object.fromEntries(table.fallbacks) };
}

export const newShelf = (table: Table, ids: Serials): Shelf => ({
  layout: newLayout(ids, table.elastic ? undefined : table.primaryId, defaultsOf(table)),
  slots: [],
  serials: [],
  size: 0,
  byId: new Map(),
  indexes: [...table.activeKeys, ...table.unique].map((key) => ({ key, index: newKeyIndex() })),
  referrers: table.tracked.map((column) => ({ column, ids: new Map() })),
  deleted: [],
  forgotten: 0,
});

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

export const fold = (rules: Unverified, text: string): string => {
  const trimmed = rules.textFoldsTrailingSpaces && text.endsWith(" ") ? trimEndOf(text, " ") : text;
  return rules.textFoldsCase ? trimmed.toLowerCase() : trimmed;
};

/** One part of a key as it is compared. */
function keyPart(rules: Unverified, value: Value | undefined): string | undefined {
  if (value === null || value === undefined) return undefined;
  if (typeof value === "string") return fold(rules, value);
  return typeof value === "object" ? value.id : String(value);
}

const targetOf = (value: Value | undefined): string | undefined =>
  value === null || value === undefined ? undefined : typeof value === "object" ? value.id : String(value);

/** The values of a key as its index knows them; undefined when the row is not in the index. */
function keyText(
  rules: Unverified,
  key: AlternateKey,
  valueAt: (column: string) => Value | undefined,
): string | undefined {
  if (key.columns.length === 1) return keyPart(rules, valueAt(key.columns[0] as string));
  const parts: string[] = [];
  for (const column of key.columns) {
    const part = keyPart(rules, valueAt(column));
    if (part === undefined && rules.nullKeyPartsAreUnchecked) return undefined;
    parts.push(part ?? "");
  }
  return parts.join("\u0000");
}

const textIn = (rules: Unverified, key: AlternateKey, row: Held): string | undefined =>
  keyText(rules, key, (column) => valueIn(row, column));

const agree = (a: Held, b: Held, column: string): boolean => valueIn(a, column) === valueIn(b, column);

function violated(rules: Unverified, key: AlternateKey, table: Table, row: Row) {
  const columns = key.parts.map((part) => part.label).join(", ");
  const names = [...key.columns, table.primaryId];
  const values = names.map((name) => [name, targetOf(valueIn(row, name)) ?? ""] as const);
  const details = duplicateDetails(key.label, columns, Object.fromEntries(values));
  return keyViolated(rules, key.label, columns, details);
}

const textAt =
  (shelf: Shelf, rules: Unverified, key: AlternateKey) =>
  (place: number): string | undefined => {
    const row = shelf.slots[place];
    return row && textIn(rules, key, row);
  };

/** The row with the values of a key. */
export function rowWithKey(
  shelf: Shelf,
  rules: Unverified,
  key: AlternateKey,
  values: Values,
): Row | undefined {
  const text = keyText(rules, key, (column) => values[column]);
  const kept = shelf.indexes.find((one) => one.key === key);
  if (text === undefined || kept === undefined) return undefined;
  const place = placeWith(kept.index, text, textAt(shelf, rules, key));
  return place === undefined ? undefined : shelf.slots[place];
}

/** @throws Refusal when the new values of a key are another row's */
function checkKeys(shelf: Shelf, table: Table, rules: Unverified, before: Row | undefined, after: Row): void {
  for (const { key, index } of shelf.indexes) {
    if (before && key.columns.every((column) => agree(before, after, column))) continue;
    const text = textIn(rules, key, after);
    if (text === undefined || (before && textIn(rules, key, before) === text)) continue;
    if (placeWith(index, text, textAt(shelf, rules, key)) === undefined) continue;
    // What is no alternate key is a plain unique index: the database says so in other words.
    throw table.unique.includes(key) ? duplicateId(rules) : violated(rules, key, table, after);
  }
}

function moveKeys(shelf: Shelf, rules: Unverified, before: Row | undefined, after: Row | undefined): void {
  const { place } = (after ?? before) as Row;
  for (const { key, index } of shelf.indexes) {
    if (before && after && key.columns.every((column) => agree(before, after, column))) continue;
    const from = before && textIn(rules, key, before);
    const to = after && textIn(rules, key, after);
    if (from === to) continue;
    if (from !== undefined) leave(index, from, place);
    if (to !== undefined) enter(index, to, place, textAt(shelf, rules, key));
  }
}

function moveReferences({ referrers }: Shelf, before: Row | undefined, after: Row | undefined): void {
  for (const { column, ids } of referrers) {
    const from = before && targetOf(valueIn(before, column));
    const to = after && targetOf(valueIn(after, column));
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
  moveKeys(shelf, rules, before, after);
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
