import { describe, expect, test } from "vitest";
import { startSandbox } from "../../src/sandbox/index.ts";
import { idIn, openWire, type Wire } from "./client.ts";

const ORDER = "Microsoft.Dynamics.CRM.new_order";
const upsert = (wire: Wire, ...keys: string[]) =>
  wire.call("POST", "new_orders/Microsoft.Dynamics.CRM.UpsertMultiple", {
    Targets: keys.map((key) => ({
      "@odata.type": ORDER,
      "@odata.id": `new_orders(new_externalid='${key}')`,
      new_name: key,
    })),
  });
const count = async (wire: Wire) => Number((await wire.call("GET", "new_orders/$count")).text);

describe("faults", () => {
  test("strike as often as told, after as many as told, where told", async () => {
    await using wire = await openWire();
    await wire.admin("POST", "faults", [
      { on: { kind: "create", table: "account" }, after: 1, times: 2, do: "429", retryAfter: 3 },
    ]);
    expect((await wire.call("POST", "contacts", { lastname: "other table" })).status).toBe(204);
    const answers = [];
    for (let at = 0; at < 4; at++) answers.push(await wire.call("POST", "accounts", { name: "a" }));
    expect(answers.map((answer) => answer.status)).toEqual([204, 429, 429, 204]);
    expect(answers[1]?.headers["retry-after"]).toBe("3");
    expect(answers[1]?.json.error).toEqual({
      code: "0x80072322",
      message: "Number of requests exceeded the limit of 6000 over time window of 300 seconds.",
    });
    expect((await wire.admin("GET", "counters")).json.faults).toEqual({ 429: 2 });
  });

  test("of any status and code; 503; an HTML page of a gateway", async () => {
    await using wire = await openWire();
    const deadlock = { status: 400, code: "0x80044150", message: "Generic SQL error." };
    await wire.admin("POST", "faults", [
      { on: { kind: "upsertMultiple" }, do: deadlock },
      { on: { kind: "upsertMultiple" }, do: "503", retryAfter: 9 },
      { on: { kind: "upsertMultiple" }, do: "html502" },
    ]);
    const first = await upsert(wire, "1");
    expect([first.status, first.json.error.code]).toEqual([400, "0x80044150"]);
    const second = await upsert(wire, "1");
    expect([second.status, second.headers["retry-after"]]).toEqual([503, "9"]);
    const third = await upsert(wire, "1");
    expect([third.status, third.headers["content-type"], third.json]).toEqual([502, "text/html", undefined]);
    expect((await upsert(wire, "1")).status).toBe(204);
    expect(await count(wire)).toBe(1);
  });

  test("break the connection before or after the commit", async () => {
    await using wire = await openWire();
    await wire.admin("POST", "faults", [
      { on: { kind: "upsertMultiple" }, do: "resetBeforeCommit" },
      { on: { kind: "upsertMultiple" }, do: "resetAfterCommit" },
    ]);
    await expect(upsert(wire, "1")).rejects.toThrow();
    expect(await count(wire)).toBe(0);
    await expect(upsert(wire, "1", "2")).rejects.toThrow();
    expect(await count(wire)).toBe(2);
  });

  test("hold a reply back, or never give one", async () => {
    await using wire = await openWire();
    await wire.admin("POST", "faults", [
      { on: { kind: "upsertMultiple" }, do: "slow", delay: 120 },
      { on: { kind: "upsertMultiple" }, do: "hang" },
    ]);
    const before = performance.now();
    await upsert(wire, "1");
    expect(performance.now() - before).toBeGreaterThan(100);
    const hung = upsert(wire, "2").catch(() => "broken");
    const early = await Promise.race([hung, new Promise((done) => setTimeout(() => done("waiting"), 150))]);
    expect(early).toBe("waiting");
    await wire.sandbox.close();
    expect(await hung).toBe("broken");
  });

  test("are listed and taken back", async () => {
    await using wire = await openWire();
    await wire.admin("POST", "faults", [{ on: {}, do: "429" }]);
    expect((await wire.admin("GET", "faults")).json).toEqual([{ on: {}, do: "429", left: 1, passes: 0 }]);
    await wire.admin("DELETE", "faults");
    expect((await wire.call("GET", "WhoAmI")).status).toBe(200);
    expect((await wire.admin("POST", "faults", { nonsense: 1 })).status).toBe(400);
  });
});

