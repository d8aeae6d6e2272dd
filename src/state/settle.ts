/**
 * What has to be true before a run may stage: the tables exist, an unfinished run is settled, and the snapshot
 * has the mapping's present shape.
 */
import { rmSync, writeFileSync } from "node:fs";
import { fail } from "../core/errors.ts";
import type { Column, Value } from "../core/value.ts";
import { literal, stored as storedName, storedType } from "./dialect.ts";
import type { Duckdb } from "./duckdb.ts";
import { reopenJournal } from "./journal.ts";
import * as sql from "./sql.ts";

export interface FieldShape {
  readonly field: string;
  readonly columns: readonly number[];
  readonly fingerprint: string;
}

export interface StateOptions {
  /** The sync's own folder. */
  readonly folder: string;
  readonly shape: sql.Shape;
  readonly fields: readonly FieldShape[];
  /** How records are found, in words: `new_customerid = person_id`. */
  readonly matching: string;
  readonly memoryLimit: string;
}

export interface Recovery {
  readonly run: string;
  /** Outcomes of the unfinished run that were found in its journal. */
  readonly acknowledged: number;
  /** Changes of the unfinished run that have no certain answer; they are planned again. */
  readonly inDoubt: number;
}

export async function commit(database: Duckdb, shape: sql.Shape, journalFile: string): Promise<void> {
  await database.run(sql.createOutcomes(journalFile));
  await database.run("BEGIN");
  if ((await database.value(sql.isCleanFirstLoad("main"))) === "true") {
    await database.run("DROP TABLE main.snapshot");
    await database.run("ALTER TABLE main.staged RENAME TO snapshot");
  } else {
    for (const statement of sql.fold("main", shape)) await database.run(statement);
  }
  await dropWork(database);
  await database.run("DELETE FROM main.meta WHERE name = 'open_run'");
  await database.run("COMMIT");
  await database.run("DROP TABLE IF EXISTS outcomes");
  await database.checkpoint();
  rmSync(journalFile, { force: true });
}

export async function dropWork(database: Duckdb): Promise<void> {
  for (const table of ["staged", "refused", "changes"])
    await database.run(`DROP TABLE IF EXISTS main.${table}`);
}

/** Creates the tables, settles an unfinished run and brings the snapshot to the mapping's present shape. */
export async function settle(
  database: Duckdb,
  options: StateOptions,
  journalFile: string,
): Promise<Recovery | undefined> {
  const { shape } = options;
  if (!(await hasTable(database, "state", "meta"))) {
    await database.run("BEGIN");
    await database.run("CREATE TABLE main.meta (name VARCHAR, value VARCHAR)");
    await database.run(sql.createSnapshot("main", shape));
    await database.run(sql.createPending("main", shape));
    await database.run(sql.createDoubt("main", shape));
    await writeShape(database, options);
    await database.run("COMMIT");
    return undefined;
  }
  const recovery = await recover(database, journalFile);
  await migrate(database, options);
  return recovery;
}

async function recover(database: Duckdb, journalFile: string): Promise<Recovery | undefined> {
  const run = await meta(database, "main", "open_run");
  if (run === null) {
    await dropWork(database);
    rmSync(journalFile, { force: true });
    return undefined;
  }
  const shape = storedShape(await meta(database, "main", "shape"));
  // A journal of another run belongs to a commit that ended just before its journal was removed.
  if (reopenJournal(journalFile) !== run)
    writeFileSync(journalFile, `${JSON.stringify({ run })}\n`, { mode: 0o600 });
  await database.run(sql.createOutcomes(journalFile));
  const acknowledged = await database.count("SELECT count(*) FROM outcomes");
  const changes = await database.count("SELECT count(*) FROM main.changes");
  await commit(database, shape, journalFile);
  return { run, acknowledged, inDoubt: changes - acknowledged };
}

interface StoredShape {
  readonly columns: readonly Column[];
  readonly key: readonly number[];
  readonly match: readonly number[];
  readonly fields: Readonly<Record<string, string>>;
  readonly matching: string;
}

const storedShape = (text: Value): StoredShape => JSON.parse(text ?? "{}") as StoredShape;

async function writeShape(database: Duckdb, { shape, fields, matching }: StateOptions): Promise<void> {
  const fingerprints = Object.fromEntries(fields.map(({ field, fingerprint }) => [field, fingerprint]));
  await setMeta(database, "shape", JSON.stringify({ ...shape, fields: fingerprints, matching }));
}

