/** DuckDB, the embedded warehouse: one file, read by the engine that keeps the state. */
import { existsSync } from "node:fs";
import { basename, resolve } from "node:path";
import type { DuckDBWarehouse } from "../../src/config/generated/duckdb.ts";
import { type Column, defineWarehouse, fail, SyncError, type Warehouse } from "../../src/sdk.ts";
import { columnOf } from "./types.ts";

export default defineWarehouse<DuckDBWarehouse>({
  type: "duckdb",
  open: async (config, { folder }) => openWarehouse(resolve(folder, config.path), folder),
});

function openWarehouse(path: string, folder: string): Warehouse {
  return {
    access: { kind: "attach", path, catalog: catalogOf(path), searchPath: folder },
    check: async () =>
      withDatabase(path, async (query) => ({
        version: `DuckDB ${(await query("SELECT version()"))[0]?.[0]}`,
      })),
    columns: async ({ text, file }) =>
      withDatabase(path, async (query, parse) => {
        // What parses alone cannot leave the parentheses that it is put into, and nothing but a SELECT may stand there.
        await parse(text).catch((error: unknown) => {
          throw refusedSql(file, error, 0);
        });
        await query(`SET file_search_path = ${quoted(folder)}`);
        const rows = await query(`DESCRIBE SELECT * FROM (\n${text}\n) AS backhaul_model`).catch(
          (error: unknown) => {
            throw refusedSql(file, error, 1);
          },
        );
        return rows.map(([name, type]): Column => columnOf(String(name), String(type)));
      }),
    async [Symbol.asyncDispose]() {},
  };
}

type Ask = (sql: string) => Promise<readonly (readonly unknown[])[]>;
type Parse = (sql: string) => Promise<unknown>;

/**
 * DuckDB names a catalog after its file, up to the first dot (its own reserved names with `_db` behind), and
 * queries may say that name. The names that the
 * engine's own catalogs have are not free: such a file gets another.
 */
function catalogOf(path: string): string {
  const [stem = ""] = basename(path).split(".", 1);
  if (/^(main|system|temp)$/i.test(stem)) return `${stem}_db`;
  return /^(state|base|memory)$/i.test(stem) ? "backhaul_warehouse" : stem;
}

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** Opens the file read-only for as long as the work takes: DuckDB lets others write to it in between. */
async function withDatabase<T>(path: string, work: (query: Ask, parse: Parse) => Promise<T>): Promise<T> {
  if (!existsSync(path)) {
    throw fail.connection(
      "warehouse.missing_file",
      `There is no DuckDB file ${path}.`,
      "Create it, or mend the warehouse's path in backhaul.yml.",
    );
  }
  const { DuckDBInstance } = await import("@duckdb/node-api");
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  try {
    const catalog = `"${catalogOf(path).replaceAll('"', '""')}"`;
    await connection.run(`ATTACH ${quoted(path)} AS ${catalog} (READ_ONLY)`).catch((error: unknown) => {
      throw cannotOpen(path, error);
    });
    await connection.run(`USE ${catalog}`);
    return await work(
      async (sql) => (await connection.runAndReadAll(sql)).getRows(),
      (sql) => connection.extractStatements(sql),
    );
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

function cannotOpen(path: string, error: unknown): SyncError {
  const message = error instanceof Error ? error.message : String(error);
  const holder = /held in (.+?) \(PID (\d+)\)/.exec(message);
  if (holder) {
    return fail.connection(
      "warehouse.locked",
      `The warehouse ${path} is held by process ${holder[2]} (${holder[1]}).`,
      "DuckDB lets one process write to a file: end that process, or have it close the file.",
      error,
    );
  }
  return fail.connection(
    "warehouse.cannot_open",
    `The DuckDB file ${path} cannot be opened: ${message.split("\n", 1)[0]}`,
    "Check that it is a DuckDB file of a version that this DuckDB reads, and that it may be read.",
    error,
  );
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
