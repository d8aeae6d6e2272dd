/** A day in the company's life: what changes in the warehouse, and what the CRM has to hear about it. */
import type { DuckDBConnection } from "@duckdb/node-api";
import { accountNumber } from "./accounts.ts";

/** For each sync, the changed rows by primary key, each with the changed fields of the CRM. */
export interface Changes {
  readonly accounts: ReadonlyMap<string, ReadonlySet<string>>;
  readonly contacts: ReadonlyMap<string, ReadonlySet<string>>;
}

/** Bad rows, numbered from 90000 on, stay as they are. */
const GOOD_ACCOUNT = "account_number < 'AC-9'";
const GOOD_PERSON = "person_id < 'C-9'";

export async function liveADay(connection: DuckDBConnection): Promise<Changes> {
  const accounts = new Map<string, Set<string>>();
  const contacts = new Map<string, Set<string>>();

  /** Picks keys, updates their rows, and notes the fields that differ for it. */
  const change = async (step: Step): Promise<void> => {
    const { table, key, notes } =
      step.of === "accounts"
        ? { table: "accounts", key: "account_number", notes: accounts }
        : { table: "people", key: "person_id", notes: contacts };
    const keys = await texts(
      connection,
      `SELECT ${key} FROM ${table} WHERE ${step.of === "accounts" ? GOOD_ACCOUNT : GOOD_PERSON} AND ${step.where} ORDER BY md5(${key} || '${step.salt}'), ${key} LIMIT ${step.rows}`,
    );
    await connection.run(`UPDATE ${table} SET ${step.set} WHERE ${key} IN (${listed(keys)})`);
    for (const k of keys) note(notes, k, step.fields);
  };
  for (const step of STEPS) await change(step);

  for (const [person, account] of await placeOrders(connection)) {
    note(contacts, person, ["new_lastpurchaseon", "new_lifetimepoints", "new_score"]);
    note(accounts, account, ["revenue"]);
  }
  return { accounts, contacts };
}

interface Step {
  readonly of: "accounts" | "contacts";
  readonly rows: number;
  /** Rows with the same salt are the same rows, as far as `where` lets them be. */
  readonly salt: string;
  readonly where: string;
  readonly set: string;
  /** Fields of the CRM that differ afterwards; none when the CRM holds the same value as before. */
  readonly fields: readonly string[];
}

const STEPS: readonly Step[] = [
  {
    of: "contacts",
    rows: 120,
    salt: "mail",
    where: "true",
    set: "email = 'new.' || person_id || '@example.test'",
    fields: ["emailaddress1"],
  },
  {
    of: "contacts",
    rows: 40,
    salt: "mail",
    where: "true",
    set: "title = 'Promoted – with new address'",
    fields: ["jobtitle"],
  },
  {
    of: "contacts",
    rows: 40,
    salt: "title",
    where: "true",
    set: "title = 'O''Promoted'",
    fields: ["jobtitle"],
  },
  {
    of: "contacts",
    rows: 30,
    salt: "notes",
    where: "notes <> ''",
    set: "notes = NULL",
    fields: ["description"],
  },
  {
    of: "contacts",
    rows: 25,
    salt: "birth",
    where: "birth_date IS NOT NULL",
    set: "birth_date = birth_date + 1",
    fields: ["birthdate"],
  },
  {
    of: "contacts",
    rows: 20,
    salt: "move",
    where: `upper(rtrim(account_number)) IS DISTINCT FROM '${accountNumber(42)}'`,
    set: `account_number = '${accountNumber(42)}'`,
    fields: ["parentcustomerid"],
  },
  // The field has `when_null: skip`: the number that the CRM holds stays.
  { of: "contacts", rows: 15, salt: "mobile", where: "mobile IS NOT NULL", set: "mobile = NULL", fields: [] },
  {
    of: "accounts",
    rows: 40,
    salt: "phone",
    where: "true",
    set: "phone = '+49 221 ' || right(md5(account_number), 6)",
    fields: ["telephone1"],
  },
  {
    of: "accounts",
    rows: 30,
    salt: "city",
    where: "city IS DISTINCT FROM 'Aßlar'",
    set: "city = 'Aßlar'",
    fields: ["address1_city"],
  },
  {
    of: "accounts",
    rows: 25,
    salt: "limit",
    where: "credit_limit IS NOT NULL",
    set: "credit_limit = credit_limit + 0.01",
    fields: ["creditlimit"],
  },
  // Another spelling of the same choice, and a moment in the same second: nothing for the CRM.
  {
    of: "accounts",
    rows: 10,
    salt: "label",
    where: "industry = 'Wholesale'",
    set: "industry = 'Großhandel'",
    fields: [],
  },
  {
    of: "accounts",
    rows: 5,
    salt: "fraction",
    where: "on_hold_since IS NOT NULL",
    set: "on_hold_since = date_trunc('second', on_hold_since)",
    fields: [],
  },
];

/**
 * One new order each from people of different accounts. People in gold and preferred accounts stay what they
 * are, so that nothing else follows from it.
 */
async function placeOrders(connection: DuckDBConnection): Promise<readonly (readonly [string, string])[]> {
  await connection.run(`CREATE TEMP TABLE buyers AS
    SELECT person_id, account_number
    FROM (
      SELECT p.person_id, p.account_number, row_number() OVER (PARTITION BY p.account_number ORDER BY p.person_id) AS place
      FROM people p
      JOIN (SELECT person_id FROM orders GROUP BY ALL HAVING sum(points) >= 1500) USING (person_id)
      JOIN (SELECT account_number FROM orders GROUP BY ALL HAVING sum(amount) >= 25000) USING (account_number)
      WHERE ${GOOD_PERSON}
    )
    WHERE place = 1
    ORDER BY person_id
    LIMIT 60`);
  await connection.run(`INSERT INTO orders
    SELECT (SELECT max(order_id) FROM orders) + row_number() OVER (ORDER BY person_id), person_id, account_number,
      TIMESTAMP '2025-07-01 09:00:00.123456' + to_minutes(row_number() OVER (ORDER BY person_id)), 240.00, 240
    FROM buyers`);
  const rows = await connection.runAndReadAll("SELECT person_id, account_number FROM buyers");
  return rows.getRows().map(([person, account]) => [String(person), String(account)] as const);
}

function note(notes: Map<string, Set<string>>, key: string, fields: readonly string[]): void {
  if (fields.length === 0) return;
  notes.set(key, new Set([...(notes.get(key) ?? []), ...fields]));
}

async function texts(connection: DuckDBConnection, query: string): Promise<string[]> {
  const rows = await connection.runAndReadAll(query);
  return rows.getRows().map(([text]) => String(text));
}

const listed = (keys: readonly string[]): string =>
  keys.map((key) => `'${key.replaceAll("'", "''")}'`).join(", ");
