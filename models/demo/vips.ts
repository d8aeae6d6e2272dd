/** Who has to be on the list of very important customers, told order by order: no word of the model's SQL. */
import type { DuckDBConnection } from "@duckdb/node-api";

const ENOUGH = 500;

export async function vipsAmong(connection: DuckDBConnection): Promise<ReadonlySet<string>> {
  const reader = await connection.runAndReadAll(
    "SELECT person_id, CAST(ordered_at AS VARCHAR), CAST(points AS VARCHAR) FROM orders",
  );
  const orders = reader.getRows().map(([person, at, points]) => ({
    person: String(person),
    at: String(at),
    points: Number(points),
  }));
  const latest = orders.reduce((last, { at }) => (at > last ? at : last), "");
  const since = `${Number(latest.slice(0, 4)) - 1}${latest.slice(4)}`;
  const earned = new Map<string, number>();
  for (const { person, at, points } of orders)
    if (at > since) earned.set(person, (earned.get(person) ?? 0) + points);
  return new Set([...earned].filter(([, points]) => points >= ENOUGH).map(([person]) => person));
}

/** Those of one set who are not in another. */
export const without = (all: ReadonlySet<string>, some: ReadonlySet<string>): readonly string[] =>
  [...all].filter((one) => !some.has(one)).sort();
