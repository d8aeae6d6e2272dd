/** The warehouse's tables, and the way rows get into them. */
import { type DuckDBConnection, DuckDBDataChunk, VARCHAR } from "@duckdb/node-api";

/** A value as text, exact whatever its type; DuckDB casts it when it is loaded. */
export type Row = Readonly<Record<string, string | null>>;

const TABLES = {
  accounts: {
    account_number: "VARCHAR",
    name: "VARCHAR",
    city: "VARCHAR",
    phone: "VARCHAR",
    website: "VARCHAR",
    industry: "VARCHAR",
    payment_terms: "INTEGER",
    employees: "INTEGER",
    credit_limit: "DECIMAL(18, 2)",
    on_hold: "BOOLEAN",
    on_hold_since: "TIMESTAMP",
    latitude: "DOUBLE",
    notes: "VARCHAR",
  },
  people: {
    person_id: "VARCHAR",
    account_number: "VARCHAR",
    first_name: "VARCHAR",
    last_name: "VARCHAR",
    title: "VARCHAR",
    email: "VARCHAR",
    mobile: "VARCHAR",
    notes: "VARCHAR",
    birth_date: "DATE",
    channel: "VARCHAR",
    newsletter: "BOOLEAN",
    mails_sent: "INTEGER",
    mails_opened: "INTEGER",
    opening_points: "BIGINT",
  },
  orders: {
    order_id: "BIGINT",
    person_id: "VARCHAR",
    account_number: "VARCHAR",
    ordered_at: "TIMESTAMP",
    amount: "DECIMAL(12, 2)",
    points: "BIGINT",
  },
} as const satisfies Record<string, Record<string, string>>;

export type TableName = keyof typeof TABLES;
export const TABLE_NAMES = Object.keys(TABLES) as readonly TableName[];

const CHUNK = 2_048;

/** Makes a table of the rows: appended as text, then cast in one statement. */
export async function loadTable(
  connection: DuckDBConnection,
  name: TableName,
  rows: readonly Row[],
): Promise<void> {
  const columns = Object.entries(TABLES[name]);
  await connection.run(
    `CREATE TEMP TABLE texts (${columns.map(([column]) => `${column} VARCHAR`).join(", ")})`,
  );
  const appender = await connection.createAppender("texts", null, "temp");
  const types = columns.map(() => VARCHAR);
  for (let from = 0; from < rows.length; from += CHUNK) {
    const part = rows.slice(from, from + CHUNK);
    const chunk = DuckDBDataChunk.create(types, part.length);
    chunk.setColumns(columns.map(([column]) => part.map((row) => row[column] ?? null)));
    appender.appendDataChunk(chunk);
  }
  appender.closeSync();
  const typed = columns.map(([column, type]) => `CAST(${column} AS ${type}) AS ${column}`);
  await connection.run(`CREATE TABLE ${name} AS SELECT ${typed.join(", ")} FROM texts`);
  await connection.run("DROP TABLE temp.texts");
}
