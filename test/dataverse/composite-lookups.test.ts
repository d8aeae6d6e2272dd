/** Parents that several columns find together: by an alternate key, or by any fields. Seen at the wire and in what is stored. */
import { describe, expect, test } from "vitest";
import { DEFAULT_RULES, type FieldSpec, type SyncSpec } from "../../src/core/spec.ts";
import { planSyncs } from "../../src/sync/plan.ts";
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

type WhenMissing = NonNullable<FieldSpec["lookup"]>["whenMissing"];

/** A lookup as the config's reader makes it of `by: { field: column }`. */
const byKey = (object: string, by: Record<string, string>, whenMissing: WhenMissing = "reject") => ({
  source: { columns: Object.values(by) },
  lookup: {
    object,
    by: Object.entries(by).map(([field, column]) => ({ field, column })),
    whenMissing,
  },
});

/** Lines, each of an order that is known by the key over its number and its line number. */
const lines = (whenMissing: WhenMissing = "reject"): MappingInput => ({
  object: "new_orderline",
  columns: { name: "text", order: "text", line: "integer" },
  match: { new_name: "name" },
  fields: {
    new_orderid: byKey("new_order", { new_ordernumber: "order", new_linenumber: "line" }, whenMissing),
  },
});

const compile = (bench: Bench, input: MappingInput, more: Partial<SyncSpec> = {}) =>
  bench.destination.compile({ ...syncOf(input), rules: DEFAULT_RULES, ...more }, columnsOf(input), running());

/** Of each line the order that it belongs to, as `NUMBER/LINE`. */
async function orders(bench: Bench): Promise<Record<string, string | null>> {
  const stored = await bench.stored("new_order");
  const name = (id: string) => {
    const { new_ordernumber: number, new_linenumber: line } = stored.get(id) ?? {};
    return `${number}/${line}`;
  };
  return Object.fromEntries(
    [...(await bench.stored("new_orderline")).values()].map(({ new_name: line, new_orderid: order }) => [
      String(line),
      order ? name((order as { id: string }).id) : null,
    ]),
  );
}

const seedOrders = (bench: Bench) =>
  bench.seed("new_order", [
    { new_name: "One", new_ordernumber: "O-1", new_linenumber: 1 },
    { new_name: "Two", new_ordernumber: "O-1", new_linenumber: 2 },
    { new_name: "Three", new_ordernumber: "O'2", new_linenumber: 1 },
  ]);

