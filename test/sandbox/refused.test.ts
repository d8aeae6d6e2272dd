import { describe, expect, test } from "vitest";
import { type Answer, idIn, openWire, tokenFor, type Wire } from "./client.ts";

/** A request that is refused changes nothing, and what it says is read to the last letter. */

const CRM = "Microsoft.Dynamics.CRM.";
const NOBODY = "00000000-0000-0000-0000-0000000000aa";
const CLERK = { clientId: "7c0d9f0e-31fc-4a47-9b53-5a2f7a3c11dd", clientSecret: "clerk's" };
const said = (answer: Answer) => [answer.status, answer.json?.error?.code];
const PAYLOAD = [400, "0x80048d19"];

const asClerk = async (wire: Wire) => {
  const form = { client_id: CLERK.clientId, client_secret: CLERK.clientSecret };
  const token = (await tokenFor(wire.sandbox, form)).json.access_token;
  return (method: string, path: string, body?: unknown, headers = {}) =>
    wire.call(method, path, body, { Authorization: `Bearer ${token}`, ...headers });
};

describe("an upsert on an elastic table", () => {
  const id = "00000000-0000-4000-8000-000000000201";
  const path = `new_logs(new_logid=${id},partitionid='p')`;
  const bulk = (name: string) => ({
    Targets: [{ "@odata.type": `${CRM}new_log`, "@odata.id": path, new_name: name }],
  });
  const read = async (wire: Wire) => (await wire.call("GET", `new_logs(${id})?partitionId=p`)).json;

  test("leaves the row that was there when a plug-in refuses it", async () => {
    await using wire = await openWire();
    await wire.call("PATCH", path, { new_name: "good" });
    const before = await read(wire);
    expect(before.new_name).toBe("good");
    await wire.admin("POST", "plugins", [{ table: "new_log", column: "new_name", equals: "bad" }]);
    expect(said(await wire.call("PATCH", path, { new_name: "bad" }))).toEqual([400, "0x80040265"]);
    expect(said(await wire.call("POST", `new_logs/${CRM}UpsertMultiple`, bulk("bad")))).toEqual([
      400,
      "0x80040265",
    ]);
    expect(await read(wire)).toEqual(before);
  });

  test("asks for the right to write where the row is there, to create where it is not", async () => {
    await using wire = await openWire({
      users: [{ ...CLERK, roles: ["Clerk"] }],
      roles: [{ name: "Clerk", tables: { new_log: ["read", "write"] } }],
    });
    const clerk = await asClerk(wire);
    expect(said(await clerk("PATCH", path, { new_name: "a" }))).toEqual([403, "0x80040220"]);
    await wire.call("PATCH", path, { new_name: "a" });
    expect((await clerk("PATCH", path, { new_name: "b" })).status).toBe(204);
    expect((await clerk("POST", `new_logs/${CRM}UpsertMultiple`, bulk("c"))).status).toBe(204);
    await wire.admin("POST", "roles", [{ name: "Clerk", tables: { new_log: ["read", "create"] } }]);
    expect(said(await clerk("PATCH", path, { new_name: "d" }))).toEqual([403, "0x80040220"]);
    expect(said(await clerk("POST", `new_logs/${CRM}UpsertMultiple`, bulk("d")))).toEqual([
      403,
      "0x80040220",
    ]);
    expect((await read(wire)).new_name).toBe("c");
  });

  test("is not done when its reply cannot be given", async () => {
    await using wire = await openWire();
    await wire.call("PATCH", path, { new_name: "good" });
    const prefer = { Prefer: "return=representation" };
    expect((await wire.call("PATCH", `${path}?$select=nope`, { new_name: "bad" }, prefer)).status).toBe(400);
    expect((await wire.call("POST", "new_logs?$select=nope", { new_name: "bad" }, prefer)).status).toBe(400);
    expect(
      (await wire.call("GET", "new_logs")).json.value.map((row: { new_name: string }) => row.new_name),
    ).toEqual(["good"]);
  });

  test("replaces the row whole, once", async () => {
    await using wire = await openWire();
    await wire.call("PATCH", path, { new_name: "a", ttlinseconds: 5 });
    await wire.call("PATCH", path, { new_name: "b" });
    const rows = (await wire.call("GET", "new_logs")).json.value;
    expect(rows).toHaveLength(1);
    expect(rows[0]).toMatchObject({ new_name: "b", partitionid: "p", ttlinseconds: null });
  });
});

