/** A sync as the engine and the connectors see it: defaults filled in, every field spelled out. */
import type { Place } from "./errors.ts";

/** `add` and `remove` are modes of audiences alone. */
export type Mode = "insert" | "update" | "upsert" | "mirror" | "add" | "remove";

export interface ModelSpec {
  readonly name: string;
  readonly warehouse: string;
  readonly primaryKey: readonly string[];
  /** The query's text, or a `SELECT` over the model's table. */
  readonly query: string;
  /** File of the query, for messages. */
  readonly queryFile: string;
  /** IANA zone of timestamps without one. */
  readonly timezone: string;
  /** The model's file. */
  readonly file: string;
  readonly syncs: readonly SyncSpec[];
}

/** How much may change in one run before it stops; a limit is passed when both parts are. */
export interface Guard {
  readonly removed: Limit;
  readonly changed?: Limit;
}

export interface Limit {
  /** Of the rows in the snapshot, 0 to 1. */
  readonly share: number;
  readonly rows: number;
}

/** How a sync treats records that are there, or are not, when it meets them for the first time. */
export interface Rules {
  /** What an update does with a row that has no record. */
  readonly onMissing: "reject" | "skip";
  /** What becomes of the only match when it is inactive. */
  readonly matchInactive: "use" | "ignore" | "reactivate";
  /** What becomes of a row whose match finds several records. */
  readonly onMany: "reject" | "first_created" | "all";
  /** Reads the matching records before the first write, so that what is right already is not written again. */
  readonly adopt: boolean;
  /** Who gives new records their ids. */
  readonly ids: "own" | "server";
}

export const DEFAULT_RULES: Rules = {
  onMissing: "reject",
  matchInactive: "use",
  onMany: "reject",
  adopt: true,
  ids: "own",
};

/** What the destination is asked to do, or not to do, with the writes of a sync. */
export interface WriteOptions {
  /** Custom business logic that does not run. */
  readonly bypassLogic: readonly ("sync" | "async")[];
  /** The older way to keep synchronous plug-ins from running. */
  readonly bypassPlugins?: boolean;
  readonly bypassFlows: boolean;
  readonly detectDuplicates: boolean;
  /** The user on whose behalf is written. */
  readonly impersonate?: string;
  /** A text that custom logic finds beside the request. */
  readonly tag?: string;
  /** The solution that new components of it join. */
  readonly solution?: string;
}

export const NO_OPTIONS: WriteOptions = { bypassLogic: [], bypassFlows: false, detectDuplicates: false };

export interface SyncSpec {
  readonly name: string;
  readonly model: string;
  readonly destination: string;
  readonly object: string;
  readonly mode: Mode;
  /** The destination's field and the column that holds its value. */
  readonly match: KeyOfColumns;
  readonly fields: readonly FieldSpec[];
  readonly onRemoved: "keep" | "deactivate" | "delete" | "remove_member";
  /** Whose members the records are; left out, the records themselves are what is written. */
  readonly audience?: AudienceSpec;
  readonly associate?: AssociateSpec;
  readonly rules: Rules;
  readonly options: WriteOptions;
  /** Another sync that says so too may write the same fields. */
  readonly shared?: boolean;
  /** The name that the sync had before, whose state it goes on with. */
  readonly renamedFrom?: string;
  readonly guard: Guard;
  /** Place of the sync, or of one of its keys given as a path (`["fields", "firstname"]`), in the user's file. */
  place(...path: readonly (string | number)[]): Place;
}

/** A list or a segment of the destination, or several of them, whose members are records of the sync's object. */
/** Rows that tie two records each, by a many-to-many relationship. */
export interface AssociateSpec {
  /** The relationship's name. */
  readonly relationship: string;
  readonly from: AssociateEnd;
  readonly to: AssociateEnd;
  /** What becomes of a row of which a record is not there. */
  readonly whenMissing: "reject" | "skip";
}

/** One side of an association: the object, the field that finds its record, and the column that holds the value. */
export interface AssociateEnd {
  readonly object: string;
  readonly by: string;
  readonly column: string;
}

export interface AudienceSpec {
  readonly kind: "list" | "segment";
  /** One for all rows, or the column that names it row by row. */
  readonly named: { readonly value: string } | { readonly column: string };
  /** The list's own field that holds what it is named by; left out, its name or its id. */
  readonly by?: string;
  /** Makes what is not there, and retires what has lost its last row. */
  readonly create: boolean;
  /** Which members a mirror removes: those that it has added or met, or all that the model has not. */
  readonly scope: "managed" | "all";
  /** What becomes of a row whose record is not there. */
  readonly whenMissing: "reject" | "skip";
}

/** Fields that find a record together, each with the column that holds its value. */
export type KeyOfColumns = readonly { readonly field: string; readonly column: string }[];

export const isKey = (by: string | object): by is KeyOfColumns => Array.isArray(by);

export interface FieldSpec {
  readonly field: string;
  readonly source:
    | { readonly column: string }
    | { readonly value: string | number | boolean | null }
    /** A Liquid template over the columns of the row. */
    | { readonly template: string }
    /** The columns by which a lookup finds its record, and nothing else. */
    | { readonly columns: readonly string[] };
  readonly whenNull: "clear" | "skip";
  /** Left out: always. */
  readonly write?: "create" | "if_empty";
  /** Of a file: the column that holds its name. */
  readonly fileName?: string;
  /** Text that is too long is cut instead of rejected. */
  readonly truncate?: boolean;
  readonly lookup?: {
    /** The object that is looked in, or the column that names it row by row. */
    readonly object: string | { readonly column: string };
    /**
     * The field that holds the value, one for every object or one for each; or the fields of a key, with the columns
     * that hold their values.
     */
    readonly by: string | Readonly<Record<string, string>> | KeyOfColumns;
    readonly whenMissing: "reject" | "skip" | "clear" | "create";
  };
}
