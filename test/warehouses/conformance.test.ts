/** What every warehouse must do, whatever its dialect: values reach a state as the same canonical text, by either way. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SyncError } from "../../src/core/errors.ts";
import type { Warehouse } from "../../src/ports.ts";
import { numbers, type Started, warehouses } from "./table.ts";
import { valuesOf, type Way } from "./values.ts";

const signal = new AbortController().signal;
const ways: readonly Way[] = ["local", "warehouse"];

const shared = {
  text: "'O''Neil – Zoë 🚚'",
  empty: "''",
  bool: "true",
  small: "CAST(-7 AS SMALLINT)",
  big: "CAST(9223372036854775807 AS BIGINT)",
  dec: "CAST(-12345678901234.5600 AS DECIMAL(22,4))",
  dbl: "CAST(0.1 AS DOUBLE PRECISION)",
  day: "CAST('2024-02-29' AS DATE)",
  naive: "CAST('2024-03-10 02:30:00.123456' AS TIMESTAMP)",
  zoned: "CAST('2024-03-10 02:30:00+02' AS TIMESTAMP WITH TIME ZONE)",
  ident: "CAST('A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11' AS UUID)",
  nothing: "CAST(NULL AS VARCHAR)",
};

const expected = {
  text: "O'Neil – Zoë 🚚",
  empty: "",
  bool: "true",
  small: "-7",
  big: "9223372036854775807",
  dec: "-12345678901234.5600",
  dbl: "0.1",
  day: "2024-02-29",
  naive: "2024-03-10T02:30:00.123456Z",
  zoned: "2024-03-10T00:30:00Z",
  ident: "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
  nothing: null,
};

describe.each(warehouses)("$name", ({ name, start, sql: own, version }) => {
  const sql: Readonly<Record<keyof typeof shared, string>> = { ...shared, ...own };
  const select = Object.entries(sql).map(([name, expression]) => `${expression} AS ${name}`);
  let started: Started;
  beforeAll(async () => {
    started = await start();
  });
  afterAll(async () => {
    await started?.[Symbol.asyncDispose]();
  });
  const open = (): Promise<Warehouse> => started.open();

  test("says who it is", async () => {
    await using warehouse = await open();
    expect((await warehouse.check(signal)).version).toMatch(version);
  });

  test("refuses broken SQL with the file and the line", async () => {
    await using warehouse = await open();
    const query = {
      text: "SELECT 1 AS id,\n  nosuch AS x\nFROM (SELECT 2 AS y) t",
      file: "models/broken.sql",
    };
    const error = await warehouse.columns(query, signal).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(SyncError);
    expect((error as SyncError).problems[0]).toMatchObject({
      kind: "config",
      code: "model.sql_refused",
      place: { file: "models/broken.sql", line: 2 },
    });
  });

  // The tests' Snowflake runs on DuckDB, which gives the second another name in a subquery.
  test.skipIf(name === "snowflake")("names a column twice that the query returns twice", async () => {
    await using warehouse = await open();
    const query = { text: "SELECT 1 AS id, 'a' AS twin, 'b' AS twin", file: "models/twins.sql" };
    const names = (await warehouse.columns(query, signal)).map(({ name }) => name.toLowerCase());
    expect(names).toEqual(["id", "twin", "twin"]);
  });

  test("refuses a query that writes", async () => {
    await using warehouse = await open();
    const query = { text: "DELETE FROM t", file: "models/write.sql" };
    await expect(warehouse.columns(query, signal)).rejects.toThrow(/refuses the query/);
  });

  describe.each(ways)("into state: %s", (way) => {
    test("carries every value as its canonical text", async () => {
      await using warehouse = await open();
      const { columns, rows } = await valuesOf(warehouse, way, `SELECT 1 AS id, ${select.join(", ")}`);
      const values = Object.fromEntries(columns.map(({ name }, i) => [name, rows[0]?.[i]]));
      expect(values).toEqual({ id: "1", ...expected });
    });

    test("a timestamp without a zone is in the model's", async () => {
      await using warehouse = await open();
      const text = `SELECT 1 AS id, ${sql.naive} AS naive`;
      const { rows } = await valuesOf(warehouse, way, text, { timezone: "Europe/Berlin" });
      expect(rows[0]?.[1]).toBe("2024-03-10T01:30:00.123456Z");
    });

    test("carries more rows than one read takes, each once", async () => {
      await using warehouse = await open();
      const { rows } = await valuesOf(warehouse, way, many(12_345));
      expect(rows.map(([id]) => Number(id))).toEqual(Array.from({ length: 12_345 }, (_, i) => i + 1));
    });

    test("carries no row of an empty result", async () => {
      await using warehouse = await open();
      expect((await valuesOf(warehouse, way, "SELECT 1 AS id FROM t WHERE 1 = 0")).rows).toEqual([]);
    });

    test("a query may end in a comment and hold question marks", async () => {
      await using warehouse = await open();
      const { rows } = await valuesOf(warehouse, way, "SELECT 1 AS id, 'what?' AS q -- the end");
      expect(rows).toEqual([["1", "what?"]]);
    });

    test("an error in the rows ends the read", async () => {
      await using warehouse = await open();
      const failing = `SELECT id, CAST(CASE WHEN id > 2 THEN 'x' ELSE '1' END AS INTEGER) AS bad FROM (${many(3)}) AS m`;
      await expect(valuesOf(warehouse, way, failing)).rejects.toThrow(/x/);
    });
  });

  /** Rows numbered from 1. */
  function many(count: number): string {
    return `SELECT n AS id, 'n' AS name FROM (${numbers(count)}) AS m`;
  }
});
