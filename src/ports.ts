/**
 * The two contracts of Backhaul: a warehouse that models run in and a destination that changes are written to.
 * A connector implements one of them and imports nothing else of `src` than `sdk.ts`.
 */
import type { Change, Operation, OperationKind, Outcome, Planned } from "./core/change.ts";
import type { Problem } from "./core/errors.ts";
import type { SyncSpec } from "./core/spec.ts";
import type { Column, Value } from "./core/value.ts";

/** A batch of rows; each row's values stand in the order of the columns asked for. */
export type RowBatch = readonly (readonly Value[])[];

/** A model's query, and the file that errors point into. */
export interface Query {
  readonly text: string;
  readonly file: string;
}

export interface Warehouse extends AsyncDisposable {
  /** Connects. Throws `connection` errors that say what to mend. */
  check(signal: AbortSignal): Promise<{ readonly version: string }>;
  /** The columns of a query's result, without running it whole. Throws `config` when the SQL is refused. */
  columns(query: Query, signal: AbortSignal): Promise<readonly Column[]>;
  readonly access: RowAccess;
}

/** How the engine that keeps local state gets at a warehouse's rows. */
export type RowAccess =
  /** A DuckDB file that the engine attaches read-only under the given name and queries itself: no row passes through the process. */
  | { readonly kind: "attach"; readonly path: string; readonly catalog: string; readonly searchPath: string }
  /** Streams the named columns as canonical text; the cursor closes when the consumer stops. */
  | {
      readonly kind: "stream";
      rows(query: Query, columns: readonly Column[], options: RowOptions): AsyncIterable<RowBatch>;
    };

export interface RowOptions {
  /** IANA zone of timestamps without one. */
  readonly timezone: string;
  readonly signal: AbortSignal;
}

/** Who we are to the destination. */
export interface Identity {
  /** Stable id of the organisation: state belongs to it. */
  readonly organization: string;
  readonly user: string;
  readonly url: string;
}

export interface ObjectSummary {
  readonly name: string;
  readonly displayName: string;
  readonly collection: string;
}

export interface FieldDescription {
  readonly name: string;
  readonly type: string;
  readonly displayName: string;
  readonly required: boolean;
  readonly creatable: boolean;
  readonly updatable: boolean;
  /** Limits in words: `at most 160 characters`, `0 to 1000000, 2 decimals`. */
  readonly limits: string;
  readonly targets?: readonly string[];
  readonly choices?: readonly { readonly value: number; readonly label: string }[];
}

export interface KeyDescription {
  readonly name: string;
  readonly fields: readonly string[];
  readonly status: string;
}

export interface ObjectDescription extends ObjectSummary {
  readonly primaryId: string;
  readonly primaryName: string | null;
  readonly fields: readonly FieldDescription[];
  readonly keys: readonly KeyDescription[];
  /** Bulk messages that the object supports. */
  readonly bulk: readonly string[];
}

export interface Destination extends AsyncDisposable {
  /** Who am I. Throws `connection` when the destination cannot be reached or refuses us. */
  identify(signal: AbortSignal): Promise<Identity>;
  objects(signal: AbortSignal): Promise<readonly ObjectSummary[]>;
  /** One object, by logical name, entity set or display name. Throws `config` with near names when there is none. */
  describe(object: string, signal: AbortSignal): Promise<ObjectDescription>;
  /** Checks and types a sync's mapping against the live schema. Throws one `config` error with every problem found. */
  compile(sync: SyncSpec, columns: readonly Column[], signal: AbortSignal): Promise<CompiledSync>;
  /** Requests sent so far, by kind. */
  readonly counters: RequestCounters;
}

export interface RequestCounters {
  readonly reads: number;
  readonly writes: number;
  readonly retries: number;
  readonly throttled: number;
  /** Milliseconds spent waiting because the service asked for it. */
  readonly waited: number;
}

/** A sync whose mapping has been checked and typed. */
export interface CompiledSync {
  /** Logical name of the object. */
  readonly object: string;
  /** Each field with the columns it depends on and a fingerprint that changes with its mapping. */
  readonly fields: readonly {
    readonly field: string;
    readonly columns: readonly number[];
    readonly fingerprint: string;
  }[];
  /** Columns that find the record, as indexes; their values must be present and, folded, unique. */
  readonly match: readonly number[];
  /** Things a user should know that are no errors. */
  readonly warnings: readonly string[];
  /** Makes operations of changes, in order. May read the destination; writes nothing. */
  plan(changes: readonly Change[], context: PlanContext): Promise<readonly Planned[]>;
  /** How many write requests so many operations of each kind take, short of faults. */
  requestsFor(operations: Readonly<Record<OperationKind, number>>): number;
  /** Writes; one outcome per operation, in any order. Throws only when nothing can be said about any row. */
  write(
    operations: AsyncIterable<readonly Operation[]>,
    context: WriteContext,
  ): AsyncIterable<readonly Outcome[]>;
}

export interface PlanContext {
  readonly signal: AbortSignal;
  /**
   * Of the values given for a field of an object, those that a sync planned before this one will have written.
   * Absent in a run, where parents are written before their children are planned.
   */
  readonly promised?: (
    object: string,
    field: string,
    values: readonly string[],
  ) => Promise<ReadonlySet<string>>;
}

export interface WriteContext {
  readonly signal: AbortSignal;
  /** Told when the service makes us wait, for the progress line. */
  readonly onWait?: (milliseconds: number, reason: string) => void;
}

export type { Problem };
