import type { Column, ColumnKind } from "../../src/sdk.ts";

const KINDS: Readonly<Record<string, ColumnKind>> = {
  BOOLEAN: "boolean",
  TINYINT: "integer",
  SMALLINT: "integer",
  INTEGER: "integer",
  BIGINT: "integer",
  HUGEINT: "integer",
  UTINYINT: "integer",
  USMALLINT: "integer",
  UINTEGER: "integer",
  UBIGINT: "integer",
  UHUGEINT: "integer",
  BIGNUM: "integer",
  FLOAT: "double",
  DOUBLE: "double",
  VARCHAR: "text",
  JSON: "text",
  BLOB: "text",
  BIT: "text",
  TIME: "text",
  TIME_NS: "text",
  "TIME WITH TIME ZONE": "text",
  UUID: "uuid",
  DATE: "date",
  TIMESTAMP: "timestamp",
  TIMESTAMP_S: "timestamp",
  TIMESTAMP_MS: "timestamp",
  TIMESTAMP_NS: "timestamp",
  "TIMESTAMP WITH TIME ZONE": "timestamp",
};

/** A column of a DuckDB result, by the type's name as `DESCRIBE` prints it. */
export function columnOf(name: string, sqlType: string): Column {
  const decimal = /^DECIMAL\((\d+),(\d+)\)$/.exec(sqlType);
  if (decimal)
    return { name, kind: "decimal", sqlType, precision: Number(decimal[1]), scale: Number(decimal[2]) };
  if (/^ENUM\(/.test(sqlType) && !sqlType.endsWith("[]")) return { name, kind: "text", sqlType: "ENUM" };
  // Lists, arrays, structs, maps and unions are JSON to the dialect.
  const isNested = /[\])]$/.test(sqlType) && !/^(ENUM|GEOMETRY)\(.*\)$/.test(sqlType);
  const kind = isNested ? "text" : KINDS[sqlType];
  if (kind === "timestamp") return { name, kind, sqlType, zoned: sqlType.endsWith("TIME ZONE") };
  return { name, kind, sqlType };
}
