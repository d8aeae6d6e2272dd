import { describe, expect, test } from "vitest";
import { type SandboxOptions, SEEDED } from "../../src/sandbox/index.ts";
import { type Answer, idIn, openWire, tokenFor, type Wire } from "./client.ts";

const CLERK = { clientId: "7c0d9f0e-31fc-4a47-9b53-5a2f7a3c11dd", clientSecret: "clerk's" };
const CODE_MISSING = "0x80040220";

type Call = (
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
) => Promise<Answer>;

/** The same wire as somebody else. */
async function as(wire: Wire, user: { clientId: string; clientSecret: string }): Promise<Call> {
  const form = { client_id: user.clientId, client_secret: user.clientSecret };
  const token = (await tokenFor(wire.sandbox, form)).json.access_token;
  return (method, path, body, headers) =>
    wire.call(method, path, body, { Authorization: `Bearer ${token}`, ...headers });
}

const withClerk = (tables: Record<string, string[] | "all">, more: Partial<SandboxOptions> = {}) =>
  openWire({
    users: [{ ...CLERK, roles: ["Clerk"] }],
    roles: [{ name: "Clerk", tables }],
    ...more,
  } as SandboxOptions);

const code = (answer: Answer): [number, string | undefined] => [answer.status, answer.json?.error?.code];

describe("security roles", () => {
  test("grant each operation by itself, and the refusal names the privilege", async () => {
    await using wire = await withClerk({ account: ["create", "read"], contact: ["write"] });
    const clerk = await as(wire, CLERK);
    expect((await clerk("POST", "accounts", { name: "a", accountnumber: "1" })).status).toBe(204);
    expect((await clerk("GET", "accounts?$select=name")).json.value).toHaveLength(1);
    const write = await clerk("PATCH", "accounts(accountnumber='1')", { name: "b" });
    expect(code(write)).toEqual([403, CODE_MISSING]);
    expect(write.json.error.message).toMatch(
      /^Principal user \(Id=[0-9a-f-]{36}, type=8, roleCount=1, .*\), is missing prvWriteAccount privilege \(Id=[0-9a-f-]{36}\) on OTC=1 for entity 'account' \(LocalizedName='Account'\)\. context\.Caller=[0-9a-f-]{36}$/,
    );
    expect(code(await clerk("DELETE", "accounts(accountnumber='1')"))).toEqual([403, CODE_MISSING]);
    expect(code(await clerk("GET", "contacts"))).toEqual([403, CODE_MISSING]);
    expect(code(await clerk("GET", "contacts/$count"))).toEqual([403, CODE_MISSING]);
    expect(code(await clerk("POST", "contacts", { lastname: "x" }))).toEqual([403, CODE_MISSING]);
    expect((await wire.call("GET", "accounts(accountnumber='1')")).json.name).toBe("a");
  });

  test("an upsert needs what it turns out to be; a bulk message falls as a whole", async () => {
    await using wire = await withClerk({ new_order: ["write"] });
    const clerk = await as(wire, CLERK);
    await wire.call("PATCH", "new_orders(new_externalid='1')", { new_name: "a" });
    expect((await clerk("PATCH", "new_orders(new_externalid='1')", { new_name: "b" })).status).toBe(204);
    expect(code(await clerk("PATCH", "new_orders(new_externalid='2')", { new_name: "b" }))).toEqual([
      403,
      CODE_MISSING,
    ]);
    const target = (key: string) => ({
      "@odata.type": "Microsoft.Dynamics.CRM.new_order",
      "@odata.id": `new_orders(new_externalid='${key}')`,
      new_name: "c",
    });
    const bulk = await clerk("POST", "new_orders/Microsoft.Dynamics.CRM.UpsertMultiple", {
      Targets: [target("1"), target("3")],
    });
    expect(code(bulk)).toEqual([403, CODE_MISSING]);
    expect(bulk.json.error.message).toContain("prvCreatenew_order");
    expect((await wire.call("GET", "new_orders(new_externalid='1')")).json.new_name).toBe("b");
  });

  test.each([
    [["create"], "account", [], "prvAppendnew_order"],
    [["create", "append"], "account", ["read"], "prvAppendToAccount"],
    [["create", "append"], "account", ["appendTo"], undefined],
  ])("a lookup needs append here and appendTo there: %j, %s %j", async (own, table, there, missing) => {
    await using wire = await withClerk({ new_order: own, [table]: there });
    const clerk = await as(wire, CLERK);
    const account = idIn(await wire.call("POST", "accounts", { name: "a" }));
    const answer = await clerk("POST", "new_orders", { "new_AccountId@odata.bind": `/accounts(${account})` });
    if (missing === undefined) expect(answer.status).toBe(204);
    else {
      expect(code(answer)).toEqual([403, CODE_MISSING]);
      expect(answer.json.error.message).toContain(`is missing ${missing} privilege`);
    }
  });

  test("another owner needs assign, and must be able to read what he gets", async () => {
    const other = { clientId: "11111111-31fc-4a47-9b53-5a2f7a3c11dd", clientSecret: "x", roles: ["Blind"] };
    const roles = [
      { name: "Clerk", tables: { account: ["create", "write"] } },
      { name: "Assigner", tables: { account: ["create", "write", "assign"] } },
      { name: "Blind", tables: { contact: ["read"] } },
    ];
    await using wire = await openWire({
      users: [{ ...CLERK, roles: ["Clerk"] }, other],
      roles,
    } as SandboxOptions);
    const users = (await wire.admin("GET", "users")).json as { id: string; clientId: string }[];
    const blind = users.find(({ clientId }) => clientId === other.clientId)?.id;
    let clerk = await as(wire, CLERK);
    const body = { name: "a", "ownerid@odata.bind": `/systemusers(${SEEDED.ada})` };
    const refused = await clerk("POST", "accounts", body);
    expect(refused.json.error.message).toContain("prvAssignAccount");
    await wire.admin("POST", "users", { ...CLERK, roles: ["Assigner"] });
    clerk = await as(wire, CLERK);
    expect((await clerk("POST", "accounts", body)).status).toBe(204);
    const toBlind = { name: "a", "ownerid@odata.bind": `/systemusers(${blind})` };
    expect(code(await clerk("POST", "accounts", toBlind))).toEqual([403, "0x80040231"]);
  });

  test("stand as rows where a client looks for them", async () => {
    await using wire = await withClerk({ "*": "all", contact: ["read"] });
    const clerk = await as(wire, CLERK);
    const me = (await clerk("GET", "WhoAmI")).json.UserId;
    const roles = await wire.call("GET", "roles?$select=name&$filter=name eq 'Clerk'");
    expect(roles.json.value).toMatchObject([{ name: "Clerk" }]);
    const ties = await wire.call("GET", `systemuserrolescollection?$filter=systemuserid eq ${me}`);
    expect(ties.json.value).toMatchObject([{ roleid: roles.json.value[0].roleid }]);
    const privileges = await clerk(
      "GET",
      `systemusers(${me})/Microsoft.Dynamics.CRM.RetrieveUserPrivileges()`,
    );
    const names = privileges.json.RolePrivileges.map((one: { PrivilegeName: string }) => one.PrivilegeName);
    expect(names).toEqual(expect.arrayContaining(["prvReadContact", "prvAssignAccount"]));
    expect(names).not.toContain("prvCreateContact");
    expect(privileges.json.RolePrivileges[0]).toMatchObject({ Depth: "Global" });
  });
});

