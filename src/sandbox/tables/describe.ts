/** The words in which tables are described. One call is one column, with the companions that the service adds. */

import type {
  Behavior,
  Column,
  ColumnType,
  DeleteRule,
  KeyDescription,
  Option,
  Required,
  TableDescription,
} from "./column.ts";

type Flags = Partial<
  Pick<
    Column,
    | "forCreate"
    | "forRead"
    | "forUpdate"
    | "odata"
    | "logical"
    | "required"
    | "attributeOf"
    | "label"
    | "yomiOf"
    | "format"
    | "calculationOf"
    | "globalName"
    | "fallback"
    | "computed"
    | "autoNumber"
  >
>;

/** Made by the service: readable, never writable. */
export const READ_ONLY: Flags = { forCreate: false, forUpdate: false };
/** Writable once. */
export const CREATE_ONLY: Flags = { forUpdate: false };
/** Lives in another table, yet writable, like the address columns. */
export const LOGICAL: Flags = { logical: true };

const words = (schemaName: string): string =>
  schemaName
    .replace(/^new_/, "")
    .replace(/_/g, " ")
    .replace(/(?<=[a-z0-9])(?=[A-Z])/g, " ")
    .replace(/^[a-z]/, (first) => first.toUpperCase());

function column(schemaName: string, type: ColumnType, more: Flags & Partial<Column>): Column {
  return {
    logicalName: schemaName.toLowerCase(),
    schemaName,
    label: words(schemaName),
    type,
    forCreate: true,
    forRead: true,
    forUpdate: true,
    odata: true,
    logical: false,
    custom: schemaName.startsWith("new_"),
    required: "None",
    ...more,
  };
}

/** The `…name` twin of a choice or lookup: metadata only, neither writable nor an OData property. */
function companion(of: string, suffix: string, type: ColumnType, more: Flags & Partial<Column> = {}): Column {
  const flags = { ...READ_ONLY, odata: false, logical: true, attributeOf: of.toLowerCase() };
  return column(`${of}${suffix}`, type, { ...flags, ...more });
}

export const text = (schemaName: string, maxLength: number, more: Flags = {}): Column[] => [
  column(schemaName, "string", { maxLength, format: "Text", ...more }),
];
export const email = (schemaName: string): Column[] => text(schemaName, 100, { format: "Email" });
export const link = (schemaName: string): Column[] => text(schemaName, 200, { format: "Url" });
export const memo = (schemaName: string, maxLength: number, more: Flags = {}): Column[] => [
  column(schemaName, "memo", { maxLength, format: "TextArea", ...more }),
];
export const integer = (schemaName: string, min: number, max: number, more: Flags = {}): Column[] => [
  column(schemaName, "integer", { min: String(min), max: String(max), format: "None", ...more }),
];
export const bigint = (schemaName: string, more: Flags = {}): Column[] => [
  column(schemaName, "bigint", { min: "-9223372036854775808", max: "9223372036854775807", ...more }),
];
export const decimal = (
  schemaName: string,
  min: string,
  max: string,
  precision: number,
  more: Flags = {},
): Column[] => [column(schemaName, "decimal", { min, max, precision, ...more })];
export const double = (
  schemaName: string,
  min: number,
  max: number,
  precision: number,
  more: Flags = {},
): Column[] => [column(schemaName, "double", { min: String(min), max: String(max), precision, ...more })];

/** An amount and its `_base` twin in the currency of the organisation. */
export const money = (schemaName: string, min: string, max: string, more: Flags = {}): Column[] => [
  column(schemaName, "money", { min, max, precision: 2, precisionSource: 2, ...more }),
  column(`${schemaName}_Base`, "money", {
    ...READ_ONLY,
    min: "-922337203685477",
    max: "922337203685477",
    precision: 4,
    precisionSource: 2,
    calculationOf: schemaName.toLowerCase(),
  }),
];

export const YES_NO: readonly Option[] = [
  { value: 1, label: "Yes", german: "Ja" },
  { value: 0, label: "No", german: "Nein" },
];
const NOT_ALLOWED: readonly Option[] = [
  { value: 1, label: "Do Not Allow", german: "Nicht zulassen" },
  { value: 0, label: "Allow", german: "Zulassen" },
];

export const boolean = (
  schemaName: string,
  fallback: boolean,
  more: Flags = {},
  options = YES_NO,
): Column[] => [
  column(schemaName, "boolean", { fallback, options, ...more }),
  companion(schemaName, "Name", "virtual"),
];
export const optOut = (schemaName: string): Column[] => boolean(schemaName, false, {}, NOT_ALLOWED);

type Choice = readonly [value: number, label: string, german: string];
const option = ([value, label, german]: Choice): Option => ({ value, label, german });

export const choice = (schemaName: string, options: readonly Choice[], more: Flags = {}): Column[] => [
  column(schemaName, "choice", { options: options.map(option), ...more }),
  companion(schemaName, "Name", "virtual"),
];
export const choices = (schemaName: string, options: readonly Choice[], more: Flags = {}): Column[] => [
  column(schemaName, "choices", { options: options.map(option), ...more }),
  companion(schemaName, "Name", "virtual"),
];

