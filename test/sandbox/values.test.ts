import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { idIn, openWire, type Wire } from "./client.ts";

let wire: Wire & AsyncDisposable;
beforeAll(async () => {
  wire = await openWire();
});
afterAll(async () => wire[Symbol.asyncDispose]());

/** What is written, as JSON text, and how it is read back, as JSON text. */
const kept: readonly (readonly [set: string, column: string, written: string, read: string])[] = [
  ["contacts", "firstname", '"Zoë 🦊"', '"Zoë 🦊"'],
  ["contacts", "firstname", '""', "null"],
  ["contacts", "description", '"line\\r\\nline\\ttab"', '"line\\r\\nline\\ttab"'],
  ["contacts", "numberofchildren", "3", "3"],
  ["contacts", "creditlimit", "1234.5", "1234.5"],
  ["contacts", "creditlimit", "99999999999999.99", "99999999999999.99"],
  ["contacts", "creditlimit", "10.005", "10.01"],
  ["contacts", "creditlimit_base", "17", "null"],
  ["new_orders", "new_amount", "922337203685477", "922337203685477"],
  ["new_orders", "new_amount", "-0.10", "-0.1"],
  ["new_orders", "new_weight", "12345678.0123456789", "12345678.0123456789"],
  ["new_orders", "new_weight", "1e3", "1000"],
  ["new_orders", "new_weight", "0.12345678915", "0.1234567892"],
  ["contacts", "new_lifetimepoints", "9007199254740993", "9007199254740993"],
  ["contacts", "new_lifetimepoints", "-9223372036854775808", "-9223372036854775808"],
  ["contacts", "new_score", "-1.25", "-1.25"],
  ["contacts", "new_engagement", "0.123456789", "0.12346"],
  ["contacts", "donotemail", "true", "true"],
  ["contacts", "birthdate", '"2024-02-29"', '"2024-02-29"'],
  ["contacts", "new_lastpurchaseon", '"2024-05-01T10:00:00Z"', '"2024-05-01T10:00:00Z"'],
  ["contacts", "new_lastpurchaseon", '"2024-05-01T10:00:00+02:00"', '"2024-05-01T08:00:00Z"'],
  ["contacts", "new_lastpurchaseon", '"2024-05-01T23:30:00.123-05:30"', '"2024-05-02T05:00:00Z"'],
  ["contacts", "new_lastpurchaseon", '"2024-05-01"', '"2024-05-01T00:00:00Z"'],
  ["contacts", "new_storeopensat", '"2024-05-01T10:00:00+02:00"', '"2024-05-01T10:00:00Z"'],
  ["contacts", "gendercode", "2", "2"],
  ["contacts", "new_interests", '"100000002, 100000000"', '"100000000,100000002"'],
  ["contacts", "address1_city", '"Graz"', '"Graz"'],
  ["contacts", "gendercode", "null", "null"],
];