describe("who may not work here", () => {
  test("a disabled user, in the captured words", async () => {
    await using wire = await openWire({ users: [{ ...CLERK, disabled: true }] });
    const answer = await (await as(wire, CLERK))("GET", "WhoAmI");
    expect([answer.status, answer.json]).toEqual([
      403,
      { error: { code: "0x80040225", message: "The specified user(Id = {0}) is disabled." } },
    ]);
    await wire.admin("POST", "users", { ...CLERK, disabled: false });
    expect((await (await as(wire, CLERK))("GET", "WhoAmI")).status).toBe(200);
  });

  test("a user without roles; an application that is no member", async () => {
    const stranger = { clientId: "22222222-31fc-4a47-9b53-5a2f7a3c11dd", clientSecret: "x", member: false };
    await using wire = await openWire({ users: [{ ...CLERK, roles: [] }, stranger] });
    expect(code(await (await as(wire, CLERK))("GET", "WhoAmI"))).toEqual([403, "0x80042f09"]);
    expect(code(await (await as(wire, stranger))("GET", "WhoAmI"))).toEqual([403, "0x80072560"]);
  });

  test("applications are added while it runs, and their tokens end when they change", async () => {
    await using wire = await openWire();
    expect((await tokenFor(wire.sandbox, { client_id: CLERK.clientId, client_secret: "x" })).status).toBe(
      400,
    );
    await wire.admin("POST", "roles", [{ name: "Reader", tables: { account: ["read"] } }]);
    const added = await wire.admin("POST", "users", { ...CLERK, roles: ["Reader"] });
    expect(added.status).toBe(200);
    const clerk = await as(wire, CLERK);
    expect((await clerk("GET", "accounts")).status).toBe(200);
    expect(code(await clerk("POST", "accounts", { name: "a" }))).toEqual([403, CODE_MISSING]);
    await wire.admin("POST", "users", { ...CLERK, clientSecret: "new" });
    expect((await clerk("GET", "accounts")).status).toBe(401);
    expect((await wire.admin("POST", "users", { ...CLERK, roles: ["Nobody"] })).status).toBe(400);
  });

  test("tokens are ended on command, of one application or of all", async () => {
    await using wire = await openWire({ users: [CLERK] });
    const clerk = await as(wire, CLERK);
    await wire.admin("DELETE", `tokens?client=${CLERK.clientId}`);
    expect((await clerk("GET", "WhoAmI")).status).toBe(401);
    expect((await wire.call("GET", "WhoAmI")).status).toBe(200);
    await wire.admin("DELETE", "tokens");
    expect((await wire.call("GET", "WhoAmI")).status).toBe(401);
  });
});

