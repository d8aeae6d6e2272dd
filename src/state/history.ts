/** What is read of the history, wherever it lies. */
import type { Value } from "../core/value.ts";

/** Whose runs or rejected rows, and from when on. */
export interface HistoryFilter {
  readonly sync?: string;
  readonly run?: string;
  /** The id that a run had at least. */
  readonly since?: string;
  /** The newest so many; all where it is left out, the oldest first. */
  readonly limit?: number;
}

/** A finished run: what `run --json` tells, with the rejected rows as counts. */
export type RunEntry = { readonly run: string; readonly sync: string } & Readonly<Record<string, unknown>>;

/** A row that was rejected in a run. */
export interface RejectEntry {
  readonly run: string;
  readonly sync: string;
  readonly organization: string;
  readonly object: string;
  readonly key: readonly Value[];
  readonly field?: string;
  readonly code: string;
  readonly message: string;
  readonly remedy?: string;
  /** The service's own id of the reply that refused it. */
  readonly request?: string;
}

/** A row that was written in a run: kept of small runs alone, and where state is local. */
export interface ChangeEntry {
  readonly run: string;
  readonly at: string;
  readonly key: readonly Value[];
  readonly kind: "added" | "changed" | "removed";
  /** Of a changed row, its columns with the value before and after. */
  readonly columns?: Readonly<Record<string, readonly [Value, Value]>>;
  /** Fields that were owed, or mapped anew. */
  readonly fields?: readonly string[];
  readonly id?: string;
  readonly request?: string;
}

export interface HistoryReader {
  /** Rows that were written, the oldest first; absent where they are not kept. */
  changes?(filter: HistoryFilter): AsyncIterable<ChangeEntry>;
  runs(filter: HistoryFilter): AsyncIterable<RunEntry>;
  rejects(filter: HistoryFilter): AsyncIterable<RejectEntry>;
}
