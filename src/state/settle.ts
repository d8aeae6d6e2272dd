/**
 * What has to be true before a run may stage: an unfinished run is settled, and the snapshot has the mapping's
 * present shape. And the commit, which is how both end.
 */
import { createHash } from "node:crypto";
import { fail, SyncError } from "../core/errors.ts";
import type { StateEngine } from "../ports.ts";
import { firstLoad, foldOutcomes, oweFields, selectLoaded } from "./fold.ts";
import { driftOf, identityProblems, type Layout, layoutPart, type SyncRecord } from "./record.ts";
import type { Store } from "./store.ts";
import { type Contents, createTables, current, list, namesOf, type Shape, type Tables } from "./tables.ts";

export interface Recovery {
  readonly run: string;
  /** Outcomes of the unfinished run that were found in its journal. */
  readonly acknowledged: number;
  /** Changes of the unfinished run that have no certain answer; they are planned again. */
  readonly inDoubt: number;
}

/** A delta of this share of the base is folded into it; never one of fewer rows than the least. */
const COMPACT_SHARE = 0.05;
const COMPACT_LEAST = 1_000;

/** The tables that lie in the snapshot's place, by the record. */
const SMALL = ["delta", "pending", "doubt", "waiting"] as const;

export const snapshotTables = ({ base, generation }: SyncRecord): string[] => [
  base,
  ...SMALL.map((name) => `${name}_${generation}`),
];

/** @param number the run whose tables are meant; its own place is the snapshot's once the run is open */
export function tablesOf(
  store: Store,
  record: SyncRecord,
  number: number,
  work: (name: string) => string = store.work,
): Tables {
  const small = (name: string): string => store.snapshot(`${name}_${record.generation}`);
  const own = (name: string): string => work(`${name}_${number}`);
  return {
    base: store.snapshot(record.base),
    delta: small("delta"),
    pending: small("pending"),
    doubt: small("doubt"),
    waiting: small("waiting"),
    staged: own("staged"),
    refused: own("refused"),
    changes: own("changes"),
    outcomes: own("outcomes"),
  };
}

export const shapeOf = ({ columns, key, match }: SyncRecord): Shape => ({ columns, key, match });

/** Tells one mapping from another: a row that was rejected under another one is tried again. */
export const mappingOf = ({ fields, matching }: SyncRecord): string =>
  createHash("sha256")
    .update(JSON.stringify([fields, matching]))
    .digest("hex")
    .slice(0, 16);

export async function contentsOf(engine: StateEngine, tables: Tables): Promise<Contents> {
  const exists = (table: string): string =>
    `CASE WHEN EXISTS (SELECT 1 FROM ${table}) THEN 'true' ELSE 'false' END`;
  const [row] = await engine.rows(`SELECT ${list(SMALL.map((name) => exists(tables[name])))}`);
  const [delta, pending, doubt, waiting] = (row ?? []).map((value) => value === "true");
  return {
    delta: delta === true,
    pending: pending === true,
    doubt: doubt === true,
    waiting: waiting === true,
  };
}

export async function count(engine: StateEngine, from: string): Promise<number> {
  const [row] = await engine.rows(`SELECT CAST(count(*) AS ${engine.dialect.types.text}) FROM ${from}`);
  return Number(row?.[0] ?? 0);
}

/** Makes the change of the record true, together with what it rests on; refused when the state was taken over. */
export async function saveRecord(
  store: Store,
  record: SyncRecord,
  statements: readonly string[] = [],
): Promise<SyncRecord> {
  const done = await store.engine.transaction([...statements.map((sql) => ({ sql })), store.save(record)]);
  if (done === undefined) throw takenOver();
  return record;
}

export const takenOver = (): SyncError =>
  fail.deferred(
    "state.taken_over",
    "Another run has taken this sync over, because this one had not renewed its lease in time.",
    "Nothing is lost: the other run goes on from what this one had made durable.",
  );

