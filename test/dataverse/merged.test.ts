/** Records that people merge in the CRM: their rows, and rows that point at them, go on with what is left. Seen in what is stored. */
import { expect, test } from "vitest";
import { DEFAULT_RULES, type SyncSpec } from "../../src/core/spec.ts";
import type { Prepared } from "../../src/sync/prepare.ts";
import { runSync } from "../../src/sync/run.ts";
import { inDuckdb, preparedOn, syncSpec, temporaryFolder } from "../support/project.ts";
import {
  added,
  type Bench,
  changed,
  columnsOf,
  type MappingInput,
  openStrictBench,
  running,
  syncOf,
  tallied,
  write,
} from "./support/bench.ts";

async function merge(bench: Bench, table: string, target: string, subordinate: string): Promise<void> {
  const named = (id: string) => ({ "@odata.type": `Microsoft.Dynamics.CRM.${table}`, [`${table}id`]: id });
  const body = { Target: named(target), Subordinate: named(subordinate), PerformParentingChecks: false };
  expect(await bench.call("POST", "Merge", body)).toBe(204);
}

const people = syncSpec({
  match: [{ field: "new_customerid", column: "id" }],
  fields: [{ field: "firstname", source: { column: "name" }, whenNull: "clear" }],
  rules: DEFAULT_RULES,
});

async function stage() {
  const folder = temporaryFolder();
  const bench = await openStrictBench();
  await inDuckdb(`${folder.path}/warehouse.duckdb`, "SELECT 1");
  const prepare = (rows: string, more: Partial<SyncSpec> = {}): Promise<Prepared> =>
    preparedOn({
      folder: folder.path,
      query: `SELECT * FROM (VALUES ${rows}) t(id, name)`,
      primaryKey: ["id"],
      sync: { ...people, ...more },
      destination: bench.destination,
    });
  return {
    bench,
    run: async (rows: string, options: { full?: boolean } = {}, more: Partial<SyncSpec> = {}) =>
      runSync(await prepare(rows, more), { signal: running(), ...options }),
    async [Symbol.asyncDispose]() {
      await bench[Symbol.asyncDispose]();
      folder[Symbol.dispose]();
    },
  };
}

const NOTHING = { applied: 0, requests: { writes: 0 } };

test("a remembered record that was merged, and merged again, is written as the one that it ended in, from then on", async () => {
  await using here = await stage();
  const { bench } = here;
  await here.run("('A', 'Ann'), ('B', 'Bob')");
  const loser = String((await bench.stored("contact", "new_customerid")).get("A")?.id);
  const [winner, last] = (await bench.seed("contact", [{ lastname: "W" }, { lastname: "L" }])) as [
    string,
    string,
  ];
  await merge(bench, "contact", winner, loser);
  await merge(bench, "contact", last, winner);
  await bench.resetCounters();
  expect(await here.run("('A', 'Ann'), ('B', 'Bob')")).toMatchObject(NOTHING);
  expect(await here.run("('A', 'Ada'), ('B', 'Bob')")).toMatchObject({
    applied: 1,
    rejections: { total: 0 },
  });
  let stored = await bench.stored("contact");
  expect(stored.get(loser)).toMatchObject({ firstname: "Ann", new_customerid: "A", statecode: 1 });
  expect(stored.get(winner)).toMatchObject({ statecode: 1 });
  expect(stored.get(last)).toMatchObject({ firstname: "Ada", statecode: 0 });
  expect(stored.size).toBe(4);
  expect(await here.run("('A', 'Ada'), ('B', 'Bob')")).toMatchObject(NOTHING);
  expect(await here.run("('A', 'Amy'), ('B', 'Bob')")).toMatchObject({ applied: 1 });
  stored = await bench.stored("contact");
  expect(stored.get(last)).toMatchObject({ firstname: "Amy" });
  expect((await bench.counters()).rows.contact).toMatchObject({ update: 2 });
});

test("a full run writes what the merge has left otherwise, and leaves the key with the record that was merged", async () => {
  await using here = await stage();
  const { bench } = here;
  await here.run("('A', 'Ann')");
  const [loser = ""] = (await bench.stored("contact")).keys();
  const [winner = ""] = await bench.seed("contact", [{ lastname: "W", firstname: "Wim" }]);
  await merge(bench, "contact", winner, loser);
  await bench.resetCounters();
  expect(await here.run("('A', 'Ann')", { full: true })).toMatchObject({ applied: 1 });
  const stored = await bench.stored("contact");
  expect(stored.get(winner)).toMatchObject({ firstname: "Ann", statecode: 0 });
  expect(stored.get(loser)).toMatchObject({ new_customerid: "A", statecode: 1 });
  expect(await here.run("('A', 'Ann')", { full: true })).toMatchObject(NOTHING);
});