describe("column security", () => {
  const columns = {
    secured: ["contact.creditlimit"],
    profiles: [{ name: "p", users: [CLERK.clientId], columns: {} as Record<string, string[]> }],
  };
  const open = (...whats: string[]) =>
    withClerk({ contact: "all" }, {
      columns: {
        ...columns,
        profiles: [{ ...columns.profiles[0], columns: { "contact.creditlimit": whats } }],
      },
    } as Partial<SandboxOptions>);

  test("refuses to write what no profile opens, and reads it as null", async () => {
    await using wire = await open();
    const clerk = await as(wire, CLERK);
    await wire.call("POST", "contacts", { lastname: "x", creditlimit: 10, new_customerid: "1" });
    expect(code(await clerk("POST", "contacts", { lastname: "y", creditlimit: 1 }))).toEqual([
      403,
      "0x8004f502",
    ]);
    const update = await clerk("PATCH", "contacts(new_customerid='1')", { creditlimit: 1 });
    expect(code(update)).toEqual([403, "0x8004f507"]);
    expect((await clerk("PATCH", "contacts(new_customerid='1')", { firstname: "z" })).status).toBe(204);
    const row = await clerk("GET", "contacts(new_customerid='1')?$select=creditlimit,firstname");
    expect(row.json).toMatchObject({ creditlimit: null, firstname: "z" });
    expect(code(await clerk("GET", "contacts?$filter=creditlimit gt 5"))).toEqual([403, "0x8004f504"]);
    expect(code(await clerk("GET", "contacts?$orderby=creditlimit desc"))).toEqual([403, "0x8004f504"]);
    const whole = await wire.call("GET", "contacts(new_customerid='1')?$select=creditlimit");
    expect(whole.json.creditlimit).toBe(10);
  });

  test("opens what a profile opens", async () => {
    await using wire = await open("read", "update");
    const clerk = await as(wire, CLERK);
    await wire.call("POST", "contacts", { lastname: "x", new_customerid: "1" });
    expect((await clerk("PATCH", "contacts(new_customerid='1')", { creditlimit: 7 })).status).toBe(204);
    expect(
      (await clerk("GET", "contacts?$filter=creditlimit gt 5&$select=creditlimit")).json.value,
    ).toHaveLength(1);
    expect(code(await clerk("POST", "contacts", { lastname: "y", creditlimit: 1 }))).toEqual([
      403,
      "0x8004f502",
    ]);
  });

  test("refuses a profile over columns that are not there", async () => {
    await using wire = await openWire();
    expect((await wire.admin("POST", "columns", { secured: ["contact.nothing"] })).status).toBe(400);
  });
});

