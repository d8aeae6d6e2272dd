/**
 * Snowflake's own driver, as promises that a signal ends. Loaded on first use: it is large, and asks the cloud's
 * metadata service who it is as soon as it is imported, unless told not to.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Connection, ConnectionOptions, RowStatement, StatementOption } from "snowflake-sdk";
import type { RowBatch, Value } from "../../src/sdk.ts";

type Driver = typeof import("snowflake-sdk");

let loaded: Promise<Driver> | undefined;

function driver(): Promise<Driver> {
  loaded ??= load();
  return loaded;
}

async function load(): Promise<Driver> {
  const quiet: Readonly<Record<string, string>> = {
    // No request to the metadata services of three clouds at the import.
    SNOWFLAKE_DISABLE_PLATFORM_DETECTION: "true",
    // No report of the connection's options after each login.
    SF_TELEMETRY_DISABLE_CONNECTION_SHAPE: "1",
    // No native helper.
    SNOWFLAKE_DISABLE_MINICORE: "1",
    // No word about future versions of Node.js from a library of the driver's.
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true",
  };
  for (const [name, value] of Object.entries(quiet)) process.env[name] ??= value;
  keepCertificateAnswersHere();
  const { default: snowflake } = await import("snowflake-sdk");
  snowflake.configure({ logLevel: "OFF", logFilePath: "STDOUT", additionalLogToConsole: false });
  return snowflake;
}

/** Answers about certificates are kept for this process alone, not in the user's folder: the driver makes one at once. */
function keepCertificateAnswersHere(): void {
  if (process.env.SF_OCSP_RESPONSE_CACHE_DIR !== undefined) return;
  const folder = mkdtempSync(join(tmpdir(), "backhaul-snowflake-"));
  process.env.SF_OCSP_RESPONSE_CACHE_DIR = folder;
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
}

/** Signs in. Rejects with the driver's own error. */
export async function connect(options: ConnectionOptions, signal: AbortSignal): Promise<Connection> {
  const snowflake = await driver();
  signal.throwIfAborted();
  const connection = snowflake.createConnection(options);
  const connected = new Promise<Connection>((resolve, reject) => {
    connection.connect((error) => (error ? reject(error) : resolve(connection)));
  });
  return unlessAborted(connected, signal, () => {
    connected.then(disconnect, () => {});
  });
}

/** How long a goodbye or a cancellation may take before we leave without. */
const PATIENCE_MS = 3_000;

/** Signs out; a session that cannot be ended ends by itself. */
export function disconnect(connection: Connection): Promise<void> {
  return patiently((done) => connection.destroy(() => done()));
}

export interface Asked {
  readonly sql: string;
  /** Only the types of the result are wanted: nothing runs. */
  readonly describe?: boolean;
}

/**
 * Runs a statement to where its first rows can be read. When the signal aborts, the server is told to cancel it
 * before the promise rejects. Rejects with the driver's own error.
 */
export function execute(
  connection: Connection,
  { sql, describe }: Asked,
  signal: AbortSignal | undefined,
): Promise<RowStatement> {
  signal?.throwIfAborted();
  let statement: RowStatement | undefined;
  const executed = new Promise<RowStatement>((resolve, reject) => {
    const options: StatementOption = {
      sqlText: sql,
      // The form that does not submit a statement again when the first row cannot be read.
      streamResult: true,
      rowMode: "array",
      // Exact digits, also beyond what a float holds.
      fetchAsString: ["Number"],
      ...(describe ? { describeOnly: true } : {}),
      complete: (error, done) => (error ? reject(error) : resolve(done as RowStatement)),
    };
    statement = connection.execute(options) as RowStatement;
  });
  if (signal === undefined) return executed;
  return unlessAborted(executed, signal, () =>
    patiently((done) => (statement === undefined ? done() : statement.cancel(() => done()))),
  );
}

const ROWS_PER_BATCH = 5_000;

/** The rows of a statement, as text, in batches. Stops reading when the consumer stops or the signal aborts. */
export async function* batches(
  statement: RowStatement,
  signal: AbortSignal | undefined,
): AsyncGenerator<RowBatch> {
  signal?.throwIfAborted();
  const stream = statement.streamRows();
  const stop = (): void => {
    stream.destroy(signal?.reason);
  };
  signal?.addEventListener("abort", stop, { once: true });
  try {
    let batch: Value[][] = [];
    for await (const row of stream) {
      batch.push((row as readonly unknown[]).map(asText));
      if (batch.length < ROWS_PER_BATCH) continue;
      yield batch;
      batch = [];
    }
    signal?.throwIfAborted();
    if (batch.length > 0) yield batch;
  } finally {
    signal?.removeEventListener("abort", stop);
    stream.destroy();
  }
}

const asText = (value: unknown): Value => (value === null || value === undefined ? null : String(value));

/** What the work comes to, or the signal's reason as soon as it aborts and what must be done about it is done. */
function unlessAborted<T>(
  work: Promise<T>,
  signal: AbortSignal,
  onAbort: () => Promise<void> | void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = async (): Promise<void> => {
      work.catch(() => {});
      await onAbort();
      reject(signal.reason);
    };
    signal.addEventListener("abort", abort, { once: true });
    work
      .then(resolve, (error) => (signal.aborted ? undefined : reject(error)))
      .finally(() => signal.removeEventListener("abort", abort));
  });
}

function patiently(ask: (done: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const late = setTimeout(resolve, PATIENCE_MS);
    ask(() => {
      clearTimeout(late);
      resolve();
    });
  });
}
