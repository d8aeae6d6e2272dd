import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Answer, ID, idIn, openWire, type Wire } from "./client.ts";

let wire: Wire & AsyncDisposable;
beforeAll(async () => {
  wire = await openWire();
});
afterAll(async () => wire[Symbol.asyncDispose]());

const refused = (answer: Answer, status: number, code: string) => {
  expect(`${answer.status} ${answer.json?.error?.code} ${answer.text}`).toContain(`${status} ${code} `);
};
let count = 0;
const unique = (prefix = "R") => `${prefix}-${++count}`;

describe("create", () => {
  test("answers 204 with the address of the row, and no body", async () => {
    const answer = await wire.call("POST", "accounts", { name: "Fabrikam" });
    expect(answer.status).toBe(204);
    expect(answer.text).toBe("");
    expect(answer.headers["odata-entityid"]).toBe(`${wire.root}accounts(${idIn(answer)})`);
    expect(answer.headers["odata-version"]).toBe("4.0");
    expect(answer.headers["content-length"]).toBeUndefined();
  });

  test("answers 201 with the row when asked for its representation", async () => {
    const answer = await wire.call(
      "POST",
      "accounts?$select=name",
      { name: "Fabrikam" },
      {
        Prefer: "return=representation",
      },
    );
    expect(answer.status).toBe(201);
    expect(answer.headers["preference-applied"]).toBe("return=representation");
    expect(answer.headers["odata-entityid"]).toBeUndefined();
    expect(Object.keys(answer.json)).toEqual(["@odata.context", "@odata.etag", "name", "accountid"]);
    expect(answer.json["@odata.etag"]).toMatch(/^W\/"\d+"$/);
  });

  test("takes an id of the client; the second time it is 412 0x80040237", async () => {
    const accountid = "11111111-2222-4333-8444-555555555501";
    const body = { name: "Chosen", accountid: accountid.toUpperCase() };
    const answer = await wire.call("POST", "accounts", body);
    expect(idIn(answer)).toBe(accountid);
    refused(await wire.call("POST", "accounts", body), 412, "0x80040237");
    expect((await wire.call("POST", "accounts", body)).json.error.message).toBe(
      "Cannot insert duplicate key.",
    );
  });

  test("fills in owner, state, currency and times", async () => {
    const answer = await wire.call(
      "POST",
      "contacts",
      { lastname: "Ray", firstname: "Anna" },
      {
        Prefer: "return=representation",
      },
    );
    const me = (await wire.call("GET", "WhoAmI")).json;
    expect(answer.json).toMatchObject({
      fullname: "Anna Ray",
      _ownerid_value: me.UserId,
      _owninguser_value: me.UserId,
      _owningteam_value: null,
      _owningbusinessunit_value: me.BusinessUnitId,
      _createdby_value: me.UserId,
      statecode: 0,
      statuscode: 1,
      donotemail: false,
      preferredcontactmethodcode: 1,
      exchangerate: 1,
    });
    expect(answer.json.createdon).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    expect(answer.json._transactioncurrencyid_value).toMatch(ID);
    expect(String(answer.json.versionnumber)).toBe(/\d+/.exec(answer.json["@odata.etag"])?.[0]);
  });

  test("does not enforce what only forms require, but enforces what the platform requires", async () => {
    expect((await wire.call("POST", "accounts", { telephone1: "1" })).status).toBe(204);
    refused(await wire.call("POST", "lists", { listname: "No member type" }), 400, "0x80040200");
    refused(
      await wire.call("POST", "lists", { listname: null, createdfromcode: 2, type: false }),
      400,
      "0x80040200",
    );
  });
});

