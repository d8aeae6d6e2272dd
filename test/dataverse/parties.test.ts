/** Parties of an activity travel with it when it is made, each list by the part that they take. */
import { expect, test } from "vitest";
import { DEFAULT_RULES, type SyncSpec } from "../../src/core/spec.ts";
import {
  added,
  type Bench,
  columnsOf,
  type MappingInput,
  openBench,
  running,
  syncOf,
  tallied,
  write,
} from "./support/bench.ts";
import { refusalOf } from "./support/refusal.ts";

const whenMissing = "reject" as const;
const calls: MappingInput = {
  object: "phonecall",
  columns: { subject: "text", caller: "text", called: "text" },
  match: { subject: "subject" },
  fields: {
    from: {
      source: { column: "caller" },
      lookup: { object: "systemuser", by: "internalemailaddress", whenMissing },
    },
    to: { source: { column: "called" }, lookup: { object: "contact", by: "new_customerid", whenMissing } },
  },
};
const compile = (bench: Bench, more: Partial<SyncSpec> = {}) =>
  bench.destination.compile({ ...syncOf(calls), rules: DEFAULT_RULES, ...more }, columnsOf(calls), running());

async function peopled(): Promise<Bench & { readonly ids: Record<string, string> }> {
  const bench = await openBench();
  const [a, b] = await bench.seed("contact", [
    { new_customerid: "A", lastname: "Ann" },
    { new_customerid: "B", lastname: "Bob" },
  ]);
  return Object.assign(bench, { ids: { [a!]: "A", [b!]: "B" } });
}

/** Who takes part: the call, the part and who. */
async function parties(bench: Bench & { readonly ids: Record<string, string> }): Promise<string[]> {
  const stored = await bench.stored("phonecall");
  const found = [...(await bench.stored("activityparty")).values()].map((row) => {
    const call = stored.get((row.activityid as { id: string }).id)?.subject;
    const { id, table } = row.partyid as { id: string; table: string };
    return `${call} ${row.participationtypemask} ${bench.ids[id] ?? table}`;
  });
  return found.sort();
}

test("one or several, each by its part; a second run finds the call and leaves its parties alone", async () => {
  await using bench = await peopled();
  const compiled = await compile(bench);
  const rows = [
    ["one", "ada@contoso.example", "A"],
    ["two", null, "A; B"],
    ["three", null, '["B"]'],
    ["none", null, null],
  ];
  const result = await write(compiled, added(rows));
  expect(tallied(result)).toEqual({ applied: 4 });
  expect(await parties(bench)).toEqual(["one 1 systemuser", "one 2 A", "three 2 B", "two 2 A", "two 2 B"]);
  const again = await write(await compile(bench), added([["one", "ada@contoso.example", "B"]]));
  expect(tallied(again)).toEqual({ unchanged: 1 });
  const { refusals, ignored } = await bench.counters();
  expect([refusals, ignored]).toEqual([{}, {}]);
});

test("a party that is not there rejects the row, or is left out", async () => {
  await using bench = await peopled();
  const rows = added([
    ["one", null, "A; Z"],
    ["two", null, "B"],
  ]);
  const strict = await write(await compile(bench), rows);
  expect(tallied(strict)).toEqual({ applied: 1, rejected: 1 });
  expect(strict.outcomes.get(1)).toMatchObject({ problem: { code: "lookup.missing", field: "to" } });
  const { fields } = syncOf(calls);
  const lenient = fields.map((spec) =>
    spec.lookup ? { ...spec, lookup: { ...spec.lookup, whenMissing: "skip" as const } } : spec,
  );
  expect(tallied(await write(await compile(bench, { fields: lenient }), rows.slice(0, 1)))).toEqual({
    applied: 1,
  });
  expect(await parties(bench)).toEqual(["one 2 A", "two 2 B"]);
});

test("without adoption nobody knows whether a call is new", async () => {
  await using bench = await peopled();
  const { fields } = syncOf(calls);
  const sync = {
    fields,
    match: [{ field: "activityid", column: "subject" }],
    rules: { ...DEFAULT_RULES, adopt: false },
  };
  const { problems } = await refusalOf(compile(bench, sync));
  expect(problems.map(({ code, field }) => [code, field])).toEqual([
    ["mapping.parties", "from"],
    ["mapping.parties", "to"],
  ]);
});
