/**
 * How Snowflake spells things. Pure: text in, text out. What each row of the table in README.md says of a type is
 * said here once, for rows that are streamed and for rows that the state keeps.
 */
import type { Column, Dialect } from "../../src/sdk.ts";

/**
 * Snowflake reads a plain name in capitals, models are written in small letters. A name that is all of one case is
 * therefore the other case's on our side: the column ID is `id` to the user, `"id"` in quotation marks is `ID`. The
 * function is its own inverse, so that no two names fall together.
 */
export function otherCase(name: string): string {
  if (/^[A-Z_][A-Z0-9_$]*$/.test(name)) return name.toLowerCase();
  return /^[a-z_][a-z0-9_$]*$/.test(name) ? name.toUpperCase() : name;
}

const quote = (identifier: string): string => `"${otherCase(identifier).replaceAll('"', '""')}"`;

/** In Snowflake's strings a backslash escapes what follows: "String constants", escape sequences. */
export const literal = (text: string): string =>
  `'${text.replaceAll("\\", "\\\\").replaceAll("'", "''").replaceAll("\u0000", "\\u0000")}'`;

const DATE = "'YYYY-MM-DD'";
/** Digits after the sixth are cut off, not rounded. */
const MOMENT = `'YYYY-MM-DD"T"HH24:MI:SS.FF6'`;
const TIME = "'HH24:MI:SS.FF6'";
/** Seventeen digits tell any two floats apart. */
const SEVENTEEN_DIGITS = "'FM9.9999999999999999EEEEE'";

const untilLastDigit = (text: string): string => `RTRIM(RTRIM(${text}, '0'), '.')`;
/** A float as the text that Snowflake writes by itself where that reads back the same, else with all its digits. */
function floatText(x: string): string {
  const plain = `TO_VARCHAR(${x})`;
  return `REPLACE(IFF(TO_DOUBLE(${plain}) = ${x}, ${plain}, TO_VARCHAR(${x}, ${SEVENTEEN_DIGITS})), 'inf', 'Infinity')`;
}

function storedType(column: Column): string {
  switch (column.kind) {
    case "boolean":
      return "BOOLEAN";
    case "integer":
      return "NUMBER(38,0)";
    case "decimal": {
      const { precision, scale } = column;
      const fits =
        precision !== undefined && scale !== undefined && precision <= 38 && scale >= 0 && scale <= precision;
      return fits ? `NUMBER(${precision},${scale})` : "VARCHAR";
    }
    case "double":
      return "FLOAT";
    case "date":
      return "DATE";
    case "timestamp":
      return "TIMESTAMP_NTZ(6)";
    default:
      return "VARCHAR";
  }
}

/** A timestamp of the model's as wall-clock time in UTC. */
function inUtc(column: Column, x: string, timezone: string): string {
  if (column.zoned) return `CONVERT_TIMEZONE('UTC', ${x})`;
  return timezone === "UTC" ? x : `CONVERT_TIMEZONE(${literal(timezone)}, 'UTC', ${x})`;
}

/** A value of the model's that is carried as text. */
function textOf(column: Column, x: string): string {
  switch (column.sqlType) {
    case "VARIANT":
    case "OBJECT":
    case "ARRAY":
    case "MAP":
      return `TO_JSON(CAST(${x} AS VARIANT))`;
    case "GEOGRAPHY":
    case "GEOMETRY":
      return `TO_JSON(CAST(ST_ASGEOJSON(${x}) AS VARIANT))`;
    case "BINARY":
      return `TO_VARCHAR(${x}, 'HEX')`;
    case "TIME":
      return untilLastDigit(`TO_VARCHAR(${x}, ${TIME})`);
    default:
      return x;
  }
}

/** Canonical text of a value of the model's, without a stop at the stored type. */
export function modelText(column: Column, x: string, timezone: string): string {
  if (column.kind === "text") return textOf(column, x);
  return toText(column, column.kind === "timestamp" ? inUtc(column, x, timezone) : x);
}

function toText(column: Column, x: string): string {
  switch (column.kind) {
    case "text":
    case "uuid":
      return x;
    case "date":
      return `TO_VARCHAR(${x}, ${DATE})`;
    case "timestamp":
      return `${untilLastDigit(`TO_VARCHAR(${x}, ${MOMENT})`)} || 'Z'`;
    case "double":
      return floatText(x);
    default:
      return storedType(column) === "VARCHAR" ? x : `TO_VARCHAR(${x})`;
  }
}

/** Canonical text as a stored type; `try` gives null where the text is no such value. */
function read(type: string, text: string, how: "strict" | "try"): string {
  const attempt = how === "try" ? "TRY_" : "";
  switch (type) {
    case "VARCHAR":
      return text;
    case "FLOAT":
      return `${attempt}TO_DOUBLE(REPLACE(${text}, 'Infinity', 'inf'))`;
    case "DATE":
      return `${attempt}TO_DATE(${text}, ${DATE})`;
    case "TIMESTAMP_NTZ(6)":
      return `CAST(${attempt}TO_TIMESTAMP_NTZ(RTRIM(${text}, 'Z'), 'AUTO') AS ${type})`;
    default:
      return `${attempt}CAST(${text} AS ${type})`;
  }
}

const UUID = "'[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}'";

