import { describe, expect, test } from "vitest";
import type { Change, Removed } from "../../src/core/change.ts";
import { DEFAULT_RULES, type SyncSpec } from "../../src/core/spec.ts";
import type { CompiledSync } from "../../src/ports.ts";
import {
  added,
  type Bench,
  changed,
  columnsOf,
  type MappingInput,
  openBench,
  openStrictBench,
  running,
  syncOf,
  tallied,
  write,
} from "./support/bench.ts";

const people: MappingInput = {
  columns: { number: "text", name: "text", credit: "decimal", parent: "text" },
  match: { new_customerid: "number" },
  fields: { lastname: "name", creditlimit: "credit" },
};

function compile(
  bench: Bench,
  more: Omit<Partial<SyncSpec>, "rules"> & { readonly rules?: Partial<SyncSpec["rules"]> } = {},
  input: MappingInput = people,
): Promise<CompiledSync> {
  const { rules, ...rest } = more;
  const sync = { ...syncOf(input), ...rest, rules: { ...DEFAULT_RULES, ...rules } };
  return bench.destination.compile(sync, columnsOf(input), running());
}

const removed = (before: Removed["before"], id: string | null = null, seq = 1): Change => ({
  kind: "removed",
  seq,
  key: [`${seq}`],
  id,
  before,
  unsure: false,
});

const contacts = (count: number, from = 0) =>
  Array.from({ length: count }, (_, n) => ({
    new_customerid: `C-${n + from}`,
    lastname: `Name ${n + from}`,
    creditlimit: n + from,
  }));

const rows = (count: number, name = "Name") =>
  Array.from({ length: count }, (_, n) => [`C-${n}`, `${name} ${n}`, `${n}`, null] as const);

describe("adoption", () => {
  test("a first run over 10,000 records that are already right sends no write and learns their ids", async () => {
    await using bench = await openStrictBench();
    const ids = await bench.seed("contact", contacts(10_000));
    const compiled = await compile(bench);
    const result = await write(compiled, added(rows(10_000)), { window: 2_000 });
    expect(tallied(result)).toEqual({ unchanged: 10_000 });
    expect(result.outcomes.get(1)).toMatchObject({ id: ids[0] });
    const { counters } = bench.destination;
    expect(counters.writes).toBe(0);
    expect(counters.reads).toBeLessThanOrEqual(20);
  });

  test("writes the five in a hundred that differ, and of them what differs alone; new ones are made with our ids", async () => {
    await using bench = await openStrictBench();
    await bench.seed("contact", contacts(200));
    const compiled = await compile(bench);
    await bench.resetCounters();
    const wanted = [
      ...rows(200),
      ...contacts(3, 200).map(({ new_customerid: c }) => [c, "New", null, null] as const),
    ];
    const changes = added(
      wanted.map(([number, name, credit, parent], n) => [
        number,
        n % 20 === 0 ? "Other" : name,
        credit,
        parent,
      ]),
    );
    const result = await write(compiled, changes);
    expect(tallied(result)).toEqual({ unchanged: 190, applied: 13 });
    const kinds = result.planned.flatMap((plan) =>
      plan.status === "planned"
        ? [[plan.operation.kind, plan.operation.fields.map(({ field }) => field).join()]]
        : [],
    );
    expect(new Set(kinds.map(String))).toEqual(
      new Set(["update,lastname", "create,new_customerid,lastname,creditlimit"]),
    );
    const stored = await bench.stored("contact", "new_customerid");
    expect(stored.size).toBe(203);
    expect(stored.get("C-0")).toMatchObject({ lastname: "Other", creditlimit: "0" });
    expect(stored.get("C-201")).toMatchObject({ lastname: "New", creditlimit: null });
    expect(String(stored.get("C-201")?.id)).toMatch(/^.{14}5/);
    const { redundant, ignored, refusals } = await bench.counters();
    expect({ redundant, ignored, refusals }).toEqual({ redundant: {}, ignored: {}, refusals: {} });
  });

  test("texts differ by case, moments and numbers by value", async () => {
    await using bench = await openStrictBench();
    await bench.seed("contact", [{ new_customerid: "A", lastname: "ann", creditlimit: 5 }]);
    const compiled = await compile(bench);
    const result = await write(compiled, added([["a ", "Ann", "5.00", null]]));
    const [plan] = result.planned;
    expect(plan?.status === "planned" && plan.operation.fields).toEqual([
      expect.objectContaining({ field: "lastname", before: '"ann"', json: '"Ann"' }),
    ]);
  });

  test("columns without a key find records by a query; several are refused by their ids", async () => {
    await using bench = await openStrictBench();
    const ids = await bench.seed("contact", [
      { telephone2: "one@x.example", lastname: "One" },
      { telephone2: "two@x.example", lastname: "Two" },
      { telephone2: "TWO@x.example", lastname: "Too" },
    ]);
    const compiled = await compile(bench, {}, { ...people, match: { telephone2: "number" } });
    const result = await write(
      compiled,
      added([
        ["ONE@x.example", "One", null, null],
        ["two@x.example", "Two", null, null],
        ["new@x.example", "New", null, null],
      ]),
    );
    expect(result.outcomes.get(1)).toMatchObject({ status: "unchanged", id: ids[0] });
    expect(result.outcomes.get(2)).toMatchObject({
      status: "rejected",
      problem: { code: "match.ambiguous" },
    });
    const { problem } = result.outcomes.get(2) as { problem: { message: string } };
    expect(problem.message).toContain(ids[1]);
    expect(problem.message).toContain(ids[2]);
    expect(result.outcomes.get(3)?.status).toBe("applied");
    expect((await bench.stored("contact", "telephone2")).get("new@x.example")).toMatchObject({
      lastname: "New",
    });
  });
});

