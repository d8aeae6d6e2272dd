import { duplicateId } from "./errors.ts";
import { newSerials } from "./guid.ts";
import {
  type Draft,
  draftWith,
  finish,
  type Layout,
  type Reference,
  Row,
  type Value,
  type Values,
  valuesIn,
} from "./row.ts";
import type { AlternateKey, Schema, Table } from "./schema.ts";
import {
  type Deletion,
  idsOn,
  newShelf,
  type Rows,
  rowsOn,
  rowWith,
  rowWithKey,
  type Shelf,
  shelve,
} from "./shelf.ts";
import type { Unverified } from "./unverified.ts";

export type Operation = "create" | "update" | "delete";

/** Neighbouring writes of one kind, each row as it was and as it is. */
export interface Changes {
  readonly table: Table;
  readonly operation: Operation;
  /** The columns that the request named, for the audit. */
  readonly written: readonly string[];
  /** Empty for creations. */
  readonly before: Row[];
  /** Empty for deletions. */
  readonly after: Row[];
}

/** A row as a file keeps it. */
export interface KeptRow {
  readonly id: string;
  readonly version: number;
  readonly order: number;
  readonly values: Values;
}

export interface Store {
  get(table: Table, id: string): Row | undefined;
  rows(table: Table): Rows;
  exists(reference: Reference): boolean;
  /** The row with these key values, in the order of the key's columns, through its index. */
  find(table: Table, key: AlternateKey, values: readonly (Value | undefined)[]): Row | undefined;
  /** Which column stands where in the rows of a table. */
  layout(table: Table): Layout;
  /**
   * Makes a row from a draft, or from all that it is to hold.
   * @param id the store makes one when nothing is given
   */
  insert(table: Table, id: string | undefined, row: Draft | Values, written: readonly string[]): Row;
  replace(table: Table, row: Row, draft: Draft, written: readonly string[]): Row;
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
  restore(table: Table, row: KeptRow | undefined, id: string): void;
  /** Follows a table whose keys or columns changed, or that is new. */
  reshape(table: Table): void;
  newId(): string;
  /** Grows when a row changes that nearly all others point at: a user, a team, a unit, a currency. */
  pointedAtSince(): number;
  /** Highest version in use; it grows with each write (page: perform-conditional-operations). */
  version(): number;
}

const isDraft = (from: Draft | Values): from is Draft => Array.isArray((from as Draft).cells);
const NOBODY: ReadonlySet<string> = new Set();

/**
 * The rows of one organisation.
 * @param committed called once per outermost transaction with what it changed, before the reply leaves
 * @param mostDeletions deletions of a table that are remembered; a client that is further behind starts over
 */
