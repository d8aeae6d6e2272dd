import { expect, test } from "vitest";
import { AUDIENCE, codes, openScene } from "./support/scene.ts";

test("a list that is not there is made by the first member, and found by every later run", async () => {
  await using scene = await openScene();
  await scene.contacts(3);
  const audience = { ...AUDIENCE, create: true };
  await scene.model(["C-9"]);
  await scene.run({ audience });
  expect((await scene.bench.stored("list")).size).toBe(0);
  await scene.model(codes(2));
  expect((await scene.plan({ audience })).operations.add_member).toBe(2);
  expect((await scene.bench.stored("list")).size).toBe(0);
  await scene.run({ audience });
  await scene.model(codes(3));
  await scene.run({ audience });
  const lists = [...(await scene.bench.stored("list")).values()];
  expect(lists).toMatchObject([
    { listname: "VIP", type: false, createdfromcode: 2, statecode: 0, source: "Backhaul: vip" },
  ]);
  expect(lists[0]!.purpose).toContain("vip");
  expect(await scene.members()).toEqual(codes(3));
});

test("a list is found by a field of its own", async () => {
  await using scene = await openScene();
  await scene.contacts(1);
  await scene.list({ listname: "One", source: "V-1" });
  await scene.list({ listname: "Two", source: "V-2" });
  await scene.model(codes(1));
  await scene.run({ audience: { ...AUDIENCE, named: { value: "v-2" }, by: "source" } });
  expect([await scene.members("One"), await scene.members("Two")]).toEqual([[], ["C-0"]]);
});

test("several lists from one model come and go with the values of a column", async () => {
  await using scene = await openScene();
  const ids = await scene.contacts(4);
  await scene.list({ listname: "Silver" }, [ids[3]!]);
  await scene.list({ listname: "Locked", lockstatus: true });
  const sync = { audience: { ...AUDIENCE, named: { column: "list" }, create: true } } as const;
  const rows = (...pairs: readonly (readonly [string, string])[]) =>
    pairs.map(([id, list]) => ({ id: `${id}/${list}`, code: id, list }));
  await scene.model(
    rows(["C-0", "Gold"], ["C-1", "Gold"], ["C-1", "Silver"], ["C-2", "silver"], ["C-2", "Locked"]),
  );
  const run = await scene.run(sync);
  expect(run.rejections.byCode).toEqual({ "audience.locked": 1 });
  expect(await scene.members("Gold")).toEqual(["C-0", "C-1"]);
  expect(await scene.members("Silver")).toEqual(["C-1", "C-2", "C-3"]);
  const state = async (name: string) => (await scene.bench.stored("list", "listname")).get(name)?.statecode;

  // A value goes: its list is put to rest, but only where it is our own.
  await scene.model(rows(["C-0", "Bronze"]));
  await scene.run(sync);
  expect(await scene.members("Bronze")).toEqual(["C-0"]);
  expect(await scene.members("Gold")).toEqual([]);
  expect(await scene.members("Silver")).toEqual(["C-3"]);
  expect([await state("Gold"), await state("Silver"), await state("Bronze")]).toEqual([1, 0, 0]);

  // It comes back: the same list wakes.
  await scene.model(rows(["C-0", "Bronze"], ["C-3", "Gold"]));
  expect((await scene.run(sync)).rejections.total).toBe(0);
  expect(await scene.members("Gold")).toEqual(["C-3"]);
  expect(await state("Gold")).toBe(0);
  expect((await scene.bench.stored("list")).size).toBe(4);
});

test("two syncs of one list keep each other's members", async () => {
  await using scene = await openScene();
  await scene.contacts(4);
  await scene.list();
  await scene.model(codes(3));
  await scene.run({ name: "one" });
  await scene.model(["C-2", "C-3"]);
  await scene.run({ name: "two" });
  await scene.model(["C-0", "C-3"]);
  const run = await scene.run({ name: "two" });
  expect(run.warnings.join()).toMatch(/the sync one holds/);
  expect(await scene.members()).toEqual(codes(4));
});

