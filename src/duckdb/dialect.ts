/**
 * How DuckDB spells things: identifiers, literals, types, and the canonical text of a value; and how its rows of
 * text come over. Used by local state and by the DuckDB connector.
 */
import type { DuckDBDataChunk } from "@duckdb/node-api";
import type { Column, ColumnKind, Value } from "../core/value.ts";
import type { Dialect } from "../ports.ts";

const quote = (identifier: string): string => `"${identifier.replaceAll('"', '""')}"`;

/** A NUL would end the text at DuckDB's parser; nothing else needs more than a doubled quote. */
const literal = (text: string): string =>
  text.includes("\u0000")
    ? text
        .split("\u0000")
        .map((part) => `'${part.replaceAll("'", "''")}'`)
        .join(" || chr(0) || ")
    : `'${text.replaceAll("'", "''")}'`;

function storedType(column: Column): string {
  switch (column.kind) {
    case "boolean":
      return "BOOLEAN";
    case "integer":
      if (/^(UHUGEINT|BIGNUM)$/.test(column.sqlType))
        return column.sqlType === "BIGNUM" ? "VARCHAR" : "UHUGEINT";
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

/** What DuckDB's own text would not tell well becomes another type first. */
function plain({ sqlType }: Column, x: string): string {
  if (sqlType === "BLOB") return `base64(${x})`;
  return /[\])]$/.test(sqlType) && !/^(DECIMAL|ENUM)\([^[]*\)$/.test(sqlType) ? `to_json(${x})` : x;
}

function toText(column: Column, x: string): string {
  switch (column.kind) {
    case "text":
    case "uuid":
      return x;
    case "timestamp":
      return `CASE WHEN NOT isfinite(${x}) THEN ${x}::VARCHAR WHEN ${x} < TIMESTAMP '0001-01-01' THEN ${x}::VARCHAR || 'Z' ELSE replace(${x}::VARCHAR, ' ', 'T') || 'Z' END`;
    case "double":
      return `CASE WHEN isnan(${x}) THEN 'NaN' WHEN isinf(${x}) THEN CASE WHEN ${x} > 0 THEN 'Infinity' ELSE '-Infinity' END ELSE regexp_replace(${x}::VARCHAR, '\\.0$', '') END`;
    default:
      return `${x}::VARCHAR`;
  }
}

/** @param cast the word for it: `CAST`, or `TRY_CAST` where null stands for a text that is none of the type's */
function fromText(column: Column, text: string, cast: string): string {
  if (column.kind === "timestamp") return `${cast}(rtrim(${text}, 'Z') AS TIMESTAMP)`;
  return `${cast}(${text} AS ${storedType(column)})`;
}

const NUMBERS: readonly (ColumnKind | undefined)[] = ["integer", "decimal", "double"];
const TIMES: readonly (ColumnKind | undefined)[] = ["date", "timestamp"];
const UUID = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$";

/** A cast alone would round, and take `yes` for true: what it gives counts only where it leads back to the same. */
function retyped(from: Column, to: Column, x: string): string {
  const [was, is] = [storedType(from), storedType(to)];
  if (to.kind === "uuid" && from.kind !== "uuid") {
    return `CASE WHEN regexp_full_match(${toText(from, x)}, '${UUID}') THEN ${toText(from, x)} END`;
  }
  if (was === is) return x;
  if (is === "VARCHAR") return toText(from, x);
  if (
    [NUMBERS, TIMES].some((kinds) => kinds.includes(from.kind) && kinds.includes(to.kind)) &&
    was !== "VARCHAR"
  ) {
    const value = `TRY_CAST(${x} AS ${is})`;
    return `CASE WHEN TRY_CAST(${value} AS ${was}) = ${x} THEN ${value} END`;
  }
  const value = fromText(to, toText(from, x), "TRY_CAST");
  return `CASE WHEN ${toText(to, value)} = ${toText(from, x)} THEN ${value} END`;
}

/** A chunk's rows of text, value by value from its columns: lists of whole columns between would cost a quarter more. */
export function rowsOf(chunk: DuckDBDataChunk): Value[][] {
  const { rowCount, columnCount } = chunk;
  const columns = Array.from({ length: columnCount }, (_, index) => chunk.getColumnVector(index));
  const rows = new Array<Value[]>(rowCount);
  for (let at = 0; at < rowCount; at++) {
    const row = new Array<Value>(columnCount);
    for (let index = 0; index < columnCount; index++) row[index] = columns[index]!.getItem(at) as Value;
    rows[at] = row;
  }
  return rows;
}

export const duckdbDialect: Dialect = {
  name: "duckdb",
  quote,
  catalogName: (identifier) => identifier,
  literal,
  types: { text: "VARCHAR", integer: "BIGINT", boolean: "BOOLEAN" },
  storedType,

  fromModel(column, expression, timezone) {
    if (column.kind === "timestamp") {
      if (column.zoned) return `(${expression} AT TIME ZONE 'UTC')::TIMESTAMP`;
      if (timezone === "UTC") return `${expression}::TIMESTAMP`;
      return `((${expression}::TIMESTAMP AT TIME ZONE ${literal(timezone)}) AT TIME ZONE 'UTC')::TIMESTAMP`;
    }
    // A float of 32 bits by its own shortest text: widened as it is, 0.1 would read 0.10000000149011612.
    if (column.sqlType === "FLOAT") return `CAST(CAST(${expression} AS VARCHAR) AS DOUBLE)`;
    // A collation of the user's, such as NOCASE, would follow the values into the state, and changes be equal to it.
    const collation = (column.kind ?? "text") === "text" ? ' COLLATE "C"' : "";
    return `CAST(${plain(column, expression)} AS ${storedType(column)})${collation}`;
  },

  fromText: (column, expression) => fromText(column, expression, "CAST"),
  toText,
  retyped,
  system: "",
  fence: "",
  finds: (expression, pattern) => `regexp_matches(${expression}, ${literal(pattern)})`,
  utf16Length: (expression) =>
    `(length(${expression}) + length(regexp_replace(${expression}, '[^\\x{10000}-\\x{10FFFF}]', '', 'g')))`,
  folded: (column, expression) =>
    column.kind === "text" || column.kind === "uuid" ? `lower(rtrim(${expression}, ' '))` : expression,
  hash: (expressions) => `hash(${expressions.join(", ")})`,
  // One constant, parsed as data: a VALUES clause is parsed as expressions, sixteen times as slow.
  textRows: (names, rows) =>
    `(SELECT ${names.map((name, i) => `v ->> ${i} AS ${name}`).join(", ")} FROM (SELECT unnest(CAST(${literal(JSON.stringify(rows))} AS JSON[])) AS v))`,
  rowNumber: "row_number() OVER ()",
  numbersOnOneCore: true,
  now: "epoch_ms(now())",
  insertIfAbsent: (table, key, values) =>
    `INSERT INTO ${table} (${Object.keys(values).join(", ")}) SELECT ${Object.values(values).join(", ")} ON CONFLICT (${key}) DO NOTHING`,
  createTableAs: (table, select) => `CREATE TABLE ${table} AS ${select}`,
  afterLoad: () => [],
};
