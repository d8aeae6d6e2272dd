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
}

export interface HistoryReader {
  runs(filter: HistoryFilter): AsyncIterable<RunEntry>;
  rejects(filter: HistoryFilter): AsyncIterable<RejectEntry>;
}
