/** The two ways of a model's values into a state: streamed into the local engine, or kept in the warehouse itself. */
import { DuckDBInstance } from "@duckdb/node-api";
import type { Column, Value } from "../../src/core/value.ts";
import { duckdbDialect } from "../../src/duckdb/dialect.ts";
import type { Dialect, Warehouse } from "../../src/ports.ts";

const signal = new AbortController().signal;

export interface Values {
  readonly columns: readonly Column[];
  /** Canonical texts; the first column orders the rows, as a number. */
  readonly rows: readonly (readonly Value[])[];
}

export type Way = "local" | "warehouse";

/** The rows of a query as they come out of a state. */
export async function valuesOf(
  warehouse: Warehouse,
  way: Way,
  text: string,
  { timezone = "UTC", file = "models/t.sql" } = {},
): Promise<Values> {
  const query = { text, file };
  const columns = await warehouse.columns(query, signal);
  const model = `(\n${text}\n) AS backhaul_model`;
  const read = way === "warehouse" ? inWarehouse : warehouse.access.kind === "attach" ? attached : streamed;
  const rows = await read();
  return { columns, rows: [...rows].sort(([a], [b]) => Number(a) - Number(b)) };

  /** As a table of the warehouse's own. */
  async function inWarehouse(): Promise<readonly (readonly Value[])[]> {
    const { engine } = warehouse;
    if (engine === undefined) throw new Error("no engine");
    // To say IF NOT EXISTS takes the right to make one.
    const schema =
      "SELECT schema_name FROM information_schema.schemata WHERE lower(schema_name) = 'backhaul'";
    if ((await engine.rows(schema)).length === 0) await engine.run("CREATE SCHEMA backhaul");
    await engine.run("DROP TABLE IF EXISTS backhaul.kept");
    const made = engine.dialect.createTableAs("backhaul.kept", staged(engine.dialect, model));
    await engine.run(made, undefined, "model");
    return engine.rows(texts(engine.dialect, "backhaul.kept"));
  }

  /** As a table of a local DuckDB that attaches the file. */
  async function attached(): Promise<readonly (readonly Value[])[]> {
    if (warehouse.access.kind !== "attach") throw new Error("no file");
    const { path, catalog, searchPath } = warehouse.access;
    return inMemory(
      `SET file_search_path = ${duckdbDialect.literal(searchPath)}`,
      `ATTACH ${duckdbDialect.literal(path)} AS ${duckdbDialect.quote(catalog)} (READ_ONLY)`,
      `USE ${duckdbDialect.quote(catalog)}`,
      `CREATE TABLE memory.main.kept AS ${staged(duckdbDialect, model)}`,
      texts(duckdbDialect, "memory.main.kept"),
    );
  }

  /** As canonical text, typed once it is here. */
  async function streamed(): Promise<readonly (readonly Value[])[]> {
    if (warehouse.access.kind !== "stream") throw new Error("no stream");
    const all: (readonly Value[])[] = [];
    for await (const batch of warehouse.access.rows(query, columns, { timezone, signal })) all.push(...batch);
    if (all.length === 0) return [];
    const literal = (value: Value): string =>
      value === null ? "NULL::VARCHAR" : duckdbDialect.literal(value);
    const incoming = `(VALUES ${all.map((row) => `(${row.map(literal).join(", ")})`).join(", ")}) i(${columns.map((_, i) => `c${i}`).join(", ")})`;
    const typed = columns.map((column, i) => `${duckdbDialect.fromText(column, `c${i}`)} AS v${i}`);
    return inMemory(
      `CREATE TABLE kept AS SELECT ${typed.join(", ")} FROM ${incoming}`,
      texts(duckdbDialect, "kept"),
    );
  }

  function staged(dialect: Dialect, from: string): string {
    const values = columns.map((column, i) => {
      const name = `backhaul_model.${dialect.quote(column.name)}`;
      return `${dialect.fromModel(column, name, timezone)} AS v${i}`;
    });
    return `SELECT ${values.join(", ")} FROM ${from}`;
  }

  function texts(dialect: Dialect, table: string): string {
    return `SELECT ${columns.map((column, i) => `${dialect.toText(column, `v${i}`)} AS t${i}`).join(", ")} FROM ${table}`;
  }
}

async function inMemory(...statements: readonly string[]): Promise<readonly (readonly Value[])[]> {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  try {
    await connection.run("SET TimeZone = 'UTC'");
    let rows: readonly (readonly Value[])[] = [];
    for (const sql of statements) rows = (await connection.runAndReadAll(sql)).getRows() as Value[][];
    return rows;
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
