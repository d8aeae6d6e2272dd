/** State in the user's own DuckDB file, which this process then holds for writing. */
import type { DuckDBConnection, DuckDBResult } from "@duckdb/node-api";
import {
  duckdbDialect,
  exhaustionIn,
  fail,
  interruptible,
  type RowBatch,
  rowsOf,
  type StateEngine,
  type Statement,
} from "../../src/sdk.ts";
import type { OpenFile } from "./file.ts";

/** @param open opens the file for writing at the first call and gives the same one after */
export function openEngine(open: () => Promise<OpenFile>): StateEngine {
  // A connection for each piece of work: a second statement on the connection of an open stream would end that
  // stream without an error, and transactions of one connection cannot overlap.
  const connect = async (): Promise<DuckDBConnection & Disposable> => (await open()).connect();

  return {
    exclusive: true,
    dialect: duckdbDialect,
    pace: { journalMs: 2_000, journalOutcomes: 5_000, leaseMs: 30_000 },

    async run(sql, signal) {
      using connection = await connect();
      return await written(await working(connection, signal, () => connection.run(sql)));
    },

    async transaction(statements) {
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await transact(connect, statements);
        } catch (error) {
          // DuckDB ends the later one of two transactions that write one row; PostgreSQL would have it wait.
          if (attempt === MOST_ATTEMPTS || !isConflict(error)) throw error;
          await new Promise((done) => setTimeout(done, attempt * Math.random() * 10));
        }
      }
    },

    async rows(sql) {
      using connection = await connect();
      const rows = (await working(connection, undefined, () => connection.runAndReadAll(sql))).getRows();
      return rows.map((row) => row.map((value) => (value === null ? null : String(value))));
    },

    stream: (sql, signal) => stream(connect, sql, signal),
  };
}

async function transact(
  connect: () => Promise<DuckDBConnection & Disposable>,
  statements: readonly Statement[],
): Promise<readonly number[] | undefined> {
  using connection = await connect();
  await connection.run("BEGIN TRANSACTION");
  // A transaction that is still open ends undone with its connection.
  const counts: number[] = [];
  for (const { sql, mustWrite } of statements) {
    const count = await written(await working(connection, undefined, () => connection.run(sql)));
    if (mustWrite && count === 0) return undefined;
    counts.push(count);
  }
  await connection.run("COMMIT");
  return counts;
}

const MOST_ATTEMPTS = 20;
const isConflict = (error: unknown): boolean =>
  /^TransactionContext Error|\bconflict\b|violates (primary key|unique) constraint/i.test(messageOf(error));
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

async function* stream(
  connect: () => Promise<DuckDBConnection & Disposable>,
  sql: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<RowBatch> {
  using connection = await connect();
  const result = await working(connection, signal, () => connection.stream(sql));
  for (;;) {
    const chunk = await working(connection, signal, () => result.fetchChunk());
    if (chunk === null || chunk.rowCount === 0) return;
    yield rowsOf(chunk);
  }
}

/** Work of a connection, its errors in our words. */
const working = <T>(
  connection: DuckDBConnection,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> =>
  interruptible(connection, signal, work).catch((error: unknown) => {
    throw engineError(error);
  });

/** What a statement ran into: the machine's limits and the file's name as ours, the data's faults as they came. */
function engineError(error: unknown): unknown {
  const message = messageOf(error).split("\n", 1)[0] ?? "";
  if (/Ambiguous reference to catalog or schema/.test(message)) {
    return fail.config(
      "warehouse.ambiguous_schema",
      "The DuckDB file and the state's schema have one name, which DuckDB cannot tell apart.",
      "Name another schema in state of backhaul.yml, or rename the file.",
    );
  }
  if (exhaustionIn(error) === undefined && !message.startsWith("IO Error")) return error;
  return fail.connection(
    "warehouse.exhausted",
    `DuckDB ended a statement: ${message.replace(/\.$/, "")}.`,
    "Give the disk more room, or the machine more memory.",
    error,
  );
}

/** DuckDB counts what INSERT, UPDATE and DELETE change; of `CREATE TABLE AS` it gives the count as a row. */
async function written(result: DuckDBResult): Promise<number> {
  if (result.columnName(0) !== "Count" || result.rowsChanged > 0) return result.rowsChanged;
  const [row] = await result.getRows();
  return Number(row?.[0] ?? 0);
}
