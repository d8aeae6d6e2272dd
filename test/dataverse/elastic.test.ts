import { expect, test } from "vitest";
import { openDataverse } from "../../connectors/dataverse/destination.ts";
import type { Change } from "../../src/core/change.ts";
import { DEFAULT_RULES, type SyncSpec } from "../../src/core/spec.ts";
import {
  added,
  type Bench,
  changed,
  columnsOf,
  configOf,
  type MappingInput,
  openBench,
  running,
  syncOf,
  tallied,
  write,
} from "./support/bench.ts";
import { startProxy } from "./support/proxy.ts";
import { refusalOf } from "./support/refusal.ts";

/** Elastic tables: by id and partition, created and updated, never upserted. Virtual ones are not written. */

const guid = (n: number) => `00000000-0000-0000-0000-${String(n).padStart(12, "0")}`;
const logs: MappingInput = {
  object: "new_log",
  columns: { id: "uuid", device: "text", name: "text", level: "integer" },
  match: { new_logid: "id", partitionid: "device" },
  fields: { new_name: "name", new_level: "level" },
};

type More = Omit<Partial<SyncSpec>, "rules"> & { readonly rules?: Partial<SyncSpec["rules"]> };
const compile = (bench: Bench, { rules, ...more }: More = {}, input: MappingInput = logs) =>
  bench.destination.compile(
    { ...syncOf(input), ...more, rules: { ...DEFAULT_RULES, ...rules } },
    columnsOf(input),
    running(),
  );

/** Rows of the table by partition and id. */
async function rows(bench: Bench): Promise<Record<string, unknown>> {
  const stored = [...(await bench.stored("new_log")).values()];
  return Object.fromEntries(
    stored.map((row) => [
      `${row.new_logid} ${row.partitionid}`,
      [row.new_name, row.new_level, row.new_message ?? null],
    ]),
  );
}

async function clean(bench: Bench): Promise<void> {
  const { ignored, redundant, refusals, operations } = await bench.counters();
  expect({ ignored, redundant, refusals }).toEqual({ ignored: {}, redundant: {}, refusals: {} });
  expect(operations.upsert ?? 0).toBe(0);
  expect(operations.upsertMultiple ?? 0).toBe(0);
}

test.each([true, false])(
  "by id and partition, with adopt: %s: what is there is updated, what is not is created",
  async (adopt) => {
    await using bench = await openBench();
    const there = { new_logid: guid(1), partitionid: "O'Neil/7?", new_name: "old", new_message: "not ours" };
    await bench.seed("new_log", [there]);
    const compiled = await compile(bench, { rules: { adopt } });
    await bench.resetCounters();
    const result = await write(
      compiled,
      added([
        [guid(1), "O'Neil/7?", "new", "3"],
        [guid(1), "p2", "other", "4"],
        [guid(2), "p2", null, null],
      ]),
    );
    expect(tallied(result)).toEqual({ applied: 3 });
    expect([1, 2, 3].map((seq) => result.outcomes.get(seq))).toMatchObject([
      { id: `${guid(1)},O'Neil/7?` },
      { id: `${guid(1)},p2` },
      { id: `${guid(2)},p2` },
    ]);
    expect(await rows(bench)).toEqual({
      [`${guid(1)} O'Neil/7?`]: ["new", 3, "not ours"],
      [`${guid(1)} p2`]: ["other", 4, null],
      [`${guid(2)} p2`]: [null, null, null],
    });
    const again = await compile(bench, { rules: { adopt } });
    const second = await write(again, added([[guid(1), "p2", "other", "4"]]));
    expect(tallied(second)).toEqual({ unchanged: 1 });
    await clean(bench);
  },
);

test("a changed row writes what changed, to the record of its kept id; a removed one deletes that", async () => {
  await using bench = await openBench();
  await bench.seed("new_log", [
    { new_logid: guid(1), partitionid: "P", new_name: "a", new_level: 1, new_message: "kept" },
    { new_logid: guid(1), partitionid: "p2", new_name: "b", new_level: 1 },
    { new_logid: guid(3), partitionid: guid(3), new_name: "c", new_level: 1 },
  ]);
  const compiled = await compile(bench, { mode: "mirror", onRemoved: "delete" });
  await bench.resetCounters();
  const before = [guid(1), "P", "a", "1"];
  const changes: Change[] = [
    changed(before, [guid(1), "P", "z", "1"], { id: `${guid(1)},P`, seq: 1 }),
    { kind: "removed", seq: 2, key: ["2"], id: `${guid(1)},p2`, before: [guid(1), "p2", "b", "1"] },
    { kind: "removed", seq: 3, key: ["3"], id: null, before: [guid(3), guid(3), "c", "1"] },
  ];
  const result = await write(compiled, changes);
  expect(tallied(result)).toEqual({ applied: 3 });
  expect(await rows(bench)).toEqual({ [`${guid(1)} P`]: ["z", 1, "kept"] });
  expect((await bench.counters()).operations).toMatchObject({ deleteMultiple: 1, updateMultiple: 1 });
  await clean(bench);
});

