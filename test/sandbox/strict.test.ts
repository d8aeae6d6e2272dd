import { describe, expect, test } from "vitest";
import { type Answer, crlf, openWire } from "./client.ts";

/** Requests that a lenient reader would take: each is refused, and nothing has changed. */

const NOBODY = "00000000-0000-0000-0000-0000000000aa";
const said = (answer: Answer) => [answer.status, answer.json?.error?.code];

describe("batches", () => {
  const get = (...lines: string[]) =>
    crlf(
      "--b1",
      "Content-Type: application/http",
      "Content-Transfer-Encoding: binary",
      "",
      ...lines,
      "--b1--",
    );
  const one = ["GET accounts HTTP/1.1", "Accept: application/json", ""];

  test("a part without a body needs its empty line, and two where the page is taken at its word", async () => {
    await using wire = await openWire();
    expect((await wire.batch(get(...one))).status).toBe(200);
    expect(said(await wire.batch(get(...one.slice(0, 2))))).toEqual([400, "0x80048d19"]);
    expect(said(await wire.batch(get("GET accounts HTTP/1.1")))).toEqual([400, "0x80048d19"]);
    await using strict = await openWire({ unverified: { batchPartsNeedTwoEmptyLines: true } });
    expect(said(await strict.batch(get(...one)))).toEqual([400, "0x80048d19"]);
    expect(said(await strict.batch(get("GET accounts HTTP/1.1", "")))).toEqual([400, "0x80048d19"]);
    expect((await strict.batch(get(...one, ""))).status).toBe(200);
  });

  test("a CR without its LF is refused, in a header whatever the switch says", async () => {
    const bare = get("GET accounts HTTP/1.1", "Accept: a\rb", "", "");
    for (const batchRefusesBareLineFeeds of [true, false]) {
      await using wire = await openWire({ unverified: { batchRefusesBareLineFeeds } });
      expect(said(await wire.batch(bare))).toEqual([400, "0x80048d19"]);
    }
  });

  test("a batch without parts and an empty change set are refused or answered, as the switch says", async () => {
    const nothing = crlf("--b1--");
    const set = crlf("--b1", "Content-Type: multipart/mixed; boundary=c1", "", "--c1--", "", "--b1--");
    await using wire = await openWire();
    expect(said(await wire.batch(nothing))).toEqual([400, "0x80048d19"]);
    expect(said(await wire.batch(set))).toEqual([400, "0x80048d19"]);
    await using mild = await openWire({ unverified: { emptyBatch: "answered" } });
    expect((await mild.batch(nothing)).status).toBe(200);
    expect((await mild.batch(set)).status).toBe(200);
  });
});

describe("query options", () => {
  test.each([
    ["GET", "?foo=1"],
    ["GET", "WhoAmI?foo=1"],
    ["GET", "$metadata?foo=1"],
    ["GET", "RetrieveTotalRecordCount(EntityNames=@p)?@p=['account']&foo=1"],
    ["GET", "accounts(accountnumber='A')/name?$top=4"],
    ["GET", "accounts(accountnumber='A')/name/$value?foo=1"],
    ["GET", "accounts(accountnumber='A')/primarycontactid?foo=1"],
    ["GET", "accounts(accountnumber='A')/primarycontactid/$ref?foo=1"],
    ["PUT", "accounts(accountnumber='A')/name?foo=1"],
    ["DELETE", "accounts(accountnumber='A')/name?foo=1"],
    ["DELETE", "accounts(accountnumber='A')?foo=1"],
    ["POST", "AddListMembersList?foo=1"],
    ["POST", "accounts?$filter=name eq 'a'"],
    ["PATCH", "accounts(accountnumber='A')?$top=1"],
    ["POST", "accounts/Microsoft.Dynamics.CRM.UpsertMultiple?foo=1"],
    ["POST", "accounts/Microsoft.Dynamics.CRM.CreateMultiple?$select=name"],
    ["POST", "new_logs/Microsoft.Dynamics.CRM.DeleteMultiple?foo=1"],
  ])("%s %s is refused by name", async (method, path) => {
    await using wire = await openWire();
    const contact = { primarycontactid: { lastname: "Ray" } };
    await wire.call("POST", "accounts", { name: "a", accountnumber: "A", ...contact });
    const answer = await wire.call(
      method,
      path,
      method === "PUT" ? { value: "b" } : method === "POST" || method === "PATCH" ? {} : undefined,
    );
    expect(said(answer)).toEqual([400, "0x80060888"]);
    expect(answer.json.error.message).toMatch(/^The query parameter \S+ is not supported$/);
    expect((await wire.call("GET", "accounts(accountnumber='A')?$select=name")).json.name).toBe("a");
  });
});

