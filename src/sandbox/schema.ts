import type { Value, Values } from "./row.ts";
import type {
  Column,
  DeleteRule,
  KeyDescription,
  ManyToMany,
  Relationship,
  TableDescription,
} from "./tables/column.ts";
import { FORMULAS } from "./tables/formulas.ts";
import { intersectTable } from "./tables/intersect.ts";

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

/** The values of a key in the order of its columns. */
export const keyValues = ({ columns }: AlternateKey, values: Values): readonly (Value | undefined)[] =>
  columns.map((column) => values[column]);

/** A collection-valued navigation property: the rows of `table` that belong to a row at its other end. */
export interface Collection {
  readonly name: string;
  /** The table of the rows that a reader sees. */
  readonly table: string;
  /** Where the tie is kept: the referencing table itself, or the intersect table. */
  readonly tie: string;
  /** Column of the tie that names the row whose collection it is. */
  readonly own: string;
  /** Column of the tie that names the member; nothing when the tie is the member itself (one-to-many). */
  readonly member?: string;
}

/** Rows that point at a table, and what becomes of them when their target goes. */
export interface Dependent {
  readonly table: string;
  readonly column: string;
  readonly rule: DeleteRule;
  readonly indexed: boolean;
}

export interface Table extends Omit<TableDescription, "columns" | "keys" | "unique"> {
  readonly columns: ReadonlyMap<string, Column>;
  /** OData property name to column: `name`, `_ownerid_value`. */
  readonly properties: ReadonlyMap<string, Column>;
  readonly readable: readonly Column[];
  readonly navigation: ReadonlyMap<string, Navigation>;
  readonly keys: readonly AlternateKey[];
  readonly activeKeys: readonly AlternateKey[];
  /** Pairs that may not come twice, kept like keys and named by nobody. */
  readonly unique: readonly AlternateKey[];
  /** Columns whose rows are found from the row they point at, through an index. */
  readonly tracked: readonly string[];
  readonly collections: ReadonlyMap<string, Collection>;
  readonly money: readonly Column[];
  readonly images: readonly Column[];
  /** Columns that a new row must have and that nothing fills in. */
  readonly required: readonly string[];
  readonly fallbacks: readonly (readonly [column: string, value: number | boolean])[];
  /** Columns that number themselves. */
  readonly numbered: readonly Column[];
  /** Nearly all rows of other tables point at its rows. */
  readonly isPointedAtByAll: boolean;
  readonly hasOwner: boolean;
  readonly hasCurrency: boolean;
  readonly state: Column | undefined;
  readonly status: Column | undefined;
}

export interface Schema {
  readonly tables: ReadonlyMap<string, Table>;
  readonly sets: ReadonlyMap<string, Table>;
  /** Tables that no request reaches, by name. */
  readonly internal: ReadonlyMap<string, Table>;
  readonly links: readonly ManyToMany[];
  /** By the table that is pointed at. */
  readonly dependents: ReadonlyMap<string, readonly Dependent[]>;
}

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

/** So many rows point at these that finding them by a look at all rows costs less than an index on every write. */
const POINTED_AT_BY_ALL = new Set(["systemuser", "team", "businessunit", "transactioncurrency", "owner"]);

const isTracked = (column: Column): boolean =>
  column.tracked === true ||
  (column.relationships ?? []).some(
    ({ onDelete, target }) =>
      (onDelete === "Cascade" || onDelete === "Restrict") && !POINTED_AT_BY_ALL.has(target),
  );

function compileTable(description: TableDescription): Table {
  const columns = new Map(description.columns.map((column) => [column.logicalName, column]));
  const readable = description.columns.filter((column) => column.odata && column.forRead);
  const keyOf = (key: KeyDescription): AlternateKey => {
    const parts = key.columns.map((name) => columns.get(name));
    if (parts.some((part) => part === undefined)) throw new Error(`${key.schemaName}: no such column`);
    return { ...key, logicalName: key.schemaName.toLowerCase(), parts: parts as Column[] };
  };
  const keys = description.keys.map(keyOf);
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
    unique: (description.unique ?? []).map((names) =>
      keyOf({ schemaName: names.join("_"), label: names.join(", "), columns: names, status: "Active" }),
    ),
    tracked: description.columns.filter(isTracked).map((column) => column.logicalName),
    collections: new Map(),
    images: description.columns.filter((column) => column.type === "image"),
    money: description.columns.filter((column) => column.type === "money" && !column.calculationOf),
    required: description.columns
      .filter((column) => column.required === "SystemRequired" && column.odata && column.forCreate)
      .filter((column) => column.fallback === undefined && column.type !== "owner")
      .map((column) => column.logicalName)
      .filter((column) => column !== description.primaryId),
    fallbacks: description.columns
      .filter((column) => column.fallback !== undefined && column.type !== "state")
      .map((column) => [column.logicalName, column.fallback as number | boolean]),
    numbered: description.columns.filter((column) => column.autoNumber !== undefined),
    isPointedAtByAll: POINTED_AT_BY_ALL.has(description.logicalName),
    hasOwner: columns.has("ownerid"),
    hasCurrency:
      columns.has("exchangerate") && columns.has("transactioncurrencyid") && description.code !== 9105,
    state: columns.get("statecode"),
    status: columns.get("statuscode"),
  };
}

