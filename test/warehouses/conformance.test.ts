import { afterAll, beforeAll, describe, expect, test } from "vitest";
import duckdb from "../../connectors/duckdb/index.ts";
import postgres from "../../connectors/postgres/index.ts";
import type { Present } from "../../src/core/change.ts";
import { SyncError } from "../../src/core/errors.ts";
import type { Warehouse } from "../../src/ports.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { inDuckdb, temporaryFolder } from "../support/project.ts";
import { EVERYTHING, localState } from "../support/state.ts";

const signal = new AbortController().signal;

/** What every warehouse must do, whatever its dialect: values reach the changes as the same canonical text. */
interface Case {
  readonly name: string;
  readonly sql: Readonly<Record<string, string>>;
  open(): Promise<Warehouse>;
}

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

const folder = temporaryFolder();
let server: TestPostgres;
beforeAll(async () => {
  server = await startPostgres();
  await inDuckdb(`${folder.path}/warehouse.duckdb`, "CREATE TABLE t AS SELECT 1 AS id");
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

const cases: readonly Case[] = [
  {
    name: "duckdb",
    sql: shared,
    open: () => duckdb.open({ type: "duckdb", path: "warehouse.duckdb" }, { folder: folder.path }),
  },
  {
    name: "postgres",
    sql: shared,
    open: () => postgres.open({ type: "postgres", port: 5432, url: server.url }, { folder: folder.path }),
  },
];

async function changesOf(
  warehouse: Warehouse,
  text: string,
  timezone = "UTC",
): Promise<{ changes: Present[]; names: string[] }> {
  using scratch = temporaryFolder();
  const query = { text, file: "models/t.sql" };
  const columns = await warehouse.columns(query, signal);
  await using state = await localState(scratch.path, columns);
  await state.stage(warehouse, query, { timezone, signal });
  await state.diff(EVERYTHING);
  const changes: Present[] = [];
  for await (const window of state.changes(10_000)) changes.push(...window);
  return { changes, names: columns.map((column) => column.name) };
}

describe.each(cases)("$name", ({ open, sql }) => {
  const select = Object.entries(sql).map(([name, expression]) => `${expression} AS "${name}"`);

  test("says who it is", async () => {
    await using warehouse = await open();
    expect((await warehouse.check(signal)).version).toMatch(/^(DuckDB v|PostgreSQL )\d+/);
  });

  test("carries every value as its canonical text", async () => {
    await using warehouse = await open();
    const { changes, names } = await changesOf(warehouse, `SELECT 1 AS id, ${select.join(", ")}`);
    const after = Object.fromEntries(names.map((name, i) => [name, changes[0]?.after[i]]));
    expect(after).toEqual({ id: "1", ...expected });
  });

  test("a timestamp without a zone is in the model's", async () => {
    await using warehouse = await open();
    const { changes } = await changesOf(warehouse, `SELECT 1 AS id, ${sql.naive} AS naive`, "Europe/Berlin");
    expect(changes[0]?.after[1]).toBe("2024-03-10T01:30:00.123456Z");
  });

  test("streams more rows than one read takes, each once", async () => {
    await using warehouse = await open();
    const numbers = "SELECT n AS id, 'n' || n AS name FROM generate_series(1, 12345) AS s(n)";
    const { changes } = await changesOf(warehouse, numbers);
    expect(new Set(changes.map(({ key }) => key[0])).size).toBe(12_345);
  });

  test("a query may end in a comment and hold question marks", async () => {
    await using warehouse = await open();
    const { changes } = await changesOf(warehouse, "SELECT 1 AS id, 'what?' AS q -- the end");
    expect(changes[0]?.after).toEqual(["1", "what?"]);
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

  test("refuses a query that writes", async () => {
    await using warehouse = await open();
    const query = { text: "DELETE FROM t", file: "models/write.sql" };
    await expect(warehouse.columns(query, signal)).rejects.toThrow(/refuses the query/);
  });

  test("an error in the rows ends the stage with the file's name", async () => {
    await using warehouse = await open();
    const failing = "SELECT n AS id, CAST('x' || n AS INTEGER) AS bad FROM generate_series(1, 3) AS s(n)";
    const error = await changesOf(warehouse, failing).catch((e: unknown) => e);
    expect((error as SyncError).problems[0]).toMatchObject({
      kind: "config",
      place: { file: "models/t.sql" },
    });
  });
});

describe("postgres", () => {
  test("numeric without a scale compares by value", async () => {
    await using warehouse = await postgres.open(
      { type: "postgres", port: 5432, url: server.url },
      { folder: folder.path },
    );
    const { changes } = await changesOf(warehouse, "SELECT 1 AS id, 1.50::numeric AS a, 100::numeric AS b");
    expect(changes[0]?.after).toEqual(["1", "1.5", "100"]);
  });

  test("enums are text, arrays are refused where they are mapped", async () => {
    await server.query("DROP TYPE IF EXISTS mood; CREATE TYPE mood AS ENUM ('sad', 'glad')");
    await using warehouse = await postgres.open(
      { type: "postgres", port: 5432, url: server.url },
      { folder: folder.path },
    );
    const query = { text: "SELECT 'glad'::mood AS m, ARRAY[1] AS a", file: "m.sql" };
    expect(await warehouse.columns(query, signal)).toMatchObject([
      { name: "m", kind: "text" },
      { name: "a", kind: undefined, sqlType: "integer[]" },
    ]);
  });

  test.each([
    ["a wrong password", () => server.url.replace(server.password, "wrong-password"), "postgres.28P01"],
    ["a missing database", () => server.url.replace(/postgres$/, "nosuch"), "postgres.3D000"],
    [
      "a port where nothing listens",
      () => server.url.replace(`:${server.port}/`, ":1/"),
      "postgres.ECONNREFUSED",
    ],
  ])("%s is a connection error without the password in it", async (_, url, code) => {
    await using warehouse = await postgres.open(
      { type: "postgres", port: 5432, url: url() },
      { folder: folder.path },
    );
    const error = (await warehouse.check(signal).catch((e: unknown) => e)) as SyncError;
    expect(error.problems[0]).toMatchObject({ kind: "connection", code });
    expect(error.message).not.toContain("wrong-password");
    expect(error.message).not.toContain(server.password);
  });
});
