import { compileSchema, type Table } from "../schema.ts";
import type { Column, ColumnType } from "../tables/column.ts";
import { attributeBase, attributeExtra, castOf } from "./columns.ts";
import { entityDocument } from "./entity.ts";
import type { Document } from "./labels.ts";
import { optionSet } from "./option-sets.ts";
import { keyDocument, manyToManyDocument, relationshipDocument } from "./relationships.ts";

/**
 * The entity types of definitions (page: MetadataEntityTypeIndex). What a type has is read from a sample of each, so that
 * queries, `$metadata` and replies cannot disagree.
 */
export interface MetadataType {
  readonly name: string;
  readonly base?: string;
  /** Own properties with a value that shows their type. */
  readonly sample: Document;
  /** Navigation properties: type, in brackets for collections. */
  readonly navigation?: Readonly<Record<string, string>>;
}

const COLUMN_TYPES: readonly ColumnType[] = [
  "string",
  "memo",
  "integer",
  "bigint",
  "decimal",
  "double",
  "money",
  "boolean",
  "datetime",
  "choice",
  "choices",
  "state",
  "status",
  "lookup",
  "guid",
  "entityname",
  "image",
  "file",
];

const sampleColumn = (type: ColumnType): Column => ({
  logicalName: type === "state" ? "statecode" : type === "status" ? "statuscode" : `sample_${type}`,
  schemaName: `sample_${type}`,
  label: "Sample",
  type,
  forCreate: true,
  forRead: true,
  forUpdate: true,
  odata: true,
  logical: false,
  custom: false,
  required: "None",
  maxLength: 100,
  min: "0",
  max: "1",
  precision: 2,
  precisionSource: 2,
  behavior: "UserLocal",
  format: type === "datetime" ? "DateAndTime" : type === "integer" ? "None" : "Text",
  options: [
    { value: 1, label: "Yes", german: "Ja", state: 0, defaultStatus: 1 },
    { value: 0, label: "No", german: "Nein", state: 0, defaultStatus: 1 },
  ],
  relationships:
    type === "lookup"
      ? [{ schemaName: "sample", target: "sample", navigation: "sample", referencedNavigation: "samples" }]
      : [],
});

const SCHEMA = compileSchema([
  {
    logicalName: "sample",
    schemaName: "Sample",
    set: "samples",
    label: "Sample",
    pluralLabel: "Samples",
    code: 1,
    ownership: "UserOwned",
    primaryId: "sample_guid",
    primaryName: "sample_string",
    custom: false,
    changeTracking: false,
    bulk: false,
    columns: COLUMN_TYPES.map(sampleColumn),
    keys: [{ schemaName: "sample_key", label: "Sample", columns: ["sample_string"], status: "Active" }],
  },
]);
const TABLE = SCHEMA.tables.get("sample") as Table;
const column = (type: ColumnType): Column =>
  [...TABLE.columns.values()].find((item) => item.type === type) as Column;

const BASE: Document = { MetadataId: "00000000-0000-0000-0000-000000000000", HasChanged: false };

const without = (document: Document, ...others: readonly Document[]): Document =>
  Object.fromEntries(Object.entries(document).filter(([name]) => !others.some((other) => name in other)));
const only = (document: Document, other: Document): Document =>
  Object.fromEntries(Object.entries(document).filter(([name]) => name in other));

const ENTITY = without(entityDocument(TABLE), BASE);
const ATTRIBUTE = without(attributeBase(TABLE, column("string"), 1), BASE);
const LOOKUP = column("lookup");
const ONE = relationshipDocument(SCHEMA, TABLE, LOOKUP, LOOKUP.relationships![0]!);
const MANY = manyToManyDocument({
  schemaName: "sample",
  intersect: "sample",
  set: "samples",
  entity1: "sample",
  attribute1: "sample",
  navigation1: "sample",
  entity2: "sample",
  attribute2: "sample",
  navigation2: "sample",
});
const RELATIONSHIP = without(only(ONE, MANY), BASE);
const CHOICE = optionSet(TABLE, column("choice"));
const BOOLEAN = optionSet(TABLE, column("boolean"));
const OPTION_SET = without(only(CHOICE, BOOLEAN), BASE);

const sets = (type: string) => ({ OptionSet: type, GlobalOptionSet: type });
const OPTION_SETS: Partial<Record<ColumnType, Readonly<Record<string, string>>>> = {
  choice: sets("OptionSetMetadata"),
  choices: sets("OptionSetMetadata"),
  state: sets("OptionSetMetadata"),
  status: sets("OptionSetMetadata"),
  boolean: sets("BooleanOptionSetMetadata"),
};

const derived = (type: ColumnType): MetadataType => ({
  name: castOf(column(type)),
  base: "AttributeMetadata",
  sample: attributeExtra(column(type)),
  ...(OPTION_SETS[type] ? { navigation: OPTION_SETS[type] } : {}),
});

export const METADATA_TYPES: readonly MetadataType[] = [
  { name: "MetadataBase", sample: BASE },
  {
    name: "EntityMetadata",
    base: "MetadataBase",
    sample: ENTITY,
    navigation: {
      Attributes: "[AttributeMetadata]",
      Keys: "[EntityKeyMetadata]",
      ManyToManyRelationships: "[ManyToManyRelationshipMetadata]",
      ManyToOneRelationships: "[OneToManyRelationshipMetadata]",
      OneToManyRelationships: "[OneToManyRelationshipMetadata]",
    },
  },
  { name: "AttributeMetadata", base: "MetadataBase", sample: ATTRIBUTE },
  ...COLUMN_TYPES.map(derived),
  { name: "ManagedPropertyAttributeMetadata", base: "AttributeMetadata", sample: {} },
  { name: "RelationshipMetadataBase", base: "MetadataBase", sample: RELATIONSHIP },
  {
    name: "OneToManyRelationshipMetadata",
    base: "RelationshipMetadataBase",
    sample: without(ONE, RELATIONSHIP, BASE),
  },
  {
    name: "ManyToManyRelationshipMetadata",
    base: "RelationshipMetadataBase",
    sample: without(MANY, RELATIONSHIP, BASE),
  },
  {
    name: "EntityKeyMetadata",
    base: "MetadataBase",
    sample: without(keyDocument(TABLE, TABLE.keys[0]!), BASE),
  },
  { name: "OptionSetMetadataBase", base: "MetadataBase", sample: OPTION_SET },
  { name: "OptionSetMetadata", base: "OptionSetMetadataBase", sample: without(CHOICE, OPTION_SET, BASE) },
  {
    name: "BooleanOptionSetMetadata",
    base: "OptionSetMetadataBase",
    sample: without(BOOLEAN, OPTION_SET, BASE),
  },
];

const BY_NAME = new Map(METADATA_TYPES.map((type) => [type.name, type]));

/** The names that a query may use of a type, those of its bases among them; undefined for an unknown type. */
export function propertiesOf(name: string): ReadonlySet<string> | undefined {
  const names = new Set<string>();
  let type = BY_NAME.get(name);
  if (!type) return undefined;
  for (; type; type = BY_NAME.get(type.base ?? "")) for (const property in type.sample) names.add(property);
  return names;
}