test("by any column, new records come under ids of our own, in the partition that a field gives", async () => {
  await using bench = await openBench();
  await bench.seed("new_log", [{ new_logid: guid(7), partitionid: "x", new_name: "seven", new_level: 1 }]);
  const input: MappingInput = {
    ...logs,
    match: { new_name: "name" },
    fields: { new_level: "level", partitionid: "device" },
  };
  const compiled = await compile(bench, {}, input);
  await bench.resetCounters();
  const changes = added([
    [null, "elsewhere", "seven", "2"],
    [null, "y", "eight", "3"],
    [null, null, "nine", "4"],
  ]);
  const result = await write(compiled, changes);
  expect(tallied(result)).toEqual({ applied: 3 });
  const kept = [1, 2, 3].map((seq) => {
    const outcome = result.outcomes.get(seq);
    return outcome && "id" in outcome ? outcome.id : undefined;
  });
  expect(kept).toEqual([
    `${guid(7)},x`,
    expect.stringMatching(/^.{14}5.{21},y$/),
    expect.stringMatching(/^.{14}5.{21}$/),
  ]);
  expect(Object.values(await rows(bench)).map((row) => (row as unknown[])[1])).toEqual([2, 3, 4]);
  const { redundant, ...rest } = await bench.counters();
  expect([redundant, rest.ignored, rest.refusals]).toEqual([{}, {}, {}]);
  // Sent again after a lost answer: the same ids, hence no second record.
  const blind = await compile(bench, {}, input);
  const planned = await blind.plan(changes.slice(1), {
    signal: running(),
    idSeed: ["test", "contact", "people"],
  });
  expect(planned.map(({ status }) => status)).toEqual(["unchanged", "unchanged"]);
});

test.each(["Plugin.BulkApiErrorDetails", "BulkApiErrorDetails"])(
  "each row for itself: %s tells the bad ones, which say alone what is wrong",
  async (elasticDetailsName) => {
    await using bench = await openBench({ unverified: { elasticDetailsName } });
    await bench.plugins(
      { table: "new_log", column: "new_name", equals: "bad", message: "No bad logs." },
      { table: "new_log", column: "new_name", equals: "worse", message: "No worse logs." },
    );
    const compiled = await compile(bench);
    await bench.resetCounters();
    const many = Array.from({ length: 250 }, (_, n) => [
      guid(n + 1),
      "p",
      n === 20 ? "bad" : n === 70 ? "worse" : `n${n}`,
      "1",
    ]);
    const result = await write(compiled, added(many));
    expect(tallied(result)).toEqual({ applied: 248, rejected: 2 });
    const said = [result.outcomes.get(21), result.outcomes.get(71)].map((outcome) =>
      outcome?.status === "rejected" ? outcome.problem.message : outcome,
    );
    expect(said[0]).toContain("No bad logs.");
    expect(said[1]).toContain("No worse logs.");
    // 250 rows by hundreds; a $batch of reads, and one for the two rows that failed.
    expect((await bench.counters()).requests).toMatchObject({ createMultiple: 3, batch: 2 });
  },
);

test("without details a request is split until the bad row is alone", async () => {
  await using bench = await openBench({ unverified: { elasticDetailsName: "Else" } });
  await bench.plugins({ table: "new_log", column: "new_name", equals: "bad", message: "No." });
  const compiled = await compile(bench);
  const many = Array.from({ length: 16 }, (_, n) => [guid(n + 1), "p", n === 5 ? "bad" : `n${n}`, "1"]);
  expect(tallied(await write(compiled, added(many)))).toEqual({ applied: 15, rejected: 1 });
  expect((await bench.stored("new_log")).size).toBe(15);
});

test("a row that names another place is read there first, and erases nothing", async () => {
  await using bench = await openBench();
  const at = (partitionid: string, more: object = {}) => ({ new_logid: guid(1), partitionid, ...more });
  await bench.seed("new_log", [
    at("p1", { new_name: "one", new_level: 1 }),
    at("p2", { new_name: "one", new_level: 7, new_message: "not ours" }),
  ]);
  const compiled = await compile(bench);
  await bench.resetCounters();
  const before = [guid(1), "p1", "one", "1"];
  const moved = (place: string, seq: number): Change =>
    changed(before, [guid(1), place, "one", "1"], { id: `${guid(1)},p1`, seq });
  expect(tallied(await write(compiled, [moved("p2", 1), moved("p3", 2)]))).toEqual({ applied: 2 });
  expect(await rows(bench)).toEqual({
    [`${guid(1)} p1`]: ["one", 1, null],
    [`${guid(1)} p2`]: ["one", 1, "not ours"],
    [`${guid(1)} p3`]: ["one", 1, null],
  });
  await clean(bench);
});

