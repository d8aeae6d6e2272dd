import { describe, expect, test } from "vitest";
import type { SandboxOptions } from "../../src/sandbox/index.ts";
import { type Answer, crlf, idIn, openWire, part, tokenFor, type Wire } from "./client.ts";

/** Behaviours that no page states: each side of each switch, as a client sees it. */

const CRM = "Microsoft.Dynamics.CRM.";
const said = (answer: Answer) => [answer.status, answer.json?.error?.code];
const opened = (unverified: NonNullable<SandboxOptions["unverified"]>) => openWire({ unverified });

describe("headers of the protocol", () => {
  const get = (wire: Wire, headers: Record<string, string>) => wire.call("GET", "WhoAmI", undefined, headers);

  test.each(["3.0", "5.0", "x", ""])("OData-Version: %s", async (version) => {
    await using wire = await opened({});
    expect(said(await get(wire, { "OData-Version": version }))).toEqual([400, "0x80060888"]);
    expect(said(await get(wire, { "OData-MaxVersion": version === "5.0" ? "3.0" : version }))).toEqual([
      400,
      "0x80060888",
    ]);
    const inner = part("GET", "WhoAmI", undefined, undefined, [`OData-Version: ${version}`]);
    expect((await wire.batch(crlf("--b1", ...inner, "--b1--"))).status).toBe(400);
    await using other = await opened({ versionsAreChecked: false });
    expect((await get(other, { "OData-Version": version })).status).toBe(200);
  });

  test.each(["4.0", "4.0;NetFx", "4.01"])("OData-MaxVersion: %s is taken", async (version) => {
    await using wire = await opened({});
    expect((await get(wire, { "OData-MaxVersion": version })).status).toBe(200);
  });

  test.each(["application/xml", "application/atom+xml", "text/html, application/xml;q=0.9"])(
    "Accept: %s",
    async (accept) => {
      await using wire = await opened({});
      expect(said(await get(wire, { Accept: accept }))).toEqual([406, ""]);
      await using other = await opened({ unacceptable: "answered" });
      expect((await get(other, { Accept: accept })).status).toBe(200);
    },
  );

  test.each([
    "*/*",
    "application/json;odata.metadata=full",
    "text/html,application/xml;q=0.9,*/*;q=0.8",
    "application/*",
  ])("Accept: %s is met", async (accept) => {
    await using wire = await opened({});
    expect((await get(wire, { Accept: accept })).status).toBe(200);
  });

  test("$metadata is XML", async () => {
    await using wire = await opened({});
    const answer = await wire.call("GET", "$metadata", undefined, { Accept: "application/xml" });
    expect(answer.status).toBe(200);
  });

  test("Content-Encoding", async () => {
    await using wire = await opened({});
    const gzip = { "Content-Encoding": "gzip" };
    expect(said(await wire.call("POST", "accounts", {}, gzip))).toEqual([415, ""]);
    expect((await wire.call("POST", "accounts", {}, { "Content-Encoding": "identity" })).status).toBe(204);
    await using other = await opened({ contentEncoding: "passed over" });
    expect((await other.call("POST", "accounts", {}, gzip)).status).toBe(204);
  });

  test("a body of another type, and a URL that is too long", async () => {
    const long = `accounts?$filter=name eq '${"a".repeat(33_000)}'`;
    await using wire = await opened({});
    expect(said(await wire.call("POST", "accounts", {}, { "Content-Type": "text/plain" }))).toEqual([
      415,
      "",
    ]);
    expect(said(await wire.call("GET", long))).toEqual([414, "0x80060888"]);
    await using other = await opened({
      wrongMediaType: { status: 400, code: "0x80048d19" },
      urlTooLong: { status: 404, code: "" },
    });
    expect(said(await other.call("POST", "accounts", {}, { "Content-Type": "text/plain" }))).toEqual([
      400,
      "0x80048d19",
    ]);
    expect(said(await other.call("GET", long))).toEqual([404, ""]);
  });
});

