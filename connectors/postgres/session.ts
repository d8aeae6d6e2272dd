/** Sessions of PostgreSQL: a pooled connection in one transaction, which a transaction pooler may stand before. */
import type { Knex } from "knex";
import type { ClientBase, ClientConfig, QueryConfig, QueryResult } from "pg";
import type { PostgresConfig } from "./config.ts";
import { cannotReach } from "./errors.ts";

/** At once: a stream or two of changes, their journal, a lease's heartbeat. */
const MOST_CONNECTIONS = 5;

/** How long a connection may take to end its transaction before it is cut off. */
const PATIENCE_MS = 5_000;

/** A join of ten million rows would spill at PostgreSQL's own default of 4MB. */
const WORK_MEM = "64MB";

/** What a transaction may do: read one snapshot of the data, or write. */
export type Access = "read" | "write";

/** Where names without a schema are looked for: as the user's session has it, or among PostgreSQL's own alone. */
export type Names = "user" | "system";

export interface Session extends AsyncDisposable {
  readonly client: ClientBase;
  /** Runs one statement, and one alone: the extended protocol takes no second. Rows are arrays of PostgreSQL's text. */
  query(text: string): Promise<QueryResult<(string | null)[]>>;
  /** What the work comes to; rejects as soon as the connection is lost or the signal aborts, which the driver may not. */
  alive<T>(work: Promise<T>): Promise<T>;
  /** Without it the transaction is undone at the session's end. */
  commit(): Promise<void>;
}

export type Sessions = (access: Access, names: Names, signal: AbortSignal) => Promise<Session>;

export interface Pool extends AsyncDisposable {
  readonly session: Sessions;
}

/** knex would print errors that we throw anyway. */
const SILENT = { warn() {}, error() {}, deprecate() {}, debug() {} };

/** @param connection the driver's form of the config */
export async function openPool(config: PostgresConfig, connection: ClientConfig): Promise<Pool> {
  const { default: knex } = await import("knex");
  const pool = knex({
    client: "pg",
    connection: connection as Knex.PgConnectionConfig,
    pool: { min: 0, max: MOST_CONNECTIONS },
    acquireConnectionTimeout: 30_000,
    log: SILENT,
  });
  return {
    session: (access, names, signal) => openSession({ pool, config, connection }, access, names, signal),
    [Symbol.asyncDispose]: () => pool.destroy(),
  };
}

/** Values as the text that PostgreSQL sends. */
export const AS_TEXT = { getTypeParser: () => (text: string | null) => text };

interface Source {
  readonly pool: Knex;
  readonly config: PostgresConfig;
  readonly connection: ClientConfig;
}

async function openSession(
  { pool, config, connection }: Source,
  access: Access,
  names: Names,
  signal: AbortSignal,
): Promise<Session> {
  signal.throwIfAborted();
  const client: Connected = await pool.client.acquireConnection().catch((error: unknown) => {
    throw signal.aborted ? signal.reason : cannotReach(config, error);
  });
  const watch = watchOver(client, connection, signal);
  let open = true;
  const session: Session = {
    client,
    alive: watch.alive,
    query: async (text) => {
      // Between two statements an abort has nothing to end: it counts before the next one.
      signal.throwIfAborted();
      const statement: QueryConfig & { queryMode: "extended"; rowMode: "array" } = {
        text,
        queryMode: "extended",
        rowMode: "array",
        types: AS_TEXT,
      };
      return await watch.alive(client.query<(string | null)[]>(statement));
    },
    commit: async () => {
      await watch.alive(client.query("COMMIT"));
      open = false;
    },
    async [Symbol.asyncDispose]() {
      if (open) {
        const patience = setTimeout(watch.cut, PATIENCE_MS);
        await watch.alive(client.query("ROLLBACK")).catch(() => {});
        clearTimeout(patience);
      }
      await watch.stop();
      await pool.client.releaseConnection(client);
    },
  };
  try {
    const answers = (await watch.alive(
      client.query(begin(config, access, names)),
    )) as unknown as QueryResult[];
    const [backend] = answers.at(-1)?.rows ?? [];
    watch.backend = { pid: backend.pid, since: backend.since };
    return session;
  } catch (error) {
    await session[Symbol.asyncDispose]();
    throw signal.aborted ? signal.reason : cannotReach(config, error);
  }
}

/**
 * Opens a transaction whose text output is canonical. Everything is set for the transaction alone, and the server
 * process is asked for its own number: behind a transaction pooler the next transaction may meet another one.
 */
