/** A DuckDB file: how it is opened, what it is called in SQL, what its errors mean. */
import { existsSync } from "node:fs";
import { basename } from "node:path";
import type { DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { duckdbDialect, fail, holderOf, type SyncError } from "../../src/sdk.ts";

const { quote, literal } = duckdbDialect;

export interface OpenFile extends Disposable {
  /** A connection whose unqualified names are the file's; for one statement or one stream at a time. */
  connect(): Promise<DuckDBConnection & Disposable>;
}

export interface FileOptions {
  readonly path: string;
  /** Where relative paths in queries start. */
  readonly folder: string;
  readonly writable: boolean;
  readonly memoryLimit: string | undefined;
}

/** @throws SyncError `connection` when the file is not there, is held by another process, or is no DuckDB file */
export async function openFile({ path, folder, writable, memoryLimit }: FileOptions): Promise<OpenFile> {
  if (!existsSync(path)) {
    throw fail.connection(
      "warehouse.missing_file",
      `There is no DuckDB file ${path}.`,
      "Create it, or mend the warehouse's path in backhaul.yml.",
    );
  }
  const catalog = quote(catalogOf(path));
  const api = await import("@duckdb/node-api");
  const instance: DuckDBInstance = await api.DuckDBInstance.create(":memory:", {
    temp_directory: `${path}.tmp`,
    preserve_insertion_order: "false",
    ...(memoryLimit === undefined ? {} : { memory_limit: memoryLimit }),
  });
  const connect = async (use: boolean): Promise<DuckDBConnection & Disposable> => {
    const connection = await instance.connect();
    if (use) await connection.run(`USE ${catalog}`);
    return Object.assign(connection, { [Symbol.dispose]: () => connection.closeSync() });
  };
  try {
    using connection = await connect(false);
    // For every connection that follows.
    await connection.run("SET GLOBAL TimeZone = 'UTC'");
    await connection.run(`ATTACH ${literal(path)} AS ${catalog}${writable ? "" : " (READ_ONLY)"}`);
    await connection.run(`SET GLOBAL file_search_path = ${literal(folder)}`);
  } catch (error) {
    instance.closeSync();
    throw cannotOpen(path, error);
  }
  return { connect: () => connect(true), [Symbol.dispose]: () => instance.closeSync() };
}

/**
 * DuckDB names a catalog after its file, up to the first dot (its own reserved names with `_db` behind), and
 * queries may say that name. The names that the
 * engine's own catalogs have are not free: such a file gets another.
 */
export function catalogOf(path: string): string {
  const [stem = ""] = basename(path).split(".", 1);
  if (/^(main|system|temp)$/i.test(stem)) return `${stem}_db`;
  return /^(state|base|memory)$/i.test(stem) ? "backhaul_warehouse" : stem;
}

function cannotOpen(path: string, error: unknown): SyncError {
  const message = error instanceof Error ? error.message : String(error);
  const holder = holderOf(error);
  if (holder !== undefined) {
    return fail.connection(
      "warehouse.locked",
      `The warehouse ${path} is held by ${holder}.`,
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