test("what became of the members behind the run's back is told by key", async () => {
  await using scene = await openScene();
  await scene.contacts(4);
  await scene.list();
  await scene.model(codes(3));
  await scene.run();
  const [row] = [...(await scene.bench.stored("listmember")).values()];
  await scene.model(codes(4));
  const prepared = await scene.prepare();
  // Taken off while the run is at work: after it has looked at the list, before it compares.
  await scene.api("DELETE", `listmembers(${row!.id})`);
  const { runSync } = await import("../../src/sync/run.ts");
  const run = await runSync(prepared, { signal: new AbortController().signal });
  await prepared.warehouse[Symbol.asyncDispose]();
  const gone = (row!.entityid as { id: string }).id;
  expect(run.members).toEqual([
    {
      audience: "VIP",
      intended: 4,
      found: 3,
      differences: 1,
      listed: [{ what: "missing", key: [expect.stringMatching(/^C-/)], record: `contacts(${gone})` }],
    },
  ]);
  const { kindsOf } = await import("../../src/cli/show-sync.ts");
  expect(kindsOf(run)).toEqual(["rejected"]);
  await scene.run({}, { full: true });
  expect(await scene.members()).toEqual(codes(4));
});

test("a saved plan is applied as it was, and names who enters and leaves", async () => {
  await using scene = await openScene();
  const ids = await scene.contacts(4);
  await scene.list({}, [ids[0]!]);
  await scene.model(codes(3));
  const plan = await scene.plan();
  expect(plan.audience).toBe("the list VIP");
  expect(plan.samples.map(({ kind, name }) => `${kind} ${name}`).sort()).toEqual([
    "add_member Name 1",
    "add_member Name 2",
  ]);
  const { showPlan } = await import("../../src/cli/show-plan.ts");
  const text = showPlan(plan, { paint: (_, word) => word, width: 120 });
  expect(text).toMatch(/^vip: people → the list VIP \(3 rows\)/);
  expect(text).toMatch(/\+ C-1 +Name 1 +contacts\(/);
  const run = await scene.apply({}, () => scene.model(["C-3"]));
  expect(run.applied).toBe(2);
  expect(await scene.members()).toEqual(codes(3));
});

test("a saved plan of a whole list takes off whom it names, or says that the list has moved", async () => {
  await using scene = await openScene();
  const ids = await scene.contacts(5);
  const list = await scene.list({}, ids.slice(2, 4));
  await scene.model(codes(2));
  const sync = { audience: { ...AUDIENCE, scope: "all" } } as const;
  const moved = await scene.apply(sync, async () => {
    await scene.api("POST", `lists(${list})/Microsoft.Dynamics.CRM.AddMemberList`, { EntityId: ids[4] });
  });
  expect(moved.stopped).toMatchObject({
    code: "plan.moved",
    message: expect.stringContaining("that the model does not name"),
  });
  expect(await scene.members()).toEqual(["C-2", "C-3", "C-4"]);
  expect((await scene.apply(sync)).stopped).toBeUndefined();
  expect(await scene.members()).toEqual(codes(2));
});

test("a saved plan of several lists is applied, made lists and all; one that is locked since costs its own rows", async () => {
  await using scene = await openScene();
  const ids = await scene.contacts(4);
  await scene.list({ listname: "Silver" }, [ids[3]!]);
  const bronze = await scene.list({ listname: "Bronze" });
  const sync = {
    audience: { ...AUDIENCE, named: { column: "list" }, create: true, scope: "all" },
  } as const;
  await scene.model([
    { id: "1", code: "C-0", list: "Gold" },
    { id: "2", code: "C-1", list: "Silver" },
    { id: "3", code: "C-2", list: "Bronze" },
  ]);
  const run = await scene.apply(sync, async () => {
    await scene.api("PATCH", `lists(${bronze})`, { lockstatus: true });
  });
  expect([run.stopped, run.applied, run.rejections.byCode]).toEqual([undefined, 2, { "audience.locked": 1 }]);
  expect(await scene.members("Gold")).toEqual(["C-0"]);
  expect(await scene.members("Silver")).toEqual(["C-1"]);
  await scene.api("PATCH", `lists(${bronze})`, { lockstatus: false });
  expect((await scene.run(sync)).applied).toBe(1);
  expect(await scene.members("Bronze")).toEqual(["C-2"]);
});

test("of several lists one that is locked in the middle of a run costs its own rows alone", async () => {
  await using scene = await openScene();
  await scene.contacts(6);
  for (const listname of ["Gold", "Silver", "Tin"]) await scene.list({ listname });
  const sync = { audience: { ...AUDIENCE, named: { column: "list" } } } as const;
  const rows = (...pairs: readonly (readonly [number, string])[]) =>
    pairs.map(([n, list]) => ({ id: `${n}/${list}`, code: `C-${n}`, list }));
  const locked = { status: 400, code: "0x80040302", message: "List is Locked." } as const;
  await scene.model(rows([0, "Gold"], [1, "Gold"], [2, "Silver"], [3, "Tin"], [4, "Tin"]));
  await scene.bench.faults({ on: { kind: "action" }, do: locked });
  const entering = await scene.run(sync);
  expect(entering.rejections.byCode).toEqual({ "audience.locked": 5 - entering.applied });
  expect(entering.applied).toBeGreaterThan(2);
  expect(entering.rejections.listed[0]).toMatchObject({
    message: expect.stringMatching(/^The list "(Gold|Silver|Tin)" is locked since the run began\.$/),
  });
  // Nobody waits longer than until the next run.
  expect((await scene.run(sync)).applied).toBe(5 - entering.applied);

  // The list on which the form of a removal is to be proven is the one that is locked.
  await scene.model(rows([0, "Gold"]));
  await scene.bench.faults({ on: { kind: "action" }, do: locked });
  const leaving = await scene.run(sync);
  expect(leaving.rejections.byCode).toEqual({ "audience.locked": 4 - leaving.applied });
  expect(leaving.applied).toBeGreaterThan(1);
  await scene.run(sync);
  expect([await scene.members("Gold"), await scene.members("Silver"), await scene.members("Tin")]).toEqual([
    ["C-0"],
    [],
    [],
  ]);
});

test("who has to leave a list that is locked leaves when it is open again", async () => {
  await using scene = await openScene();
  await scene.contacts(3);
  const gold = await scene.list({ listname: "Gold" });
  await scene.list({ listname: "Silver" });
  const sync = { audience: { ...AUDIENCE, named: { column: "list" } } } as const;
  const row = (n: number, list: string) => ({ id: `${n}`, code: `C-${n}`, list });
  await scene.model([row(0, "Gold"), row(1, "Gold"), row(2, "Silver")]);
  await scene.run(sync);
  await scene.api("PATCH", `lists(${gold})`, { lockstatus: true });
  await scene.model([row(0, "Gold"), row(2, "Silver")]);
  expect((await scene.run(sync)).rejections.byCode).toEqual({ "audience.locked": 1 });
  expect(await scene.members("Gold")).toEqual(["C-0", "C-1"]);
  await scene.api("PATCH", `lists(${gold})`, { lockstatus: false });
  expect((await scene.run(sync)).rejections.total).toBe(0);
  expect(await scene.members("Gold")).toEqual(["C-0"]);
});

test("a value that names no list makes none", async () => {
  await using scene = await openScene();
  await scene.contacts(3);
  const sync = { audience: { ...AUDIENCE, named: { column: "list" }, create: true } } as const;
  const long = "x".repeat(60_000);
  await scene.model([
    { id: "1", code: "C-0", list: "  " },
    { id: "2", code: "C-1", list: long },
    { id: "3", code: "C-2", list: null },
  ]);
  const run = await scene.run(sync);
  expect(run.applied).toBe(0);
  expect((await scene.bench.stored("list")).size).toBe(0);
  expect(run.rejections.listed.map(({ message }) => message.length < 200)).toEqual([true, true, true]);
});
