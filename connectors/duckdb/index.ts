/** DuckDB, the embedded warehouse: one file, read by the engine that keeps the state, or holding the state itself. */
import { resolve } from "node:path";
import type { DuckDBWarehouse } from "../../src/config/generated/duckdb.ts";
import {
  type Column,
  defineWarehouse,
  duckdbDialect,
  interruptible,
  type Query,
  type RowBatch,
  type RowOptions,
  SyncError,
  type Value,
  type Warehouse,
} from "../../src/sdk.ts";
import { openEngine } from "./engine.ts";
import { catalogOf, type OpenFile, openFile } from "./file.ts";
import { columnOf } from "./types.ts";

export default defineWarehouse<DuckDBWarehouse>({
  type: "duckdb",
  open: async (config, { folder }) => openWarehouse(config, resolve(folder, config.path), folder),
});

function openWarehouse(config: DuckDBWarehouse, path: string, folder: string): Warehouse {
  const open = (writable: boolean): Promise<OpenFile> =>
    openFile({ path, folder, writable, memoryLimit: config.memory_limit });

  // Once it is open for writing everything goes that way: a file is open once in a process.
  let writing: Promise<OpenFile> | undefined;
  let reading: Promise<unknown> = Promise.resolve();
  const openForWriting = (): Promise<OpenFile> => {
    writing ??= reading.then(() => open(true));
    writing.catch(() => {
      writing = undefined;
    });
    return writing;
  };

  /** Opens the file read-only for as long as the work takes: DuckDB lets others write to it in between. */
  function withFile<T>(work: (file: OpenFile) => Promise<T>): Promise<T> {
    if (writing) return writing.then(work);
    const done = reading.then(async () => {
      using file = await open(false);
      return await work(file);
    });
    reading = done.catch(() => {});
    return done;
  }

  return {
    access: {
      kind: "attach",
      path,
      catalog: catalogOf(path),
      searchPath: folder,
      async *rows(query, columns, options) {
        yield await withFile((file) => rowsOfQuery(file, query, columns, options));
      },
    },
    engine: openEngine(openForWriting),
    check: async () =>
      withFile(async (file) => {
        using connection = await file.connect();
        const [row] = (await connection.runAndReadAll("SELECT version()")).getRows();
        return { version: `DuckDB ${row?.[0]}` };
      }),
    columns: async (query) => withFile((file) => columnsOf(file, query)),
    async [Symbol.asyncDispose]() {
      (await writing?.catch(() => undefined))?.[Symbol.dispose]();
    },
  };
}

/** A result that is small: the engine that keeps the state reads models itself. */
async function rowsOfQuery(
  file: OpenFile,
  query: Query,
  columns: readonly Column[],
  { timezone, signal }: RowOptions,
): Promise<RowBatch> {
  using connection = await file.connect();
  const values = columns.map((column) => {
    const value = duckdbDialect.fromModel(column, duckdbDialect.quote(column.name), timezone);
    return duckdbDialect.toText(column, value);
  });
  const sql = `SELECT ${values.join(", ")} FROM (\n${query.text}\n) AS backhaul_model`;
  const reader = await interruptible(connection, signal, () => connection.runAndReadAll(sql)).catch(
    (error: unknown) => {
      throw signal.aborted ? error : refusedSql(query.file, error, 1);
    },
  );
  return reader.getRows() as Value[][];
}

async function columnsOf(file: OpenFile, query: Query): Promise<readonly Column[]> {
  using connection = await file.connect();
  // What parses alone cannot leave the parentheses that it is put into, and nothing but a SELECT may stand there.
  await connection.extractStatements(query.text).catch((error: unknown) => {
    throw refusedSql(query.file, error, 0);
  });
  const rows = await connection.runAndReadAll(`DESCRIBE (\n${query.text}\n)`).catch((error: unknown) => {
    throw refusedSql(query.file, error, 1);
  });
  // Names that differ by case alone are one to DuckDB: the column that it would take stands for all of them.
  const names = new Map<string, string>();
  return rows.getRows().map(([given, type]) => {
    const folded = String(given).toLowerCase();
    const name = names.get(folded) ?? String(given);
    names.set(folded, name);
    return columnOf(name, String(type));
  });
}

/**
 * DuckDB says `LINE n:`.
 *
 * @param before lines of the statement in front of the query
 */
function refusedSql(file: string, error: unknown, before: number): SyncError {
  const said = (error instanceof Error ? error.message : String(error)).replace(
    /^Failed to extract \w+: /,
    "",
  );
  // What DuckDB's client says of a text without a statement.
  const message = /^Error in native callback/.test(said) ? "it holds no statement." : said;
  const line = /^LINE (\d+):/m.exec(message)?.[1];
  const what = message
    .split(/\n\s*\n|\nLINE /, 1)[0]
    ?.replaceAll(/\s*\n\s*/g, " ")
    .trim();
  return new SyncError(
    {
      kind: "config",
      code: "model.sql_refused",
      message: `DuckDB refuses the query: ${what}`,
      remedy: "A model is one SELECT statement.",
      place: { file, ...(line ? { line: Math.max(1, Number(line) - before), column: 1 } : {}) },
    },
    error,
  );
}
