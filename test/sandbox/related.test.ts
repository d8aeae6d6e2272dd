import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { idIn, openWire, type Wire } from "./client.ts";

const NOBODY = "00000000-0000-0000-0000-0000000000aa";
let wire: Wire & AsyncDisposable;
const ids: Record<string, string> = {};

beforeAll(async () => {
  wire = await openWire();
  const make = async (name: string, set: string, body: unknown) => {
    ids[name] = idIn(await wire.call("POST", set, body));
  };
  for (const name of ["A", "B", "Empty"]) await make(name, "accounts", { name, accountnumber: name });
  for (const [lastname, account, numberofchildren] of [
    ["Ray", "A", 1],
    ["Sol", "A", 2],
    ["Tor", "A", 3],
    ["Uri", "B", 4],
  ] as const) {
    const parent = { "parentcustomerid_account@odata.bind": `/accounts(accountnumber='${account}')` };
    await make(lastname, "contacts", {
      lastname,
      numberofchildren,
      creditlimit: numberofchildren,
      ...parent,
    });
  }
  await wire.call("PATCH", `accounts(${ids.A})`, { "primarycontactid@odata.bind": `/contacts(${ids.Sol})` });
  for (const tag of ["red", "blue"]) await make(tag, "new_tags", { new_name: tag });
});
afterAll(() => wire[Symbol.asyncDispose]());

const get = async (path: string) => (await wire.call("GET", path)).json;
const lastnames = (rows: { lastname: string }[]) => rows.map((row) => row.lastname);
const names = (rows: { name: string }[]) => rows.map((row) => row.name);

describe("$expand", () => {
  test("a collection, with its own select, filter, order and top, on one row and on many", async () => {
    const nested =
      "contact_customer_accounts($select=lastname;$filter=numberofchildren gt 1;$orderby=lastname desc;$top=2)";
    const one = await get(`accounts(${ids.A})?$select=name&$expand=${nested}`);
    expect(lastnames(one.contact_customer_accounts)).toEqual(["Tor", "Sol"]);
    expect(Object.keys(one.contact_customer_accounts[0]).sort()).toEqual([
      "@odata.etag",
      "contactid",
      "lastname",
    ]);
    const many = await get(`accounts?$select=name&$expand=${nested}`);
    expect(
      many.value.map((row: { contact_customer_accounts: { lastname: string }[] }) =>
        lastnames(row.contact_customer_accounts),
      ),
    ).toEqual([["Tor", "Sol"], ["Uri"], []]);
  });

  test("the link of a collection leads to the same rows", async () => {
    const one = await get(
      `accounts(${ids.A})?$expand=contact_customer_accounts($select=lastname;$filter=lastname eq 'Ray')`,
    );
    const link = one["contact_customer_accounts@odata.nextLink"].slice(wire.root.length);
    expect(lastnames((await get(link)).value)).toEqual(["Ray"]);
  });

  test("through several tables", async () => {
    const path = `contacts(${ids.Ray})?$select=lastname&$expand=parentcustomerid_account($select=name;$expand=primarycontactid($select=lastname),contact_customer_accounts($select=lastname;$top=1))`;
    const { parentcustomerid_account: account } = await get(path);
    expect([
      account.name,
      account.primarycontactid.lastname,
      lastnames(account.contact_customer_accounts),
    ]).toEqual(["A", "Sol", ["Ray"]]);
  });

  test("separators inside quotes are none", async () => {
    const one = await get(
      `accounts(${ids.A})?$expand=contact_customer_accounts($filter=lastname eq 'a;(,b''' or lastname eq 'Ray')`,
    );
    expect(lastnames(one.contact_customer_accounts)).toEqual(["Ray"]);
  });

  test.each([
    ["nosuch", 400],
    ["primarycontactid($filter=lastname eq 'x')", 400],
    ["contact_customer_accounts($skip=1)", 400],
    ["contact_customer_accounts($top=x)", 400],
    ["contact_customer_accounts($select=nosuch)", 400],
    ["contact_customer_accounts($select=lastname", 400],
    ["contact_customer_accounts($top=1;$top=2)", 400],
  ])("%s is refused", async (expand, status) => {
    expect((await wire.call("GET", `accounts?$expand=${expand}`)).status).toBe(status);
  });
});