describe("by the columns of a key", () => {
  test("each row is bound to the record that has all the values, found in one request for all; a part that is empty names nobody", async () => {
    await using bench = await openStrictBench();
    const [first] = await seedOrders(bench);
    await bench.resetCounters();
    const compiled = await compile(bench, lines());
    const rows = added([
      ["A", "o-1 ", "1"],
      ["B", "O-1", "2"],
      ["C", "O'2", "1"],
      ["D", "O-1", null],
      ["E", "O'2", "2"],
    ]);
    const before = bench.destination.counters.reads;
    const result = await write(compiled, rows);
    expect(bench.destination.counters.reads - before).toBe(2); // the orders, and the lines that are there
    expect(tallied(result)).toEqual({ applied: 4, rejected: 1 });
    expect(result.outcomes.get(5)).toMatchObject({
      problem: {
        code: "lookup.missing",
        message: "new_orderid: there is no new_order with new_ordernumber 'O'2' and new_linenumber '2'.",
      },
    });
    expect(await orders(bench)).toEqual({ A: "O-1/1", B: "O-1/2", C: "O'2/1", D: null });
    const [planned] = result.planned;
    expect(planned?.status === "planned" && planned.operation.fields[1]).toMatchObject({
      property: "new_OrderId@odata.bind",
      json: `"/new_orders(${first})"`,
      shown: `"/new_orders(new_ordernumber='o-1 ',new_linenumber=1)"`,
    });
  });

  test("a change of any of the columns binds the row anew, a case that differs does not", async () => {
    await using bench = await openStrictBench();
    await seedOrders(bench);
    const compiled = await compile(bench, lines());
    expect(tallied(await write(compiled, added([["A", "O-1", "1"]])))).toEqual({ applied: 1 });
    const [id] = (await bench.stored("new_orderline")).keys();
    const moved = changed(["A", "O-1", "1"], ["A", "O-1", "2"], { id: id! });
    expect(tallied(await write(compiled, [moved]))).toEqual({ applied: 1 });
    expect(await orders(bench)).toEqual({ A: "O-1/2" });
    const same = changed(["A", "O-1", "2"], ["A", "o-1", "2"], { id: id! });
    expect(tallied(await write(compiled, [same]))).toEqual({ unchanged: 1 });
    const cleared = changed(["A", "o-1", "2"], ["A", null, "2"], { id: id! });
    expect(tallied(await write(compiled, [cleared]))).toEqual({ applied: 1 });
    expect(await orders(bench)).toEqual({ A: null });
  });

  test("when_missing: create makes one record for each set of values, with all of them", async () => {
    await using bench = await openStrictBench();
    const compiled = await compile(bench, lines("create"));
    const rows = added([
      ["A", "N-1", "1"],
      ["B", "n-1", "1"],
      ["C", "N-1", "2"],
    ]);
    expect(tallied(await write(compiled, rows))).toEqual({ applied: 3 });
    expect(await orders(bench)).toEqual({ A: "N-1/1", B: "N-1/1", C: "N-1/2" });
    const names = [...(await bench.stored("new_order")).values()].map(({ new_name: name }) => name);
    expect(names.sort()).toEqual(["N-1 1", "N-1 2"]);
  });

  test("skip leaves the field owed, and it is written once the record is there", async () => {
    await using bench = await openStrictBench();
    const compiled = await compile(bench, lines("skip"));
    const result = await write(compiled, added([["A", "O-1", "1"]]));
    expect(result.outcomes.get(1)).toMatchObject({ status: "applied", owed: ["new_orderid"] });
    await seedOrders(bench);
    const [id] = (await bench.stored("new_orderline")).keys();
    const owed = changed(["A", "O-1", "1"], ["A", "O-1", "1"], { id: id!, pending: ["new_orderid"] });
    expect(tallied(await write(compiled, [owed]))).toEqual({ applied: 1 });
    expect(await orders(bench)).toEqual({ A: "O-1/1" });
  });
});

test("fields that are no key find a record too, a lookup among them by the id that it holds; several are ambiguous", async () => {
  await using bench = await openStrictBench();
  const [one, two] = await bench.seed("account", [{ name: "One" }, { name: "Two" }]);
  const at = (id: string | undefined, lastname: string) => ({
    lastname,
    parentcustomerid: { table: "account", id },
  });
  const people = await bench.seed("contact", [
    at(one, "Ann"),
    at(two, "Ann"),
    at(two, "Bob"),
    at(two, "bob"),
  ]);
  const compiled = await compile(bench, {
    object: "new_note",
    columns: { code: "text", name: "text", account: "uuid" },
    match: { new_code: "code" },
    fields: { new_contactid: byKey("contact", { lastname: "name", parentcustomerid: "account" }) },
  });
  const rows = added([
    ["N-1", "ann", two!],
    ["N-2", "Bob", two!],
  ]);
  const result = await write(compiled, rows);
  expect(tallied(result)).toEqual({ applied: 1, rejected: 1 });
  expect(result.outcomes.get(2)).toMatchObject({ problem: { code: "lookup.ambiguous" } });
  const [note] = (await bench.stored("new_note")).values();
  expect(note?.new_contactid).toMatchObject({ id: people[1] });
});

test("a key with a lookup finds its record through the columns of the lookup's own key", async () => {
  await using bench = await openStrictBench();
  const [, second] = await seedOrders(bench);
  const [line] = await bench.seed("new_orderline", [
    { new_orderid: { table: "new_order", id: second }, new_number: 7, new_quantity: 1 },
  ]);
  const compiled = await compile(bench, {
    object: "new_orderline",
    columns: { order: "text", line: "integer", number: "integer", quantity: "integer" },
    match: { new_orderid: "order", new_number: "number" },
    fields: {
      new_quantity: "quantity",
      new_orderid: byKey("new_order", { new_ordernumber: "order", new_linenumber: "line" }),
    },
  });
  const rows = added([
    ["O-1", "2", "7", "70"],
    ["O-1", "1", "7", "71"],
  ]);
  expect(tallied(await write(compiled, rows))).toEqual({ applied: 2 });
  const stored = await bench.stored("new_orderline");
  expect(stored.get(line!)).toMatchObject({ new_quantity: 70 });
  expect(stored.size).toBe(2);
});

