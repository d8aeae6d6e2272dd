/**
 * What to ask for a table's metadata, and how the answers become a `Table`. Sources: "Query table definitions
 * using the Web API", "Column definitions", "Bulk operation messages". The asking is done elsewhere: pure.
 */
import { plain } from "./decimal.ts";
import type { Json } from "./service.ts";
import type { Attribute, Choice, Key, Navigation, Shape, Table } from "./table.ts";
import { SERVICE_ROOT, textLiteral } from "./url.ts";

export const TABLES = `${SERVICE_ROOT}EntityDefinitions?$select=LogicalName,EntitySetName,DisplayName,IsIntersect,IsPrivate`;

const CASTS: readonly (readonly [cast: string, select: string, expand?: string])[] = [
  ["String", "MaxLength"],
  ["Memo", "MaxLength"],
  ["Integer", "MinValue,MaxValue"],
  ["BigInt", "MinValue,MaxValue"],
  ["Decimal", "MinValue,MaxValue,Precision"],
  ["Double", "MinValue,MaxValue"],
  ["Money", "MinValue,MaxValue,Precision,PrecisionSource"],
  ["DateTime", "Format,DateTimeBehavior"],
  ["Lookup", "Targets"],
  ["Picklist", "DefaultFormValue", "OptionSet,GlobalOptionSet"],
  ["State", "", "OptionSet,GlobalOptionSet"],
  ["Status", "", "OptionSet,GlobalOptionSet"],
  ["Boolean", "DefaultValue", "OptionSet,GlobalOptionSet"],
];

const BULK_MESSAGES = ["CreateMultiple", "UpdateMultiple"] as const;

/** The paths to read for one table, in the order in which `tableOf` wants the replies. */
export function tablePaths(name: string): string[] {
  const entity = `${SERVICE_ROOT}EntityDefinitions(LogicalName=${textLiteral(name)})`;
  const attributes = `${entity}/Attributes`;
  return [
    `${entity}?$select=LogicalName,EntitySetName,DisplayName,PrimaryIdAttribute,PrimaryNameAttribute,TableType` +
      "&$expand=Keys($select=LogicalName,KeyAttributes,EntityKeyIndexStatus)," +
      "ManyToOneRelationships($select=ReferencingAttribute,ReferencedEntity,ReferencingEntityNavigationPropertyName)",
    `${attributes}?$select=LogicalName,DisplayName,AttributeType,AttributeTypeName,AttributeOf,IsValidForCreate,` +
      "IsValidForUpdate,IsValidForRead,IsValidODataAttribute,IsPrimaryId,RequiredLevel",
    ...BULK_MESSAGES.map(
      (message) =>
        `${SERVICE_ROOT}sdkmessagefilters?$select=sdkmessagefilterid&$filter=sdkmessageid/name%20eq%20@m%20and%20` +
        `primaryobjecttypecode%20eq%20@t&@m=${textLiteral(message)}&@t=${textLiteral(name)}`,
    ),
    ...CASTS.map(
      ([cast, select, expand]) =>
        `${attributes}/Microsoft.Dynamics.CRM.${cast}AttributeMetadata?$select=LogicalName${select && `,${select}`}` +
        (expand ? `&$expand=${expand}` : ""),
    ),
  ];
}

/**
 * Makes a table of the replies. A cast that answered nothing leaves its columns unlimited: the service then says
 * what is wrong with a value.
 */
export function tableOf(replies: readonly Json[]): Table {
  const [entity, attributes, create, update, ...casts] = replies;
  const details = new Map<string, Json>();
  for (const cast of casts) {
    for (const item of list(cast?.value)) details.set(String(item.LogicalName), item);
  }
  const navigations = navigationsOf(entity);
  const table = {
    name: String(entity.LogicalName),
    displayName: labelOf(entity.DisplayName) || String(entity.LogicalName),
    set: String(entity.EntitySetName),
    primaryId: String(entity.PrimaryIdAttribute),
    primaryName: entity.PrimaryNameAttribute ?? null,
  };
  const found = new Map<string, Attribute>();
  for (const item of list(attributes?.value)) {
    const name = String(item.LogicalName);
    found.set(name, attributeOf(item, details.get(name) ?? {}, navigations, name === table.primaryId));
  }
  return {
    ...table,
    attributes: found,
    keys: list(entity.Keys).map(keyOf),
    navigations: [...navigations, ...ownerNavigations(found)],
    bulk: { create: list(create?.value).length > 0, update: list(update?.value).length > 0 },
  };
}

function keyOf(item: Json): Key {
  return {
    name: String(item.LogicalName),
    fields: list(item.KeyAttributes).map(String),
    status: String(item.EntityKeyIndexStatus),
  };
}

function navigationsOf(entity: Json): Navigation[] {
  return list(entity.ManyToOneRelationships).map((item) => ({
    field: String(item.ReferencingAttribute),
    target: String(item.ReferencedEntity),
    property: String(item.ReferencingEntityNavigationPropertyName),
  }));
}

/** `ownerid` is bound to users and teams directly ("Associate and disassociate table rows"). */
function ownerNavigations(attributes: ReadonlyMap<string, Attribute>): Navigation[] {
  return [...attributes.values()].flatMap(({ name, type, shape }) =>
    type === "Owner" && shape.kind === "lookup"
      ? shape.targets.map((target) => ({ field: name, target, property: name }))
      : [],
  );
}