test("a row that is met for the first time finds the record through the one that was merged into it", async () => {
  await using here = await stage();
  const { bench } = here;
  const [loser, winner] = (await bench.seed("contact", [
    { lastname: "L", new_customerid: "A" },
    { lastname: "W", firstname: "Ann" },
  ])) as [string, string];
  await merge(bench, "contact", winner, loser);
  await bench.resetCounters();
  expect(await here.run("('A', 'Ann')")).toMatchObject({ applied: 0, unchanged: 1 });
  expect(await here.run("('A', 'Ada')")).toMatchObject({ applied: 1 });
  expect((await bench.stored("contact")).get(winner)).toMatchObject({ firstname: "Ada" });
});

test("a row whose key was moved on by hand, to the record that is left, finds it there", async () => {
  await using here = await stage();
  const { bench } = here;
  await here.run("('A', 'Ann')");
  const [loser = ""] = (await bench.stored("contact")).keys();
  const [winner = ""] = await bench.seed("contact", [{ lastname: "W" }]);
  await merge(bench, "contact", winner, loser);
  expect(await bench.call("PATCH", `contacts(${loser})`, { new_customerid: null })).toBe(204);
  expect(await bench.call("PATCH", `contacts(${winner})`, { new_customerid: "A" })).toBe(204);
  expect(await bench.call("DELETE", `contacts(${loser})`)).toBe(204);
  await bench.resetCounters();
  expect(await here.run("('A', 'Ada')")).toMatchObject({ applied: 1, rejections: { total: 0 } });
  expect(Object.fromEntries(await bench.stored("contact"))).toMatchObject({ [winner]: { firstname: "Ada" } });
  expect((await bench.stored("contact")).size).toBe(1);
});

test("a lookup of a record that was merged binds the one that is left, by a key or where both share the value", async () => {
  await using bench = await openStrictBench();
  const [loser, winner] = (await bench.seed("account", [
    { name: "Firm", accountnumber: "A-1" },
    { name: "Firm" },
  ])) as [string, string];
  await merge(bench, "account", winner, loser);
  await bench.resetCounters();
  for (const [by, value, number] of [
    ["accountnumber", "A-1", "C-1"],
    ["name", "firm", "C-2"],
  ] as const) {
    const input: MappingInput = {
      columns: { number: "text", parent: "text" },
      match: { new_customerid: "number" },
      fields: {
        parentcustomerid: {
          source: { column: "parent" },
          lookup: { object: "account", by, whenMissing: "reject" },
        },
      },
    };
    const sync = { ...syncOf(input), rules: DEFAULT_RULES };
    const compiled = await bench.destination.compile(sync, columnsOf(input), running());
    const [row] = added([[number, value]]);
    expect(tallied(await write(compiled, [{ ...row!, key: [number] }]))).toEqual({ applied: 1 });
    const stored = await bench.stored("contact", "new_customerid");
    expect(stored.get(number)?.parentcustomerid).toMatchObject({ id: winner });
  }
});

test("cases and leads too; records that are merged in a circle stand for themselves", async () => {
  await using bench = await openStrictBench();
  const [account] = await bench.seed("account", [{ name: "One" }]);
  const customerid = { table: "account", id: account };
  const cases = (await bench.seed("incident", [
    { title: "One", customerid },
    { title: "Two", customerid },
  ])) as [string, string];
  const leads = (await bench.seed("lead", [
    { lastname: "One", subject: "One" },
    { lastname: "Two", subject: "Two" },
  ])) as [string, string];
  const inputs: [object: string, ids: [string, string], field: string, key: string][] = [
    ["incident", cases, "description", "title"],
    ["lead", leads, "description", "subject"],
  ];
  for (const [object, [loser, winner], field, key] of inputs) {
    await merge(bench, object, winner, loser);
    await bench.resetCounters();
    const input: MappingInput = {
      object,
      columns: { key: "text", text: "text" },
      match: { [key]: "key" },
      fields: { [field]: "text" },
    };
    const sync = { ...syncOf(input), rules: DEFAULT_RULES };
    const compiled = await bench.destination.compile(sync, columnsOf(input), running());
    const update = changed(["One", "old"], ["One", "new"], { id: loser });
    expect(tallied(await write(compiled, [update]))).toEqual({ applied: 1 });
    expect((await bench.stored(object)).get(winner)).toMatchObject({ [field]: "new" });
  }
  const [a, b] = ["1", "2"].map((n) => `0000000${n}-5a54-4c2e-8a2e-6f6b31f22222`) as [string, string];
  const circle = (contactid: string, id: string, number: string) => ({
    ...{ contactid, new_customerid: number, lastname: number },
    ...{ merged: true, masterid: { table: "contact", id } },
  });
  await bench.seed("contact", [circle(a, b, "A"), circle(b, a, "B")]);
  const input: MappingInput = {
    columns: { number: "text", name: "text" },
    match: { new_customerid: "number" },
    fields: { lastname: "name" },
  };
  const sync = { ...syncOf(input), rules: DEFAULT_RULES };
  const compiled = await bench.destination.compile(sync, columnsOf(input), running());
  expect(tallied(await write(compiled, added([["A", "New"]])))).toEqual({ applied: 1 });
});
