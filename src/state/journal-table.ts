import type { Outcome } from "../core/change.ts";
import type { StateEngine, Statement } from "../ports.ts";
import { type OutcomeRow, outcomeRow } from "./outcome.ts";
import { takenOver } from "./settle.ts";
import type { Journal } from "./store.ts";

/** Rows of one INSERT: Snowflake takes 16,384 in a VALUES clause ("VALUES", Snowflake documentation). */
const ROWS_PER_INSERT = 5_000;

/** A step is written while the next one gathers: together they are what a kill may lose. */
const STEPS = 2;

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
      for (const sql of insertOutcomes(engine, table, rows.slice(at, at + ROWS_PER_INSERT)))
        statements.push({ sql });
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
      if (waiting.length >= pace.journalOutcomes / STEPS) {
        const before = writing;
        void flush();
        await before;
      }
      if (failure !== undefined) throw failure;
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await flush();
      if (failure !== undefined) throw failure;
    },
  };
}

/** Says once what rows have in common: PostgreSQL takes eight times as long over a list of whole rows. */
function insertOutcomes({ dialect }: StateEngine, table: string, rows: readonly OutcomeRow[]): string[] {
  const text = (value: string | undefined): string => (value === undefined ? "NULL" : dialect.literal(value));
  const alike = new Map<string, OutcomeRow[]>();
  for (const row of rows) {
    const common = `'${row.status}', ${row.waits === true}`;
    const group = alike.get(common);
    if (group === undefined) alike.set(common, [row]);
    else group.push(row);
  }
  return [...alike].map(([common, group]) => {
    const own = (["id", "owed"] as const).filter((name) => group.some((row) => row[name] !== undefined));
    const values = group.map((row) => `(${[row.seq, ...own.map((name) => text(row[name]))].join(", ")})`);
    const select = ["x.seq", common, ...own.map((name) => `CAST(x.${name} AS ${dialect.types.text})`)];
    return `INSERT INTO ${table} (${["seq", "status", "waits", ...own].join(", ")}) SELECT ${select.join(", ")} FROM (VALUES ${values.join(", ")}) AS x (${["seq", ...own].join(", ")})`;
  });
}