/** `statecode` and `statuscode`; statecode is not valid for create (page: entity-attribute-metadata). */
export const states = (
  list: readonly (readonly [
    state: number,
    label: string,
    german: string,
    fallback: number,
    reasons: readonly Choice[],
  ])[],
): Column[] => [
  column("StateCode", "state", {
    forCreate: false,
    required: "SystemRequired",
    fallback: 0,
    options: list.map(([value, label, german, defaultStatus]) => ({ value, label, german, defaultStatus })),
  }),
  companion("StateCode", "Name", "virtual"),
  column("StatusCode", "status", {
    options: list.flatMap(([state, , , , reasons]) =>
      reasons.map((reason) => ({ ...option(reason), state })),
    ),
  }),
  companion("StatusCode", "Name", "virtual"),
];

/** Says which status reasons may follow which; all other ways are closed. */
export const transitions = (
  columns: readonly Column[],
  next: Readonly<Record<number, readonly number[]>>,
): Column[] =>
  columns.map((item) =>
    item.type === "status"
      ? {
          ...item,
          options: (item.options ?? []).map((one) => ({ ...one, next: next[one.value] ?? [] })),
        }
      : item,
  );

export const ACTIVE_INACTIVE = states([
  [0, "Active", "Aktiv", 1, [[1, "Active", "Aktiv"]]],
  [1, "Inactive", "Inaktiv", 2, [[2, "Inactive", "Inaktiv"]]],
]);

export const dateOnly = (schemaName: string, more: Flags = {}): Column[] => [
  column(schemaName, "datetime", { format: "DateOnly", behavior: "DateOnly", ...more }),
];
export const dateTime = (
  schemaName: string,
  more: Flags = {},
  behavior: Behavior = "UserLocal",
): Column[] => [column(schemaName, "datetime", { format: "DateAndTime", behavior, ...more })];
export const guid = (schemaName: string, more: Flags = {}): Column[] => [column(schemaName, "guid", more)];
export const entityName = (schemaName: string, more: Flags = {}): Column[] => [
  column(schemaName, "entityname", { odata: false, ...more }),
];

/** A lookup to one table. System lookups bind by the lower-case name, custom ones by the schema name. */
export function lookup(schemaName: string, target: string, relationship: string, more: Flags = {}): Column[] {
  const navigation = schemaName.startsWith("new_") ? schemaName : schemaName.toLowerCase();
  return [
    column(schemaName, "lookup", {
      targets: [target],
      relationships: [{ schemaName: relationship, target, navigation, referencedNavigation: relationship }],
      ...more,
    }),
    companion(schemaName, "Name", "string", { maxLength: 100, format: "Text" }),
  ];
}

/** A lookup to several tables: one navigation property per target over one value. */
export function polymorphic(
  schemaName: string,
  type: "customer" | "lookup",
  relationships: readonly (readonly [target: string, relationship: string])[],
  more: Flags = {},
): Column[] {
  const logicalName = schemaName.toLowerCase();
  return [
    column(schemaName, type, {
      targets: relationships.map(([target]) => target),
      relationships: relationships.map(([target, name]) => ({
        schemaName: name,
        target,
        navigation: `${logicalName}_${target}`,
        referencedNavigation: name,
      })),
      ...more,
    }),
    companion(schemaName, "Name", "string", { maxLength: 160, format: "Text", logical: false }),
    companion(schemaName, "Type", "entityname", {
      forCreate: true,
      forUpdate: true,
      logical: false,
      required: more.required ?? "None",
    }),
  ];
}

/** The same columns, with what happens to their rows when the row they point at is deleted. */
export const onDelete = (rule: DeleteRule, columns: readonly Column[]): Column[] =>
  columns.map((item) =>
    item.relationships
      ? { ...item, relationships: item.relationships.map((one) => ({ ...one, onDelete: rule })) }
      : item,
  );

/** The thumbnail of a row and what the service tells of it (page: image-attributes). */
export const image = (schemaName: string, more: Flags = {}): Column[] => [
  column(schemaName, "image", { maxSizeKb: 10240, ...more }),
  ...guid(`${schemaName}Id`, READ_ONLY),
  column(`${schemaName}_URL`, "string", { ...READ_ONLY, maxLength: 200, format: "Url" }),
  column(`${schemaName}_Timestamp`, "bigint", {
    ...READ_ONLY,
    min: "-9223372036854775808",
    max: "9223372036854775807",
  }),
];
/** Written by requests of its own, never with the row (page: file-attributes). */
export const file = (schemaName: string, maxSizeKb: number): Column[] => [
  column(schemaName, "file", { ...READ_ONLY, maxSizeKb }),
  column(`${schemaName}_Name`, "string", { ...READ_ONLY, maxLength: 200, format: "Text" }),
];
export const partyList = (schemaName: string): Column[] => [
  column(schemaName, "partylist", { odata: false, targets: ["account", "contact", "lead", "systemuser"] }),
];

