import { duplicateDetails } from "./error-details.ts";
import { duplicateId, keyViolated } from "./errors.ts";
import { idSequence } from "./guid.ts";
import type { AlternateKey, Schema, Table } from "./schema.ts";
import type { Unverified } from "./unverified.ts";

export interface Reference {
  readonly table: string;
  readonly id: string;
}

/** Decimals, amounts and big integers are canonical text; dates are ISO text. */
export type Value = string | number | boolean | null | Reference;
export type Values = Readonly<Record<string, Value | undefined>>;

/** Rows are never changed in place, so that taking a write back is putting the old row back. */
export interface Row {
  readonly id: string;
  readonly version: number;
  /** Order of creation: the order of pages. */
  readonly order: number;
  readonly values: Values;
}

export interface Change {
  readonly table: Table;
  readonly id: string;
  readonly before: Row | undefined;
  readonly after: Row | undefined;
  /** The columns that the request named, for the audit. */
  readonly written: readonly string[];
}

interface Shelf {
  readonly rows: Map<string, Row>;
  readonly indexes: readonly { readonly key: AlternateKey; readonly ids: Map<string, string> }[];
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

export interface Store {
  get(table: Table, id: string): Row | undefined;
  rows(table: Table): ReadonlyMap<string, Row>;
  exists(reference: Reference): boolean;
  /** The id of the row with these key values, through the key's index. */
  find(table: Table, key: AlternateKey, values: Values): string | undefined;
  insert(table: Table, id: string, values: Values, written: readonly string[]): Row;
  replace(table: Table, row: Row, values: Values, written: readonly string[]): Row;
  remove(table: Table, row: Row): void;
  /** Ids of the rows whose tracked column points at `id`. */
  referrers(table: Table, column: string, id: string): ReadonlySet<string>;
  /** Deletions in the order in which they happened, since the start. */
  deletions(table: Table): readonly Deletion[];
  /** The version up to which deletions are forgotten, because there were too many since. */
  forgotten(table: Table): number;
  /** Runs `work` whole or not at all; nested calls join the outer one and can be taken back alone. */
  transaction<T>(work: () => T): T;
  /** Puts a row in place as it was, outside transactions and checks: seeds and restarts. */
  restore(table: Table, row: Row | undefined, id: string): void;
  /** Follows a table whose keys or columns changed, or that is new. */
  reshape(table: Table): void;
  newId(): string;
  /** Highest version in use; it grows with each write (page: perform-conditional-operations). */
  version(): number;
}

export const fold = (rules: Unverified, text: string): string => {
  const trimmed = rules.textFoldsTrailingSpaces && text.endsWith(" ") ? text.replace(/ +$/, "") : text;
  return rules.textFoldsCase ? trimmed.toLowerCase() : trimmed;
};

/** One part of a key as it is compared. */
export function keyPart(rules: Unverified, value: Value | undefined): string | undefined {
  if (value === null || value === undefined) return undefined;
  if (typeof value === "string") return fold(rules, value);
  return typeof value === "object" ? value.id : String(value);
}

/** Deletions of a table that are remembered; a client that is further behind starts over. */
const MOST_DELETIONS = 1_000_000;
const NOBODY: ReadonlySet<string> = new Set();

const targetOf = (value: Value | undefined): string | undefined =>
  value === null || value === undefined ? undefined : typeof value === "object" ? value.id : String(value);

function keyText(rules: Unverified, key: AlternateKey, values: Values): string | undefined {
  if (key.columns.length === 1) return keyPart(rules, values[key.columns[0]!]);
  const parts: string[] = [];
  for (const column of key.columns) {
    const part = keyPart(rules, values[column]);
    if (part === undefined && rules.nullKeyPartsAreUnchecked) return undefined;
    parts.push(part ?? "");
  }
  return parts.join("\u0000");
}

/**
 * The rows of one organisation.
 * @param committed called once per outermost transaction with what it changed, before the reply leaves
 */
export function createStore(
  schema: Schema,
  rules: Unverified,
  committed: (changes: readonly Change[]) => void,
): Store {
  const shelves = new Map<Table, Shelf>();
  const emptyShelf = (table: Table): Shelf => ({
    rows: new Map(),
    indexes: [...table.activeKeys, ...table.unique].map((key) => ({ key, ids: new Map() })),
    referrers: table.tracked.map((column) => ({ column, ids: new Map() })),
    deleted: [],
    forgotten: 0,
  });
  for (const tables of [schema.tables, schema.internal]) {
    for (const table of tables.values()) shelves.set(table, emptyShelf(table));
  }
  const shelf = (table: Table): Shelf => shelves.get(table) as Shelf;
  const nextId = idSequence();
  /** The id that was given out last: nobody can have it yet. */
  let fresh = "";
  const newId = (): string => {
    fresh = nextId();
    return fresh;
  };
  let journal: Change[] = [];
  let depth = 0;
  let version = 1_000_000;
  let order = 0;

  function violated(key: AlternateKey, table: Table, row: Row) {
    const columns = key.parts.map((part) => part.label).join(", ");
    const names = [...key.columns, table.primaryId];
    const values = names.map((name) => [name, targetOf(row.values[name]) ?? ""] as const);
    return keyViolated(
      rules,
      key.label,
      columns,
      duplicateDetails(key.label, columns, Object.fromEntries(values)),
    );
  }

  function place(
    table: Table,
    id: string,
    before: Row | undefined,
    after: Row | undefined,
    check: boolean,
  ): void {
    const { rows, indexes, referrers } = shelf(table);
    const moved: { ids: Map<string, string>; from: string | undefined; to: string | undefined }[] = [];
    for (const { key, ids } of indexes) {
      if (before && after && key.columns.every((column) => before.values[column] === after.values[column])) {
        continue;
      }
      const from = before && keyText(rules, key, before.values);
      const to = after && keyText(rules, key, after.values);
      if (from === to) continue;
      if (check && to !== undefined && ids.has(to)) {
        // What is no alternate key is a plain unique index: the database says so in other words.
        if (table.unique.includes(key)) throw duplicateId(rules);
        throw violated(key, table, after as Row);
      }
      moved.push({ ids, from, to });
    }
    for (const { ids, from, to } of moved) {
      if (from !== undefined && ids.get(from) === id) ids.delete(from);
      if (to !== undefined) ids.set(to, id);
    }
    for (const { column, ids } of referrers) {
      const from = before && targetOf(before.values[column]);
      const to = after && targetOf(after.values[column]);
      if (from === to) continue;
      if (from !== undefined) ids.get(from)?.delete(id);
      if (to === undefined) continue;
      const known = ids.get(to);
      if (known) known.add(id);
      else ids.set(to, new Set([id]));
    }
    if (after) rows.set(id, after);
    else rows.delete(id);
  }

  function write(
    table: Table,
    id: string,
    before: Row | undefined,
    after: Row | undefined,
    written: readonly string[],
  ) {
    place(table, id, before, after, true);
    journal.push({ table, id, before, after, written });
    if (depth === 0) commit();
  }

  function commit(): void {
    if (journal.length > 0) committed(journal);
    journal = [];
  }

  function takeBack(mark: number): void {
    // What went to an elastic table stays: change sets are no transactions there (page: elastic-tables).
    const kept = journal.slice(mark).filter((change) => change.table.elastic);
    const undone = journal.slice(mark).filter((change) => !change.table.elastic);
    journal.length = mark;
    journal.push(...kept);
    while (undone.length > 0) {
      const { table, id, before, after } = undone.pop() as Change;
      place(table, id, after, before, false);
      if (!after) shelf(table).deleted.pop();
      if (before && !after) inOrder(table);
    }
  }

  /** A row that comes back belongs where it was: pages follow the order of creation. */
  function inOrder(table: Table): void {
    const { rows } = shelf(table);
    const sorted = [...rows.values()].sort((a, b) => a.order - b.order);
    rows.clear();
    for (const row of sorted) rows.set(row.id, row);
  }

  return {
    get: (table, id) => shelf(table).rows.get(id),
    rows: (table) => shelf(table).rows,
    exists: ({ table, id }) => {
      const target = schema.tables.get(table);
      return target !== undefined && shelf(target).rows.has(id);
    },
    find(table, key, values) {
      const text = keyText(rules, key, values);
      if (text === undefined) return undefined;
      return shelf(table)
        .indexes.find((index) => index.key === key)
        ?.ids.get(text);
    },
    insert(table, id, values, written) {
      if (id !== fresh && shelf(table).rows.has(id)) throw duplicateId(rules);
      fresh = "";
      const row: Row = { id, version: ++version, order: ++order, values };
      write(table, id, undefined, row, written);
      return row;
    },
    replace(table, row, values, written) {
      const next: Row = { id: row.id, version: ++version, order: row.order, values };
      write(table, row.id, row, next, written);
      return next;
    },
    remove(table, row) {
      const from = shelf(table);
      from.deleted.push({ id: row.id, version: ++version });
      if (from.deleted.length > MOST_DELETIONS && depth === 0) {
        const dropped = from.deleted.splice(0, MOST_DELETIONS / 2);
        from.forgotten = dropped.at(-1)?.version ?? from.forgotten;
      }
      write(table, row.id, row, undefined, []);
    },
    referrers: (table, column, id) =>
      shelf(table)
        .referrers.find((index) => index.column === column)
        ?.ids.get(id) ?? NOBODY,
    deletions: (table) => shelf(table).deleted,
    forgotten: (table) => shelf(table).forgotten,
    transaction(work) {
      const mark = journal.length;
      depth += 1;
      try {
        const result = work();
        depth -= 1;
        if (depth === 0) commit();
        return result;
      } catch (problem) {
        if (depth > 0) depth -= 1;
        takeBack(mark);
        if (depth === 0) commit();
        throw problem;
      }
    },
    restore(table, row, id) {
      const before = shelf(table).rows.get(id);
      place(table, id, before, row, false);
      if (row) {
        version = Math.max(version, row.version);
        order = Math.max(order, row.order);
      }
    },
    reshape(table) {
      const before = shelves.get(table);
      const shelf = emptyShelf(table);
      shelves.set(table, shelf);
      shelf.deleted.push(...(before?.deleted ?? []));
      for (const row of before?.rows.values() ?? []) place(table, row.id, undefined, row, false);
    },
    newId,
    version: () => version,
  };
}
