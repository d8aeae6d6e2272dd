/** References that a run can write only once what they point at is there: the second wave, through the engine. */
import { describe, expect, test } from "vitest";
import { runSyncs } from "../../src/cli/run-syncs.ts";
import { DEFAULT_RULES, type FieldSpec, type SyncSpec } from "../../src/core/spec.ts";
import { inOrderOfLookups } from "../../src/sync/order.ts";
import { planSyncs } from "../../src/sync/plan.ts";
import type { Prepared } from "../../src/sync/prepare.ts";
import type { SyncPlan, SyncRun } from "../../src/sync/report.ts";
import { runSync } from "../../src/sync/run.ts";
import { stageAndDiff } from "../../src/sync/stage.ts";
import { writeWave } from "../../src/sync/wave.ts";
import { inDuckdb, preparedOn, syncSpec, temporaryFolder } from "../support/project.ts";
import { type Bench, openStrictBench } from "./support/bench.ts";

const signal = new AbortController().signal;
const field = (name: string, column: string, lookup?: FieldSpec["lookup"]): FieldSpec => ({
  field: name,
  source: { column },
  whenNull: "clear",
  ...(lookup ? { lookup } : {}),
});
const whenMissing = "reject" as const;

/** People with a manager among them, and the company that they belong to. */
const people = (more: Partial<SyncSpec> = {}): SyncSpec =>
  syncSpec({
    name: "people",
    match: [{ field: "new_customerid", column: "id" }],
    fields: [
      field("lastname", "name"),
      field("parentcustomerid", "manager", { object: "contact", by: "new_customerid", whenMissing }),
    ],
    ...more,
  });

interface Stage extends AsyncDisposable {
  readonly bench: Bench;
  readonly folder: string;
  prepare(sync: SyncSpec, query: string): Promise<Prepared>;
}

async function stage(): Promise<Stage> {
  const folder = temporaryFolder();
  const bench = await openStrictBench();
  await inDuckdb(`${folder.path}/warehouse.duckdb`, "SELECT 1");
  return {
    bench,
    folder: folder.path,
    prepare: (sync, query) =>
      preparedOn({ folder: folder.path, query, primaryKey: ["id"], sync, destination: bench.destination }),
    async [Symbol.asyncDispose]() {
      await bench[Symbol.asyncDispose]();
      folder[Symbol.dispose]();
    },
  };
}

const rows = (...values: string[]) => `SELECT * FROM (VALUES ${values.join(", ")}) t(id, name, manager)`;

async function planned(...order: Prepared[]): Promise<SyncPlan[]> {
  const plans: SyncPlan[] = [];
  for await (const plan of planSyncs(order, { signal })) plans.push(plan);
  return plans;
}

async function managers(bench: Bench): Promise<Record<string, string | null>> {
  const stored = await bench.stored("contact");
  const name = (id: unknown) => String(stored.get(String(id))?.new_customerid);
  return Object.fromEntries(
    [...stored.values()].map(({ new_customerid: key, parentcustomerid: parent }) => [
      String(key),
      parent ? name((parent as { id: string }).id) : null,
    ]),
  );
}

async function clean(bench: Bench): Promise<void> {
  const { refusals, ignored, redundant } = await bench.counters();
  expect({ refusals, ignored, redundant }).toEqual({ refusals: {}, ignored: {}, redundant: {} });
}

