import { expect, test } from "vitest";
import type { SandboxOptions } from "../../src/sandbox/index.ts";
import { idIn, openWire, type Wire } from "./client.ts";

const GROUP = "11111111-1111-1111-1111-111111111111";
const OTHER = "22222222-2222-2222-2222-222222222222";
const guid = (n: number) => `00000000-0000-0000-0000-${String(n).padStart(12, "0")}`;

const group = (groupId: string, includeType: string) => ({
  groupId,
  includeType,
  name: "From warehouse",
  inputType: "manualSelect",
});

async function openSegment(options: SandboxOptions = {}) {
  const wire = await openWire(options);
  const definition = idIn(
    await wire.call("POST", "msdynmkt_segmentdefinitions", {
      statecode: 0,
      statuscode: 723270001,
      msdynmkt_segmentquery: "",
      msdynmkt_staticlistmembers: JSON.stringify([group(GROUP, "Include"), group(OTHER, "Exclude")]),
      msdynmkt_disablesegmentrefresh: false,
      msdynmkt_segmentrefreshintervalminutes: 60,
    }),
  );
  const segment = idIn(
    await wire.call("POST", "msdynmkt_segments", {
      msdynmkt_displayname: "Warehouse VIPs",
      msdynmkt_type: 10,
      msdynmkt_source: 12,
      msdynmkt_baseentitylogicalname: "contact",
      statecode: 1,
      statuscode: 2,
      msdynmkt_sourcesegmentuid: definition,
    }),
  );
  return { wire, definition, segment, [Symbol.asyncDispose]: () => wire.sandbox.close() };
}

const change = (wire: Wire, name: string, SegmentId: string, EntityIds: string[], GroupId = GROUP) =>
  wire.call("POST", `msdynmkt_${name}`, { SegmentId, GroupId, EntityIds });
const page = async (wire: Wire, SegmentId: string, PageNo: number, PageSize: number) => {
  const body = { SegmentId, GroupId: GROUP, PageNo, PageSize };
  const answer = await wire.call("POST", "msdynmkt_ListGroupMembers", body);
  return JSON.parse(answer.json.Response).entityIds as string[];
};

test("members come and go in groups, and are listed as JSON inside a text", async () => {
  await using it = await openSegment();
  const ids = Array.from({ length: 5 }, (_, at) => guid(at));
  expect((await change(it.wire, "AddStaticMembers", it.segment, ids)).status).toBe(204);
  expect((await change(it.wire, "AddStaticMembers", it.segment, ids.slice(0, 2))).status).toBe(204);
  expect(await page(it.wire, it.segment, 1, 3)).toEqual(ids.slice(0, 3));
  expect(await page(it.wire, it.segment, 2, 3)).toEqual(ids.slice(3));
  expect((await change(it.wire, "RemoveStaticMembers", it.segment, [guid(0), guid(99)])).status).toBe(204);
  expect(await page(it.wire, it.segment, 1, 100)).toEqual(ids.slice(1));
});

test("a published segment has its included members without its excluded ones, until it is stopped", async () => {
  await using it = await openSegment();
  await change(it.wire, "AddStaticMembers", it.segment, [guid(1), guid(2)]);
  await change(it.wire, "AddStaticMembers", it.segment, [guid(2)], OTHER);
  const list = async () => {
    const { json } = await it.wire.call("POST", "msdynmkt_MembersList", { SegmentId: it.segment });
    expect(json.StatusCode).toBe(200);
    return JSON.parse(json.ResultText).entityIds;
  };
  expect(await list()).toEqual([]);
  const body = { SegmentId: it.segment };
  expect((await it.wire.call("POST", "msdynmkt_PublishSegmentDefinition", body)).status).toBe(204);
  expect(await list()).toEqual([guid(1)]);
  const row = await it.wire.call("GET", `msdynmkt_segments(${it.segment})?$select=statecode,statuscode`);
  expect([row.json.statecode, row.json.statuscode]).toEqual([0, 1]);
  const stopped = await it.wire.call("POST", "msdynmkt_StopSegments", { SegmentIdList: [it.segment] });
  expect(stopped.json.stopSingleSegmentResults).toMatchObject([{ SegmentId: it.segment, WasStopped: true }]);
  expect(await list()).toEqual([]);
});

test("limits and mistakes", async () => {
  await using it = await openSegment();
  const { wire, segment } = it;
  const many = Array.from({ length: 1001 }, (_, at) => guid(at));
  const refused = async (answer: ReturnType<Wire["call"]>) => {
    const { status, json } = await answer;
    return [status, json.error.code];
  };
  expect(await refused(change(wire, "AddStaticMembers", segment, many))).toEqual([400, "0x80040203"]);
  expect(await refused(change(wire, "AddStaticMembers", segment, ["x"]))).toEqual([400, "0x80040203"]);
  expect(await refused(change(wire, "AddStaticMembers", segment, [], guid(7)))).toEqual([400, "0x80040203"]);
  expect(await refused(change(wire, "AddStaticMembers", guid(7), []))).toEqual([404, "0x80040217"]);
  expect(await refused(change(wire, "AddStaticMembers", it.definition, []))).toEqual([404, "0x80040217"]);
  for (const groups of [
    "{",
    "{}",
    JSON.stringify([group("x", "Include")]),
    JSON.stringify([group(GROUP, "Perhaps")]),
    JSON.stringify(Array.from({ length: 11 }, (_, at) => group(guid(at), "Include"))),
  ]) {
    const body = { msdynmkt_staticlistmembers: groups };
    expect(await refused(wire.call("POST", "msdynmkt_segmentdefinitions", body))).toEqual([
      400,
      "0x80040203",
    ]);
  }
});

test("the id of the definition and a reply of 200, when they are so", async () => {
  await using it = await openSegment({
    unverified: { segmentCallsTakeDefinitions: true, segmentCallStatus: 200 },
  });
  expect((await change(it.wire, "AddStaticMembers", it.definition, [guid(1)])).status).toBe(200);
  expect(await page(it.wire, it.segment, 1, 10)).toEqual([guid(1)]);
});
