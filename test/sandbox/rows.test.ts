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
const NOBODY = "00000000-0000-0000-0000-0000000000aa";
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

describe("keys", () => {
  test("are unique after folding case and trailing spaces; null is not checked", async () => {
    const key = unique("Key");
    expect((await wire.call("POST", "accounts", { name: "a", accountnumber: key })).status).toBe(204);
    const answer = await wire.call("POST", "accounts", {
      name: "b",
      accountnumber: `${key.toLowerCase()}  `,
    });
    refused(answer, 412, "0x80060892");
    expect(answer.json.error.message).toMatch(
      /^Entity Key .+ violated\. A record with the same value for Account Number already exists\. A duplicate record cannot be created\./,
    );
    for (const name of ["c", "d"]) {
      expect((await wire.call("POST", "accounts", { name, accountnumber: null })).status).toBe(204);
    }
  });

  test("move with the value and are free again after a delete", async () => {
    const key = unique("Move");
    const made = idIn(await wire.call("POST", "accounts", { name: "a", accountnumber: key }));
    await wire.call("PATCH", `accounts(${made})`, { accountnumber: `${key}x` });
    refused(await wire.call("GET", `accounts(accountnumber='${key}')`), 404, "0x80060891");
    expect((await wire.call("GET", `accounts(accountnumber='${key}X')`)).status).toBe(200);
    await wire.call("DELETE", `accounts(accountnumber='${key}x')`);
    expect((await wire.call("POST", "accounts", { name: "b", accountnumber: `${key}x` })).status).toBe(204);
  });

  const urls: readonly (readonly [string, string, number, string])[] = [
    ["an inactive key (Failed)", "contacts(emailaddress1='a@b.example')", 400, "0x80060890"],
    ["an inactive key (Pending)", "new_orders(new_reference='x')", 400, "0x80060890"],
    ["columns that are no key", "contacts(lastname='Ray')", 400, "0x80060890"],
    ["a part of a composite key", "new_orders(new_ordernumber='S-1')", 400, "0x80060890"],
    ["an unknown column", "contacts(nonsense='x')", 400, "0x80060888"],
    ["the wrong case", "contacts(New_CustomerId='x')", 400, "0x80060888"],
    ["text without quotes", "contacts(new_customerid=17)", 400, "0x80060888"],
    ["a number in quotes", "new_orders(new_ordernumber='S-1',new_linenumber='2')", 400, "0x80060888"],
    ["a guid in quotes", `accounts('${NOBODY}')`, 400, "0x80060888"],
    ["no guid", "accounts(17)", 400, "0x80060888"],
    ["a slash", "contacts(new_customerid='a/b')", 400, "0x80060888"],
    ["an escaped slash", "contacts(new_customerid='a%2Fb')", 400, "0x80060888"],
    ["an escaped backslash", "contacts(new_customerid='a%5Cb')", 400, "0x80060888"],
    ["an open quote", "contacts(new_customerid='a)", 400, "0x80060888"],
    ["a broken escape", "contacts(new_customerid='%E0%A4')", 400, "0x80060888"],
    ["a named id of a user", `systemusers(systemuserid=${NOBODY})`, 400, "0x80060890"],
    ["an unknown id", `accounts(${NOBODY})`, 404, "0x80040217"],
    ["an unknown named id", `accounts(accountid=${NOBODY})`, 404, "0x80040217"],
    ["an unknown set", "Account(1)", 404, "0x80060888"],
    ["the logical name as a set", `account(${NOBODY})`, 404, "0x80060888"],
  ];
  test.each(urls)("%s", async (_what, url, status, code) =>
    refused(await wire.call("GET", url), status, code),
  );

  test("a key value longer than its column is refused when the row would be made", async () => {
    refused(
      await wire.call("PATCH", `contacts(new_customerid='${"x".repeat(101)}')`, { lastname: "x" }),
      400,
      "0x80044331",
    );
  });
});

