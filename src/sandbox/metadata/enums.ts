/** The enum types of definitions: which property is of which type, and what each may say (page: query-metadata-web-api). */
export const ENUM_OF_PROPERTY: Readonly<Record<string, string>> = {
  AttributeType: "AttributeTypeCode",
  OwnershipType: "OwnershipTypes",
  EntityKeyIndexStatus: "EntityKeyIndexStatus",
  RelationshipType: "RelationshipType",
  SecurityTypes: "SecurityTypes",
  OptionSetType: "OptionSetType",
  PrivilegeType: "PrivilegeType",
  ImeMode: "ImeMode",
  "RequiredLevel/Value": "AttributeRequiredLevel",
  "AssociatedMenuConfiguration/Behavior": "AssociatedMenuBehavior",
  "AssociatedMenuConfiguration/Group": "AssociatedMenuGroup",
};

/** `Format` means something else in every type that has it. */
export const FORMAT_ENUMS: Readonly<Record<string, string>> = {
  StringAttributeMetadata: "StringFormat",
  MemoAttributeMetadata: "StringFormat",
  IntegerAttributeMetadata: "IntegerFormat",
  DateTimeAttributeMetadata: "DateTimeFormat",
  LookupAttributeMetadata: "LookupFormat",
};

const numbered = (...names: string[]): Record<string, number> =>
  Object.fromEntries(names.map((name, at) => [name, at]));

/** Members with their numbers. */
export const METADATA_ENUMS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  AttributeTypeCode: numbered(
    "Boolean",
    "Customer",
    "DateTime",
    "Decimal",
    "Double",
    "Integer",
    "Lookup",
    "Memo",
    "Money",
    "Owner",
    "PartyList",
    "Picklist",
    "State",
    "Status",
    "String",
    "Uniqueidentifier",
    "CalendarRules",
    "Virtual",
    "BigInt",
    "ManagedProperty",
    "EntityName",
  ),
  OwnershipTypes: {
    None: 0,
    UserOwned: 1,
    TeamOwned: 2,
    BusinessOwned: 4,
    OrganizationOwned: 8,
    BusinessParented: 16,
  },
  AttributeRequiredLevel: numbered("None", "SystemRequired", "ApplicationRequired", "Recommended"),
  EntityKeyIndexStatus: numbered("Pending", "InProgress", "Active", "Failed"),
  RelationshipType: numbered("OneToManyRelationship", "ManyToManyRelationship"),
  SecurityTypes: { None: 0, Append: 1, ParentChild: 2, Pointer: 4, Inheritance: 8 },
  OptionSetType: numbered("Picklist", "State", "Status", "Boolean"),
  PrivilegeType: numbered(
    "None",
    "Create",
    "Read",
    "Write",
    "Delete",
    "Assign",
    "Share",
    "Append",
    "AppendTo",
  ),
  ImeMode: numbered("Auto", "Inactive", "Active", "Disabled"),
  AssociatedMenuBehavior: numbered("UseCollectionName", "UseLabel", "DoNotDisplay"),
  AssociatedMenuGroup: numbered("Details", "Sales", "Service", "Marketing"),
  CascadeType: numbered("NoCascade", "Cascade", "Active", "UserOwned", "RemoveLink", "Restrict"),
  StringFormat: numbered(
    "Email",
    "Text",
    "TextArea",
    "Url",
    "TickerSymbol",
    "PhoneticGuide",
    "VersionNumber",
    "Phone",
    "Json",
    "RichText",
  ),
  IntegerFormat: numbered("None", "Duration", "TimeZone", "Language", "Locale"),
  DateTimeFormat: numbered("DateOnly", "DateAndTime"),
  LookupFormat: numbered("None", "Connection", "Regarding", "Text"),
};

/** The enum type of a property path of a definition, or undefined when it is of another kind. */
export function enumOf(type: string, path: readonly string[]): string | undefined {
  if (path[0] === "CascadeConfiguration" && path.length === 2) return "CascadeType";
  if (path[0] === "Format" && path.length === 1) return FORMAT_ENUMS[type];
  return ENUM_OF_PROPERTY[path.join("/")];
}
