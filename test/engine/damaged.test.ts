/** A state file that was cut short is an error of the user's disk, not a defect of ours. */
import { copyFileSync, existsSync, readdirSync, rmSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openDuckdb } from "../../src/duckdb/database.ts";
import { openLocalPlanStore, openLocalStore, peekLocalRecord } from "../../src/state/local-store.ts";
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
