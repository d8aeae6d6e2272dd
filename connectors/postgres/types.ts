import type { Column, ColumnKind, Value } from "../../src/sdk.ts";

/** Built-in types by object id, as `pg_type.dat` of PostgreSQL assigns them. */
const KINDS: Readonly<Record<number, readonly [kind: ColumnKind, name: string]>> = {
  16: ["boolean", "boolean"],
  18: ["text", '"char"'],
  19: ["text", "name"],
  20: ["integer", "bigint"],
  21: ["integer", "smallint"],
  23: ["integer", "integer"],
  25: ["text", "text"],
  26: ["integer", "oid"],
  114: ["text", "json"],
  700: ["double", "real"],
  701: ["double", "double precision"],
  1042: ["text", "character"],
  1043: ["text", "character varying"],
  1082: ["date", "date"],
  1114: ["timestamp", "timestamp without time zone"],
  1184: ["timestamp", "timestamp with time zone"],
  1700: ["decimal", "numeric"],
  2950: ["uuid", "uuid"],
  3802: ["text", "jsonb"],
};

/** What the catalog says of a type that is not in the table above. */
export interface CatalogType {
  readonly name: string;
  readonly isEnum: boolean;
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
    const textual = type !== undefined && (type.isEnum || type.name === "citext");
    return { name, kind: textual ? "text" : undefined, sqlType: type?.name ?? `type ${oid}` };
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
      return moment;
    case "date":
      return era;
    case "decimal":
      // numeric without a scale keeps the digits it was given: 1.50 and 1.5 are one value. With one, PostgreSQL
      // always writes as many digits as it says.
      return column.sqlType === "numeric"
        ? (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text)
        : undefined;
    default:
      return undefined;
  }
}

/**
 * The last moment that the state can keep; PostgreSQL's years go on to 294276. What lies between is this moment to
 * us: no destination takes a year of six digits, so the row is refused alone.
 */
const LAST = "294247-01-10 04:00:54.775806";

function moment(text: string): string {
  if (text.endsWith("infinity")) return text;
  const plain = text.replace("+00", "");
  // 44-03-15 10:00:00 BC is 0044-03-15 (BC) 10:00:00 for the state's engine.
  if (plain.endsWith(" BC")) return `${plain.slice(0, -3).replace(" ", " (BC) ")}Z`;
  const known = plain.length < 19 || plain[4] === "-" || plain[6] !== "-" || plain <= LAST;
  return `${(known ? plain : LAST).replace(" ", "T")}Z`;
}

/** Years before Christ: PostgreSQL writes ` BC` at the end, the state's engine ` (BC)`. */
const era = (text: string): string => (text.endsWith(" BC") ? `${text.slice(0, -3)} (BC)` : text);
