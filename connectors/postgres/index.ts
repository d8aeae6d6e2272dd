/** PostgreSQL: knex holds the pool and its sessions, pg-cursor reads. Read-only in every respect. */
import type { Knex } from "knex";
import type { ClientBase, ClientConfig, FieldDef, QueryConfig } from "pg";
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
  const lease = (signal: AbortSignal): Promise<Lease> => leaseFrom(pool, config, signal);
  return {
    access: { kind: "stream", rows: (query, columns, options) => stream(lease, query, columns, options) },
    check: async (signal) => {
      await using session = await lease(signal);
      const asked = session.client.query<{ server_version: string }>("SHOW server_version");
      const { rows } = await session.alive(asked).catch((error: unknown) => {
        throw cannotReach(config, error);
      });
      return { version: `PostgreSQL ${rows[0]?.server_version}` };
    },
    columns: async (query, signal) => {
      await using session = await lease(signal);
      // The extended protocol takes one statement alone.
      const statement: QueryConfig & { queryMode: "extended" } = {
        text: `${BEFORE_QUERY}${query.text}\n) AS backhaul_model LIMIT 0`,
        queryMode: "extended",
      };
      const { fields } = await session.alive(session.client.query(statement)).catch((error: unknown) => {
        throw signal.aborted ? signal.reason : refusedSql(query, error, BEFORE_QUERY.length);
      });
      const catalog = await session.alive(catalogOf(session.client, fields)).catch((error: unknown) => {
        throw signal.aborted ? signal.reason : cannotReach(config, error);
      });
      return fields.map((field) => columnOf(field.name, field.dataTypeID, field.dataTypeModifier, catalog));
    },
    [Symbol.asyncDispose]: () => pool.destroy(),
  };
}

const BEFORE_QUERY = "SELECT * FROM (\n";

interface Lease extends AsyncDisposable {
  readonly client: ClientBase;
  /** What the work comes to; rejects as soon as the connection is lost or the signal aborts, which the driver may not. */
  alive<T>(work: Promise<T>): Promise<T>;
}

/** How long a connection may take to end its transaction before it is cut off. */
const PATIENCE_MS = 5_000;

/** A connection in a read-only transaction whose text output is canonical; ends with the lease. */
async function leaseFrom(pool: Knex, config: PostgresConfig, signal: AbortSignal): Promise<Lease> {
  signal.throwIfAborted();
  const client: Connected = await pool.client.acquireConnection().catch((error: unknown) => {
    throw cannotReach(config, error);
  });
  const watch = watchOver(client, config, signal);
  const lease: Lease = {
    client,
    alive: watch.alive,
    async [Symbol.asyncDispose]() {
      const patience = setTimeout(watch.cut, PATIENCE_MS);
      await watch.alive(client.query("ROLLBACK")).catch(() => {});
      clearTimeout(patience);
      await watch.stop();
      await pool.client.releaseConnection(client);
    },
  };
  try {
    await lease.alive(begin(client, config));
    return lease;
  } catch (error) {
    await lease[Symbol.asyncDispose]();
    throw signal.aborted ? signal.reason : cannotReach(config, error);
  }
}

async function begin(client: ClientBase, config: PostgresConfig): Promise<void> {
  await client.query("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY");
  await client.query(
    "SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO, YMD'; SET LOCAL extra_float_digits = 1",
  );
  if (config.statement_timeout !== undefined) {
    await client.query(`SET LOCAL statement_timeout = ${Math.trunc(config.statement_timeout)}`);
  }
}

/** What the driver's client has beside what its types say. */
type Connected = ClientBase & {
  readonly processID?: number | null;
  readonly connection: { readonly stream: { destroy(): void } };
};

interface Watch {
  alive<T>(work: Promise<T>): Promise<T>;
  /** Ends the connection here and now. */
  cut(): void;
  stop(): Promise<void>;
}

/** Sees a connection's end, and brings it about when the signal aborts: the driver would leave a cursor waiting. */
function watchOver(client: Connected, config: PostgresConfig, signal: AbortSignal): Watch {
  // A set of what waits, and no promise of the loss to race with: that one would keep every batch that was read.
  const waiting = new Set<(reason: unknown) => void>();
  let lost: { readonly reason: unknown } | undefined;
  let cancelled: Promise<void> | undefined;
  const lose = (reason: unknown): void => {
    lost ??= { reason };
    for (const reject of waiting) reject(lost.reason);
  };
  const onError = (error: unknown): void => lose(error);
  const onEnd = (): void => lose(new Error("Connection terminated unexpectedly"));
  const cut = (): void => {
    lose(new Error("Connection timed out"));
    client.connection.stream.destroy();
  };
  const onAbort = (): void => {
    // Only work that is under way is cut off; an idle connection can still say goodbye.
    if (waiting.size === 0) return;
    lose(signal.reason);
    cancelled = cancel(client.processID, config);
    client.connection.stream.destroy();
  };
  client.on("error", onError);
  client.on("end", onEnd);
  signal.addEventListener("abort", onAbort, { once: true });
  return {
    cut,
    alive: (work) =>
      new Promise((resolve, reject) => {
        if (lost) {
          work.catch(() => {});
          reject(lost.reason);
          return;
        }
        waiting.add(reject);
        work.then(resolve, reject).finally(() => waiting.delete(reject));
      }),
    async stop() {
      signal.removeEventListener("abort", onAbort);
      await cancelled;
      client.off("error", onError);
      client.off("end", onEnd);
    },
  };
}

/** Has the server give up what a connection asked for; it would notice the connection's end only when it answers. */
async function cancel(pid: number | null | undefined, config: PostgresConfig): Promise<void> {
  if (pid == null) return;
  const { Client } = (await import("pg")).default;
  const other = new Client({
    ...(connectionOf(config) as ClientConfig),
    connectionTimeoutMillis: 500,
    query_timeout: 300,
  });
  other.on("error", () => {});
  try {
    await other.connect();
    await other.query("SELECT pg_cancel_backend($1)", [pid]);
  } catch {
    // It is a courtesy: statement_timeout, or the end of the query, does the same later.
  }
  await Promise.race([other.end().catch(() => {}), new Promise((done) => setTimeout(done, 100).unref())]);
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
  lease: (signal: AbortSignal) => Promise<Lease>,
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
  await using session = await lease(signal);
  const cursor = session.client.query(
    new Cursor<Value[]>(`${before}${query.text}\n) AS backhaul_model`, [], {
      rowMode: "array",
      types: { getTypeParser: () => (text: Value) => text },
    }),
  );
  let failed = false;
  try {
    for (;;) {
      signal.throwIfAborted();
      const rows = await session.alive(cursor.read(ROWS_PER_READ)).catch((error: unknown) => {
        failed = true;
        throw signal.aborted ? signal.reason : refusedSql(query, error, before.length);
      });
      if (rows.length === 0) return;
      for (const row of rows) {
        for (const [i, toCanonical] of convert.entries()) row[i] = toCanonical(row[i] ?? null);
      }
      yield rows;
    }
  } finally {
    // A cursor that failed is closed already; to close it again may wait for ever.
    if (!failed) await session.alive(cursor.close()).catch(() => {});
  }
}
