import { describe, expect, test } from "vitest";
import { AUDIENCE, codes, openScene } from "./support/scene.ts";

const anyLeave = { allow: new Set(["removed"] as const) };

describe("each mode on empty, partly right, right and wrong lists", () => {
  const BEFORE = {
    empty: [],
    "partly right": [0, 1, 7],
    right: [0, 1, 2, 3],
    wrong: [6, 7],
  } as const;
  const AFTER = {
    add: (before: readonly number[]) => [...new Set([...before, 0, 1, 2, 3])],
    remove: (before: readonly number[]) => before.filter((n) => n > 3),
    mirror: (before: readonly number[]) => [...new Set([...before, 0, 1, 2, 3])],
    upsert: (before: readonly number[]) => [...new Set([...before, 0, 1, 2, 3])],
  } as const;
  test.each(Object.keys(AFTER) as (keyof typeof AFTER)[])("%s", async (mode) => {
    await using scene = await openScene();
    const ids = await scene.contacts(8);
    await scene.model(codes(4));
    for (const [listname, before] of Object.entries(BEFORE)) {
      await scene.list(
        { listname },
        before.map((n) => ids[n]!),
      );
      const sync = { mode, name: listname, audience: { ...AUDIENCE, named: { value: listname } } };
      const plan = await scene.plan(sync, anyLeave);
      const run = await scene.run(sync, anyLeave);
      expect(run.stopped, listname).toBeUndefined();
      const after = AFTER[mode](before);
      expect(await scene.members(listname), listname).toEqual(after.map((n) => `C-${n}`).sort());
      const written = after.filter((n) => !(before as readonly number[]).includes(n)).length;
      const gone = before.filter((n) => !after.includes(n)).length;
      expect([run.applied, run.unchanged], listname).toEqual([written + gone, 4 - written - gone]);
      expect([plan.operations.add_member, plan.operations.remove_member], listname).toEqual([written, gone]);
      const again = await scene.run(sync, anyLeave);
      expect([again.applied, again.unchanged, again.requests.writes], listname).toEqual([0, 4, 0]);
    }
  });

  test.each([
    { member: "account", membertype: 1, field: "accountnumber", row: (code: string) => ({ name: code }) },
    { member: "lead", membertype: 4, field: "emailaddress1", row: (code: string) => ({ lastname: code }) },
  ])("members are $member records too", async ({ member, membertype, field, row }) => {
    await using scene = await openScene();
    const numbers = codes(4).map((code) => `${code}@example.com`);
    const ids = await scene.bench.seed(
      member,
      numbers.map((code) => ({ [field]: code, ...row(code) })),
    );
    await scene.list({ membertype, createdfromcode: membertype });
    const sync = { object: member, match: [{ field, column: "code" }] };
    const members = async (): Promise<string[]> =>
      [...(await scene.bench.stored("listmember")).values()]
        .map(({ entityid }) => numbers[ids.indexOf((entityid as { id: string }).id)] ?? "stranger")
        .sort();
    await scene.model(numbers.slice(0, 3));
    expect(await scene.run(sync)).toMatchObject({ applied: 3, rejections: { total: 0 } });
    expect(await members()).toEqual(numbers.slice(0, 3));
    await scene.model(numbers.slice(2));
    expect(await scene.run(sync, anyLeave)).toMatchObject({ applied: 3 });
    expect(await members()).toEqual(numbers.slice(2));
    expect((await scene.run(sync)).requests.writes).toBe(0);
  });

  test("a mirror takes off who has left the model, and nobody whom it never met", async () => {
    await using scene = await openScene();
    const ids = await scene.contacts(8);
    await scene.list({}, [ids[0]!, ids[7]!]);
    await scene.model(codes(5));
    await scene.run();
    await scene.model(["C-0", "C-5"]);
    const run = await scene.run();
    expect(run).toMatchObject({ applied: 5 });
    expect(await scene.members()).toEqual(["C-0", "C-5", "C-7"]);
  });

  test("add and remove go by presence: whom somebody else took off is not added again, but by name", async () => {
    await using scene = await openScene();
    const ids = await scene.contacts(3);
    const list = await scene.list();
    await scene.model(codes(3));
    await scene.run({ mode: "add" });
    const rows = await scene.bench.stored("listmember");
    const row = [...rows.values()].find(({ entityid }) => (entityid as { id: string }).id === ids[1])!;
    await scene.api("DELETE", `listmembers(${row.id})`);
    expect(list).toBeTruthy();
    await scene.run({ mode: "add" });
    await scene.run({ mode: "add" }, { full: true });
    expect(await scene.members()).toEqual(["C-0", "C-2"]);
    await scene.run({ mode: "add" }, { only: [["C-1"]] });
    expect(await scene.members()).toEqual(codes(3));
    await scene.model([]);
    expect((await scene.run({ mode: "add" })).stopped?.code).toBe("guard.empty_model");
    expect(await scene.members()).toEqual(codes(3));
  });

  test("a full run of a mirror adds again whom somebody else took off", async () => {
    await using scene = await openScene();
    await scene.contacts(3);
    await scene.list();
    await scene.model(codes(3));
    await scene.run();
    const [row] = [...(await scene.bench.stored("listmember")).keys()];
    await scene.api("DELETE", `listmembers(${row})`);
    expect((await scene.run()).applied).toBe(0);
    expect((await scene.run({}, { full: true })).applied).toBe(1);
    expect(await scene.members()).toEqual(codes(3));
  });

  test("upsert writes the record first, then the membership, and keeps records that leave", async () => {
    await using scene = await openScene();
    await scene.contacts(2);
    await scene.list();
    await scene.model([
      { id: "C-1", name: "Ray" },
      { id: "C-2", name: "Moe" },
    ]);
    const sync = {
      mode: "upsert",
      onRemoved: "remove_member",
      fields: [{ field: "lastname", source: { column: "name" }, whenNull: "clear" }],
    } as const;
    const plan = await scene.plan(sync);
    expect(plan.operations).toMatchObject({ create: 1, update: 1, add_member: 2 });
    expect((await scene.run(sync)).applied).toBe(2);
    expect(await scene.members()).toEqual(["C-1", "C-2"]);
    await scene.model([{ id: "C-2", name: "Joe" }]);
    expect((await scene.run(sync)).applied).toBe(2);
    expect(await scene.members()).toEqual(["C-2"]);
    const contacts = await scene.bench.stored("contact", "new_customerid");
    expect(["C-0", "C-1", "C-2"].map((code) => contacts.get(code)?.lastname)).toEqual(["0", "Ray", "Joe"]);
  });
});

