import { noRoute, querySyntax, Refusal, unknownSet } from "../errors.ts";
import type { Preferences } from "../headers.ts";
import { METADATA_VERSION, type Schema, type Table } from "../schema.ts";
import type { Column } from "../tables/column.ts";
import type { KeyText, Segment } from "../url.ts";
import type { Session, World } from "../world.ts";
import {
  attributeBase,
  attributeExtra,
  castOf,
  type Document,
  entityDocument,
  keyDocument,
  optionSet,
  relationshipDocument,
} from "./documents.ts";
import { checkMetadataOptions, type Kind, selectDocument, selectDocuments } from "./query.ts";

const CRM = "Microsoft.Dynamics.CRM.";
const WITH_OPTIONS = new Set(["choice", "choices", "state", "status", "boolean"]);
const LEAF: Omit<Kind, "type"> = { expand: {} };

/** The sets that hold definitions instead of rows. */
export const METADATA_SETS = new Set([
  "EntityDefinitions",
  "GlobalOptionSetDefinitions",
  "RelationshipDefinitions",
]);

interface Described {
  readonly table: Table;
  readonly column: Column;
  readonly document: Document;
}

function attributesOf(table: Table): Described[] {
  return [...table.columns.values()].map((column, at) => ({
    table,
    column,
    document: { ...attributeBase(table, column, at + 1), ...attributeExtra(column) },
  }));
}

const manyToOne = (schema: Schema, table: Table): Document[] =>
  [...table.columns.values()].flatMap((column) =>
    (column.relationships ?? []).map((item) => relationshipDocument(schema, table, column, item)),
  );

const oneToMany = (schema: Schema, table: Table): Document[] =>
  [...schema.tables.values()].flatMap((other) =>
    manyToOne(schema, other).filter((document) => document.ReferencedEntity === table.logicalName),
  );

const RELATIONSHIP: Kind = { type: "OneToManyRelationshipMetadata", ...LEAF };
const KEY: Kind = { type: "EntityKeyMetadata", ...LEAF };
const OPTION_SET: Kind = { type: "OptionSetMetadata", ...LEAF };

/** Columns seen through the base type: derived properties come back, but cannot be named (page: query-metadata-web-api). */
function baseKind(table: Table, described: readonly Described[]): Kind {
  const [first] = described;
  const base = first ? attributeBase(table, first.column, 1) : {};
  // Virtual companions are of the base type itself and carry no type name.
  const typed = described.filter(({ column }) => column.type !== "virtual");
  const types = new Map(typed.map(({ document, column }) => [document.MetadataId, castOf(column)]));
  return {
    type: "AttributeMetadata",
    expand: {},
    properties: new Set(Object.keys(base)),
    derived: (document) => types.get(document.MetadataId),
  };
}

/** Columns seen through their own type: only here can option sets be expanded. */
function castKind(cast: string, described: readonly Described[]): Kind {
  if (!described.some(({ column }) => WITH_OPTIONS.has(column.type))) return { type: cast, ...LEAF };
  const find = (document: Document) =>
    described.find((item) => item.document.MetadataId === document.MetadataId) as Described;
  return {
    type: cast,
    expand: {
      OptionSet: (document) => {
        const { table, column } = find(document);
        return { documents: optionSet(table, column), kind: OPTION_SET };
      },
      GlobalOptionSet: (document) => {
        const { table, column } = find(document);
        return { documents: column.globalName ? optionSet(table, column) : null, kind: OPTION_SET };
      },
    },
  };
}

