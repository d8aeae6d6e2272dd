import type { Column, KeyDescription, Relationship, TableDescription } from "./tables/column.ts";

/** A single-valued navigation property: the name that `@odata.bind` uses, and where its value is kept. */
export interface Navigation {
  readonly name: string;
  readonly column: Column;
  readonly relationship: Relationship;
  /** Tables whose rows it may point at; `ownerid` takes users and teams. */
  readonly targets: readonly string[];
}

export interface AlternateKey extends KeyDescription {
  readonly logicalName: string;
  readonly parts: readonly Column[];
}

export interface Table extends Omit<TableDescription, "columns" | "keys"> {
  readonly columns: ReadonlyMap<string, Column>;
  /** OData property name to column: `name`, `_ownerid_value`. */
  readonly properties: ReadonlyMap<string, Column>;
  readonly readable: readonly Column[];
  readonly navigation: ReadonlyMap<string, Navigation>;
  readonly keys: readonly AlternateKey[];
  readonly activeKeys: readonly AlternateKey[];
  readonly money: readonly Column[];
  readonly fallbacks: readonly (readonly [column: string, value: number | boolean])[];
  readonly hasOwner: boolean;
  readonly hasCurrency: boolean;
  readonly state: Column | undefined;
  readonly status: Column | undefined;
}

export interface Schema {
  readonly tables: ReadonlyMap<string, Table>;
  readonly sets: ReadonlyMap<string, Table>;
}

/** Stands for the state of all definitions: a client that sees another one reads them again (page: compose-http-requests). */
export const METADATA_VERSION = "5027348";

export const isLookup = (column: Column): boolean =>
  column.type === "lookup" || column.type === "customer" || column.type === "owner";

/** The name under which a column appears in OData (page: web-api-properties). */
export const propertyName = (column: Column): string =>
  isLookup(column) ? `_${column.logicalName}_value` : column.logicalName;

function navigations(columns: readonly Column[]): Map<string, Navigation> {
  const found = new Map<string, Navigation>();
  for (const column of columns) {
    for (const relationship of column.relationships ?? []) {
      const targets = relationship.target === "owner" ? (column.targets ?? []) : [relationship.target];
      found.set(relationship.navigation, { name: relationship.navigation, column, relationship, targets });
    }
  }
  return found;
}

function compileTable(description: TableDescription): Table {
  const columns = new Map(description.columns.map((column) => [column.logicalName, column]));
  const readable = description.columns.filter((column) => column.odata && column.forRead);
  const keys = description.keys.map((key): AlternateKey => {
    const parts = key.columns.map((name) => columns.get(name));
    if (parts.some((part) => part === undefined)) throw new Error(`${key.schemaName}: no such column`);
    return { ...key, logicalName: key.schemaName.toLowerCase(), parts: parts as Column[] };
  });
  return {
    ...description,
    columns,
    properties: new Map(
      description.columns.filter((column) => column.odata).map((column) => [propertyName(column), column]),
    ),
    readable,
    navigation: navigations(description.columns),
    keys,
    activeKeys: keys.filter((key) => key.status === "Active"),
    money: description.columns.filter((column) => column.type === "money" && !column.calculationOf),
    fallbacks: description.columns
      .filter((column) => column.fallback !== undefined && column.type !== "state")
      .map((column) => [column.logicalName, column.fallback as number | boolean]),
    hasOwner: columns.has("ownerid"),
    hasCurrency:
      columns.has("exchangerate") && columns.has("transactioncurrencyid") && description.code !== 9105,
    state: columns.get("statecode"),
    status: columns.get("statuscode"),
  };
}

/** Builds the lookup structures of all tables once; they never change while a sandbox runs. */
export function compileSchema(descriptions: readonly TableDescription[]): Schema {
  const tables = new Map(
    descriptions.map((description) => [description.logicalName, compileTable(description)]),
  );
  return { tables, sets: new Map([...tables.values()].map((table) => [table.set, table])) };
}
