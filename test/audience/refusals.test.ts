import { expect, test } from "vitest";
import { SyncError } from "../../src/core/errors.ts";
import type { AudienceSpec } from "../../src/core/spec.ts";
import { AUDIENCE, codes, openScene, type Scene } from "./support/scene.ts";

const named = (value: string, more: Partial<AudienceSpec> = {}): AudienceSpec => ({
  ...AUDIENCE,
  named: { value },
  ...more,
});

/** The problem that a plan and a run meet alike; nothing was written. */
async function refused(scene: Scene, sync: Parameters<Scene["run"]>[0]): Promise<string> {
  await scene.bench.resetCounters();
  const said = async (work: Promise<unknown>): Promise<string> => {
    const error = await work.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof SyncError)) throw error ?? new Error("was not refused");
    const [{ code, message, remedy, place } = { code: "", message: "" }] = error.problems;
    expect(place).toBeDefined();
    return `${code} ${message} ${remedy}`;
  };
  const inPlan = await said(scene.plan(sync));
  expect(await said(scene.run(sync))).toBe(inPlan);
  const { operations } = await scene.bench.counters();
  expect(
    Object.keys(operations).filter((name) => /POST|PATCH|DELETE/.test(name) && !/batch/i.test(name)),
  ).toEqual([]);
  return inPlan;
}

test("lists that cannot be kept are refused with a sentence before any write", async () => {
  await using scene = await openScene();
  await scene.contacts(1);
  await scene.model(codes(1));
  await scene.list({ listname: "Dynamic", type: true });
  await scene.list({ listname: "Locked", lockstatus: true });
  await scene.list({ listname: "Inactive", statecode: 1, statuscode: 1 });
  await scene.list({ listname: "Accounts", createdfromcode: 1, membertype: 1 });
  const twins = [await scene.list({ listname: "Twin" }), await scene.list({ listname: "twin " })];
  const cases: readonly [AudienceSpec, RegExp][] = [
    [named("Dynamic"), /^audience\.dynamic The list "Dynamic" is dynamic: .* Name a static list\.$/],
    [named("Locked"), /^audience\.locked The list "Locked" is locked\. Unlock it in Dynamics\.$/],
    [named("Inactive"), /^audience\.inactive The list "Inactive" is inactive\. Activate it/],
    [named("Inactive", { create: true }), /^audience\.inactive /],
    [named("Accounts"), /^audience\.member The list "Accounts" holds accounts, not contacts\./],
    [named("None"), /^audience\.not_found There is no list named "None"\. .*create: true\.$/],
    [
      named("11111111-2222-3333-4444-555555555555", { create: true }),
      /^audience\.not_found There is no list named "11111111/,
    ],
  ];
  for (const [audience, text] of cases) expect(await refused(scene, { audience })).toMatch(text);
  const twice = await refused(scene, { audience: named("Twin") });
  expect(twice).toMatch(/^audience\.several There are several lists named "Twin": /);
  for (const id of twins) expect(twice).toContain(id);
  await scene.run({ audience: named(twins[0]!.toUpperCase()) });
  const rows = [...(await scene.bench.stored("listmember")).values()];
  expect(rows.map(({ listid }) => (listid as { id: string }).id)).toEqual([twins[0]]);
});

test("what no audience has is refused", async () => {
  await using scene = await openScene();
  await scene.model(codes(1));
  await scene.list();
  const of = (sync: Parameters<Scene["run"]>[0]): Promise<string> => refused(scene, sync);
  const fields = [{ field: "lastname", source: { column: "name" }, whenNull: "clear" }] as const;
  expect(await of({ fields })).toMatch(
    /^audience\.fields The mode mirror of an audience writes members alone/,
  );
  const match = [{ field: "new_externalid", column: "code" }];
  expect(await of({ object: "new_order", match })).toMatch(
    /^audience\.member Records of new_order cannot be members of a list\. Write member: account, contact or lead\./,
  );
});

test("members that are missing or inactive are rejected, or passed over, and the others enter", async () => {
  for (const field of ["new_customerid", "contactid"]) {
    await using scene = await openScene();
    const ids = await scene.contacts(3);
    const [inactive = ""] = await scene.contacts(1, 8, { statecode: 1, statuscode: 2 });
    await scene.list();
    const value = (n: number, id: string | undefined): string => (field === "contactid" ? id! : `C-${n}`);
    const nobody = "99999999-0000-0000-0000-000000000000";
    const rows = [value(0, ids[0]), value(1, ids[1]), value(9, nobody), value(8, inactive), value(2, ids[2])];
    await scene.model(rows.map((code, n) => ({ id: `${n}`, code })));
    const match = [{ field, column: "code" }];
    const run = await scene.run({ match });
    expect(run.rejections.byCode).toEqual({ "member.not_found": 1, "member.inactive": 1 });
    expect(await scene.members()).toEqual(codes(3));
    const skipping = { match, audience: { ...AUDIENCE, whenMissing: "skip" } } as const;
    await scene.model([
      { id: "2", code: value(9, nobody) },
      ...rows.slice(0, 2).map((code, n) => ({ id: `${n}`, code })),
    ]);
    const skipped = await scene.run(skipping, { allow: new Set(["removed"]) });
    if (field === "new_customerid") {
      expect([skipped.rejections.total, skipped.unchanged]).toEqual([0, 3]);
      await scene.contacts(1, 9);
      expect((await scene.run(skipping)).applied).toBe(1);
    } else expect(skipped.rejections.byCode).toEqual({ "member.not_found": 1 });
  }
});

test("a list that would be emptied stops the run, and goes on by name", async () => {
  await using scene = await openScene();
  const ids = await scene.contacts(4);
  await scene.list({}, ids.slice(0, 2));
  await scene.model(codes(2));
  const plan = await scene.plan({ mode: "remove" });
  expect(plan.stopped?.code).toBe("guard.emptied");
  const stopped = await scene.run({ mode: "remove" });
  expect(stopped.stopped?.message).toBe(
    "All 2 members would leave the list VIP, and none would enter; nothing was written.",
  );
  expect(await scene.members()).toEqual(codes(2));
  expect((await scene.run({ mode: "remove" }, { allow: new Set(["removed"]) })).applied).toBe(2);
  expect(await scene.members()).toEqual([]);
});

test("a mirror of all stops where more would leave than the guard allows", async () => {
  await using scene = await openScene();
  const ids = await scene.contacts(70);
  await scene.list({}, ids);
  await scene.model(codes(5));
  const sync = { audience: { ...AUDIENCE, scope: "all" } } as const;
  const run = await scene.run(sync);
  expect(run.stopped?.message).toMatch(
    /^65 of the 70 members would leave the list VIP \(92\.9 %\), 65 of them unknown/,
  );
  expect((await scene.plan(sync)).stopped?.code).toBe("guard.removed");
  expect(await scene.members()).toHaveLength(70);
  await scene.run(sync, { allow: new Set(["removed"]) });
  expect(await scene.members()).toEqual(codes(5));
});

test("a row without a match value is rejected, and says so", async () => {
  await using scene = await openScene();
  await scene.contacts(1);
  await scene.list();
  await scene.model(["C-0", { id: "2", code: null }]);
  const run = await scene.run();
  expect(run.rejections.listed).toMatchObject([{ code: "match.null", key: ["2"] }]);
  expect(await scene.members()).toEqual(["C-0"]);
});
