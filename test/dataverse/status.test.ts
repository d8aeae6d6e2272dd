/** State and status reason: pairs, transitions, and what a new record cannot take; seen at the wire. */
import { expect, test } from "vitest";
import {
  added,
  type Bench,
  changed,
  columnsOf,
  compile,
  openStrictBench,
  running,
  syncOf,
  write,
} from "./support/bench.ts";
import { refusalOf } from "./support/refusal.ts";

async function asset(bench: Bench, values: Record<string, unknown> = {}): Promise<string> {
  const [id] = await bench.seed("new_asset", [{ new_name: "Truck", ...values }]);
  if (id === undefined) throw new Error("not seeded");
  return id;
}

const assets = {
  object: "new_asset",
  columns: { id: "uuid", status: "text" },
  match: { new_assetid: "id" },
  fields: { statuscode: "status" },
} as const;

async function clean(bench: Bench): Promise<void> {
  const { refusals, ignored, redundant } = await bench.counters();
  expect({ refusals, ignored, redundant }).toEqual({ refusals: {}, ignored: {}, redundant: {} });
}

test("a new record owes its state; the next run writes it with the reason that it implies", async () => {
  await using bench = await openStrictBench();
  const compiled = await compile(bench, {
    columns: { id: "text", state: "text" },
    match: { new_customerid: "id" },
    fields: { statecode: "state" },
  });
  expect(compiled.warnings.join()).toMatch(/contact\.statecode cannot be set on a new record/);
  const first = await write(compiled, added([["C-1", "Inaktiv"]]));
  expect(first.outcomes.get(1)).toMatchObject({ status: "applied", owed: ["statecode"] });
  expect((await bench.stored("contact", "new_customerid")).get("C-1")).toMatchObject({ statecode: 0 });
  const row = ["C-1", "Inaktiv"];
  const second = await write(compiled, [changed(row, row, { pending: ["statecode"] })]);
  expect(second.outcomes.get(1)).toMatchObject({ status: "applied" });
  expect((await bench.stored("contact", "new_customerid")).get("C-1")).toMatchObject({
    statecode: 1,
    statuscode: 2,
  });
  await clean(bench);
});

test("a wrong state is rejected before the record is made", async () => {
  await using bench = await openStrictBench();
  const compiled = await compile(bench, {
    columns: { id: "text", state: "text" },
    match: { new_customerid: "id" },
    fields: { statecode: "state" },
  });
  const { outcomes } = await write(compiled, added([["C-1", "Asleep"]]));
  expect(outcomes.get(1)).toMatchObject({
    status: "rejected",
    problem: { code: "value.unknown_choice", field: "statecode", remedy: expect.stringMatching(/'Active'/) },
  });
  expect((await bench.stored("contact")).size).toBe(0);
});

test("a status reason brings its state along", async () => {
  await using bench = await openStrictBench();
  const id = await asset(bench);
  const compiled = await compile(bench, assets);
  await write(compiled, added([[id, "ausgemustert"]]));
  expect((await bench.stored("new_asset")).get(id)).toMatchObject({ statecode: 1, statuscode: 2 });
  await clean(bench);
});

test("a reason that belongs to another state is rejected, and so does the service", async () => {
  await using bench = await openStrictBench();
  const id = await asset(bench);
  const compiled = await compile(bench, {
    ...assets,
    columns: { id: "uuid", status: "text", state: "integer" },
    fields: { statuscode: "status", statecode: "state" },
  });
  const { outcomes } = await write(compiled, added([[id, "Retired", "0"]]));
  expect(outcomes.get(1)).toMatchObject({
    status: "rejected",
    problem: {
      code: "value.state_and_reason",
      field: "statuscode",
      message: "statuscode: 'Retired' belongs to 'Inactive', not to 'Active'.",
    },
  });
  await clean(bench);
});