describe("a collection by its own address", () => {
  test("is queried like a set, counted, and listed by reference", async () => {
    const base = `accounts(${ids.A})/contact_customer_accounts`;
    const found = await get(`${base}?$select=lastname&$filter=numberofchildren ge 2&$count=true`);
    expect([lastnames(found.value), found["@odata.count"]]).toEqual([["Sol", "Tor"], 2]);
    expect(found["@odata.context"]).toBe(`${wire.root}$metadata#contacts(lastname)`);
    expect((await wire.call("GET", `${base}/$count?$filter=numberofchildren ge 2`)).text).toBe("2");
    const refs = await get(`${base}/$ref`);
    expect(refs.value[0]["@odata.id"]).toBe(`${wire.root}contacts(${ids.Ray})`);
    expect((await wire.call("GET", `accounts(${NOBODY})/contact_customer_accounts`)).status).toBe(404);
  });

  test("comes in pages", async () => {
    const page = { Prefer: "odata.maxpagesize=2" };
    const first = await wire.call(
      "GET",
      `accounts(${ids.A})/contact_customer_accounts?$select=lastname`,
      undefined,
      page,
    );
    expect(lastnames(first.json.value)).toEqual(["Ray", "Sol"]);
    const link = first.json["@odata.nextLink"].slice(wire.root.length);
    expect(link).toMatch(/^accounts\([0-9a-f-]+\)\/contact_customer_accounts\?/);
    const rest = await wire.call("GET", link, undefined, page);
    expect([lastnames(rest.json.value), rest.json["@odata.nextLink"]]).toEqual([["Tor"], undefined]);
  });

  test("a lookup's reference", async () => {
    expect((await get(`accounts(${ids.A})/primarycontactid/$ref`))["@odata.id"]).toBe(
      `${wire.root}contacts(${ids.Sol})`,
    );
    expect((await wire.call("GET", `accounts(${ids.B})/primarycontactid/$ref`)).status).toBe(204);
  });
});

describe("any and all", () => {
  test.each([
    ["contact_customer_accounts/any(c:c/lastname eq 'Uri')", ["B"]],
    ["contact_customer_accounts/any(c:c/numberofchildren gt 2 and c/lastname ne 'Uri')", ["A"]],
    ["contact_customer_accounts/any()", ["A", "B"]],
    ["not contact_customer_accounts/any()", ["Empty"]],
    ["contact_customer_accounts/all(c:c/numberofchildren gt 3)", ["B", "Empty"]],
    ["contact_customer_accounts/any(c:contains(c/lastname,'o')) and name eq 'A'", ["A"]],
    ["contact_customer_accounts/any(c:c/contact_customer_contacts/any())", []],
    ["contact_customer_accounts/any(c:c/owninguser/isdisabled eq false)", ["A", "B"]],
  ])("%s", async (filter, expected) => {
    expect(names((await get(`accounts?$select=name&$filter=${filter}`)).value)).toEqual(expected);
  });

  test.each([
    "nosuch/any(c:c/lastname eq 'x')",
    "primarycontactid/any(c:c/lastname eq 'x')",
    "contact_customer_accounts/any(c:lastname eq 'x')",
    "contact_customer_accounts/any(c:d/lastname eq 'x')",
    "contact_customer_accounts/any(c:c/nosuch eq 'x')",
    "contact_customer_accounts/all()",
    "contact_customer_accounts/any(c c/lastname eq 'x')",
    "contact_customer_accounts/some(c:c/lastname eq 'x')",
  ])("%s is refused", async (filter) => {
    expect((await wire.call("GET", `accounts?$filter=${filter}`)).status).toBe(400);
  });
});

