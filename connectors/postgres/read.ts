/** Reads a result with a cursor, so that the server holds the rows and not the process. */
import type { RowBatch, Value } from "../../src/sdk.ts";
import { AS_TEXT, type Session } from "./session.ts";

/** Few enough for a batch to be gone before V8 takes it for long-lived. */
const ROWS_PER_READ = 2_000;

export interface Reading {
  readonly signal: AbortSignal;
  /** Makes an error of ours of the driver's. */
  readonly refused: (error: unknown) => unknown;
  /** Makes a row's values canonical, in place. */
  readonly mend?: (row: Value[]) => void;
}

/** The rows of a statement as PostgreSQL's text; the cursor closes when the consumer stops. */
export async function* read(
  session: Session,
  text: string,
  { signal, refused, mend }: Reading,
): AsyncGenerator<RowBatch> {
  const { default: Cursor } = await import("pg-cursor");
  const cursor = session.client.query(new Cursor<Value[]>(text, [], { rowMode: "array", types: AS_TEXT }));
  let failed = false;
  try {
    for (;;) {
      signal.throwIfAborted();
      const rows = await session.alive(cursor.read(ROWS_PER_READ)).catch((error: unknown) => {
        failed = true;
        throw signal.aborted ? signal.reason : refused(error);
      });
      if (rows.length === 0) return;
      if (mend) for (const row of rows) mend(row);
      yield rows;
    }
  } finally {
    // A cursor that failed is closed already; to close it again may wait for ever.
    if (!failed) await session.alive(cursor.close()).catch(() => {});
  }
}
