import type { ComplexType, EnumType } from "./signatures.ts";

/** The complex and enum types that the signatures name (page: web-api-complex-enum-types). */

const of = (name: string, ...properties: (readonly [name: string, type: string])[]): ComplexType => ({
  name,
  properties: properties.map(([property, type]) => ({ name: property, type })),
});

export const COMPLEX_TYPES: readonly ComplexType[] = [
  of(
    "WhoAmIResponse",
    ["BusinessUnitId", "Edm.Guid"],
    ["UserId", "Edm.Guid"],
    ["OrganizationId", "Edm.Guid"],
  ),
  of(
    "EntityRecordCountCollection",
    ["Count", "Edm.Int32"],
    ["IsReadOnly", "Edm.Boolean"],
    ["Keys", "Edm.String[]"],
    ["Values", "Edm.Int64[]"],
  ),
  of("RetrieveTotalRecordCountResponse", ["EntityRecordCountCollection", "EntityRecordCountCollection"]),
  of("CreateMultipleResponse", ["Ids", "Edm.Guid[]"]),
  of("BulkDeleteResponse", ["JobId", "Edm.Guid"]),
  of("AddMemberListResponse", ["Id", "Edm.Guid"]),
  of("CopyDynamicListToStaticResponse", ["StaticListId", "Edm.Guid"]),
  of("msdynmkt_ListGroupMembersResponse", ["Response", "Edm.String"]),
  of("msdynmkt_MembersListResponse", ["StatusCode", "Edm.Int32"], ["ResultText", "Edm.String"]),
  of(
    "StopSingleSegmentResult",
    ["SegmentId", "Edm.String"],
    ["WasStopped", "Edm.Boolean"],
    ["Message", "Edm.String"],
    ["DependentJourneys", "Edm.String[]"],
    ["DependentSegments", "Edm.String[]"],
  ),
  of(
    "msdynmkt_StopSegmentsResponse",
    ["summary", "Edm.String"],
    ["stopSingleSegmentResults", "StopSingleSegmentResult[]"],
  ),
  of("Object", ["Type", "Edm.String"], ["Value", "Edm.String"]),
  of(
    "ConditionExpression",
    ["AttributeName", "Edm.String"],
    ["Operator", "ConditionOperator"],
    ["Values", "Object[]"],
    ["EntityName", "Edm.String"],
  ),
  of(
    "FilterExpression",
    ["FilterOperator", "LogicalOperator"],
    ["Conditions", "ConditionExpression[]"],
    ["Filters", "FilterExpression[]"],
  ),
  of("ColumnSet", ["AllColumns", "Edm.Boolean"], ["Columns", "Edm.String[]"]),
  of(
    "QueryExpression",
    ["EntityName", "Edm.String"],
    ["ColumnSet", "ColumnSet"],
    ["Criteria", "FilterExpression"],
    ["Distinct", "Edm.Boolean"],
    ["NoLock", "Edm.Boolean"],
  ),
  of(
    "MetadataConditionExpression",
    ["PropertyName", "Edm.String"],
    ["ConditionOperator", "MetadataConditionOperator"],
    ["Value", "Object"],
  ),
  of(
    "MetadataFilterExpression",
    ["FilterOperator", "LogicalOperator"],
    ["Conditions", "MetadataConditionExpression[]"],
    ["Filters", "MetadataFilterExpression[]"],
  ),
  of("MetadataPropertiesExpression", ["AllProperties", "Edm.Boolean"], ["PropertyNames", "Edm.String[]"]),
  of("LabelQueryExpression", ["FilterLanguages", "Edm.Int32[]"], ["MissingLabelBehavior", "Edm.Int32"]),
  of(
    "AttributeQueryExpression",
    ["Criteria", "MetadataFilterExpression"],
    ["Properties", "MetadataPropertiesExpression"],
  ),
  of(
    "RelationshipQueryExpression",
    ["Criteria", "MetadataFilterExpression"],
    ["Properties", "MetadataPropertiesExpression"],
  ),
  of(
    "EntityKeyQueryExpression",
    ["Criteria", "MetadataFilterExpression"],
    ["Properties", "MetadataPropertiesExpression"],
  ),
  of(
    "EntityQueryExpression",
    ["Criteria", "MetadataFilterExpression"],
    ["Properties", "MetadataPropertiesExpression"],
    ["AttributeQuery", "AttributeQueryExpression"],
    ["RelationshipQuery", "RelationshipQueryExpression"],
    ["KeyQuery", "EntityKeyQueryExpression"],
    ["LabelQuery", "LabelQueryExpression"],
  ),
  of(
    "DeletedMetadataCollection",
    ["Count", "Edm.Int32"],
    ["IsReadOnly", "Edm.Boolean"],
    ["Keys", "DeletedMetadataFilters[]"],
    ["Values", "GuidCollection[]"],
  ),
  of("GuidCollection", ["Items", "Edm.Guid[]"]),
  of(
    "RetrieveMetadataChangesResponse",
    ["ServerVersionStamp", "Edm.String"],
    ["EntityMetadata", "ComplexEntityMetadata[]"],
    ["DeletedMetadata", "DeletedMetadataCollection"],
  ),
];

export const ENUM_TYPES: readonly EnumType[] = [
  { name: "LogicalOperator", members: { And: 0, Or: 1 } },
  {
    name: "MetadataConditionOperator",
    members: { Equals: 0, NotEquals: 1, In: 2, NotIn: 3, GreaterThan: 4, LessThan: 5 },
  },
  {
    name: "DeletedMetadataFilters",
    flags: true,
    members: {
      Default: 1,
      Attribute: 2,
      Relationship: 4,
      Label: 8,
      OptionSet: 16,
      All: 31,
    },
  },
];
