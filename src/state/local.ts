/**
 * State on this machine: a folder per sync with a DuckDB file that only a run opens, and append-only files that
 * anything may read at any time.
 */
import { copyFileSync, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Change } from "../core/change.ts";
import type { Value } from "../core/value.ts";
import type { Query, Warehouse } from "../ports.ts";
import { canonicalText, literal, stored } from "./dialect.ts";
import { type Duckdb, lockedBy, openDuckdb } from "./duckdb.ts";
import { type Journal, openJournal } from "./journal.ts";
import { addedReader, changedReader } from "./reader.ts";
import { commit, dropWork, isSettled, type Recovery, type StateOptions, setMeta, settle } from "./settle.ts";
import * as sql from "./sql.ts";
import { stageAttached, stageRows } from "./stage.ts";

export type { FieldShape, Recovery, StateOptions } from "./settle.ts";

/** A key that was refused before the diff, with its canonical values. */
export interface RefusedRow {
  readonly code: "key.null" | "key.double" | "match.null" | "match.double";
  readonly key: readonly Value[];
  readonly match: readonly Value[];
}

export interface DiffCounts {
  readonly added: number;
  readonly changed: number;
}

export interface LocalState extends AsyncDisposable {
  /** What had to be settled because an earlier run did not end; `undefined` when it did. */
  readonly recovery: Recovery | undefined;
  /** Rows in the snapshot before this run. */
  readonly known: number;
  /** Runs the model once, with the sync's columns only, into the staging table. */
  stage(warehouse: Warehouse, query: Query, options: StageOptions): Promise<number>;
  /** Keys that cannot be used; they take no part in the diff. */
  refusals(): Promise<readonly RefusedRow[]>;
  diff(): Promise<DiffCounts>;
  /** The changes by which a record gets another match value; they come before all others, which may take the old one. */
  moves(size: number): AsyncIterable<readonly Change[]>;
  /** All other changes, in windows of about `size`. */
  changes(size: number): AsyncIterable<readonly Change[]>;
  /** Of the values, those that a staged row has in the column, folded; rows of `except` (by seq) do not count. */
  stagedValues(
    column: number,
    values: readonly string[],
    except: ReadonlySet<number>,
  ): Promise<ReadonlySet<string>>;
  /** Opens the journal: from here on the table of changes is the record of intent. */
  begin(run: string): Promise<Journal>;
  /** Folds the journal into the snapshot and forgets the intents. */
  commit(): Promise<void>;
}

export interface StageOptions {
  readonly timezone: string;
  readonly signal: AbortSignal;
  readonly onRows?: (rows: number) => void;
}

/** Opens the state for a run: this process alone may use it until it is disposed. */
export async function openState(options: StateOptions): Promise<LocalState> {
  mkdirSync(options.folder, { recursive: true, mode: 0o700 });
  return openAt(options, options.folder, undefined);
}

/**
 * Opens the state for a plan, which writes nothing: the diff is made in a scratch folder. The snapshot is read
 * where it lies, or copied first when an earlier run or a new mapping has left something to settle.
 */
export async function openStateForPlan(options: StateOptions, scratch: string): Promise<LocalState> {
  const file = join(options.folder, "state.duckdb");
  if (!existsSync(file)) return openAt(options, scratch, undefined);
  const needsWork = await needsSettling(options, file, scratch);
  if (!needsWork) return openAt(options, scratch, file);
  for (const name of ["state.duckdb", "state.duckdb.wal", "journal.jsonl"]) {
    if (existsSync(join(options.folder, name))) copyFileSync(join(options.folder, name), join(scratch, name));
  }
  return openAt(options, scratch, undefined);
}

async function needsSettling(options: StateOptions, file: string, scratch: string): Promise<boolean> {
  await using database = await openDuckdb(":memory:", limits(options, scratch));
  await attach(database, file);
  return !(await isSettled(database, "base", options));
}

async function attach(database: Duckdb, file: string): Promise<void> {
  await database.run(`ATTACH ${literal(file)} AS base (READ_ONLY)`).catch((error: unknown) => {
    throw lockedBy(file, error);
  });
}

const limits = (options: StateOptions, folder: string): { memoryLimit: string; temporaryFolder: string } => ({
  memoryLimit: options.memoryLimit,
  temporaryFolder: join(folder, "spill"),
});

