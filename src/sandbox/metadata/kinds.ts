import type { Table } from "../schema.ts";
import { attributeBase, attributeExtra } from "./columns.ts";
import type { AttributeDefinition, Definitions, TableDefinition } from "./definitions.ts";
import { entityDocument } from "./entity.ts";
import type { Document } from "./labels.ts";
import type { Kind } from "./query.ts";
import { propertiesOf } from "./types.ts";

/** What each type of definition shows and what `$expand` finds from it (page: query-metadata-web-api). */

const NOTHING: ReadonlySet<string> = new Set();
const plain = (type: string): Kind => ({ type, properties: propertiesOf(type) ?? NOTHING, expand: {} });

const KEY = plain("EntityKeyMetadata");
export const ONE_TO_MANY = plain("OneToManyRelationshipMetadata");
export const MANY_TO_MANY = plain("ManyToManyRelationshipMetadata");
const OPTION_SET = plain("OptionSetMetadata");
const BOOLEAN_OPTION_SET = plain("BooleanOptionSetMetadata");

const typeOfRelationship = (document: Document): string =>
  document.RelationshipType === "ManyToManyRelationship" ? MANY_TO_MANY.type : ONE_TO_MANY.type;
const typeOfOptionSet = (document: Document): string =>
  document.OptionSetType === "Boolean" ? BOOLEAN_OPTION_SET.type : OPTION_SET.type;

function base(type: string, kinds: readonly Kind[], typeOf: (document: Document) => string): Kind {
  return {
    ...plain(type),
    derived: typeOf,
    cast: (name) => {
      const kind = kinds.find((candidate) => candidate.type === name);
      return kind && { kind, fits: (document) => typeOf(document) === name };
    },
  };
}

/** Relationships of both sorts: without a cast only what they share can be named. */
export const RELATIONSHIP = base("RelationshipMetadataBase", [ONE_TO_MANY, MANY_TO_MANY], typeOfRelationship);
export const GLOBAL_OPTION_SET = base(
  "OptionSetMetadataBase",
  [OPTION_SET, BOOLEAN_OPTION_SET],
  typeOfOptionSet,
);

/** The casts through which option sets come (page: query-metadata-web-api). */
const CASTS_WITH_OPTIONS = new Set(
  ["Picklist", "MultiSelectPicklist", "State", "Status", "Boolean"].map((name) => `${name}AttributeMetadata`),
);

/** What a column is by itself, for properties that an older definition does not mention. */
const ownWords = (table: Table, { column }: AttributeDefinition): Document => ({
  ...attributeBase(table, column, 0),
  ...attributeExtra(column),
});

/** Columns seen through the base type: derived properties come back, but cannot be named. */
export function attributeKind(definition: TableDefinition): Kind {
  const byId = new Map(definition.attributes.map((item) => [item.document.MetadataId, item]));
  const find = (document: Document) => byId.get(document.MetadataId) as AttributeDefinition;
  const fallback = (document: Document, property: string) =>
    ownWords(definition.table, find(document))[property];
  const castTo = (name: string): Kind | undefined => {
    const properties = propertiesOf(name);
    if (!properties || !name.endsWith("AttributeMetadata")) return undefined;
    const kind: Kind = { type: name, properties, expand: {}, fallback };
    if (!CASTS_WITH_OPTIONS.has(name)) return kind;
    const set = name === "BooleanAttributeMetadata" ? BOOLEAN_OPTION_SET : OPTION_SET;
    return {
      ...kind,
      expand: {
        OptionSet: (document) => ({ documents: find(document).optionSet, kind: set }),
        GlobalOptionSet: (document) => ({ documents: find(document).globalOptionSet, kind: set }),
      },
    };
  };
  return {
    ...plain("AttributeMetadata"),
    fallback,
    derived: (document) => find(document).cast,
    cast: (name) => {
      const kind = castTo(name);
      return kind && { kind, fits: (document) => find(document).cast === name };
    },
  };
}

export function entityKind(definitions: Definitions): Kind {
  const of = (document: Document) => definitions.table(String(document.LogicalName)) as TableDefinition;
  return {
    ...plain("EntityMetadata"),
    fallback: (document, property) => entityDocument(of(document).table)[property],
    expand: {
      Attributes: (document) => ({
        documents: of(document).attributes.map((item) => item.document),
        kind: attributeKind(of(document)),
      }),
      Keys: (document) => ({ documents: of(document).keys, kind: KEY }),
      ManyToOneRelationships: (document) => ({ documents: of(document).manyToOne, kind: ONE_TO_MANY }),
      OneToManyRelationships: (document) => ({ documents: of(document).oneToMany, kind: ONE_TO_MANY }),
      ManyToManyRelationships: (document) => ({ documents: of(document).manyToMany, kind: MANY_TO_MANY }),
    },
  };
}
