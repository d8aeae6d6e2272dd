/** PostgreSQL: knex holds the pool, pg-cursor reads. Models are read in read-only transactions; state alone writes. */
import type { ClientBase, FieldDef, Submittable } from "pg";
import {
  type Column,
  defineWarehouse,
  type Query,
  type RowBatch,
  type RowOptions,
  type Warehouse,
} from "../../src/sdk.ts";
import { connectionOf, type PostgresConfig } from "./config.ts";
import { postgresDialect } from "./dialect.ts";
import { openEngine } from "./engine.ts";
import { cannotReach, refusedSql } from "./errors.ts";
import { read } from "./read.ts";
import { openPool, type Sessions } from "./session.ts";
import { type CatalogType, canonical, columnOf, isBuiltIn, plain } from "./types.ts";

export default defineWarehouse<PostgresConfig>({
  type: "postgres",
  open: async (config, { folder }) => {
    const pool = await openPool(config, connectionOf(config, folder));
    return {
      ...openWarehouse(pool.session, config),
      [Symbol.asyncDispose]: () => pool[Symbol.asyncDispose](),
    };
  },
});

function openWarehouse(sessions: Sessions, config: PostgresConfig): Omit<Warehouse, keyof AsyncDisposable> {
  return {
    access: { kind: "stream", rows: (query, columns, options) => stream(sessions, query, columns, options) },
    engine: openEngine(sessions, config),
    check: async (signal) => {
      await using session = await sessions("read", "user", signal);
      const { rows } = await session.query("SHOW server_version").catch((error: unknown) => {
        throw cannotReach(config, error);
      });
      return { version: `PostgreSQL ${rows[0]?.[0]}` };
    },
    columns: async (query, signal) => {
      await using session = await sessions("read", "user", signal);
      const asked = async (): Promise<readonly FieldDef[]> => {
        // What parses alone cannot leave the parentheses that it is put into, and nothing but a SELECT may stand there.
        await session.alive(parse(session.client, query.text)).catch((error: unknown) => {
          throw refusedSql(query, error, 0);
        });
        const { fields } = await session
          .query(`${BEFORE_QUERY}${query.text}\n) AS backhaul_model LIMIT 0`)
          .catch((error: unknown) => {
            throw refusedSql(query, error, BEFORE_QUERY.length);
          });
        return fields;
      };
      const fields = await asked().catch((error: unknown) => {
        throw signal.aborted ? signal.reason : error;
      });
      const catalog = await session.alive(catalogOf(session.client, fields)).catch((error: unknown) => {
        throw signal.aborted ? signal.reason : cannotReach(config, error);
      });
      return fields.map((field) => columnOf(field.name, field.dataTypeID, field.dataTypeModifier, catalog));
    },
  };
}

const BEFORE_QUERY = "SELECT * FROM (\n";

/** Has the server parse one statement without running it. */
function parse(client: ClientBase, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const statement: Submittable & Record<string, unknown> = {
      submit(connection) {
        connection.parse({ name: "", text, types: [] }, true);
        connection.sync();
      },
      handleError: reject,
      handleReadyForQuery: () => resolve(),
    };
    client.query(statement);
  });
}

/** Names of the types that are not built in. */
async function catalogOf(
  client: ClientBase,
  fields: readonly FieldDef[],
): Promise<ReadonlyMap<number, CatalogType>> {
  const oids = fields.map((field) => field.dataTypeID).filter((oid) => !isBuiltIn(oid));
  if (oids.length === 0) return new Map();
  const { rows } = await client.query<CatalogType & { readonly oid: number }>(
    "SELECT oid::pg_catalog.int4, pg_catalog.format_type(oid, NULL) AS name, typtype AS type, typcategory AS category FROM pg_catalog.pg_type WHERE oid = ANY($1)",
    [oids],
  );
  return new Map(rows.map((type) => [type.oid, type]));
}

/** The rows of a model as canonical text. */
async function* stream(
  sessions: Sessions,
  query: Query,
  columns: readonly Column[],
  { timezone, signal }: RowOptions,
): AsyncGenerator<RowBatch> {
  const { quote, literal } = postgresDialect;
  const select = columns.map((column) => {
    const value = plain(column, quote(column.name));
    const zoneless = column.kind === "timestamp" && !column.zoned && timezone !== "UTC";
    return zoneless ? `pg_catalog.timezone(${literal(timezone)}, ${value})` : value;
  });
  const before = `SELECT ${select.join(", ")} FROM (\n`;
  const convert = columns.map(canonical);
  await using session = await sessions("read", "user", signal);
  yield* read(session, `${before}${query.text}\n) AS backhaul_model`, {
    signal,
    refused: (error) => refusedSql(query, error, before.length),
    mend: (row) => {
      for (const [i, toCanonical] of convert.entries()) row[i] = toCanonical(row[i] ?? null);
    },
  });
}
