import { describe, expect, test } from "vitest";
import type { SandboxOptions } from "../../src/sandbox/index.ts";
import { idIn, openWire, tokenFor } from "./client.ts";

/** What actions may do, to what, and for whom: they touch rows like any other request. */

const CRM = "Microsoft.Dynamics.CRM.";
const CLERK = { clientId: "7c0d9f0e-31fc-4a47-9b53-5a2f7a3c11dd", clientSecret: "clerk's" };
const MISSING = "00000000-0000-0000-0000-0000000000aa";
const GROUP = "11111111-1111-1111-1111-111111111111";

type Tables = Record<string, string[] | "all">;

/** A sandbox with a clerk, and both to talk with: what comes back is status and code. */
async function open(tables: Tables = {}, more: Partial<SandboxOptions> = {}) {
  const wire = await openWire({
    users: [{ ...CLERK, roles: ["Clerk"] }],
    roles: [{ name: "Clerk", tables }],
    ...more,
  } as SandboxOptions);
  const form = { client_id: CLERK.clientId, client_secret: CLERK.clientSecret };
  const token = (await tokenFor(wire.sandbox, form)).json.access_token;
  const clerk = async (method: string, path: string, body?: unknown) => {
    const answer = await wire.call(method, path, body, { Authorization: `Bearer ${token}` });
    return answer.status < 300 ? answer.status : [answer.status, answer.json?.error?.code];
  };
  const said = async (method: string, path: string, body?: unknown) => {
    const answer = await wire.call(method, path, body);
    return answer.status < 300 ? answer.status : [answer.status, answer.json?.error?.code];
  };
  return { wire, clerk, said, [Symbol.asyncDispose]: () => wire.sandbox.close() };
}

const DENIED = [403, "0x80040220"];

async function withList(tables: Tables = {}, more: Partial<SandboxOptions> = {}) {
  const it = await open(tables, more);
  const { wire } = it;
  const list = idIn(await wire.call("POST", "lists", { listname: "News", createdfromcode: 2, type: false }));
  const rows = [{ lastname: "Ray" }, { lastname: "Fox" }];
  const [ray, fox] = (await wire.admin("POST", "seed", { table: "contact", rows })).json.ids as [
    string,
    string,
  ];
  const added = await wire.call("POST", `lists(${list})/${CRM}AddMemberList`, { EntityId: ray });
  const members = async () => (await wire.call("GET", "listmembers")).json.value.length as number;
  return { ...it, list, ray, fox, membership: added.json.Id as string, members };
}

