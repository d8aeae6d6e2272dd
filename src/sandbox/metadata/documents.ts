import { derivedId } from "../guid.ts";
import type { AlternateKey, Schema, Table } from "../schema.ts";
import type { Column, Option, Relationship } from "../tables/column.ts";

/** A definition as JSON. Names and shapes follow captured replies of v9.2. */
export type Document = Readonly<Record<string, unknown>>;

const ENGLISH = 1033;
const GERMAN = 1031;

/** A text in the languages of the organisation; the user reads English. */
export function label(seed: string, english: string | null, german?: string): Document {
  if (english === null) return { LocalizedLabels: [], UserLocalizedLabel: null };
  const one = (Label: string, LanguageCode: number) => ({
    Label,
    LanguageCode,
    IsManaged: true,
    MetadataId: derivedId(`label:${seed}:${LanguageCode}`),
    HasChanged: null,
  });
  const first = one(english, ENGLISH);
  return {
    LocalizedLabels: german === undefined ? [first] : [first, one(german, GERMAN)],
    UserLocalizedLabel: first,
  };
}

export const managed = (Value: unknown, CanBeChanged: boolean, ManagedPropertyLogicalName: string) => ({
  Value,
  CanBeChanged,
  ManagedPropertyLogicalName,
});

const TYPE_NAMES: Record<Column["type"], readonly [cast: string, code: string, name: string]> = {
  string: ["String", "String", "StringType"],
  memo: ["Memo", "Memo", "MemoType"],
  integer: ["Integer", "Integer", "IntegerType"],
  bigint: ["BigInt", "BigInt", "BigIntType"],
  decimal: ["Decimal", "Decimal", "DecimalType"],
  double: ["Double", "Double", "DoubleType"],
  money: ["Money", "Money", "MoneyType"],
  boolean: ["Boolean", "Boolean", "BooleanType"],
  datetime: ["DateTime", "DateTime", "DateTimeType"],
  choice: ["Picklist", "Picklist", "PicklistType"],
  choices: ["MultiSelectPicklist", "Virtual", "MultiSelectPicklistType"],
  state: ["State", "State", "StateType"],
  status: ["Status", "Status", "StatusType"],
  lookup: ["Lookup", "Lookup", "LookupType"],
  customer: ["Lookup", "Customer", "CustomerType"],
  owner: ["Lookup", "Owner", "OwnerType"],
  guid: ["UniqueIdentifier", "Uniqueidentifier", "UniqueidentifierType"],
  entityname: ["EntityName", "EntityName", "EntityNameType"],
  image: ["Image", "Virtual", "ImageType"],
  file: ["File", "Virtual", "FileType"],
  partylist: ["Lookup", "PartyList", "PartyListType"],
  virtual: ["", "Virtual", "VirtualType"],
};

/** The cast under which a column's own properties are found, `StringAttributeMetadata`. */
export const castOf = (column: Column): string => `${TYPE_NAMES[column.type][0]}AttributeMetadata`;