describe("upsert by PATCH", () => {
  test("creates with the id of the URL, then updates", async () => {
    const id = "11111111-2222-4333-8444-555555555502";
    const first = await wire.call(
      "PATCH",
      `accounts(${id})`,
      { name: "One" },
      { Prefer: "return=representation" },
    );
    expect([first.status, first.json.accountid]).toEqual([201, id]);
    const second = await wire.call(
      "PATCH",
      `accounts(${id})`,
      { name: "Two" },
      { Prefer: "return=representation" },
    );
    expect([second.status, second.json.name]).toEqual([200, "Two"]);
    expect(second.headers.etag).toBe(second.json["@odata.etag"]);
  });

  test("by key repeats the key in the address, not the id", async () => {
    const url = "contacts(new_customerid='O''Neil%20%26%20Co%23%3F%2B%25')";
    const first = await wire.call("PATCH", url, { lastname: "O'Neil" });
    expect(first.status).toBe(204);
    expect(first.headers["odata-entityid"]).toBe(
      `${wire.root}contacts(new_customerid='O''Neil%20%26%20Co%23%3F%2B%25')`,
    );
    const row = await wire.call("GET", `${url}?$select=new_customerid,lastname`);
    expect(row.json).toMatchObject({ new_customerid: "O'Neil & Co#?+%", lastname: "O'Neil" });
  });

  test("a key column in the body: ignored on update, wins on create", async () => {
    const key = unique();
    await wire.call("PATCH", `contacts(new_customerid='${key}')`, {
      new_customerid: `${key}-b`,
      lastname: "x",
    });
    expect((await wire.call("GET", `contacts(new_customerid='${key}')`)).status).toBe(404);
    const url = `contacts(new_customerid='${key}-b')`;
    await wire.call("PATCH", url, { new_customerid: "other", lastname: "y" });
    expect((await wire.call("GET", `${url}?$select=lastname,new_customerid`)).json).toMatchObject({
      new_customerid: `${key}-b`,
      lastname: "y",
    });
  });

  test("a composite key takes its parts in any order", async () => {
    const create = await wire.call("PATCH", "new_orders(new_ordernumber='S-1',new_linenumber=2)", {
      new_name: "a",
    });
    expect(create.status).toBe(204);
    const read = await wire.call(
      "GET",
      "new_orders(new_linenumber=2,new_ordernumber='s-1 ')?$select=new_name",
    );
    expect(read.json.new_name).toBe("a");
    refused(
      await wire.call(
        "PATCH",
        "new_orders(new_ordernumber='S-1',new_linenumber=2)",
        { new_name: "b" },
        { "If-None-Match": "*" },
      ),
      412,
      "0x80040237",
    );
  });

  const conditions: readonly (readonly [
    string,
    boolean,
    Record<string, string>,
    number,
    string | undefined,
  ])[] = [
    ["no condition", true, {}, 204, undefined],
    ["no condition", false, {}, 204, undefined],
    ["If-Match: *", true, { "If-Match": "*" }, 204, undefined],
    ["If-Match: *", false, { "If-Match": "*" }, 404, "0x80040217"],
    ["If-None-Match: *", true, { "If-None-Match": "*" }, 412, "0x80040237"],
    ["If-None-Match: *", false, { "If-None-Match": "*" }, 204, undefined],
    ["If-None-Match: null is none", true, { "If-None-Match": "null" }, 204, undefined],
    ["a stale version", true, { "If-Match": 'W/"1"' }, 412, "0x80060882"],
    ["a version", false, { "If-Match": 'W/"1"' }, 404, "0x80040217"],
  ];
  test.each(conditions)("%s, row exists %s", async (_what, exists, headers, status, code) => {
    const id = exists
      ? idIn(await wire.call("POST", "accounts", { name: "Condition" }))
      : `11111111-2222-4333-8444-6666666666${String(10 + count++)}`;
    const answer = await wire.call("PATCH", `accounts(${id})`, { name: "Changed" }, headers);
    expect([answer.status, answer.json?.error?.code]).toEqual([status, code]);
  });

  test("a matching version lets the update through, and DELETE too", async () => {
    const made = await wire.call("POST", "accounts", { name: "v" }, { Prefer: "return=representation" });
    const url = `accounts(${made.json.accountid})`;
    const etag = made.json["@odata.etag"];
    expect((await wire.call("GET", url, undefined, { "If-None-Match": etag })).status).toBe(304);
    expect((await wire.call("PATCH", url, { name: "w" }, { "If-Match": etag })).status).toBe(204);
    refused(await wire.call("DELETE", url, undefined, { "If-Match": etag }), 412, "0x80060882");
    const now = (await wire.call("GET", url)).json["@odata.etag"];
    expect((await wire.call("DELETE", url, undefined, { "If-Match": now })).status).toBe(204);
    refused(await wire.call("DELETE", url), 404, "0x80040217");
  });

  test("If-Match: * by a key that nobody has is 404 0x80060891", async () => {
    refused(
      await wire.call("PATCH", "contacts(new_customerid='nobody')", { lastname: "x" }, { "If-Match": "*" }),
      404,
      "0x80060891",
    );
  });
});

