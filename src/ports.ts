/**
 * The two contracts of Backhaul: a warehouse that models run in and a destination that changes are written to.
 * A connector implements one of them and imports nothing else of `src` than `sdk.ts`.
 */
import type { Change, Changed, Operation, OperationCounts, Outcome, Planned } from "./core/change.ts";
import type { Problem } from "./core/errors.ts";
import type { FieldLimit } from "./core/field-limit.ts";
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
  /** Where state may live in the warehouse itself; absent where the warehouse can only be read. */
  readonly engine?: StateEngine;
}

/**
 * How a warehouse that can hold state spells SQL. The statements themselves are built once, in `src/state`; a
 * dialect knows names, literals, types and the few places where engines differ. Pure: text in, text out.
 */
export interface Dialect {
  readonly name: string;
  /** A quoted identifier: the name as given, or one of its own for each name. */
  quote(identifier: string): string;
  /** A quoted name as the catalog's views spell it, and back: Snowflake's plain names are in capitals. Its own inverse. */
  catalogName(identifier: string): string;
  /** A quoted string literal: no character of the text can end it. */
  literal(text: string): string;
  /** Types of our own columns. */
  readonly types: { readonly text: string; readonly integer: string; readonly boolean: string };
  /** The type that a column of the model is kept in: comparison is typed, so that `1.0` and `1.00` are one value. */
  storedType(column: Column): string;
  /**
   * A value of the model's result as the stored type.
   *
   * @param timezone IANA zone of timestamps that carry none
   */
  fromModel(column: Column, expression: string, timezone: string): string;
  /** Canonical text (core/value.ts) as the stored type. */
  fromText(column: Column, expression: string): string;
  /** Canonical text of an expression of the stored type. */
  toText(column: Column, expression: string): string;
  /** A stored value as another stored type; null where it cannot be. */
  retyped(from: Column, to: Column, expression: string): string;
  /** What stands in front of the name of a function of the engine's own, so that it can be no other. */
  readonly system: string;
  /** What stands at the end of a subquery whose columns are worked out once, where the engine would do it at each use. */
  readonly fence: string;
  /** Whether a regular expression, of what all engines' have in common, finds something in a text. */
  finds(expression: string, pattern: string): string;
  /** The length of a text in UTF-16 units. */
  utf16Length(expression: string): string;
  /** A match value as the destination compares it: case and trailing spaces do not count. */
  folded(column: Column, expression: string): string;
  /** Any number of expressions as one 64-bit hash, null-safe; equal rows have equal hashes. */
  hash(expressions: readonly string[]): string;
  /** Constant rows of text as something to select from, with these names, where a VALUES clause would be slow. */
  textRows?(names: readonly string[], rows: readonly (readonly Value[])[]): string;
  /**
   * A condition: some row of the table is null in an expression, or some are equal in all. May hold for unequal ones
   * that have one hash. Absent where to ask for nulls and to group by the hash is quick.
   */
  anyNullOrDouble?(table: string, expressions: readonly string[]): string;
  /** Numbers rows from 1 in any order: a window function. */
  readonly rowNumber: string;
  /** Set where that window keeps all that comes before it to one core, unless it is materialized. */
  readonly numbersOnOneCore?: true;
  /** The server's clock in milliseconds since 1970, as an integer expression: leases are told by one clock. */
  readonly now: string;
  /** Inserts one row unless a row of the same `key` is there; safe when two sessions do it at once. Values are expressions. */
  insertIfAbsent(table: string, key: string, values: Readonly<Record<string, string>>): string;
  /** `CREATE TABLE … AS`. The table outlives the session, and is neither temporary nor lost in a crash. */
  createTableAs(table: string, select: string): string;
  /**
   * A query of the catalog: a row of text for each right that a state in the schema needs and the session lacks, such as
   * `CREATE on the schema backhaul`. Absent where rights are not told apart.
   */
  missingRights?(schema: string): string;
  /** What follows a bulk load, so that the planner knows the table's size; none where the engine knows by itself. */
  afterLoad(table: string): readonly string[];
}

