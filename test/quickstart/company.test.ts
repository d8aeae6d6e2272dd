import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import {
  changeWarehouse,
  EXPECTED_REJECTIONS,
  fillWarehouse,
  TABLE_NAMES,
  vipsIn,
} from "../../models/company.ts";
import { inDuckdb, temporaryFolder } from "../support/project.ts";
import { modelSql } from "./models.ts";

async function company(seed?: number): Promise<string> {
  const folder = temporaryFolder();
  onTestFinished(() => folder[Symbol.dispose]());
  const file = join(folder.path, "warehouse.duckdb");
  await fillWarehouse(file, seed);
  return file;
}

/** A hash over every value of every row, in the order of the rows. */
async function hashes(file: string): Promise<readonly unknown[]> {
  const each = TABLE_NAMES.map(
    (name) => `(SELECT md5(string_agg(t::VARCHAR, '\n' ORDER BY rowid)) FROM ${name} t)`,
  );
  return (await inDuckdb(file, `SELECT ${each.join(", ")}`))[0]!;
}

test("the same seed makes the same company, and the same day in its life", async () => {
  const [one, other] = [await company(), await company()];
  expect(await hashes(one)).toEqual(await hashes(other));
  expect(await changeWarehouse(one)).toEqual(await changeWarehouse(other));
  expect(await hashes(one)).toEqual(await hashes(other));
});

test("another seed makes another company", async () => {
  const [one, other] = [await hashes(await company()), await hashes(await company(7))];
  for (const [i, hash] of one.entries()) expect(hash).not.toBe(other[i]);
});

test("the company is large and untidy enough to be believed", async () => {
  const file = await company();
  const [counts] = await inDuckdb(
    file,
    "SELECT (SELECT count(*) FROM accounts), (SELECT count(*) FROM people), (SELECT count(*) FROM orders)",
  );
  expect(counts!.map(Number)[0]).toBeGreaterThanOrEqual(2_000);
  expect(counts!.map(Number)[1]).toBeGreaterThanOrEqual(20_000);
  expect(counts!.map(Number)[2]).toBeGreaterThanOrEqual(60_000);

  const oddities = {
    "accents and umlauts": "SELECT count(*) FROM people WHERE last_name SIMILAR TO '.*[üåéßș].*'",
    apostrophes: "SELECT count(*) FROM people WHERE last_name LIKE '%''%'",
    "double quotes": "SELECT count(*) FROM accounts WHERE name LIKE '%\"%'",
    commas: "SELECT count(*) FROM people WHERE last_name LIKE '%,%'",
    emoji: "SELECT count(*) FROM people WHERE notes LIKE '%🎉%'",
    "line breaks": "SELECT count(*) FROM people WHERE notes LIKE '%' || chr(13) || chr(10) || '%'",
    "spaces at the ends": "SELECT count(*) FROM accounts WHERE name LIKE ' %' AND name LIKE '% '",
    "empty texts": "SELECT count(*) FROM people WHERE notes = ''",
    nulls: "SELECT count(*) FROM people WHERE notes IS NULL",
    "texts as long as the field takes": "SELECT count(*) FROM accounts WHERE length(notes) = 2000",
    "names as long as the field takes": "SELECT count(*) FROM accounts WHERE length(name) = 160",
    "decimals beyond a binary float": "SELECT count(*) FROM accounts WHERE credit_limit > 90000000000000",
    "integers beyond a binary float": "SELECT count(*) FROM people WHERE opening_points > 9007199254740992",
    "negative amounts": "SELECT count(*) FROM orders WHERE amount < 0",
    "leap days": "SELECT count(*) FROM people WHERE strftime(birth_date, '%m-%d') = '02-29'",
    "dates before 1970": "SELECT count(*) FROM people WHERE birth_date < DATE '1970-01-01'",
    "moments before 1970": "SELECT count(*) FROM accounts WHERE on_hold_since < TIMESTAMP '1970-01-01'",
    microseconds: "SELECT count(*) FROM orders WHERE microsecond(ordered_at) % 1000 <> 0",
    "keys that no address can hold": "SELECT count(*) FROM accounts WHERE account_number LIKE '%/%'",
    "keys with a quote": "SELECT count(*) FROM accounts WHERE account_number LIKE '%''%'",
    "references in small letters": "SELECT count(*) FROM people WHERE account_number LIKE 'ac-%'",
  };
  for (const [oddity, query] of Object.entries(oddities)) {
    expect(Number((await inDuckdb(file, query))[0]![0]), oddity).toBeGreaterThan(0);
  }
});

