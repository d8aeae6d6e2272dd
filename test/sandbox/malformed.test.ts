import { connect } from "node:net";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openWire, type Wire } from "./client.ts";

let wire: Wire & AsyncDisposable;
beforeAll(async () => {
  wire = await openWire();
  await wire.call("POST", "accounts", { name: "kept", accountnumber: "KEPT" });
});
afterAll(async () => wire[Symbol.asyncDispose]());

const junk = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.constantFrom(
    "'",
    "''",
    "(",
    ")",
    "[",
    "{",
    "\\",
    "%",
    "%00",
    "\u0000",
    "$",
    "@",
    "null",
    "-",
    "1e999",
    "¼",
    "=,=",
  ),
);
const garbled = (good: string) =>
  fc
    .tuple(fc.nat(good.length), fc.nat(6), junk)
    .map(([at, drop, insert]) => good.slice(0, at) + insert + good.slice(at + drop));

const ID = "11111111-2222-4333-8444-555555555555";
const urls = [
  `accounts(${ID})`,
  "accounts(accountnumber='A')?$select=name",
  "contacts?$filter=contains(lastname,'a') and (numberofchildren gt 1 or not donotemail eq true)&$orderby=lastname desc&$top=3",
  "contacts?$filter=Microsoft.Dynamics.CRM.In(PropertyName='new_customerid',PropertyValues=['a','b'])&$count=true",
  "contacts?$filter=lastname eq @p1&@p1='x'&$expand=parentcustomerid_account($select=name)",
  "EntityDefinitions(LogicalName='account')/Attributes/Microsoft.Dynamics.CRM.StringAttributeMetadata?$select=LogicalName&$filter=LogicalName eq 'x'",
  "EntityDefinitions?$expand=Attributes($select=LogicalName;$filter=IsLogical eq true),Keys",
  "RetrieveTotalRecordCount(EntityNames=@p)?@p=['account']",
  "new_orders(new_ordernumber='x',new_linenumber=1)/new_AccountId/$ref",
  "$batch",
  "WhoAmI",
];
const bodies = [
  '{"name":"a","creditlimit":1.5,"primarycontactid@odata.bind":"/contacts(new_customerid=\'x\')","donotemail":true}',
  '{"Targets":[{"@odata.type":"Microsoft.Dynamics.CRM.account","@odata.id":"accounts(accountnumber=\'B\')","name":"x"}]}',
  '{"value":1}',
  '{"@odata.id":"http://h/api/data/v9.2/contacts(1)"}',
];
const batch = [
  "--b1",
  "Content-Type: multipart/mixed; boundary=c1",
  "",
  "--c1",
  "Content-Type: application/http",
  "Content-Transfer-Encoding: binary",
  "Content-ID: 1",
  "",
  "POST /api/data/v9.2/accounts HTTP/1.1",
  "Content-Type: application/json",
  "",
  '{"name":"a"}',
  "--c1--",
  "--b1--",
  "",
].join("\r\n");

/** Either it was understood after all, or it is refused with a body in one of the service's frames. */
function sound(answer: { status: number; text: string; json: unknown }, what: string): void {
  if (answer.status < 400) return;
  expect(answer.status, `${what}\n${answer.text}`).toBeLessThan(500);
  const body = answer.json as { error?: { code: unknown; message: unknown }; Message?: unknown } | undefined;
  const multipart = answer.text.startsWith("--batchresponse_");
  const framed = typeof body?.error?.code === "string" || typeof body?.Message === "string" || multipart;
  expect(framed, `${what}\n${answer.text}`).toBe(true);
  expect(answer.text).not.toContain("sandbox: ");
}

test("garbled URLs never break it", async () => {
  const methods = fc.constantFrom("GET", "GET", "GET", "POST", "PATCH", "DELETE", "PUT", "OPTIONS");
  const url = fc.constantFrom(...urls).chain(garbled);
  await fc.assert(
    fc.asyncProperty(methods, url, async (method, target) => {
      // The wire carries bytes: what Node's client would not send is escaped, a stray % stays.
      const path = encodeURI(target.replace(/[\ud800-\udfff]/g, ""))
        .replaceAll("%25", "%")
        .replaceAll("#", "%23");
      const body = method === "GET" || method === "OPTIONS" ? undefined : "{}";
      sound(await wire.call(method, path, body), `${method} ${path}`);
    }),
    { numRuns: 800 },
  );
});

test("garbled bodies never break it", async () => {
  const targets = fc.constantFrom(
    ["POST", "accounts"],
    ["PATCH", "accounts(accountnumber='Z')"],
    ["POST", "accounts/Microsoft.Dynamics.CRM.UpsertMultiple"],
    ["POST", "accounts/Microsoft.Dynamics.CRM.CreateMultiple"],
    ["PUT", "accounts(accountnumber='A')/name"],
  );
  const body = fc.oneof(
    fc.constantFrom(...bodies).chain(garbled),
    fc.json(),
    fc
      .object({
        key: fc.constantFrom(
          "name",
          "creditlimit",
          "Targets",
          "@odata.type",
          "accountid",
          "__proto__",
          "constructor",
        ),
      })
      .map((value) => JSON.stringify(value)),
  );
  await fc.assert(
    fc.asyncProperty(targets, body, async ([method, path], text) => {
      sound(await wire.call(method as string, path as string, text), `${method} ${path} ${text}`);
    }),
    { numRuns: 800 },
  );
});

test("garbled batches never break it", async () => {
  await fc.assert(
    fc.asyncProperty(garbled(batch), async (text) => sound(await wire.batch(text), text)),
    { numRuns: 600 },
  );
});

test("strange headers never break it", async () => {
  const value = fc.string({ maxLength: 60 }).map((text) => text.replace(/[^\t\x20-\x7e]/g, ""));
  const headers = fc.record({
    Prefer: value,
    "If-Match": value,
    "If-None-Match": value,
    "Content-Type": value,
  });
  await fc.assert(
    fc.asyncProperty(headers, fc.constantFrom("GET", "PATCH", "DELETE"), async (given, method) => {
      const body = method === "PATCH" ? '{"name":"a"}' : undefined;
      sound(await wire.call(method, `accounts(${ID})`, body, given), JSON.stringify(given));
    }),
    { numRuns: 300 },
  );
});

test("names that JavaScript treats specially are unknown properties", async () => {
  for (const name of ["__proto__", "constructor", "toString", "hasOwnProperty"]) {
    const answer = await wire.call("POST", "accounts", `{"${name}":"x"}`);
    expect([name, answer.status, answer.json?.error?.code]).toEqual([name, 400, "0x80048d19"]);
    expect((await wire.call("GET", `accounts?$select=${name}`)).status).toBe(400);
    expect((await wire.call("GET", name)).status).toBe(404);
  }
});

test("what is no HTTP gets a refusal and the server lives", async () => {
  const reply = await new Promise<string>((resolve) => {
    let text = "";
    const socket = connect(wire.sandbox.port, "127.0.0.1", () => socket.write("NONSENSE\r\n\r\n"));
    socket.on("data", (chunk) => {
      text += chunk.toString();
    });
    socket.on("close", () => resolve(text));
  });
  expect(reply).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
  expect((await wire.call("GET", "WhoAmI")).status).toBe(200);
});

test("the row that nobody named is as it was", async () => {
  const row = await wire.call("GET", "accounts(accountnumber='KEPT')?$select=name");
  expect(row.json.name).toBe("kept");
});