test("what a table's transitions forbid is rejected with what they allow", async () => {
  await using bench = await openStrictBench();
  const id = await asset(bench);
  const compiled = await compile(bench, assets);
  const allowed = await write(compiled, [changed([id, "Ordered"], [id, "In use"])]);
  expect(allowed.outcomes.get(1)).toMatchObject({ status: "applied" });
  const forbidden = await write(compiled, [changed([id, "In use"], [id, "Ordered"])]);
  expect(forbidden.outcomes.get(1)).toMatchObject({
    status: "rejected",
    problem: {
      code: "value.no_transition",
      message: "statuscode: the table does not let 'In use' become 'Ordered'.",
      remedy: "What may follow is 'Retired'.",
    },
  });
  expect((await bench.stored("new_asset")).get(id)).toMatchObject({ statuscode: 100000001 });
  await clean(bench);
});

test("a status cannot be cleared", async () => {
  await using bench = await openStrictBench();
  const id = await asset(bench);
  const { outcomes } = await write(await compile(bench, assets), [changed([id, "In use"], [id, null])]);
  expect(outcomes.get(1)).toMatchObject({ status: "rejected", problem: { code: "value.required" } });
});

test("a state that only an action reaches is rejected, and the way back is open", async () => {
  await using bench = await openStrictBench();
  const [id = ""] = await bench.seed("opportunity", [{ name: "Trucks", statecode: 2, statuscode: 4 }]);
  const compiled = await compile(bench, {
    object: "opportunity",
    columns: { id: "uuid", state: "text" },
    match: { opportunityid: "id" },
    fields: { statecode: "state" },
  });
  const won = await write(compiled, [changed([id, "Lost"], [id, "Won"])]);
  expect(won.outcomes.get(1)).toMatchObject({
    status: "rejected",
    problem: { code: "value.closed_by_action", field: "statecode" },
  });
  const open = await write(compiled, [changed([id, "Lost"], [id, "Open"])]);
  expect(open.outcomes.get(1)).toMatchObject({ status: "applied" });
  expect((await bench.stored("opportunity")).get(id)).toMatchObject({ statecode: 0 });
  await clean(bench);
});

test("a new record that is meant to be in its first state owes nothing, and takes its reason at once", async () => {
  await using bench = await openStrictBench();
  const input = {
    object: "new_asset",
    columns: { name: "text", state: "text", status: "text" },
    match: {},
    fields: {
      new_name: "name",
      statecode: { source: { column: "state" }, whenNull: "skip" },
      statuscode: "status",
    },
  } as const;
  const sync = { ...syncOf(input), mode: "insert" } as const;
  const compiled = await bench.destination.compile(sync, columnsOf(input), running());
  const { outcomes } = await write(
    compiled,
    added([
      ["Truck", "Aktiv", "In Gebrauch"],
      ["Lorry", null, "In use"],
      ["Van", "Inactive", "In use"],
      ["Scrap", "Inactive", "Retired"],
    ]),
  );
  for (const seq of [1, 2]) {
    expect(outcomes.get(seq)).toMatchObject({ status: "applied" });
    expect(outcomes.get(seq)).not.toMatchObject({ owed: [expect.anything()] });
  }
  expect(outcomes.get(3)).toMatchObject({
    status: "rejected",
    problem: { code: "value.state_and_reason" },
  });
  expect(outcomes.get(4)).toMatchObject({ status: "applied", owed: ["statecode", "statuscode"] });
  const stored = await bench.stored("new_asset", "new_name");
  for (const name of ["Truck", "Lorry"]) {
    expect(stored.get(name)).toMatchObject({ statecode: 0, statuscode: 100000001 });
  }
  expect(stored.get("Scrap")).toMatchObject({ statecode: 0, statuscode: 1 });
  await clean(bench);
});

test("an empty constant for what may not be empty is refused before anything runs, unless nulls are passed over", async () => {
  await using bench = await openStrictBench();
  const state = (whenNull: "clear" | "skip") => ({
    columns: { id: "text" } as const,
    match: { new_customerid: "id" },
    fields: { statecode: { source: { value: null }, whenNull } },
  });
  const { problems } = await refusalOf(compile(bench, state("clear")));
  expect(problems.map(({ code, place }) => [code, place?.file])).toEqual([
    ["value.required", "fields.statecode"],
  ]);
  await compile(bench, state("skip"));
});
