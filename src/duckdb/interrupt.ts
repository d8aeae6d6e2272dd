import type { DuckDBConnection } from "@duckdb/node-api";

/** Milliseconds between interrupts: DuckDB forgets one that comes before the statement has begun. */
const AGAIN_MS = 50;

/**
 * Work of a connection, which DuckDB gives up when the signal aborts.
 *
 * @throws the signal's reason once it has aborted, else what the work throws
 */
export async function interruptible<T>(
  connection: DuckDBConnection,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  let again: ReturnType<typeof setInterval> | undefined;
  const interrupt = (): void => {
    connection.interrupt();
    again = setInterval(() => connection.interrupt(), AGAIN_MS);
  };
  signal?.addEventListener("abort", interrupt, { once: true });
  try {
    return await work();
  } catch (error) {
    throw signal?.aborted ? signal.reason : error;
  } finally {
    signal?.removeEventListener("abort", interrupt);
    clearInterval(again);
  }
}