describe("marketing lists", () => {
  test("a member is not moved: neither to another list nor to another row, locked or not", async () => {
    await using it = await withList();
    const row = `listmembers(${it.membership})`;
    const before = (await it.wire.call("GET", row)).json;
    const refused = [400, "0x80040800"];
    const bind = { "entityid_contact@odata.bind": `/contacts(${it.fox})` };
    expect(await it.said("PATCH", row, bind)).toEqual(refused);
    expect(
      await it.said("PUT", `${row}/entityid_contact/$ref`, {
        "@odata.id": `${it.wire.root}contacts(${it.fox})`,
      }),
    ).toEqual(refused);
    await it.wire.call("PATCH", `lists(${it.list})`, { lockstatus: true });
    expect(await it.said("PATCH", row, bind)).toEqual(refused);
    expect((await it.wire.call("GET", row)).json).toEqual(before);
  });

  test("removing and copying members asks for rights on them", async () => {
    await using it = await withList({ list: "all", contact: ["read"], listmember: ["read"] });
    const bound = (name: string) => `lists(${it.list})/${CRM}${name}`;
    expect(
      await it.clerk("POST", bound("RemoveMemberList"), { ListMember: { listmemberid: it.ray } }),
    ).toEqual(DENIED);
    expect(
      await it.clerk("POST", bound("QualifyMemberList"), { MembersId: [it.ray], OverrideorRemove: false }),
    ).toEqual(DENIED);
    expect(await it.members()).toBe(1);
    await it.wire.admin("POST", "roles", [
      { name: "Clerk", tables: { list: "all", listmember: ["delete"] } },
    ]);
    const target = { TargetList: { listid: it.list } };
    expect(await it.clerk("POST", bound("CopyMembersList"), target)).toEqual(DENIED);
    expect(await it.clerk("POST", bound("RemoveMemberList"), { ListMember: { listmemberid: it.ray } })).toBe(
      204,
    );
    await it.wire.admin("POST", "roles", [{ name: "Clerk", tables: { listmember: "all" } }]);
    expect(
      await it.clerk("POST", bound("RemoveMemberList"), { ListMember: { listmemberid: it.ray } }),
    ).toEqual(DENIED);
  });

  test("the query of a dynamic list reads rows like anybody else", async () => {
    await using it = await withList({ list: "all", listmember: "all", account: "all" });
    const query = '<fetch><entity name="contact"/></fetch>';
    const dynamic = idIn(
      await it.wire.call("POST", "lists", { listname: "D", createdfromcode: 2, type: true, query }),
    );
    const copy = `lists(${dynamic})/${CRM}CopyDynamicListToStatic`;
    expect(await it.clerk("POST", copy, {})).toEqual(DENIED);
    expect((await it.wire.call("GET", "lists")).json.value).toHaveLength(2);
    expect((await it.wire.call("POST", copy, {})).json).toHaveProperty("StaticListId");
    await using other = await openWire({ unverified: { copyToStaticReply: "ListId" } });
    const list = idIn(
      await other.call("POST", "lists", { listname: "D", createdfromcode: 2, type: true, query }),
    );
    const answer = await other.call("POST", `lists(${list})/${CRM}CopyDynamicListToStatic`, {});
    expect(Object.keys(answer.json)).toEqual(["@odata.context", "ListId"]);
    expect((await other.call("GET", "$metadata")).text).toContain('<Property Name="ListId"');
  });

  test("one call takes so many members", async () => {
    await using it = await withList({}, { unverified: { mostListMembersPerCall: 1 } });
    const Members = [it.ray, it.fox].map((contactid) => ({ "@odata.type": `${CRM}contact`, contactid }));
    const body = { List: { "@odata.type": `${CRM}list`, listid: it.list }, Members };
    expect(await it.said("POST", "AddListMembersList", body)).toEqual([400, "0x80040203"]);
    expect(await it.members()).toBe(1);
    expect(await it.said("POST", "AddListMembersList", { ...body, Members: Members.slice(1) })).toBe(204);
  });
});

async function withSegments(tables: Tables = {}) {
  const it = await open(tables);
  const make = async () => {
    const groups = [{ groupId: GROUP, includeType: "Include", name: "W", inputType: "manualSelect" }];
    const definition = idIn(
      await it.wire.call("POST", "msdynmkt_segmentdefinitions", {
        statecode: 0,
        statuscode: 723270001,
        msdynmkt_staticlistmembers: JSON.stringify(groups),
      }),
    );
    const segment = idIn(
      await it.wire.call("POST", "msdynmkt_segments", {
        msdynmkt_displayname: "VIPs",
        msdynmkt_type: 10,
        msdynmkt_source: 12,
        msdynmkt_baseentitylogicalname: "contact",
        msdynmkt_sourcesegmentuid: definition,
      }),
    );
    return { definition, segment };
  };
  return { ...it, make };
}

