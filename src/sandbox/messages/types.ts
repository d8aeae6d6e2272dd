import type { Parameter } from "./catalogue.ts";

/** The complex and enum types that the catalogue names (page: web-api-complex-enum-types). */
export interface ComplexType {
  readonly name: string;
  readonly properties: readonly Parameter[];
}

export interface EnumType {
  readonly name: string;
  readonly flags?: boolean;
  readonly members: Readonly<Record<string, number>>;
}

const of = (name: string, ...properties: (readonly [name: string, type: string])[]): ComplexType => ({
  name,
  properties: properties.map(([property, type]) => ({ name: property, type, optional: true })),
});
const many = (type: string): string => `Collection(${type})`;

const METADATA_QUERY: readonly (readonly [string, string])[] = [
  ["Criteria", "mscrm.MetadataFilterExpression"],
  ["Properties", "mscrm.MetadataPropertiesExpression"],
];

export const COMPLEX_TYPES: readonly ComplexType[] = [
  of(
    "EntityRecordCountCollection",
    ["Count", "Edm.Int32"],
    ["IsReadOnly", "Edm.Boolean"],
    ["Keys", many("Edm.String")],
    ["Values", many("Edm.Int64")],
  ),
  of(
    "RolePrivilege",
    ["Depth", "mscrm.PrivilegeDepth"],
    ["PrivilegeId", "Edm.Guid"],
    ["BusinessUnitId", "Edm.Guid"],
    ["PrivilegeName", "Edm.String"],
    ["RecordFilterId", "Edm.Guid"],
    ["RecordFilterUniqueName", "Edm.String"],
  ),
  of(
    "AttributePrivilege",
    ["AttributeId", "Edm.Guid"],
    ["CanCreate", "Edm.Int32"],
    ["CanRead", "Edm.Int32"],
    ["CanUpdate", "Edm.Int32"],
  ),
  of("Object", ["Type", "Edm.String"], ["Value", "Edm.String"]),
  of(
    "ConditionExpression",
    ["AttributeName", "Edm.String"],
    ["Operator", "Edm.String"],
    ["Values", many("mscrm.Object")],
    ["EntityName", "Edm.String"],
  ),
  of(
    "FilterExpression",
    ["FilterOperator", "mscrm.LogicalOperator"],
    ["Conditions", many("mscrm.ConditionExpression")],
    ["Filters", many("mscrm.FilterExpression")],
  ),
  of("ColumnSet", ["AllColumns", "Edm.Boolean"], ["Columns", many("Edm.String")]),
  of(
    "QueryExpression",
    ["EntityName", "Edm.String"],
    ["ColumnSet", "mscrm.ColumnSet"],
    ["Criteria", "mscrm.FilterExpression"],
    ["Distinct", "Edm.Boolean"],
    ["NoLock", "Edm.Boolean"],
  ),
  of(
    "MetadataConditionExpression",
    ["PropertyName", "Edm.String"],
    ["ConditionOperator", "mscrm.MetadataConditionOperator"],
    ["Value", "mscrm.Object"],
  ),
  of(
    "MetadataFilterExpression",
    ["FilterOperator", "mscrm.LogicalOperator"],
    ["Conditions", many("mscrm.MetadataConditionExpression")],
    ["Filters", many("mscrm.MetadataFilterExpression")],
  ),
  of("MetadataPropertiesExpression", ["AllProperties", "Edm.Boolean"], ["PropertyNames", many("Edm.String")]),
  of("LabelQueryExpression", ["FilterLanguages", many("Edm.Int32")], ["MissingLabelBehavior", "Edm.Int32"]),
  of("AttributeQueryExpression", ...METADATA_QUERY),
  of("RelationshipQueryExpression", ...METADATA_QUERY),
  of("EntityKeyQueryExpression", ...METADATA_QUERY),
  of(
    "EntityQueryExpression",
    ...METADATA_QUERY,
    ["AttributeQuery", "mscrm.AttributeQueryExpression"],
    ["RelationshipQuery", "mscrm.RelationshipQueryExpression"],
    ["KeyQuery", "mscrm.EntityKeyQueryExpression"],
    ["LabelQuery", "mscrm.LabelQueryExpression"],
  ),
  of("GuidCollection", ["Items", many("Edm.Guid")]),
  of(
    "DeletedMetadataCollection",
    ["Count", "Edm.Int32"],
    ["IsReadOnly", "Edm.Boolean"],
    ["Keys", many("mscrm.DeletedMetadataFilters")],
    ["Values", many("mscrm.GuidCollection")],
  ),
];

export const ENUM_TYPES: readonly EnumType[] = [
  { name: "PrivilegeDepth", members: { Basic: 0, Local: 1, Deep: 2, Global: 3, RecordFilter: 4 } },
  { name: "LogicalOperator", members: { And: 0, Or: 1 } },
  {
    name: "MetadataConditionOperator",
    members: { Equals: 0, NotEquals: 1, In: 2, NotIn: 3, GreaterThan: 4, LessThan: 5 },
  },
  // Page: cache-schema-data: `Default` stands for the .NET value `Entity`.
  {
    name: "DeletedMetadataFilters",
    flags: true,
    members: { Default: 1, Attribute: 2, Relationship: 4, Label: 8, OptionSet: 16, All: 31 },
  },
];