/** A warehouse that holds state: runs the statements that `src/state` builds, in the warehouse's own engine. */
export interface StateEngine {
  /** Set where the warehouse is open to one process at a time: who keeps it open keeps the others out. */
  readonly exclusive?: true;
  readonly dialect: Dialect;
  readonly pace: Pace;
  /**
   * Runs one statement outside of any transaction of ours; gives the rows that it wrote, 0 where it writes none, and
   * where the engine does not say (Snowflake's `CREATE TABLE … AS`).
   *
   * @param names `model` where the statement holds a model's text, whose names are found as the user's session finds them
   */
  run(sql: string, signal?: AbortSignal, names?: "model"): Promise<number>;
  /**
   * Runs statements that write rows (no DDL: Snowflake would commit at it) in one transaction, all or nothing.
   * A statement with `mustWrite` that writes no row undoes the transaction: the promise gives `undefined`.
   *
   * @returns the rows that each statement wrote
   */
  transaction(statements: readonly Statement[]): Promise<readonly number[] | undefined>;
  /** All rows of a small result; every column is text, an integer or a boolean, given as text (`true`, `false`). */
  rows(sql: string): Promise<readonly (readonly Value[])[]>;
  /** Streams a result of text columns; ends its cursor when the consumer stops. */
  stream(sql: string, signal?: AbortSignal): AsyncIterable<RowBatch>;
}

export interface Statement {
  readonly sql: string;
  readonly mustWrite?: boolean;
}

/** How often a run writes what it must not forget; where a warehouse that is awake costs money, in larger steps. */
export interface Pace {
  readonly journalMs: number;
  readonly journalOutcomes: number;
  /** How long a lease holds; it is renewed three times as often. */
  readonly leaseMs: number;
}

/** How the engine that keeps local state gets at a warehouse's rows. */
export type RowAccess =
  | (Reads & {
      /** A DuckDB file that the engine attaches read-only under the given name and queries itself: no row passes through the process. */
      readonly kind: "attach";
      readonly path: string;
      readonly catalog: string;
      readonly searchPath: string;
    })
  | (Reads & { readonly kind: "stream" });

interface Reads {
  /** Streams the named columns as canonical text; the cursor closes when the consumer stops. */
  rows(query: Query, columns: readonly Column[], options: RowOptions): AsyncIterable<RowBatch>;
}

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
  /** What a value is, as JSON Schema: `{ "type": "string", "maxLength": 160 }`. */
  readonly value: Readonly<Record<string, unknown>>;
  readonly targets?: readonly string[];
  readonly choices?: readonly {
    readonly value: number;
    readonly label: string;
    /** The labels of other languages. */
    readonly labels?: readonly string[];
  }[];
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
  /** How much of each of the service's limits is in use, of what one window takes. */
  readonly load?: Readonly<Record<string, number>>;
  /** Whom it sends as; left out where no limit is a user's. */
  users?(signal: AbortSignal): Promise<readonly SharedUser[]>;
  /** Does work, and counts the requests that it sends by itself: left out where no two syncs go on at once. */
  counting?<T>(work: (counters: RequestCounters) => Promise<T>): Promise<T>;
}

/** A user of the destination whose limits other processes may use up too. */
export interface SharedUser {
  /** The same in every process that sends as this user. */
  readonly name: string;
  /** What the others are told of this process; text that the destination itself understands. */
  tell(): string;
  /** What the others tell. */
  hear(told: readonly string[]): void;
}

export interface RequestCounters {
  readonly reads: number;
  readonly writes: number;
  readonly retries: number;
  readonly throttled: number;
  /** Milliseconds spent waiting because the service asked for it. */
  readonly waited: number;
  /** What is counted beside, as `group.name`: see `Tally` of `http/answer.ts`. */
  readonly [detail: `${string}.${string}`]: number;
}

export interface Forecast {
  /** Write requests. */
  readonly requests: number;
  readonly seconds: number;
  /** How much of each of the service's limits that is, of what one window takes: 1 is all of it. */
  readonly share: Readonly<Record<string, number>>;
}

