/** A state file that was cut short, a full disk or too little memory is an error of the user's machine, not a defect of ours. */
import { copyFileSync, existsSync, readdirSync, rmSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { explain } from "../../src/cli/errors.ts";
import { exhaustionIn, openDuckdb } from "../../src/duckdb/database.ts";
import { openLocalPlanStore, openLocalStore, peekLocalRecord } from "../../src/state/local-store.ts";
import { readRecord } from "../../src/state/record.ts";
import { chain } from "../../src/state/tables.ts";
import { temporaryFolder } from "../support/project.ts";

test("a state that was cut anywhere is state.unreadable for a run, a plan and a check, and names its file", async () => {
  using folder = temporaryFolder();
  using scratch = temporaryFolder();
  const file = join(folder.path, "state.duckdb");
  const whole = join(scratch.path, "whole");
  {
    await using database = await openDuckdb(file, { memoryLimit: "64MB", temporaryFolder: scratch.path });
    await database.run("CREATE TABLE syncs (id VARCHAR, state VARCHAR)");
    await database.run("CREATE TABLE base_0 AS SELECT i, md5(i::VARCHAR) AS m FROM range(200000) t(i)");
    await database.checkpoint();
  }
  copyFileSync(file, whole);
  const place = { kind: "local", folder: folder.path, memoryLimit: "64MB" } as const;
  const opens = [
    async () => void (await (await openLocalStore(place))[Symbol.asyncDispose]()),
    async () => void (await (await openLocalPlanStore(place, scratch.path))[Symbol.asyncDispose]()),
    async () => void (await peekLocalRecord(place)),
  ];
  const { size } = statSync(whole);
  for (const bytes of [0, 100, 5_000, Math.floor(size / 2)]) {
    for (const open of opens) {
      copyFileSync(whole, file);
      truncateSync(file, bytes);
      for (const name of readdirSync(scratch.path))
        if (name !== "whole") rmSync(join(scratch.path, name), { recursive: true });
      const error = await open().then(
        () => undefined,
        (thrown) => thrown,
      );
      expect(error, `${bytes} bytes`).toMatchObject({ code: "state.unreadable", kind: "config" });
      expect(error.problems[0].remedy).toContain(file);
    }
  }
});

test("a state is there whole or not at all, whoever makes it first", async () => {
  using folder = temporaryFolder();
  const place = { kind: "local", folder: folder.path, memoryLimit: "64MB" } as const;
  const file = join(folder.path, "state.duckdb");
  // What is being made stands under another name until it is a database.
  const sizes = new Set<number>();
  const watch = setInterval(() => existsSync(file) && sizes.add(statSync(file).size), 0);
  const store = await openLocalStore(place);
  clearInterval(watch);
  await store[Symbol.asyncDispose]();
  expect(sizes).not.toContain(0);
  expect(statSync(file).size).toBeGreaterThan(0);
  expect(readdirSync(folder.path).filter((name) => name.startsWith("draft"))).toEqual([]);
  await (await openLocalStore(place))[Symbol.asyncDispose]();
});

test("a run that DuckDB's memory does not suffice for says so, and what to raise", async () => {
  using folder = temporaryFolder();
  const place = { kind: "local", folder: folder.path, memoryLimit: "16MB" } as const;
  await using store = await openLocalStore(place);
  const wide = Array.from({ length: 1_200 }, (_, i) => `i::VARCHAR AS c${i}`).join(", ");
  const asked = `CREATE TABLE wide AS SELECT ${wide} FROM range(10) t(i)`;
  for (const work of [() => store.engine.run(asked), () => store.engine.transaction([{ sql: asked }])]) {
    await expect(work()).rejects.toMatchObject({
      problems: [
        { kind: "connection", code: "state.exhausted", remedy: expect.stringContaining("memory_limit") },
      ],
    });
  }
  expect(await store.engine.rows("SELECT 1")).toEqual([["1"]]);
  const appended = "Failed to append: failed to pin block of size 3.8 MiB (179.7 MiB/183.1 MiB used)";
  expect(exhaustionIn(new Error(`${appended}\n\nPossible solutions:`))).toBe(appended);
});

test("what failed first is told, also where the end of it failed too", () => {
  const first = Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
  const end = Object.assign(new Error("the end"), {
    name: "SuppressedError",
    error: new Error("later"),
    suppressed: first,
  });
  expect(explain(end)).toMatchObject({ exit: 3, problems: [{ code: "system.ENOSPC" }] });
});

test("a chain of more expressions than DuckDB takes one within another is one that it takes", async () => {
  await using database = await openDuckdb(":memory:", { memoryLimit: "256MB", temporaryFolder: "" });
  const parts = Array.from({ length: 1_100 }, () => "1");
  expect(await database.value(`SELECT ${chain(parts, " + ")}`)).toBe("1100");
});

test.each(["{broken", "{}", "null", "7", '{"columns":[],"key":[],"match":[],"run":1,"base":"b"}'])(
  "a record of a state that says %s is a damaged state",
  (text) => {
    expect(() => readRecord(text, "the schema backhaul")).toThrow(
      /the schema backhaul is damaged.*backhaul reset/,
    );
  },
);