describe("$ref on many-to-many", () => {
  const link = (account: string, tag: string) =>
    wire.call("POST", `accounts(${ids[account]})/new_account_tag/$ref`, {
      "@odata.id": `${wire.root}new_tags(${ids[tag]})`,
    });
  const tagsOf = async (account: string) =>
    (await get(`accounts(${ids[account]})/new_account_tag?$select=new_name`)).value.map(
      (row: { new_name: string }) => row.new_name,
    );

  test("ties rows once, a second time says so, and unties them in both forms", async () => {
    expect((await link("A", "red")).status).toBe(204);
    expect((await link("A", "blue")).status).toBe(204);
    const again = await link("A", "red");
    expect([again.status, again.json.error.code, again.json.error.message]).toEqual([
      412,
      "0x80040237",
      "Cannot insert duplicate key.",
    ]);
    expect(await tagsOf("A")).toEqual(["red", "blue"]);
    const back = await get(`new_tags(${ids.red})?$select=new_name&$expand=new_account_tag($select=name)`);
    expect(names(back.new_account_tag)).toEqual(["A"]);
    expect((await get("new_account_new_tagset")).value).toHaveLength(2);
    const remove = `accounts(${ids.A})/new_account_tag`;
    expect((await wire.call("DELETE", `${remove}(${ids.red})/$ref`)).status).toBe(204);
    expect((await wire.call("DELETE", `${remove}/$ref?$id=${wire.root}new_tags(${ids.blue})`)).status).toBe(
      204,
    );
    expect((await wire.call("DELETE", `${remove}(${ids.red})/$ref`)).status).toBe(404);
    expect(await tagsOf("A")).toEqual([]);
  });

  test("a row that goes takes its ties along", async () => {
    const tag = idIn(await wire.call("POST", "new_tags", { new_name: "brief" }));
    ids.brief = tag;
    await link("B", "brief");
    expect(await tagsOf("B")).toEqual(["brief"]);
    await wire.call("DELETE", `new_tags(${tag})`);
    expect(await tagsOf("B")).toEqual([]);
    expect((await get("new_account_new_tagset")).value).toEqual([]);
  });

  test("what cannot be tied", async () => {
    const base = `accounts(${ids.A})/new_account_tag/$ref`;
    for (const [body, status] of [
      [{ "@odata.id": `${wire.root}contacts(${ids.Ray})` }, 400],
      [{ "@odata.id": `${wire.root}new_tags(${NOBODY})` }, 404],
      [{}, 400],
    ] as const) {
      expect((await wire.call("POST", base, body)).status).toBe(status);
    }
    expect((await wire.call("POST", `accounts(${ids.A})/nosuch/$ref`, {})).status).toBe(400);
  });

  test("members of a marketing list are read that way, and written only where that works", async () => {
    const list = idIn(await wire.call("POST", "lists", { listname: "N", createdfromcode: 2 }));
    const base = `lists(${list})/listcontact_association`;
    const body = { "@odata.id": `${wire.root}contacts(${ids.Ray})` };
    expect((await wire.call("POST", `${base}/$ref`, body)).status).toBe(405);
    await wire.call("POST", `lists(${list})/Microsoft.Dynamics.CRM.AddMemberList`, { EntityId: ids.Ray });
    expect(lastnames((await get(`${base}?$select=lastname`)).value)).toEqual(["Ray"]);
    expect((await get(`lists(${list})/listlead_association`)).value).toEqual([]);
  });
});