function entityKind(schema: Schema): Kind {
  const tableOf = (document: Document) => schema.tables.get(String(document.LogicalName)) as Table;
  return {
    type: "EntityMetadata",
    expand: {
      Attributes: (document) => {
        const table = tableOf(document);
        const described = attributesOf(table);
        return { documents: described.map((item) => item.document), kind: baseKind(table, described) };
      },
      Keys: (document) => {
        const table = tableOf(document);
        return { documents: table.keys.map((key) => keyDocument(table, key)), kind: KEY };
      },
      ManyToOneRelationships: (document) => ({
        documents: manyToOne(schema, tableOf(document)),
        kind: RELATIONSHIP,
      }),
      OneToManyRelationships: (document) => ({
        documents: oneToMany(schema, tableOf(document)),
        kind: RELATIONSHIP,
      }),
      ManyToManyRelationships: () => ({
        documents: [],
        kind: { type: "ManyToManyRelationshipMetadata", ...LEAF },
      }),
    },
  };
}

/** The property and value by which a definition is addressed: `(LogicalName='x')` or `({guid})`. */
function addressed(key: KeyText, property: string): readonly [string, string] {
  if (key.kind === "value" && key.token.kind === "guid") return ["MetadataId", key.token.text.toLowerCase()];
  if (key.kind === "named" && key.parts.length === 1) {
    const [name, token] = key.parts[0]!;
    if (name === property && token.kind === "text") return [name, token.text];
    if (name === "MetadataId" && token.kind === "guid") return [name, token.text.toLowerCase()];
  }
  throw querySyntax();
}

const noEntity = (name: string) =>
  new Refusal(
    404,
    "0x80041102",
    `The entity with a name = '${name}' with namemapping = 'Logical' was not found in the MetadataCache.`,
  );

export interface MetadataReply {
  readonly body: string;
  readonly contentType?: string;
}

interface Asked {
  readonly world: World;
  readonly session: Session;
  readonly query: ReadonlyMap<string, string>;
  readonly preferences: Preferences;
}

const version = (asked: Asked): Document =>
  asked.preferences.annotation("Microsoft.Dynamics.CRM.globalmetadataversion")
    ? { "@Microsoft.Dynamics.CRM.globalmetadataversion": METADATA_VERSION }
    : {};

function collection(asked: Asked, path: string, kind: Kind, documents: readonly Document[]): MetadataReply {
  const value = selectDocuments(asked.world.rules, kind, documents, asked.query);
  const context = `${asked.session.root}$metadata#${path}`;
  return { body: JSON.stringify({ "@odata.context": context, ...version(asked), value }) };
}

function single(asked: Asked, path: string, kind: Kind, document: Document): MetadataReply {
  const shaped = selectDocument(asked.world.rules, kind, document, asked.query);
  const context = `${asked.session.root}$metadata#${path}/$entity`;
  return { body: JSON.stringify({ "@odata.context": context, ...version(asked), ...shaped }) };
}

/** One property of a definition, bare with `$value`. */
function oneProperty(asked: Asked, document: Document, rest: readonly Segment[]): MetadataReply {
  const [property, suffix, extra] = rest;
  const name = property?.name ?? "";
  if (!(name in document) || extra) throw unknownSet(asked.world.rules, name);
  checkMetadataOptions(asked.query);
  const value = document[name];
  if (suffix?.name === "$value") return { body: String(value), contentType: "text/plain" };
  if (suffix) throw unknownSet(asked.world.rules, suffix.name);
  return { body: JSON.stringify({ "@odata.context": `${asked.session.root}$metadata#${name}`, value }) };
}