describe("modes", () => {
  test("insert makes what is not there and leaves alone what is; an echo of a create is known by our own id", async () => {
    await using bench = await openStrictBench("blind");
    await bench.seed("contact", contacts(1));
    const compiled = await compile(bench, { mode: "insert" });
    const first = await write(compiled, added(rows(3, "Other")));
    expect(tallied(first)).toEqual({ unchanged: 1, applied: 2 });
    expect((await bench.stored("contact", "new_customerid")).get("C-0")).toMatchObject({
      lastname: "Name 0",
    });
    const blind = await compile(bench, { mode: "insert", rules: { adopt: false } });
    const again = await write(blind, added(rows(3, "Third")));
    expect(tallied(again)).toEqual({ rejected: 1, applied: 2 });
    expect(again.outcomes.get(1)).toMatchObject({ problem: { code: expect.stringContaining("0x8006089") } });
    const stored = await bench.stored("contact", "new_customerid");
    expect(stored.size).toBe(3);
    expect(stored.get("C-1")).toMatchObject({ lastname: "Third 1" });
  });

  test("insert without a match makes a record per row, and none twice", async () => {
    await using bench = await openStrictBench("blind");
    const compiled = await compile(bench, { mode: "insert", match: [] });
    await write(compiled, added(rows(5)));
    const again = await write(compiled, added(rows(5)));
    expect(tallied(again)).toEqual({ applied: 5 });
    expect((await bench.stored("contact")).size).toBe(5);
  });

  test("update writes to records that are there; a row without one is rejected, or skipped", async () => {
    await using bench = await openStrictBench("blind");
    await bench.seed("contact", contacts(2));
    for (const adopt of [true, false]) {
      const name = `Via ${adopt}`;
      const compiled = await compile(bench, { mode: "update", rules: { adopt } });
      const result = await write(compiled, added(rows(3, name)));
      expect(tallied(result)).toEqual({ applied: 2, rejected: 1 });
      expect(result.outcomes.get(3)).toMatchObject({ problem: { code: "record.not_found" } });
      const stored = await bench.stored("contact", "new_customerid");
      expect([...stored.keys()].sort()).toEqual(["C-0", "C-1"]);
      expect(stored.get("C-1")).toMatchObject({ lastname: `${name} 1` });
    }
    const skipping = await compile(bench, { mode: "update", rules: { onMissing: "skip" } });
    const skipped = await write(skipping, added(rows(3, "Again")));
    expect(tallied(skipped)).toEqual({ applied: 2, unchanged: 1 });
    // Nothing is known of the row: it is looked for again.
    expect(skipped.outcomes.get(3)).toMatchObject({ absent: true });
  });

  test("a removed row's record is deleted, by id or by key, and one that is gone is no failure", async () => {
    await using bench = await openStrictBench();
    const ids = await bench.seed("contact", contacts(4));
    const compiled = await compile(bench, { mode: "mirror", onRemoved: "delete" });
    const result = await write(compiled, [
      removed(["C-0", null, null, null], ids[0]!, 1),
      removed(["c-1 ", null, null, null], null, 2),
      removed(["C-9", null, null, null], null, 3),
    ]);
    expect(tallied(result)).toEqual({ applied: 3 });
    expect([...(await bench.stored("contact", "new_customerid")).keys()].sort()).toEqual(["C-2", "C-3"]);
  });

  test.each([true, false])(
    "a removed row's record is deactivated, and active again when the row returns; adopt: %s",
    async (adopt) => {
      // Unread, a row is written whole.
      await using bench = adopt ? await openStrictBench() : await openBench();
      const ids = await bench.seed("contact", contacts(1));
      const compiled = await compile(bench, { mode: "mirror", onRemoved: "deactivate", rules: { adopt } });
      await write(compiled, [removed(["C-0", null, null, null], ids[0]!)]);
      const state = async () => (await bench.stored("contact")).get(ids[0]!);
      expect(await state()).toMatchObject({ statecode: 1, statuscode: 2 });
      const back = await write(compiled, added(rows(1)));
      expect(tallied(back)).toEqual({ applied: 1 });
      expect(await state()).toMatchObject({ statecode: 0, statuscode: 1, lastname: "Name 0" });
    },
  );

  test("a record that vanished is made again by an upsert, whole, and rejected by an update", async () => {
    await using bench = await openStrictBench();
    const gone = "0a4ce4d6-5a54-4c2e-8a2e-6f6b31f22222";
    const change = changed(["C-7", "Old", "1", null], ["C-7", "New", "1", null], { id: gone });
    const upsert = await write(await compile(bench), [change]);
    expect(tallied(upsert)).toEqual({ applied: 1 });
    expect((await bench.stored("contact", "new_customerid")).get("C-7")).toMatchObject({ creditlimit: "1" });
    const other = changed(["C-8", "Old", "1", null], ["C-8", "New", "1", null], { id: gone });
    const update = await write(await compile(bench, { mode: "update" }), [other]);
    expect(update.outcomes.get(1)).toMatchObject({ problem: { code: "record.not_found" } });
  });
});

