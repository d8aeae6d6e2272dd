/** A key of which a column is a lookup: `new_orderline` is known by its order and its number. Seen at the wire. */
import { describe, expect, test } from "vitest";
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

const lines = (whenMissing: "reject" | "create" = "reject"): MappingInput => ({
  object: "new_orderline",
  columns: { order: "text", number: "integer", quantity: "integer" },
  match: { new_orderid: "order", new_number: "number" },
  fields: {
    new_quantity: "quantity",
    new_orderid: {
      source: { column: "order" },
      lookup: { object: "new_order", by: "new_externalid", whenMissing },
    },
  },
});

const compile = (bench: Bench, input = lines(), adopt = false, more: Partial<SyncSpec> = {}) =>
  bench.destination.compile(
    { ...syncOf(input), rules: { ...DEFAULT_RULES, adopt }, ...more },
    columnsOf(input),
    running(),
  );

async function seeded(bench: Bench): Promise<{ orders: string[]; lines: string[] }> {
  const orders = await bench.seed("new_order", [
    { new_name: "One", new_externalid: "O-1" },
    { new_name: "Two", new_externalid: "O-2" },
  ]);
  const kept = await bench.seed("new_orderline", [
    { new_orderid: { table: "new_order", id: orders[0] }, new_number: 1, new_quantity: 5 },
    { new_orderid: { table: "new_order", id: orders[1] }, new_number: 1, new_quantity: 6 },
  ]);
  return { orders, lines: kept };
}

async function quantities(bench: Bench): Promise<Record<string, unknown>> {
  const orders = await bench.stored("new_order");
  const stored = await bench.stored("new_orderline");
  return Object.fromEntries(
    [...stored.values()]
      .map(({ new_orderid: order, new_number: number, new_quantity: quantity }) => [
        `${orders.get((order as { id: string }).id)?.new_externalid} ${number}`,
        quantity,
      ])
      .sort(),
  );
}

async function clean(bench: Bench): Promise<void> {
  const { refusals, ignored, redundant } = await bench.counters();
  expect({ refusals, ignored, redundant }).toEqual({ refusals: {}, ignored: {}, redundant: {} });
}

describe.each([false, true])("adopt: %s", (adopt) => {
  test("rows are written to the line of their order, and new ones made", async () => {
    await using bench = await openStrictBench(adopt ? undefined : "blind");
    const { orders, lines: kept } = await seeded(bench);
    const compiled = await compile(bench, lines(), adopt);
    const result = await write(
      compiled,
      added([
        ["O-1", "1", "50"],
        ["o-2 ", "1", "6"],
        ["O-2", "2", "7"],
        ["O-9", "1", "8"],
      ]),
    );
    expect(tallied(result)).toEqual(
      adopt ? { applied: 2, unchanged: 1, rejected: 1 } : { applied: 3, rejected: 1 },
    );
    expect(result.outcomes.get(4)).toMatchObject({
      problem: { code: "lookup.missing", field: "new_orderid" },
    });
    expect(await quantities(bench)).toEqual({ "O-1 1": 50, "O-2 1": 6, "O-2 2": 7 });
    expect((await bench.stored("new_orderline")).size).toBe(kept.length + 1);
    const [first] = result.planned;
    expect(first?.status === "planned" && first.operation.record).toBe(
      adopt ? `new_orderlines(${kept[0]})` : `new_orderlines(_new_orderid_value=${orders[0]},new_number=1)`,
    );
    if (adopt) await clean(bench);
  });
});

test("a changed row is found by its old order and number, and moved to the new ones", async () => {
  await using bench = await openStrictBench();
  const { lines: kept } = await seeded(bench);
  const compiled = await compile(bench, lines(), true);
  const blind = changed(["O-1", "1", "5"], ["O-2", "3", "5"]);
  expect(tallied(await write(compiled, [blind]))).toEqual({ applied: 1 });
  const known = changed(["O-2", "1", "6"], ["O-2", "1", "60"], { id: kept[1]! });
  expect(tallied(await write(compiled, [known]))).toEqual({ applied: 1 });
  expect(await quantities(bench)).toEqual({ "O-2 1": 60, "O-2 3": 5 });
  await clean(bench);
});

test("an order that nobody has is made for its line, where when_missing says so", async () => {
  await using bench = await openStrictBench();
  const compiled = await compile(bench, lines("create"), true);
  const rows = added([
    ["N-1", "1", "5"],
    ["N-1", "2", "6"],
  ]);
  expect(tallied(await write(compiled, rows))).toEqual({ applied: 2 });
  expect(await quantities(bench)).toEqual({ "N-1 1": 5, "N-1 2": 6 });
  await clean(bench);
});

test("a plan creates the lines of orders that an earlier sync will have made", async () => {
  await using bench = await openStrictBench();
  const compiled = await compile(bench, lines(), true);
  const [planned] = await compiled.plan(added([["P-1", "1", "5"]]), {
    signal: running(),
    idSeed: ["test"],
    promised: async () => [["p-1"]],
  });
  expect(planned).toMatchObject({ status: "planned", operation: { kind: "create" } });
  expect(planned?.status === "planned" && planned.operation.fields[0]).toMatchObject({
    property: "new_OrderId@odata.bind",
    json: `"/new_orders(new_externalid='P-1')"`,
  });
});

test("the match of a lookup without a field of its own says what to add", async () => {
  await using bench = await openStrictBench();
  const { new_orderid: _, ...fields } = lines().fields;
  await expect(compile(bench, { ...lines(), fields })).rejects.toMatchObject({ code: "mapping.key_lookup" });
});