describe("rows inside rows", () => {
  test("one request makes a whole tree, answered with $select and $expand", async () => {
    const body = {
      name: "Deep",
      primarycontactid: { lastname: "Inner" },
      contact_customer_accounts: [{ lastname: "First" }, { lastname: "Second" }],
      new_account_tag: [{ new_name: "made" }],
    };
    const path =
      "accounts?$select=name&$expand=primarycontactid($select=lastname),contact_customer_accounts($select=lastname),new_account_tag($select=new_name)";
    const answer = await wire.call("POST", path, body, { Prefer: "return=representation" });
    expect(answer.status).toBe(201);
    expect(answer.json).toMatchObject({
      name: "Deep",
      primarycontactid: { lastname: "Inner" },
      contact_customer_accounts: [{ lastname: "First" }, { lastname: "Second" }],
      new_account_tag: [{ new_name: "made" }],
    });
  });

  test("all or nothing", async () => {
    const count = async () => (await wire.call("GET", "accounts/$count")).text;
    const before = await count();
    const body = { name: "x", contact_customer_accounts: [{ lastname: "ok" }, { lastname: "x".repeat(51) }] };
    expect((await wire.call("POST", "accounts", body)).status).toBe(400);
    expect((await wire.call("POST", "accounts", { name: "x", contact_customer_accounts: [1] })).status).toBe(
      400,
    );
    expect(await count()).toBe(before);
  });

  test("what objects inherit is no property", async () => {
    const inherited = '{"__proto__":{"name":"x"},"contact_customer_accounts":[]}';
    expect((await wire.call("POST", "accounts", inherited)).status).toBe(400);
  });

  test("only on create", async () => {
    const body = { primarycontactid: { lastname: "x" } };
    expect((await wire.call("PATCH", `accounts(${ids.A})`, body, { "If-Match": "*" })).status).toBe(400);
  });

  test("parties come with their activity, one sender at most", async () => {
    const party = (contact: string, participationtypemask: number) => ({
      "partyid_contact@odata.bind": `/contacts(${ids[contact]})`,
      participationtypemask,
    });
    const call = (...parties: unknown[]) =>
      wire.call("POST", "phonecalls", { subject: "call", phonecall_activity_parties: parties });
    const made = await call(party("Ray", 1), party("Sol", 2));
    expect(made.status).toBe(204);
    const { value } = await get(
      `phonecalls(${idIn(made)})/phonecall_activity_parties?$orderby=participationtypemask`,
    );
    expect(value).toMatchObject([
      { _partyid_value: ids.Ray, participationtypemask: 1 },
      { _partyid_value: ids.Sol, participationtypemask: 2 },
    ]);
    const two = await call(party("Ray", 1), party("Sol", 1));
    expect([two.status, two.json.error.code]).toEqual([400, "0x80040203"]);
    await wire.call("DELETE", `phonecalls(${idIn(made)})`);
    expect((await get("activityparties")).value).toEqual([]);
  });
});

describe("deleting a row that others point at", () => {
  test("restrict blocks, cascade takes along, the rest reads as null", async () => {
    const account = idIn(await wire.call("POST", "accounts", { name: "held" }));
    const order = idIn(
      await wire.call("POST", "new_orders", {
        new_name: "o",
        "new_AccountId@odata.bind": `/accounts(${account})`,
      }),
    );
    const line = idIn(
      await wire.call("POST", "new_orderlines", {
        "new_OrderId@odata.bind": `/new_orders(${order})`,
        "new_AccountId@odata.bind": `/accounts(${account})`,
        new_quantity: 3,
        new_price: 1.5,
      }),
    );
    expect((await get(`new_orderlines(${line})`)).new_total).toBe(4.5);
    const blocked = await wire.call("DELETE", `accounts(${account})`);
    expect([blocked.status, blocked.json.error.code]).toEqual([405, "0x80040227"]);
    expect((await wire.call("DELETE", `new_orders(${order})`)).status).toBe(204);
    expect((await wire.call("GET", `new_orderlines(${line})`)).status).toBe(404);
    const other = idIn(
      await wire.call("POST", "new_orders", { "new_AccountId@odata.bind": `/accounts(${account})` }),
    );
    expect((await wire.call("DELETE", `accounts(${account})`)).status).toBe(204);
    expect((await get(`new_orders(${other})`))._new_accountid_value).toBeNull();
  });

  test("a currency in use stays", async () => {
    const { value } = await get(
      "transactioncurrencies?$select=isocurrencycode&$filter=isocurrencycode eq 'USD'",
    );
    expect(
      (await wire.call("DELETE", `transactioncurrencies(${value[0].transactioncurrencyid})`)).status,
    ).toBe(405);
  });

  test("a key with a lookup in it: by its value's name", async () => {
    const order = idIn(await wire.call("POST", "new_orders", { new_name: "k" }));
    const path = `new_orderlines(_new_orderid_value=${order},new_number=1)`;
    expect((await wire.call("PATCH", path, { new_name: "one" })).status).toBe(204);
    expect((await wire.call("PATCH", path, { new_name: "two" }, { "If-Match": "*" })).status).toBe(204);
    expect(await get(path)).toMatchObject({ new_name: "two", _new_orderid_value: order, new_number: 1 });
    expect((await wire.call("GET", `new_orderlines(new_orderid=${order},new_number=1)`)).status).toBe(400);
  });
});
