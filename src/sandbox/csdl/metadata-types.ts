import { enumOf, METADATA_ENUMS } from "../metadata/enums.ts";
import { METADATA_SETS } from "../metadata/routes.ts";
import { METADATA_TYPES, type MetadataType } from "../metadata/types.ts";
import { type Attributes, element } from "./xml.ts";

/** The types of definitions, as entities (`EntityDefinitions`) and as complex types (`RetrieveMetadataChanges`). */

const SETS: Readonly<Record<string, string>> = {
  EntityDefinitions: "EntityMetadata",
  GlobalOptionSetDefinitions: "OptionSetMetadataBase",
  RelationshipDefinitions: "RelationshipMetadataBase",
};
const CRM = "mscrm.";
const ABSTRACT = new Set(["MetadataBase", "RelationshipMetadataBase", "OptionSetMetadataBase"]);

/** Complex types that properties of definitions have, by name: property to type. */
const PARTS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  LocalizedLabel: {
    Label: "Edm.String",
    LanguageCode: "Edm.Int32",
    IsManaged: "Edm.Boolean",
    MetadataId: "Edm.Guid",
    HasChanged: "Edm.Boolean",
  },
  Label: {
    LocalizedLabels: "Collection(mscrm.LocalizedLabel)",
    UserLocalizedLabel: "mscrm.LocalizedLabel",
  },
  BooleanManagedProperty: {
    Value: "Edm.Boolean",
    CanBeChanged: "Edm.Boolean",
    ManagedPropertyLogicalName: "Edm.String",
  },
  AttributeRequiredLevelManagedProperty: {
    Value: "mscrm.AttributeRequiredLevel",
    CanBeChanged: "Edm.Boolean",
    ManagedPropertyLogicalName: "Edm.String",
  },
  AttributeTypeDisplayName: { Value: "Edm.String" },
  StringFormatName: { Value: "Edm.String" },
  MemoFormatName: { Value: "Edm.String" },
  DateTimeBehavior: { Value: "Edm.String" },
  CascadeConfiguration: Object.fromEntries(
    ["Assign", "Delete", "Archive", "Merge", "Reparent", "Share", "Unshare", "RollupView"].map((name) => [
      name,
      "mscrm.CascadeType",
    ]),
  ),
  AssociatedMenuConfiguration: {
    Behavior: "mscrm.AssociatedMenuBehavior",
    Group: "mscrm.AssociatedMenuGroup",
    Order: "Edm.Int32",
    IsCustomizable: "Edm.Boolean",
    Icon: "Edm.String",
    ViewId: "Edm.Guid",
    AvailableOffline: "Edm.Boolean",
    MenuId: "Edm.String",
    QueryApi: "Edm.String",
    Label: "mscrm.Label",
  },
  RelationshipAttribute: { ReferencingAttribute: "Edm.String", ReferencedAttribute: "Edm.String" },
  SecurityPrivilegeMetadata: {
    CanBeBasic: "Edm.Boolean",
    CanBeDeep: "Edm.Boolean",
    CanBeGlobal: "Edm.Boolean",
    CanBeLocal: "Edm.Boolean",
    CanBeEntityReference: "Edm.Boolean",
    CanBeParentEntityReference: "Edm.Boolean",
    CanBeRecordFilter: "Edm.Boolean",
    Name: "Edm.String",
    PrivilegeId: "Edm.Guid",
    PrivilegeType: "mscrm.PrivilegeType",
  },
  EntitySetting: { Name: "Edm.String", Value: "Edm.String" },
  OptionMetadata: {
    Value: "Edm.Int32",
    Color: "Edm.String",
    IsManaged: "Edm.Boolean",
    ExternalValue: "Edm.String",
    ParentValues: "Collection(Edm.Int32)",
    Tag: "Edm.String",
    IsHidden: "Edm.Boolean",
    MetadataId: "Edm.Guid",
    HasChanged: "Edm.Boolean",
    Label: "mscrm.Label",
    Description: "mscrm.Label",
  },
  "StateOptionMetadata:OptionMetadata": { DefaultStatus: "Edm.Int32", InvariantName: "Edm.String" },
  "StatusOptionMetadata:OptionMetadata": { State: "Edm.Int32", TransitionData: "Edm.String" },
};

