/** What DuckDB alone has: a file with a name, statements by the way, a lock. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import duckdb from "../../connectors/duckdb/index.ts";
import { inDuckdb, temporaryFolder } from "../support/project.ts";
import { valuesOf, type Way } from "./values.ts";

const signal = new AbortController().signal;
const ways: readonly Way[] = ["local", "warehouse"];
const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

async function on(file: string) {
  if (!existsSync(`${folder.path}/${file}`)) {
    await inDuckdb(`${folder.path}/${file}`, "CREATE TABLE people AS SELECT 1 AS id");
  }
  return duckdb.open({ type: "duckdb", path: file, memory_limit: "256MB" }, { folder: folder.path });
}

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

describe.each(ways)("into state: %s", (way) => {
  test("what DuckDB makes more than one statement of is a query all the same", async () => {
    await using warehouse = await on("w.duckdb");
    const text = "PIVOT (SELECT 1 AS id, 'x' AS what) ON what USING count(*)";
    const { columns, rows } = await valuesOf(warehouse, way, text);
    expect(columns.map(({ name }) => name)).toEqual(["id", "x"]);
    expect(rows).toEqual([["1", "1"]]);
  });

  test.each(["w.duckdb", "my file.v2.duckdb"])("%s goes by its own name in check and run", async (file) => {
    await using warehouse = await on(file);
    const name = file.split(".")[0];
    for (const table of [`"${name}".main.people`, "people"]) {
      expect((await valuesOf(warehouse, way, `SELECT id FROM ${table}`)).rows).toEqual([["1"]]);
    }
  });

  test.each(["state.duckdb", "base.duckdb", "temp.duckdb", "main.duckdb", "memory.duckdb"])(
    "%s is read by check and run alike",
    async (file) => {
      await using warehouse = await on(file);
      expect((await valuesOf(warehouse, way, "SELECT id FROM people")).rows).toEqual([["1"]]);
      if (/state|base|memory/.test(file)) {
        const text = `SELECT id FROM ${file.split(".")[0]}.main.people`;
        await expect(warehouse.columns({ text, file: "t.sql" }, signal)).rejects.toThrow(/refuses/);
      }
    },
  );

  test("files that a query names are found from the project's folder", async () => {
    await using warehouse = await on("w.duckdb");
    await inDuckdb(":memory:", `COPY (SELECT 7 AS id) TO '${folder.path}/seven.csv'`);
    expect((await valuesOf(warehouse, way, "SELECT id FROM read_csv('seven.csv')")).rows).toEqual([["7"]]);
  });
});

test("a file that has the name of the state's schema is a mistake that says so", async () => {
  await using warehouse = await on("backhaul.duckdb");
  await warehouse.engine!.run("CREATE SCHEMA backhaul");
  await expect(warehouse.engine!.run("CREATE TABLE backhaul.syncs (id INTEGER)")).rejects.toMatchObject({
    problems: [{ kind: "config", code: "warehouse.ambiguous_schema" }],
  });
});

test("the state's memory is bounded as the config says", async () => {
  await using warehouse = await on("w.duckdb");
  expect(await warehouse.engine!.rows("SELECT current_setting('memory_limit')")).toEqual([["244.1 MiB"]]);
});

test("a file is asked for its columns while it holds the state", async () => {
  await using warehouse = await on("w.duckdb");
  await warehouse.engine!.run("CREATE OR REPLACE TABLE main.held AS SELECT 1 AS id");
  const query = { text: "SELECT id FROM held", file: "t.sql" };
  expect(await warehouse.columns(query, signal)).toMatchObject([{ name: "id", kind: "integer" }]);
  expect((await warehouse.check(signal)).version).toMatch(/^DuckDB/);
});

test("what is committed is there when the file is opened again", async () => {
  {
    await using warehouse = await on("kept.duckdb");
    await warehouse.engine!.run("CREATE TABLE main.kept AS SELECT 1 AS id");
    await warehouse.engine!.transaction([{ sql: "INSERT INTO main.kept VALUES (2)" }]);
  }
  await using again = await on("kept.duckdb");
  expect((await valuesOf(again, "local", "SELECT id FROM kept")).rows).toEqual([["1"], ["2"]]);
});

test("a file that another process holds is a connection error that names it", async () => {
  await using warehouse = await on("locked.duckdb");
  const holder = spawn(process.execPath, [
    "--input-type=module",
    "-e",
    `import { DuckDBInstance } from "@duckdb/node-api";
     const instance = await DuckDBInstance.create(${JSON.stringify(`${folder.path}/locked.duckdb`)});
     const connection = await instance.connect();
     await connection.run("CREATE TABLE held AS SELECT 1 AS id");
     console.log("held");
     setInterval(() => connection, 1000);`,
  ]);
  try {
    await new Promise((done) => holder.stdout.once("data", done));
    for (const work of [() => warehouse.engine!.rows("SELECT 1"), () => warehouse.check(signal)]) {
      await expect(work()).rejects.toMatchObject({
        problems: [
          {
            kind: "connection",
            code: "warehouse.locked",
            message: expect.stringContaining(String(holder.pid)),
          },
        ],
      });
    }
  } finally {
    const ended = new Promise((done) => holder.once("exit", done));
    holder.kill();
    await ended;
  }
  expect(await warehouse.engine!.rows("SELECT 'mine'")).toEqual([["mine"]]);
});