/** @param snapshotFile the snapshot's file when it is to be read where it lies */
async function openAt(
  options: StateOptions,
  folder: string,
  snapshotFile: string | undefined,
): Promise<LocalState> {
  const { shape } = options;
  const journalFile = join(folder, "journal.jsonl");
  const database = await openDuckdb(join(folder, "state.duckdb"), limits(options, folder));
  const work = "main";
  let base = "main";
  let recovery: Recovery | undefined;
  let known = 0;
  let hasRefusals = false;
  try {
    if (snapshotFile !== undefined) {
      await attach(database, snapshotFile);
      base = "base.main";
    } else {
      recovery = await settle(database, options, journalFile);
    }
    known = await database.count(`SELECT count(*) FROM ${base}.snapshot`);
  } catch (error) {
    await database[Symbol.asyncDispose]();
    throw error;
  }

  return {
    recovery,
    known,
    async stage(warehouse, query, stageOptions) {
      await dropWork(database);
      const interrupt = (): void => database.connection.interrupt();
      stageOptions.signal.addEventListener("abort", interrupt, { once: true });
      try {
        await stageInto(database, shape, warehouse, query, stageOptions);
      } catch (error) {
        stageOptions.signal.throwIfAborted();
        throw error;
      } finally {
        stageOptions.signal.removeEventListener("abort", interrupt);
      }
      return database.count(`SELECT count(*) FROM ${work}.staged`);
    },
    async refusals() {
      if ((await database.value(sql.anyRefused(work, shape))) !== "true") return [];
      hasRefusals = true;
      await database.run(sql.createRefused(work, shape));
      const rows: RefusedRow[] = [];
      for await (const batch of database.stream(sql.refusedRows(work, shape))) {
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
    async diff() {
      const pending = (await database.count(`SELECT count(*) FROM ${base}.pending`)) > 0;
      const doubt = (await database.count(`SELECT count(*) FROM ${base}.doubt`)) > 0;
      await database.run(sql.createChanges(shape, { base, work, refused: hasRefusals, pending, doubt }));
      // The snapshot has been read: a run may have it while the rest of the plan is made.
      if (snapshotFile !== undefined) await database.run("DETACH base");
      const counts = await database.all(
        `SELECT count(*) FILTER (WHERE _backhaul_kind = 'added'), count(*) FILTER (WHERE _backhaul_kind = 'changed') FROM ${work}.changes`,
      );
      return { added: Number(counts[0]?.[0]), changed: Number(counts[0]?.[1]) };
    },
    moves: (size) =>
      windows(database.stream(sql.readChanged(work, shape, "moves")), changedReader(options), size),
    async *changes(size) {
      yield* windows(database.stream(sql.readAdded(work, shape)), addedReader(options), size);
      yield* windows(database.stream(sql.readChanged(work, shape, "rest")), changedReader(options), size);
    },
    async stagedValues(column, values, except) {
      const name = stored(shape.columns[column]!);
      const text = `lower(rtrim(${canonicalText(shape.columns[column]!, `t.${name}`)}, ' '))`;
      const wanted = values.map((value) => literal(value)).join(", ");
      const seqs = [...except].join(", ");
      const keys = shape.key.map((i) => `c.a${i} = t.${stored(shape.columns[i]!)}`).join(" AND ");
      const refusedRow = hasRefusals ? `AND t.rowid NOT IN (SELECT _backhaul_row FROM ${work}.refused)` : "";
      const rejected =
        except.size === 0
          ? ""
          : `AND NOT EXISTS (SELECT 1 FROM ${work}.changes c WHERE ${keys} AND c._backhaul_seq IN (${seqs}))`;
      const rows = await database.all(
        `SELECT DISTINCT ${text} FROM ${work}.staged t WHERE ${text} IN (SELECT lower(rtrim(unnest([${wanted}]), ' '))) ${refusedRow} ${rejected}`,
      );
      return new Set(rows.map((row) => row[0] as string));
    },
    async begin(run) {
      await setMeta(database, "open_run", run);
      await database.checkpoint();
      return openJournal(journalFile, run);
    },
    async commit() {
      await commit(database, shape, journalFile);
    },
    async [Symbol.asyncDispose]() {
      await database[Symbol.asyncDispose]();
    },
  };
}

async function* windows(
  batches: AsyncIterable<readonly (readonly Value[])[]>,
  toChange: (row: readonly Value[]) => Change,
  size: number,
): AsyncGenerator<readonly Change[]> {
  let window: Change[] = [];
  for await (const batch of batches) {
    for (const row of batch) window.push(toChange(row));
    if (window.length >= size) {
      yield window;
      window = [];
    }
  }
  if (window.length > 0) yield window;
}

async function stageInto(
  database: Duckdb,
  shape: sql.Shape,
  { access }: Warehouse,
  query: Query,
  options: StageOptions,
): Promise<void> {
  if (access.kind === "attach") return stageAttached(database, shape, access, query, options.timezone);
  const rows = access.rows(query, shape.columns, options);
  return stageRows(database, shape, query, rows, options.onRows);
}