/** The owner of a row: bound as `ownerid` to a user or a team (page: associate-disassociate-entities). */
export const owner = (
  table: string,
  names: {
    readonly plural?: string;
    readonly user?: string;
    readonly team?: string;
    readonly unit?: string;
  } = {},
): Column[] => [
  column("OwnerId", "owner", {
    required: "SystemRequired",
    targets: ["systemuser", "team"],
    relationships: [
      {
        schemaName: `owner_${names.plural ?? `${table}s`}`,
        target: "owner",
        navigation: "ownerid",
        referencedNavigation: `owner_${names.plural ?? `${table}s`}`,
      },
    ],
  }),
  companion("OwnerId", "Name", "string", { maxLength: 100, required: "SystemRequired", format: "Text" }),
  companion("OwnerId", "Type", "entityname", {
    forCreate: true,
    forUpdate: true,
    logical: false,
    required: "SystemRequired",
  }),
  ...lookup("OwningUser", "systemuser", names.user ?? `user_${table}`, { ...READ_ONLY, logical: true }).slice(
    0,
    1,
  ),
  ...lookup("OwningTeam", "team", names.team ?? `team_${table}`, { ...READ_ONLY, logical: true }).slice(0, 1),
  ...lookup("OwningBusinessUnit", "businessunit", names.unit ?? `business_unit_${table}`, READ_ONLY),
];

/** The relationships of impersonation came later and say `contact` where the older ones say `contactbase`; account kept it. */
const younger = (table: string): string => (table === "accountbase" ? table : table.replace(/base$/, ""));

/** What the service keeps of a row that was merged into another (tables' reference pages; entity definitions of live organisations). */
export const mergers = (table: string): Column[] => [
  ...boolean("Merged", false, READ_ONLY),
  ...lookup("MasterId", table, `${table}_master_${table}`, READ_ONLY).slice(0, 1),
];

/** What the service keeps about every row. */
export const housekeeping = (table: string): Column[] => [
  ...dateTime("CreatedOn", READ_ONLY),
  ...dateTime("ModifiedOn", READ_ONLY),
  ...lookup("CreatedBy", "systemuser", `lk_${table}_createdby`, READ_ONLY),
  ...lookup("ModifiedBy", "systemuser", `lk_${table}_modifiedby`, READ_ONLY),
  ...lookup("CreatedOnBehalfBy", "systemuser", `lk_${younger(table)}_createdonbehalfby`, READ_ONLY),
  ...lookup("ModifiedOnBehalfBy", "systemuser", `lk_${younger(table)}_modifiedonbehalfby`, READ_ONLY),
  ...bigint("VersionNumber", READ_ONLY),
  ...dateTime("OverriddenCreatedOn", { ...CREATE_ONLY, format: "DateOnly" }),
  ...integer("ImportSequenceNumber", -2147483648, 2147483647, CREATE_ONLY),
];

/** The currency of a row's amounts. */
export const currency = (table: string, required: Required = "None"): Column[] => [
  ...onDelete(
    "Restrict",
    lookup("TransactionCurrencyId", "transactioncurrency", `transactioncurrency_${table}`, { required }),
  ),
  ...decimal("ExchangeRate", "0.000000000001", "100000000000", 12, READ_ONLY),
];

export const primaryKey = (schemaName: string): Column[] =>
  guid(schemaName, { ...CREATE_ONLY, required: "SystemRequired" });

export const key = (
  schemaName: string,
  columns: readonly string[],
  status: KeyDescription["status"] = "Active",
): KeyDescription => ({ schemaName, label: words(schemaName), columns, status });

/** A table from its parts; the names that are left out follow from `schemaName`. */
export function table(
  schemaName: string,
  code: number,
  parts: {
    readonly columns: readonly (readonly Column[])[];
    readonly primaryName: string | null;
    readonly set?: string;
    readonly ownership?: TableDescription["ownership"];
    readonly keys?: readonly KeyDescription[];
    readonly bulk?: boolean;
    readonly changeTracking?: boolean;
    readonly primaryId?: string;
    readonly flags?: Partial<
      Pick<
        TableDescription,
        | "elastic"
        | "activity"
        | "internal"
        | "enforceTransitions"
        | "unique"
        | "label"
        | "pluralLabel"
        | "dataProvider"
      >
    >;
  },
): TableDescription {
  const logicalName = schemaName.toLowerCase();
  const set = parts.set ?? `${logicalName}s`;
  return {
    logicalName,
    schemaName,
    set,
    label: words(schemaName),
    pluralLabel: words(`${schemaName}s`),
    code,
    ownership: parts.ownership ?? "UserOwned",
    primaryId: parts.primaryId ?? `${logicalName}id`,
    primaryName: parts.primaryName,
    custom: schemaName.startsWith("new_"),
    changeTracking: parts.changeTracking ?? true,
    bulk: parts.bulk ?? true,
    columns: parts.columns.flat(),
    keys: parts.keys ?? [],
    ...parts.flags,
  };
}
