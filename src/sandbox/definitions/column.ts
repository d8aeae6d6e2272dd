import type {
  Behavior,
  Column,
  ColumnType,
  DeleteRule,
  Json,
  Option,
  Relationship,
  Required,
} from "../tables/column.ts";

/** Turns the definition of a column, as the service answers it, into what the sandbox works with. */

/** By `AttributeTypeName`, because `AttributeType` calls several things `Virtual` (page: entity-attribute-metadata). */
const TYPES: Readonly<Record<string, ColumnType>> = {
  StringType: "string",
  MemoType: "memo",
  IntegerType: "integer",
  BigIntType: "bigint",
  DecimalType: "decimal",
  DoubleType: "double",
  MoneyType: "money",
  BooleanType: "boolean",
  DateTimeType: "datetime",
  PicklistType: "choice",
  MultiSelectPicklistType: "choices",
  StateType: "state",
  StatusType: "status",
  LookupType: "lookup",
  CustomerType: "customer",
  OwnerType: "owner",
  PartyListType: "partylist",
  UniqueidentifierType: "guid",
  EntityNameType: "entityname",
  ImageType: "image",
  FileType: "file",
  VirtualType: "virtual",
  ManagedPropertyType: "virtual",
  CalendarRulesType: "virtual",
};

/** A choice whose options the file does not hold still needs the two states that every table has. */
const PLAIN_STATES: Partial<Record<ColumnType, readonly Option[]>> = {
  state: [
    { value: 0, label: "Active", german: "Aktiv", defaultStatus: 1 },
    { value: 1, label: "Inactive", german: "Inaktiv", defaultStatus: 2 },
  ],
  status: [
    { value: 1, label: "Active", german: "Aktiv", state: 0 },
    { value: 2, label: "Inactive", german: "Inaktiv", state: 1 },
  ],
};

export const isJson = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const inner = (value: unknown, ...path: readonly string[]): unknown =>
  path.reduce<unknown>((found, name) => (isJson(found) ? found[name] : undefined), value);

export const textOf = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);
export const labelOf = (value: unknown): string | undefined =>
  textOf(inner(value, "UserLocalizedLabel", "Label"));

const GERMAN = 1031;
function germanOf(value: unknown): string | undefined {
  const labels = inner(value, "LocalizedLabels");
  if (!Array.isArray(labels)) return undefined;
  return textOf(
    inner(
      labels.find((item) => inner(item, "LanguageCode") === GERMAN),
      "Label",
    ),
  );
}

/** `<allowedtransition sourcestatusid="1" tostatusid="2" />` (page: define-custom-state-model-transitions). */
function transitionsOf(option: Json): readonly number[] | undefined {
  const text = textOf(option.TransitionData);
  if (!text) return undefined;
  return [...text.matchAll(/tostatusid="(-?\d+)"/g)].map((match) => Number(match[1]));
}

function optionOf(value: unknown): Option | undefined {
  if (!isJson(value) || typeof value.Value !== "number") return undefined;
  const label = labelOf(value.Label) ?? String(value.Value);
  const next = transitionsOf(value);
  return {
    value: value.Value,
    label,
    german: germanOf(value.Label) ?? label,
    ...(typeof value.State === "number" ? { state: value.State } : {}),
    ...(typeof value.DefaultStatus === "number" ? { defaultStatus: value.DefaultStatus } : {}),
    ...(next ? { next } : {}),
  };
}

function optionsOf(type: ColumnType, set: unknown): readonly Option[] | undefined {
  if (!isJson(set)) return PLAIN_STATES[type];
  const list = Array.isArray(set.Options) ? set.Options : [set.TrueOption, set.FalseOption];
  return list.map(optionOf).filter((option) => option !== undefined);
}

/** A limit without exponent: `1e-12` is how a JavaScript number spells twelve decimals. */
function limit(value: unknown): string | undefined {
  if (typeof value !== "number") return undefined;
  const text = String(value);
  if (!text.includes("e")) return text;
  return value < 1 && value > -1 ? value.toFixed(15).replace(/0+$/, "") : BigInt(value).toString();
}

const INT64 = { min: "-9223372036854775808", max: "9223372036854775807" };
const RULES = new Set(["RemoveLink", "Cascade", "Restrict", "NoCascade"]);

