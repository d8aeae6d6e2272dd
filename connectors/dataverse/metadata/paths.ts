/**
 * What to ask for an organisation's metadata. Sources: "Query table definitions using the Web API", "Column
 * definitions", "Bulk operation messages". Pure.
 */
import { SERVICE_ROOT, textLiteral } from "../url.ts";

/** All tables, with their names. */
export const TABLES = `${SERVICE_ROOT}EntityDefinitions?$select=LogicalName,EntitySetName,DisplayName,IsIntersect,IsPrivate`;

/**
 * Which organisation this is, and a row that every user may read, with the annotation that tells the version of all
 * definitions ("Compose HTTP requests and handle errors").
 */
export const VERSION = [`${SERVICE_ROOT}WhoAmI`, `${SERVICE_ROOT}systemusers?$select=systemuserid&$top=1`];
export const VERSION_ANNOTATION = "Microsoft.Dynamics.CRM.globalmetadataversion";

/** No cast covers all choices, and a column's own properties show under its cast alone. */
const CASTS: readonly (readonly [cast: string, select: string, expand?: string])[] = [
  ["String", "MaxLength,Format,FormatName"],
  ["Memo", "MaxLength,Format,FormatName"],
  ["Integer", "MinValue,MaxValue,Format"],
  ["BigInt", "MinValue,MaxValue"],
  ["Decimal", "MinValue,MaxValue,Precision"],
  ["Double", "MinValue,MaxValue,Precision"],
  ["Money", "MinValue,MaxValue,Precision,PrecisionSource"],
  ["DateTime", "Format,DateTimeBehavior"],
  ["Lookup", "Targets"],
  ["Image", "MaxSizeInKB,IsPrimaryImage"],
  ["File", "MaxSizeInKB"],
  ["Picklist", "DefaultFormValue", "OptionSet,GlobalOptionSet"],
  ["MultiSelectPicklist", "DefaultFormValue", "OptionSet,GlobalOptionSet"],
  ["State", "DefaultFormValue", "OptionSet,GlobalOptionSet"],
  ["Status", "", "OptionSet,GlobalOptionSet"],
  ["Boolean", "DefaultValue", "OptionSet,GlobalOptionSet"],
];

/** Messages of a table that decide on how it is written, or on whether ("Bulk operation messages"). */
export const MESSAGES = [
  "CreateMultiple",
  "UpdateMultiple",
  "Retrieve",
  "Create",
  "Update",
  "Delete",
] as const;

/** The paths to read for one table, in the order in which `tableOf` wants the replies. */
export function tablePaths(name: string): string[] {
  const entity = `${SERVICE_ROOT}EntityDefinitions(LogicalName=${textLiteral(name)})`;
  const attributes = `${entity}/Attributes`;
  return [
    `${entity}?$select=LogicalName,EntitySetName,DisplayName,PrimaryIdAttribute,PrimaryNameAttribute,TableType,` +
      "EnforceStateTransitions&$expand=Keys($select=LogicalName,KeyAttributes,EntityKeyIndexStatus)," +
      "ManyToOneRelationships($select=ReferencingAttribute,ReferencedEntity,ReferencingEntityNavigationPropertyName)",
    `${attributes}?$select=LogicalName,DisplayName,AttributeType,AttributeTypeName,AttributeOf,IsValidForCreate,` +
      "IsValidForUpdate,IsValidForRead,IsValidODataAttribute,IsPrimaryId,IsSecured,RequiredLevel",
    ...MESSAGES.map(
      (message) =>
        `${SERVICE_ROOT}sdkmessagefilters?$select=sdkmessagefilterid&$filter=sdkmessageid/name%20eq%20@m%20and%20` +
        `primaryobjecttypecode%20eq%20@t&@m=${textLiteral(message)}&@t=${textLiteral(name)}`,
    ),
    ...CASTS.map(
      ([cast, select, expand]) =>
        `${attributes}/Microsoft.Dynamics.CRM.${cast}AttributeMetadata?$select=LogicalName${select && `,${select}`}` +
        (expand ? `&$expand=${expand}` : ""),
    ),
    `${entity}?$select=LogicalName,DataProviderId,Privileges`,
  ];
}