test("a row comes back only to who may read it", async () => {
  await using wire = await openWire({
    users: [{ ...CLERK, roles: ["Clerk"] }],
    roles: [{ name: "Clerk", tables: { account: ["create"] } }],
  });
  const clerk = await asClerk(wire);
  const prefer = { Prefer: "return=representation" };
  expect(said(await clerk("POST", "accounts", { name: "a" }, prefer))).toEqual([403, "0x80040220"]);
  expect((await wire.call("GET", "accounts")).json.value).toEqual([]);
  expect((await clerk("POST", "accounts", { name: "a" })).status).toBe(204);
});

test("deletions that are taken back leave the table as it was, in its order", async () => {
  await using wire = await openWire();
  const rows = Array.from({ length: 3000 }, (_, at) => ({ lastname: `R${at}` }));
  const ids = (await wire.admin("POST", "seed", { table: "contact", rows })).json.ids as string[];
  const parts = [...ids.slice(0, 300), NOBODY].flatMap((id, at) => [
    "--c1",
    "Content-Type: application/http",
    "Content-Transfer-Encoding: binary",
    `Content-ID: ${at}`,
    "",
    `DELETE contacts(${id}) HTTP/1.1`,
    "",
    "",
  ]);
  const body = [
    "--b1",
    "Content-Type: multipart/mixed; boundary=c1",
    "",
    ...parts,
    "--c1--",
    "",
    "--b1--",
    "",
  ];
  expect((await wire.batch(body.join("\r\n"))).status).toBe(404);
  const read = (await wire.call("GET", "contacts?$select=lastname")).json.value;
  expect(read.map((row: { lastname: string }) => row.lastname)).toEqual(rows.map((row) => row.lastname));
});

describe("the values of an alternate key", () => {
  test.each([
    ["new_orders(new_ordernumber='a',new_linenumber=-5)", [400, "0x8004432f"]],
    ["new_orders(new_ordernumber='a',new_linenumber=1000001)", [400, "0x8004432f"]],
    ["new_orders(new_ordernumber='a',new_linenumber=99999999999)", PAYLOAD],
    [`new_orderlines(_new_orderid_value=${NOBODY},new_number=1)`, [404, "0x80040217"]],
    [`new_orders(new_externalid='${"x".repeat(500)}')`, [400, "0x80044331"]],
  ])("%s is refused where it would become a row", async (path, refusal) => {
    await using wire = await openWire();
    const [set = ""] = path.split("(");
    expect(said(await wire.call("PATCH", path, {}))).toEqual(refusal);
    const item = { "@odata.type": `${CRM}${set.slice(0, -1)}`, "@odata.id": path };
    expect(said(await wire.call("POST", `${set}/${CRM}UpsertMultiple`, { Targets: [item] }))).toEqual(
      refusal,
    );
    expect((await wire.call("GET", set)).json.value).toEqual([]);
  });

  test("good ones become the row, lookups among them", async () => {
    await using wire = await openWire();
    expect((await wire.call("PATCH", "new_orders(new_ordernumber='a',new_linenumber=5)", {})).status).toBe(
      204,
    );
    const order = (await wire.call("GET", "new_orders")).json.value[0];
    expect([order.new_ordernumber, order.new_linenumber]).toEqual(["a", 5]);
    const line = `new_orderlines(_new_orderid_value=${order.new_orderid},new_number=1)`;
    expect((await wire.call("PATCH", line, {})).status).toBe(204);
    expect((await wire.call("GET", line)).json._new_orderid_value).toBe(order.new_orderid);
  });

  test("fractions of a second are refused, or dropped as the switch says", async () => {
    const expand =
      "?$expand=Attributes,Keys,ManyToOneRelationships,OneToManyRelationships,ManyToManyRelationships";
    for (const keyDateFractions of ["refused", "dropped"] as const) {
      await using wire = await openWire({ unverified: { keyDateFractions } });
      const table = (await wire.call("GET", `EntityDefinitions(LogicalName='new_tag')${expand}`)).json;
      const key = { SchemaName: "new_When", KeyAttributes: ["createdon"], EntityKeyIndexStatus: "Active" };
      expect((await wire.admin("POST", "metadata", { ...table, Keys: [key] })).status).toBe(204);
      const row = { new_name: "t", createdon: "2024-05-01T10:00:00Z" };
      await wire.admin("POST", "seed", { table: "new_tag", rows: [row] });
      const createdon = (await wire.call("GET", "new_tags")).json.value[0].createdon as string;
      const get = (at: string) => wire.call("GET", `new_tags(createdon=${at})`);
      expect((await get(createdon)).status).toBe(200);
      const status = keyDateFractions === "refused" ? 400 : 200;
      expect((await get(createdon.replace("Z", ".000Z"))).status).toBe(status);
    }
  });
});