function begin(config: PostgresConfig, access: Access, names: Names): string {
  const timeout = config.statement_timeout;
  return [
    access === "read"
      ? "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"
      : "BEGIN TRANSACTION ISOLATION LEVEL READ COMMITTED READ WRITE",
    // Operators cannot be named as functions are: somebody's own = on the user's path would be the one that compares.
    ...(names === "system" ? ["SET LOCAL search_path = pg_catalog, pg_temp"] : []),
    "SET LOCAL TimeZone = 'UTC'",
    "SET LOCAL DateStyle = 'ISO, YMD'",
    "SET LOCAL extra_float_digits = 1",
    "SET LOCAL standard_conforming_strings = on",
    ...(access === "read"
      ? // Who takes the rows may have to wait for the destination.
        ["SET LOCAL idle_in_transaction_session_timeout = 0"]
      : // A process that hangs in the middle of a transaction must not keep the next run out for ever: the server ends
        // its transaction, and who waits for its locks has the patience to see that.
        [
          "SET LOCAL idle_in_transaction_session_timeout = '10s'",
          "SET LOCAL lock_timeout = '15s'",
          // For ANALYZE, which reads 300 pages for each: the planner is to know how many rows and keys there are.
          "SET LOCAL default_statistics_target = 10",
          // The planner takes all rows for changed ones, and would join them on one core to spare itself their way.
          "SET LOCAL parallel_tuple_cost = 0.03",
        ]),
    `SET LOCAL work_mem = '${(config.work_mem ?? WORK_MEM).replace(" ", "")}'`,
    ...(timeout === undefined ? [] : [`SET LOCAL statement_timeout = ${Math.trunc(timeout)}`]),
    ...(access === "read"
      ? []
      : [
          // What is committed must outlive a crash of the server, whatever the database's default.
          "SELECT pg_catalog.set_config('synchronous_commit', 'on', true) WHERE pg_catalog.current_setting('synchronous_commit') OPERATOR(pg_catalog.=) 'off'",
        ]),
    "SELECT pg_catalog.pg_backend_pid() AS pid, pg_catalog.now()::pg_catalog.text AS since",
  ].join("; ");
}

/** What the driver's client has beside what its types say. */
type Connected = ClientBase & {
  readonly connection: { readonly stream: { destroy(): void } };
  /** Why knex's pool must not give it out again; knex learns of a lost connection by its events, which come later. */
  __knex__disposed?: unknown;
};

/** A server process, and the start of the transaction that it was ours for. */
interface Backend {
  readonly pid: number;
  readonly since: string;
}

interface Watch {
  backend: Backend | undefined;
  alive<T>(work: Promise<T>): Promise<T>;
  /** Ends the connection here and now. */
  cut(): void;
  stop(): Promise<void>;
}

/** Sees a connection's end, and brings it about when the signal aborts: the driver would leave a cursor waiting. */
function watchOver(client: Connected, connection: ClientConfig, signal: AbortSignal): Watch {
  // A set of what waits, and no promise of the loss to race with: that one would keep every batch that was read.
  const waiting = new Set<(reason: unknown) => void>();
  let lost: { readonly reason: unknown } | undefined;
  let cancelled: Promise<void> | undefined;
  const lose = (reason: unknown): void => {
    client.__knex__disposed ??= reason;
    lost ??= { reason };
    for (const reject of waiting) reject(lost.reason);
  };
  const onError = (error: unknown): void => lose(error);
  const onEnd = (): void => lose(new Error("Connection terminated unexpectedly"));
  const onAbort = (): void => {
    // Only work that is under way is cut off; an idle connection can still say goodbye.
    if (waiting.size === 0) return;
    lose(signal.reason);
    cancelled = cancel(watch.backend, connection);
    client.connection.stream.destroy();
  };
  client.on("error", onError);
  client.on("end", onEnd);
  signal.addEventListener("abort", onAbort, { once: true });
  const watch: Watch = {
    backend: undefined,
    cut: () => {
      lose(new Error("Connection timed out"));
      client.connection.stream.destroy();
    },
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
  return watch;
}

/**
 * Has the server give up what a connection asked for; it would notice the connection's end only when it answers.
 * The transaction's start keeps it from the next one that the same server process may be working on by then.
 */
async function cancel(backend: Backend | undefined, connection: ClientConfig): Promise<void> {
  if (backend === undefined) return;
  const { Client } = (await import("pg")).default;
  const other = new Client({
    ...connection,
    connectionTimeoutMillis: 500,
    query_timeout: 300,
  });
  other.on("error", () => {});
  try {
    await other.connect();
    await other.query(
      "SELECT pg_catalog.pg_cancel_backend(pid) FROM pg_catalog.pg_stat_activity WHERE pid = $1 AND xact_start = $2::pg_catalog.timestamptz",
      [backend.pid, backend.since],
    );
  } catch {
    // It is a courtesy: statement_timeout, or the end of the query, does the same later.
  }
  await Promise.race([other.end().catch(() => {}), new Promise((done) => setTimeout(done, 100).unref())]);
}
