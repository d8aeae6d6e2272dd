import { describe, expect, test } from "vitest";
import type { SandboxOptions } from "../../src/sandbox/index.ts";
import { type Answer, ID, idIn, openWire, type Wire } from "./client.ts";

const CRM = "Microsoft.Dynamics.CRM.";
const NOBODY = "00000000-0000-0000-0000-0000000000aa";

interface Lists extends AsyncDisposable {
  readonly wire: Wire;
  readonly list: string;
  readonly contacts: readonly string[];
}

async function openLists(options: SandboxOptions = {}, members = 3): Promise<Lists> {
  const wire = await openWire(options);
  const list = idIn(await wire.call("POST", "lists", { listname: "News", createdfromcode: 2, type: false }));
  const rows = Array.from({ length: members }, (_, at) => ({ lastname: `Ray ${at}` }));
  const contacts = (await wire.admin("POST", "seed", { table: "contact", rows })).json.ids as string[];
  return { wire, list, contacts, [Symbol.asyncDispose]: () => wire.sandbox.close() };
}

const member = (id: string, table = "contact") => ({ "@odata.type": `${CRM}${table}`, [`${table}id`]: id });
const add = ({ wire, list }: Lists, ids: readonly string[], table?: string): Promise<Answer> =>
  wire.call("POST", "AddListMembersList", {
    List: { "@odata.type": `${CRM}list`, listid: list },
    Members: ids.map((id) => member(id, table)),
  });
const bound = ({ wire, list }: Lists, name: string, body: unknown): Promise<Answer> =>
  wire.call("POST", `lists(${list})/${CRM}${name}`, body);
const membersOf = async ({ wire }: Lists, list: string): Promise<string[]> =>
  (
    await wire.call("GET", `listmembers?$select=_entityid_value&$filter=_listid_value eq ${list}`)
  ).json.value.map((row: { _entityid_value: string }) => row._entityid_value);
const countOf = async ({ wire, list }: Lists): Promise<number> =>
  (await wire.call("GET", `lists(${list})?$select=membercount`)).json.membercount;
const said = (answer: Answer) => [answer.status, answer.json?.error?.code];

describe("adding and removing", () => {
  test("AddListMembersList adds, passes over what is there, and keeps membercount", async () => {
    await using lists = await openLists();
    expect((await add(lists, lists.contacts)).status).toBe(204);
    expect((await add(lists, lists.contacts.slice(0, 1))).status).toBe(204);
    expect(await membersOf(lists, lists.list)).toEqual(lists.contacts);
    expect(await countOf(lists)).toBe(3);
  });

  test("AddMemberList answers with the id of the listmember row, twice the same", async () => {
    await using lists = await openLists();
    const answer = await bound(lists, "AddMemberList", { EntityId: lists.contacts[0] });
    expect([answer.status, answer.json["@odata.context"]]).toEqual([
      200,
      `${lists.wire.root}$metadata#${CRM}AddMemberListResponse`,
    ]);
    expect(answer.json.Id).toMatch(ID);
    expect((await bound(lists, "AddMemberList", { EntityId: lists.contacts[0] })).json.Id).toBe(
      answer.json.Id,
    );
    const row = await lists.wire.call("GET", `listmembers(${answer.json.Id})?$select=name,_listid_value`);
    expect([row.json.name, row.json._listid_value]).toEqual(["Ray 0", lists.list]);
  });

  test("a call is whole or nothing", async () => {
    await using lists = await openLists();
    expect(said(await add(lists, [...lists.contacts, NOBODY]))).toEqual([404, "0x80040217"]);
    expect(await countOf(lists)).toBe(0);
  });

  test("a listmember row can be made and deleted like any other", async () => {
    await using lists = await openLists();
    const row = idIn(
      await lists.wire.call("POST", "listmembers", {
        "listid@odata.bind": `/lists(${lists.list})`,
        "entityid_contact@odata.bind": `/contacts(${lists.contacts[0]})`,
      }),
    );
    expect(await countOf(lists)).toBe(1);
    expect((await lists.wire.call("DELETE", `listmembers(${row})`)).status).toBe(204);
    expect(await countOf(lists)).toBe(0);
  });

  test("a deleted contact leaves its lists; a deleted list takes its members along", async () => {
    await using lists = await openLists();
    await add(lists, lists.contacts);
    await lists.wire.call("PATCH", `lists(${lists.list})`, { lockstatus: true });
    expect((await lists.wire.call("DELETE", `contacts(${lists.contacts[1]})`)).status).toBe(204);
    expect(await countOf(lists)).toBe(2);
    expect((await lists.wire.call("DELETE", `lists(${lists.list})`)).status).toBe(204);
    expect((await lists.wire.call("GET", "listmembers")).json.value).toEqual([]);
    expect((await lists.wire.call("GET", `contacts(${lists.contacts[0]})`)).status).toBe(200);
  });
});

