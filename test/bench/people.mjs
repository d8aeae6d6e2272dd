/** A table of ten columns with as many rows as asked for, in a DuckDB file. */
import { DuckDBInstance } from "@duckdb/node-api";

export const COLUMNS = [
  "id",
  "number",
  "first_name",
  "last_name",
  "email",
  "city",
  "amount",
  "score",
  "born",
  "seen",
];

export const MODEL = `SELECT ${COLUMNS.join(", ")} FROM people`;

export async function makePeople(path, rows) {
  const instance = await DuckDBInstance.create(path);
  const connection = await instance.connect();
  await connection.run(`CREATE TABLE people AS SELECT
    i::BIGINT AS id,
    'C-' || lpad(i::VARCHAR, 9, '0') AS number,
    'First' || (hash(i) % 5000) AS first_name,
    'Last' || (hash(i + 1) % 90000) AS last_name,
    'user' || i || '@example.com' AS email,
    'City ' || (i % 700) AS city,
    (hash(i + 2) % 1000000 / 100)::DECIMAL(18, 2) AS amount,
    (hash(i + 3) % 10000 / 100)::DECIMAL(9, 2) AS score,
    DATE '1950-01-01' + (i % 20000)::INTEGER AS born,
    TIMESTAMP '2020-01-01' + to_seconds(i) AS seen
    FROM range(${rows}) t(i)`);
  connection.closeSync();
  instance.closeSync();
}
