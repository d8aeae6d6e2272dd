/** The four places of the state, each over real parts that a case finds empty. */
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import duckdb from "../../connectors/duckdb/index.ts";
import postgres from "../../connectors/postgres/index.ts";
import type { StateEngine, Warehouse } from "../../src/ports.ts";
import type { StateLocation } from "../../src/sync/prepare.ts";
import type { TestPostgres } from "../support/postgres.ts";
import { inDuckdb } from "../support/project.ts";
import { type FusedOptions, fusedEngine } from "./fuse.ts";
import type { Row } from "./history.ts";

/** What one case works on. */
export interface Site extends AsyncDisposable {
  readonly warehouse: Warehouse;
  readonly location: StateLocation;
  /** The model's table. */
  readonly table: string;
  fill(rows: readonly Row[]): Promise<void>;
  /** After a kill: what the operating system or time does for a dead process. @param torn share of the journal that reached the disk */
  bury(torn: number): Promise<void>;
  /** The whole stored state as text: equal when nothing has changed. */
  picture(): Promise<string>;
}

export interface Place extends AsyncDisposable {
  readonly name: string;
  site(options: FusedOptions): Promise<Site>;
}

/** A folder in memory where there is one: thousands of small databases would wait for the disk. */
function memoryFolder(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "backhaul-test-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

const literal = (value: string | number | null): string =>
  value === null ? "NULL" : typeof value === "number" ? String(value) : `'${value.replaceAll("'", "''")}'`;

const inserts = (table: string, rows: readonly Row[]): string[] =>
  rows.length === 0
    ? []
    : [
        `INSERT INTO ${table} VALUES ${rows
          .map(({ id, code, name, amount }) => `(${[id, code, name, amount].map(literal).join(", ")})`)
          .join(", ")}`,
      ];

const COLUMNS = "(id INTEGER, code VARCHAR, name VARCHAR, amount INTEGER)";

/** A local state's folder as text, and its journal cut short. */
function folderOf(root: string): Pick<Site, "bury" | "picture"> {
  const files = (folder: string): string[] =>
    existsSync(folder)
      ? readdirSync(folder, { recursive: true, encoding: "utf8" })
          .map((name) => join(folder, name))
          .filter((path) => statSync(path).isFile())
          .sort()
      : [];
  return {
    async bury(torn) {
      for (const path of files(root)) {
        if (path.endsWith("journal.jsonl")) truncateSync(path, Math.round(statSync(path).size * torn));
      }
    },
    picture: async () =>
      files(root)
        .map((path) => `${path} ${createHash("sha256").update(readFileSync(path)).digest("hex")}`)
        .join("\n"),
  };
}

async function pictureOf(engine: StateEngine, schema: string): Promise<string> {
  const { quote, literal } = engine.dialect;
  const tables = await engine.rows(
    `SELECT table_name FROM information_schema.tables WHERE table_schema = ${literal(schema)} ORDER BY 1`,
  );
  const lines: string[] = [];
  for (const [name] of tables) {
    const rows = await engine.rows(
      `SELECT CAST(t AS VARCHAR) FROM ${quote(schema)}.${quote(name!)} t ORDER BY 1`,
    );
    lines.push(`${name}: ${JSON.stringify(rows)}`);
  }
  return lines.join("\n");
}

async function openDuckdbWarehouse(folder: string): Promise<Warehouse> {
  await inDuckdb(join(folder, "warehouse.duckdb"), `CREATE TABLE people ${COLUMNS}`);
  return duckdb.open({ type: "duckdb", path: "warehouse.duckdb" }, { folder } as never);
}

/** Local state over a DuckDB file that is attached. */
export async function localOnDuckdb(): Promise<Place> {
  const home = memoryFolder();
  const warehouse = await openDuckdbWarehouse(home.path);
  return {
    name: "local state over DuckDB",
    async site() {
      const root = mkdtempSync(join(home.path, "case-"));
      return {
        warehouse,
        location: { kind: "local", project: "test", root, memoryLimit: "256MB" },
        table: "people",
        fill: async (rows) =>
          void (await inDuckdb(
            join(home.path, "warehouse.duckdb"),
            "DELETE FROM people",
            ...inserts("people", rows),
          )),
        ...folderOf(root),
        [Symbol.asyncDispose]: async () => rmSync(root, { recursive: true, force: true }),
      };
    },
    [Symbol.asyncDispose]: async () => home[Symbol.dispose](),
  };
}

/** State in the DuckDB file that the models run in. */
export async function warehouseInDuckdb(): Promise<Place> {
  const home = memoryFolder();
  const warehouse = await openDuckdbWarehouse(home.path);
  return {
    name: "state in DuckDB",
    site: (options) => warehouseSite(warehouse, options, async () => {}),
    async [Symbol.asyncDispose]() {
      await warehouse[Symbol.asyncDispose]();
      home[Symbol.dispose]();
    },
  };
}

export async function openPostgres(server: TestPostgres): Promise<Warehouse> {
  return postgres.open({ type: "postgres", url: server.url, port: server.port }, { folder: "/" } as never);
}

/** Local state over rows that PostgreSQL streams. */
export async function localOnPostgres(server: TestPostgres): Promise<Place> {
  const home = memoryFolder();
  const warehouse = await openPostgres(server);
  const engine = warehouse.engine!;
  await engine.run("CREATE SCHEMA local_state");
  await engine.run(`CREATE TABLE local_state.people ${COLUMNS}`);
  return {
    name: "local state over PostgreSQL",
    async site() {
      const root = mkdtempSync(join(home.path, "case-"));
      const table = "local_state.people";
      return {
        warehouse,
        location: { kind: "local", project: "test", root, memoryLimit: "256MB" },
        table,
        async fill(rows) {
          for (const sql of [`DELETE FROM ${table}`, ...inserts(table, rows)]) await engine.run(sql);
        },
        ...folderOf(root),
        [Symbol.asyncDispose]: async () => rmSync(root, { recursive: true, force: true }),
      };
    },
    async [Symbol.asyncDispose]() {
      await warehouse[Symbol.asyncDispose]();
      home[Symbol.dispose]();
    },
  };
}

/** State in a schema of PostgreSQL. */
export async function warehouseInPostgres(server: TestPostgres): Promise<Place> {
  const warehouse = await openPostgres(server);
  return {
    name: "state in PostgreSQL",
    site: (options) => warehouseSite(warehouse, options, async () => {}),
    [Symbol.asyncDispose]: () => warehouse[Symbol.asyncDispose](),
  };
}

let made = 0;

async function warehouseSite(
  warehouse: Warehouse,
  options: FusedOptions,
  onEnd: () => Promise<void>,
): Promise<Site> {
  const engine = warehouse.engine!;
  made += 1;
  const schema = `case_${made}`;
  const table = `data_${made}.people`;
  await engine.run(`CREATE SCHEMA data_${made}`);
  await engine.run(`CREATE TABLE ${table} ${COLUMNS}`);
  return {
    warehouse: { ...warehouse, engine: fusedEngine(engine, options) },
    location: { kind: "warehouse", project: "test", schema, retentionDays: 90 },
    table,
    async fill(rows) {
      await engine.transaction([`DELETE FROM ${table}`, ...inserts(table, rows)].map((sql) => ({ sql })));
    },
    async bury() {
      // The holder is this very process, which lives on: time has to pass.
      const known = await engine.rows(
        `SELECT table_name FROM information_schema.tables WHERE table_schema = '${schema}' AND table_name = 'syncs'`,
      );
      // A renewal that was under way finds another token, as it would find another holder.
      const sql = `UPDATE ${schema}.syncs SET expires = 0, token = token + 1`;
      if (known.length > 0) await engine.transaction([{ sql }]);
    },
    picture: () => pictureOf(engine, schema),
    async [Symbol.asyncDispose]() {
      for (const name of [schema, `data_${made}`]) await engine.run(`DROP SCHEMA IF EXISTS ${name} CASCADE`);
      await onEnd();
    },
  };
}
