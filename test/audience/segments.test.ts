import { expect, test } from "vitest";
import { AUDIENCE, codes, openScene, type Scene } from "./support/scene.ts";

const SEGMENT = { ...AUDIENCE, kind: "segment", create: true } as const;
const DRAFT = 723270001;
const LIVE = 723270000;

/** The customer numbers of whoever a live segment has, by the service's own account. */
async function live(scene: Scene, name = "VIP"): Promise<string[]> {
  const segment = (await scene.bench.stored("msdynmkt_segment", "msdynmkt_displayname")).get(name);
  const { json } = await scene.api("POST", "msdynmkt_MembersList", { SegmentId: segment?.id });
  const { ResultText } = json as { ResultText: string };
  const { entityIds } = JSON.parse(ResultText) as { entityIds: string[] };
  const contacts = await scene.bench.stored("contact");
  return entityIds.map((id) => String(contacts.get(id)?.new_customerid ?? id)).sort();
}

const anyLeave = { allow: new Set(["removed"] as const) };

test.each([204, 200] as const)(
  "a segment is made, filled, published and kept (replies of %d)",
  async (segmentCallStatus) => {
    await using scene = await openScene({ unverified: { segmentCallStatus } });
    await scene.contacts(6);
    await scene.model(codes(4));
    const plan = await scene.plan({ audience: SEGMENT });
    expect(plan.operations.add_member).toBe(4);
    expect((await scene.bench.stored("msdynmkt_segment")).size).toBe(0);
    expect((await scene.run({ audience: SEGMENT })).applied).toBe(4);
    expect(await live(scene)).toEqual(codes(4));
    await scene.model(["C-0", "C-5"]);
    const run = await scene.run({ audience: SEGMENT });
    expect(run).toMatchObject({
      applied: 4,
      members: [{ audience: "VIP", intended: 2, found: 2, differences: 0 }],
    });
    expect(await live(scene)).toEqual(["C-0", "C-5"]);
    const again = await scene.run({ audience: SEGMENT });
    expect([again.applied, again.requests.writes]).toEqual([0, 0]);
    // The other modes, on what is there.
    await scene.model(["C-1", "C-5"]);
    await scene.run({ audience: SEGMENT, mode: "remove", name: "off" }, anyLeave);
    expect(await live(scene)).toEqual(["C-0"]);
    await scene.run({ audience: SEGMENT, mode: "add", name: "on" });
    expect(await live(scene)).toEqual(["C-0", "C-1", "C-5"]);
    await scene.model([{ id: "C-7", name: "New" }]);
    const fields = [{ field: "lastname", source: { column: "name" }, whenNull: "clear" }] as const;
    await scene.run({ audience: SEGMENT, mode: "upsert", name: "up", fields });
    expect(await live(scene)).toEqual(["C-0", "C-1", "C-5", "C-7"]);
  },
);

test("people's groups of a segment stay theirs; whom they hold is not added twice, and leaves from where he is", async () => {
  await using scene = await openScene();
  const ids = await scene.contacts(4);
  const theirs = "11111111-1111-1111-1111-111111111111";
  const definition = "22222222-2222-2222-2222-222222222222";
  const segment = "33333333-3333-3333-3333-333333333333";
  const groups = [{ groupId: theirs, includeType: "Include", name: "Ours", inputType: "manualSelect" }];
  await scene.api("POST", "msdynmkt_segmentdefinitions", {
    msdynmkt_segmentdefinitionid: definition,
    statecode: 0,
    statuscode: DRAFT,
    msdynmkt_staticlistmembers: JSON.stringify(groups),
  });
  await scene.api("POST", "msdynmkt_segments", {
    msdynmkt_segmentid: segment,
    msdynmkt_displayname: "VIP",
    msdynmkt_type: 10,
    msdynmkt_source: 12,
    msdynmkt_baseentitylogicalname: "contact",
    msdynmkt_sourcesegmentuid: definition,
  });
  const added = { SegmentId: segment, GroupId: theirs, EntityIds: [ids[0], ids[3]] };
  expect((await scene.api("POST", "msdynmkt_AddStaticMembers", added)).status).toBe(204);
  await scene.model(codes(2));
  const run = await scene.run({ audience: { ...SEGMENT, create: false } });
  expect([run.applied, run.unchanged]).toEqual([1, 1]);
  expect(await live(scene)).toEqual(["C-0", "C-1", "C-3"]);
  const stored = (await scene.bench.stored("msdynmkt_segmentdefinition")).get(definition)!;
  expect(JSON.parse(String(stored.msdynmkt_staticlistmembers))).toMatchObject([
    groups[0],
    { name: "From warehouse" },
  ]);
  expect(stored.statuscode).toBe(LIVE);
  await scene.model(["C-1"]);
  await scene.run({ audience: { ...SEGMENT, create: false } });
  expect(await live(scene)).toEqual(["C-1", "C-3"]);
});

test("segments that cannot be kept are refused with a sentence", async () => {
  await using scene = await openScene();
  await scene.contacts(1);
  await scene.model(codes(1));
  const segment = (name: string, more: Record<string, unknown> = {}) =>
    scene.api("POST", "msdynmkt_segments", {
      msdynmkt_displayname: name,
      msdynmkt_type: 10,
      msdynmkt_baseentitylogicalname: "contact",
      msdynmkt_sourcesegmentuid: "22222222-2222-2222-2222-222222222222",
      ...more,
    });
  await segment("Dynamic", { msdynmkt_type: 11 });
  await segment("Leads", { msdynmkt_baseentitylogicalname: "lead" });
  await segment("Bare", { msdynmkt_sourcesegmentuid: null });
  await segment("Twin");
  await segment("Twin");
  const refusal = (value: string, more = {}) =>
    scene
      .run({ audience: { ...SEGMENT, create: false, named: { value } }, ...more })
      .catch((error: Error) => error.message);
  expect(await refusal("Dynamic")).toMatch(/The segment "Dynamic" is not static/);
  expect(await refusal("Leads")).toMatch(/holds records of lead, not of contact/);
  expect(await refusal("Bare")).toMatch(/has no definition/);
  expect(await refusal("Twin")).toMatch(/several segments named "Twin"/);
  expect(await refusal("None")).toMatch(/There is no segment named "None"/);
  expect(
    await refusal("VIP", { object: "account", match: [{ field: "accountnumber", column: "code" }] }),
  ).toMatch(/Records of account cannot be members of a segment/);
});

test("a saved plan of several segments takes off whom it names", async () => {
  await using scene = await openScene();
  await scene.contacts(5);
  const sync = { audience: { ...SEGMENT, named: { column: "list" } } } as const;
  const row = (n: number, list: string) => ({ id: `${n}`, code: `C-${n}`, list });
  await scene.model([row(0, "S1"), row(1, "S1"), row(2, "S2"), row(3, "S2"), row(4, "x".repeat(257))]);
  const first = await scene.run(sync);
  expect([first.applied, first.rejections.byCode]).toEqual([4, { "audience.name": 1 }]);
  await scene.model([row(0, "S1"), row(2, "S2"), row(4, "S2")]);
  expect((await scene.apply(sync)).applied).toBe(3);
  expect([await live(scene, "S1"), await live(scene, "S2")]).toEqual([["C-0"], ["C-2", "C-4"]]);
});