describe("fields that are not always written", () => {
  test("write: create with new records alone, if_empty where the record holds nothing", async () => {
    await using bench = await openStrictBench();
    await bench.seed("contact", [
      { new_customerid: "C-0", lastname: "Kept", creditlimit: null, firstname: "F" },
      { new_customerid: "C-1", lastname: null, creditlimit: 7 },
    ]);
    const input: MappingInput = {
      ...people,
      fields: {
        lastname: { source: { column: "name" }, write: "if_empty" },
        creditlimit: { source: { column: "credit" }, write: "create" },
      },
    };
    const compiled = await compile(bench, {}, input);
    await write(
      compiled,
      added([
        ["C-0", "Zero", "1", null],
        ["C-1", "One", "1", null],
        ["C-2", "Two", "1", null],
      ]),
    );
    const stored = await bench.stored("contact", "new_customerid");
    expect(stored.get("C-0")).toMatchObject({ lastname: "Kept", creditlimit: null });
    expect(stored.get("C-1")).toMatchObject({ lastname: "One", creditlimit: "7" });
    expect(stored.get("C-2")).toMatchObject({ lastname: "Two", creditlimit: "1" });
    const later = changed(["C-0", "Zero", "1", null], ["C-0", "Later", "2", null], {
      id: String(stored.get("C-0")?.id),
    });
    expect(tallied(await write(compiled, [later]))).toEqual({ unchanged: 1 });
  });
});

