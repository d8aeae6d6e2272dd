import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Answer, idIn, openWire, type Wire } from "./client.ts";

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

test("an upsert by a key that its row would not hold is refused, or makes a row each time as the switch says", async () => {
  for (const upsertToNullKey of ["refused", "makes a row each time"] as const) {
    await using own = await openWire({ unverified: { upsertToNullKey } });
    const isRefused = upsertToNullKey === "refused";
    const address = "new_orders(new_externalid='')";
    const type = { "@odata.type": "Microsoft.Dynamics.CRM.new_order" };
    const bulk = { Targets: [{ ...type, "@odata.id": address, new_name: "e" }] };
    const sent: [string, string, unknown][] = [
      ["PATCH", address, { new_name: "e" }],
      ["POST", "new_orders/Microsoft.Dynamics.CRM.UpsertMultiple", bulk],
      ["PATCH", "new_orders(new_ordernumber='',new_linenumber=1)", { new_name: "e" }],
      ["PATCH", "new_orders(new_externalid='b')", { new_externalid: null }],
      ["PATCH", "new_orders(new_externalid='b')", { new_externalid: "" }],
    ];
    for (const [method, path, body] of [...sent, ...sent]) {
      const answer = await own.call(method, path, body);
      if (isRefused) refused(answer, 400, "0x80040203");
      else expect(answer.status).toBe(204);
    }
    expect((await own.call("GET", "new_orders")).json.value).toHaveLength(isRefused ? 0 : 10);
    refused(await own.call("PATCH", address, {}, { "If-Match": "*" }), 404, "0x80060891");
  }
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
    ["a nested text", "contacts", { parentcustomerid_account: "deep" }, 400, "0x80048d19"],
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
