import type { Outcome } from "../core/change.ts";
import type { StateEngine, Statement } from "../ports.ts";
import { type OutcomeRow, outcomeRow } from "./outcome.ts";
import { takenOver } from "./settle.ts";
import type { Journal } from "./store.ts";

/** Rows of one INSERT: Snowflake takes 16,384 in a VALUES clause ("VALUES", Snowflake documentation). */
const ROWS_PER_INSERT = 5_000;

/**
 * A journal in a table of the warehouse, written in steps of the engine's pace. Each step renews the lease in the
 * same transaction, so that a run that has lost it can add nothing.
 */
export function openTableJournal(engine: StateEngine, table: string, renew: Statement): Journal {
  const { pace } = engine;
  let waiting: OutcomeRow[] = [];
  let writing: Promise<void> = Promise.resolve();
  let failure: unknown;

  const write = async (rows: readonly OutcomeRow[]): Promise<void> => {
    const statements: Statement[] = [renew];
    for (let at = 0; at < rows.length; at += ROWS_PER_INSERT)
      statements.push({ sql: insertOutcomes(engine, table, rows.slice(at, at + ROWS_PER_INSERT)) });
    if ((await engine.transaction(statements)) === undefined) throw takenOver();
  };
  const flush = (): Promise<void> => {
    const rows = waiting;
    waiting = [];
    if (rows.length > 0) {
      writing = writing
        .then(() => write(rows))
        .catch((error: unknown) => {
          failure ??= error;
        });
    }
    return writing;
  };
  const timer = setInterval(() => void flush(), pace.journalMs);
  timer.unref();
  return {
    async append(outcomes: readonly Outcome[]) {
      if (failure !== undefined) throw failure;
      for (const outcome of outcomes) waiting.push(outcomeRow(outcome));
      if (waiting.length >= pace.journalOutcomes) await flush();
      if (failure !== undefined) throw failure;
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await flush();
      if (failure !== undefined) throw failure;
    },
  };
}

function insertOutcomes({ dialect }: StateEngine, table: string, rows: readonly OutcomeRow[]): string {
  const text = (value: string | undefined): string => (value === undefined ? "NULL" : dialect.literal(value));
  const values = rows.map(
    ({ seq, status, id, owed, waits }) =>
      `(${seq}, '${status}', ${text(id)}, ${text(owed)}, ${waits === true})`,
  );
  return `INSERT INTO ${table} (seq, status, id, owed, waits) VALUES ${values.join(", ")}`;
}
