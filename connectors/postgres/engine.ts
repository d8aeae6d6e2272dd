/** State in PostgreSQL: each statement, or bundle of them, in a transaction of its own on a pooled connection. */
import type { QueryResult } from "pg";
import type { StateEngine } from "../../src/sdk.ts";
import type { PostgresConfig } from "./config.ts";
import { postgresDialect } from "./dialect.ts";
import { engineError } from "./errors.ts";
import { read } from "./read.ts";
import type { Names, Session, Sessions } from "./session.ts";

const NEVER = new AbortController().signal;
const BOOLEAN = 16;

export function openEngine(sessions: Sessions, config: PostgresConfig): StateEngine {
  const refused = (error: unknown): unknown => engineError(config, error);

  async function writing<T>(
    names: Names,
    signal: AbortSignal,
    work: (session: Session) => Promise<T>,
  ): Promise<T> {
    await using session = await sessions("write", names, signal);
    try {
      return await work(session);
    } catch (error) {
      throw signal.aborted ? signal.reason : refused(error);
    }
  }

  return {
    dialect: postgresDialect,
    pace: { journalMs: 2_000, journalOutcomes: 5_000, leaseMs: 30_000 },

    run: (sql, signal = NEVER, names) =>
      writing(names === "model" ? "user" : "system", signal, async (session) => {
        const result = await session.query(sql);
        await session.commit();
        return written(result);
      }),

    transaction: (statements) =>
      writing("system", NEVER, async (session) => {
        const counts: number[] = [];
        for (const { sql, mustWrite } of statements) {
          const count = written(await session.query(sql));
          if (mustWrite && count === 0) return undefined;
          counts.push(count);
        }
        await session.commit();
        return counts;
      }),

    async rows(sql) {
      await using session = await sessions("read", "system", NEVER);
      const { fields, rows } = await session.query(sql).catch((error: unknown) => {
        throw refused(error);
      });
      const truths = fields.flatMap((field, i) => (field.dataTypeID === BOOLEAN ? [i] : []));
      for (const row of rows) {
        for (const i of truths) if (row[i] != null) row[i] = row[i] === "t" ? "true" : "false";
      }
      return rows;
    },

    async *stream(sql, signal = NEVER) {
      await using session = await sessions("read", "system", signal);
      yield* read(session, sql, { signal, refused });
    },
  };
}

/** `CREATE TABLE AS` answers `SELECT n` without columns; a query has some, and writes nothing. */
const written = ({ command, fields, rowCount }: QueryResult): number =>
  /^(INSERT|UPDATE|DELETE|MERGE)$/.test(command) || (command === "SELECT" && fields.length === 0)
    ? (rowCount ?? 0)
    : 0;