describe("segments", () => {
  test("a list with a wrong id stops none of them", async () => {
    await using it = await withSegments();
    const { segment, definition } = await it.make();
    await it.wire.call("POST", "msdynmkt_PublishSegmentDefinition", { SegmentId: segment });
    const status = async () =>
      (await it.wire.call("GET", `msdynmkt_segmentdefinitions(${definition})`)).json.statuscode;
    expect(await status()).toBe(723270000);
    const stop = (ids: string[]) => it.said("POST", "msdynmkt_StopSegments", { SegmentIdList: ids });
    expect(await stop([segment, MISSING])).toEqual([404, "0x80040217"]);
    expect(await status()).toBe(723270000);
    expect(await stop([segment])).toBe(200);
    expect(await status()).toBe(723270001);
  });

  test("their members are read and changed with rights on the segment and its definition", async () => {
    await using it = await withSegments({ new_tag: ["read"] });
    const { segment } = await it.make();
    const change = { SegmentId: segment, GroupId: GROUP, EntityIds: [MISSING] };
    const calls = [
      ["AddStaticMembers", change],
      ["RemoveStaticMembers", change],
      ["MembersList", { SegmentId: segment }],
      ["ListGroupMembers", { SegmentId: segment, GroupId: GROUP }],
    ] as const;
    const said = async () => {
      const answers: unknown[] = [];
      for (const [name, body] of calls) answers.push(await it.clerk("POST", `msdynmkt_${name}`, body));
      return answers;
    };
    expect(await said()).toEqual([DENIED, DENIED, DENIED, DENIED]);
    const read = { msdynmkt_segment: ["read"], msdynmkt_segmentdefinition: ["read"] };
    await it.wire.admin("POST", "roles", [{ name: "Clerk", tables: read }]);
    expect(await said()).toEqual([DENIED, DENIED, 200, 200]);
    const write = { ...read, msdynmkt_segmentdefinition: ["read", "write"] };
    await it.wire.admin("POST", "roles", [{ name: "Clerk", tables: write }]);
    expect(await said()).toEqual([204, 204, 200, 200]);
  });
});

describe("opportunities", () => {
  const closing = (id: string, Status = 3) => ({
    OpportunityClose: { subject: "done", "opportunityid@odata.bind": `/opportunities(${id})` },
    Status,
  });

  test("are closed by their actions and not by a state", async () => {
    await using it = await open();
    const id = idIn(await it.wire.call("POST", "opportunities", { name: "deal" }));
    const state = async () => {
      const { statecode, statuscode } = (await it.wire.call("GET", `opportunities(${id})`)).json;
      return [statecode, statuscode];
    };
    expect(await it.said("PATCH", `opportunities(${id})`, { statecode: 1, statuscode: 3 })).toEqual([
      400,
      "0x80040203",
    ]);
    expect(await state()).toEqual([0, 1]);
    expect(await it.said("POST", "WinOpportunity", closing(id, 5))).toEqual([400, "0x80048408"]);
    expect(await it.said("POST", "WinOpportunity", closing(id))).toBe(204);
    expect(await state()).toEqual([1, 3]);
    expect(await it.said("POST", "LoseOpportunity", closing(id, -1))).toEqual([400, "0x80040203"]);
    expect(await it.said("PATCH", `opportunities(${id})`, { statecode: 0 })).toBe(204);
    expect(await it.said("POST", "LoseOpportunity", closing(id, -1))).toBe(204);
    expect(await state()).toEqual([2, 4]);
    expect(await it.said("POST", "WinOpportunity", closing(MISSING))).toEqual([404, "0x80040217"]);
    expect(await it.said("POST", "WinOpportunity", { OpportunityClose: {}, Status: 3 })).toEqual([
      400,
      "0x80048d19",
    ]);
  });

  test("or by a state where the switch says so", async () => {
    await using it = await open({}, { unverified: { lifecycleTables: [] } });
    const id = idIn(await it.wire.call("POST", "opportunities", { name: "deal" }));
    expect(await it.said("PATCH", `opportunities(${id})`, { statecode: 1, statuscode: 3 })).toBe(204);
  });

  test("need the right to write", async () => {
    await using it = await open({ opportunity: ["read"] });
    const id = idIn(await it.wire.call("POST", "opportunities", { name: "deal" }));
    expect(await it.clerk("POST", "WinOpportunity", closing(id))).toEqual(DENIED);
  });
});

test("a pair made inside a new row asks for both ends", async () => {
  await using it = await open({ account: ["create"], new_tag: ["create"] });
  expect(await it.clerk("POST", "accounts", { name: "a", new_account_tag: [{ new_name: "t" }] })).toEqual(
    DENIED,
  );
  expect((await it.wire.call("GET", "accounts")).json.value).toEqual([]);
  const both = { account: ["create", "append"], new_tag: ["create", "appendTo"] };
  await it.wire.admin("POST", "roles", [{ name: "Clerk", tables: both }]);
  expect(await it.clerk("POST", "accounts", { name: "a", new_account_tag: [{ new_name: "t" }] })).toBe(204);
});