/** Whether the snapshot can be used as it lies: no unfinished run, same columns and types, same mapping. */
export async function isSettled(
  database: Duckdb,
  catalog: string,
  { shape, fields, matching }: StateOptions,
): Promise<boolean> {
  if (!(await hasTable(database, catalog, "meta"))) return false;
  if ((await meta(database, `${catalog}.main`, "open_run")) !== null) return false;
  const stored = storedShape(await meta(database, `${catalog}.main`, "shape"));
  const columns = (s: { columns: readonly Column[] }): string =>
    s.columns.map((column) => `${column.name} ${storedType(column)}`).join("\n");
  return (
    columns(stored) === columns(shape) &&
    keyNames(stored) === keyNames(shape) &&
    stored.matching === matching &&
    fields.every(({ field, fingerprint }) => stored.fields[field] === fingerprint)
  );
}

const keyNames = (shape: sql.Shape): string => shape.key.map((i) => shape.columns[i]!.name).join(", ");

/** Brings the snapshot to the mapping's columns; fields that are new or mapped anew are owed by every row. */
async function migrate(database: Duckdb, options: StateOptions): Promise<void> {
  if (await isSettled(database, "state", options)) return;
  const { shape, fields } = options;
  const stored = storedShape(await meta(database, "main", "shape"));
  if (keyNames(stored) !== keyNames(shape)) {
    throw fail.config(
      "state.primary_key_changed",
      `The model's primary key was ${keyNames(stored)} in the last run and is ${keyNames(shape)} now, so rows cannot be told apart any more.`,
      "Name the old primary key again, or give the sync a new name to start from an empty snapshot.",
    );
  }
  if (stored.matching !== options.matching) {
    throw fail.config(
      "state.match_changed",
      `The sync found its records by ${stored.matching} in the last run and by ${options.matching} now, so the records it has written cannot be told from others.`,
      "Name the old match again, or give the sync a new name to start from an empty snapshot.",
    );
  }
  const before = new Map(stored.columns.map((column) => [column.name, column]));
  const now = new Set(shape.columns.map((column) => column.name));
  const retyped = new Set<number>();
  await database.run("BEGIN");
  for (const table of ["snapshot", "doubt"]) {
    for (const old of stored.columns) {
      if (!now.has(old.name)) await database.run(`ALTER TABLE main.${table} DROP COLUMN ${storedName(old)}`);
    }
    for (const [i, column] of shape.columns.entries()) {
      const old = before.get(column.name);
      if (old === undefined) {
        await database.run(
          `ALTER TABLE main.${table} ADD COLUMN ${storedName(column)} ${storedType(column)}`,
        );
      } else if (storedType(old) !== storedType(column)) {
        retyped.add(i);
        await database.run(retype(table, column));
      }
    }
  }
  for (const i of retyped)
    if (shape.key.includes(i)) await database.run(retype("pending", shape.columns[i]!));
  // A value of another type may be another value to the destination, though it compares equal here.
  const anew = fields.filter(
    ({ field, fingerprint, columns }) =>
      stored.fields[field] !== fingerprint || columns.some((column) => retyped.has(column)),
  );
  if (anew.length > 0)
    await database.run(
      sql.oweFields(
        "main",
        shape,
        anew.map(({ field }) => field),
      ),
    );
  await writeShape(database, options);
  await database.run("COMMIT");
}

const retype = (table: string, column: Column): string =>
  `ALTER TABLE main.${table} ALTER ${storedName(column)} TYPE ${storedType(column)} USING TRY_CAST(${storedName(column)} AS ${storedType(column)})`;

async function hasTable(database: Duckdb, catalog: string, table: string): Promise<boolean> {
  return (
    (await database.count(
      `SELECT count(*) FROM duckdb_tables() WHERE database_name = ${literal(catalog)} AND table_name = ${literal(table)}`,
    )) > 0
  );
}

async function meta(database: Duckdb, schema: string, name: string): Promise<Value> {
  return database.value(`SELECT value FROM ${schema}.meta WHERE name = ${literal(name)}`);
}

export async function setMeta(database: Duckdb, name: string, value: string): Promise<void> {
  await database.run(`DELETE FROM main.meta WHERE name = ${literal(name)}`);
  await database.run(`INSERT INTO main.meta VALUES (${literal(name)}, ${literal(value)})`);
}