describe("impersonation", () => {
  test("stamps the impersonated user and the real caller, by either header", async () => {
    await using wire = await openWire();
    const users = (await wire.admin("GET", "users")).json as { id: string; objectId: string }[];
    const ada = users.find(({ id }) => id === SEEDED.ada);
    const me = (await wire.call("GET", "WhoAmI")).json.UserId;
    for (const headers of [{ CallerObjectId: ada?.objectId ?? "" }, { MSCRMCallerID: SEEDED.ada }]) {
      expect((await wire.call("GET", "WhoAmI", undefined, headers)).json.UserId).toBe(SEEDED.ada);
      const id = idIn(await wire.call("POST", "accounts", { name: "a" }, headers));
      const select = "_createdby_value,_createdonbehalfby_value,_ownerid_value,_modifiedonbehalfby_value";
      const row = (await wire.call("GET", `accounts(${id})?$select=${select}`)).json;
      expect(row).toMatchObject({
        _createdby_value: SEEDED.ada,
        _createdonbehalfby_value: me,
        _ownerid_value: SEEDED.ada,
      });
      await wire.call("PATCH", `accounts(${id})`, { name: "b" });
      expect(
        (await wire.call("GET", `accounts(${id})?$select=${select}`)).json._modifiedonbehalfby_value,
      ).toBeNull();
    }
  });

  test("needs its privilege, and gives no more than both have", async () => {
    const boss = { clientId: "33333333-31fc-4a47-9b53-5a2f7a3c11dd", clientSecret: "b" };
    const roles = [
      { name: "Clerk", tables: { account: ["create", "read"] } },
      {
        name: "Actor",
        privileges: ["prvActOnBehalfOfAnotherUser"],
        tables: { account: ["create"], contact: ["create"] },
      },
    ];
    await using wire = await openWire({
      users: [
        { ...CLERK, roles: ["Clerk"] },
        { ...boss, roles: ["Actor"] },
      ],
      roles,
    } as SandboxOptions);
    const users = (await wire.admin("GET", "users")).json as { id: string; clientId: string }[];
    const clerkId = users.find(({ clientId }) => clientId === CLERK.clientId)?.id ?? "";
    const clerk = await as(wire, CLERK);
    const denied = await clerk("POST", "accounts", { name: "a" }, { MSCRMCallerID: SEEDED.ada });
    expect(code(denied)).toEqual([403, "0x8004a110"]);
    const actor = await as(wire, boss);
    const forClerk = { MSCRMCallerID: clerkId };
    expect((await actor("POST", "accounts", { name: "a" }, forClerk)).status).toBe(204);
    expect(code(await actor("POST", "contacts", { lastname: "x" }, forClerk))).toEqual([403, CODE_MISSING]);
    expect(code(await actor("GET", "accounts", undefined, forClerk))).toEqual([403, CODE_MISSING]);
    expect((await actor("POST", "contacts", { lastname: "x" }, { MSCRMCallerID: SEEDED.ada })).status).toBe(
      204,
    );
  });

  test("of nobody, or of a disabled user, is refused", async () => {
    await using wire = await openWire();
    const nobody = "99999999-0000-4000-8000-000000000000";
    const ask = (headers: Record<string, string>) => wire.call("GET", "WhoAmI", undefined, headers);
    expect(code(await ask({ MSCRMCallerID: nobody }))).toEqual([404, "0x80040217"]);
    expect(code(await ask({ CallerObjectId: nobody }))).toEqual([403, "0x80072560"]);
    expect((await ask({ CallerObjectId: "ada" })).status).toBe(400);
    await wire.admin("POST", "users", { id: SEEDED.ben, disabled: true });
    expect(code(await ask({ MSCRMCallerID: SEEDED.ben }))).toEqual([403, "0x80040225"]);
  });
});

describe("bypass headers", () => {
  const rule = { table: "account", column: "name", equals: "bad" };
  test.each([
    { "MSCRM.BypassCustomPluginExecution": "true" },
    { "MSCRM.BypassBusinessLogicExecution": "CustomSync" },
    { "MSCRM.BypassBusinessLogicExecution": "CustomSync,CustomAsync" },
  ])("skip plug-ins for who may, and are refused to others: %j", async (headers) => {
    await using wire = await withClerk({ account: "all" });
    await wire.admin("POST", "plugins", [rule]);
    expect(code(await wire.call("POST", "accounts", { name: "bad" }))).toEqual([400, "0x80040265"]);
    expect(
      (await wire.call("POST", "accounts", { name: "bad" }, headers as Record<string, string>)).status,
    ).toBe(204);
    const clerk = await as(wire, CLERK);
    expect(
      code(await clerk("POST", "accounts", { name: "good" }, headers as Record<string, string>)),
    ).toEqual([403, CODE_MISSING]);
  });

  test("CustomAsync alone leaves synchronous plug-ins on; other words are refused", async () => {
    await using wire = await openWire();
    await wire.admin("POST", "plugins", [rule]);
    const post = (value: string) =>
      wire.call("POST", "accounts", { name: "bad" }, { "MSCRM.BypassBusinessLogicExecution": value });
    expect(code(await post("CustomAsync"))).toEqual([400, "0x80040265"]);
    expect(code(await post("Everything"))).toEqual([400, "0x80040203"]);
  });
});