describe("addresses of another host", () => {
  const evil = "http://evil.example/api/data/v9.2/";

  test("are refused in parts, binds, references and bulk items, and passed over as the switch says", async () => {
    for (const foreignHosts of ["refused", "passed over"] as const) {
      await using wire = await opened({ foreignHosts });
      const account = idIn(await wire.call("POST", "accounts", { name: "a" }));
      const contact = idIn(await wire.call("POST", "contacts", { lastname: "b" }));
      const refused = foreignHosts === "refused";
      const bind = { "primarycontactid@odata.bind": `${evil}contacts(${contact})` };
      expect((await wire.call("PATCH", `accounts(${account})`, bind)).status).toBe(refused ? 400 : 204);
      const link = { "@odata.id": `${evil}contacts(${contact})` };
      const reference = `accounts(${account})/primarycontactid/$ref`;
      expect((await wire.call("PUT", reference, link)).status).toBe(refused ? 400 : 204);
      const get = crlf("--b1", ...part("GET", `${evil}accounts`), "--b1--");
      expect((await wire.batch(get)).status).toBe(refused ? 400 : 200);
      const item = { "@odata.type": `${CRM}account`, "@odata.id": `${evil}accounts(${account})`, name: "c" };
      const bulk = await wire.call("POST", `accounts/${CRM}UpdateMultiple`, { Targets: [item] });
      expect(bulk.status).toBe(refused ? 400 : 204);
    }
  });

  test("the same host is none, by any of its names; what is not below the root is", async () => {
    await using wire = await opened({});
    const account = idIn(await wire.call("POST", "accounts", { name: "a" }));
    const contact = idIn(await wire.call("POST", "contacts", { lastname: "b" }));
    const change = async (root: string, headers = {}) =>
      (
        await wire.call(
          "PATCH",
          `accounts(${account})`,
          { "primarycontactid@odata.bind": `${root}contacts(${contact})` },
          headers,
        )
      ).status;
    expect(await change(wire.root)).toBe(204);
    expect(await change(wire.root.replace("127.0.0.1", "LOCALHOST"))).toBe(204);
    expect(
      await change("https://org.crm4.dynamics.com/api/data/v9.1/", { Host: "org.api.crm4.dynamics.com" }),
    ).toBe(204);
    expect(await change(wire.root.replace("/api/data/v9.2", ""))).toBe(400);
    expect(await change("ftp://127.0.0.1/api/data/v9.2/")).toBe(400);
  });
});

describe("batches and limits", () => {
  test("headers of the whole reach the parts, or do not", async () => {
    for (const batchHeadersReachParts of [false, true]) {
      await using wire = await opened({ batchHeadersReachParts });
      const users = await wire.call("GET", "systemusers?$filter=firstname eq 'Ada'&$select=systemuserid");
      const ada = users.json.value[0].systemuserid as string;
      const ben = (await wire.call("GET", "systemusers?$filter=firstname eq 'Ben'&$select=systemuserid")).json
        .value[0].systemuserid as string;
      const own = [`MSCRMCallerID: ${ben}`];
      const body = crlf(
        "--b1",
        ...part("POST", "accounts", { name: "a" }),
        "--b1",
        ...part("POST", "accounts", { name: "b" }, undefined, own),
        "--b1--",
      );
      expect((await wire.batch(body, "b1", { MSCRMCallerID: ada })).status).toBe(200);
      const rows = (await wire.call("GET", "accounts?$select=name,_createdby_value&$orderby=name")).json
        .value;
      expect(rows[0]._createdby_value === ada).toBe(batchHeadersReachParts);
      expect(rows[1]._createdby_value).toBe(ben);
    }
  });

  test("a 429 that stands alone has the usual frame or the other; one in a part has the other", async () => {
    for (const throttledFrame of ["usual", "legacy"] as const) {
      await using wire = await openWire({ unverified: { throttledFrame }, limits: { requests: 1 } });
      await wire.call("GET", "WhoAmI");
      const alone = await wire.call("GET", "WhoAmI");
      expect([alone.status, alone.headers["retry-after"] !== undefined]).toEqual([429, true]);
      expect(alone.json.error?.code ?? alone.json.ErrorCode).toBe("0x80072322");
      expect("error" in alone.json).toBe(throttledFrame === "usual");
      await wire.admin("DELETE", "limits");
      await wire.admin("POST", "faults", [{ on: { kind: "whoAmI" }, do: "429" }]);
      const batch = await wire.batch(crlf("--b1", ...part("GET", "WhoAmI"), "--b1--"));
      expect(batch.text).toContain('"ErrorCode":"0x80072322"');
    }
  });
});

