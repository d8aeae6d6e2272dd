/** Where a sync's state lies: the engine that holds its tables, and the few things that differ between places. */
import type { Outcome } from "../core/change.ts";
import type { Value } from "../core/value.ts";
import type { Query, StateEngine, Statement, Warehouse } from "../ports.ts";
import type { Neighbour } from "./elsewhere.ts";
import type { ChangeEntry } from "./history.ts";
import type { SyncRecord } from "./record.ts";
import type { Shape } from "./tables.ts";

export interface StageOptions {
  /** IANA zone of timestamps that carry none. */
  readonly timezone: string;
  readonly signal: AbortSignal;
  readonly onRows?: (rows: number) => void;
}

/**
 * The outcomes of a run on their way into the state. What was appended is durable within the store's pace; what a
 * kill loses is in doubt and settled by the next run.
 */
export interface Journal extends AsyncDisposable {
  /** Resolves when the journal is not too far behind. Throws when an earlier part could not be made durable. */
  append(outcomes: readonly Outcome[]): Promise<void>;
}

/** A line of the history: a finished run, or a row that was rejected in it. */
export interface History {
  reject(
    entry: { readonly run: string; readonly key: readonly Value[]; readonly code: string } & Record<
      string,
      unknown
    >,
  ): Promise<void>;
  /** A row that was written. What is kept of them is bounded, and may be nothing: the entry is made when it is. */
  change(entry: () => ChangeEntry): void;
  end(run: { readonly run: string } & Record<string, unknown>): Promise<void>;
}

export interface Store extends AsyncDisposable {
  readonly engine: StateEngine;
  /** Qualified name of a table of the snapshot. */
  snapshot(name: string): string;
  /** Qualified name of a table that this command makes: the same place in a run, a scratch one in a plan. */
  work(name: string): string;
  /** True in a run: what is committed lasts. */
  readonly lasting: boolean;
  /** Aborts when another process has taken the state over. */
  readonly lost: AbortSignal;
  load(): Promise<SyncRecord | undefined>;
  /** The statement that replaces the record; writes no row when the state was taken over. */
  save(record: SyncRecord): Statement;
  /** Readies the store for its first record, which is saved once its tables are there. */
  create(): Promise<void>;
  /** Plans only: makes the snapshot something that may be written to, by a copy. */
  copy(record: SyncRecord): Promise<void>;
  /** Runs the model once, with the shape's columns only, into the table; gives its rows. */
  stage(
    table: string,
    shape: Shape,
    warehouse: Warehouse,
    query: Query,
    options: StageOptions,
  ): Promise<number>;
  /** Starts the journal of a run whose outcomes belong into the table. */
  openJournal(run: string, table: string): Promise<Journal>;
  /** Makes the table of outcomes of an ended run's journal; an unfinished run's too. */
  readJournal(run: string, table: string): Promise<void>;
  /** The journal's outcomes are in the snapshot. */
  closeJournal(): Promise<void>;
  /** The snapshots of other syncs of the same object, one after another. */
  neighbours(): AsyncIterable<Neighbour>;
  /** Drops the tables of this sync that are not named. */
  sweep(keep: readonly string[]): Promise<void>;
  /** Nothing is read from the snapshot any more: where a plan keeps a run from it, it does so no longer. */
  releaseSnapshot(): Promise<void>;
  /** Housekeeping after a commit. */
  rest(): Promise<void>;
  /** Forgets the sync's state; its history stays. */
  forget(): Promise<void>;
  readonly history: History;
}
