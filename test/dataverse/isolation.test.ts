/** What bad rows cost, counted at the sandbox; and the pure parts that decide it. */

import { describe, expect, test } from "vitest";
import { halvesOf, suspectsOf } from "../../connectors/dataverse/write/isolate.ts";
import type { Operation, Outcome } from "../../src/core/change.ts";
import type { CompiledSync } from "../../src/ports.ts";
import fc from "../support/seeded.ts";
import { added, type Bench, compile, type MappingInput, openBench } from "./support/bench.ts";

const people: MappingInput = {
  columns: { id: "text", first: "text", last: "text" },
  match: { new_customerid: "id" },
  fields: { firstname: "first", lastname: "last" },
};

/** Refuses rows without naming them. */
const REFUSAL = { table: "contact", column: "firstname", equals: "Bad", message: "Not welcome." };
const WINDOW = 2_000;

const rows = (from: number, count: number, bad: ReadonlySet<number> = new Set()) =>
  Array.from({ length: count }, (_, at) => [`C-${from + at}`, bad.has(at) ? "Bad" : "Ann", `Last ${at}`]);

interface Load {
  /** Requests as the sandbox counts them. */
  readonly requests: number;
  /** Outcomes of each request that was planned. */
  readonly groups: readonly (readonly Outcome[])[];
}

async function load(bench: Bench, compiled: CompiledSync, values: readonly string[][]): Promise<Load> {
  const context = { signal: new AbortController().signal, idSeed: ["test", "contact", "people"] };
  const changes = added(values);
  async function* operations() {
    for (let from = 0; from < changes.length; from += WINDOW) {
      const planned = await compiled.plan(changes.slice(from, from + WINDOW), context);
      yield planned.flatMap((one) => (one.status === "planned" ? [one.operation] : []));
    }
  }
  await bench.resetCounters();
  const groups: (readonly Outcome[])[] = [];
  for await (const outcomes of compiled.write(operations(), context)) groups.push(outcomes);
  const { requests } = await bench.counters();
  const { upsertMultiple = 0, batch = 0 } = requests;
  return { requests: upsertMultiple + batch, groups };
}

const rejectedIn = (outcomes: readonly Outcome[]): readonly number[] =>
  outcomes.flatMap(({ status, change }) => (status === "rejected" ? [change.seq] : []));

test.each([100, 1000])("one bad row in %i, which nobody names, costs few further requests", async (n) => {
  await using bench = await openBench();
  await bench.plugins(REFUSAL);
  const compiled = await compile(bench, people);
  if (n > 100) await load(bench, compiled, rows(0, 4_000)); // requests grow
  for (const [at, bad] of [0, Math.floor(n / 3), n - 1].entries()) {
    const values = rows(10_000 * (at + 1), n, new Set([bad]));
    const { requests, groups } = await load(bench, compiled, values);
    expect(groups.flatMap(rejectedIn)).toEqual([bad + 1]);
    expect(groups.flat()).toHaveLength(n);
    const together = groups.find((outcomes) => rejectedIn(outcomes).length > 0)?.length ?? 0;
    expect(requests - groups.length).toBeGreaterThan(0);
    expect(requests - groups.length).toBeLessThanOrEqual(2 * Math.log2(together) + 2);
  }
});

test("5 % bad rows cost at most three times the requests of a clean load, from the first row on too", async () => {
  const bad = new Set(Array.from({ length: 400 }, (_, at) => at * 20 + ((at * 7) % 20)));
  const begin = async () => {
    const bench = await openBench();
    await bench.plugins(REFUSAL);
    return { bench, compiled: await compile(bench, people) };
  };
  const dirty = async ({ bench, compiled }: Awaited<ReturnType<typeof begin>>) => {
    const { requests, groups } = await load(bench, compiled, rows(300_000, 8_000, bad));
    expect(new Set(groups.flatMap(rejectedIn))).toEqual(new Set([...bad].map((at) => at + 1)));
    expect(groups.flat()).toHaveLength(8_000);
    return requests;
  };
  const one = await begin();
  await using _one = one.bench;
  const cold = (await load(one.bench, one.compiled, rows(200_000, 8_000))).requests;
  const warm = (await load(one.bench, one.compiled, rows(400_000, 8_000))).requests;
  expect(await dirty(one)).toBeLessThanOrEqual(3 * warm);
  const other = await begin();
  await using _other = other.bench;
  expect(await dirty(other)).toBeLessThanOrEqual(3 * cold);
});

const operation = (record: string, bind?: string): Operation => ({
  kind: "upsert",
  change: { kind: "added", seq: 1, key: [record], id: null, after: [] },
  record,
  fields: bind === undefined ? [] : [{ field: "p", property: "p@odata.bind", json: `"/accounts(${bind})"` }],
  owed: [],
});

const keys = fc.uniqueArray(fc.stringMatching(/^[a-z0-9]{4,12}$/), { minLength: 1, maxLength: 40 });

describe("who is at fault", () => {
  test("halves hold every record once, in order, and differ by one at most", () => {
    fc.assert(
      fc.property(keys, (names) => {
        const operations = names.map((name) => operation(`contacts(k='${name}')`));
        const [first = [], second = []] = halvesOf(operations);
        expect([...first, ...second]).toEqual(operations);
        expect(first.length - second.length).toBeOneOf([0, 1]);
      }),
    );
  });

  test("a record that is named by its key is suspected, no other is", () => {
    fc.assert(
      fc.property(keys, fc.nat(), (names, at) => {
        const operations = names.map((name) => operation(`contacts(k='${name}')`));
        const name = names[at % names.length]!;
        const suspects = suspectsOf(operations, `The record with k '${name.toUpperCase()}' is refused.`);
        expect(suspects).toEqual([operations[at % names.length]]);
      }),
    );
  });

  test("by its id, or by the id of what it points at; not where too many are", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.uuid(), { minLength: 2, maxLength: 30 }), ([parent = "", ...ids]) => {
        const own = ids.map((id) => operation(`contacts(${id})`));
        expect(suspectsOf(own, `contact With Id = ${ids[0]} Does Not Exist`)).toEqual([own[0]]);
        const pointing = ids.map((id) => operation(`contacts(${id})`, parent));
        expect(suspectsOf(pointing, `account With Id = ${parent} Does Not Exist`)).toEqual(
          pointing.length > 10 ? [] : pointing,
        );
      }),
    );
  });

  test("nobody where nothing is named", () => {
    expect(suspectsOf([operation("contacts(k='abcd')")], "Not welcome: abcd.")).toEqual([]);
  });
});