function attributeOf(
  item: Json,
  detail: Json,
  navigations: readonly Navigation[],
  isPrimaryId: boolean,
): Attribute {
  const name = String(item.LogicalName);
  const type = String(item.AttributeTypeName?.Value ?? item.AttributeType ?? "").replace(/Type$/, "");
  const of = item.AttributeOf ?? null;
  const own = of === null && item.IsValidODataAttribute !== false;
  return {
    name,
    displayName: labelOf(item.DisplayName) || name,
    type,
    shape: shapeOf(
      type,
      detail,
      navigations.filter(({ field }) => field === name),
      isPrimaryId,
    ),
    required: REQUIRED[String(item.RequiredLevel?.Value)] ?? "none",
    creatable: own && item.IsValidForCreate === true,
    updatable: own && item.IsValidForUpdate === true,
    readable: item.IsValidForRead !== false,
    of,
    hasDefault: hasDefault(type, detail),
  };
}

const REQUIRED: Readonly<Record<string, Attribute["required"]>> = {
  Recommended: "recommended",
  ApplicationRequired: "application",
  SystemRequired: "system",
};

/** Owner, state and status are filled in by the platform, a yes-no column by its default. */
function hasDefault(type: string, detail: Json): boolean {
  if (type === "Picklist")
    return typeof detail.DefaultFormValue === "number" && detail.DefaultFormValue !== -1;
  return ["Owner", "State", "Status", "Boolean", "Uniqueidentifier", "EntityName"].includes(type);
}

const UNSUPPORTED: Readonly<Record<string, string>> = {
  MultiSelectPicklist: "a choices column, which takes several values, is not supported yet",
  State: "the status is not written by a mapping yet",
  Status: "the status reason is not written by a mapping yet",
  Image: "images are not supported yet",
  File: "files are not supported yet",
  PartyList: "activity parties are written with the activity alone and are not supported yet",
  Uniqueidentifier: "an id column that is not the primary one is not supported",
  EntityName: "the name of a lookup's table is set by the lookup itself",
  ManagedProperty: "it belongs to solutions",
  CalendarRules: "calendar rules are not supported",
  Virtual: "it is a virtual column",
};

const WHOLE = { least: "-2147483648", most: "2147483647" };
const BIG = { least: "-9223372036854775808", most: "9223372036854775807" };

function shapeOf(type: string, detail: Json, own: readonly Navigation[], isPrimaryId: boolean): Shape {
  switch (type) {
    case "String":
    case "Memo":
      return { kind: "text", ...(detail.MaxLength > 0 ? { longest: Number(detail.MaxLength) } : {}) };
    case "Integer":
      return {
        kind: "whole",
        least: plainOr(detail.MinValue, WHOLE.least),
        most: plainOr(detail.MaxValue, WHOLE.most),
      };
    case "BigInt": // limits near 2^63 do not survive JSON's floats: the type's own are taken
      return { kind: "whole", ...BIG };
    case "Decimal":
      return { kind: "decimal", ...limits(detail), decimals: Number(detail.Precision ?? 10) };
    case "Money":
      return {
        kind: "decimal",
        ...limits(detail),
        decimals: detail.PrecisionSource === 0 && detail.Precision >= 0 ? Number(detail.Precision) : null,
      };
    case "Double":
      return {
        kind: "double",
        ...(typeof detail.MinValue === "number" ? { least: detail.MinValue } : {}),
        ...(typeof detail.MaxValue === "number" ? { most: detail.MaxValue } : {}),
      };
    case "Boolean":
      return { kind: "boolean", choices: choicesOf(detail) };
    case "Picklist":
      return { kind: "choice", choices: choicesOf(detail) };
    case "DateTime":
      return detail.DateTimeBehavior?.Value === "DateOnly"
        ? { kind: "date" }
        : { kind: "moment", showsDateOnly: detail.Format === "DateOnly" };
    case "Lookup":
    case "Customer":
    case "Owner":
      return { kind: "lookup", targets: targetsOf(type, detail, own) };
    case "Uniqueidentifier":
      if (isPrimaryId) return { kind: "id" };
  }
  return {
    kind: "unsupported",
    why: UNSUPPORTED[type] ?? `columns of the type ${type || "unknown"} are not supported`,
  };
}

function targetsOf(type: string, detail: Json, own: readonly Navigation[]): string[] {
  const stated = list(detail.Targets).map(String);
  if (stated.length > 0) return stated;
  return type === "Owner" ? ["systemuser", "team"] : [...new Set(own.map(({ target }) => target))];
}

function limits(detail: Json): { least?: string; most?: string } {
  return {
    ...(typeof detail.MinValue === "number" ? { least: plain(String(detail.MinValue)) ?? "" } : {}),
    ...(typeof detail.MaxValue === "number" ? { most: plain(String(detail.MaxValue)) ?? "" } : {}),
  };
}

function plainOr(value: unknown, otherwise: string): string {
  return typeof value === "number" ? (plain(String(value)) ?? otherwise) : otherwise;
}

function choicesOf(detail: Json): Choice[] {
  const set = detail.OptionSet ?? detail.GlobalOptionSet ?? {};
  const options: Json[] = [...list(set.Options), set.FalseOption, set.TrueOption].filter(Boolean);
  return options.map((option) => ({
    value: Number(option.Value),
    label: labelOf(option.Label),
    labels: list(option.Label?.LocalizedLabels)
      .map((label: Json) => String(label.Label ?? ""))
      .filter((label: string) => label !== ""),
  }));
}

/** The label in the user's language, else in any. */
export function labelOf(label: Json): string {
  return String(label?.UserLocalizedLabel?.Label ?? label?.LocalizedLabels?.[0]?.Label ?? "");
}

function list(value: unknown): Json[] {
  return Array.isArray(value) ? value : [];
}