test("a virtual table is refused with a sentence", async () => {
  await using bench = await openBench();
  const input: MappingInput = {
    object: "new_shipment",
    columns: { id: "uuid", name: "text" },
    match: { new_shipmentid: "id" },
    fields: { new_name: "name" },
  };
  const [problem, ...others] = (await refusalOf(compile(bench, { mode: "update" }, input))).problems;
  expect([problem?.code, problem?.place?.file, others]).toEqual(["mapping.virtual_table", "object", []]);
  expect(problem?.message).toBe(
    "new_shipment is a virtual table: its rows live in another system, and Dataverse shows them.",
  );
});

test("what a table does not take is told from its messages", async () => {
  await using bench = await openBench();
  const messages = await bench.stored("sdkmessagefilter");
  const drop = async (name: string) => {
    for (const [id, row] of messages) {
      if (row.primaryobjecttypecode !== "new_tag" || row.name !== name) continue;
      expect(await bench.call("DELETE", `sdkmessagefilters(${id})`)).toBe(204);
    }
  };
  for (const name of ["Create", "Delete"]) await drop(name);
  const input: MappingInput = {
    object: "new_tag",
    columns: { id: "uuid", name: "text" },
    match: { new_name: "name" },
    fields: { new_name: "name" },
  };
  const mirror = await refusalOf(compile(bench, { mode: "mirror", onRemoved: "delete" }, input));
  expect(mirror.problems.map(({ code, message }) => [code, message])).toEqual([
    ["mapping.not_offered", "new_tag does not take new records."],
    ["mapping.not_offered", "new_tag does not take the removal of its records."],
  ]);
  await compile(bench, { mode: "update" }, input);
});

test("reads of an elastic table bring the token of its last write, alone and in a batch; reads of others do not", async () => {
  await using bench = await openBench();
  const asked: (readonly [read: string, tokens: readonly string[]])[] = [];
  await using proxy = await startProxy(bench.sandbox.url, (path, body, _, { headers, body: sent }) => {
    const set = /(new_logs|contacts)\?\$select/.exec(path + sent)?.[1];
    const parts = [...sent.matchAll(/^MSCRM\.SessionToken: (.*)\r$/gm)].map(([, token]) => token ?? "");
    const own = headers["mscrm.sessiontoken"];
    if (set !== undefined) asked.push([set, own === undefined ? parts : [String(own)]]);
    return body;
  });
  await using destination = await openDataverse({
    ...configOf(bench.sandbox),
    url: proxy.url,
    resource: bench.sandbox.url,
  });
  const compiled = await destination.compile(
    { ...syncOf(logs), rules: DEFAULT_RULES },
    columnsOf(logs),
    running(),
  );
  const row = (n: number, name: string) => [guid(n), `p${n}`, name, "1"];
  const first = await write(compiled, added([row(1, "one")]));
  expect(tallied(first)).toEqual({ applied: 1 });
  expect(asked.splice(0)).toEqual([["new_logs", []]]);
  const last = await lastToken(bench);
  const seen = await write(compiled, added([row(1, "one")]));
  expect(tallied(seen)).toEqual({ unchanged: 1 });
  expect(asked.splice(0)).toEqual([["new_logs", [last]]]);
  // So many that they are asked for by several queries in one request.
  const many = await write(compiled, added(Array.from({ length: 120 }, (_, n) => row(n + 1, "many"))));
  expect(tallied(many)).toEqual({ applied: 120 });
  expect(asked.splice(0)).toEqual([["new_logs", [last, last, last]]]);
  const people: MappingInput = {
    columns: { key: "text", name: "text" },
    match: { new_customerid: "key" },
    fields: { lastname: "name" },
  };
  const others = await destination.compile(
    { ...syncOf(people), rules: DEFAULT_RULES },
    columnsOf(people),
    running(),
  );
  await write(others, added([["C-1", "Ray"]]));
  expect(asked).toEqual([["contacts", []]]);
});

/** The token that the last write of the table was answered with. */
async function lastToken(bench: Bench): Promise<string> {
  const { rows: kept } = JSON.parse(
    await (await fetch(`${bench.sandbox.url}/sandbox/dump?table=new_log`)).text(),
  ) as { rows: { version: number }[] };
  return `240:8#${Math.max(...kept.map(({ version }) => version))}#7=-1`;
}
