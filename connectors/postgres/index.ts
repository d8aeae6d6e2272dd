/** PostgreSQL: knex holds the pool and its sessions, pg-cursor reads. Read-only in every respect. */
import type { Knex } from "knex";
import type { ClientBase, FieldDef, QueryConfig } from "pg";
import {
  type Column,
  defineWarehouse,
  type Query,
  type RowBatch,
  type RowOptions,
  type Value,
  type Warehouse,
} from "../../src/sdk.ts";
import { connectionOf, type PostgresConfig } from "./config.ts";
import { cannotReach, refusedSql } from "./errors.ts";
import { type CatalogType, canonical, columnOf, isBuiltIn } from "./types.ts";

const ROWS_PER_READ = 5_000;

export default defineWarehouse<PostgresConfig>({
  type: "postgres",
  open: async (config) => {
    const { default: knex } = await import("knex");
    const pool = knex({
      client: "pg",
      connection: connectionOf(config),
      pool: { min: 0, max: 2 },
      acquireConnectionTimeout: 30_000,
      log: SILENT,
    });
    return openWarehouse(pool, config);
  },
});

/** knex would print errors that we throw anyway. */
const SILENT = { warn() {}, error() {}, deprecate() {}, debug() {} };

function openWarehouse(pool: Knex, config: PostgresConfig): Warehouse {
  const lease = (): Promise<Lease> => leaseFrom(pool, config);
  return {
    access: { kind: "stream", rows: (query, columns, options) => stream(lease, query, columns, options) },
    check: async () => {
      await using session = await lease();
      const { rows } = await session.client.query<{ server_version: string }>("SHOW server_version");
      return { version: `PostgreSQL ${rows[0]?.server_version}` };
    },
    columns: async (query) => {
      await using session = await lease();
      // The extended protocol takes one statement alone.
      const statement: QueryConfig & { queryMode: "extended" } = {
        text: `${BEFORE_QUERY}${query.text}\n) AS backhaul_model LIMIT 0`,
        queryMode: "extended",
      };
      const { fields } = await session.client.query(statement).catch((error: unknown) => {
        throw refusedSql(query, error, BEFORE_QUERY.length);
      });
      const catalog = await catalogOf(session.client, fields);
      return fields.map((field) => columnOf(field.name, field.dataTypeID, field.dataTypeModifier, catalog));
    },
    [Symbol.asyncDispose]: () => pool.destroy(),
  };
}

const BEFORE_QUERY = "SELECT * FROM (\n";

interface Lease extends AsyncDisposable {
  readonly client: ClientBase;
}

/** A connection in a read-only transaction whose text output is canonical; ends with the lease. */
async function leaseFrom(pool: Knex, config: PostgresConfig): Promise<Lease> {
  const client: ClientBase = await pool.client.acquireConnection().catch((error: unknown) => {
    throw cannotReach(config, error);
  });
  await client.query("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY");
  await client.query(
    "SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO, YMD'; SET LOCAL extra_float_digits = 1",
  );
  if (config.statement_timeout !== undefined) {
    await client.query(`SET LOCAL statement_timeout = ${Math.trunc(config.statement_timeout)}`);
  }
  return {
    client,
    async [Symbol.asyncDispose]() {
      await client.query("ROLLBACK").catch(() => {});
      await pool.client.releaseConnection(client);
    },
  };
}

/** Names of the types that are not built in. */
async function catalogOf(
  client: ClientBase,
  fields: readonly FieldDef[],
): Promise<ReadonlyMap<number, CatalogType>> {
  const oids = fields.map((field) => field.dataTypeID).filter((oid) => !isBuiltIn(oid));
  if (oids.length === 0) return new Map();
  const { rows } = await client.query<{ oid: number; name: string; type: string }>(
    "SELECT oid::int, format_type(oid, NULL) AS name, typtype AS type FROM pg_type WHERE oid = ANY($1)",
    [oids],
  );
  return new Map(rows.map(({ oid, name, type }) => [oid, { name, isEnum: type === "e" }]));
}

/** Reads with a cursor, so that the server holds the rows and not the process. */
async function* stream(
  lease: () => Promise<Lease>,
  query: Query,
  columns: readonly Column[],
  { timezone, signal }: RowOptions,
): AsyncGenerator<RowBatch> {
  const { default: Cursor } = await import("pg-cursor");
  const { escapeIdentifier, escapeLiteral } = (await import("pg")).default;
  const select = columns.map((column) => {
    const name = escapeIdentifier(column.name);
    const zoneless = column.kind === "timestamp" && !column.zoned && timezone !== "UTC";
    return zoneless ? `(${name} AT TIME ZONE ${escapeLiteral(timezone)}) AS ${name}` : name;
  });
  const before = `SELECT ${select.join(", ")} FROM (\n`;
  const convert = columns.map(canonical);
  await using session = await lease();
  const cursor = session.client.query(
    new Cursor<Value[]>(`${before}${query.text}\n) AS backhaul_model`, [], {
      rowMode: "array",
      types: { getTypeParser: () => (text: Value) => text },
    }),
  );
  try {
    for (;;) {
      signal.throwIfAborted();
      const rows = await cursor.read(ROWS_PER_READ).catch((error: unknown) => {
        throw refusedSql(query, error, before.length);
      });
      if (rows.length === 0) return;
      for (const row of rows) {
        for (const [i, toCanonical] of convert.entries()) row[i] = toCanonical(row[i] ?? null);
      }
      yield rows;
    }
  } finally {
    await cursor.close();
  }
}
