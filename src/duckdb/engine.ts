import type { StateEngine } from "../ports.ts";
import { type Duckdb, unusable } from "./database.ts";
import { duckdbDialect } from "./dialect.ts";

/** A DuckDB database as an engine that holds state. */
export function duckdbEngine(database: Duckdb): StateEngine {
  /** One connection: a statement that came in the middle of a transaction would be part of it. */
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = last.then(work, work);
    last = mine.catch(() => {});
    return mine;
  };
  const written = async (sql: string): Promise<number> =>
    (await database.connection.run(sql).catch(unusable)).rowsChanged;
  return {
    dialect: duckdbDialect,
    pace: { journalMs: 1_000, journalOutcomes: 2_000, leaseMs: 3_600_000 },
    run: (sql) => inTurn(() => written(sql)),
    transaction: (statements) =>
      inTurn(async () => {
        await database.run("BEGIN");
        try {
          const counts: number[] = [];
          for (const { sql, mustWrite } of statements) {
            const rows = await written(sql);
            if (mustWrite === true && rows === 0) {
              await database.run("ROLLBACK");
              return undefined;
            }
            counts.push(rows);
          }
          await database.run("COMMIT");
          return counts;
        } catch (error) {
          await database.run("ROLLBACK").catch(() => {});
          throw error;
        }
      }),
    rows: (sql) => inTurn(() => database.all(sql)),
    stream: (sql) => database.stream(sql),
  };
}