/** A sync whose mapping has been checked and typed. */
export interface CompiledSync {
  /** Logical name of the object. */
  readonly object: string;
  /** Changes when the definition of the object, or of one that it looks up, does. */
  readonly schemaVersion: string;
  /** Each field with the columns it depends on and a fingerprint that changes with its mapping. */
  readonly fields: readonly {
    readonly field: string;
    readonly columns: readonly number[];
    readonly fingerprint: string;
    /**
     * Objects that have to be written before the field can be: those that it looks up, and the sync's own where a
     * new record cannot be given it.
     */
    readonly awaits?: readonly string[];
  }[];
  /** Objects that the mapping looks values up in, by logical name: their syncs come first. */
  readonly parents: readonly string[];
  /** Columns that find the record, as indexes; their values must be present and, folded, unique. */
  readonly match: readonly number[];
  /** Columns by which a person knows a record, as indexes. */
  readonly names?: readonly number[];
  /** Sets of columns, beside the match, whose values one record alone may hold; a null in one lets it hold any. */
  readonly unique?: readonly (readonly number[])[];
  /**
   * Frees the match and other unique values that a known record is about to leave, by a value that no other record
   * has: what rows that exchange their values need. `unchanged` where nothing keeps records from sharing a value;
   * rejected where there is no such value. Nothing that it does is acknowledged: the change itself follows.
   */
  park?(change: Changed): Planned;
  /** Things a user should know that are no errors. */
  readonly warnings: readonly string[];
  /**
   * Why a row that is new would be rejected, in the order of looking: the first limit that a row does not pass is
   * the one that its rejection tells.
   */
  readonly limits?: readonly FieldLimit[];
  /** Where the rows are members of something. */
  readonly audience?: Audience;
  /** Makes operations of changes, in order. May read the destination; writes nothing. */
  plan(changes: readonly Change[], context: PlanContext): Promise<readonly Planned[]>;
  /**
   * What it takes to write so many operations of each kind, short of faults, by what is known now.
   *
   * @param steps each is written whole before the next, so that no request holds operations of two
   * @param stubs records that are made because rows point at them, by object
   */
  forecast(steps: readonly OperationCounts[], stubs?: ReadonlyMap<string, number>): Forecast;
  /** Writes; one outcome per operation, in any order. Throws only when nothing can be said about any row. */
  write(
    operations: AsyncIterable<readonly Operation[]>,
    context: WriteContext,
  ): AsyncIterable<readonly Outcome[]>;
}

/** What the members of an audience do together, and no single change shows. */
export interface Audience {
  /** The audience for people: `the list VIP customers`. */
  readonly title: string;
  /** Looks at everything that is planned before anything is written. `undefined`: nobody leaves but by a change. */
  foresee(all: Foreseeing, context: PlanContext): Promise<Foreseen | undefined>;
  /** Names of records, by their addresses, as far as they have one. */
  names(records: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, string>>;
  /**
   * After the last change: takes off whom `foresee` has found, makes the audience known where it has to be, and
   * compares its members with what was intended.
   */
  finish(known: KnownRows, context: WriteContext): Promise<readonly Membership[]>;
}

/** The rows of the snapshot with the ids of their records. */
export type KnownRows = () => AsyncIterable<
  readonly { readonly key: readonly Value[]; readonly id: string | null }[]
>;

export interface Foreseeing {
  /** Changes by kind. */
  readonly entering: number;
  readonly leaving: number;
  /** What is planned for each change; may be read more than once, and costs what planning costs. */
  readonly planned: () => AsyncIterable<readonly Planned[]>;
  readonly known: KnownRows;
}

export interface Foreseen {
  /** Members that there are. */
  readonly members: number;
  readonly enter: number;
  /** Members who leave, those among them that no row speaks of by their records' addresses. */
  readonly leave: number;
  readonly strays: readonly string[];
}

/** How one audience ended. */
export interface Membership {
  readonly audience: string;
  /** Members that there should be, and that there are. */
  readonly intended: number;
  readonly found: number;
  /** Who is missing, or is there and should not be: by primary key, or by address where no row speaks of the record. */
  readonly differences: number;
  readonly listed: readonly {
    readonly what: "missing" | "extra";
    readonly key?: readonly Value[];
    readonly record: string;
  }[];
}

export interface PlanContext {
  readonly signal: AbortSignal;
  /** What ids of our own are made from, before the primary key: project, object, the sync's first name. */
  readonly idSeed: readonly string[];
  /** Whether known records are read again, so that only what others have changed in them is written: `--full`. */
  readonly reread?: boolean;
  /**
   * Of the values given for fields of an object, those that a sync planned before this one will have written.
   * Absent in a run, where parents are written before their children are planned.
   */
  readonly promised?: WhichComes;
  /** In a plan: known records (by id) that will have left their match values by the time of these changes. */
  readonly leaving?: ReadonlySet<string>;
  /** Of a plan: records that the run will have deleted by then, by their ids in small letters; nothing points at them. */
  readonly removed?: ReadonlySet<string>;
  /**
   * Of the values given for fields of an object, those that the same run has yet to write, or may have: what points
   * at them stays owed until the run's second wave. Absent in the second wave.
   */
  readonly awaited?: WhichComes;
}

/**
 * Which records are still to come: of what fields of an object may hold, each given as one value for each of the
 * fields, what a row writes. The answer is folded as the destination compares it, and may name one twice.
 */
export type WhichComes = (
  object: string,
  fields: readonly string[],
  values: readonly (readonly string[])[],
) => Promise<readonly (readonly string[])[]>;

export interface WriteContext {
  readonly signal: AbortSignal;
  /** As in the plan. */
  readonly idSeed: readonly string[];
  /** Told when the service makes us wait, for the progress line. */
  readonly onWait?: (milliseconds: number, reason: string) => void;
}

export type { Problem };
