/** State in Snowflake: statements on a session of their own, few and large. */
import type { RowStatement } from "snowflake-sdk";
import type { RowBatch, StateEngine, Statement } from "../../src/sdk.ts";
import { snowflakeDialect } from "./dialect.ts";
import { batches } from "./driver.ts";
import { refusedState } from "./errors.ts";
import type { Session } from "./session.ts";

/**
 * @param session for statements by themselves
 * @param writer for transactions alone: a session has one transaction at a time, and everything said in it is part of it
 */
export function engineOn(session: Session, writer: Session): StateEngine {
  let before: Promise<unknown> = Promise.resolve();

  const ask = async (on: Session, sql: string, signal?: AbortSignal): Promise<RowStatement> => {
    try {
      return await on.execute({ sql }, signal);
    } catch (error) {
      throw signal?.aborted ? signal.reason : refusedState(error);
    }
  };

  async function* stream(sql: string, signal?: AbortSignal): AsyncGenerator<RowBatch> {
    try {
      yield* batches(await ask(session, sql, signal), signal);
    } catch (error) {
      throw signal?.aborted ? signal.reason : refusedState(error);
    }
  }

  async function transact(statements: readonly Statement[]): Promise<readonly number[] | undefined> {
    await ask(writer, "BEGIN");
    try {
      const written: number[] = [];
      for (const { sql, mustWrite } of statements) {
        const rows = rowsWritten(await ask(writer, sql));
        if (mustWrite && rows === 0) {
          await ask(writer, "ROLLBACK");
          return undefined;
        }
        written.push(rows);
      }
      await ask(writer, "COMMIT");
      return written;
    } catch (error) {
      await ask(writer, "ROLLBACK").catch(() => {});
      throw error;
    }
  }

  return {
    dialect: snowflakeDialect,
    // A warehouse that is awake is paid for by the second, at least a minute each time.
    pace: { journalMs: 60_000, journalOutcomes: 100_000, leaseMs: 900_000 },
    run: async (sql, signal) => rowsWritten(await ask(session, sql, signal)),
    transaction(statements) {
      const mine = before.then(() => transact(statements));
      before = mine.catch(() => {});
      return mine;
    },
    async rows(sql) {
      const all: (readonly (string | null)[])[] = [];
      for await (const batch of stream(sql)) all.push(...batch);
      return all;
    },
    stream,
  };
}

/** The driver says -1 of a statement that writes no rows. */
const rowsWritten = (statement: RowStatement): number => Math.max(0, statement.getNumUpdatedRows() ?? 0);
