import { type Column, type ColumnKind, fail, type Value } from "../../src/sdk.ts";

/** Built-in types by object id, as `pg_type.dat` of PostgreSQL assigns them. */
const KINDS: Readonly<Record<number, readonly [kind: ColumnKind, name: string]>> = {
  16: ["boolean", "boolean"],
  17: ["text", "bytea"],
  18: ["text", '"char"'],
  19: ["text", "name"],
  20: ["integer", "bigint"],
  21: ["integer", "smallint"],
  23: ["integer", "integer"],
  25: ["text", "text"],
  26: ["integer", "oid"],
  114: ["text", "json"],
  142: ["text", "xml"],
  650: ["text", "cidr"],
  700: ["double", "real"],
  701: ["double", "double precision"],
  774: ["text", "macaddr8"],
  790: ["decimal", "money"],
  829: ["text", "macaddr"],
  869: ["text", "inet"],
  1042: ["text", "character"],
  1043: ["text", "character varying"],
  1082: ["date", "date"],
  1083: ["text", "time without time zone"],
  1114: ["timestamp", "timestamp without time zone"],
  1184: ["timestamp", "timestamp with time zone"],
  1266: ["text", "time with time zone"],
  1560: ["text", "bit"],
  1562: ["text", "bit varying"],
  1700: ["decimal", "numeric"],
  2950: ["uuid", "uuid"],
  3802: ["text", "jsonb"],
};

/** What the catalog says of a type that is not in the table above: `typtype` and `typcategory` of `pg_type`. */
export interface CatalogType {
  readonly name: string;
  readonly type: string;
  readonly category: string;
}

/** Enums, ranges and multiranges by their own text, arrays as JSON. */
const isTextual = ({ name, type, category }: CatalogType): boolean =>
  type === "e" || type === "r" || type === "m" || category === "A" || name === "citext";

const isArray = (sqlType: string): boolean => sqlType.endsWith("[]");

/**
 * A value of the model's result as one that is kept or sent: what PostgreSQL's own text would not tell well
 * becomes another type first.
 */
export function plain({ sqlType }: Column, x: string): string {
  if (isArray(sqlType)) return `pg_catalog.array_to_json(${x})::pg_catalog.text`;
  switch (sqlType) {
    case "bytea":
      return `pg_catalog.translate(pg_catalog.encode(${x}, 'base64'), E'\\n', '')`;
    case "money": // its text depends on the server's locale
      return `(${x})::pg_catalog.numeric`;
    case "character": // without the blanks that fill it up, which count for nothing
      return `(${x})::pg_catalog.text`;
    default:
      return x;
  }
}

/**
 * A column of a result.
 *
 * @param modifier the type modifier of the row description: for `numeric(p,s)` it is `((p << 16) | s) + 4`
 */
export function columnOf(
  name: string,
  oid: number,
  modifier: number,
  catalog: ReadonlyMap<number, CatalogType>,
): Column {
  const known = KINDS[oid];
  if (known === undefined) {
    const type = catalog.get(oid);
    const kind = type !== undefined && isTextual(type) ? "text" : undefined;
    return { name, kind, sqlType: type?.name ?? `type ${oid}` };
  }
  const [kind, sqlType] = known;
  if (kind === "timestamp") return { name, kind, sqlType, zoned: oid === 1184 };
  if (kind === "decimal" && modifier >= 4) {
    const precision = ((modifier - 4) >> 16) & 0xffff;
    const scale = (((modifier - 4) & 0x7ff) ^ 0x400) - 0x400;
    // The state would keep DECIMAL(p,s) where both are stated, and has no NaN there: one such value would end the
    // run. As text it reaches the destination, which refuses that row alone.
    return { name, kind, sqlType: `numeric(${precision},${scale})` };
  }
  return { name, kind, sqlType };
}

export const isBuiltIn = (oid: number): boolean => oid in KINDS;

/** Makes canonical text of the text that PostgreSQL sends (with TimeZone UTC and DateStyle ISO). */
export function canonical(column: Column): (text: Value) => Value {
  const convert = converter(column);
  return convert === undefined ? (text) => text : (text) => (text === null ? null : convert(text));
}

function converter(column: Column): ((text: string) => string) | undefined {
  switch (column.kind) {
    case "boolean":
      return (text) => (text === "t" ? "true" : "false");
    case "timestamp":
      return (text) => moment(column, text);
    case "date":
      return era;
    case "decimal":
      // numeric without a scale keeps the digits it was given: 1.50 and 1.5 are one value. With one, PostgreSQL
      // always writes as many digits as it says.
      return !column.sqlType.includes("(")
        ? (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text)
        : undefined;
    default:
      return undefined;
  }
}

/** The last moment that local state can keep; PostgreSQL's years go on to 294276. */
const LAST = "294247-01-10 04:00:54.775806";

function moment({ name }: Column, text: string): string {
  if (text.endsWith("infinity")) return text;
  const plain = text.replace("+00", "");
  // 44-03-15 10:00:00 BC is 0044-03-15 (BC) 10:00:00 for the state's engine.
  if (plain.endsWith(" BC")) return `${plain.slice(0, -3).replace(" ", " (BC) ")}Z`;
  if (plain[6] === "-" && plain.length >= 19 && plain > LAST) {
    throw fail.config(
      "model.timestamp_out_of_range",
      `Column "${name}" holds the moment ${plain}, and local state ends at ${LAST}.`,
      "Clear such moments in the query, for example with nullif, or cast them to text.",
    );
  }
  return `${plain.replace(" ", "T")}Z`;
}

/** Years before Christ: PostgreSQL writes ` BC` at the end, the state's engine ` (BC)`. */
const era = (text: string): string => (text.endsWith(" BC") ? `${text.slice(0, -3)} (BC)` : text);