function attributes(asked: Asked, table: Table, segment: Segment, rest: readonly Segment[]): MetadataReply {
  const path = `EntityDefinitions('${table.logicalName}')/Attributes`;
  let described = attributesOf(table);
  let cast: string | undefined;
  let tail = rest;
  if (rest[0]?.name.startsWith(CRM)) {
    cast = rest[0].name.slice(CRM.length);
    described = described.filter((item) => castOf(item.column) === cast);
    if (described.length === 0 && !cast.endsWith("AttributeMetadata")) {
      throw unknownSet(asked.world.rules, rest[0].name);
    }
    tail = rest.slice(1);
  }
  const kind = cast === undefined ? baseKind(table, attributesOf(table)) : castKind(cast, described);
  const at = cast === undefined ? path : `${path}/${CRM}${cast}`;
  if (segment.key.kind === "none") {
    if (tail.length > 0) throw unknownSet(asked.world.rules, tail[0]!.name);
    const plain = described.map((item) => item.document);
    return collection(asked, at, cast === undefined ? kind : { ...kind, derived: () => undefined }, plain);
  }
  const [property, value] = addressed(segment.key, "LogicalName");
  const found = described.find((item) => item.document[property] === value);
  if (!found) {
    throw new Refusal(
      404,
      "0x80041103",
      `'${table.logicalName}' entity doesn't contain attribute with Name = '${value}' and NameMapping = 'Logical'.`,
    );
  }
  const expand = tail[0] && kind.expand[tail[0].name];
  if (expand) {
    const { documents, kind: inner } = expand(found.document);
    if (documents === null) throw unknownSet(asked.world.rules, tail[0]!.name);
    return single(asked, `${at}/${tail[0]!.name}`, inner, documents as Document);
  }
  return tail.length > 0 ? oneProperty(asked, found.document, tail) : single(asked, at, kind, found.document);
}

function entities(asked: Asked, first: Segment, rest: readonly Segment[]): MetadataReply {
  const { schema } = asked.world;
  const kind = entityKind(schema);
  if (first.key.kind === "none") {
    if (rest.length > 0) throw unknownSet(asked.world.rules, rest[0]!.name);
    return collection(asked, "EntityDefinitions", kind, [...schema.tables.values()].map(entityDocument));
  }
  const [property, value] = addressed(first.key, "LogicalName");
  const table = [...schema.tables.values()].find(
    (candidate) => entityDocument(candidate)[property] === value,
  );
  if (!table) throw noEntity(value);
  const [next, ...tail] = rest;
  if (!next) return single(asked, "EntityDefinitions", kind, entityDocument(table));
  if (next.name === "Attributes") return attributes(asked, table, next, tail);
  const expand = kind.expand[next.name];
  if (!expand) return oneProperty(asked, entityDocument(table), rest);
  const { documents, kind: inner } = expand(entityDocument(table));
  const path = `EntityDefinitions('${table.logicalName}')/${next.name}`;
  if (next.key.kind === "none") return collection(asked, path, inner, documents as Document[]);
  const [name, wanted] = addressed(next.key, next.name === "Keys" ? "LogicalName" : "SchemaName");
  const found = (documents as Document[]).find((document) => document[name] === wanted);
  if (!found) throw noRoute(path);
  return single(asked, path, inner, found);
}

function globalOptionSets(schema: Schema): Document[] {
  const sets = new Map<string, Document>();
  for (const table of schema.tables.values()) {
    for (const column of table.columns.values()) {
      if (column.globalName) sets.set(column.globalName, optionSet(table, column));
    }
  }
  return [...sets.values()];
}

/** Answers a GET below one of METADATA_SETS. */
export function readMetadata(
  world: World,
  session: Session,
  segments: readonly Segment[],
  query: ReadonlyMap<string, string>,
  preferences: Preferences,
): MetadataReply {
  const asked = { world, session, query, preferences };
  const [first, ...rest] = segments as [Segment, ...Segment[]];
  if (first.name === "EntityDefinitions") return entities(asked, first, rest);
  const isGlobal = first.name === "GlobalOptionSetDefinitions";
  const documents = isGlobal
    ? globalOptionSets(world.schema)
    : [...world.schema.tables.values()].flatMap((table) => manyToOne(world.schema, table));
  const kind = isGlobal ? OPTION_SET : RELATIONSHIP;
  if (first.key.kind === "none") return collection(asked, first.name, kind, documents);
  const [property, value] = addressed(first.key, isGlobal ? "Name" : "SchemaName");
  const found = documents.find((document) => document[property] === value);
  if (!found) throw new Refusal(404, "0x80040217", `${first.name} '${value}' does not exist.`);
  return single(asked, first.name, kind, found);
}