function relationshipOf(document: Json): Relationship | undefined {
  const navigation = textOf(document.ReferencingEntityNavigationPropertyName);
  const target = textOf(document.ReferencedEntity);
  const schemaName = textOf(document.SchemaName);
  if (!navigation || !target || !schemaName) return undefined;
  const onDelete = textOf(inner(document, "CascadeConfiguration", "Delete"));
  return {
    schemaName,
    target,
    navigation,
    referencedNavigation: textOf(document.ReferencedEntityNavigationPropertyName) ?? schemaName,
    ...(onDelete && RULES.has(onDelete) ? { onDelete: onDelete as DeleteRule } : {}),
  };
}

function fallbackOf(
  type: ColumnType,
  document: Json,
  options: readonly Option[] | undefined,
): number | boolean | undefined {
  if (type === "boolean")
    return typeof document.DefaultValue === "boolean" ? document.DefaultValue : undefined;
  if (type === "state") return 0;
  const value = document.DefaultFormValue;
  if (type !== "choice" || typeof value !== "number") return undefined;
  return options?.some((option) => option.value === value) ? value : undefined;
}

const numberOr = (value: unknown): number | undefined => (typeof value === "number" ? value : undefined);

/** Leaves out what is undefined: an optional property that is not there. */
const present = <T extends object>(value: { [K in keyof T]: T[K] | undefined }): T =>
  Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as T;

type Optional = Pick<
  Column,
  | "attributeOf"
  | "maxLength"
  | "min"
  | "max"
  | "precision"
  | "precisionSource"
  | "calculationOf"
  | "yomiOf"
  | "format"
  | "behavior"
  | "options"
  | "globalName"
  | "fallback"
  | "targets"
  | "relationships"
  | "autoNumber"
  | "computed"
  | "maxSizeKb"
>;

/**
 * Whether rows have it. Virtual columns are the texts of others, shown as annotations; a definition older than the flag
 * leaves out the companions of lookups as well.
 */
function isProperty(document: Json, type: ColumnType): boolean {
  if (type === "virtual") return false;
  const told = document.IsValidODataAttribute;
  if (typeof told === "boolean") return told;
  return !(textOf(document.AttributeOf) && (type === "string" || type === "entityname"));
}

/**
 * @param manyToOne the relationships of the column's table
 * @returns the column, or what is wrong with its definition
 */
export function columnOf(document: Json, manyToOne: readonly Json[]): Column | string {
  const logicalName = textOf(document.LogicalName);
  if (!logicalName) return "a column has no LogicalName";
  const typeName = textOf(inner(document, "AttributeTypeName", "Value"));
  if (!typeName) return `the column '${logicalName}' has no AttributeTypeName`;
  const type = TYPES[typeName];
  if (!type) return `the column '${logicalName}' is of the unknown type '${typeName}'`;
  const set = document.OptionSet;
  const options = optionsOf(type, set);
  const hasRange = type === "integer" || type === "decimal" || type === "double" || type === "money";
  const source = document.SourceType;
  const optional = present<Optional>({
    attributeOf: textOf(document.AttributeOf),
    maxLength: numberOr(document.MaxLength),
    min: type === "bigint" ? INT64.min : hasRange ? limit(document.MinValue) : undefined,
    max: type === "bigint" ? INT64.max : hasRange ? limit(document.MaxValue) : undefined,
    precision: numberOr(document.Precision),
    precisionSource: numberOr(document.PrecisionSource),
    calculationOf: textOf(document.CalculationOf),
    yomiOf: textOf(document.YomiOf),
    format: textOf(document.Format),
    behavior: textOf(inner(document, "DateTimeBehavior", "Value")) as Behavior | undefined,
    options,
    globalName: isJson(set) && set.IsGlobal === true && type !== "boolean" ? textOf(set.Name) : undefined,
    fallback: fallbackOf(type, document, options),
    targets: Array.isArray(document.Targets) ? document.Targets.map(String) : undefined,
    relationships: manyToOne
      .filter((item) => item.ReferencingAttribute === logicalName)
      .map(relationshipOf)
      .filter((item) => item !== undefined),
    autoNumber: textOf(document.AutoNumberFormat) || undefined,
    computed: typeof source === "number" && source > 0 ? source : undefined,
    maxSizeKb: numberOr(document.MaxSizeInKB),
  });
  return {
    logicalName,
    schemaName: textOf(document.SchemaName) ?? logicalName,
    label: labelOf(document.DisplayName) ?? textOf(document.SchemaName) ?? logicalName,
    type,
    forCreate: document.IsValidForCreate === true,
    forRead: document.IsValidForRead === true,
    forUpdate: document.IsValidForUpdate === true,
    odata: isProperty(document, type),
    logical: document.IsLogical === true,
    custom: document.IsCustomAttribute === true,
    required: (textOf(inner(document, "RequiredLevel", "Value")) ?? "None") as Required,
    ...optional,
  };
}