describe("a sync that points at itself", () => {
  const staff = rows("('A', 'Ann', 'B')", "('B', 'Bob', 'C')", "('C', 'Cid', 'A')", "('D', 'Dan', NULL)");

  test("a ring of managers is written in one run; the plan says so; a second run sends nothing", async () => {
    await using here = await stage();
    const prepared = await here.prepare(people(), staff);
    const [plan] = await planned(prepared);
    expect(plan).toMatchObject({ operations: { create: 4, update: 3 }, rejections: { total: 0 } });
    expect(plan?.fields).toMatchObject({ parentcustomerid: 4, lastname: 4 });
    const run = await runSync(prepared, { signal });
    expect(run).toMatchObject({ applied: 4, unchanged: 0, deferred: 0, rejections: { total: 0 } });
    expect(plan?.requests).toBe(run.requests.writes);
    expect(await managers(here.bench)).toEqual({ A: "B", B: "C", C: "A", D: null });
    expect((await here.bench.counters()).rows.contact).toMatchObject({ create: 4, update: 3 });
    const again = await runSync(prepared, { signal });
    expect(again).toMatchObject({ applied: 0, unchanged: 4, requests: { writes: 0 } });
    await clean(here.bench);
  });

  test("killed between the waves, the next run writes what is owed", async () => {
    await using here = await stage();
    const prepared = await here.prepare(people(), staff);
    const source = {
      stage: (...[state, wanted, reject]: Parameters<Parameters<typeof writeWave>[2]["stage"]>) =>
        stageAndDiff(prepared, state, wanted, reject),
      changes: <T>(state: T) => state,
      plan: prepared.compiled.plan,
    };
    const { again } = await writeWave(prepared, { signal }, source, "first");
    expect(again).toEqual({ applied: 3, unchanged: 0 });
    expect(await managers(here.bench)).toEqual({ A: null, B: null, C: null, D: null });
    expect((await planned(prepared))[0]).toMatchObject({ operations: { create: 0, update: 3 } });
    expect(await runSync(prepared, { signal })).toMatchObject({ applied: 3, unchanged: 1 });
    expect(await managers(here.bench)).toEqual({ A: "B", B: "C", C: "A", D: null });
    await clean(here.bench);
  });

  test("a plan says that a row points at one whose record the run deletes first", async () => {
    await using here = await stage();
    const mirror = people({
      mode: "mirror",
      onRemoved: "delete",
      guard: { removed: { share: 1, rows: 9 } },
    });
    await runSync(await here.prepare(mirror, rows("('A', 'Ann', NULL)", "('B', 'Bob', NULL)")), { signal });
    const prepared = await here.prepare(mirror, rows("('A', 'Ann', 'B')"));
    const [plan] = await planned(prepared);
    expect(plan).toMatchObject({
      operations: { delete: 1, update: 0 },
      rejections: { byCode: { "lookup.missing": 1 } },
    });
    const run = await runSync(prepared, { signal });
    expect(run).toMatchObject({ applied: 1, rejections: { byCode: { "lookup.missing": 1 } } });
    expect(plan?.requests).toBe(run.requests.writes);
    expect(await managers(here.bench)).toEqual({ A: null });
    await clean(here.bench);
  });

  test("a known row points at one that the same run makes; a value that no row has is rejected before anything is made", async () => {
    await using here = await stage();
    await runSync(await here.prepare(people(), rows("('A', 'Ann', NULL)", "('B', 'Bob', NULL)")), { signal });
    const prepared = await here.prepare(
      people(),
      rows("('A', 'Ann', 'N')", "('N', 'New', 'B')", "('X', 'Xen', 'Nobody')"),
    );
    const [plan] = await planned(prepared);
    const run = await runSync(prepared, { signal });
    expect(run).toMatchObject({ applied: 2, rejections: { byCode: { "lookup.missing": 1 } } });
    expect(plan?.operations).toMatchObject({ create: 1, update: 1 });
    expect(await managers(here.bench)).toEqual({ A: "N", B: null, N: "B" });
    await clean(here.bench);
  });

  test("a parent that turns out to be refused rejects its child, which is told once and gets in when the parent does", async () => {
    await using here = await stage();
    await here.bench.plugins({ table: "contact", column: "lastname", equals: "Bad", message: "No." });
    const prepared = await here.prepare(people(), rows("('A', 'Ann', 'P')", "('P', 'Bad', NULL)"));
    const run = await runSync(prepared, { signal });
    expect(run).toMatchObject({ applied: 0, rejections: { total: 2, byCode: { "lookup.missing": 1 } } });
    const mended = await here.prepare(people(), rows("('A', 'Ann', 'P')", "('P', 'Good', NULL)"));
    expect(await runSync(mended, { signal })).toMatchObject({ applied: 2, rejections: { total: 0 } });
    expect(await managers(here.bench)).toEqual({ A: "P", P: null });
  });
});

describe("what points at rows that are not written is rejected by the plan as by the run", () => {
  const firms = (more: Partial<SyncSpec> = {}) =>
    syncSpec({
      name: "firms",
      object: "account",
      match: [{ field: "accountnumber", column: "id" }],
      fields: [field("name", "name")],
      ...more,
    });
  const staff = people({
    fields: [
      field("lastname", "name"),
      field("parentcustomerid", "manager", { object: "account", by: "accountnumber", whenMissing }),
    ],
  });
  const long = "repeat('x', 500)";

  async function compared(order: readonly Prepared[]): Promise<readonly (readonly number[])[]> {
    const plans = await planned(...order);
    const runs: SyncRun[] = [];
    for (const prepared of order) runs.push(await runSync(prepared, { signal }));
    return plans.map(({ rejections, requests }, index) => [
      ...[rejections.total, runs[index]?.rejections.total ?? -1],
      ...[requests, runs[index]?.requests.writes ?? -1],
    ]);
  }

  test("a row of the same run, which comes after what points at it", async () => {
    await using here = await stage();
    const staff = rows("('A', 'Ann', 'P')", `('P', ${long}, NULL)`, "('B', 'Bob', 'A')");
    expect(await compared([await here.prepare(people(), staff)])).toEqual([[2, 2, 2, 2]]);
    expect(await managers(here.bench)).toEqual({ A: null, B: "A" });
  });

  test("a row of an earlier sync that is rejected, that waits after it was refused, or that finds no record", async () => {
    await using here = await stage();
    const workers = rows("('A', 'Ann', 'F1')", "('B', 'Bob', 'F2')");
    const person = () => here.prepare(staff, workers);
    const company = await here.prepare(firms(), rows("('F1', 'One', '')", `('F2', ${long}, '')`));
    expect(await compared([company, await person()])).toEqual([
      [1, 1, 1, 1],
      [1, 1, 1, 1],
    ]);
    await here.bench.plugins({ table: "account", column: "name", equals: "Bad", message: "No." });
    const bad = await here.prepare(firms(), rows("('F1', 'One', '')", "('F2', 'Bad', '')"));
    for (const _ of [1, 2]) expect((await runSync(bad, { signal })).rejections.total).toBe(1);
    expect(await compared([bad, await person()])).toEqual([
      [0, 0, 0, 0], // the firm waits for another try
      [1, 1, 0, 0],
    ]);
    const known = firms({ name: "known", mode: "update", rules: { ...DEFAULT_RULES, onMissing: "skip" } });
    const absent = await here.prepare(known, rows("('F2', 'Two', '')"));
    expect(await compared([absent, await person()])).toEqual([
      [0, 0, 0, 0],
      [1, 1, 0, 0],
    ]);
  });
});

