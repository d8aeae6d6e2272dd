import { appendFileSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { Outcome } from "../../src/core/change.ts";
import type { RowAccess, Warehouse } from "../../src/ports.ts";
import { fileHistory } from "../../src/state/history-file.ts";
import { openLocalStore } from "../../src/state/local-store.ts";
import { outcomeRow } from "../../src/state/outcome.ts";
import { openState } from "../../src/state/state.ts";
import { temporaryFolder } from "../support/project.ts";
import { EVERYTHING } from "../support/state.ts";

const columns = [
  { name: "id", kind: "integer", sqlType: "INTEGER" },
  { name: "name", kind: "text", sqlType: "VARCHAR" },
] as const;
const layout = { shape: { columns, key: [0], match: [0] }, fields: [], matching: "id = id" };
const signal = new AbortController().signal;

const warehouseOf = (rows: readonly (readonly string[])[]): Warehouse => ({
  check: async () => ({ version: "1" }),
  columns: async () => columns,
  access: {
    kind: "stream",
    async *rows() {
      yield rows;
    },
  } as RowAccess,
  [Symbol.asyncDispose]: async () => {},
});

const place = (folder: string) =>
  ({ kind: "local", folder, memoryLimit: "128MB", retentionDays: 90 }) as const;

test("a row that was skipped, because there is no record and none is to be made, is looked for in every run", async () => {
  using folder = temporaryFolder();
  for (const status of ["first", "second"]) {
    const state = await openState(await openLocalStore(place(folder.path)), layout, "people", true);
    await using _closing = state;
    await state.stage(
      warehouseOf([
        ["1", "Ann"],
        ["2", "Bob"],
      ]),
      { text: "", file: "x.sql" },
      { timezone: "UTC", signal },
    );
    const counts = await state.diff(EVERYTHING);
    expect(counts, status).toMatchObject(status === "first" ? { added: 2 } : { added: 1, changed: 0 });
    const journal = await state.begin(status);
    for await (const window of state.changes(10)) {
      const outcomes = window.map(
        (change): Outcome =>
          change.key[0] === "2"
            ? { status: "unchanged", change, absent: true }
            : { status: "applied", change },
      );
      expect(outcomes.map((outcome) => outcomeRow(outcome).status)).toContain("skipped");
      await journal.append(outcomes);
    }
    await journal[Symbol.asyncDispose]();
    await state.commit();
    expect(await state.known()).toBe(1);
  }
});

test("a line of the history that a crash has torn swallows nothing", async () => {
  using folder = temporaryFolder();
  const root = folder.path;
  const home = `${root}/organization/object/sync`;
  const { history, ...store } = await openLocalStore(place(home));
  await history.end({ run: "20261121T100000000Z-aaaaaa" });
  const file = `${home}/runs.jsonl`;
  appendFileSync(file, '{"run":"2026112');
  await history.end({ run: "20261121T110000000Z-bbbbbb" });
  await store[Symbol.asyncDispose]();
  const lines = readFileSync(file, "utf8").trim().split("\n");
  expect(lines).toHaveLength(3);
  appendFileSync(file, "null\n{}\n7\n");
  expect(JSON.parse(lines[2]!)).toMatchObject({ run: "20261121T110000000Z-bbbbbb" });
  const told: string[] = [];
  for await (const { run } of fileHistory(root).runs({})) told.push(run);
  expect(told).toEqual(["20261121T100000000Z-aaaaaa", "20261121T110000000Z-bbbbbb"]);
});