describe("plug-ins", () => {
  test("refuse single rows by a value, alone and within a bulk message", async () => {
    await using wire = await openWire();
    const rule = { table: "new_order", column: "new_name", equals: "bad", message: "Credit limit too high." };
    await wire.admin("POST", "plugins", [rule]);
    const single = await wire.call("POST", "new_orders", { new_name: "bad" });
    expect([single.status, single.json.error]).toEqual([
      400,
      { code: "0x80040265", message: "Credit limit too high." },
    ]);
    const annotated = await wire.call(
      "POST",
      "new_orders",
      { new_name: "bad" },
      { Prefer: 'odata.include-annotations="*"' },
    );
    expect(annotated.json.error["@Microsoft.PowerApps.CDS.InnerError.Message"]).toBe(
      "Credit limit too high.",
    );
    expect((await upsert(wire, "good", "bad")).json.error.code).toBe("0x80040265");
    expect(await count(wire)).toBe(0);
    await wire.admin("DELETE", "plugins");
    expect((await upsert(wire, "good", "bad")).status).toBe(204);
  });

  test("may look at one operation alone", async () => {
    await using wire = await openWire();
    await wire.admin("POST", "plugins", [
      { table: "account", column: "creditlimit", equals: 17, on: "update" },
    ]);
    const made = await wire.call("POST", "accounts", { name: "a", creditlimit: 17 });
    expect(made.status).toBe(204);
    expect((await wire.call("PATCH", `accounts(${idIn(made)})`, { creditlimit: 17 })).status).toBe(400);
  });
});