const refused: readonly (readonly [set: string, column: string, written: string, code: string])[] = [
  ["contacts", "firstname", JSON.stringify("x".repeat(51)), "0x80044331"],
  ["contacts", "firstname", '"a\\u0007b"', "0x80040278"],
  ["contacts", "firstname", "17", "0x80048d19"],
  ["contacts", "firstname", "12345678901234567890", "0x80048d19"],
  ["contacts", "firstname", "true", "0x80048d19"],
  ["contacts", "firstname", "{}", "0x80048d19"],
  ["contacts", "firstname", "[]", "0x80048d19"],
  ["contacts", "FirstName", '"x"', "0x80048d19"],
  ["contacts", "nonsense", '"x"', "0x80048d19"],
  ["contacts", "owneridtype", '"systemuser"', "0x80048d19"],
  ["contacts", "gendercodename", '"Male"', "0x80048d19"],
  ["contacts", "numberofchildren", '"3"', "0x80048d19"],
  ["contacts", "numberofchildren", "1.5", "0x80048d19"],
  ["contacts", "numberofchildren", "2147483648", "0x80048d19"],
  ["contacts", "numberofchildren", "-1", "0x8004432f"],
  ["contacts", "numberofchildren", "1000000001", "0x8004432f"],
  ["contacts", "creditlimit", '"12"', "0x80048d19"],
  ["contacts", "creditlimit", "-0.01", "0x80044330"],
  ["contacts", "creditlimit", "100000000000000.01", "0x80044330"],
  ["new_orders", "new_weight", "100000000.0000000001", "0x80044330"],
  ["contacts", "new_score", "100000.0001", "0x80044330"],
  ["contacts", "new_engagement", "1.1", "0x80044330"],
  ["contacts", "new_engagement", "1e400", "0x80044330"],
  ["contacts", "new_lifetimepoints", "9223372036854775808", "0x80048d19"],
  ["contacts", "donotemail", '"true"', "0x80048d19"],
  ["contacts", "donotemail", "1", "0x80048d19"],
  ["contacts", "birthdate", '"2024-02-30"', "0x80048d19"],
  ["contacts", "birthdate", '"2024-05-01T00:00:00Z"', "0x80048d19"],
  ["contacts", "birthdate", '"01.05.2024"', "0x80048d19"],
  ["contacts", "birthdate", '"1752-12-31"', "0x80040239"],
  ["contacts", "new_lastpurchaseon", '"1752-12-31T23:59:59Z"', "0x80040239"],
  ["contacts", "new_lastpurchaseon", '"9999-12-31T00:00:00Z"', "0x80040239"],
  ["contacts", "new_lastpurchaseon", '"2024-05-01T10:00:00Z+02:00"', "0x80048d19"],
  ["contacts", "new_lastpurchaseon", '"2024-05-01 10:00"', "0x80048d19"],
  ["contacts", "new_lastpurchaseon", "1714557600", "0x80048d19"],
  ["contacts", "gendercode", "7", "0x8004431a"],
  ["contacts", "gendercode", '"2"', "0x80048d19"],
  ["contacts", "gendercode", '"Female"', "0x80048d19"],
  ["contacts", "new_interests", '"100000000,5"', "0x8004431a"],
  ["contacts", "new_interests", "100000000", "0x80048d19"],
  ["contacts", "contactid", '"not-a-guid"', "0x80048d19"],
];

describe("values", () => {
  test.each(kept)("%s.%s takes %s and reads %s", async (set, column, written, read) => {
    const made = await wire.call("POST", set, `{"${column}":${written}}`);
    expect([made.status, made.text]).toEqual([204, ""]);
    const row = await wire.call("GET", `${set}(${idIn(made)})?$select=${column}`);
    expect(row.text).toContain(`"${column}":${read},`);
  });

  test.each(refused)("%s.%s refuses %s with %s", async (set, column, written, code) => {
    const answer = await wire.call("POST", set, `{"${column}":${written}}`);
    expect([answer.status, answer.json.error.code]).toEqual([400, code]);
  });

  test("the texts of the refusals are the service's", async () => {
    const long = await wire.call("POST", "contacts", { firstname: "x".repeat(51) });
    expect(long.json.error.message).toBe(
      "A validation error occurred.  The length of the 'firstname' attribute of the 'contact' entity exceeded the maximum allowed length of '50'.",
    );
    const type = await wire.call("POST", "contacts", { address1_latitude: "x" });
    expect(type.json.error.message).toContain("Entity :'contacts'");
    expect(type.json.error.message).toContain(
      "Cannot convert the literal 'x' to the expected type 'Edm.Double'.",
    );
  });

  test("amounts are kept in the base currency too", async () => {
    const currencies = await wire.call("GET", "transactioncurrencies?$filter=isocurrencycode eq 'EUR'");
    const euro = currencies.json.value[0].transactioncurrencyid;
    const body = { creditlimit: 9, "transactioncurrencyid@odata.bind": `/transactioncurrencies(${euro})` };
    const made = await wire.call("POST", "accounts?$select=creditlimit,creditlimit_base,exchangerate", body, {
      Prefer: "return=representation",
    });
    expect(made.json).toMatchObject({ creditlimit: 9, creditlimit_base: 10, exchangerate: 0.9 });
  });

  test("a written value that was there already is counted", async () => {
    const id = idIn(await wire.call("POST", "contacts", { firstname: "Same", lastname: "Old" }));
    await wire.admin("POST", "counters");
    await wire.call("PATCH", `contacts(${id})`, { firstname: "Same", lastname: "New" });
    await wire.call("PATCH", `contacts(${id})`, { firstname: "Same" });
    const counters = (await wire.admin("GET", "counters")).json;
    expect(counters.redundant).toEqual({ "contact.firstname": 2 });
    expect(counters.redundantRows).toEqual({ contact: 1 });
    expect(counters.rows).toEqual({ contact: { update: 2 } });
  });
});