/** The far ends of all lookups and many-to-many relationships, by the table that they start from. */
function collectionsOf(tables: ReadonlyMap<string, Table>, links: readonly ManyToMany[]): void {
  const add = (from: string, collection: Collection) => {
    (tables.get(from)?.collections as Map<string, Collection> | undefined)?.set(collection.name, collection);
  };
  for (const table of tables.values()) {
    for (const { column, relationship, targets } of table.navigation.values()) {
      const name = relationship.referencedNavigation;
      const tie = table.logicalName;
      for (const target of targets) add(target, { name, table: tie, tie, own: column.logicalName });
    }
  }
  for (const link of links) {
    const tie = link.intersect;
    const own = { tie, own: link.attribute1, member: link.attribute2 };
    add(link.entity1, { name: link.navigation1, table: link.entity2, ...own });
    const back = { tie, own: link.attribute2, member: link.attribute1 };
    add(link.entity2, { name: link.navigation2, table: link.entity1, ...back });
  }
}

function dependentsOf(
  tables: ReadonlyMap<string, Table>,
  links: readonly ManyToMany[],
): Map<string, Dependent[]> {
  const dependents = new Map<string, Dependent[]>();
  const add = (target: string, dependent: Dependent) => {
    const known = dependents.get(target) ?? [];
    dependents.set(target, known);
    known.push(dependent);
  };
  for (const table of tables.values()) {
    for (const { column, relationship, targets } of table.navigation.values()) {
      const rule = relationship.onDelete ?? "RemoveLink";
      const indexed = table.tracked.includes(column.logicalName);
      for (const target of targets) {
        add(target, { table: table.logicalName, column: column.logicalName, rule, indexed });
      }
    }
  }
  for (const { intersect: table, ...link } of links) {
    if (!tables.get(table)?.intersect) continue;
    add(link.entity1, { table, column: link.attribute1, rule: "Cascade", indexed: true });
    add(link.entity2, { table, column: link.attribute2, rule: "Cascade", indexed: true });
  }
  return dependents;
}

/** A table that keeps the pairs of a link knows no pair twice, and finds them from both ends. */
function keepingPairs(description: TableDescription, links: readonly ManyToMany[]): TableDescription {
  const pairs = links.filter((link) => link.intersect === description.logicalName);
  const [first] = pairs;
  const has = (name: string) => description.columns.some((column) => column.logicalName === name);
  if (!first || description.unique || !has(first.attribute1) || !has(first.attribute2)) return description;
  const ends = new Set([first.attribute1, first.attribute2]);
  return {
    ...description,
    unique: [[first.attribute1, first.attribute2]],
    columns: description.columns.map((column) =>
      ends.has(column.logicalName) ? { ...column, tracked: true } : column,
    ),
  };
}

/** Loaded definitions do not say how a column is computed; the sandbox knows of these. */
function computing(description: TableDescription): TableDescription {
  const formulas = FORMULAS[description.logicalName];
  if (!formulas) return description;
  const columns = description.columns.map((column) => {
    const formula = formulas[column.logicalName];
    return formula ? { ...column, formula } : column;
  });
  return { ...description, columns };
}

/** Builds the lookup structures of all tables once; they never change while a sandbox runs. */
export function compileSchema(
  descriptions: readonly TableDescription[],
  links: readonly ManyToMany[] = [],
): Schema {
  const known = new Set(descriptions.map((description) => description.logicalName));
  const usable = links.filter((link) => known.has(link.entity1) && known.has(link.entity2));
  const all = descriptions.map((description) => computing(keepingPairs(description, usable)));
  for (const link of usable) if (!known.has(link.intersect)) all.push(intersectTable(link));
  const compiled = all.map(compileTable);
  const named = (kept: readonly Table[]) => new Map(kept.map((table) => [table.logicalName, table]));
  const tables = named(compiled.filter((table) => !table.internal));
  collectionsOf(tables, usable);
  return {
    tables,
    internal: named(compiled.filter((table) => table.internal)),
    sets: new Map([...tables.values()].map((table) => [table.set, table])),
    links: usable,
    dependents: dependentsOf(tables, usable),
  };
}
