import { fail, SyncError } from "../core/errors.ts";
import type { Value } from "../core/value.ts";
import { type Duckdb, holderOf, unusable } from "../duckdb/database.ts";
import { duckdbDialect } from "../duckdb/dialect.ts";
import type { Query, RowAccess, RowBatch, StateEngine } from "../ports.ts";
import { count } from "./settle.ts";
import { createStaged } from "./staging.ts";
import type { StageOptions } from "./store.ts";
import type { Shape } from "./tables.ts";

const { literal, quote } = duckdbDialect;

/** One `CREATE TABLE AS` over the attached file: no row passes through the process. */
export async function stageAttached(
  database: Duckdb,
  table: string,
  shape: Shape,
  access: Extract<RowAccess, { kind: "attach" }>,
  query: Query,
  timezone: string,
): Promise<void> {
  const warehouse = quote(access.catalog);
  await database.run(`SET file_search_path = ${literal(access.searchPath)}`);
  await database.run(`ATTACH ${literal(access.path)} AS ${warehouse} (READ_ONLY)`).catch((error: unknown) => {
    const holder = holderOf(error);
    if (holder === undefined) throw error;
    throw fail.connection(
      "warehouse.locked",
      `The warehouse ${access.path} is held by ${holder}.`,
      "DuckDB lets one process write to a file: end that process, or have it close the file.",
      error,
    );
  });
  try {
    const state = (await database.value("SELECT current_database()")) as string;
    const values = shape.columns.map((column) =>
      duckdbDialect.fromModel(column, `backhaul_model.${quote(column.name)}`, timezone),
    );
    await database.run(`USE ${warehouse}`);
    try {
      // What parses alone cannot leave the parentheses that it is put into.
      await database.connection.extractStatements(query.text).catch((error: unknown) => {
        throw refusedRows(query, error);
      });
      await database
        .run(
          createStaged(
            duckdbDialect,
            shape,
            `${quote(state)}.${table}`,
            values,
            `(\n${query.text}\n) AS backhaul_model`,
          ),
        )
        .catch((error: unknown) => {
          throw refusedRows(query, error);
        });
    } finally {
      await database.run(`USE ${quote(state)}`);
    }
  } finally {
    await database.run(`DETACH ${warehouse}`);
  }
}

/** Rows that are streamed from the warehouse as canonical text, typed once they are here. */
export async function stageRows(
  database: Duckdb,
  table: string,
  shape: Shape,
  query: Query,
  rows: AsyncIterable<RowBatch>,
  onRows: ((rows: number) => void) | undefined,
): Promise<void> {
  const { DuckDBDataChunk, VARCHAR } = await import("@duckdb/node-api");
  const columns = shape.columns.map((_, i) => `c${i} VARCHAR`).join(", ");
  await database.run(`CREATE OR REPLACE TABLE main.incoming (${columns})`);
  const types = shape.columns.map(() => VARCHAR);
  const appender = await database.connection.createAppender("incoming", "main");
  let total = 0;
  try {
    for await (const batch of rows) {
      for (let start = 0; start < batch.length; start += 2_048) {
        const chunk = DuckDBDataChunk.create(types);
        chunk.setRows(batch.slice(start, start + 2_048) as Value[][]);
        appender.appendDataChunk(chunk);
      }
      total += batch.length;
      onRows?.(total);
    }
    appender.closeSync();
  } catch (error) {
    unusable(error);
  }
  const values = shape.columns.map((column, i) => duckdbDialect.fromText(column, `i.c${i}`));
  await database
    .run(createStaged(duckdbDialect, shape, table, values, "main.incoming i"))
    .catch((error: unknown) => {
      throw refusedRows(query, error);
    });
  await database.run("DROP TABLE main.incoming");
}

/** The query ran into its data: a division by zero, a value that does not fit its type. */
function refusedRows(query: Query, error: unknown): SyncError {
  if (error instanceof SyncError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const first = message.split("\n", 1)[0] ?? message;
  return new SyncError(
    {
      kind: "config",
      code: "model.query_failed",
      message: `The query could not be run to its end: ${first}`,
      remedy: "Mend the query, or cast the value that does not fit.",
      place: { file: query.file },
    },
    error,
  );
}

/** One `CREATE TABLE AS` in the warehouse that holds the state: no row leaves it. Gives the rows of the table. */
export async function stageInWarehouse(
  engine: StateEngine,
  table: string,
  shape: Shape,
  query: Query,
  { timezone, signal }: StageOptions,
): Promise<number> {
  const { dialect } = engine;
  const values = shape.columns.map((column) =>
    dialect.fromModel(column, `backhaul_model.${dialect.quote(column.name)}`, timezone),
  );
  const sql = createStaged(dialect, shape, table, values, `(\n${query.text}\n) AS backhaul_model`);
  const written = await engine.run(sql, signal, "model").catch((error: unknown) => {
    signal.throwIfAborted();
    throw refusedRows(query, error);
  });
  return written > 0 ? written : count(engine, table);
}
