import type { DuckDBConnection } from "@duckdb/node-api";
import { fail, SyncError } from "../core/errors.ts";
import type { Value } from "../core/value.ts";
import { rowsOf } from "./dialect.ts";

export interface DuckdbLimits {
  /** DuckDB's buffer pool, for example `400MB`; the process needs about 250 MB more. */
  readonly memoryLimit: string;
  /** Where DuckDB spills what does not fit. */
  readonly temporaryFolder: string;
}

/** A DuckDB database that is open, and the few ways in which the state speaks to it. */
export interface Duckdb extends AsyncDisposable {
  run(sql: string): Promise<void>;
  /** Housekeeping: moves what is committed from the log into the file, unless a stream is still open. */
  checkpoint(): Promise<void>;
  /** All rows of a small result; values as DuckDB's own text. */
  all(sql: string): Promise<readonly (readonly Value[])[]>;
  /** The single value of a one-row, one-column result. */
  value(sql: string): Promise<Value>;
  count(sql: string): Promise<number>;
  /**
   * Streams a result of VARCHAR columns in batches. Each stream has a connection of its own: another statement on
   * the connection of an open stream would end it early without an error.
   */
  stream(sql: string): AsyncIterable<readonly (readonly Value[])[]>;
  /** A connection for work that needs DuckDB's own types; closed with the database. */
  readonly connection: DuckDBConnection;
}

/**
 * Opens (or creates) a DuckDB file for this process alone; `:memory:` for none. The open file is the lock of a
 * run: a second process is refused by DuckDB with the holder's process id, and the lock dies with its holder.
 *
 * @throws SyncError `state.locked` (kind `deferred`) when another process holds the file.
 */
export async function openDuckdb(path: string, limits: DuckdbLimits): Promise<Duckdb> {
  const { DuckDBInstance } = await import("@duckdb/node-api");
  const instance = await DuckDBInstance.create(path, {
    memory_limit: limits.memoryLimit,
    temp_directory: limits.temporaryFolder,
    preserve_insertion_order: "false",
    threads: "2",
  }).catch((error: unknown) => {
    throw unreadableState(path, lockedBy(path, error));
  });
  const connection = await instance.connect();
  await connection.run("SET TimeZone = 'UTC'");

  const all = async (sql: string): Promise<readonly (readonly Value[])[]> => {
    const reader = await connection.runAndReadAll(sql).catch(unusable);
    return reader.getRows().map((row) => row.map((value) => (value === null ? null : String(value))));
  };
  const value = async (sql: string): Promise<Value> => (await all(sql))[0]?.[0] ?? null;

  return {
    connection,
    run: async (sql) => {
      await connection.run(sql).catch(unusable);
    },
    checkpoint: async () => {
      await connection.run("CHECKPOINT").catch((error: unknown) => {
        if (!/Cannot CHECKPOINT/.test(String(error))) unusable(error);
      });
    },
    all,
    value,
    count: async (sql) => Number(await value(sql)),
    async *stream(sql) {
      const own = await instance.connect();
      try {
        const result = await own.stream(sql).catch(unusable);
        for (;;) {
          const chunk = await result.fetchChunk().catch(unusable);
          if (chunk === null || chunk.rowCount === 0) return;
          yield rowsOf(chunk);
        }
      } finally {
        own.closeSync();
      }
    },
    async [Symbol.asyncDispose]() {
      connection.closeSync();
      instance.closeSync();
    },
  };
}

/** What a statement on the state ran into, in our words where the disk, the memory or the file is at fault. */
export function unusable(error: unknown): never {
  const message = error instanceof Error ? error.message : String(error);
  const exhausted = exhaustionIn(error);
  if (exhausted !== undefined) {
    throw fail.connection(
      "state.exhausted",
      `DuckDB, which compares the rows here, ended a statement: ${exhausted}.`,
      "Give the disk more room, or DuckDB more memory by memory_limit of state in backhaul.yml; what was made durable is safe, and the next run goes on from it.",
      error,
    );
  }
  const [, file] = /file "([^"]*state\.duckdb)"/.exec(message) ?? [];
  // A block that is not there, or not as it was written, is found when a statement comes to it.
  const isDamage = /Could not read enough bytes|checksum|corrupt/i.test(message);
  throw file !== undefined && isDamage ? unreadableState(file, error) : error;
}

/** What DuckDB says of a disk that is full, or of memory that it may not take; `undefined` of anything else. */
export function exhaustionIn(error: unknown): string | undefined {
  const message = error instanceof Error ? error.message : String(error);
  // The appender leaves out what kind of error it was.
  const isExhausted =
    /Out of Memory Error|failed to pin block|No space left on device|Disk quota exceeded/.test(message);
  return isExhausted ? message.split("\n", 1)[0]?.replace(/\.$/, "") : undefined;
}

/** DuckDB names the process that holds a file; `undefined` when the error is about something else. */
export function holderOf(error: unknown): string | undefined {
  const message = error instanceof Error ? error.message : String(error);
  if (!/could not set lock|conflicting lock/i.test(message)) return undefined;
  const holder = /held in (.+?) \(PID (\d+)\)/.exec(message);
  return holder ? `process ${holder[2]} (${holder[1]})` : "another process";
}

/** The error of a state file that another process holds; anything else as it is. */
export function lockedBy(path: string, error: unknown): unknown {
  const holder = holderOf(error);
  if (holder === undefined) return error;
  return new SyncError(
    {
      kind: "deferred",
      code: "state.locked",
      message: `The state ${path} is in use by ${holder}.`,
      remedy: "Two runs of one sync never overlap: wait for the other one to end, or stop it.",
    },
    error,
  );
}

/** The error of a state file that cannot be opened at all: damaged, of a newer version, not ours to read. */
export function unreadableState(path: string, error: unknown): unknown {
  if (error instanceof SyncError) return error;
  const [said = ""] = (error instanceof Error ? error.message : String(error)).split("\n", 1);
  return new SyncError(
    {
      kind: "config",
      code: "state.unreadable",
      message: `The state cannot be opened: ${said}${/[.!?]$/.test(said) ? "" : "."}`,
      remedy: `Check that ${path} may be read and written and that the disk has room; restore it from a backup if it is damaged, or remove it: the next run then starts from an empty snapshot.`,
    },
    error,
  );
}