describe("RemoveMemberList in each form that it may have", () => {
  const forms = [
    ["the member's id", (contact: string) => ({ ListMember: { listmemberid: contact } })],
    ["the row's id", (_contact: string, row: string) => ({ ListMember: { listmemberid: row } })],
    ["EntityId", (contact: string) => ({ EntityId: contact })],
  ] as const;
  test.each(forms)("%s", async (removeMemberListTakes, body) => {
    await using lists = await openLists({ unverified: { removeMemberListTakes } });
    const [first = "", second = ""] = lists.contacts;
    const row = (await bound(lists, "AddMemberList", { EntityId: first })).json.Id;
    await bound(lists, "AddMemberList", { EntityId: second });
    for (const [other, wrong] of forms) {
      if (other === removeMemberListTakes) continue;
      expect((await bound(lists, "RemoveMemberList", wrong(first, row))).status, other).toBe(400);
    }
    expect((await bound(lists, "RemoveMemberList", body(first, row))).status).toBe(204);
    expect(await membersOf(lists, lists.list)).toEqual([second]);
    expect(said(await bound(lists, "RemoveMemberList", body(first, row)))).toEqual([400, "0x80048458"]);
  });

  test("or it is not there", async () => {
    await using lists = await openLists({ unverified: { removeMemberListTakes: "nothing" } });
    const body = { ListMember: { listmemberid: lists.contacts[0] } };
    expect((await bound(lists, "RemoveMemberList", body)).status).toBe(404);
  });
});

describe("refusals", () => {
  const closed: readonly [string, Record<string, unknown>, string][] = [
    ["locked", { lockstatus: true }, "0x80040302"],
    ["inactive", { statecode: 1, statuscode: 1 }, "0x8004033a"],
  ];
  test.each(closed)("a list that is %s changes by no door", async (_name, change, code) => {
    await using lists = await openLists();
    const row = (await bound(lists, "AddMemberList", { EntityId: lists.contacts[0] })).json.Id;
    expect((await lists.wire.call("PATCH", `lists(${lists.list})`, change)).status).toBe(204);
    const [contact = ""] = lists.contacts;
    expect(said(await add(lists, lists.contacts))).toEqual([400, code]);
    expect(said(await bound(lists, "AddMemberList", { EntityId: contact }))).toEqual([400, code]);
    const remove = { ListMember: { listmemberid: contact } };
    expect(said(await bound(lists, "RemoveMemberList", remove))).toEqual([400, code]);
    expect(said(await lists.wire.call("DELETE", `listmembers(${row})`))).toEqual([400, code]);
    expect(await countOf(lists)).toBe(1);
  });

  test("a dynamic list, a member of another table, an inactive member, an unknown list", async () => {
    await using lists = await openLists();
    const { wire, contacts } = lists;
    const dynamic = idIn(await wire.call("POST", "lists", { listname: "D", createdfromcode: 2, type: true }));
    expect(said(await add({ ...lists, list: dynamic }, contacts))).toEqual([400, "0x8004f701"]);
    const account = idIn(await wire.call("POST", "accounts", { name: "A" }));
    expect(said(await add(lists, [account], "account"))).toEqual([400, "0x80040301"]);
    await wire.call("PATCH", `contacts(${contacts[0]})`, { statecode: 1, statuscode: 2 });
    expect(said(await add(lists, contacts))).toEqual([400, "0x8004033b"]);
    expect(said(await add({ ...lists, list: NOBODY }, contacts))).toEqual([404, "0x80040217"]);
  });

  test("bodies that are no parameters", async () => {
    await using lists = await openLists();
    for (const body of [{}, { EntityId: "x" }, { EntityId: lists.contacts[0], More: 1 }, "[]", "{"]) {
      expect(said(await bound(lists, "AddMemberList", body))).toEqual([400, "0x80048d19"]);
    }
    expect((await lists.wire.call("GET", "AddListMembersList")).status).toBe(404);
    expect(
      (await lists.wire.call("POST", `contacts(${lists.contacts[0]})/${CRM}AddMemberList`, {})).status,
    ).toBe(404);
  });
});

