/** Known records that exchange the values of their keys, through the engine, seen in what is stored. */
import { expect, test } from "vitest";
import type { SyncSpec } from "../../src/core/spec.ts";
import { planSyncs } from "../../src/sync/plan.ts";
import type { SyncPlan } from "../../src/sync/report.ts";
import { runSync } from "../../src/sync/run.ts";
import { inDuckdb, preparedOn, syncSpec, temporaryFolder } from "../support/project.ts";
import { type Bench, openStrictBench } from "./support/bench.ts";

const signal = new AbortController().signal;

const byKey = syncSpec({
  match: [{ field: "new_customerid", column: "code" }],
  fields: [{ field: "lastname", source: { column: "name" }, whenNull: "clear" }],
});

interface Stage extends AsyncDisposable {
  readonly bench: Bench;
  /** Rows of (id, code, name). */
  run(rows: string, sync?: SyncSpec): ReturnType<typeof runSync>;
  plan(rows: string, sync?: SyncSpec): Promise<SyncPlan>;
  names(): Promise<Record<string, unknown>>;
  clean(): Promise<void>;
}

async function stage(blind?: "blind"): Promise<Stage> {
  const folder = temporaryFolder();
  const bench = await openStrictBench(blind);
  await inDuckdb(`${folder.path}/warehouse.duckdb`, "SELECT 1");
  const prepared = (rows: string, sync = byKey) =>
    preparedOn({
      folder: folder.path,
      query: `SELECT * FROM (VALUES ${rows}) t(id, code, name)`,
      primaryKey: ["id"],
      sync,
      destination: bench.destination,
    });
  return {
    bench,
    run: async (rows, sync) => runSync(await prepared(rows, sync), { signal }),
    async plan(rows, sync) {
      for await (const plan of planSyncs([await prepared(rows, sync)], { signal })) return plan;
      throw new Error("no plan");
    },
    async names() {
      const stored = await bench.stored("contact", "new_customerid");
      return Object.fromEntries([...stored].map(([code, { lastname }]) => [code, lastname]).sort());
    },
    async clean() {
      const { refusals, ignored, redundant } = await bench.counters();
      expect({ refusals, ignored, redundant }).toEqual({ refusals: {}, ignored: {}, redundant: {} });
    },
    async [Symbol.asyncDispose]() {
      await bench[Symbol.asyncDispose]();
      folder[Symbol.dispose]();
    },
  };
}

test("a swap, a ring of three and a chain end right in one run, which the plan predicts; no record is made or lost", async () => {
  await using here = await stage();
  const first = "(1,'A','Ann'), (2,'B','Bob'), (3,'C','Cid'), (4,'D','Dan'), (5,'E','Eve'), (6,'F','Fay')";
  await here.run(first);
  await here.bench.resetCounters();
  const then =
    "(1,'B','Ann'), (2,'A','Bob'), (3,'D','Cid'), (4,'E','Dan'), (5,'C','Eve'), (6,'G','Fay'), (7,'F','New')";
  const plan = await here.plan(then);
  expect(plan.operations).toMatchObject({ update: 8, create: 1 });
  const run = await here.run(then);
  expect(run).toMatchObject({ applied: 7, deferred: 0, rejections: { total: 0 } });
  expect(plan.requests).toBe(run.requests.writes);
  expect(await here.names()).toEqual({
    A: "Bob",
    B: "Ann",
    C: "Eve",
    D: "Cid",
    E: "Dan",
    F: "New",
    G: "Fay",
  });
  expect((await here.bench.counters()).rows.contact).toMatchObject({ update: 8, create: 1 });
  expect(await here.run(then)).toMatchObject({ applied: 0, unchanged: 7, requests: { writes: 0 } });
  await here.clean();
});

test("a plan counts a request for each step of a swap, as the run sends them", async () => {
  await using here = await stage();
  await here.run("(1,'A','Ann'), (2,'B','Bob')");
  const plan = await here.plan("(1,'B','Ann'), (2,'A','Bob')");
  const run = await here.run("(1,'B','Ann'), (2,'A','Bob')");
  expect([plan.requests, run.requests.writes]).toEqual([3, 3]); // one steps aside, the other moves, the first follows
});

test("where a row of the ring is refused, the one that stepped aside takes its old value back", async () => {
  await using here = await stage();
  await here.run("(1,'A','Ann'), (2,'B','Bob')");
  await here.bench.plugins({ table: "contact", column: "lastname", equals: "Bad", message: "No." });
  const run = await here.run("(1,'B','Ann'), (2,'A','Bad')");
  expect(run).toMatchObject({ applied: 0, deferred: 0, rejections: { total: 2 } });
  expect(await here.names()).toEqual({ A: "Ann", B: "Bob" });
  await here.bench.plugins();
  expect(await here.run("(1,'B','Ann'), (2,'A','Bil')")).toMatchObject({ rejections: { total: 0 } });
  expect(await here.names()).toEqual({ A: "Bil", B: "Ann" });
});

test("interrupted while a record is parked, the next run settles it, whatever the model says by then", async () => {
  for (const then of ["(1,'B','Ann'), (2,'A','Bob')", "(1,'A','Ann'), (2,'B','Bob')"]) {
    await using here = await stage("blind");
    await here.run("(1,'A','Ann'), (2,'B','Bob')");
    // The record is parked, then the service goes away.
    await here.bench.faults(
      { on: { kind: "updateMultiple" }, after: 1, times: 1000, do: "deadlock" },
      { on: { kind: "update" }, times: 1000, do: "deadlock" },
    );
    const broken = await here.run("(1,'B','Ann'), (2,'A','Bob')");
    expect(broken.applied).toBe(0);
    expect(Object.keys(await here.names()).some((code) => code.startsWith("~"))).toBe(true);
    await here.bench.faults();
    await here.run(then);
    const expected = then.startsWith("(1,'B'") ? { A: "Bob", B: "Ann" } : { A: "Ann", B: "Bob" };
    expect(await here.names()).toEqual(expected);
  }
});

test("a key beside the match is exchanged in the same way", async () => {
  await using here = await stage();
  const sync = syncSpec({
    match: [{ field: "telephone2", column: "id" }],
    fields: [
      { field: "lastname", source: { column: "name" }, whenNull: "clear" },
      { field: "new_customerid", source: { column: "code" }, whenNull: "clear" },
    ],
  });
  await here.run("('1','A','Ann'), ('2','B','Bob'), ('3','C','Cid')", sync);
  const then = "('1','B','Ann'), ('2','A','Bob'), ('3','D','Cid'), ('4','C','New')";
  expect(await here.run(then, sync)).toMatchObject({ applied: 4, rejections: { total: 0 } });
  expect(await here.names()).toEqual({ A: "Bob", B: "Ann", C: "New", D: "Cid" });
  await here.clean();
});
