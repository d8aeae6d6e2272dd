import type { Reference, Value } from "../row.ts";
import type { KeptRow } from "../store.ts";

/**
 * Lines of the data file. A line holds groups: rows of one table that name the same columns, or ids of rows that are
 * gone. A million rows are long enough without their column names; a lookup is `[table, id]`.
 */

type Stored = string | number | boolean | null | readonly [table: string, id: string];
type StoredRow = readonly [id: string, version: number, order: number, ...values: Stored[]];
type Group =
  | { readonly table: string; readonly columns: readonly string[]; readonly rows: readonly StoredRow[] }
  | { readonly table: string; readonly gone: readonly string[] };

export interface Item {
  readonly table: string;
  readonly id: string;
  readonly row: KeptRow | undefined;
}

const stored = (value: Value | undefined): Stored =>
  typeof value === "object" && value !== null ? [value.table, value.id] : (value ?? null);

const names = (row: KeptRow, columns: readonly string[]): boolean => {
  let at = 0;
  for (const name in row.values) if (columns[at++] !== name) return false;
  return at === columns.length;
};

/** One line, its end included. */
export function encode(items: Iterable<Item>): string {
  const groups: { table: string; columns?: string[]; rows?: StoredRow[]; gone?: string[] }[] = [];
  const open = (group: (typeof groups)[number]): (typeof groups)[number] => {
    groups.push(group);
    return group;
  };
  for (const { table, id, row } of items) {
    let group = groups.at(-1);
    if (!row) {
      if (group?.table !== table || !group.gone) group = open({ table, gone: [] });
      group.gone?.push(id);
      continue;
    }
    if (group?.table !== table || !group.columns || !names(row, group.columns)) {
      group = open({ table, columns: Object.keys(row.values), rows: [] });
    }
    const values = (group.columns as string[]).map((column) => stored(row.values[column]));
    group.rows?.push([id, row.version, row.order, ...values]);
  }
  return `${JSON.stringify(groups)}\n`;
}

/** Rows point at the same few users and units: they share one object each. */
export type Interned = Map<string, Reference>;

function restored(value: Stored, known: Interned): Value {
  if (typeof value !== "object" || value === null) return value;
  const [table, id] = value;
  const reference = known.get(id);
  if (reference?.table === table) return reference;
  const made = { table, id };
  if (known.size < 10_000) known.set(id, made);
  return made;
}

/** Reads a line in the order in which it was written. */
export function* decode(line: string, known: Interned): Iterable<Item> {
  for (const group of JSON.parse(line) as Group[]) {
    const { table } = group;
    if ("gone" in group) {
      for (const id of group.gone) yield { table, id, row: undefined };
      continue;
    }
    const { columns } = group;
    for (const [id, version, order, ...cells] of group.rows) {
      const values: Record<string, Value> = {};
      for (let at = 0; at < columns.length; at++) {
        values[columns[at] as string] = restored(cells[at] ?? null, known);
      }
      yield { table, id, row: { id, version, order, values } };
    }
  }
}
