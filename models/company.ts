/**
 * A company that does not exist: accounts, people and their orders in a DuckDB file, believable, untidy, and the
 * same on every machine. And a day in its life, after which some fields of some rows differ.
 */
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { ACCOUNTS, drawAccount } from "./demo/accounts.ts";
import { BAD_ACCOUNTS, BAD_PEOPLE } from "./demo/bad-rows.ts";
import { type Changes, liveADay } from "./demo/changes.ts";
import { drawOrders, drawPerson, PEOPLE } from "./demo/people.ts";
import { random } from "./demo/random.ts";
import { loadTable, type Row, type TableName } from "./demo/tables.ts";
import { vipsAmong } from "./demo/vips.ts";

export { EXPECTED_REJECTIONS, type ExpectedRejection } from "./demo/bad-rows.ts";
export type { Changes } from "./demo/changes.ts";
export { TABLE_NAMES } from "./demo/tables.ts";

const SEED = 20_250_701;

/** Fills a DuckDB file that is not there yet; tells how many rows each table has. */
export async function fillWarehouse(file: string, seed = SEED): Promise<Record<TableName, number>> {
  const chance = random(seed);
  const accounts = Array.from({ length: ACCOUNTS }, (_, i) => drawAccount(chance, i + 1));
  const people = Array.from({ length: PEOPLE }, (_, i) => drawPerson(chance, i + 1));
  const orders: Row[] = [];
  for (const person of people) orders.push(...drawOrders(chance, person, orders.length + 1));
  const tables: Record<TableName, readonly Row[]> = {
    accounts: [...accounts, ...BAD_ACCOUNTS.map(({ row }) => row)],
    people: [...people, ...BAD_PEOPLE.map(({ row }) => row)],
    orders,
  };
  await withWarehouse(file, async (connection) => {
    for (const [name, rows] of Object.entries(tables)) await loadTable(connection, name as TableName, rows);
  });
  return { accounts: tables.accounts.length, people: tables.people.length, orders: orders.length };
}

/** Changes a few hundred rows; tells which fields of which rows the CRM has to hear about. */
export async function changeWarehouse(file: string): Promise<Changes> {
  return withWarehouse(file, liveADay);
}

/** Who has to be on the list of very important customers. */
export async function vipsIn(file: string): Promise<ReadonlySet<string>> {
  return withWarehouse(file, vipsAmong);
}

/** Opens the file for as long as the work takes, since DuckDB lets one process write to it. */
async function withWarehouse<T>(
  file: string,
  work: (connection: DuckDBConnection) => Promise<T>,
): Promise<T> {
  const instance = await DuckDBInstance.create(file);
  const connection = await instance.connect();
  try {
    return await work(connection);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
