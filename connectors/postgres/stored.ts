/** The types that the state keeps values in, and their canonical text. */
import type { Column, ColumnKind } from "../../src/sdk.ts";

export const TYPES: Readonly<Record<ColumnKind, string>> = {
  text: "pg_catalog.text",
  boolean: "pg_catalog.bool",
  integer: "pg_catalog.int8",
  // Without a scale: typed comparison finds 1.0 and 1.00 equal, and NaN has room.
  decimal: "pg_catalog.numeric",
  double: "pg_catalog.float8",
  date: "pg_catalog.date",
  timestamp: "pg_catalog.timestamp",
  uuid: "pg_catalog.uuid",
};

export const isText = ({ kind }: Column): boolean => (kind ?? "text") === "text";

/** The canonical text of a value of a kind's type, in a session with DateStyle ISO. */
export function textOf(column: Column, x: string): string {
  const asText = `(${x})::pg_catalog.text`;
  switch (column.kind) {
    case "decimal":
      // With a scale PostgreSQL writes as many digits as it says; without one 1.50 and 1.5 are one value.
      return column.sqlType.includes("(") ? asText : `pg_catalog.trim_scale(${x})::pg_catalog.text`;
    case "date":
      return `pg_catalog.replace(${asText}, ' BC', ' (BC)')`;
    case "timestamp":
      return `CASE WHEN NOT pg_catalog.isfinite(${x}) THEN ${asText} WHEN ${x} < pg_catalog.timestamp '0001-01-01' THEN pg_catalog.regexp_replace(${asText}, '^([^ ]+) (.*) BC$', E'\\\\1 (BC) \\\\2') || 'Z' ELSE pg_catalog.replace(${asText}, ' ', 'T') || 'Z' END`;
    default:
      return isText(column) ? x : asText;
  }
}
