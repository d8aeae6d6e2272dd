/**
 * Snowflake's functions and types as DuckDB has them. What is not in these tables does not exist: the translator
 * refuses it, as Snowflake refuses what it does not know.
 */

/** Types that DuckDB has no own form of are structures of one field, so that nothing treats them as something else. */
export const BOXES = [
  "variant",
  "object",
  "array",
  "map",
  "geography",
  "geometry",
  "vector",
  "decfloat",
] as const;

/** An expression that uses another several times and holds it once: DuckDB's macros alone would repeat it. */
const once = (x: string, body: string): string => `list_transform([${x}], lambda sf_it: ${body})[1]`;

const box = (name: string, text: string): string =>
  once(text, `CASE WHEN sf_it IS NOT NULL THEN struct_pack(sf_${name} := sf_it) END`);

const macro = (name: string, body: string): string =>
  `CREATE OR REPLACE MACRO sf_${name}(x) AS ${once("x", body)}`;

/** Run once in each database: the functions whose result depends on their argument's type. */
export const MACROS: readonly string[] = [
  // The text in a box, or a plain value as JSON.
  macro(
    "json",
    `CASE WHEN sf_it IS NULL THEN NULL ${BOXES.map((name) => `WHEN typeof(sf_it) = 'STRUCT(sf_${name} VARCHAR)' THEN json_extract_string(to_json(sf_it), '$.sf_${name}')`).join(" ")} ELSE CAST(to_json(sf_it) AS VARCHAR) END`,
  ),
  // Fifteen digits of a float, as the service prints them.
  macro(
    "text",
    `CASE WHEN typeof(sf_it) = 'DOUBLE' THEN replace(printf('%.15g', TRY_CAST(CAST(sf_it AS VARCHAR) AS DOUBLE)), 'nan', 'NaN') WHEN typeof(sf_it) LIKE 'STRUCT(sf_%' OR typeof(sf_it) = 'BLOB' OR typeof(sf_it) LIKE 'TI%' THEN error('TO_VARCHAR of ' || typeof(sf_it) || ' depends on the session: say its format') ELSE CAST(sf_it AS VARCHAR) END`,
  ),
  macro(
    "instant",
    `CASE WHEN typeof(sf_it) = 'STRUCT(sf_tz TIMESTAMP WITH TIME ZONE)' THEN CAST(json_extract_string(to_json(sf_it), '$.sf_tz') AS TIMESTAMPTZ) ELSE CAST(CAST(sf_it AS VARCHAR) AS TIMESTAMPTZ) END`,
  ),
  // Microseconds: what lies beyond is cut off.
  macro(
    "moment",
    `CASE WHEN typeof(sf_it) LIKE '%TIME ZONE%' THEN error('TO_VARCHAR of a timestamp with a zone: convert it first') WHEN typeof(sf_it) = 'TIME' THEN CAST('1970-01-01 ' || CAST(sf_it AS VARCHAR) AS TIMESTAMP) ELSE CAST(left(CAST(sf_it AS VARCHAR), 26) AS TIMESTAMP) END`,
  ),
  macro(
    "string",
    `CASE WHEN typeof(sf_it) IN ('VARCHAR', '"NULL"') THEN CAST(sf_it AS VARCHAR) ELSE error('TRY_CAST cannot be used with arguments of type ' || typeof(sf_it)) END`,
  ),
  // Snowflake knows inf and -inf, and no longer word for them.
  macro(
    "float",
    `CASE WHEN lower(CAST(sf_it AS VARCHAR)) LIKE '%infinity' THEN 'Numeric value is not recognized' ELSE CAST(sf_it AS VARCHAR) END`,
  ),
];

export type Writer = (args: readonly string[]) => string;

const same =
  (name: string): Writer =>
  (args) =>
    `${name}(${args.join(", ")})`;

const PLAIN =
  "COUNT SUM MIN MAX AVG COALESCE NULLIF LOWER UPPER TRIM LTRIM RTRIM REPLACE CONCAT LENGTH SUBSTRING LEFT RIGHT ABS ROUND FLOOR CEIL GREATEST LEAST MOD ROW_NUMBER RANK DENSE_RANK LAG LEAD LPAD";