/** By way of text, since TRY_CAST takes nothing else; what does not come back as it was is another value. */
function retyped(from: Column, to: Column, x: string): string {
  const [was, type] = [storedType(from), storedType(to)];
  const text = toText(from, x);
  if (to.kind === "uuid" && from.kind !== "uuid")
    return `CASE WHEN REGEXP_LIKE(${text}, ${UUID}) THEN ${text} END`;
  if (type === was) return x;
  if (type === "VARCHAR") return text;
  if (was === "DATE" && to.kind === "timestamp") return `CAST(${x} AS ${type})`;
  if (type === "DATE" && from.kind === "timestamp") {
    return `CASE WHEN CAST(CAST(${x} AS DATE) AS ${was}) = ${x} THEN CAST(${x} AS DATE) END`;
  }
  const value = read(type, text, "try");
  return `CASE WHEN ${read(was, toText(to, value), "try")} = ${x} THEN ${value} END`;
}

/**
 * "OBJECT_PRIVILEGES view", "IS_ROLE_IN_SESSION", "Access control privileges". The view shows what was granted on what
 * the role can see; of a thing of which it tells no grant to us, such as one by way of another role, nothing is said.
 */
function missingRights(schema: string): string {
  const name = literal(otherCase(schema));
  const grants = (condition: string): string =>
    `SELECT object_type, object_schema, object_name, privilege_type FROM information_schema.object_privileges WHERE object_catalog = CURRENT_DATABASE() AND ${condition}`;
  // As a condition by itself: beside an OR the function's answer for a column is not documented.
  const held = `${grants("IS_ROLE_IN_SESSION(grantee)")} UNION ALL ${grants("granted_to <> 'ROLE'")}`;
  const needed = Object.entries(NEEDED).flatMap(([type, rights]) =>
    rights.map((right) => `SELECT ${literal(type)} AS type, ${literal(right)} AS privilege`),
  );
  const isThere = `EXISTS (SELECT 1 FROM information_schema.schemata WHERE schema_name = ${name})`;
  const things = [
    `object_type = 'DATABASE' AND NOT ${isThere}`,
    `object_type = 'SCHEMA' AND object_name = ${name}`,
    `object_type = 'TABLE' AND object_schema = ${name} AND object_name IN ('SYNCS', 'RUNS', 'REJECTS')`,
  ].map((thing) => `SELECT object_type, object_schema, object_name FROM held WHERE ${thing}`);
  const onSame = ["object_type", "object_name", "object_schema"].map(
    (column) => `h.${column} IS NOT DISTINCT FROM t.${column}`,
  );
  return [
    `WITH held AS (${held}), needed AS (${needed.join(" UNION ALL ")}), things AS (${things.join(" UNION ")})`,
    `SELECT n.privilege || ' on the ' || LOWER(t.object_type) || ' ' || t.object_name || CASE WHEN t.object_type = 'DATABASE' THEN ', or USAGE on the schema ' || ${name} || ' if it is there' ELSE '' END`,
    `FROM things t JOIN needed n ON n.type = t.object_type LEFT JOIN held h ON ${onSame.join(" AND ")} AND h.privilege_type IN ('OWNERSHIP', n.privilege)`,
    "WHERE h.privilege_type IS NULL ORDER BY t.object_type, t.object_name, n.privilege",
  ].join(" ");
}

const NEEDED = {
  DATABASE: ["CREATE SCHEMA"],
  SCHEMA: ["CREATE TABLE", "USAGE"],
  TABLE: ["SELECT", "INSERT", "UPDATE", "DELETE"],
};

export const snowflakeDialect: Dialect = {
  name: "snowflake",
  missingRights,
  quote,
  catalogName: otherCase,
  literal,
  types: { text: "VARCHAR", integer: "NUMBER(38,0)", boolean: "BOOLEAN" },
  storedType,

  fromModel(column, expression, timezone) {
    const type = storedType(column);
    if (column.kind === "text") return textOf(column, expression);
    return `CAST(${column.kind === "timestamp" ? inUtc(column, expression, timezone) : expression} AS ${type})`;
  },

  fromText: (column, expression) => read(storedType(column), expression, "strict"),
  toText,

  retyped,
  system: "",
  fence: "",
  finds: (expression, pattern) => `REGEXP_INSTR(${expression}, ${literal(pattern)}) > 0`,
  // Its strings count characters; those beyond U+FFFF are two units.
  utf16Length: (expression) =>
    `(LENGTH(${expression}) + LENGTH(REGEXP_REPLACE(${expression}, '[^\u{10000}-\u{10FFFF}]', '')))`,
  folded: (column, expression) =>
    column.kind === "text" || column.kind === "uuid" ? `LOWER(RTRIM(${expression}, ' '))` : expression,
  hash: (expressions) => `HASH(${expressions.join(", ")})`,
  rowNumber: "ROW_NUMBER() OVER (ORDER BY NULL)",
  now: "DATE_PART(EPOCH_MILLISECOND, CURRENT_TIMESTAMP())",

  // Snowflake enforces no key: MERGE looks and inserts as one statement.
  insertIfAbsent(table, key, values) {
    const names = Object.keys(values);
    const row = names.map((name) => `${values[name]} AS ${name}`).join(", ");
    const same = key.split(/\s*,\s*/).map((name) => `t.${name} = s.${name}`);
    return `MERGE INTO ${table} t USING (SELECT ${row}) s ON ${same.join(" AND ")} WHEN NOT MATCHED THEN INSERT (${names.join(", ")}) VALUES (${names.map((name) => `s.${name}`).join(", ")})`;
  },

  // Transient: it outlives the session, and costs no seven days of fail-safe storage.
  createTableAs: (table, select) => `CREATE TRANSIENT TABLE ${table} AS ${select}`,
  afterLoad: () => [],
};
