import { derivedId } from "../guid.ts";
import type { Table } from "../schema.ts";
import type { Column } from "../tables/column.ts";
import { type Document, label, managed } from "./labels.ts";

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

/** Types that can be calculated; the others have no SourceType (page: entity-attribute-metadata). */
const COMPUTABLE = new Set([
  "string",
  "integer",
  "decimal",
  "money",
  "boolean",
  "datetime",
  "choice",
  "double",
]);

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
    SourceType: column.computed ?? (COMPUTABLE.has(column.type) ? 0 : null),
    AutoNumberFormat: column.autoNumber ?? (column.type === "string" ? "" : null),
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
  const computed = { FormulaDefinition: column.computed ? "" : null, SourceTypeMask: 0 };
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
    case "partylist":
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
    // Pages: image-column-data; file-column-data. The row itself holds a thumbnail or an id.
    case "image":
      return {
        IsPrimaryImage: column.logicalName === "entityimage",
        MaxHeight: 144,
        MaxWidth: 144,
        MaxSizeInKB: column.maxSizeKb ?? 10_240,
        CanStoreFullImage: true,
      };
    case "file":
      return { MaxSizeInKB: column.maxSizeKb ?? 32_768 };
    default:
      return {};
  }
}
