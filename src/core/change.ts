import type { Problem } from "./errors.ts";
import type { Value } from "./value.ts";

/**
 * The vocabulary of a run.
 *
 * - change: how a row of the model differs from the snapshot
 * - operation: what is to be written because of a change
 * - outcome: what became of an operation
 */
interface ChangeBase {
  /** Position in the run's table of changes; from 1; names the change in the journal. */
  readonly seq: number;
  /** The primary key's values, in the order of the model's `primary_key`. */
  readonly key: readonly Value[];
  /** The record's id in the destination, if known. */
  readonly id: string | null;
}

/** Values are those of the sync's columns, by index into its list of columns. */
export interface Added extends ChangeBase {
  readonly kind: "added";
  readonly after: readonly Value[];
}

export interface Changed extends ChangeBase {
  readonly kind: "changed";
  readonly before: readonly Value[];
  readonly after: readonly Value[];
  /** Indexes of the columns whose values differ. */
  readonly columns: readonly number[];
  /** Fields owed from earlier runs: skipped, in doubt, or new in the mapping. */
  readonly pending: readonly string[];
  /** The row is back while its removal is in doubt: the record may be gone or inactive. */
  readonly revived?: boolean;
  /** The record may hold other match values than `before` says: they are written whether they differ or not. */
  readonly rematch?: boolean;
  /** The row was sent without an answer as `before`: whether its record is there is not known. */
  readonly doubted?: boolean;
}

/** A row that has left the model; its record is still there. */
export interface Removed extends ChangeBase {
  readonly kind: "removed";
  readonly before: readonly Value[];
  /**
   * The row was sent without an answer: a record that neither has an id of our own nor holds just what was sent is
   * not ours to remove.
   */
  readonly unsure?: boolean;
}

export type Change = Added | Changed | Removed;

/** A change whose row is in the model. */
export type Present = Added | Changed;

/** Of a record, then of its place among the members of something: a list, a segment, the other side of an association. */
export const OPERATION_KINDS = [
  "create",
  "upsert",
  "update",
  "add_member",
  "remove_member",
  "deactivate",
  "delete",
] as const;

export type OperationKind = (typeof OPERATION_KINDS)[number];

/** A number for each kind of operation. */
export type OperationCounts = Readonly<Record<OperationKind, number>>;

export const noOperations = (): Record<OperationKind, number> => ({
  create: 0,
  upsert: 0,
  update: 0,
  add_member: 0,
  remove_member: 0,
  deactivate: 0,
  delete: 0,
});

/** One field of an operation, spelled for the wire. */
export interface FieldWrite {
  /** The mapping's field. */
  readonly field: string;
  /** The property's name on the wire, for example `parentcustomerid_account@odata.bind`. */
  readonly property: string;
  /** The value as a JSON fragment: exact, already escaped. */
  readonly json: string;
  /** The value as a plan shows it, where the wire spells it otherwise: a parent by its key, not by its id. */
  readonly shown?: string;
  /** The value before, spelled as a plan shows it, where the snapshot knows it. */
  readonly before?: string;
}

/** A record that is made because a row points at it. */
export interface Stub {
  readonly object: string;
  readonly record: string;
  readonly fields: readonly FieldWrite[];
}

export interface Operation {
  readonly kind: OperationKind;
  readonly change: Change;
  /** The record's address as the destination spells it: `contacts(new_customerid='C-1')`. */
  readonly record: string;
  /**
   * The address of what the record becomes, or ceases to be, a member of: `lists(…)`. With an operation on the record
   * itself: it becomes a member once that is done.
   */
  readonly into?: string;
  readonly fields: readonly FieldWrite[];
  /** Fields of the mapping left out now and still owed (a parent that is missing, with `when_missing: skip`). */
  readonly owed: readonly string[];
  /** What a second request of the same run will write of what is owed, as far as it is known. */
  readonly later?: readonly FieldWrite[];
  /** Records of other objects that have to be made before: parents that nobody has. */
  readonly stubs?: readonly Stub[];
  /** What else the change writes: each to another record. The change has one outcome, the worst of all. */
  readonly also?: readonly Operation[];
}

/** All that is written because of one change: one operation, or one for each of several records. */
export const allOf = (operation: Operation): readonly Operation[] => [operation, ...(operation.also ?? [])];

/** What a connector makes of a change. */
export type Planned =
  | { readonly status: "planned"; readonly operation: Operation }
  /** The columns differ, what would be written does not: nothing is sent and the snapshot moves on. */
  | { readonly status: "unchanged"; readonly change: Change; readonly id?: string; readonly absent?: true }
  | { readonly status: "rejected"; readonly change: Change; readonly problem: Problem };

/**
 * What became of a change, one per change, in any order.
 * `rejected`: the data is at fault, the row will fail again unless something changes.
 * `deferred`: the service is at fault, the next run tries again.
 */
export type Outcome =
  | {
      readonly status: "applied" | "unchanged";
      readonly change: Change;
      /** The record's id, where the destination told it. */
      readonly id?: string;
      readonly owed?: readonly string[];
      /** What is owed can be written once the run has written everything else. */
      readonly later?: true;
      /** There is no record, and none is to be made: the row is looked for again in the next run. */
      readonly absent?: true;
      /** The service's own id of the reply: what its support asks for. */
      readonly request?: string;
    }
  | {
      readonly status: "rejected" | "deferred";
      readonly change: Change;
      readonly problem: Problem;
      readonly request?: string;
    };
