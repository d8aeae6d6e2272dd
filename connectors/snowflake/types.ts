import type { Column as DriverColumn } from "snowflake-sdk";
import type { Column, ColumnKind } from "../../src/sdk.ts";
import { otherCase } from "./dialect.ts";

/** Types as the driver names them, with the names that Snowflake's documentation has. README.md says what becomes of each. */
const KINDS: Readonly<Record<string, readonly [kind: ColumnKind, sqlType: string]>> = {
  fixed: ["decimal", "NUMBER"],
  real: ["double", "FLOAT"],
  text: ["text", "VARCHAR"],
  boolean: ["boolean", "BOOLEAN"],
  date: ["date", "DATE"],
  time: ["text", "TIME"],
  timestamp_ntz: ["timestamp", "TIMESTAMP_NTZ"],
  timestamp_ltz: ["timestamp", "TIMESTAMP_LTZ"],
  timestamp_tz: ["timestamp", "TIMESTAMP_TZ"],
  variant: ["text", "VARIANT"],
  object: ["text", "OBJECT"],
  array: ["text", "ARRAY"],
  map: ["text", "MAP"],
  binary: ["text", "BINARY"],
  geography: ["text", "GEOGRAPHY"],
  geometry: ["text", "GEOMETRY"],
};

/** A column of a result, by what the driver says of it. */
export function columnOf(column: DriverColumn): Column {
  const name = otherCase(column.getName());
  const type = column.getType().toLowerCase();
  const known = KINDS[type];
  if (known === undefined) return { name, kind: undefined, sqlType: type.toUpperCase() };
  const [kind, sqlType] = known;
  if (type === "fixed") {
    const [precision, scale] = [column.getPrecision() ?? 38, column.getScale() ?? 0];
    const exact = `${sqlType}(${precision},${scale})`;
    // Up to 18 digits fit an integer of 64 bits everywhere.
    if (scale === 0 && precision <= 18) return { name, kind: "integer", sqlType: exact };
    return { name, kind, sqlType: exact, precision, scale };
  }
  return kind === "timestamp"
    ? { name, kind, sqlType, zoned: type !== "timestamp_ntz" }
    : { name, kind, sqlType };
}