describe("through the engine", () => {
  async function stage() {
    const folder = temporaryFolder();
    const bench = await openStrictBench();
    await inDuckdb(`${folder.path}/warehouse.duckdb`, "SELECT 1");
    return {
      bench,
      prepare: (sync: SyncSpec, query: string) =>
        preparedOn({ folder: folder.path, query, primaryKey: ["id"], sync, destination: bench.destination }),
      async [Symbol.asyncDispose]() {
        await bench[Symbol.asyncDispose]();
        folder[Symbol.dispose]();
      },
    };
  }
  const field = (name: string, column: string): FieldSpec => ({
    field: name,
    source: { column },
    whenNull: "clear",
  });

  test("a plan knows the orders that an earlier sync will have made, and no other; the run writes what it said", async () => {
    await using here = await stage();
    const parents = await here.prepare(
      syncSpec({
        name: "orders",
        object: "new_order",
        match: [
          { field: "new_ordernumber", column: "number" },
          { field: "new_linenumber", column: "line" },
        ],
        fields: [field("new_name", "id")],
      }),
      "SELECT * FROM (VALUES ('a', 'O-1', 1), ('b', 'O-1', 2), ('c', 'O-2', 3)) t(id, number, line)",
    );
    const children = await here.prepare(
      syncSpec({
        name: "lines",
        object: "new_orderline",
        match: [{ field: "new_name", column: "id" }],
        fields: [
          {
            field: "new_orderid",
            whenNull: "clear",
            ...byKey("new_order", { new_ordernumber: "number", new_linenumber: "line" }),
          },
        ],
      }),
      "SELECT * FROM (VALUES ('A', 'o-1', 2), ('B', 'O-2', 3), ('C', 'O-2', 1)) t(id, number, line)",
    );
    const plans = [];
    for await (const plan of planSyncs([parents, children], { signal: running() })) plans.push(plan);
    expect(plans[1]).toMatchObject({ operations: { create: 2 }, rejections: { total: 1 } });
    for (const prepared of [parents, children]) await runSync(prepared, { signal: running() });
    expect(await orders(here.bench)).toEqual({ A: "O-1/2", B: "O-2/3" });
  });

  test("rows that point at rows of the same run by two columns are bound in the second wave", async () => {
    await using here = await stage();
    const prepared = await here.prepare(
      syncSpec({
        name: "people",
        object: "contact",
        match: [{ field: "new_customerid", column: "id" }],
        fields: [
          field("lastname", "last"),
          field("firstname", "first"),
          {
            field: "parentcustomerid",
            whenNull: "clear",
            ...byKey("contact", { lastname: "above_last", firstname: "above_first" }),
          },
        ],
      }),
      "SELECT * FROM (VALUES ('1', 'Ross', 'Ann', 'Ross', 'Bob'), ('2', 'Ross', 'Bob', 'Ross', 'Ann'), ('3', 'Poe', 'Cid', 'Poe', 'Bob')) t(id, last, first, above_last, above_first)",
    );
    const plans = [];
    for await (const plan of planSyncs([prepared], { signal: running() })) plans.push(plan);
    expect(plans[0]).toMatchObject({ operations: { create: 2, update: 2 }, rejections: { total: 1 } });
    await runSync(prepared, { signal: running() });
    const stored = await here.bench.stored("contact");
    const above = [...stored.values()].map(({ firstname, parentcustomerid: to }) => [
      firstname,
      stored.get((to as { id: string }).id)?.firstname,
    ]);
    expect(above.sort()).toEqual([
      ["Ann", "Bob"],
      ["Bob", "Ann"],
    ]);
  });
});