/** What every column has. */
export function attributeBase(table: Table, column: Column, position: number): Document {
  const seed = `${table.logicalName}.${column.logicalName}`;
  const [, code, name] = TYPE_NAMES[column.type];
  const writable = column.forCreate || column.forUpdate;
  return {
    MetadataId: derivedId(`attribute:${seed}`),
    HasChanged: null,
    AttributeOf: column.attributeOf ?? null,
    AttributeType: code,
    ColumnNumber: position,
    DeprecatedVersion: null,
    IntroducedVersion: column.custom ? "1.0.0.0" : "5.0.0.0",
    EntityLogicalName: table.logicalName,
    IsCustomAttribute: column.custom,
    IsPrimaryId: column.logicalName === table.primaryId,
    IsValidODataAttribute: column.odata,
    IsPrimaryName: column.logicalName === table.primaryName,
    IsValidForCreate: column.forCreate,
    IsValidForRead: column.forRead,
    IsValidForUpdate: column.forUpdate,
    CanBeSecuredForRead: false,
    CanBeSecuredForCreate: false,
    CanBeSecuredForUpdate: false,
    IsSecured: false,
    IsRetrievable: column.forRead,
    IsFilterable: false,
    IsSearchable: column.type === "string" && writable,
    IsManaged: !column.custom,
    LinkedAttributeId: null,
    LogicalName: column.logicalName,
    IsValidForForm: writable,
    IsRequiredForForm: false,
    IsValidForGrid: column.attributeOf === undefined,
    SchemaName: column.schemaName,
    ExternalName: null,
    IsLogical: column.logical,
    IsDataSourceSecret: false,
    InheritsFrom: null,
    CreatedOn: "1900-01-01T00:00:00Z",
    ModifiedOn: "1900-01-01T00:00:00Z",
    SourceType: ["string", "integer", "decimal", "money", "boolean", "datetime", "choice", "double"].includes(
      column.type,
    )
      ? 0
      : null,
    AutoNumberFormat: "",
    AttributeTypeName: { Value: name },
    Description: label(`${seed}:description`, null),
    DisplayName: label(seed, column.attributeOf === undefined ? column.label : null),
    IsAuditEnabled: managed(writable, true, "canmodifyauditsettings"),
    IsGlobalFilterEnabled: managed(false, true, "canmodifyglobalfiltersettings"),
    IsSortableEnabled: managed(false, true, "canmodifyissortablesettings"),
    IsCustomizable: managed(true, false, "iscustomizable"),
    IsRenameable: managed(true, false, "isrenameable"),
    IsValidForAdvancedFind: managed(column.odata, true, "canmodifysearchsettings"),
    RequiredLevel: managed(
      column.required,
      column.required !== "SystemRequired",
      "canmodifyrequirementlevelsettings",
    ),
    CanModifyAdditionalSettings: managed(true, false, "canmodifyadditionalsettings"),
    Settings: [],
  };
}

/** What a column of this type has beyond the base (page: entity-attribute-metadata). */
export function attributeExtra(column: Column): Document {
  const computed = { FormulaDefinition: null, SourceTypeMask: 0 };
  const range = { MinValue: Number(column.min), MaxValue: Number(column.max) };
  switch (column.type) {
    case "string":
    case "memo":
      return {
        Format: column.format ?? "Text",
        FormatName: { Value: column.format ?? "Text" },
        ImeMode: "Auto",
        MaxLength: column.maxLength,
        IsLocalizable: false,
        ...(column.type === "string"
          ? { YomiOf: column.yomiOf ?? null, DatabaseLength: (column.maxLength ?? 0) * 2, ...computed }
          : {}),
      };
    case "integer":
      return { Format: column.format ?? "None", ...range, ...computed };
    case "bigint":
      return range;
    case "decimal":
      return { ...range, Precision: column.precision, ImeMode: "Disabled", ...computed };
    case "double":
      return { ...range, Precision: column.precision, ImeMode: "Disabled" };
    case "money":
      return {
        ...range,
        Precision: column.precision,
        PrecisionSource: column.precisionSource,
        CalculationOf: column.calculationOf ?? null,
        IsBaseCurrency: column.calculationOf !== undefined,
        ImeMode: "Disabled",
        ...computed,
      };
    case "boolean":
      return { DefaultValue: column.fallback ?? false, ...computed };
    case "datetime":
      return {
        Format: column.format,
        DateTimeBehavior: { Value: column.behavior },
        CanChangeDateTimeBehavior: managed(false, false, "canchangedatetimebehavior"),
        ImeMode: "Inactive",
        MinSupportedValue: "1753-01-01T00:00:00Z",
        MaxSupportedValue: "9999-12-30T23:59:59Z",
        ...computed,
      };
    case "lookup":
    case "customer":
    case "owner":
      return { Targets: column.targets ?? [], Format: "None" };
    case "choice":
    case "choices":
      return {
        DefaultFormValue: column.fallback ?? -1,
        ParentPicklistLogicalName: null,
        ChildPicklistLogicalNames: [],
        ...computed,
      };
    case "state":
      return { DefaultFormValue: 0 };
    case "status":
      return { DefaultFormValue: -1 };
    case "entityname":
      return { IsEntityReferenceStored: false, DefaultFormValue: null };
    default:
      return {};
  }
}

