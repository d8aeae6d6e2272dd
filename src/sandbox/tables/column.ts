/** What a table and its columns are made of. */

export type ColumnType =
  | "string"
  | "memo"
  | "integer"
  | "bigint"
  | "decimal"
  | "double"
  | "money"
  | "boolean"
  | "datetime"
  | "choice"
  | "choices"
  | "state"
  | "status"
  | "lookup"
  | "customer"
  | "owner"
  | "guid"
  | "entityname"
  | "image"
  | "file"
  /** The parties of an activity: rows of `activityparty`, written with the activity alone. */
  | "partylist"
  | "virtual";

export type Required = "None" | "SystemRequired" | "ApplicationRequired" | "Recommended";
export type Behavior = "UserLocal" | "DateOnly" | "TimeZoneIndependent";

export interface Option {
  readonly value: number;
  readonly label: string;
  readonly german: string;
  /** Of a status option: the state it belongs to. */
  readonly state?: number;
  /** Of a state option: the status reason that the state alone implies. */
  readonly defaultStatus?: number;
  /** Of a status option: the reasons that may follow, where the table enforces transitions (TransitionData). */
  readonly next?: readonly number[];
}

/** One many-to-one relationship; a polymorphic lookup has one per target. */
export interface Relationship {
  readonly schemaName: string;
  readonly target: string;
  /** The name for `@odata.bind`: case-sensitive (page: web-api-navigation-properties). */
  readonly navigation: string;
  readonly referencedNavigation: string;
  /** What happens to rows that point at a deleted row; RemoveLink when nothing is said. */
  readonly onDelete?: DeleteRule;
}

/** Page: configure-entity-relationship-cascading-behavior. */
export type DeleteRule = "RemoveLink" | "Cascade" | "Restrict" | "NoCascade";

/** A many-to-many relationship; its pairs are the rows of the intersect table (page: web-api-navigation-properties). */
export interface ManyToMany {
  readonly schemaName: string;
  readonly intersect: string;
  readonly set: string;
  readonly entity1: string;
  readonly attribute1: string;
  readonly navigation1: string;
  readonly entity2: string;
  readonly attribute2: string;
  readonly navigation2: string;
}

export interface Column {
  readonly logicalName: string;
  readonly schemaName: string;
  readonly label: string;
  readonly type: ColumnType;
  readonly forCreate: boolean;
  readonly forRead: boolean;
  readonly forUpdate: boolean;
  readonly odata: boolean;
  readonly logical: boolean;
  readonly custom: boolean;
  readonly required: Required;
  readonly attributeOf?: string;
  readonly maxLength?: number;
  readonly min?: string;
  readonly max?: string;
  readonly precision?: number;
  readonly precisionSource?: number;
  readonly calculationOf?: string;
  readonly yomiOf?: string;
  readonly format?: string;
  readonly behavior?: Behavior;
  readonly options?: readonly Option[];
  /** Set when the choice is a global one. */
  readonly globalName?: string;
  readonly fallback?: number | boolean;
  readonly targets?: readonly string[];
  readonly relationships?: readonly Relationship[];
  /** Filled in on create when nothing is sent, `ORD-{SEQNUM:5}` (page: create-auto-number-attributes). */
  readonly autoNumber?: string;
  /** Computed by the service, never written: its `SourceType` (page: entity-attribute-metadata). */
  readonly computed?: number;
  /** Of a file or image. */
  readonly maxSizeKb?: number;
  /** Rows are found from the row that the column points at. */
  readonly tracked?: boolean;
  /** What a computed column is made of, on each read. */
  readonly formula?: Formula;
}

/** The few formulas that the sandbox's own tables need. */
export type Formula =
  | { readonly is: "product"; readonly of: readonly [string, string] }
  /** How many rows of a table point here. */
  | { readonly is: "count"; readonly table: string; readonly column: string };

export interface KeyDescription {
  readonly schemaName: string;
  readonly label: string;
  readonly columns: readonly string[];
  readonly status: "Active" | "Pending" | "InProgress" | "Failed";
}

export interface TableDescription {
  readonly logicalName: string;
  readonly schemaName: string;
  readonly set: string;
  readonly label: string;
  readonly pluralLabel: string;
  readonly code: number;
  readonly ownership: "UserOwned" | "OrganizationOwned" | "BusinessOwned" | "None";
  readonly primaryId: string;
  readonly primaryName: string | null;
  readonly custom: boolean;
  readonly changeTracking: boolean;
  /** CreateMultiple and UpdateMultiple exist (page: bulk-operations). */
  readonly bulk: boolean;
  /** Kept in Cosmos DB: no transactions, whole-row upserts (page: elastic-tables). */
  readonly elastic?: boolean;
  readonly activity?: boolean;
  /** Made from a many-to-many relationship: readable, written through `$ref`. */
  readonly intersect?: boolean;
  /** The service keeps it and shows it to nobody: no set, no definition. */
  readonly internal?: boolean;
  /** Status reasons may only follow their transitions (page: define-custom-state-model-transitions). */
  readonly enforceTransitions?: boolean;
  /** Columns that no two rows may share, without being an alternate key of the definitions. */
  readonly unique?: readonly (readonly string[])[];
  /** A virtual table: its rows are another system's (page: virtual-entities). */
  readonly dataProvider?: string;
  /** The definition as it was loaded from a file; it is answered word for word. */
  readonly loaded?: Loaded;
  readonly columns: readonly Column[];
  readonly keys: readonly KeyDescription[];
}

/** A JSON document. */
export type Json = Readonly<Record<string, unknown>>;

/** The parts of a loaded definition; option sets apart from their columns, because only casts show them. */
export interface Loaded {
  readonly entity: Json;
  readonly attributes: ReadonlyMap<string, Json>;
  readonly optionSets: ReadonlyMap<string, { readonly local: Json; readonly global: Json | null }>;
  readonly keys: readonly Json[];
  readonly manyToOne: readonly Json[];
  readonly oneToMany: readonly Json[];
  readonly manyToMany: readonly Json[];
}
