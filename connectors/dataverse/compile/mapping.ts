/** A sync whose mapping has been checked and typed: what planning needs, and nothing else. */
import type { FieldWrite, Mode, Rules, SyncSpec, Value, WriteOptions } from "../../../src/sdk.ts";
import type { Table } from "../table.ts";
import type { StatePair } from "../types/state.ts";
import type { Coercer } from "../types/value-problem.ts";

/** A column of a key, or the primary id, that finds a record. */
export interface KeyPart {
  readonly field: string;
  /** Its name in addresses, filters and rows, where that is another: `_new_orderid_value` for a lookup. */
  readonly read?: string;
  readonly coerce: Coercer;
  /** Text stands in quotes in an address, everything else bare. */
  readonly isText: boolean;
  /** Values of it may stand in the list of an `In` filter, which holds texts alone. */
  readonly isListable: boolean;
}

/** The values that find a record, as JSON fragments in the order of the parts of a key. */
export type Found = readonly string[];

export interface MatchPart extends KeyPart {
  /** Index of the column that holds the value. */
  readonly column: number;
  /** Of a lookup: how the value finds the record whose id is the part. */
  readonly lookup?: LookupField;
}

export interface ParentPart extends KeyPart {
  /** Index of the column that holds the value; null for the value of the lookup's own field. */
  readonly column: number | null;
}

export interface Parent {
  /** Object and fields: names the cache of ids. */
  readonly ref: string;
  /** The property to bind by. */
  readonly property: string;
  readonly table: Table;
  /** What finds it: one column, or the columns of a key. */
  readonly parts: readonly ParentPart[];
  /** A record is made where none is found. */
  readonly makesStubs?: boolean;
}

interface FieldBase {
  readonly field: string;
  /** The property to write. */
  readonly property: string;
  /** Index of the column that holds the value; null for a constant. */
  readonly column: number | null;
  /** The constant, where there is no column. */
  readonly constant: Value;
  /** A text made of columns, where there is neither. */
  readonly template?: TemplateSource;
  readonly whenNull: "clear" | "skip";
  /** Null is refused by the platform. */
  readonly required: boolean;
  /** False: written to records that exist alone; what makes one owes it. */
  readonly creatable: boolean;
  /** False: written with new records alone. */
  readonly updatable: boolean;
  /** `create`: with new records alone; `if_empty`: where the record holds nothing. */
  readonly write: "always" | "create" | "if_empty";
}

export interface TemplateSource {
  /** Indexes of the columns that it uses. */
  readonly columns: readonly number[];
  /** The text of a row; one that cannot be made is told by a text that no column takes. */
  readonly render: (row: readonly Value[]) => string;
}

export interface PlainField extends FieldBase {
  readonly kind: "plain";
  readonly coerce: Coercer;
  /** Of a file column: what the file is called, by a column or for all rows. */
  readonly file?: { readonly column: number | null; readonly name: string };
}

export interface LookupField extends FieldBase {
  readonly kind: "lookup";
  /** One for each object that may be meant. */
  readonly parents: readonly Parent[];
  /** Of a list of parties: what they take part as. The value is then a list, and new records alone take it. */
  readonly party?: number;
  /** The column that names the object row by row; null where there is one object alone. */
  readonly objectColumn: number | null;
  readonly whenMissing: "reject" | "skip" | "clear" | "create";
}

export type MappedField = PlainField | LookupField;

export interface Mapping {
  readonly table: Table;
  /**
   * How a row finds its record: by an alternate key or the primary id, which an address can hold; by any columns,
   * which have to be looked up; or not at all, where every row makes one.
   */
  readonly match: {
    readonly by: "key" | "id" | "columns" | "none";
    readonly parts: readonly MatchPart[];
    /** What stands around the values of the parts in an address, one more than there are parts. */
    readonly frame: readonly string[];
  };
  readonly fields: readonly MappedField[];
  /** State and status reason, where the mapping has one of them. */
  readonly pair: StatePair | null;
  readonly options: WriteOptions;
  readonly rules: Rules & { readonly mode: Mode; readonly onRemoved: SyncSpec["onRemoved"] };
  /** What makes a record inactive, and active again. */
  readonly deactivation: readonly FieldWrite[];
  readonly reactivation: readonly FieldWrite[];
}