describe("matching", () => {
  test("by the primary id, and by any columns", async () => {
    for (const field of ["contactid", "jobtitle"]) {
      await using scene = await openScene();
      const ids = await scene.contacts(2, 0);
      await scene.api("PATCH", `contacts(${ids[0]})`, { jobtitle: "a@x.example" });
      await scene.api("PATCH", `contacts(${ids[1]})`, { jobtitle: "b@x.example" });
      await scene.list();
      const value = field === "contactid" ? ids : ["a@x.example", "B@x.example"];
      await scene.model(value.map((code, n) => ({ id: `${n}`, code })));
      const run = await scene.run({ match: [{ field, column: "code" }] });
      expect([run.applied, run.rejections.total]).toEqual([2, 0]);
      expect(await scene.members()).toEqual(["C-0", "C-1"]);
    }
  });

  test("another record for a row is another member: the old one leaves, the new one enters", async () => {
    await using scene = await openScene();
    await scene.contacts(3);
    await scene.list();
    await scene.model([
      { id: "1", code: "C-0" },
      { id: "2", code: "C-1" },
    ]);
    await scene.run();
    await scene.model([
      { id: "1", code: "C-2" },
      { id: "3", code: "C-1" },
    ]);
    const run = await scene.run();
    expect(await scene.members()).toEqual(["C-1", "C-2"]);
    expect(run.applied).toBe(2);
    expect((await scene.plan()).operations).toMatchObject({ add_member: 0, remove_member: 0 });
    await scene.model([{ id: "1", code: "C-2" }]);
    await scene.run();
    expect(await scene.members()).toEqual(["C-2"]);
  });

  test("a scope of all", async () => {
    await using scene = await openScene();
    const ids = await scene.contacts(8);
    await scene.list({}, ids.slice(3));
    await scene.model(codes(5));
    const audience = { ...AUDIENCE, scope: "all" as const };
    const plan = await scene.plan({ audience });
    expect(plan.operations).toMatchObject({ add_member: 3, remove_member: 3 });
    expect(
      plan.samples
        .filter(({ kind }) => kind === "remove_member")
        .map(({ name }) => name)
        .sort(),
    ).toEqual(["Name 5", "Name 6", "Name 7"]);
    await scene.run({ audience });
    expect(await scene.members()).toEqual(codes(5));
  });
});

test("upsert: a bad record costs one row, and a lost answer none, however the records are sent again", async () => {
  await using scene = await openScene();
  const { bench } = scene;
  await scene.list();
  const fields = [{ field: "lastname", source: { column: "name" }, whenNull: "clear" }] as const;
  const sync = { mode: "upsert", onRemoved: "keep", fields } as const;
  const rows = (from: number, to: number, name: string) =>
    codes(to, from).map((id) => ({ id, name: id === "C-5" ? "bad" : name }));
  await bench.plugins({ table: "contact", column: "lastname", equals: "bad" });
  await scene.model(rows(0, 40, "one"));
  const first = await scene.run(sync);
  expect([first.applied, first.rejections.byCode]).toEqual([39, { "dataverse.0x80040265": 1 }]);
  expect(await scene.members()).toEqual(codes(40).filter((id) => id !== "C-5"));

  await scene.model(rows(0, 80, "one"));
  await bench.faults({ on: { kind: "createMultiple" }, do: "resetAfterCommit" });
  const second = await scene.run(sync);
  expect(second.applied).toBe(40);
  expect(await scene.members()).toEqual(codes(80).filter((id) => id !== "C-5"));
  expect((await bench.stored("contact")).size).toBe(79);
});