function optionDocument(seed: string, column: Column, option: Option): Document {
  const common = {
    Value: option.value,
    Color: null,
    IsManaged: !column.custom,
    ExternalValue: null,
    ParentValues: [],
    Tag: null,
    IsHidden: false,
    MetadataId: null,
    HasChanged: null,
    Label: label(`${seed}:${option.value}`, option.label, option.german),
    Description: label(`${seed}:${option.value}:description`, null),
  };
  if (column.type === "state") {
    const own = { DefaultStatus: option.defaultStatus, InvariantName: option.label };
    return { "@odata.type": "#Microsoft.Dynamics.CRM.StateOptionMetadata", ...common, ...own };
  }
  if (column.type === "status") {
    const own = { State: option.state, TransitionData: null };
    return { "@odata.type": "#Microsoft.Dynamics.CRM.StatusOptionMetadata", ...common, ...own };
  }
  return common;
}

const SET_TYPES: Partial<Record<Column["type"], string>> = {
  state: "State",
  status: "Status",
  boolean: "Boolean",
};

/** The options of a column; a global set looks the same from every column that uses it. */
export function optionSet(table: Table, column: Column): Document {
  const name = column.globalName ?? `${table.logicalName}_${column.logicalName}`;
  const seed = `optionset:${name}`;
  const head = {
    MetadataId: derivedId(seed),
    HasChanged: null,
    IsCustomOptionSet: column.custom,
    IsGlobal: column.globalName !== undefined,
    IsManaged: !column.custom,
    Name: name,
    ExternalTypeName: null,
    OptionSetType: SET_TYPES[column.type] ?? "Picklist",
    IntroducedVersion: column.custom ? "1.0.0.0" : "5.0.0.0",
    ParentOptionSetName: null,
    Description: label(`${seed}:description`, null),
    DisplayName: label(seed, column.label),
    IsCustomizable: managed(true, false, "iscustomizable"),
  };
  const options = (column.options ?? []).map((option) => optionDocument(seed, column, option));
  if (column.type !== "boolean") return { ...head, Options: options };
  const named = (value: number) => options.find((option) => option.Value === value) ?? null;
  return { ...head, TrueOption: named(1), FalseOption: named(0) };
}

export function keyDocument(table: Table, key: AlternateKey): Document {
  const seed = `key:${table.logicalName}.${key.logicalName}`;
  return {
    MetadataId: derivedId(seed),
    HasChanged: null,
    LogicalName: key.logicalName,
    SchemaName: key.schemaName,
    EntityLogicalName: table.logicalName,
    KeyAttributes: key.columns,
    EntityKeyIndexStatus: key.status,
    IntroducedVersion: "1.0.0.0",
    IsManaged: false,
    IsSynchronous: false,
    IsExportKey: false,
    DisplayName: label(seed, key.label),
    IsCustomizable: managed(true, true, "iscustomizable"),
  };
}

const KEEP = "NoCascade";

