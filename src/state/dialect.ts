/**
 * How the state's engine spells things: identifiers, literals, types, and the canonical text of a value.
 * The only place where a name or a value of the user's enters SQL.
 */
import type { Column } from "../core/value.ts";

/** A quoted identifier. */
export function quote(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}

/** The name under which the state keeps a column of the model: none of its own names, nor DuckDB's `rowid`. */
export function stored(column: { readonly name: string }): string {
  return quote(`m_${column.name}`);
}

/** A quoted string literal. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** The type that a column is kept in: comparison is typed, so that `1.0` and `1.00` are one value. */
export function storedType(column: Column): string {
  switch (column.kind) {
    case "boolean":
      return "BOOLEAN";
    case "integer":
      return /HUGEINT|UBIGINT/i.test(column.sqlType) ? "HUGEINT" : "BIGINT";
    case "decimal": {
      const { precision, scale } = column;
      const fits =
        precision !== undefined && scale !== undefined && precision <= 38 && scale >= 0 && scale <= precision;
      return fits ? `DECIMAL(${precision},${scale})` : "VARCHAR";
    }
    case "double":
      return "DOUBLE";
    case "date":
      return "DATE";
    case "timestamp":
      return "TIMESTAMP";
    default:
      return "VARCHAR";
  }
}

/** Canonical text (see core/value.ts) of an expression of a stored type. */
export function canonicalText(column: Column, expression: string): string {
  switch (column.kind) {
    case "text":
    case "uuid":
      return expression;
    case "timestamp":
      return `replace(${expression}::VARCHAR, ' ', 'T') || 'Z'`;
    case "double":
      return `CASE WHEN isnan(${expression}) THEN 'NaN' WHEN isinf(${expression}) THEN CASE WHEN ${expression} > 0 THEN 'Infinity' ELSE '-Infinity' END ELSE ${expression}::VARCHAR END`;
    default:
      return `${expression}::VARCHAR`;
  }
}

/**
 * An expression of the warehouse's type as the stored type, for rows that DuckDB reads from the warehouse itself.
 *
 * @param timezone IANA zone of timestamps that carry none
 */
export function storedFromWarehouse(column: Column, expression: string, timezone: string): string {
  if (column.kind === "timestamp") {
    if (column.zoned) return `(${expression} AT TIME ZONE 'UTC')::TIMESTAMP`;
    if (timezone === "UTC") return `${expression}::TIMESTAMP`;
    return `((${expression}::TIMESTAMP AT TIME ZONE ${literal(timezone)}) AT TIME ZONE 'UTC')::TIMESTAMP`;
  }
  // A float of 32 bits by its own shortest text: widened as it is, 0.1 would read 0.10000000149011612.
  if (column.sqlType === "FLOAT") return `CAST(CAST(${expression} AS VARCHAR) AS DOUBLE)`;
  return `CAST(${expression} AS ${storedType(column)})`;
}

/** Canonical text as the stored type, for rows that were streamed from the warehouse. */
export function storedFromText(column: Column, expression: string): string {
  if (column.kind === "timestamp") return `CAST(rtrim(${expression}, 'Z') AS TIMESTAMP)`;
  return `CAST(${expression} AS ${storedType(column)})`;
}

/** A match value as the destination compares it: case and trailing spaces do not count. */
export function folded(column: Column, expression: string): string {
  return column.kind === "text" || column.kind === "uuid" ? `lower(rtrim(${expression}, ' '))` : expression;
}
