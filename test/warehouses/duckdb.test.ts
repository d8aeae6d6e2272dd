import { existsSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import duckdb from "../../connectors/duckdb/index.ts";
import postgres from "../../connectors/postgres/index.ts";
import type { Warehouse } from "../../src/ports.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { inDuckdb, temporaryFolder } from "../support/project.ts";
import { EVERYTHING, localState } from "../support/state.ts";

const signal = new AbortController().signal;

let server: TestPostgres;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

/** The rows as they reach a destination, in the order of their first column. */
async function rowsOf(warehouse: Warehouse, text: string, file = "models/t.sql") {
  using scratch = temporaryFolder();
  const query = { text, file };
  const columns = await warehouse.columns(query, signal);
  await using state = await localState(scratch.path, columns);
  await state.stage(warehouse, query, { timezone: "UTC", signal });
  await state.diff(EVERYTHING);
  const rows: (readonly (string | null)[])[] = [];
  for await (const window of state.changes(10_000)) rows.push(...window.map(({ after }) => after));
  return rows.sort(([a], [b]) => Number(a) - Number(b));
}

const onPostgres = () => postgres.open({ type: "postgres", port: 5432, url: server.url }, { folder: "." });

describe("postgres", () => {
  test("numeric that is no number is a value of its row, and the others keep their digits", async () => {
    await using warehouse = await onPostgres();
    const rows = await rowsOf(
      warehouse,
      "SELECT * FROM (VALUES (1, 1.5::numeric(10,2)), (2, 'NaN'::numeric(10,2)), (3, (-100)::numeric(10,2))) v(id, n)",
    );
    expect(rows).toEqual([
      ["1", "1.50"],
      ["2", "NaN"],
      ["3", "-100.00"],
    ]);
  });

  test.each(["timestamp", "timestamptz"])("%s of any year is a value of its row", async (type) => {
    await using warehouse = await onPostgres();
    const values = [
      "2024-02-29 10:00:00.5",
      "0044-03-15 10:00:00 BC",
      "12345-01-01",
      "294247-01-10 04:00:54.775806",
      "294276-12-31",
      "infinity",
    ];
    const list = values.map((value, i) => `(${i}, '${value}'::${type})`).join(", ");
    const rows = await rowsOf(warehouse, `SELECT * FROM (VALUES ${list}) v(id, t)`);
    expect(rows.map(([, moment]) => moment)).toEqual([
      "2024-02-29T10:00:00.5Z",
      expect.stringMatching(/^0044-03-15.*BC.*10:00:00Z$/),
      "12345-01-01T00:00:00Z",
      "294247-01-10T04:00:54.775806Z",
      "294247-01-10T04:00:54.775806Z",
      "infinityZ",
    ]);
  });
});

describe("duckdb", () => {
  const folder = temporaryFolder();
  afterAll(() => folder[Symbol.dispose]());
  const on = async (file: string) => {
    if (!existsSync(`${folder.path}/${file}`)) {
      await inDuckdb(`${folder.path}/${file}`, "CREATE TABLE people AS SELECT 1 AS id");
    }
    return duckdb.open({ type: "duckdb", path: file }, { folder: folder.path });
  };

  test("FLOAT is the shortest text that reads back", async () => {
    await using warehouse = await on("w.duckdb");
    const sql = "SELECT 1 AS id, 0.1::FLOAT AS a, 'nan'::FLOAT AS b, '-inf'::FLOAT AS c, NULL::FLOAT AS d";
    expect(await rowsOf(warehouse, sql)).toEqual([["1", "0.1", "NaN", "-Infinity", null]]);
  });

  test("a query cannot leave the parentheses that it is put into", async () => {
    await using warehouse = await on("w.duckdb");
    const written = `${folder.path}/written.csv`;
    for (const text of [
      `SELECT 1) AS x; COPY (SELECT 1) TO '${written}'; SELECT * FROM (SELECT 2`,
      `SELECT 1 AS id; COPY (SELECT 1) TO '${written}'`,
      `COPY (SELECT 1) TO '${written}'`,
      "",
    ]) {
      await expect(warehouse.columns({ text, file: "models/t.sql" }, signal)).rejects.toMatchObject({
        problems: [{ code: "model.sql_refused", place: { file: "models/t.sql" } }],
      });
      expect(existsSync(written)).toBe(false);
    }
  });

  test("what DuckDB makes more than one statement of is a query all the same", async () => {
    await using warehouse = await on("w.duckdb");
    const columns = await warehouse.columns(
      { text: "PIVOT (SELECT 1 AS id, 'x' AS what) ON what USING count(*)", file: "models/t.sql" },
      signal,
    );
    expect(columns.map(({ name }) => name)).toEqual(["id", "x"]);
  });

  test.each(["w.duckdb", "my file.v2.duckdb"])("%s goes by its own name in check and run", async (file) => {
    await using warehouse = await on(file);
    const name = file.split(".")[0];
    expect(await rowsOf(warehouse, `SELECT id FROM "${name}".main.people`)).toEqual([["1"]]);
    expect(await rowsOf(warehouse, "SELECT id FROM people")).toEqual([["1"]]);
  });

  test.each(["state.duckdb", "base.duckdb", "memory.duckdb", "temp.duckdb", "main.duckdb"])(
    "%s is read by check and run alike",
    async (file) => {
      await using warehouse = await on(file);
      expect(await rowsOf(warehouse, "SELECT id FROM people")).toEqual([["1"]]);
      if (/state|base|memory/.test(file)) {
        const text = `SELECT id FROM ${file.split(".")[0]}.main.people`;
        await expect(warehouse.columns({ text, file: "t.sql" }, signal)).rejects.toThrow(/refuses/);
      }
    },
  );
});