export function createStore(
  schema: Schema,
  rules: Unverified,
  committed: (changes: readonly Changes[]) => void,
  mostDeletions: number,
): Store {
  const ids = newSerials();
  const shelves = new Map<Table, Shelf>();
  for (const tables of [schema.tables, schema.internal]) {
    for (const table of tables.values()) shelves.set(table, newShelf(table, ids));
  }
  const shelfOf = (table: Table): Shelf => shelves.get(table) as Shelf;
  let journal: Changes[] = [];
  let depth = 0;
  let version = 1_000_000;
  let order = 0;
  let pointedAtSince = 0;

  /** Takes the next place on a shelf. */
  const newPlace = (shelf: Shelf): number => {
    shelf.slots.push(undefined);
    return shelf.serials.push(order) - 1;
  };

  function write(
    shelf: Shelf,
    table: Table,
    operation: Operation,
    before: Row | undefined,
    after: Row | undefined,
    written: readonly string[],
  ) {
    shelve(shelf, table, rules, before, after, true);
    if (table.isPointedAtByAll) pointedAtSince += 1;
    let last = journal.at(-1);
    if (last?.table !== table || last.operation !== operation || last.written !== written) {
      last = { table, operation, written, before: [], after: [] };
      journal.push(last);
    }
    if (before) last.before.push(before);
    if (after) last.after.push(after);
    if (depth === 0) commit();
  }

  function commit(): void {
    if (journal.length === 0) return;
    committed(journal);
    for (const { table, operation } of journal) if (operation === "delete") forgetDeletions(shelfOf(table));
    journal = [];
  }

  /** What a transaction may still take back stays: this is for those that are committed. */
  function forgetDeletions(shelf: Shelf): void {
    if (shelf.deleted.length <= mostDeletions) return;
    const dropped = shelf.deleted.splice(0, shelf.deleted.length - Math.floor(mostDeletions / 2));
    shelf.forgotten = dropped.at(-1)?.version ?? shelf.forgotten;
  }

  /** Each transaction has changes of its own, so that they can be taken back alone. */
  function begin(): number {
    const mark = journal.length;
    const last = journal.at(-1);
    if (last) journal.push({ ...last, before: [], after: [] });
    return mark;
  }

  function takeBack(mark: number): void {
    // What went to an elastic table stays: change sets are no transactions there (page: elastic-tables).
    const kept = journal.slice(mark).filter((changes) => changes.table.elastic);
    const undone = journal.slice(mark).filter((changes) => !changes.table.elastic);
    journal.length = mark;
    journal.push(...kept);
    for (const { table, before, after } of undone.reverse()) {
      const shelf = shelfOf(table);
      for (let at = Math.max(before.length, after.length) - 1; at >= 0; at--) {
        shelve(shelf, table, rules, after[at], before[at], false);
        if (table.isPointedAtByAll) pointedAtSince += 1;
        if (after.length === 0) shelf.deleted.pop();
      }
    }
  }

  return {
    get: (table, id) => rowWith(shelfOf(table), id),
    rows(table) {
      const shelf = shelfOf(table);
      return { size: shelf.size, values: () => rowsOn(shelf), keys: () => idsOn(shelf) };
    },
    exists({ table, id }) {
      const target = schema.tables.get(table);
      return target !== undefined && rowWith(shelfOf(target), id) !== undefined;
    },
    find: (table, key, values) => rowWithKey(shelfOf(table), rules, key, values),
    layout: (table) => shelfOf(table).layout,
    insert(table, id, from, written) {
      const shelf = shelfOf(table);
      if (id !== undefined && rowWith(shelf, id)) throw duplicateId(rules);
      const draft = isDraft(from) ? from : draftWith(shelf.layout, from);
      order += 1;
      const row = new Row(id, ++version, order, newPlace(shelf), finish(draft));
      write(shelf, table, "create", undefined, row, written);
      return row;
    },
    replace(table, row, draft, written) {
      const next = new Row(row.givenId, ++version, row.order, row.place, finish(draft));
      write(shelfOf(table), table, "update", row, next, written);
      return next;
    },
    remove(table, row) {
      const from = shelfOf(table);
      from.deleted.push({ id: row.id, version: ++version });
      write(from, table, "delete", row, undefined, []);
    },
    referrers: (table, column, id) =>
      shelfOf(table)
        .referrers.find((index) => index.column === column)
        ?.ids.get(id) ?? NOBODY,
    deletions: (table) => shelfOf(table).deleted,
    forgotten: (table) => shelfOf(table).forgotten,
    transaction(work) {
      const mark = begin();
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
      const shelf = shelfOf(table);
      pointedAtSince += 1;
      const before = rowWith(shelf, id);
      if (!row) {
        if (before) shelve(shelf, table, rules, before, undefined, false);
        return;
      }
      version = Math.max(version, row.version);
      order = Math.max(order, row.order);
      const place = before?.place ?? newPlace(shelf);
      const held = finish(draftWith(shelf.layout, row.values));
      const after = new Row(
        before ? before.givenId : id,
        row.version,
        before?.order ?? row.order,
        place,
        held,
      );
      shelve(shelf, table, rules, before, after, false);
    },
    reshape(table) {
      pointedAtSince += 1;
      const before = shelves.get(table);
      const shelf = newShelf(table, ids);
      shelves.set(table, shelf);
      if (!before) return;
      for (const deletion of before.deleted) shelf.deleted.push(deletion);
      shelf.forgotten = before.forgotten;
      for (const row of rowsOn(before)) {
        const place = shelf.slots.push(undefined) - 1;
        shelf.serials.push(before.serials[row.place] as number);
        shelve(
          shelf,
          table,
          rules,
          undefined,
          new Row(row.givenId, row.version, row.order, place, finish(draftWith(shelf.layout, valuesIn(row)))),
          false,
        );
      }
    },
    newId: () => ids.idOf(++order),
    pointedAtSince: () => pointedAtSince,
    version: () => version,
  };
}