test("a state other than the first is written in the same run, by a second request", async () => {
  await using here = await stage();
  const sync = people({ fields: [field("lastname", "name"), field("statecode", "manager")] });
  const prepared = await here.prepare(sync, rows("('A', 'Ann', 'Inactive')", "('B', 'Bob', 'Active')"));
  const [plan] = await planned(prepared);
  expect(plan?.operations).toMatchObject({ create: 2, update: 1 });
  expect(plan?.samples.find(({ kind }) => kind === "update")?.fields).toEqual([
    { field: "statecode", after: "1" },
    { field: "statuscode", after: "2" },
  ]);
  expect(await runSync(prepared, { signal })).toMatchObject({ applied: 2 });
  const stored = await here.bench.stored("contact", "new_customerid");
  expect(stored.get("A")).toMatchObject({ statecode: 1, statuscode: 2 });
  expect(stored.get("B")).toMatchObject({ statecode: 0 });
  expect(await runSync(prepared, { signal })).toMatchObject({ applied: 0, unchanged: 2 });
  await clean(here.bench);
});

describe("syncs that look each other up", () => {
  const firms = syncSpec({
    name: "firms",
    object: "account",
    match: [{ field: "accountnumber", column: "id" }],
    fields: [
      field("name", "name"),
      field("primarycontactid", "manager", { object: "contact", by: "new_customerid", whenMissing }),
    ],
  });
  const staff = people({
    fields: [
      field("lastname", "name"),
      field("parentcustomerid", "manager", { object: "account", by: "accountnumber", whenMissing }),
    ],
  });
  const shown = { signal, silent: true, log: () => {} };

  async function both(here: Stage): Promise<Prepared[]> {
    const company = await here.prepare(firms, rows("('F1', 'Firm', 'P1')", "('F2', 'Lost', 'P9')"));
    const person = await here.prepare(staff, rows("('P1', 'Pia', 'F1')", "('P2', 'Pit', NULL)"));
    return inOrderOfLookups([company, person]);
  }

  test("both land in one command; the cycle is named; the plan predicts it", async () => {
    await using here = await stage();
    const order = await both(here);
    const plans = await planned(...order);
    expect(plans.flatMap(({ warnings }) => warnings).join()).toContain("look each other up");
    const { runs } = await runSyncs(
      order.map((prepared) => ({ prepared })),
      shown,
      ({ prepared }, options) => runSync(prepared, options),
    );
    const { rows } = await here.bench.counters();
    const total = (kind: "create" | "update") =>
      plans.reduce((sum, { operations }) => sum + operations[kind], 0);
    expect([total("create"), total("update")]).toEqual([
      (rows.account?.create ?? 0) + (rows.contact?.create ?? 0),
      (rows.account?.update ?? 0) + (rows.contact?.update ?? 0),
    ]);
    // F2 names a person that nobody has.
    expect(runs.map(({ sync, applied, rejections }) => [sync, applied, rejections.total])).toEqual([
      ["people", 2, 0],
      ["firms", 1, 1],
      ["people", 1, 0],
    ]);
    const accounts = await here.bench.stored("account", "accountnumber");
    const contacts = await here.bench.stored("contact", "new_customerid");
    expect(accounts.get("F1")?.primarycontactid).toMatchObject({ id: contacts.get("P1")?.id });
    expect(contacts.get("P1")?.parentcustomerid).toMatchObject({ id: accounts.get("F1")?.id });
    await clean(here.bench);
    const again: SyncRun[] = [];
    for (const prepared of order) again.push(await runSync(prepared, { signal }));
    expect(again.map(({ applied, requests }) => [applied, requests.writes])).toEqual([
      [0, 0],
      [0, 0],
    ]);
  });
});
