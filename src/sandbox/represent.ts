import { multiply } from "./decimal.ts";
import { etagOf } from "./elastic.ts";
import { type Reference, type Row, type Value, valueIn } from "./row.ts";
import { isLookup, propertyName, type Table } from "./schema.ts";
import type { Column, Formula } from "./tables/column.ts";
import type { World } from "./world.ts";

const FORMATTED = "OData.Community.Display.V1.FormattedValue";
const NAVIGATION = "Microsoft.Dynamics.CRM.associatednavigationproperty";
const LOGICAL_NAME = "Microsoft.Dynamics.CRM.lookuplogicalname";

/**
 * Rows and values as a reader sees them (pages: retrieve-entity-using-web-api, "Retrieve specific properties";
 * compose-http-requests-handle-errors, "Request annotations"; web-api-properties).
 */

/** What a calculated column holds at this moment (page: define-calculated-columns). */
function calculated(world: World, formula: Formula, row: Row): Value {
  if (formula.is === "count") {
    const table = world.schema.tables.get(formula.table);
    return table ? world.store.referrers(table, formula.column, row.id).size : 0;
  }
  const [a, b] = formula.of.map((name) => valueIn(row, name) ?? null);
  return a === null || b === null ? null : multiply(String(a), String(b));
}

/** The stored value of a column as a reader sees it; a lookup whose row is gone reads as null. */
export function readValue(world: World, column: Column, row: Row): Value {
  if (world.hidden?.has(column)) return null;
  if (column.logicalName === "versionnumber") return String(row.version);
  if (column.formula) return calculated(world, column.formula, row);
  const value = valueIn(row, column.logicalName) ?? null;
  if (value !== null && typeof value === "object" && !world.store.exists(value)) return null;
  return value;
}

const grouped = (digits: string): string => {
  const [whole = "", fraction] = digits.split(".");
  const text = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  return fraction === undefined ? text : `${text}.${fraction}`;
};

export function nameOf(world: World, reference: Reference): string | null {
  const table = world.schema.tables.get(reference.table);
  const row = table && world.store.get(table, reference.id);
  if (!table?.primaryName || !row) return null;
  return (valueIn(row, table.primaryName) as string | null | undefined) ?? null;
}

const optionLabel = (column: Column, value: number): string | undefined =>
  column.options?.find((option) => option.value === value)?.label;

/** The text that a form would show, in English; undefined when there is none. */
function formatted(world: World, column: Column, row: Row, value: Value): string | undefined {
  switch (column.type) {
    case "choice":
    case "state":
    case "status":
      return optionLabel(column, value as number);
    case "boolean":
      return optionLabel(column, value ? 1 : 0);
    case "choices":
      return String(value)
        .split(",")
        .map((part) => optionLabel(column, Number(part)) ?? part)
        .join("; ");
    case "lookup":
    case "customer":
    case "owner":
      return nameOf(world, value as Reference) ?? undefined;
    case "money": {
      const currency = valueIn(row, "transactioncurrencyid") as Reference | null | undefined;
      const table = world.schema.tables.get("transactioncurrency");
      const symbol = currency && table && valueIn(world.store.get(table, currency.id), "currencysymbol");
      const [whole, fraction = ""] = String(value).split(".");
      return `${symbol ?? ""}${grouped(`${whole}.${fraction.padEnd(2, "0")}`)}`;
    }
    case "integer":
    case "bigint":
    case "decimal":
    case "double":
      return grouped(String(value));
    case "datetime": {
      const text = String(value);
      const day = `${Number(text.slice(5, 7))}/${Number(text.slice(8, 10))}/${text.slice(0, 4)}`;
      if (column.format === "DateOnly" || text.length === 10) return day;
      const hour = Number(text.slice(11, 13));
      return `${day} ${hour % 12 || 12}:${text.slice(14, 16)} ${hour < 12 ? "AM" : "PM"}`;
    }
    default:
      return undefined;
  }
}

/** A value as JSON text (page: entity-attribute-metadata, types in OData); exact numbers keep their digits. */
export function jsonValue(column: Column, value: Value): string {
  if (value === null) return "null";
  if (typeof value === "object") return `"${value.id}"`;
  if (column.type === "decimal" || column.type === "money" || column.type === "bigint") return String(value);
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

export interface View {
  readonly table: Table;
  readonly columns: readonly Column[];
  readonly expand: readonly Expansion[];
  readonly annotation: (name: string) => boolean;
}

/** Related rows inside a row: the one of a lookup, or those of a collection. */
export type Expansion =
  | {
      readonly is: "one";
      readonly property: string;
      readonly column: Column;
      readonly target: string;
      readonly view: View;
    }
  | {
      readonly is: "many";
      readonly property: string;
      readonly view: View;
      readonly rows: (row: Row) => readonly Row[];
      readonly link: (row: Row) => string | undefined;
    };

/** One row as JSON text, without the braces' context. */
export function jsonRow(world: World, row: Row, view: View, context?: string): string {
  const parts: string[] = [];
  world.meter.rows += 1;
  if (context !== undefined) parts.push(`"@odata.context":${JSON.stringify(context)}`);
  parts.push(`"@odata.etag":${JSON.stringify(etagOf(view.table, row.version))}`);
  const wantsFormatted = view.annotation(FORMATTED);
  const wantsNavigation = view.annotation(NAVIGATION);
  const wantsLogicalName = view.annotation(LOGICAL_NAME);
  for (const column of view.columns) {
    const name = propertyName(column);
    const value = readValue(world, column, row);
    if (value !== null) {
      if (wantsFormatted) {
        const text = formatted(world, column, row, value);
        if (text !== undefined) parts.push(`"${name}@${FORMATTED}":${JSON.stringify(text)}`);
      }
      if (isLookup(column)) {
        const reference = value as Reference;
        if (wantsNavigation) parts.push(`"${name}@${NAVIGATION}":"${navigationOf(column, reference)}"`);
        if (wantsLogicalName) parts.push(`"${name}@${LOGICAL_NAME}":"${reference.table}"`);
      }
    }
    parts.push(`"${name}":${jsonValue(column, value)}`);
  }
  for (const expansion of view.expand) {
    if (expansion.is === "many") {
      const rows = expansion.rows(row).map((other) => jsonRow(world, other, expansion.view));
      parts.push(`"${expansion.property}":[${rows.join(",")}]`);
      const link = expansion.link(row);
      if (link !== undefined) parts.push(`"${expansion.property}@odata.nextLink":${JSON.stringify(link)}`);
      continue;
    }
    const value = readValue(world, expansion.column, row) as Reference | null;
    const target = value && world.schema.tables.get(value.table);
    const other = target && value && world.store.get(target, value.id);
    const fits = target && other && (expansion.target === "owner" || expansion.target === value.table);
    parts.push(`"${expansion.property}":${fits ? jsonRow(world, other, expansion.view) : "null"}`);
  }
  return `{${parts.join(",")}}`;
}

const navigationOf = (column: Column, reference: Reference): string =>
  column.relationships?.find(
    (relationship) => relationship.target === reference.table || relationship.target === "owner",
  )?.navigation ?? column.logicalName;
