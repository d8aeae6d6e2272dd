/**
 * The state of a sync, open for one run or one plan: the snapshot, and the way from a model's result to changes
 * and from outcomes back into the snapshot. The same statements for every place; a `Store` knows the place.
 */
import { randomUUID } from "node:crypto";
import type { Change, Changed, Present, Removed } from "../core/change.ts";
import type { Value } from "../core/value.ts";
import type { Query, Warehouse } from "../ports.ts";
import * as diff from "./diff.ts";
import { NOTHING_SPARED, type Spared, spareHeld } from "./elsewhere.ts";
import * as load from "./load.ts";
import { addedReader, changedReader, type Row, removedReader } from "./reader.ts";
import { basisOf, type Layout, newRecord, type SyncRecord } from "./record.ts";
import {
  commit,
  contentsOf,
  count,
  createTable,
  isSettled,
  mappingOf,
  migrate,
  type Recovery,
  recover,
  saveRecord,
  snapshotTables,
  tablesOf,
} from "./settle.ts";
import * as staging from "./staging.ts";
import type { History, Journal, StageOptions, Store } from "./store.ts";
import { createOutcomes, createTables, current, list, namesOf } from "./tables.ts";

export type { FieldShape, Layout } from "./record.ts";
export { type Recovery, takenOver } from "./settle.ts";
export type { History, Journal, StageOptions, Store } from "./store.ts";

/** A key that was refused before the diff, with its canonical values. */
export interface RefusedRow {
  readonly code: "key.null" | "key.double" | "match.null" | "match.double";
  readonly key: readonly Value[];
  readonly match: readonly Value[];
}

export interface DiffCounts {
  readonly added: number;
  readonly changed: number;
  readonly removed: number;
  /** Rows that were rejected before, are the same since, and are not due to be tried again; then removals likewise. */
  readonly waiting: number;
  readonly waitingRemoved: number;
  /** What became of removals because of other syncs. */
  readonly spared: Spared;
}

/** A row of the snapshot, by its canonical key. */
export interface KnownRecord {
  readonly key: readonly Value[];
  readonly id: string | null;
}

/** What a sync's mode wants of the diff. */
export interface Wants {
  readonly changed: boolean;
  readonly removed: boolean;
  /** Every known row again, whole: `run --full`. */
  readonly full: boolean;
  /** Rejected rows whether due or not: `retry`. */
  readonly retry: boolean;
  /** The rows with these keys, as canonical text, whatever is known of them, and no others: `retry --key`. */
  readonly only?: readonly (readonly Value[])[];
}

export interface State extends AsyncDisposable {
  /** What had to be settled because an earlier run did not end; `undefined` when it did. */
  readonly recovery: Recovery | undefined;
  /** The record as it was opened. */
  readonly record: SyncRecord;
  /** What a plan made of this state rests on: see `basisOf`. */
  readonly basis: string;
  readonly history: History;
  /** Aborts when another process has taken the state over. */
  readonly lost: AbortSignal;
  /** Rows in the snapshot. */
  known(): Promise<number>;
  /** The snapshot's rows: primary key, id of the record. */
  records(): AsyncIterable<readonly KnownRecord[]>;
  /** Runs the model once, with the sync's columns only, into the staging table; gives its rows. */
  stage(warehouse: Warehouse, query: Query, options: StageOptions): Promise<number>;
  /** Keys that cannot be used; they take no part in the diff. */
  refusals(): Promise<readonly RefusedRow[]>;
  diff(wants: Wants): Promise<DiffCounts>;
  /** In place of staging and diff: takes the changes of a saved plan. @param wants `changed`, as it was in its diff */
  load(changes: AsyncIterable<readonly Change[]>, wants: Pick<Wants, "changed">): Promise<void>;
  /** In place of staging and diff: the rows that owe one of the fields to the run's second wave; gives their number. */
  secondWave(fields: readonly string[]): Promise<number>;
  /** Rows that have left the model. */
  removals(size: number): AsyncIterable<readonly Removed[]>;
  /** The changes by which a record gets another match value; they come before those that may take the old one. */
  moves(size: number): AsyncIterable<readonly Changed[]>;
  /** Match values of records whose rows wait for another one, in canonical text. */
  held(): AsyncIterable<readonly Row[]>;
  /** Plans only, after the diff: what is left to read is read, and a run may have the snapshot. */
  release(): Promise<void>;
  /** All other changes, in windows of about `size`. */
  changes(size: number): AsyncIterable<readonly Present[]>;
  /**
   * Of the values, each one for each of the columns, those that a row has in them which this run adds or changes,
   * folded; rows of `except` (by seq) do not count.
   */
  intendedValues(
    columns: readonly number[],
    values: readonly (readonly string[])[],
    except: ReadonlySet<number>,
  ): Promise<readonly (readonly string[])[]>;
  /** Opens the journal: from here on the table of changes is the record of intent. */
  begin(run: string): Promise<Journal>;
  /** Folds the journal into the snapshot and forgets the intents. */
  commit(): Promise<void>;
  /** Ends a run that wrote nothing. */
  end(): Promise<void>;
}