describe("one property, one reference", () => {
  test("is read, set and cleared", async () => {
    const url = `accounts(${idIn(await wire.call("POST", "accounts", { name: "Prop" }))})`;
    expect((await wire.call("GET", `${url}/name`)).json.value).toBe("Prop");
    expect((await wire.call("GET", `${url}/name/$value`)).text).toBe("Prop");
    expect((await wire.call("GET", `${url}/fax`)).status).toBe(204);
    expect((await wire.call("PUT", `${url}/fax`, { value: "1" })).status).toBe(204);
    expect((await wire.call("GET", `${url}/fax`)).json.value).toBe("1");
    expect((await wire.call("DELETE", `${url}/fax`)).status).toBe(204);
    expect((await wire.call("GET", `${url}/fax`)).status).toBe(204);
  });

  test("$ref sets and removes a lookup from either end", async () => {
    const account = idIn(await wire.call("POST", "accounts", { name: "Ref" }));
    const contact = idIn(await wire.call("POST", "contacts", { lastname: "Ref" }));
    const parent = async () =>
      (await wire.call("GET", `contacts(${contact})?$select=_parentcustomerid_value`)).json
        ._parentcustomerid_value;
    const single = `contacts(${contact})/parentcustomerid_account/$ref`;
    expect((await wire.call("PUT", single, { "@odata.id": `${wire.root}accounts(${account})` })).status).toBe(
      204,
    );
    expect(await parent()).toBe(account);
    expect((await wire.call("DELETE", single)).status).toBe(204);
    expect(await parent()).toBeNull();
    const many = `accounts(${account})/contact_customer_accounts`;
    expect(
      (await wire.call("POST", `${many}/$ref`, { "@odata.id": `${wire.root}contacts(${contact})` })).status,
    ).toBe(204);
    expect(await parent()).toBe(account);
    expect((await wire.call("DELETE", `${many}(${contact})/$ref`)).status).toBe(204);
    expect(await parent()).toBeNull();
  });
});

describe("state", () => {
  test("sent alone implies its default reason; a reason must belong to the state", async () => {
    const url = `contacts(${idIn(await wire.call("POST", "contacts", { lastname: "S" }))})`;
    const state = async () => {
      const { statecode, statuscode } = (await wire.call("GET", `${url}?$select=statecode,statuscode`)).json;
      return [statecode, statuscode];
    };
    expect((await wire.call("PATCH", url, { statecode: 1 })).status).toBe(204);
    expect(await state()).toEqual([1, 2]);
    refused(await wire.call("PATCH", url, { statuscode: 1 }), 400, "0x80048408");
    refused(await wire.call("PATCH", url, { statecode: 0, statuscode: 2 }), 400, "0x80048408");
    expect((await wire.call("PATCH", url, { statecode: 0, statuscode: 1 })).status).toBe(204);
    expect(await state()).toEqual([0, 1]);
  });

  test("is not valid for create: dropped without a word, and counted", async () => {
    await wire.admin("POST", "counters");
    const made = await wire.call("POST", "contacts", {
      lastname: "S",
      statecode: 1,
      createdon: "2020-01-01T00:00:00Z",
    });
    expect(made.status).toBe(204);
    const row = await wire.call("GET", `contacts(${idIn(made)})?$select=statecode,createdon`);
    expect(row.json.statecode).toBe(0);
    expect(row.json.createdon).not.toMatch(/^2020/);
    const { ignored } = (await wire.admin("GET", "counters")).json;
    expect(ignored).toEqual({ "contact.statecode": 1, "contact.createdon": 1 });
  });
});