/** By name; `undefined` for the number of arguments means that it is not checked. */
export const FUNCTIONS: Readonly<Record<string, Writer>> = {
  ...Object.fromEntries(PLAIN.split(" ").map((name) => [name, same(name.toLowerCase())])),
  NVL: same("coalesce"),
  IFF: ([condition, yes, no]) => `CASE WHEN ${condition} THEN ${yes} ELSE ${no} END`,
  HASH: (args) => `CAST(CAST(hash(${args.join(", ")}) AS HUGEINT) - 9223372036854775808 AS DECIMAL(19,0))`,
  TO_DOUBLE: ([x]) => `CAST(sf_float(${x}) AS DOUBLE)`,
  TRY_TO_DOUBLE: ([x]) => `TRY_CAST(sf_float(sf_string(${x})) AS DOUBLE)`,
  TO_JSON: ([x]) => `sf_json(${x})`,
  TO_VARIANT: ([x]) => variant(x!),
  PARSE_JSON: ([x]) => box("variant", `CAST(json(${x}) AS VARCHAR)`),
  OBJECT_CONSTRUCT: (args) => box("object", `CAST(json_object(${args.join(", ")}) AS VARCHAR)`),
  ARRAY_CONSTRUCT: (args) => box("array", `CAST(json_array(${args.join(", ")}) AS VARCHAR)`),
  TO_GEOGRAPHY: ([x]) => box("geography", `CAST(json(${x}) AS VARCHAR)`),
  TO_GEOMETRY: ([x]) => box("geometry", `CAST(json(${x}) AS VARCHAR)`),
  ST_ASGEOJSON: ([x]) => box("object", `sf_json(${x})`),
  // The whole text has to match.
  REGEXP_LIKE: ([x, pattern]) => `regexp_full_match(${x}, ${pattern})`,
  // Counts are NUMBER there, whole or not at all here.
  REPEAT: ([x, times]) => `repeat(${x}, CAST(${times} AS BIGINT))`,
  SUBSTR: ([x, from, length]) =>
    `substr(${x}, CAST(${from} AS BIGINT)${length === undefined ? "" : `, CAST(${length} AS BIGINT)`})`,
  RPAD: ([x, length, by]) => `rpad(${x}, CAST(${length} AS INTEGER), ${by})`,
  SPLIT_PART: ([x, by, part]) => `split_part(${x}, ${by}, CAST(${part} AS BIGINT))`,
  // Finds the pattern anywhere; where exactly is not told here.
  REGEXP_INSTR: ([x, pattern]) => `CAST(regexp_matches(${x}, ${pattern}) AS INTEGER)`,
  REGEXP_REPLACE: ([x, pattern, by]) => `regexp_replace(${x}, ${pattern}, ${by}, 'g')`,
  HEX_ENCODE: ([x]) => `hex(${x})`,
  CURRENT_TIMESTAMP: () => "now()",
  SEQ4: () => `"SEQ"`,
  SEQ8: () => `"SEQ"`,
};

const variant = (x: string): string => box("variant", `sf_json(${x})`);

/** A cast to a type of Snowflake's, or `undefined` where there is no such type. */
export function castTo(type: string, x: string): string | undefined {
  const [, name = "", parameters = ""] = /^([A-Z_ 0-9]+?)(\(.*\))?$/.exec(type) ?? [];
  switch (name) {
    case "VARIANT":
      return variant(x);
    case "OBJECT":
    case "ARRAY":
    case "MAP":
    case "VECTOR":
    case "DECFLOAT": {
      const plain = name === "DECFLOAT" || name === "VECTOR" ? `CAST(${x} AS VARCHAR)` : `sf_json(${x})`;
      return box(name.toLowerCase(), plain);
    }
    case "TIMESTAMP_TZ":
      return once(`sf_instant(${x})`, "CASE WHEN sf_it IS NOT NULL THEN struct_pack(sf_tz := sf_it) END");
    case "FLOAT":
    case "DOUBLE":
    case "DOUBLE PRECISION":
    case "REAL":
      return `CAST(sf_float(${x}) AS DOUBLE)`;
    case "VARCHAR":
    case "STRING":
    case "TEXT":
      return parameters === "" ? `sf_text(${x})` : `left(sf_text(${x}), ${parameters.slice(1, -1)})`;
    case "BINARY":
      return `unhex(${x})`;
    default: {
      const stored = storedType(type);
      return stored === undefined ? undefined : `CAST(${x} AS ${stored})`;
    }
  }
}

/** What a column of a type is kept as. */
export function storedType(type: string): string | undefined {
  const [, name = "", parameters = ""] = /^([A-Z_ 0-9]+?)(\(.*\))?$/.exec(type) ?? [];
  switch (name) {
    case "NUMBER":
    case "DECIMAL":
    case "NUMERIC":
      return `DECIMAL${parameters === "" ? "(38,0)" : parameters.includes(",") ? parameters : parameters.replace(")", ",0)")}`;
    case "INT":
    case "INTEGER":
    case "BIGINT":
    case "SMALLINT":
    case "TINYINT":
      return "DECIMAL(38,0)";
    case "FLOAT":
    case "DOUBLE":
    case "DOUBLE PRECISION":
    case "REAL":
      return "DOUBLE";
    case "VARCHAR":
    case "STRING":
    case "TEXT":
      return "VARCHAR";
    case "BOOLEAN":
    case "DATE":
      return name;
    case "TIME":
      return "TIME";
    case "BINARY":
      return "BLOB";
    case "TIMESTAMP":
    case "TIMESTAMP_NTZ":
      return /[789]/.test(parameters) ? "TIMESTAMP_NS" : "TIMESTAMP";
    case "TIMESTAMP_LTZ":
      return "TIMESTAMPTZ";
    case "TIMESTAMP_TZ":
      return "STRUCT(sf_tz TIMESTAMPTZ)";
    default:
      return BOXES.some((known) => known.toUpperCase() === name)
        ? `STRUCT(sf_${name.toLowerCase()} VARCHAR)`
        : undefined;
  }
}

/** A format of dates and times as DuckDB's `strftime` has it, or `undefined` where it holds what is not known. */
export function momentFormat(format: string): string | undefined {
  const elements: Readonly<Record<string, string>> = {
    YYYY: "%Y",
    MM: "%m",
    DD: "%d",
    HH24: "%H",
    MI: "%M",
    SS: "%S",
    FF6: "%f",
    FF3: "%g",
  };
  let rest = format;
  let made = "";
  while (rest !== "") {
    const [found] = /^(YYYY|MM|DD|HH24|MI|SS|FF6|FF3|"[^"]*"|[-:. /])/.exec(rest) ?? [];
    if (found === undefined) return undefined;
    made += found.startsWith('"') ? found.slice(1, -1) : (elements[found] ?? found);
    rest = rest.slice(found.length);
  }
  return made;
}