export function relationshipDocument(
  schema: Schema,
  table: Table,
  column: Column,
  relationship: Relationship,
): Document {
  const target = schema.tables.get(relationship.target);
  return {
    SchemaName: relationship.schemaName,
    MetadataId: derivedId(`relationship:${relationship.schemaName}:${table.logicalName}`),
    HasChanged: null,
    RelationshipType: "OneToManyRelationship",
    ReferencedEntity: relationship.target,
    ReferencedAttribute: target?.primaryId ?? `${relationship.target}id`,
    ReferencedEntityNavigationPropertyName: relationship.referencedNavigation,
    ReferencingEntity: table.logicalName,
    ReferencingAttribute: column.logicalName,
    ReferencingEntityNavigationPropertyName: relationship.navigation,
    IsHierarchical: false,
    EntityKey: null,
    RelationshipBehavior: 1,
    IsCustomRelationship: column.custom,
    IsValidForAdvancedFind: true,
    IsManaged: !column.custom,
    IntroducedVersion: column.custom ? "1.0.0.0" : "5.0.0.0",
    SecurityTypes: "Append",
    CascadeConfiguration: {
      Assign: KEEP,
      Delete: "RemoveLink",
      Archive: KEEP,
      Merge: KEEP,
      Reparent: KEEP,
      Share: KEEP,
      Unshare: KEEP,
      RollupView: KEEP,
    },
    IsCustomizable: managed(true, false, "iscustomizable"),
  };
}

export function entityDocument(table: Table): Document {
  const seed = `entity:${table.logicalName}`;
  const privilege = (type: string) => ({
    CanBeBasic: true,
    CanBeDeep: true,
    CanBeGlobal: true,
    CanBeLocal: true,
    CanBeEntityReference: false,
    CanBeParentEntityReference: false,
    CanBeRecordFilter: false,
    Name: `prv${type}${table.schemaName}`,
    PrivilegeId: derivedId(`privilege:${type}:${table.logicalName}`),
    PrivilegeType: type,
  });
  return {
    ActivityTypeMask: 0,
    AutoRouteToOwnerQueue: false,
    CanTriggerWorkflow: true,
    IsDocumentManagementEnabled: false,
    IsSLAEnabled: false,
    IsBPFEntity: false,
    DataProviderId: null,
    DataSourceId: null,
    AutoCreateAccessTeams: false,
    IsActivity: false,
    IsActivityParty: false,
    IsArchivalEnabled: false,
    IsRetentionEnabled: false,
    IsAvailableOffline: true,
    IsChildEntity: false,
    IsCustomEntity: table.custom,
    IsOptimisticConcurrencyEnabled: true,
    ChangeTrackingEnabled: table.changeTracking,
    IsImportable: true,
    IsIntersect: false,
    IsManaged: !table.custom,
    IsValidForAdvancedFind: true,
    LogicalName: table.logicalName,
    ObjectTypeCode: table.code,
    OwnershipType: table.ownership,
    PrimaryNameAttribute: table.primaryName,
    PrimaryImageAttribute: null,
    PrimaryIdAttribute: table.primaryId,
    SchemaName: table.schemaName,
    IntroducedVersion: table.custom ? "1.0.0.0" : "5.0.0.0",
    IsStateModelAware: table.state !== undefined,
    EnforceStateTransitions: false,
    ExternalName: null,
    LogicalCollectionName: table.set,
    ExternalCollectionName: null,
    CollectionSchemaName: `${table.schemaName}s`,
    EntitySetName: table.set,
    IsPrivate: table.logicalName.startsWith("sdk"),
    IsLogicalEntity: false,
    HasNotes: false,
    HasActivities: false,
    IsSolutionAware: false,
    CreatedOn: "1900-01-01T00:00:00Z",
    ModifiedOn: "2024-01-01T00:00:00Z",
    OwnerId: null,
    OwnerIdType: 8,
    OwningBusinessUnit: null,
    TableType: "Standard",
    MetadataId: derivedId(seed),
    HasChanged: null,
    Description: label(`${seed}:description`, null),
    DisplayName: label(seed, table.label),
    DisplayCollectionName: label(`${seed}:collection`, table.pluralLabel),
    CanCreateAttributes: managed(true, false, "cancreateattributes"),
    CanChangeTrackingBeEnabled: managed(true, true, "canchangetrackingbeenabled"),
    Privileges: ["Create", "Read", "Write", "Delete", "Assign", "Share", "Append", "AppendTo"].map(privilege),
    Settings: [],
  };
}
