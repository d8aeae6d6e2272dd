/**
 * How PostgreSQL (14 or newer) spells the state's SQL. Functions, types and collations are named with their schema:
 * the session keeps the user's own `search_path`, in which somebody may have put a better match.
 */
import { type Column, type Dialect, fail } from "../../src/sdk.ts";
import { retyped } from "./retyped.ts";
import { isText, TYPES, textOf } from "./stored.ts";
import { plain } from "./types.ts";

/** The server cuts longer names off without a word. */
const NAME_BYTES = 63;

function quote(identifier: string): string {
  refuseNul(identifier);
  if (identifier === "" || Buffer.byteLength(identifier) > NAME_BYTES) {
    throw fail.config(
      "postgres.name",
      `"${identifier}" cannot be a name in PostgreSQL: it takes 1 to ${NAME_BYTES} bytes.`,
      "Choose a shorter name.",
    );
  }
  return `"${identifier.replaceAll('"', '""')}"`;
}

/** A backslash is plain or an escape as the session has it; behind `E` it is always an escape. */
function literal(text: string): string {
  refuseNul(text);
  const quoted = `'${text.replaceAll("'", "''")}'`;
  return text.includes("\\") ? ` E${quoted.replaceAll("\\", "\\\\")}` : quoted;
}

function refuseNul(text: string): void {
  if (!text.includes("\u0000")) return;
  throw fail.config(
    "postgres.nul",
    `PostgreSQL keeps no NUL character in a text: ${JSON.stringify(text.slice(0, 80))}.`,
    "Take the character out.",
  );
}

/** Compares by bytes: quick, and no two texts are equal that differ. */
const BY_BYTES = 'COLLATE pg_catalog."C"';

const typeOf = (column: Column): string => TYPES[column.kind ?? "text"];

const hash = (expressions: readonly string[]): string =>
  `pg_catalog.hash_record_extended(ROW(${expressions.join(", ")}), 0)`;

/** "System Information Functions", access privilege inquiry. */
function missingRights(schema: string): string {
  const name = literal(schema);
  const lacks = (privilege: string, on: string): string => `${privilege} || ' on ${on} ' ||`;
  const there = `pg_catalog.pg_namespace n WHERE n.nspname = ${name}`;
  return [
    `SELECT ${lacks("'CREATE'", "the database")} pg_catalog.current_database()::text AS lacks WHERE NOT EXISTS (SELECT FROM ${there}) AND NOT pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE')`,
    `SELECT ${lacks("p.name", "the schema")} n.nspname::text FROM (VALUES ('USAGE'), ('CREATE')) p(name), ${there} AND NOT pg_catalog.has_schema_privilege(n.oid, p.name)`,
    `SELECT ${lacks("p.name", "the table")} c.relname::text FROM (VALUES ('SELECT'), ('INSERT'), ('UPDATE'), ('DELETE')) p(name), pg_catalog.pg_class c JOIN ${there.replace(" WHERE", " ON c.relnamespace = n.oid WHERE")} AND c.relname IN ('syncs', 'runs', 'rejects') AND NOT pg_catalog.has_table_privilege(c.oid, p.name)`,
  ].join(" UNION ALL ");
}

export const postgresDialect: Dialect = {
  name: "postgres",
  missingRights,
  quote,
  catalogName: (identifier) => identifier,
  literal,
  types: { text: TYPES.text, integer: TYPES.integer, boolean: TYPES.boolean },

  storedType: (column) => (isText(column) ? `${TYPES.text} ${BY_BYTES}` : typeOf(column)),

  fromModel(column, expression, timezone) {
    const x = plain(column, expression);
    if (column.kind === "timestamp") {
      if (column.zoned) return `pg_catalog.timezone('UTC', ${x})`;
      return timezone === "UTC"
        ? x
        : `pg_catalog.timezone('UTC', pg_catalog.timezone(${literal(timezone)}, ${x}))`;
    }
    if (isText(column)) return `(${x})::pg_catalog.text ${BY_BYTES}`;
    // A float of 32 bits by its own shortest text: widened as it is, 0.1 would read 0.10000000149011612.
    if (column.sqlType === "real") return `(${x})::pg_catalog.text::pg_catalog.float8`;
    return `(${x})::${typeOf(column)}`;
  },

  fromText: (column, expression) =>
    isText(column) ? `(${expression})::${TYPES.text} ${BY_BYTES}` : `(${expression})::${typeOf(column)}`,

  toText: textOf,
  retyped: (from, to, expression) =>
    isText(to) && !isText(from) ? `(${textOf(from, expression)}) ${BY_BYTES}` : retyped(from, to, expression),

  system: "pg_catalog.",
  fence: " OFFSET 0",
  // A text of PostgreSQL's holds no NUL.
  finds: (expression, pattern) =>
    `(${expression} OPERATOR(pg_catalog.~) ${literal(pattern.replaceAll("\u0000", ""))})`,
  utf16Length: (expression) =>
    `(pg_catalog.length(${expression}) + pg_catalog.length(pg_catalog.regexp_replace(${expression}, E'[^\\\\U00010000-\\\\U0010FFFF]', '', 'g')))`,

  folded(column, expression) {
    if (!isText(column)) return expression;
    const x = `pg_catalog.rtrim(${expression}, ' ')`;
    const lower = (collation: string): string => `pg_catalog.lower(${x} COLLATE ${collation}) ${BY_BYTES}`;
    // The database's own locale may know no letter beyond ASCII; ICU knows all, and costs more.
    return `CASE WHEN pg_catalog.octet_length(${expression}) = pg_catalog.length(${expression}) THEN ${lower('pg_catalog."C"')} ELSE ${lower('pg_catalog."und-x-icu"')} END`;
  },

  hash,
  // PostgreSQL sorts in parallel, and hashes groups in one process; sorted rows are grouped as they come. One pass.
  anyNullOrDouble(table, expressions) {
    const isNull = expressions.map((expression) => `${expression} IS NULL`).join(" OR ");
    const value =
      expressions.length === 1 ? expressions[0] : `CASE WHEN NOT (${isNull}) THEN ${hash(expressions)} END`;
    return `EXISTS (SELECT 1 FROM (SELECT ${value} AS value FROM ${table} ORDER BY 1 OFFSET 0) a GROUP BY value HAVING count(*) > 1 OR value IS NULL)`;
  },
  rowNumber: "pg_catalog.row_number() OVER ()",
  now: "pg_catalog.floor(EXTRACT(epoch FROM pg_catalog.clock_timestamp()) * 1000)::pg_catalog.int8",
  insertIfAbsent: (table, key, values) =>
    `INSERT INTO ${table} (${Object.keys(values).join(", ")}) SELECT ${Object.values(values).join(", ")} ON CONFLICT (${key}) DO NOTHING`,
  createTableAs: (table, select) => `CREATE TABLE ${table} AS ${select}`,
  afterLoad: (table) => [`ANALYZE ${table}`],
};