/** Types that a value alone does not show: nulls, numbers with fractions, lists that are empty. */
const TOLD: Readonly<Record<string, string>> = {
  "IntegerAttributeMetadata.MinValue": "Edm.Int32",
  "IntegerAttributeMetadata.MaxValue": "Edm.Int32",
  "BigIntAttributeMetadata.MinValue": "Edm.Int64",
  "BigIntAttributeMetadata.MaxValue": "Edm.Int64",
  "DecimalAttributeMetadata.MinValue": "Edm.Decimal",
  "DecimalAttributeMetadata.MaxValue": "Edm.Decimal",
  "DoubleAttributeMetadata.MinValue": "Edm.Double",
  "DoubleAttributeMetadata.MaxValue": "Edm.Double",
  "MoneyAttributeMetadata.MinValue": "Edm.Double",
  "MoneyAttributeMetadata.MaxValue": "Edm.Double",
  "StringAttributeMetadata.FormatName": "mscrm.StringFormatName",
  "MemoAttributeMetadata.FormatName": "mscrm.MemoFormatName",
  MetadataId: "Edm.Guid",
  HasChanged: "Edm.Boolean",
  CreatedOn: "Edm.DateTimeOffset",
  ModifiedOn: "Edm.DateTimeOffset",
  MinSupportedValue: "Edm.DateTimeOffset",
  MaxSupportedValue: "Edm.DateTimeOffset",
  DataProviderId: "Edm.Guid",
  DataSourceId: "Edm.Guid",
  OwnerId: "Edm.Guid",
  OwningBusinessUnit: "Edm.Guid",
  LinkedAttributeId: "Edm.Guid",
  InheritsFrom: "Edm.String",
  IsDenormalizedLookup: "Edm.Boolean",
  DefaultFormValue: "Edm.Int32",
  SourceType: "Edm.Int32",
  AttributeTypeName: "mscrm.AttributeTypeDisplayName",
  DateTimeBehavior: "mscrm.DateTimeBehavior",
  RequiredLevel: "mscrm.AttributeRequiredLevelManagedProperty",
  CascadeConfiguration: "mscrm.CascadeConfiguration",
  AssociatedMenuConfiguration: "mscrm.AssociatedMenuConfiguration",
  Entity1AssociatedMenuConfiguration: "mscrm.AssociatedMenuConfiguration",
  Entity2AssociatedMenuConfiguration: "mscrm.AssociatedMenuConfiguration",
  RelationshipAttributes: "Collection(mscrm.RelationshipAttribute)",
  Privileges: "Collection(mscrm.SecurityPrivilegeMetadata)",
  Settings: "Collection(mscrm.EntitySetting)",
  Options: "Collection(mscrm.OptionMetadata)",
  TrueOption: "mscrm.OptionMetadata",
  FalseOption: "mscrm.OptionMetadata",
};

function typeOf(type: string, name: string, value: unknown): string {
  const told = TOLD[`${type}.${name}`] ?? TOLD[name];
  if (told) return told;
  const known = enumOf(type, [name]);
  if (known) return CRM + known;
  if (typeof value === "boolean") return "Edm.Boolean";
  if (typeof value === "number") return "Edm.Int32";
  if (Array.isArray(value)) return "Collection(Edm.String)";
  if (typeof value !== "object" || value === null) return "Edm.String";
  if ("LocalizedLabels" in value) return `${CRM}Label`;
  return `${CRM}BooleanManagedProperty`;
}

const properties = (type: MetadataType): string[] =>
  Object.entries(type.sample)
    .filter(([name]) => !type.navigation?.[name])
    .map(([name, value]) => element("Property", { Name: name, Type: typeOf(type.name, name, value) }));

const isMany = (type: string): boolean => type.startsWith("[");
const single = (type: string): string => type.replace(/[[\]]/g, "");

function entityType(type: MetadataType): string {
  const navigation = Object.entries(type.navigation ?? {}).map(([name, target]) =>
    element("NavigationProperty", {
      Name: name,
      Type: isMany(target) ? `Collection(${CRM}${single(target)})` : CRM + target,
      ContainsTarget: isMany(target) ? true : undefined,
    }),
  );
  const key = type.base ? [] : [element("Key", {}, [element("PropertyRef", { Name: "MetadataId" })])];
  const attributes: Attributes = {
    Name: type.name,
    BaseType: type.base && CRM + type.base,
    Abstract: ABSTRACT.has(type.name) ? true : undefined,
  };
  return element("EntityType", attributes, [...key, ...properties(type), ...navigation]);
}

/** The same as a complex type: `ComplexStringAttributeMetadata` (page: query-schema-definitions). */
function complexType(type: MetadataType): string {
  const navigation = Object.entries(type.navigation ?? {}).map(([name, target]) =>
    element("Property", {
      Name: name,
      Type: isMany(target) ? `Collection(${CRM}Complex${single(target)})` : `${CRM}Complex${target}`,
    }),
  );
  return element(
    "ComplexType",
    { Name: `Complex${type.name}`, BaseType: type.base && `${CRM}Complex${type.base}` },
    [...properties(type), ...navigation],
  );
}

export const metadataTypes = (): string[] => [
  ...METADATA_TYPES.map(entityType),
  ...METADATA_TYPES.map(complexType),
  ...Object.entries(PARTS).map(([title, members]) => {
    const [name, base] = title.split(":");
    const list = Object.entries(members).map(([property, type]) =>
      element("Property", { Name: property, Type: type }),
    );
    return element("ComplexType", { Name: name, BaseType: base && CRM + base }, list);
  }),
  ...Object.entries(METADATA_ENUMS).map(([name, members]) =>
    element(
      "EnumType",
      { Name: name },
      Object.entries(members).map(([member, value]) => element("Member", { Name: member, Value: value })),
    ),
  ),
];

export const metadataSets = (): string[] =>
  [...METADATA_SETS].map((name) => element("EntitySet", { Name: name, EntityType: CRM + SETS[name] }));
