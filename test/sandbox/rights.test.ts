import { expect, test } from "vitest";
import type { SandboxOptions } from "../../src/sandbox/index.ts";
import { idIn, openWire, tokenFor } from "./client.ts";

/** Rows of a table are read with the right to read that table, by whatever way a request arrives at them. */

const CLERK = { clientId: "7c0d9f0e-31fc-4a47-9b53-5a2f7a3c11dd", clientSecret: "clerk's" };
const DENIED = [403, "0x80040220"];
const CLOSED = [403, "0x8004f504"];

async function open(tables: Record<string, string[] | "all">, more: Partial<SandboxOptions> = {}) {
  const wire = await openWire({
    users: [{ ...CLERK, roles: ["Clerk"] }],
    roles: [{ name: "Clerk", tables }],
    ...more,
  } as SandboxOptions);
  const form = { client_id: CLERK.clientId, client_secret: CLERK.clientSecret };
  const token = (await tokenFor(wire.sandbox, form)).json.access_token;
  const account = idIn(
    await wire.call("POST", "accounts", {
      name: "Acme",
      accountnumber: "A",
      creditlimit: 1234.5,
      primarycontactid: { lastname: "Ray" },
    }),
  );
  const get = (path: string) => wire.call("GET", path, undefined, { Authorization: `Bearer ${token}` });
  const said = async (path: string) => {
    const answer = await get(path);
    return answer.status < 300 ? answer.status : [answer.status, answer.json?.error?.code];
  };
  return { wire, account, get, said, [Symbol.asyncDispose]: () => wire.sandbox.close() };
}

const WAYS = [
  "accounts(accountnumber='A')/primarycontactid",
  "accounts?$filter=primarycontactid/lastname eq 'Ray'",
  "accounts?$filter='Ray' eq primarycontactid/lastname",
  "accounts?$filter=contains(primarycontactid/lastname,'a')",
  "accounts?$filter=Microsoft.Dynamics.CRM.In(PropertyName='primarycontactid/lastname',PropertyValues=['Ray'])",
  "accounts?$filter=contact_customer_accounts/any()",
  "accounts?$filter=contact_customer_accounts/any(c:c/lastname eq 'Ray')",
  "accounts?$filter=not contact_customer_accounts/all(c:c/lastname eq 'Ray')",
  "accounts/$count?$filter=primarycontactid/lastname eq 'Ray'",
  "accounts?$apply=filter(primarycontactid/lastname eq 'Ray')/aggregate($count as n)",
  "accounts?$expand=primarycontactid($select=lastname)",
  "accounts?$expand=contact_customer_accounts($select=lastname)",
  "RetrieveTotalRecordCount(EntityNames=@p)?@p=['contact']",
];

test.each(WAYS)("%s reads contacts", async (path) => {
  await using it = await open({ account: ["read"] });
  expect(await it.said(path)).toEqual(DENIED);
  await it.wire.admin("POST", "roles", [{ name: "Clerk", tables: { account: ["read"], contact: ["read"] } }]);
  expect(await it.said(path)).toBe(200);
});

test("owners are users and teams: both are read", async () => {
  await using it = await open({ account: ["read"], systemuser: ["read"] });
  expect(await it.said("accounts?$expand=ownerid")).toEqual(DENIED);
  await it.wire.admin("POST", "roles", [
    { name: "Clerk", tables: { account: ["read"], systemuser: ["read"], team: ["read"] } },
  ]);
  expect(await it.said("accounts?$expand=ownerid")).toBe(200);
});

test("a secured lookup is not followed in a filter, whichever end it is seen from", async () => {
  const columns = { secured: ["account.primarycontactid", "contact.parentcustomerid"] };
  await using it = await open({ account: "all", contact: "all" }, { columns });
  expect(await it.said("accounts?$filter=primarycontactid/lastname eq 'Ray'")).toEqual(CLOSED);
  expect(await it.said("accounts?$filter=contact_customer_accounts/any()")).toEqual(CLOSED);
  expect(await it.said("accounts?$expand=contact_customer_accounts")).toEqual(CLOSED);
  expect(await it.said(`accounts(${it.account})/contact_customer_accounts`)).toEqual(CLOSED);
});

test("a secured amount is hidden in both currencies, or in its own as the switch says", async () => {
  const columns = { secured: ["account.creditlimit"] };
  const path = "accounts(accountnumber='A')?$select=creditlimit,creditlimit_base";
  await using it = await open({ account: "all" }, { columns });
  const { creditlimit, creditlimit_base } = (await it.get(path)).json;
  expect([creditlimit, creditlimit_base]).toEqual([null, null]);
  expect(await it.said("accounts?$filter=creditlimit_base gt 1")).toEqual(CLOSED);
  await using other = await open(
    { account: "all" },
    { columns, unverified: { baseAmountsAreHiddenToo: false } },
  );
  const seen = (await other.get(path)).json;
  expect([seen.creditlimit, seen.creditlimit_base]).toEqual([null, 1234.5]);
});

test("a job deletes by what its user may read and delete", async () => {
  await using it = await open({ account: ["delete"] });
  const job = {
    QuerySet: [{ EntityName: "account" }],
    JobName: "purge",
    SendEmailNotification: false,
    ToRecipients: [],
    CCRecipients: [],
    RecurrencePattern: "",
    StartDateTime: "2024-11-26T10:00:00Z",
  };
  const form = { client_id: CLERK.clientId, client_secret: CLERK.clientSecret };
  const token = (await tokenFor(it.wire.sandbox, form)).json.access_token;
  const run = async () => {
    const answer = await it.wire.call("POST", "BulkDelete", job, { Authorization: `Bearer ${token}` });
    return [answer.status, answer.json?.error?.code];
  };
  expect(await run()).toEqual(DENIED);
  await it.wire.admin("POST", "roles", [{ name: "Clerk", tables: { account: ["delete", "read"] } }]);
  expect((await run())[0]).toBe(200);
});