describe("lookups", () => {
  const wired: MappingInput = {
    columns: { number: "text", name: "text", parent: "text", kind: "text" },
    match: { new_customerid: "number" },
    fields: { lastname: "name" },
  };
  const lookup = (object: string | { column: string }, by: string | Record<string, string>) => ({
    ...wired,
    fields: {
      lastname: "name",
      parentcustomerid: {
        source: { column: "parent" },
        lookup: { object, by, whenMissing: "reject" as const },
      },
    },
  });

  test("a column that names the object row by row mixes accounts and contacts in one mapping", async () => {
    await using bench = await openStrictBench();
    const [account] = await bench.seed("account", [{ name: "Contoso", accountnumber: "A-1" }]);
    const [contact] = await bench.seed("contact", [{ new_customerid: "P-1", lastname: "Parent" }]);
    const input = lookup({ column: "kind" }, { account: "accountnumber", contact: "new_customerid" });
    const compiled = await compile(bench, {}, input);
    expect([...compiled.parents].sort()).toEqual(["account", "contact"]);
    const result = await write(
      compiled,
      added([
        ["C-1", "One", "A-1", "account"],
        ["C-2", "Two", "p-1", "Contacts"],
        ["C-3", "Three", null, null],
        ["C-4", "Four", "A-1", "lead"],
      ]),
    );
    expect(tallied(result)).toEqual({ applied: 3, rejected: 1 });
    expect(result.outcomes.get(4)).toMatchObject({ problem: { code: "value.unknown_object" } });
    const stored = await bench.stored("contact", "new_customerid");
    const parent = (key: string) => stored.get(key)?.parentcustomerid as { id: string; table: string } | null;
    expect(parent("C-1")).toMatchObject({ id: account });
    expect(parent("C-2")).toMatchObject({ id: contact });
    expect(parent("C-3") ?? null).toBeNull();
    // A row that keeps its value and changes its object is bound anew.
    const ids = String(stored.get("C-1")?.id);
    await bench.seed("contact", [{ new_customerid: "A-1", lastname: "Twin" }]);
    const moved = changed(["C-1", "One", "A-1", "account"], ["C-1", "One", "A-1", "contact"], { id: ids });
    expect(tallied(await write(compiled, [moved]))).toEqual({ applied: 1 });
  });

  test("10,000 rows with 2,000 parents by a column without a key take at most 60 requests, introspection included", async () => {
    await using bench = await openStrictBench();
    await bench.seed(
      "account",
      Array.from({ length: 2_000 }, (_, n) => ({ name: `Firm ${n}`, telephone1: `+49 ${n}` })),
    );
    await bench.resetCounters();
    const compiled = await compile(bench, {}, lookup("account", "telephone1"));
    const rows = Array.from(
      { length: 10_000 },
      (_, n) => [`C-${n}`, `N ${n}`, `+49 ${n % 2_000}`, null] as const,
    );
    const result = await write(compiled, added(rows), { window: 2_000 });
    expect(tallied(result)).toEqual({ applied: 10_000 });
    const { reads, writes } = bench.destination.counters;
    expect(reads + writes).toBeLessThanOrEqual(60);
  });

  test("10,000 upserts by alternate key on an empty table take at most 30 requests, introspection included", async () => {
    await using bench = await openStrictBench();
    const compiled = await compile(bench);
    const result = await write(compiled, added(rows(10_000)), { window: 2_000 });
    expect(tallied(result)).toEqual({ applied: 10_000 });
    const { reads, writes } = bench.destination.counters;
    expect(reads + writes).toBeLessThanOrEqual(30);
    expect((await bench.stored("contact")).size).toBe(10_000);
  });
});