describe("whole lists", () => {
  test("CopyMembersList adds what the target lacks", async () => {
    await using lists = await openLists();
    const { wire, contacts, list } = lists;
    const target = idIn(await wire.call("POST", "lists", { listname: "T", createdfromcode: 2, type: false }));
    await add(lists, contacts);
    await add({ ...lists, list: target }, contacts.slice(0, 1));
    expect((await bound(lists, "CopyMembersList", { TargetList: { listid: target } })).status).toBe(204);
    expect(await membersOf(lists, target)).toEqual(contacts);
    expect(await membersOf(lists, list)).toEqual(contacts);
  });

  test("CopyDynamicListToStatic runs the query of the list", async () => {
    await using lists = await openLists();
    const query =
      '<fetch><entity name="contact"><filter type="or"><condition attribute="lastname" operator="eq" value="ray 1"/>' +
      '<condition attribute="lastname" operator="like" value="%2"/></filter></entity></fetch>';
    const dynamic = { listname: "D", createdfromcode: 2, type: true, query };
    const list = idIn(await lists.wire.call("POST", "lists", dynamic));
    const answer = await bound({ ...lists, list }, "CopyDynamicListToStatic", undefined);
    expect(answer.status).toBe(200);
    expect(await membersOf(lists, answer.json.StaticListId)).toEqual(lists.contacts.slice(1));
    expect((await bound(lists, "CopyDynamicListToStatic", {})).status).toBe(400);
  });

  const fetch = (filter: string) => `<fetch><entity name="contact">${filter}</entity></fetch>`;
  const is = '<condition attribute="lastname" operator="eq" value="ray 1"/>';
  test.each([
    fetch(`<filter>${is}`),
    fetch(`<filter>${is}</filters>`),
    fetch(`<filter><condition attribute="lastname" operator="eq" value="ray 1></filter>`),
    fetch(`<filter><condition attribute=lastname operator="eq" value="ray 1"/></filter>`),
    fetch(`<filter><condition attribute="lastname" attribute="x" operator="eq" value="ray 1"/></filter>`),
    fetch(`<filter><condition attribute="lastname" operator="eq" value="a & b"/></filter>`),
    fetch(`<filter><condition attribute="lastname" operator="eq" value="a &nbsp; b"/></filter>`),
    fetch(`<filter>${is}</filter`),
    fetch(`<filter>and${is}</filter>`),
    fetch(`<filtr>${is}</filtr>`),
    fetch(`<filter type="xor">${is}</filter>`),
    fetch(is),
    fetch("< filter/>"),
    fetch(`<filter<!-- -->>${is}</filter>`),
    fetch(`<filter><!-- -- -->${is}</filter>`),
    `${fetch("")}${fetch("")}`,
    `<fetch><entity name="contact"/>`,
    `<entity name="contact"/>`,
    `text${fetch("")}`,
    `${fetch("")}text`,
    `${fetch("")}</fetch>`,
    "",
  ])("a query that is no FetchXML finds nobody: %s", async (query) => {
    await using lists = await openLists();
    const dynamic = { listname: "D", createdfromcode: 2, type: true, query };
    const list = idIn(await lists.wire.call("POST", "lists", dynamic));
    const answer = await bound({ ...lists, list }, "CopyDynamicListToStatic", undefined);
    expect([answer.status, answer.json.error.code]).toEqual([400, "0x80041100"]);
  });

  test("a query may have a declaration, comments, values and references", async () => {
    await using lists = await openLists();
    const values = "<value>ra<!-- - -->y 1</value>\n<value> &#114;ay&#x20;2 </value>";
    const query =
      `<?xml version="1.0"?>\n<!-- <filter> --><fetch version='1.0'>\n <entity name="contact" >` +
      `<attribute name="lastname"/><order attribute="lastname"></order><filter>` +
      `<condition attribute="lastname" operator="in">${values}</condition></filter><filter/></entity></fetch>\n`;
    const dynamic = { listname: "D", createdfromcode: 2, type: true, query };
    const list = idIn(await lists.wire.call("POST", "lists", dynamic));
    const answer = await bound({ ...lists, list }, "CopyDynamicListToStatic", undefined);
    expect(await membersOf(lists, answer.json.StaticListId)).toEqual(lists.contacts.slice(1));
  });

  test("QualifyMemberList keeps only the named, or removes just them", async () => {
    await using lists = await openLists();
    await add(lists, lists.contacts);
    const named = (OverrideorRemove: boolean, at: number) =>
      bound(lists, "QualifyMemberList", { MembersId: [lists.contacts[at]], OverrideorRemove });
    expect((await named(false, 0)).status).toBe(204);
    expect(await membersOf(lists, lists.list)).toEqual(lists.contacts.slice(1));
    expect((await named(true, 2)).status).toBe(204);
    expect(await membersOf(lists, lists.list)).toEqual(lists.contacts.slice(2));
  });
});

test("a hundred thousand members are added, counted and read", async () => {
  const many = 100_000;
  await using lists = await openLists({}, many);
  for (let at = 0; at < many; at += 1000) {
    expect((await add(lists, lists.contacts.slice(at, at + 1000))).status).toBe(204);
  }
  expect(await countOf(lists)).toBe(many);
  let url = `listmembers?$select=_entityid_value&$filter=_listid_value eq ${lists.list}`;
  let read = 0;
  for (;;) {
    const { json } = await lists.wire.call("GET", url);
    read += json.value.length;
    if (!json["@odata.nextLink"]) break;
    url = json["@odata.nextLink"].slice(lists.wire.root.length);
  }
  expect(read).toBe(many);
});