/**
 * Opens the state over a store, which it closes with itself. Settles what an unfinished run has left and brings
 * the snapshot to the mapping's shape; a plan does both on a copy.
 *
 * @param backfill false in a mode that never writes a known row again
 */
export async function openState(
  store: Store,
  layout: Layout,
  firstName: string,
  backfill: boolean,
): Promise<State> {
  try {
    const opened = await open(store, layout, firstName, backfill);
    return stateOver(store, layout, opened);
  } catch (error) {
    await store[Symbol.asyncDispose]();
    throw error;
  }
}

type Opened = Pick<State, "record" | "recovery" | "basis">;

async function open(store: Store, layout: Layout, firstName: string, backfill: boolean): Promise<Opened> {
  const found = await store.load();
  const basis = basisOf(found);
  if (found === undefined) {
    const record = { ...newRecord(layout, firstName), born: randomUUID() };
    await store.create();
    // Tables of a run that was killed before it had a record may have other columns.
    await store.sweep([]);
    for (const statement of createTables(store.engine.dialect, layout.shape, tablesOf(store, record, 0)))
      await store.engine.run(statement);
    return { record: await nextRun(store, record), recovery: undefined, basis };
  }
  if (!store.lasting && !isSettled(store, found, layout, backfill)) await store.copy(found);
  const { record, recovery } = await recover(store, found);
  if (store.lasting) await store.sweep(snapshotTables(record));
  return { record: await nextRun(store, await migrate(store, record, layout, backfill)), recovery, basis };
}

/** A run's number is taken once: what an earlier run has left under it is nobody's. */
async function nextRun(store: Store, record: SyncRecord): Promise<SyncRecord> {
  const next = { ...record, run: record.run + 1 };
  return store.lasting ? saveRecord(store, next) : next;
}

