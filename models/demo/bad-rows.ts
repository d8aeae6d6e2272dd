/** The rows that no CRM can take, and what has to be said about each: one list for the show and the tests. */
import { accountNumber } from "./accounts.ts";
import type { Row } from "./tables.ts";

export interface ExpectedRejection {
  readonly sync: "accounts" | "contacts";
  /** The primary key's value; a double key is there once per row. */
  readonly key: string | null;
  readonly code: string;
  /** What is wrong, for a reader of the list. */
  readonly why: string;
}

interface BadRow extends Omit<ExpectedRejection, "sync" | "key"> {
  readonly row: Row;
}

const account = (account_number: string | null, rest: Row): Row => ({
  account_number,
  name: "Nirgendwo & Töchter KG",
  city: "Berlin",
  ...rest,
});

const person = (person_id: string | null, rest: Row): Row => ({
  person_id,
  account_number: accountNumber(1),
  first_name: "Niemand",
  last_name: "Von Nirgendwo",
  newsletter: "true",
  ...rest,
});

export const BAD_ACCOUNTS: readonly BadRow[] = [
  {
    row: account("AC-90001", { industry: "Wholesail" }),
    code: "value.unknown_choice",
    why: 'industry "Wholesail" is no choice',
  },
  {
    row: account("AC-90002", { name: "Sehr lange Firma ".repeat(12).trim() }),
    code: "value.too_long",
    why: "the name has more than 160 characters",
  },
  { row: account(null, { name: "Ohne Nummer" }), code: "key.null", why: "no account number" },
  { row: account("AC-90003", { city: "Köln" }), code: "key.double", why: "two rows with this number" },
  { row: account("AC-90003", { city: "Zürich" }), code: "key.double", why: "two rows with this number" },
];

export const BAD_PEOPLE: readonly BadRow[] = [
  {
    row: person("C-900001", { channel: "Carrier pigeon" }),
    code: "value.unknown_choice",
    why: 'channel "Carrier pigeon" is no choice',
  },
  {
    row: person("C-900002", { title: "Stellvertretende Leiterin ".repeat(6).trim() }),
    code: "value.too_long",
    why: "the title has more than 100 characters",
  },
  { row: person(null, { email: "nobody@example.test" }), code: "key.null", why: "no person id" },
  { row: person("C-900003", { title: "CFO" }), code: "key.double", why: "two rows with this id" },
  { row: person("C-900003", { title: "CEO" }), code: "key.double", why: "two rows with this id" },
  {
    row: person("C-900004", { account_number: "AC-99999" }),
    code: "lookup.missing",
    why: "account AC-99999 does not exist",
  },
  {
    row: person("C-900005", { account_number: "AC-90001" }),
    code: "lookup.missing",
    why: "account AC-90001 was itself rejected",
  },
];

const expected = (
  sync: ExpectedRejection["sync"],
  key: string,
  rows: readonly BadRow[],
): ExpectedRejection[] => rows.map(({ row, code, why }) => ({ sync, key: row[key] ?? null, code, why }));

/** Everything that must be rejected, in both runs. */
export const EXPECTED_REJECTIONS: readonly ExpectedRejection[] = [
  ...expected("accounts", "account_number", BAD_ACCOUNTS),
  ...expected("contacts", "person_id", BAD_PEOPLE),
];