/**
 * Folds the open run's outcomes into the snapshot.
 *
 * @param staged whether the run has staged the model's whole result: then a clean first load is a change of name
 */
export async function commit(store: Store, record: SyncRecord, staged: boolean): Promise<SyncRecord> {
  const { engine } = store;
  const { dialect } = engine;
  const open = record.open!;
  const tables = tablesOf(store, record, open.number, store.snapshot);
  await store.readJournal(open.id, tables.outcomes);
  const contents = await contentsOf(engine, tables);
  const isEmpty = record.baseRows === 0 && !Object.values(contents).some(Boolean);
  const next: SyncRecord = { ...record, open: null };
  const load = staged && isEmpty ? (await engine.rows(firstLoad(tables)))[0]?.[0] : "no";
  if (load !== "no") {
    const base = load === "ids" ? `base_${open.number}` : `staged_${open.number}`;
    if (load === "ids")
      await createTable(engine, store.snapshot(base), selectLoaded(dialect, shapeOf(record), tables));
    const baseRows = await count(engine, store.snapshot(base));
    return finish(store, await saveRecord(store, { ...next, base, baseRows }));
  }
  const fold = { run: open.number, mapping: mappingOf(record), nowMs: Date.now() };
  await saveRecord(store, next, foldOutcomes(dialect, shapeOf(record), tables, contents, fold));
  for (const statement of dialect.afterLoad(tables.delta)) await engine.run(statement);
  return finish(store, await compact(store, next));
}

async function finish(store: Store, record: SyncRecord): Promise<SyncRecord> {
  await store.closeJournal();
  await store.sweep(snapshotTables(record));
  await store.rest();
  return record;
}

/** Folds a delta that has grown into a new base. */
async function compact(store: Store, record: SyncRecord): Promise<SyncRecord> {
  const { engine } = store;
  const tables = tablesOf(store, record, record.run);
  const rows = await count(engine, tables.delta);
  const isSmall = rows < COMPACT_LEAST && record.baseRows > 0;
  if (rows === 0 || isSmall || rows < record.baseRows * COMPACT_SHARE) return record;
  const base = `base_${record.run}`;
  const contents = { delta: true, pending: false, doubt: false, waiting: false };
  const select = `SELECT * FROM ${current(engine.dialect, shapeOf(record), tables, contents)} s`;
  await createTable(engine, store.snapshot(base), select);
  const baseRows = await count(engine, store.snapshot(base));
  return saveRecord(store, { ...record, base, baseRows }, [`DELETE FROM ${tables.delta}`]);
}

/** Makes a table anew: one of the name is what a killed run has left. */
export async function createTable(engine: StateEngine, table: string, select: string): Promise<void> {
  await engine.run(`DROP TABLE IF EXISTS ${table}`);
  await engine.run(engine.dialect.createTableAs(table, select));
  for (const statement of engine.dialect.afterLoad(table)) await engine.run(statement);
}

/** Settles what an unfinished run has left. */
export async function recover(
  store: Store,
  record: SyncRecord,
): Promise<{ record: SyncRecord; recovery: Recovery | undefined }> {
  if (record.open === null) return { record, recovery: undefined };
  const tables = tablesOf(store, record, record.open.number, store.snapshot);
  await store.readJournal(record.open.id, tables.outcomes);
  const acknowledged = await count(store.engine, tables.outcomes);
  const changes = await count(store.engine, `${tables.changes} WHERE kind NOT LIKE 'waiting%'`);
  const run = record.open.id;
  const staged = await isStaged(store, tables.staged);
  return {
    record: await commit(store, record, staged),
    recovery: { run, acknowledged, inDoubt: changes - acknowledged },
  };
}

/** A run that applies a saved plan stages nothing. */
async function isStaged(store: Store, table: string): Promise<boolean> {
  return store.engine.rows(`SELECT 1 FROM ${table} WHERE 1 = 0`).then(
    () => true,
    () => false,
  );
}

