/** Snowflake: models run there, results stream from there as canonical text, and the state may live there. */
import type { RowStatement } from "snowflake-sdk";
import {
  type Column,
  defineWarehouse,
  type Query,
  type RowBatch,
  type RowOptions,
  type Warehouse,
} from "../../src/sdk.ts";
import type { SnowflakeConfig } from "./config.ts";
import { modelText, snowflakeDialect } from "./dialect.ts";
import { batches } from "./driver.ts";
import { engineOn } from "./engine.ts";
import { cannotReach, notThere, refusedSql } from "./errors.ts";
import { openSession, type Session } from "./session.ts";
import { columnOf } from "./types.ts";

export default defineWarehouse<SnowflakeConfig>({
  type: "snowflake",
  open: async (config) => openWarehouse(config),
});

function openWarehouse(config: SnowflakeConfig): Warehouse {
  const session = openSession(config);
  const writer = openSession(config);
  return {
    access: { kind: "stream", rows: (query, columns, options) => stream(session, query, columns, options) },
    engine: engineOn(session, writer),
    check: async (signal) => {
      const [version, ...used] = await firstRow(session, WHO_AM_I, signal).catch((error: unknown) => {
        throw signal.aborted ? signal.reason : cannotReach(config, error);
      });
      for (const [i, what] of (["warehouse", "database", "schema"] as const).entries()) {
        const wanted = config[what];
        if (wanted !== undefined && used[i] === null) throw notThere(what, wanted);
      }
      return { version: `Snowflake ${version}` };
    },
    columns: async (query, signal) => {
      await session.open(signal);
      const described = await describe(session, query, describeStatement(query), 1, signal);
      // What is a query by itself cannot leave the parentheses that it is put into.
      await describe(session, query, query.text, 0, signal);
      return (described.getColumns() ?? []).map(columnOf);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([session[Symbol.asyncDispose](), writer[Symbol.asyncDispose]()]);
    },
  };
}

/** Context functions alone: it wakes no warehouse. */
export const WHO_AM_I = "SELECT CURRENT_VERSION(), CURRENT_WAREHOUSE(), CURRENT_DATABASE(), CURRENT_SCHEMA()";

/** The model in parentheses, so that it can be nothing but a query; its lines are one behind. */
const inParentheses = ({ text }: Query): string => `(\n${text}\n) AS backhaul_model`;

export const describeStatement = (query: Query): string => `SELECT * FROM ${inParentheses(query)}`;

/** Every value as canonical text made by Snowflake, so that no conversion of the driver's has a say. */
export function rowsStatement(query: Query, columns: readonly Column[], timezone: string): string {
  const select = columns.map((column, i) => {
    const name = `backhaul_model.${snowflakeDialect.quote(column.name)}`;
    return `${modelText(column, name, timezone)} AS c${i}`;
  });
  return `SELECT ${select.join(", ")} FROM ${inParentheses(query)}`;
}

/** @param before lines of the statement in front of the query */
function describe(
  session: Session,
  query: Query,
  sql: string,
  before: number,
  signal: AbortSignal,
): Promise<RowStatement> {
  return session.execute({ sql, describe: true }, signal).catch((error: unknown) => {
    throw signal.aborted ? signal.reason : refusedSql(query, error, before);
  });
}

async function firstRow(session: Session, sql: string, signal: AbortSignal): Promise<RowBatch[number]> {
  for await (const [row = []] of batches(await session.execute({ sql }, signal), signal)) return row;
  return [];
}

async function* stream(
  session: Session,
  query: Query,
  columns: readonly Column[],
  { timezone, signal }: RowOptions,
): AsyncGenerator<RowBatch> {
  await session.open(signal);
  try {
    const sql = rowsStatement(query, columns, timezone);
    yield* batches(await session.execute({ sql }, signal), signal);
  } catch (error) {
    throw signal.aborted ? signal.reason : refusedSql(query, error, 1);
  }
}