describe("conditions", () => {
  test("hold for one property, one reference and one file as for a row", async () => {
    await using wire = await openWire();
    const account = idIn(await wire.call("POST", "accounts", { name: "a" }));
    const contact = idIn(await wire.call("POST", "contacts", { lastname: "c" }));
    const path = `accounts(${account})`;
    const old = (await wire.call("GET", path)).json["@odata.etag"];
    await wire.call("PATCH", path, { name: "b" });
    const before = (await wire.call("GET", path)).json;
    const link = { "@odata.id": `${wire.root}contacts(${contact})` };
    const requests = [
      ["PUT", `${path}/name`, { value: "c" }],
      ["DELETE", `${path}/name`, undefined],
      ["PUT", `${path}/primarycontactid/$ref`, link],
      ["DELETE", `${path}/primarycontactid/$ref`, undefined],
      ["PATCH", path, { name: "c" }],
      ["DELETE", path, undefined],
    ] as const;
    for (const [method, url, body] of requests) {
      expect(said(await wire.call(method, url, body, { "If-Match": old }))).toEqual([412, "0x80060882"]);
      expect(said(await wire.call(method, url, body, { "If-None-Match": "*" }))).toEqual([412, "0x80040237"]);
      expect(said(await wire.call(method, url, body, { "If-Match": "garbage" }))).toEqual([
        400,
        "0x80060888",
      ]);
    }
    expect((await wire.call("GET", path)).json).toEqual(before);
    const now = { "If-Match": before["@odata.etag"] };
    expect((await wire.call("PUT", `${path}/name`, { value: "c" }, now)).status).toBe(204);
    const asset = `new_assets(${idIn(await wire.call("POST", "new_assets", { new_name: "a" }))})/new_manual`;
    const file = { "Content-Type": "application/octet-stream", "x-ms-file-name": "a" };
    expect((await wire.call("PATCH", asset, "bytes", { ...file, "If-Match": 'W/"1"' })).status).toBe(412);
    expect((await wire.call("PATCH", asset, "bytes", file)).status).toBe(204);
    expect((await wire.call("DELETE", asset, undefined, { "If-Match": 'W/"1"' })).status).toBe(412);
  });

  test("that cannot be read match no row where the switch says so", async () => {
    await using wire = await openWire({ unverified: { unreadableCondition: "no match" } });
    const path = `accounts(${idIn(await wire.call("POST", "accounts", { name: "a" }))})`;
    expect(said(await wire.call("PATCH", path, { name: "b" }, { "If-Match": "garbage" }))).toEqual([
      412,
      "0x80060882",
    ]);
  });
});