/** Whether the snapshot can be used as it lies. @param backfill as in `migrate` */
export function isSettled(store: Store, record: SyncRecord, layout: Layout, backfill: boolean): boolean {
  const owes = backfill && (record.owed ?? []).length > 0;
  return record.open === null && !owes && !driftOf(store.engine.dialect, record, layout).any;
}

/**
 * Brings the snapshot to the mapping's present shape; fields that are new or mapped anew are owed by every row.
 *
 * @param backfill false in a mode that never writes a known row again: the fields are owed when the mode changes
 * @throws SyncError `state.primary_key_changed`, `state.match_changed`
 */
export async function migrate(
  store: Store,
  record: SyncRecord,
  layout: Layout,
  backfill: boolean,
): Promise<SyncRecord> {
  const { engine } = store;
  const { dialect } = engine;
  const drift = driftOf(dialect, record, layout);
  const owedBefore = record.owed ?? [];
  if (!drift.any && !(backfill && owedBefore.length > 0)) return record;
  const refused = identityProblems(drift);
  if (refused.length > 0) throw new SyncError(refused);
  const anew = [...new Set([...drift.anew, ...owedBefore])];
  let next: SyncRecord = { ...record, ...layoutPart(layout), owed: backfill ? [] : anew };
  if (drift.columns) next = await reshape(store, record, next);
  const tables = tablesOf(store, next, next.run);
  const contents = await contentsOf(engine, tables);
  const owed = backfill && anew.length > 0 ? oweFields(dialect, layout.shape, tables, contents, anew) : [];
  await saveRecord(store, next, owed);
  await store.sweep(snapshotTables(next));
  return next;
}

/** Makes the snapshot's tables anew, with the columns of `next`. */
async function reshape(store: Store, record: SyncRecord, next: SyncRecord): Promise<SyncRecord> {
  const { engine } = store;
  const { dialect } = engine;
  const from = shapeOf(record);
  const to = shapeOf(next);
  const old = tablesOf(store, record, record.run);
  const contents = await contentsOf(engine, old);
  const generation = record.generation + 1;
  const reshaped: SyncRecord = { ...next, generation, base: `base_g${generation}` };
  const tables = tablesOf(store, reshaped, record.run);
  // What a killed command has left of the same; a plan's copy of the state holds it too.
  for (const name of snapshotTables(reshaped))
    await engine.run(`DROP TABLE IF EXISTS ${store.snapshot(name)}`);
  const oldNames = namesOf(dialect, from);
  const newNames = namesOf(dialect, to);
  const before = new Map(record.columns.map((column, i) => [column.name, i]));
  const nothing = `CAST(NULL AS ${dialect.types.text})`;
  const values = (indexes: readonly number[]): string[] =>
    indexes.map((i) => {
      const column = to.columns[i]!;
      const was = before.get(column.name);
      if (was === undefined) return `${dialect.fromText(column, nothing)} AS ${newNames.all[i]}`;
      const old = record.columns[was]!;
      const same = dialect.storedType(old) === dialect.storedType(column);
      const value = same ? oldNames.all[was]! : dialect.retyped(old, column, oldNames.all[was]!);
      return `${value} AS ${newNames.all[i]}`;
    });
  const all = values(to.columns.map((_, i) => i));
  const snapshot = current(dialect, from, old, contents);
  await createTable(engine, tables.base, `SELECT ${list([...all, "record_id"])} FROM ${snapshot} s`);
  await createTable(engine, tables.doubt, `SELECT ${list(all)} FROM ${old.doubt}`);
  await createTable(
    engine,
    tables.pending,
    `SELECT ${list([...values(to.key), "owed"])} FROM ${old.pending}`,
  );
  for (const statement of createTables(dialect, to, tables)) await engine.run(statement);
  return { ...reshaped, baseRows: await count(engine, tables.base) };
}