describe("what the sandbox saw", () => {
  test("counts requests, operations, rows, bytes, refusals and concurrency", async () => {
    await using wire = await openWire();
    await wire.admin("DELETE", "counters");
    await wire.call("POST", "accounts", { name: "a" });
    await wire.call("POST", "accounts", { nonsense: 1 });
    await upsert(wire, "1", "2");
    await upsert(wire, "2", "3");
    await Promise.all(["1", "2", "3"].map((key) => wire.call("GET", `new_orders(new_externalid='${key}')`)));
    await wire.call("DELETE", "new_orders(new_externalid='1')");
    const counters = (await wire.admin("GET", "counters")).json;
    expect(counters.requests).toEqual({ create: 2, upsertMultiple: 2, read: 3, delete: 1 });
    expect(counters.rows).toEqual({ account: { create: 1 }, new_order: { create: 3, update: 1, delete: 1 } });
    expect(counters.refusals).toEqual({ "0x80048d19": 1 });
    expect(counters.bytes.received).toBeGreaterThan(300);
    expect(counters.bytes.sent).toBeGreaterThan(1000);
    expect(counters.concurrency.peak).toBeGreaterThanOrEqual(1);
  });

  test("tells the refusals that the definitions alone could have told from the others", async () => {
    await using wire = await openWire();
    const post = (body: unknown) => wire.call("POST", "accounts", body);
    await wire.admin("DELETE", "counters");
    await post({ name: "x".repeat(200) });
    await post({ numberofemployees: -1 });
    await post({ creditlimit: -1 });
    await post({ industrycode: 987654 });
    await post({ nonsense: 1 });
    await post({ name: 1 });
    await post({ "PrimaryContactId@odata.bind": "/contacts(x)" });
    await wire.call("GET", "accounts?$select=nonsense");
    await wire.call("GET", "Accounts");
    await wire.call("GET", "new_orders(new_reference='1')");
    const knowable = {
      "0x80044331": 1,
      "0x8004432f": 1,
      "0x80044330": 1,
      "0x8004431a": 1,
      "0x80048d19": 3,
      "0x80060888": 2,
      "0x80060890": 1,
    };
    const counters = async () => (await wire.admin("GET", "counters")).json;
    expect((await counters()).knowable).toEqual(knowable);
    await post("{");
    await wire.batch("nonsense");
    await wire.call("GET", "accounts(accountnumber='nobody')");
    await wire.call(
      "PATCH",
      "accounts(11111111-2222-4333-8444-555555555555)",
      { name: "a" },
      { "If-Match": "*" },
    );
    expect((await counters()).knowable).toEqual(knowable);
    expect((await counters()).refusals["0x80048d19"]).toBe(5);
  });

  test("is seeded by a stream of lines, block by block", async () => {
    await using wire = await openWire();
    const lines = Array.from({ length: 4500 }, (_, at) =>
      JSON.stringify({ accountnumber: `S-${at}`, name: "x" }),
    );
    const seed = (text: string) => wire.raw("POST", "/sandbox/seed?table=account", text, {});
    expect((await seed(`${lines.join("\n")}\n\n`)).json).toEqual({ rows: 4500 });
    const row = (
      await wire.call("GET", "accounts(accountnumber='s-4499')?$select=name,statecode,_ownerid_value")
    ).json;
    expect(row).toMatchObject({ name: "x", statecode: 0 });
    expect(row._ownerid_value).not.toBeNull();
    const twice = await seed('{"accountnumber":"new"}\n{"accountnumber":"S-1"}');
    expect([twice.status, twice.json.error]).toEqual([400, expect.stringContaining("violated")]);
    expect((await wire.admin("GET", "")).json.tables[0]).toMatchObject({ table: "account", rows: 4500 });
    expect((await seed('{"nonsense":1}')).status).toBe(400);
    expect((await wire.admin("GET", "counters")).json.rows).toEqual({});
    const dump = (await wire.admin("GET", "dump?table=account&columns=accountnumber")).json;
    expect(dump.rows).toHaveLength(4500);
  });

  test("notes committed writes in order, with the columns and values written", async () => {
    await using wire = await openWire();
    const id = idIn(await wire.call("POST", "accounts", { name: "a" }));
    await wire.call("PATCH", `accounts(${id})`, { telephone1: "1" });
    await upsert(wire, "x".repeat(101));
    await wire.call("DELETE", `accounts(${id})`);
    const { entries } = (await wire.admin("GET", "audit")).json;
    expect(
      entries.map((entry: Record<string, unknown>) => [
        entry.operation,
        entry.table,
        entry.columns,
        entry.values,
      ]),
    ).toEqual([
      ["create", "account", ["name"], { name: "a" }],
      ["update", "account", ["telephone1"], { telephone1: "1" }],
      ["delete", "account", [], {}],
    ]);
    const later = (await wire.admin("GET", `audit?after=${entries[1].sequence}`)).json.entries;
    expect(later).toHaveLength(1);
  });

  test("is seeded and dumped without leaving a trace", async () => {
    await using wire = await openWire();
    const account = idIn(await wire.call("POST", "accounts", { name: "P" }));
    await wire.admin("DELETE", "counters");
    await wire.admin("DELETE", "audit");
    const rows = [
      { new_customerid: "1", creditlimit: 10.5, parentcustomerid: { table: "account", id: account } },
    ];
    const seeded = await wire.admin("POST", "seed", { table: "contact", rows });
    expect(seeded.json.ids).toHaveLength(1);
    const dump = (
      await wire.admin("GET", "dump?table=contact&columns=new_customerid,creditlimit,parentcustomerid")
    ).json;
    expect(dump.rows[0].values).toEqual({
      new_customerid: "1",
      creditlimit: "10.5",
      parentcustomerid: { table: "account", id: account },
    });
    expect((await wire.admin("GET", "counters")).json.rows).toEqual({});
    expect((await wire.admin("GET", "audit")).json.entries).toEqual([]);
    expect((await wire.admin("POST", "seed", { table: "nobody", rows: [] })).status).toBe(400);
    expect((await wire.admin("GET", "dump?table=nobody")).status).toBe(400);
    expect((await wire.admin("GET", "nonsense")).status).toBe(404);
    expect((await wire.admin("GET", "")).json.organizationId).toBe(wire.sandbox.organizationId);
  });
});

test("unknown routes and bodies that are too large are refused in the service's frame", async () => {
  await using wire = await openWire({ largestBody: 1000 });
  for (const path of ["/", "/api/data/v8.2/accounts", "/api/data", "/XRMServices/2011/Organization.svc"]) {
    const answer = await wire.raw("GET", path, undefined, { Authorization: `Bearer ${wire.token}` });
    expect([path, answer.status, answer.json.error.code]).toEqual([path, 404, ""]);
  }
  const large = await wire.call("POST", "accounts", { description: "x".repeat(2000) });
  expect([large.status, large.json.error.code]).toEqual([413, "0x8004418a"]);
});

test("switches turn unverified behaviours over", async () => {
  await using wire = await openWire({
    unverified: { refusedKeyCharacters: "documented", textFoldsCase: false },
  });
  expect((await wire.call("GET", "contacts(new_customerid='a%26b')")).status).toBe(400);
  await wire.call("POST", "accounts", { name: "a", accountnumber: "K" });
  expect((await wire.call("POST", "accounts", { name: "b", accountnumber: "k" })).status).toBe(204);
});

test("a taken port is an error of the start", async () => {
  await using wire = await openWire();
  await expect(startSandbox({ port: wire.sandbox.port })).rejects.toThrow(/EADDRINUSE/);
});