describe("bodies", () => {
  test("one property comes alone", async () => {
    await using wire = await openWire();
    const path = `accounts(${idIn(await wire.call("POST", "accounts", { name: "a" }))})/name`;
    expect(said(await wire.call("PUT", path, { value: "b", other: 1 }))).toEqual(PAYLOAD);
    expect(said(await wire.call("PUT", path, {}))).toEqual(PAYLOAD);
    const read = (await wire.call("GET", path)).json;
    expect(read.value).toBe("a");
    expect((await wire.call("PUT", path, read)).status).toBe(204);
  });

  test("the second update of a row is dropped, but not unread", async () => {
    await using wire = await openWire();
    const id = idIn(await wire.call("POST", "accounts", { name: "a" }));
    const update = (more: object) => {
      const item = { "@odata.type": `${CRM}account`, accountid: id };
      const Targets = [
        { ...item, name: "b" },
        { ...item, ...more },
      ];
      return wire.call("POST", `accounts/${CRM}UpdateMultiple`, { Targets });
    };
    expect(said(await update({ nope: 1 }))).toEqual(PAYLOAD);
    expect(said(await update({ numberofemployees: "many" }))).toEqual(PAYLOAD);
    expect((await wire.call("GET", `accounts(${id})`)).json.name).toBe("a");
    expect((await update({ name: "c" })).status).toBe(204);
    expect((await wire.call("GET", `accounts(${id})`)).json.name).toBe("b");
  });

  test("an id beside an address that names another row is refused, or passed over as the switch says", async () => {
    for (const conflictingIds of ["refused", "the address counts"] as const) {
      await using wire = await openWire({ unverified: { conflictingIds } });
      const refused = conflictingIds === "refused";
      const order = idIn(await wire.call("POST", "new_orders", { new_externalid: "A" }));
      const item = {
        "@odata.type": `${CRM}new_order`,
        "@odata.id": "new_orders(new_externalid='A')",
        new_orderid: NOBODY,
      };
      const send = async (message: string, target: object) =>
        (await wire.call("POST", `new_orders/${CRM}${message}`, { Targets: [target] })).status;
      expect(await send("UpsertMultiple", item)).toBe(refused ? 400 : 204);
      expect(await send("UpdateMultiple", item)).toBe(refused ? 400 : 204);
      expect(await send("UpsertMultiple", { ...item, new_orderid: order })).toBe(204);
      const { new_orderid: _id, ...create } = item;
      expect(await send("CreateMultiple", create)).toBe(refused ? 400 : 200);
      const other = { new_orderid: order };
      expect((await wire.call("PATCH", `new_orders(${NOBODY})`, other)).status).toBe(refused ? 400 : 204);
      expect((await wire.call("PATCH", `new_orders(${order})`, { new_orderid: NOBODY })).status).toBe(
        refused ? 400 : 204,
      );
      expect(
        (await wire.call("PATCH", `new_orders(${order})`, { new_orderid: order.toUpperCase() })).status,
      ).toBe(204);
    }
  });

  test("an address in a body is refused on a new row and beside another address, or passed over", async () => {
    for (const conflictingIds of ["refused", "the address counts"] as const) {
      await using wire = await openWire({ unverified: { conflictingIds } });
      const usual = conflictingIds === "refused" ? 400 : 204;
      const id = idIn(await wire.call("POST", "accounts", { name: "a", accountnumber: "A" }));
      const foreign = { "@odata.id": `accounts(${NOBODY})` };
      const status = async (method: string, path: string, body: object) =>
        (await wire.call(method, path, body)).status;
      expect(await status("POST", "accounts", foreign)).toBe(usual);
      expect(await status("POST", "accounts", { primarycontactid: { ...foreign, lastname: "x" } })).toBe(
        usual,
      );
      const members = { contact_customer_accounts: [{ ...foreign, lastname: "x" }] };
      expect(await status("POST", "accounts", members)).toBe(usual);
      expect(await status("PATCH", `accounts(${id})`, foreign)).toBe(usual);
      expect(await status("PATCH", "accounts(accountnumber='B')", foreign)).toBe(usual);
      expect(await status("PATCH", `accounts(${id})`, { "@odata.id": `contacts(${id})` })).toBe(usual);
      for (const own of [`accounts(${id})`, `${wire.root}accounts(${id})`, "accounts(accountnumber='A')"]) {
        expect(await status("PATCH", `accounts(${id})`, { "@odata.id": own })).toBe(204);
      }
    }
  });

  test.each([
    '{"name":"a","name":"b"}',
    '{"name" :"a","na\\u006de": "b"}',
    '{"name":"a","primarycontactid":{"lastname":"x","lastname":"y"}}',
    '{"description":"\\":","name":"a","name":"b"}',
  ])("%s says one thing twice", async (body) => {
    await using wire = await openWire();
    expect(said(await wire.call("POST", "accounts", body))).toEqual(PAYLOAD);
    expect((await wire.call("GET", "accounts")).json.value).toEqual([]);
    await using other = await openWire({ unverified: { repeatedNames: "the last counts" } });
    expect((await other.call("POST", "accounts", body)).status).toBe(204);
  });

  test("a colon in a text is no name, and a name may stand in two objects", async () => {
    await using wire = await openWire();
    const body =
      '{"name" : "\\"name\\":\\\\","description":"{\\"a\\":1,\\"a\\":2}","primarycontactid":{"description":"x"}}';
    expect((await wire.call("POST", "accounts", body)).status).toBe(204);
    expect((await wire.call("GET", "accounts")).json.value[0].name).toBe('"name":\\');
  });

  test("half a surrogate pair is no character", async () => {
    await using wire = await openWire();
    for (const text of ["\\ud800", "a\\udc00b", "\\ude00\\ud83d"]) {
      expect(said(await wire.call("POST", "accounts", `{"name":"${text}"}`))).toEqual([400, "0x80040278"]);
    }
    expect((await wire.call("POST", "accounts", '{"name":"\\ud83d\\ude00"}')).status).toBe(204);
    expect((await wire.call("GET", "accounts")).json.value[0].name).toBe("😀");
  });

  test("twenty megabytes around a long number are read", async () => {
    await using wire = await openWire();
    const text = '\\"x'.repeat(7_000_000);
    const body = `{"name":"a","new_big":12345678901234567,"description":"${text}"}`;
    expect(said(await wire.call("POST", "accounts", body))).toEqual([400, "0x80048d19"]);
    const long = `{"name":"a","description":"${text}","creditlimit":12345678901234567}`;
    expect(said(await wire.call("POST", "accounts", long))).toEqual([400, "0x80044331"]);
    const spaced = `${" ".repeat(5_000_000)}{"name":"a"${" ".repeat(5_000_000)}}`;
    expect((await wire.call("POST", "accounts", spaced)).status).toBe(204);
  });

  test("texts of spaces in keys and filters are compared in one pass", async () => {
    await using wire = await openWire();
    const spaces = `${" ".repeat(2_000_000)}x `;
    const item = { "@odata.type": `${CRM}new_order`, "@odata.id": `new_orders(new_externalid='${spaces}')` };
    expect((await wire.call("POST", `new_orders/${CRM}UpsertMultiple`, { Targets: [item] })).status).toBe(
      400,
    );
    const filter = `accounts?$filter=name eq '${" ".repeat(31_000)}x '`;
    const get = await wire.raw("GET", `/api/data/v9.2/${filter.replaceAll(" ", "+")}`, undefined, {
      Authorization: `Bearer ${wire.token}`,
    });
    expect(get.status).toBe(200);
  });
});