test("bulk messages may carry a tag and a partition", async () => {
  await using wire = await openWire();
  const Targets = [{ "@odata.type": "Microsoft.Dynamics.CRM.new_log", new_name: "a" }];
  const path = "new_logs/Microsoft.Dynamics.CRM.CreateMultiple?tag=mine&partitionId=p";
  expect((await wire.call("POST", path, { Targets })).status).toBe(200);
});

describe("Preference-Applied repeats what was done, and nothing else", () => {
  test.each([
    ["GET", "accounts", "return=bogus", undefined],
    ["GET", "accounts", "return=representation", undefined],
    ["GET", "accounts", "odata.maxpagesize=abc", undefined],
    ["GET", "accounts", "odata.maxpagesize=0", undefined],
    ["GET", "accounts", "odata.maxpagesize=-3", undefined],
    ["GET", "accounts?$top=10", "odata.maxpagesize=3", undefined],
    ["GET", "accounts", "odata.maxpagesize=3", "odata.maxpagesize=3"],
    ["GET", "accounts", "odata.maxpagesize=3,odata.maxpagesize=4", "odata.maxpagesize=3"],
    ["GET", "accounts", "odata.continue-on-error,wait=3", undefined],
    ["POST", "accounts", "return=minimal,odata.maxpagesize=3,odata.track-changes", undefined],
    ["POST", "accounts", "RETURN = representation; a=b", "RETURN=representation"],
    [
      "POST",
      "accounts",
      'odata.include-annotations="a,b",return=representation',
      'odata.include-annotations="a,b",return=representation',
    ],
  ])("%s %s with %s", async (method, path, prefer, applied) => {
    await using wire = await openWire();
    const answer = await wire.call(method, path, method === "GET" ? undefined : { name: "a" }, {
      Prefer: prefer,
    });
    expect(answer.status).toBeLessThan(300);
    expect(answer.headers["preference-applied"]).toBe(applied);
  });

  test("a page size beside $top changes nothing", async () => {
    await using wire = await openWire();
    await wire.admin("POST", "seed", {
      table: "account",
      rows: Array.from({ length: 8 }, () => ({ name: "a" })),
    });
    const answer = await wire.call("GET", "accounts?$top=6", undefined, { Prefer: "odata.maxpagesize=3" });
    expect(answer.json.value).toHaveLength(6);
  });
});

test("the pairs of a many-to-many are made by $ref alone", async () => {
  await using wire = await openWire();
  const code = [400, "0x80040800"];
  expect(said(await wire.call("POST", "new_account_new_tagset", {}))).toEqual(code);
  const account = (await wire.admin("POST", "seed", { table: "account", rows: [{ name: "a" }] })).json.ids[0];
  const tag = (await wire.admin("POST", "seed", { table: "new_tag", rows: [{ new_name: "t" }] })).json.ids[0];
  const link = await wire.call("POST", `accounts(${account})/new_account_tag/$ref`, {
    "@odata.id": `${wire.root}new_tags(${tag})`,
  });
  expect(link.status).toBe(204);
  const [pair] = (await wire.call("GET", "new_account_new_tagset")).json.value;
  const row = `new_account_new_tagset(${pair.new_account_new_tagid})`;
  expect(said(await wire.call("PATCH", row, { accountid: NOBODY }))).toEqual(code);
  expect(said(await wire.call("DELETE", row))).toEqual(code);
  expect(
    said(
      await wire.call("POST", "new_account_new_tagset/Microsoft.Dynamics.CRM.CreateMultiple", {
        Targets: [],
      }),
    ),
  ).toEqual(code);
  expect((await wire.call("GET", "new_account_new_tagset")).json.value).toEqual([pair]);
});