describe("users", () => {
  const CLERK = { clientId: "7c0d9f0e-31fc-4a47-9b53-5a2f7a3c11dd", clientSecret: "clerk's" };
  const as = async (wire: Wire, headers = {}) => {
    const form = { client_id: CLERK.clientId, client_secret: CLERK.clientSecret };
    const token = (await tokenFor(wire.sandbox, form)).json.access_token;
    return wire.call("GET", "accounts", undefined, { Authorization: `Bearer ${token}`, ...headers });
  };

  test("one without roles", async () => {
    await using wire = await openWire({
      users: [{ ...CLERK, roles: [] }],
      unverified: { noRolesStatus: 401 },
    });
    expect(said(await as(wire))).toEqual([401, "0x80042f09"]);
    await using usual = await openWire({ users: [{ ...CLERK, roles: [] }] });
    expect(said(await as(usual))).toEqual([403, "0x80042f09"]);
  });

  test("silencing flows needs a privilege, or none", async () => {
    const silent = { "MSCRM.SuppressCallbackRegistrationExpanderJob": "true" };
    const options = {
      users: [{ ...CLERK, roles: ["Clerk"] }],
      roles: [{ name: "Clerk", tables: { "*": "all" } }],
    } as const;
    const suppressCallbacksNeeds = "prvBypassCustomBusinessLogic";
    await using wire = await openWire({ ...options, unverified: { suppressCallbacksNeeds } });
    expect(said(await as(wire, silent))).toEqual([403, "0x80040220"]);
    expect((await as(wire)).status).toBe(200);
    expect((await wire.call("GET", "accounts", undefined, silent)).status).toBe(200);
    const privileges = ["prvBypassCustomBusinessLogic"];
    await wire.admin("POST", "roles", [{ name: "Clerk", tables: { "*": "all" }, privileges }]);
    expect((await as(wire, silent)).status).toBe(200);
    await using other = await openWire(options);
    expect((await as(other, silent)).status).toBe(200);
  });
});

describe("names and numbers in definitions", () => {
  test("how a calculated column says so", async () => {
    const path = `EntityDefinitions(LogicalName='new_orderline')/Attributes(LogicalName='new_total')?$select=SourceType`;
    for (const calculatedSourceType of [1, 3]) {
      await using wire = await opened({ calculatedSourceType });
      expect((await wire.call("GET", path)).json.SourceType).toBe(calculatedSourceType);
    }
  });

  test("how an activity names what it is about", async () => {
    for (const [regardingNames, good, bad] of [
      ["table and activity", "regardingobjectid_account_task", "regardingobjectid_account"],
      ["table", "regardingobjectid_account", "regardingobjectid_account_task"],
    ] as const) {
      await using wire = await opened({ regardingNames });
      const account = idIn(await wire.call("POST", "accounts", { name: "a" }));
      const make = (name: string) =>
        wire.call("POST", "tasks", { subject: "s", [`${name}@odata.bind`]: `/accounts(${account})` });
      expect((await make(good)).status).toBe(204);
      expect(said(await make(bad))).toEqual([400, "0x80048d19"]);
    }
  });
});
