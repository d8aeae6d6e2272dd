/** `when_missing: create`: parents that nobody has, made for the rows that name them; seen in what is stored. */
import { expect, test } from "vitest";
import { DEFAULT_RULES } from "../../src/core/spec.ts";
import { planSyncs } from "../../src/sync/plan.ts";
import { runSync } from "../../src/sync/run.ts";
import { inDuckdb, preparedOn, temporaryFolder } from "../support/project.ts";
import {
  added,
  type Bench,
  columnsOf,
  type MappingInput,
  openStrictBench,
  running,
  syncOf,
  tallied,
  write,
} from "./support/bench.ts";

const input = (by: string, whenMissing: "create" | "reject" = "create"): MappingInput => ({
  columns: { number: "text", name: "text", parent: "text" },
  match: { new_customerid: "number" },
  fields: {
    lastname: "name",
    parentcustomerid: { source: { column: "parent" }, lookup: { object: "account", by, whenMissing } },
  },
});

const compile = (bench: Bench, of: MappingInput) =>
  bench.destination.compile(syncOf(of), columnsOf(of), running());

const rows = (from: number, ...parents: (string | null)[]) =>
  added(parents.map((parent, n) => [`C-${from + n}`, `Name ${n}`, parent])).map((change) => ({
    ...change,
    key: [`${from}-${change.seq}`],
  }));

async function parents(bench: Bench): Promise<Record<string, string | null>> {
  const accounts = await bench.stored("account");
  const contacts = await bench.stored("contact", "new_customerid");
  return Object.fromEntries(
    [...contacts].map(([key, { parentcustomerid: to }]) => [
      key,
      to ? String(accounts.get((to as { id: string }).id)?.accountnumber) : null,
    ]),
  );
}

async function clean(bench: Bench): Promise<void> {
  const { refusals, ignored, redundant } = await bench.counters();
  expect({ refusals, ignored, redundant }).toEqual({ refusals: {}, ignored: {}, redundant: {} });
}

test("each missing value gets one stub with its key and its name, in one request, whatever rows and syncs ask for it", async () => {
  await using bench = await openStrictBench();
  await bench.seed("account", [{ name: "There", accountnumber: "A-0" }]);
  const compiled = await compile(bench, input("accountnumber"));
  const result = await write(compiled, rows(0, "A-0", "A-1", "a-1 ", "A-2", null), { window: 2 });
  expect(tallied(result)).toEqual({ applied: 5 });
  expect(await parents(bench)).toEqual({
    "C-0": "A-0",
    "C-1": "A-1",
    "C-2": "A-1",
    "C-3": "A-2",
    "C-4": null,
  });
  const stored = await bench.stored("account", "accountnumber");
  expect([...stored.keys()].sort()).toEqual(["A-0", "A-1", "A-2"]);
  expect(stored.get("A-2")).toMatchObject({ name: "A-2" });
  const other = await compile(bench, input("accountnumber"));
  expect(tallied(await write(other, rows(10, "A-1", "A-3")))).toEqual({ applied: 2 });
  expect((await bench.stored("account")).size).toBe(4);
  await clean(bench);
});

test("a stub whose answer is lost is known by its id: the same request again makes no second one", async () => {
  await using bench = await openStrictBench("blind");
  const compiled = await compile(bench, input("accountnumber"));
  await bench.faults({ on: { kind: "createMultiple", table: "account" }, do: "resetAfterCommit" });
  expect(tallied(await write(compiled, rows(0, "A-1")))).toEqual({ applied: 1 });
  expect((await bench.stored("account")).size).toBe(1);
  expect(await parents(bench)).toEqual({ "C-0": "A-1" });
  const { operations } = await bench.counters();
  expect(operations.createMultiple).toBe(2);
});

test("a stub that is refused rejects the rows that name it, and no other", async () => {
  await using bench = await openStrictBench();
  await bench.plugins({ table: "account", column: "accountnumber", equals: "Bad", message: "No." });
  const result = await write(await compile(bench, input("accountnumber")), rows(0, "Bad", "A-1", "Bad"));
  expect(tallied(result)).toEqual({ applied: 1, rejected: 2 });
  expect(result.outcomes.get(1)).toMatchObject({
    problem: { message: expect.stringContaining("could not be made") },
  });
  expect(await parents(bench)).toEqual({ "C-1": "A-1" });
});

test("by the primary id the stub is the record with that id; what a stub cannot have is refused before anything is read", async () => {
  await using bench = await openStrictBench();
  const id = "0a4ce4d6-5a54-4c2e-8a2e-6f6b31f22222";
  const byId = await compile(bench, input("accountid"));
  expect(tallied(await write(byId, rows(0, id)))).toEqual({ applied: 1 });
  expect((await bench.stored("account")).get(id)).toMatchObject({ name: id });
  await expect(compile(bench, input("createdon"))).rejects.toMatchObject({ kind: "config" });
});

test("a plan counts the requests that make stubs", async () => {
  using folder = temporaryFolder();
  await using bench = await openStrictBench();
  await inDuckdb(`${folder.path}/warehouse.duckdb`, "SELECT 1");
  const prepared = await preparedOn({
    folder: folder.path,
    query: "SELECT * FROM (VALUES ('1', 'Ann', 'A-1'), ('2', 'Bob', 'A-2')) t(number, name, parent)",
    primaryKey: ["number"],
    sync: { ...syncOf(input("accountnumber")), rules: DEFAULT_RULES },
    destination: bench.destination,
  });
  const plans = [];
  for await (const plan of planSyncs([prepared], { signal: running() })) plans.push(plan);
  const run = await runSync(prepared, { signal: running() });
  expect(plans[0]).toMatchObject({ requests: 2, operations: { create: 2 } });
  expect(run.requests.writes).toBe(2);
});

test("a stub whose key was changed by hand stays as it is: rows that name the old value are bound to it", async () => {
  await using bench = await openStrictBench();
  const of = input("accountnumber");
  const sync = { ...syncOf(of), rules: DEFAULT_RULES };
  const compiled = await bench.destination.compile(sync, columnsOf(of), running());
  expect(tallied(await write(compiled, rows(0, "A-1")))).toEqual({ applied: 1 });
  const [id = ""] = (await bench.stored("account")).keys();
  expect(await bench.call("PATCH", `accounts(${id})`, { accountnumber: "A-9", name: "Renamed" })).toBe(204);
  await bench.resetCounters();
  const later = await write(compiled, rows(10, "A-1", "A-2"));
  expect(tallied(later)).toEqual({ applied: 2 });
  const stored = await bench.stored("account");
  expect(stored.get(id)).toMatchObject({ accountnumber: "A-9", name: "Renamed" });
  expect(await parents(bench)).toEqual({ "C-0": "A-9", "C-10": "A-9", "C-11": "A-2" });
  expect((await bench.counters()).rows.account).toEqual({ create: 1 });
});
