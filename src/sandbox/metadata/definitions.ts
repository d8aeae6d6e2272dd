import type { AlternateKey, Schema, Table } from "../schema.ts";
import type { Column } from "../tables/column.ts";
import { attributeBase, attributeExtra, castOf } from "./columns.ts";
import { entityDocument } from "./entity.ts";
import type { Document } from "./labels.ts";
import { optionSet } from "./option-sets.ts";
import { keyDocument, manyToManyDocument, relationshipDocument } from "./relationships.ts";

export interface AttributeDefinition {
  readonly column: Column;
  /** `StringAttributeMetadata`; nothing for a column of the base type itself. */
  readonly cast: string | undefined;
  readonly document: Document;
  /** Shown through casts alone (page: query-metadata-web-api). */
  readonly optionSet: Document | null;
  readonly globalOptionSet: Document | null;
}

export interface TableDefinition {
  readonly table: Table;
  readonly entity: Document;
  readonly attributes: readonly AttributeDefinition[];
  readonly keys: readonly Document[];
  readonly manyToOne: readonly Document[];
  readonly oneToMany: readonly Document[];
  readonly manyToMany: readonly Document[];
}

/** All definitions of an organisation, made when they are first asked for. */
export interface Definitions {
  readonly tables: () => readonly TableDefinition[];
  readonly table: (logicalName: string) => TableDefinition | undefined;
  /** One-to-many and many-to-many, each once. */
  readonly relationships: () => readonly Document[];
  readonly globalOptionSets: () => readonly Document[];
}

export const WITH_OPTIONS = new Set(["choice", "choices", "state", "status", "boolean"]);

/** A column as its definition says, secured by what the organisation decides (page: field-security-entities). */
function securedDocument(document: Document, name: string, secured: ReadonlySet<string>): Document {
  return secured.has(name) ? { ...document, IsSecured: true } : document;
}

function attributesOf(table: Table, secured: ReadonlySet<string>): AttributeDefinition[] {
  return [...table.columns.values()].map((column, at): AttributeDefinition => {
    const loaded = table.loaded?.attributes.get(column.logicalName);
    const sets = table.loaded?.optionSets.get(column.logicalName);
    // Virtual companions are of the base type itself and carry no type name.
    const cast = column.type === "virtual" ? undefined : castOf(column);
    const document = securedDocument(
      loaded ?? { ...attributeBase(table, column, at + 1), ...attributeExtra(column) },
      `${table.logicalName}.${column.logicalName}`,
      secured,
    );
    if (loaded)
      return {
        column,
        cast,
        document,
        optionSet: sets?.local ?? null,
        globalOptionSet: sets?.global ?? null,
      };
    const own = WITH_OPTIONS.has(column.type) ? optionSet(table, column) : null;
    return { column, cast, document, optionSet: own, globalOptionSet: column.globalName ? own : null };
  });
}

const manyToOneOf = (schema: Schema, table: Table): readonly Document[] =>
  table.loaded?.manyToOne ??
  [...table.columns.values()].flatMap((column) =>
    (column.relationships ?? []).map((item) => relationshipDocument(schema, table, column, item)),
  );

/** The relationships of all tables, by the table that they refer to. */
function byReferenced(schema: Schema): ReadonlyMap<unknown, readonly Document[]> {
  const all = [...schema.tables.values()].flatMap((table) => manyToOneOf(schema, table));
  const found = new Map<unknown, Document[]>();
  for (const document of all) {
    const known = found.get(document.ReferencedEntity);
    if (known) known.push(document);
    else found.set(document.ReferencedEntity, [document]);
  }
  return found;
}

const manyToManyOf = (schema: Schema, table: Table): readonly Document[] =>
  table.loaded?.manyToMany ??
  schema.links
    .filter((link) => link.entity1 === table.logicalName || link.entity2 === table.logicalName)
    .map(manyToManyDocument);

/** Every elastic table has one key more: its id within its partition (page: use-elastic-tables). */
function keysOf(table: Table): readonly AlternateKey[] {
  if (!table.elastic) return table.keys;
  const schemaName = "KeyForNoSqlEntityWithPKPartitionId";
  const columns = [table.primaryId, "partitionid"];
  const parts = columns.map((name) => table.columns.get(name) as Column);
  const key = { schemaName, label: schemaName, columns, status: "Active" } as const;
  return [...table.keys, { ...key, logicalName: schemaName.toLowerCase(), parts }];
}

function define(
  schema: Schema,
  table: Table,
  secured: ReadonlySet<string>,
  referring: () => ReadonlyMap<unknown, readonly Document[]>,
): TableDefinition {
  return {
    table,
    entity: table.loaded?.entity ?? entityDocument(table),
    attributes: attributesOf(table, secured),
    keys: table.loaded?.keys ?? keysOf(table).map((key) => keyDocument(table, key)),
    manyToOne: manyToOneOf(schema, table),
    oneToMany: table.loaded?.oneToMany ?? referring().get(table.logicalName) ?? [],
    manyToMany: manyToManyOf(schema, table),
  };
}

function distinct(documents: readonly Document[], name: string): readonly Document[] {
  const found = new Map<unknown, Document>();
  for (const document of documents) if (!found.has(document[name])) found.set(document[name], document);
  return [...found.values()];
}

/** A definition is made once, when somebody asks. */
export function defineAll(schema: Schema, secured: ReadonlySet<string>): Definitions {
  const made = new Map<string, TableDefinition>();
  let relationships: ReadonlyMap<unknown, readonly Document[]> | undefined;
  const referring = () => {
    relationships ??= byReferenced(schema);
    return relationships;
  };
  const table = (logicalName: string): TableDefinition | undefined => {
    const known = made.get(logicalName);
    if (known) return known;
    const described = schema.tables.get(logicalName);
    if (!described) return undefined;
    const definition = define(schema, described, secured, referring);
    made.set(logicalName, definition);
    return definition;
  };
  const tables = () => [...schema.tables.keys()].map((name) => table(name) as TableDefinition);
  return {
    table,
    tables,
    // The side of the lookup is the definition; the far side knows tables that are not here.
    relationships: () =>
      distinct(
        [
          ...tables().flatMap((item) => item.manyToOne),
          ...tables().flatMap((item) => item.oneToMany),
          ...tables().flatMap((item) => item.manyToMany),
        ],
        "SchemaName",
      ),
    globalOptionSets: () =>
      distinct(
        tables().flatMap((item) => item.attributes.flatMap(globalOf)),
        "Name",
      ),
  };
}

/** A global boolean set stands in its column alone: only choices name it as global. */
function globalOf(attribute: AttributeDefinition): readonly Document[] {
  if (attribute.globalOptionSet) return [attribute.globalOptionSet];
  return attribute.optionSet?.IsGlobal === true ? [attribute.optionSet] : [];
}
