/** DuckDB's results as Snowflake's driver gets them: types by name, cells as text. */
import { DuckDBDecimalValue, type DuckDBValue } from "@duckdb/node-api";
import { BOXES } from "./functions.ts";
import { decoded } from "./translate.ts";

export interface RowType {
  readonly name: string;
  readonly type: string;
  readonly precision: number | null;
  readonly scale: number | null;
  readonly nullable: boolean;
  readonly length: number | null;
  readonly byteLength: number | null;
  readonly database: string;
  readonly schema: string;
  readonly table: string;
  readonly collation: string | null;
}

const PLAIN: Readonly<
  Record<string, readonly [type: string, precision: number | null, scale: number | null]>
> = {
  BOOLEAN: ["boolean", null, null],
  // What DuckDB counts with; in Snowflake every one of them is a NUMBER.
  TINYINT: ["fixed", 3, 0],
  SMALLINT: ["fixed", 5, 0],
  INTEGER: ["fixed", 10, 0],
  BIGINT: ["fixed", 18, 0],
  HUGEINT: ["fixed", 38, 0],
  DOUBLE: ["real", null, null],
  VARCHAR: ["text", null, null],
  '"NULL"': ["text", null, null],
  BLOB: ["binary", null, null],
  DATE: ["date", null, null],
  TIME: ["time", 0, 9],
  TIMESTAMP: ["timestamp_ntz", 0, 9],
  TIMESTAMP_NS: ["timestamp_ntz", 0, 9],
  "TIMESTAMP WITH TIME ZONE": ["timestamp_ltz", 0, 9],
  "STRUCT(sf_tz TIMESTAMP WITH TIME ZONE)": ["timestamp_tz", 0, 9],
  ...Object.fromEntries(BOXES.map((name) => [`STRUCT(sf_${name} VARCHAR)`, [name, null, null] as const])),
};

/** A column by its name and type in DuckDB's words. */
export function rowType(column: string, duckType: string): RowType {
  const decimal = /^DECIMAL\((\d+),(\d+)\)$/.exec(duckType);
  const known = decimal ? (["fixed", Number(decimal[1]), Number(decimal[2])] as const) : PLAIN[duckType];
  if (known === undefined) throw new Error(`no type of Snowflake's for ${duckType}`);
  const [type, precision, scale] = known;
  const rest = {
    nullable: true,
    length: null,
    byteLength: null,
    database: "",
    schema: "",
    table: "",
    collation: null,
  };
  return { name: decoded(column), type, precision, scale, ...rest };
}

/** A cell as text; of types that the connector never asks for as they are, none. */
export function cell(value: DuckDBValue, { type, name }: RowType): string | null {
  if (value === null) return null;
  if (type === "boolean") return value ? "1" : "0";
  if (value instanceof DuckDBDecimalValue || ["string", "bigint", "number"].includes(typeof value)) {
    return String(value);
  }
  throw new Error(`the column ${name} of type ${type} was asked for as it is, and not as text`);
}