function stateOver(store: Store, layout: Layout, { record: opened, recovery, basis }: Opened): State {
  const { engine } = store;
  const { dialect } = engine;
  const { shape } = layout;
  let record = opened;
  let hasRefusals = false;
  let hasStaged = false;
  /** What was held when the snapshot was released. */
  let released: readonly Row[] | undefined;
  const tables = tablesOf(store, record, record.run);
  const read = <T extends Change>(sql: string, toChange: (row: Row) => T, size: number) =>
    windows(engine.stream(sql), toChange, size);

  return {
    recovery,
    record,
    basis,
    history: store.history,
    lost: store.lost,
    async known() {
      const contents = await contentsOf(engine, tables);
      return contents.delta
        ? count(engine, `${current(dialect, shape, tables, contents)} s`)
        : record.baseRows;
    },
    async *records() {
      // A commit may have put another base in the place of the one that was opened.
      const own = tablesOf(store, record, record.run);
      const { all } = namesOf(dialect, shape);
      const contents = await contentsOf(engine, own);
      const keys = shape.key.map((i) => dialect.toText(shape.columns[i]!, `s.${all[i]}`));
      const sql = `SELECT ${list([...keys, "s.record_id"])} FROM ${current(dialect, shape, own, contents)} s`;
      for await (const batch of engine.stream(sql))
        yield batch.map((row) => ({ key: row.slice(0, -1), id: row.at(-1) ?? null }));
    },
    async stage(warehouse, query, options) {
      hasStaged = true;
      const rows = await store.stage(tables.staged, shape, warehouse, query, options);
      for (const statement of dialect.afterLoad(tables.staged)) await engine.run(statement);
      return rows;
    },
    async refusals() {
      const [answer] = await engine.rows(staging.anyRefused(dialect, shape, tables));
      if (answer?.[0] !== "true") return [];
      hasRefusals = true;
      await createTable(engine, tables.refused, staging.selectRefused(dialect, shape, tables));
      const rows: RefusedRow[] = [];
      for await (const batch of engine.stream(staging.refusedRows(dialect, shape, tables))) {
        for (const [code, ...values] of batch) {
          rows.push({
            code: code as RefusedRow["code"],
            key: values.slice(0, shape.key.length),
            match: values.slice(shape.key.length),
          });
        }
      }
      return rows;
    },
    async diff({ changed, removed, full, retry, only }) {
      const contents = await contentsOf(engine, tables);
      await createTable(
        engine,
        tables.changes,
        diff.selectChanges(dialect, shape, tables, {
          contents: { ...contents, waiting: contents.waiting && (!retry || only !== undefined) },
          refused: hasRefusals,
          interest: { changed, removed, full, fields: layout.fields.map(({ field }) => field) },
          patience: { mapping: mappingOf(record), run: record.run, nowMs: Date.now() },
          first: record.baseRows === 0 && !Object.values(contents).some(Boolean),
          ...(only ? { only } : {}),
        }),
      );
      const countKinds = async (): Promise<Map<string, string>> =>
        new Map((await engine.rows(diff.countChanges(dialect, tables))) as [string, string][]);
      let counts = await countKinds();
      const keep = counts.has("removed") ? diff.keepClaimed(dialect, shape, tables) : undefined;
      if (keep !== undefined && (await engine.run(keep)) > 0) counts = await countKinds();
      let spared: Spared = NOTHING_SPARED;
      if (counts.has("removed")) {
        const neighbours = store.neighbours();
        spared = await spareHeld(engine, shape, layout.matching, tables.changes, neighbours);
        if (spared !== NOTHING_SPARED) counts = await countKinds();
      }
      const of = (kind: string): number => Number(counts.get(kind) ?? 0);
      return {
        added: of("added"),
        changed: of("changed"),
        removed: of("removed"),
        waiting: of("waiting"),
        waitingRemoved: of("waiting_removed"),
        spared,
      };
    },
    async load(batches, { changed }) {
      const contents = await contentsOf(engine, tables);
      await engine.run(load.createChanges(dialect, shape, tables));
      for await (const batch of batches)
        await engine.run(load.insertChanges(dialect, shape, tables, contents, batch, changed));
      if (contents.waiting) await engine.run(load.keepWaiting(dialect, shape, tables));
      for (const statement of dialect.afterLoad(tables.changes)) await engine.run(statement);
    },
    async secondWave(fields) {
      const contents = await contentsOf(engine, tables);
      await engine.run(load.createChanges(dialect, shape, tables));
      await engine.run(load.insertSecondWave(dialect, shape, tables, contents, fields));
      if (contents.waiting) await engine.run(load.keepWaiting(dialect, shape, tables));
      for (const statement of dialect.afterLoad(tables.changes)) await engine.run(statement);
      return count(engine, `${tables.changes} WHERE kind = 'changed'`);
    },
    removals: (size) => read(diff.readRemoved(dialect, shape, tables), removedReader(layout), size),
    moves: (size) =>
      read(diff.readChanged(dialect, shape, tables, "moves", layout.unique), changedReader(layout), size),
    async *held() {
      if (released) yield released;
      else yield* readHeld();
    },
    async release() {
      const rows: Row[] = [];
      for await (const batch of readHeld()) rows.push(...batch);
      released = rows;
      await store.releaseSnapshot();
    },
    async *changes(size) {
      yield* read(diff.readAdded(dialect, shape, tables), addedReader(layout), size);
      yield* read(
        diff.readChanged(dialect, shape, tables, "rest", layout.unique),
        changedReader(layout),
        size,
      );
    },
    async intendedValues(columns, values, except) {
      if (values.length === 0) return [];
      const foldedSql = (text: string): string => `lower(rtrim(${text}, ' '))`;
      const texts = columns.map((at) => foldedSql(dialect.toText(shape.columns[at]!, `c.a${at}`)));
      const wanted = values.map((value) => value.map((text) => foldedSql(dialect.literal(text))));
      const isWanted =
        texts.length === 1
          ? `${texts[0]} IN (${list(wanted.flat())})`
          : `(${list(texts)}) IN (${list(wanted.map((parts) => `(${list(parts)})`))})`;
      const conditions = [
        "c.kind IN ('added', 'changed')",
        isWanted,
        ...(isShort(except) ? [`c.seq NOT IN (${[...except].join(", ")})`] : []),
      ];
      const found = await engine.rows(
        `SELECT DISTINCT ${list(texts)} FROM ${tables.changes} c WHERE ${list(conditions, " AND ")}`,
      );
      return found as readonly (readonly string[])[];
    },
    async begin(run) {
      await engine.run(createOutcomes(dialect, tables.outcomes));
      record = await saveRecord(store, { ...record, open: { id: run, number: record.run } });
      return store.openJournal(run, tables.outcomes);
    },
    async commit() {
      record = await commit(store, record, hasStaged);
    },
    async end() {
      await store.sweep(snapshotTables(record));
    },
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
    },
  };

  async function* readHeld(): AsyncGenerator<readonly Row[]> {
    const contents = await contentsOf(engine, tables);
    const sql = diff.readHeld(dialect, shape, tables, contents, hasRefusals);
    if (sql !== undefined) yield* engine.stream(sql);
  }
}

/** Whether a statement may name them; where so many are left out, what is asked is answered without them. */
const isShort = (seqs: ReadonlySet<number>): boolean => seqs.size > 0 && seqs.size <= 10_000;

async function* windows<T>(
  batches: AsyncIterable<readonly Row[]>,
  toChange: (row: Row) => T,
  size: number,
): AsyncGenerator<readonly T[]> {
  let window: T[] = [];
  for await (const batch of batches) {
    for (const row of batch) {
      window.push(toChange(row));
      if (window.length >= size) {
        yield window;
        window = [];
      }
    }
  }
  if (window.length > 0) yield window;
}
