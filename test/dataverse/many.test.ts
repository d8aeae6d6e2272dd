/** Rows whose match finds several records: `on_many`, seen in what is stored. */
import { expect, test } from "vitest";
import { DEFAULT_RULES, type SyncSpec } from "../../src/core/spec.ts";
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

const input: MappingInput = {
  columns: { phone: "text", name: "text", credit: "decimal" },
  match: { telephone2: "phone" },
  fields: { lastname: "name", creditlimit: "credit" },
};

type OnMany = SyncSpec["rules"]["onMany"];

function compile(bench: Bench, onMany: OnMany, more: Partial<SyncSpec> = {}) {
  const sync = { ...syncOf(input), rules: { ...DEFAULT_RULES, onMany }, ...more };
  return bench.destination.compile(sync, columnsOf(input), running());
}

async function seeded(bench: Bench): Promise<string[]> {
  return bench.seed("contact", [
    { telephone2: "1", lastname: "Second", overriddencreatedon: "2024-02-02T00:00:00Z" },
    { telephone2: "1 ", lastname: "First", overriddencreatedon: "2024-01-01T00:00:00Z" },
    {
      telephone2: "1",
      lastname: "Asleep",
      overriddencreatedon: "2023-01-01T00:00:00Z",
      statecode: 1,
      statuscode: 2,
    },
    { telephone2: "2", lastname: "Alone" },
  ]);
}

async function names(bench: Bench, ids: readonly string[]): Promise<unknown[]> {
  const stored = await bench.stored("contact");
  return ids.map((id) => stored.get(id)?.lastname);
}

async function clean(bench: Bench): Promise<void> {
  const { refusals, ignored, redundant } = await bench.counters();
  expect({ refusals, ignored, redundant }).toEqual({ refusals: {}, ignored: {}, redundant: {} });
}

test("first_created writes the active record that was made first, and its id is known from then on", async () => {
  await using bench = await openStrictBench();
  const ids = await seeded(bench);
  const result = await write(await compile(bench, "first_created"), added([["1", "Ann", null]]));
  expect(result.outcomes.get(1)).toMatchObject({ status: "applied", id: ids[1] });
  expect(await names(bench, ids)).toEqual(["Second", "Ann", "Asleep", "Alone"]);
  await clean(bench);
});

test("all writes every active record that holds the value, what differs in each alone; a row without one makes one", async () => {
  await using bench = await openStrictBench();
  const ids = await seeded(bench);
  const compiled = await compile(bench, "all");
  const rows = [
    ["1", "First", "5"],
    ["2", "Alone", "5"],
    ["3", "New", null],
  ];
  const result = await write(compiled, added(rows));
  expect(tallied(result)).toEqual({ applied: 3 });
  expect(result.outcomes.get(1)).not.toHaveProperty("id");
  expect(await names(bench, ids)).toEqual(["First", "First", "Asleep", "Alone"]);
  expect((await bench.stored("contact", "telephone2")).get("3")).toMatchObject({ lastname: "New" });
  expect((await bench.counters()).rows.contact).toMatchObject({ create: 1, update: 3 });
  // A record that came since is written with the row's next change, whatever id is remembered.
  const [later = ""] = await bench.seed("contact", [{ telephone2: "1", lastname: "Later", creditlimit: 1 }]);
  const change = changed(["1", "First", "5"], ["1", "Both", "5"], { id: ids[0]! });
  expect(tallied(await write(compiled, [change]))).toEqual({ applied: 1 });
  expect(await names(bench, [...ids, later])).toEqual(["Both", "Both", "Asleep", "Alone", "Both"]);
  expect((await bench.stored("contact")).get(later)).toMatchObject({ creditlimit: "1" });
  await clean(bench);
});

test("a row of several records has one outcome, the worst: one that is refused rejects it, the others are written", async () => {
  await using bench = await openStrictBench();
  const ids = await seeded(bench);
  await bench.plugins({ table: "contact", filter: `contactid eq ${ids[0]}`, message: "No." });
  const compiled = await compile(bench, "all");
  const result = await write(
    compiled,
    added([
      ["1", "Ann", "6"],
      ["2", "Bob", null],
    ]),
  );
  expect(tallied(result)).toEqual({ applied: 1, rejected: 1 });
  expect(result.outcomes.get(1)).toMatchObject({
    status: "rejected",
    problem: { message: expect.stringContaining("No.") },
  });
  expect(await names(bench, ids)).toEqual(["Second", "Ann", "Asleep", "Bob"]);
});

test("all refuses removals, since no run remembers what it wrote; a key needs no rule", async () => {
  await using bench = await openStrictBench();
  await expect(compile(bench, "all", { mode: "mirror", onRemoved: "delete" })).rejects.toMatchObject({
    code: "mapping.many_removed",
  });
  const keyed = await compile(bench, "all", { match: [{ field: "new_customerid", column: "phone" }] });
  expect(keyed.warnings.join()).toContain("on_many has no effect");
});
