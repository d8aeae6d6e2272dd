/** What every warehouse that holds state must do with the statements of a state, in its own engine. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Column, Value } from "../../src/core/value.ts";
import type { Dialect, RowBatch, StateEngine, Warehouse } from "../../src/ports.ts";
import { anyRefused } from "../../src/state/staging.ts";
import { storedName, type Tables } from "../../src/state/tables.ts";
import { numbers as rowsUpTo, type Started, warehouses } from "./table.ts";
import { valuesOf } from "./values.ts";

describe.each(warehouses)("$name", ({ start, slow, lacks = [] }) => {
  let started: Started;
  let warehouse: Warehouse;
  let engine: StateEngine;
  let dialect: Dialect;
  beforeAll(async () => {
    started = await start();
    warehouse = await started.open();
    engine = warehouse.engine!;
    dialect = engine.dialect;
    await engine.run("CREATE SCHEMA backhaul");
  });
  afterAll(async () => {
    await warehouse?.[Symbol.asyncDispose]();
    await started?.[Symbol.asyncDispose]();
  });

  describe("engine", () => {
    const { text, integer } = { text: () => dialect.types.text, integer: () => dialect.types.integer };
    beforeEach(async () => {
      await engine.run("DROP TABLE IF EXISTS backhaul.things");
      await engine.run(`CREATE TABLE backhaul.things (n ${integer()}, what ${text()})`);
    });
    const things = async (): Promise<readonly (readonly Value[])[]> =>
      engine.rows(`SELECT CAST(n AS ${text()}), what FROM backhaul.things ORDER BY n`);

    test("tells how many rows a statement wrote", async () => {
      expect(await engine.run("INSERT INTO backhaul.things VALUES (1, 'a'), (2, 'b'), (3, 'c')")).toBe(3);
      expect(await engine.run("UPDATE backhaul.things SET what = 'x' WHERE n > 1")).toBe(2);
      expect(await engine.run("DELETE FROM backhaul.things WHERE n = 1")).toBe(1);
      expect(await engine.run("DELETE FROM backhaul.things WHERE n = 99")).toBe(0);
      expect(await engine.run("DROP TABLE IF EXISTS backhaul.nosuch")).toBe(0);
      expect(await engine.run("SELECT n FROM backhaul.things")).toBe(0);
      expect(await things()).toEqual([
        ["2", "x"],
        ["3", "x"],
      ]);
    });

    test("makes a table of a query, and tells its rows", async () => {
      await engine.run("INSERT INTO backhaul.things VALUES (1, 'a'), (2, 'b')");
      await engine.run("DROP TABLE IF EXISTS backhaul.copy");
      const sql = dialect.createTableAs("backhaul.copy", "SELECT * FROM backhaul.things");
      expect(await engine.run(sql)).toBe(lacks.includes("counts of new tables") ? 0 : 2);
      for (const after of dialect.afterLoad("backhaul.copy")) await engine.run(after);
      expect(await engine.rows("SELECT what FROM backhaul.copy ORDER BY n")).toEqual([["a"], ["b"]]);
    });

    test("a transaction is all or nothing", async () => {
      const good = { sql: "INSERT INTO backhaul.things VALUES (1, 'a'), (2, 'b')" };
      const bad = { sql: "INSERT INTO backhaul.things SELECT n, what, 7 FROM backhaul.things" };
      await expect(engine.transaction([good, bad])).rejects.toThrow();
      expect(await things()).toEqual([]);
      expect(await engine.transaction([good, { sql: "DELETE FROM backhaul.things WHERE n = 1" }])).toEqual([
        2, 1,
      ]);
      expect(await things()).toEqual([["2", "b"]]);
    });

    test("a statement that must write and writes nothing undoes the transaction", async () => {
      await engine.run("INSERT INTO backhaul.things VALUES (1, 'a')");
      const undone = await engine.transaction([
        { sql: "INSERT INTO backhaul.things VALUES (2, 'b')" },
        { sql: "UPDATE backhaul.things SET what = 'x' WHERE n = 99", mustWrite: true },
      ]);
      expect(undone).toBeUndefined();
      expect(await things()).toEqual([["1", "a"]]);
      const done = await engine.transaction([
        { sql: "UPDATE backhaul.things SET what = 'x' WHERE n = 1", mustWrite: true },
        { sql: "UPDATE backhaul.things SET what = 'y' WHERE n = 99" },
      ]);
      expect(done).toEqual([1, 0]);
    });

    test("finds keys and match values that are null or double, of one part or of several", async () => {
      const columns: Column[] = ["a", "b", "c"].map((name) => ({ name, kind: "text", sqlType: "VARCHAR" }));
      const { storedType, quote } = dialect;
      const stored = columns.map((column) => `${quote(storedName(column))} ${storedType(column)}`);
      await engine.run("DROP TABLE IF EXISTS backhaul.keys");
      await engine.run(`CREATE TABLE backhaul.keys (${stored.join(", ")})`);
      const found = async (key: number[], match: number[]): Promise<boolean> => {
        const sql = anyRefused(dialect, { columns, key, match }, { staged: "backhaul.keys" } as Tables);
        return (await engine.rows(sql))[0]?.[0] === "true";
      };
      const shapes: [number[], number[]][] = [
        [[0], []],
        [[0], [0]],
        [[0], [1]],
        [[0, 1], [2]],
        [[0], [1, 2]],
      ];
      const asked = async (...rows: (readonly (string | null)[])[]): Promise<boolean[]> => {
        await engine.run("DELETE FROM backhaul.keys");
        for (const row of rows) {
          const values = row.map((value) => (value === null ? "NULL" : dialect.literal(value)));
          await engine.run(`INSERT INTO backhaul.keys VALUES (${values.join(", ")})`);
        }
        const answers: boolean[] = [];
        for (const [key, match] of shapes) answers.push(await found(key, match));
        return answers;
      };
      const [yes, no] = [true, false];
      expect(await asked()).toEqual([no, no, no, no, no]);
      expect(await asked(["1", "x", "p"], ["2", "y", "q"])).toEqual([no, no, no, no, no]);
      expect(await asked(["1", "x", "p"], ["1", "y", "q"])).toEqual([yes, yes, yes, no, yes]);
      expect(await asked(["1", "x", "p"], ["2", "X ", "q"])).toEqual([no, no, yes, no, no]);
      expect(await asked(["1", "É", "p"], ["2", "é", "P"])).toEqual([no, no, yes, yes, yes]);
      expect(await asked([null, "x", "p"])).toEqual([yes, yes, yes, yes, yes]);
      expect(await asked(["1", null, "p"])).toEqual([no, no, yes, yes, yes]);
      expect(await asked(["1", "x", null])).toEqual([no, no, no, yes, yes]);
    });

    test("of many who take one thing at once, one gets it", async () => {
      await engine.run("INSERT INTO backhaul.things VALUES (1, 'free')");
      const take = (n: number) =>
        engine.transaction([
          { sql: `UPDATE backhaul.things SET what = 'taken by ${n}' WHERE what = 'free'`, mustWrite: true },
        ]);
      const got = await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map(take));
      expect(got.filter((counts) => counts !== undefined)).toEqual([[1]]);
    });

    test("a row that is inserted if absent is there once, whoever comes first", async () => {
      await engine.run("DROP TABLE IF EXISTS backhaul.leases");
      await engine.run(`CREATE TABLE backhaul.leases (sync ${text()} PRIMARY KEY, holder ${text()})`);
      const insert = (n: number) =>
        engine.transaction([
          { sql: dialect.insertIfAbsent("backhaul.leases", "sync", { sync: "'s'", holder: `'${n}'` }) },
        ]);
      const counts = await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map(insert));
      expect(counts.filter((count) => count?.[0] === 1)).toHaveLength(1);
      expect(await engine.rows("SELECT sync FROM backhaul.leases")).toEqual([["s"]]);
    });

    test("runs one statement, and one alone", async () => {
      await engine.run("INSERT INTO backhaul.things VALUES (1, 'a')");
      const two = "SELECT 1) AS x; DELETE FROM backhaul.things; SELECT * FROM (SELECT 2";
      const query = { text: two, file: "models/two.sql" };
      await expect(warehouse.columns(query, new AbortController().signal)).rejects.toMatchObject({
        problems: [{ kind: "config", place: { file: "models/two.sql" } }],
      });
      expect(await things()).toEqual([["1", "a"]]);
    });

    test.each([
      ["leaves its parentheses", "SELECT 1 AS id) AS x, (SELECT 2 AS other"],
      ["leaves them for a union", "SELECT 1 AS id) AS x UNION ALL SELECT * FROM (SELECT 2"],
      ["ends in an open comment", "SELECT 1 AS id /* and so on"],
      ["writes", "DELETE FROM t"],
      ["writes beside a SELECT", "WITH gone AS (DELETE FROM t RETURNING *) SELECT * FROM gone"],
      ["makes a table", "CREATE TABLE planted AS SELECT 1 AS id"],
      ["makes a table by the way", "SELECT 1 AS id INTO planted"],
      ["is nothing", "-- nothing"],
    ])("refuses a query that %s", async (_, sql) => {
      const query = { text: sql, file: "models/bad.sql" };
      await expect(warehouse.columns(query, new AbortController().signal)).rejects.toMatchObject({
        problems: [{ kind: "config", code: "model.sql_refused", place: { file: "models/bad.sql" } }],
      });
      const staged = dialect.createTableAs(
        "backhaul.planted",
        `SELECT * FROM (\n${sql}\n) AS backhaul_model`,
      );
      if (!/parentheses|union/.test(_))
        await expect(engine.run(staged, undefined, "model")).rejects.toThrow();
      await engine.run("DROP TABLE IF EXISTS backhaul.planted");
      const left = await valuesOf(warehouse, "warehouse", "SELECT count(*) AS n FROM t");
      expect(left.rows).toEqual([["1"]]);
    });

    test("gives text, integers and booleans as text", async () => {
      await engine.run(`CREATE TABLE IF NOT EXISTS backhaul.flags (b ${dialect.types.boolean})`);
      await engine.run("DELETE FROM backhaul.flags");
      await engine.run("INSERT INTO backhaul.flags VALUES (true), (false), (NULL)");
      const rows = await engine.rows(
        "SELECT 'a' AS t, b, CASE WHEN b THEN 9223372036854775807 END AS n FROM backhaul.flags ORDER BY b NULLS LAST",
      );
      expect(rows).toEqual([
        ["a", "false", null],
        ["a", "true", "9223372036854775807"],
        ["a", null, null],
      ]);
    });

    test("streams more than one batch, each row once", async () => {
      await numbers(12_345);
      const seen = new Set<Value>();
      let batches = 0;
      for await (const rows of stream()) {
        batches += 1;
        for (const [n] of rows) seen.add(n!);
      }
      expect(seen.size).toBe(12_345);
      expect(batches).toBeGreaterThan(1);
    });

    test("a stream that is left early holds nothing", async () => {
      await numbers(12_345);
      for (let time = 0; time < 20; time += 1) {
        for await (const rows of stream()) {
          expect(rows.length).toBeLessThan(12_345);
          break;
        }
      }
      await engine.run("DROP TABLE backhaul.things");
    });

    test("others work while a stream is open, and the stream misses nothing", async () => {
      await numbers(12_345);
      let seen = 0;
      for await (const rows of stream()) {
        seen += rows.length;
        await engine.transaction([{ sql: "INSERT INTO backhaul.things VALUES (0, 'late')" }]);
        await engine.rows("SELECT what FROM backhaul.things WHERE n = 1");
      }
      expect(seen).toBe(12_345);
    });

    test("an interrupt ends a statement, and nothing of it stays", async () => {
      const abort = new AbortController();
      const ended = engine.run(dialect.createTableAs("backhaul.slow", slow), abort.signal).catch((e) => e);
      setTimeout(() => abort.abort(), 300);
      expect(await ended).toMatchObject({ name: "AbortError" });
      await expect(engine.rows("SELECT n FROM backhaul.slow")).rejects.toThrow();
      expect(await things()).toEqual([]);
    });

    test("an interrupt ends a statement at any moment of it", async () => {
      for (const wait of [0, 0, 0, 1, 1, 2, 3, 5, 8, 13]) {
        const abort = new AbortController();
        const ended = engine.run(dialect.createTableAs("backhaul.slow", slow), abort.signal).catch((e) => e);
        if (wait === 0) await Promise.resolve();
        else await new Promise((done) => setTimeout(done, wait));
        abort.abort();
        expect(await ended).toMatchObject({ name: "AbortError" });
      }
    });

    test("an interrupt ends a stream", async () => {
      const abort = new AbortController();
      setTimeout(() => abort.abort(), 300);
      const ended = drain(engine.stream(slow, abort.signal)).catch((e) => e);
      expect(await ended).toMatchObject({ name: "AbortError" });
      await expect(drain(engine.stream("SELECT 'x' AS x", abort.signal))).rejects.toMatchObject({
        name: "AbortError",
      });
    });

    const numbers = (count: number) =>
      engine.run(`INSERT INTO backhaul.things SELECT n, 'x' FROM (${rowsUpTo(count)}) AS s`);
    const stream = () => engine.stream(`SELECT CAST(n AS ${text()}) FROM backhaul.things`);
    async function drain(rows: AsyncIterable<RowBatch>): Promise<void> {
      for await (const _ of rows);
    }
  });
});