describe("lookups", () => {
  test("bind by id, by absolute address and by key; both names of a customer share one value", async () => {
    const key = unique("Parent");
    const account = idIn(await wire.call("POST", "accounts", { name: "P", accountnumber: key }));
    const boss = idIn(await wire.call("POST", "contacts", { lastname: "Boss" }));
    for (const address of [
      `/accounts(${account})`,
      `accounts(${account})`,
      `${wire.root}accounts(${account})`,
      `/accounts(accountnumber='${key}')`,
      `/accounts(accountid=${account})`,
    ]) {
      const made = await wire.call("POST", "contacts", {
        lastname: "x",
        "parentcustomerid_account@odata.bind": address,
      });
      expect([address, made.status]).toEqual([address, 204]);
      const url = `contacts(${idIn(made)})?$select=_parentcustomerid_value`;
      const headers = { Prefer: 'odata.include-annotations="*"' };
      const row = (await wire.call("GET", url, undefined, headers)).json;
      expect(row).toMatchObject({
        _parentcustomerid_value: account,
        "_parentcustomerid_value@Microsoft.Dynamics.CRM.lookuplogicalname": "account",
        "_parentcustomerid_value@Microsoft.Dynamics.CRM.associatednavigationproperty":
          "parentcustomerid_account",
        "_parentcustomerid_value@OData.Community.Display.V1.FormattedValue": "P",
      });
      const rebind = { "parentcustomerid_contact@odata.bind": `/contacts(${boss})` };
      await wire.call("PATCH", `contacts(${idIn(made)})`, rebind);
      expect((await wire.call("GET", url)).json._parentcustomerid_value).toBe(boss);
      await wire.call("PATCH", `contacts(${idIn(made)})`, { parentcustomerid_account: null });
      expect((await wire.call("GET", url)).json._parentcustomerid_value).toBeNull();
    }
  });

  test("read as null when their row is deleted", async () => {
    const account = idIn(await wire.call("POST", "accounts", { name: "Gone" }));
    const bind = { lastname: "x", "parentcustomerid_account@odata.bind": `accounts(${account})` };
    const made = idIn(await wire.call("POST", "contacts", bind));
    await wire.call("DELETE", `accounts(${account})`);
    const row = await wire.call("GET", `contacts(${made})?$select=_parentcustomerid_value`);
    expect(row.json._parentcustomerid_value).toBeNull();
  });

  test("the owner may be a user or a team, and the owner columns follow", async () => {
    const team = (await wire.call("GET", "teams?$select=teamid")).json.value[0].teamid;
    const made = await wire.call(
      "POST",
      "accounts",
      { name: "T", "ownerid@odata.bind": `/teams(${team})` },
      {
        Prefer: "return=representation",
      },
    );
    expect(made.json).toMatchObject({
      _ownerid_value: team,
      _owningteam_value: team,
      _owninguser_value: null,
    });
    refused(
      await wire.call("PATCH", `accounts(${made.json.accountid})`, { ownerid: null }),
      400,
      "0x80040200",
    );
  });

  const wrong: readonly (readonly [string, string, Record<string, unknown>, number, string])[] = [
    [
      "the logical name of a polymorphic lookup",
      "contacts",
      { "parentcustomerid@odata.bind": "/accounts(x)" },
      400,
      "0x80048d19",
    ],
    [
      "the wrong case",
      "new_orders",
      { "new_accountid@odata.bind": `/accounts(${NOBODY})` },
      400,
      "0x80048d19",
    ],
    [
      "a missing target",
      "new_orders",
      { "new_AccountId@odata.bind": `/accounts(${NOBODY})` },
      404,
      "0x80040217",
    ],
    [
      "a missing target by key",
      "new_orders",
      { "new_AccountId@odata.bind": "/accounts(accountnumber='none')" },
      404,
      "0x80060891",
    ],
    [
      "a target of another table",
      "new_orders",
      { "new_AccountId@odata.bind": `/contacts(${NOBODY})` },
      400,
      "0x80048d19",
    ],
    [
      "an unknown set",
      "new_orders",
      { "new_AccountId@odata.bind": `/account(${NOBODY})` },
      404,
      "0x80060888",
    ],
    ["a raw value", "contacts", { _parentcustomerid_value: NOBODY }, 400, "0x80048d19"],
    [
      "a raw #",
      "contacts",
      { "parentcustomerid_account@odata.bind": "/accounts(accountnumber='a#b')" },
      400,
      "0x80060888",
    ],
    [
      "an escaped #",
      "contacts",
      { "parentcustomerid_account@odata.bind": "/accounts(accountnumber='a%23b')" },
      404,
      "0x80060891",
    ],
    ["a number", "contacts", { "parentcustomerid_account@odata.bind": 17 }, 400, "0x80048d19"],
    ["a nested object", "contacts", { parentcustomerid_account: { name: "deep" } }, 400, "0x80048d19"],
    [
      "a reference outside a batch",
      "contacts",
      { "parentcustomerid_account@odata.bind": "$1" },
      400,
      "0x80048d19",
    ],
  ];
  test.each(wrong)("refuse %s", async (_what, set, body, status, code) => {
    refused(await wire.call("POST", set, body), status, code);
  });

  test("the refusal of a missing target names the target's table", async () => {
    const answer = await wire.call("POST", "new_orders", {
      "new_AccountId@odata.bind": `/accounts(${NOBODY})`,
    });
    expect(answer.json.error.message).toBe(`Entity 'account' With Id = ${NOBODY} Does Not Exist`);
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
