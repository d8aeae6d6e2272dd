import type { Column, Json, KeyDescription, Loaded, ManyToMany, TableDescription } from "../tables/column.ts";
import { columnOf, isJson, labelOf, textOf } from "./column.ts";

/** Definitions as the service answers them (pages: EntityMetadata and its kin in the Web API reference), read back. */

export interface LoadedTable {
  readonly table: TableDescription;
  readonly links: readonly ManyToMany[];
}

const NAMES = ["LogicalName", "SchemaName", "EntitySetName", "PrimaryIdAttribute"] as const;
const PARTS = [
  "Attributes",
  "Keys",
  "ManyToOneRelationships",
  "OneToManyRelationships",
  "ManyToManyRelationships",
];
const KEY_STATES = new Set(["Active", "Pending", "InProgress", "Failed"]);

const list = (value: unknown): readonly Json[] => (Array.isArray(value) ? value.filter(isJson) : []);

/** The file's own words, option sets set apart from their columns. */
function loadedOf(document: Json): Loaded {
  const optionSets = new Map<string, { local: Json; global: Json | null }>();
  const attributes = list(document.Attributes).map((attribute): [string, Json] => {
    const { OptionSet: local, GlobalOptionSet: global, "@odata.type": _, ...own } = attribute;
    const name = String(attribute.LogicalName);
    if (isJson(local)) optionSets.set(name, { local, global: isJson(global) ? global : null });
    return [name, own];
  });
  const isAnnotation = (name: string) => name.includes("@");
  const entity = Object.entries(document).filter(([name]) => !PARTS.includes(name) && !isAnnotation(name));
  return {
    entity: Object.fromEntries(entity),
    attributes: new Map(attributes),
    optionSets,
    keys: list(document.Keys),
    manyToOne: list(document.ManyToOneRelationships),
    oneToMany: list(document.OneToManyRelationships),
    manyToMany: list(document.ManyToManyRelationships),
  };
}

function keyOf(document: Json, columns: ReadonlyMap<string, Column>): KeyDescription | string {
  const schemaName = textOf(document.SchemaName) ?? textOf(document.LogicalName);
  const parts = document.KeyAttributes;
  if (!schemaName || !Array.isArray(parts)) return "a key has no SchemaName or no KeyAttributes";
  const missing = parts.find((name) => !columns.has(String(name)));
  if (missing !== undefined) return `the key '${schemaName}' names '${String(missing)}', which is no column`;
  const status = textOf(document.EntityKeyIndexStatus) ?? "Active";
  if (!KEY_STATES.has(status)) return `the key '${schemaName}' has the unknown status '${status}'`;
  return {
    schemaName,
    label: labelOf(document.DisplayName) ?? schemaName,
    columns: parts.map(String),
    status: status as KeyDescription["status"],
  };
}

function linkOf(document: Json): ManyToMany | undefined {
  const of = (name: string) => textOf(document[name]) ?? "";
  const link = {
    schemaName: of("SchemaName"),
    intersect: of("IntersectEntityName"),
    set: `${of("IntersectEntityName")}collection`,
    entity1: of("Entity1LogicalName"),
    attribute1: of("Entity1IntersectAttribute"),
    navigation1: of("Entity1NavigationPropertyName"),
    entity2: of("Entity2LogicalName"),
    attribute2: of("Entity2IntersectAttribute"),
    navigation2: of("Entity2NavigationPropertyName"),
  };
  return Object.values(link).includes("") ? undefined : link;
}

/**
 * Reads the definition of one table.
 * @param bulk whether the table takes bulk messages, which no definition tells
 * @returns the table, or what is wrong with the definition
 */
export function tableOf(
  document: Json,
  bulk: (logicalName: string) => boolean | undefined,
): LoadedTable | string {
  for (const name of NAMES) if (!textOf(document[name])) return `'${name}' is missing`;
  if (!Array.isArray(document.Attributes) || document.Attributes.length === 0) {
    return "'Attributes' is missing: ask for $expand=Attributes,Keys,ManyToOneRelationships";
  }
  const [logicalName, schemaName, set, primaryId] = NAMES.map((name) => String(document[name])) as [
    string,
    string,
    string,
    string,
  ];
  const loaded = loadedOf(document);
  const columns = new Map<string, Column>();
  for (const attribute of document.Attributes) {
    const column = isJson(attribute) ? columnOf(attribute, loaded.manyToOne) : "a column is no object";
    if (typeof column === "string") return column;
    if (columns.has(column.logicalName)) return `the column '${column.logicalName}' comes twice`;
    columns.set(column.logicalName, column);
  }
  if (!columns.has(primaryId)) return `the primary key '${primaryId}' is no column`;
  const keys = loaded.keys.map((key) => keyOf(key, columns));
  const problem = keys.find((key) => typeof key === "string");
  if (problem !== undefined) return problem as string;
  const isTrue = (name: string) => document[name] === true;
  const provider = textOf(document.DataProviderId);
  const closed = isTrue("IsIntersect") || provider !== undefined;
  const table: TableDescription = {
    logicalName,
    schemaName,
    set,
    label: labelOf(document.DisplayName) ?? schemaName,
    pluralLabel: labelOf(document.DisplayCollectionName) ?? schemaName,
    code: typeof document.ObjectTypeCode === "number" ? document.ObjectTypeCode : 0,
    ownership: (textOf(document.OwnershipType) ?? "None") as TableDescription["ownership"],
    primaryId,
    primaryName: textOf(document.PrimaryNameAttribute) ?? null,
    custom: isTrue("IsCustomEntity"),
    changeTracking: isTrue("ChangeTrackingEnabled"),
    bulk: bulk(logicalName) ?? !closed,
    elastic: document.TableType === "Elastic",
    activity: isTrue("IsActivity"),
    intersect: isTrue("IsIntersect"),
    enforceTransitions: isTrue("EnforceStateTransitions"),
    ...(provider === undefined ? {} : { dataProvider: provider }),
    columns: [...columns.values()],
    keys: keys as KeyDescription[],
    loaded,
  };
  return { table, links: loaded.manyToMany.map(linkOf).filter((link) => link !== undefined) };
}