test("every bad row is there, and there is at least one of each kind", async () => {
  const file = await company();
  const codes = EXPECTED_REJECTIONS.map(({ code }) => code);
  expect(new Set(codes)).toEqual(
    new Set(["value.unknown_choice", "value.too_long", "key.null", "key.double", "lookup.missing"]),
  );
  for (const { sync, key } of EXPECTED_REJECTIONS) {
    const column = sync === "accounts" ? "account_number" : "person_id";
    const table = sync === "accounts" ? "accounts" : "people";
    const [row] = await inDuckdb(
      file,
      `SELECT count(*) FROM ${table} WHERE ${column} IS NOT DISTINCT FROM ${key === null ? "NULL" : `'${key}'`}`,
    );
    const same = EXPECTED_REJECTIONS.filter((other) => other.sync === sync && other.key === key);
    expect(Number(row![0]), `${sync} ${key}`).toBe(same.length);
  }
});

test("the list's model and the count of the orders, one by one, name the same people", async () => {
  const file = await company();
  for (const moment of ["before", "after"]) {
    const due = await vipsIn(file);
    const rows = await inDuckdb(file, modelSql("vips"));
    expect(due.size, moment).toBeGreaterThan(1_000);
    expect(new Set(rows.map(([person]) => person)), moment).toEqual(due);
    if (moment === "before") await changeWarehouse(file);
  }
});

/** Columns of a model, with the field that each goes to, as far as the day changes them. */
const TOUCHED = {
  accounts: { phone: "telephone1", city: "address1_city", credit_limit: "creditlimit", revenue: "revenue" },
  contacts: {
    email: "emailaddress1",
    title: "jobtitle",
    notes: "description",
    birth_date: "birthdate",
    account_number: "parentcustomerid",
    last_purchase: "new_lastpurchaseon",
    lifetime_points: "new_lifetimepoints",
    score: "new_score",
  },
} as const;

/** Columns that differ while the CRM's value does not: a skipped null, a spelling, a fraction of a second. */
const UNHEARD = { accounts: { industry: 10, on_hold_since: 5 }, contacts: { mobile: 15 } } as const;

test.for(["accounts", "contacts"] as const)("the day changes of the %s what it says", async (model) => {
  const file = await company();
  const key = model === "accounts" ? "account_number" : "person_id";
  await inDuckdb(file, `CREATE TABLE before AS ${modelSql(model)}`);
  const changes = (await changeWarehouse(file))[model];
  const columns = (await inDuckdb(file, `DESCRIBE ${modelSql(model)}`)).map(([name]) => String(name));
  const touched: Readonly<Record<string, string>> = TOUCHED[model];
  const unheard: Readonly<Record<string, number>> = UNHEARD[model];
  for (const column of columns) {
    const rows = await inDuckdb(
      file,
      `SELECT a.${key} FROM before b JOIN (${modelSql(model)}) a ON a.${key} = b.${key}
       WHERE a.${key} NOT LIKE '%-9%' AND a.${column} IS DISTINCT FROM b.${column}`,
    );
    const field = touched[column];
    if (field === undefined) expect(rows.length, column).toBe(unheard[column] ?? 0);
    else {
      const said = [...changes].filter(([, fields]) => fields.has(field)).map(([changed]) => changed);
      expect(said.length, column).toBeGreaterThan(0);
      expect(new Set(rows.map(([changed]) => changed)), column).toEqual(new Set(said));
    }
  }
  const all = new Set([...changes.values()].flatMap((fields) => [...fields]));
  expect(all).toEqual(new Set(Object.values(touched)));
});
