import { describe, expect, test } from "vitest";
import { type Answer, openWire, type Wire } from "./client.ts";

/** What texts mean in keys, filters and links, and what is none of ours. */

const CRM = "Microsoft.Dynamics.CRM.";
const said = (answer: Answer) => [answer.status, answer.json?.error?.code];
const BAD = [400, "0x80060888"];

const seeded = async (wire: Wire, names: readonly string[]): Promise<void> => {
  await wire.admin("POST", "seed", {
    table: "account",
    rows: names.map((name) => ({ name, accountnumber: name })),
  });
};
const namesOf = (answer: Answer) => answer.json.value.map((row: { name: string }) => row.name);

describe("double quotes", () => {
  test.each([
    ["GET", 'accounts(accountnumber="A")'],
    ["PATCH", 'accounts(accountnumber="A")'],
    ["GET", 'accounts?$filter=name eq "A"'],
    ["GET", "accounts?$filter=name eq @p&@p=%22A%22"],
    ["GET", 'accounts?$filter=contains(name,"A")'],
    ["GET", `accounts?$filter=${CRM}In(PropertyName="name",PropertyValues=['A'])`],
    ["GET", `accounts?$filter=${CRM}EqualUserId(PropertyName="ownerid")`],
    ["GET", 'EntityDefinitions(LogicalName="account")'],
    ["GET", 'EntityDefinitions?$filter=LogicalName eq "account"'],
  ])("are no text in %s %s", async (method, path) => {
    await using wire = await openWire();
    await seeded(wire, ["A"]);
    const answer = await wire.call(
      method,
      path.replaceAll('"', "%22"),
      method === "PATCH" ? { name: "B" } : undefined,
    );
    expect(said(answer)).toEqual(BAD);
    expect(namesOf(await wire.call("GET", "accounts"))).toEqual(["A"]);
  });

  test("are no text in a bind", async () => {
    await using wire = await openWire();
    await seeded(wire, ["A"]);
    const body = { name: "B", "parentaccountid@odata.bind": '/accounts(accountnumber="A")' };
    expect(said(await wire.call("POST", "accounts", body))).toEqual(BAD);
  });

  test.each([
    ["AC-O'1", "['AC-O''1']"],
    ["AC-O'1", '["AC-O\'1"]'],
    ['AC-"2', `["AC-\\"2"]`],
    ['AC-"2', `['AC-"2']`],
    ["a,b", "['a,b','c']"],
    ["17", "[17]"],
  ])("lists of values: %s is in %s, in the filter or behind an alias", async (name, list) => {
    await using wire = await openWire();
    await seeded(wire, [name, "other"]);
    const text = encodeURIComponent(list);
    const inline = `accounts?$filter=${CRM}In(PropertyName='name',PropertyValues=${text})`;
    const alias = `accounts?$filter=${CRM}In(PropertyName=@p1,PropertyValues=@p2)&@p1='name'&@p2=${text}`;
    expect(namesOf(await wire.call("GET", inline))).toEqual([name]);
    expect(namesOf(await wire.call("GET", alias))).toEqual([name]);
  });

  test.each(["['a'", "['a',]", "['a' 'b']", "'a'", "['a']x", "[", "", "['a]", "[name]"])(
    "%s is no list, in the filter or behind an alias",
    async (list) => {
      await using wire = await openWire();
      const text = encodeURIComponent(list);
      const filter = `accounts?$filter=${CRM}In(PropertyName='name',PropertyValues=`;
      expect(said(await wire.call("GET", `${filter}${text})`))).toEqual(BAD);
      expect(said(await wire.call("GET", `${filter}@p2)&@p2=${text}`))).toEqual(BAD);
    },
  );
});

describe("links that nobody gave out", () => {
  const tracked = { Prefer: "odata.track-changes" };

  test("a delta token of a time or a version to come, and one that is no date", async () => {
    await using wire = await openWire();
    await seeded(wire, ["A", "B"]);
    const first = await wire.call("GET", "accounts?$select=name", undefined, tracked);
    const link = String(first.json["@odata.deltaLink"]);
    const token = decodeURIComponent(/deltatoken=(.*)$/.exec(link)?.[1] ?? "");
    const [version, when] = token.split("!") as [string, string];
    const read = (text: string) =>
      wire.call("GET", `accounts?$select=name&$deltatoken=${encodeURIComponent(text)}`);
    expect((await read(token)).status).toBe(200);
    const year = Number(when.slice(6, 10));
    for (const forged of [
      `99999999999!${when}`,
      `${version}!99/99/2026 00:00:00`,
      `${version}!${when.slice(0, 6)}${year + 1}${when.slice(10)}`,
      `0${version}!${when}`,
      "x",
    ]) {
      expect([forged, ...said(await read(forged))]).toEqual([forged, ...BAD]);
    }
  });

  test("a row that changed comes once, or twice as the switch says", async () => {
    for (const [changedRowsComeOnce, count] of [
      [true, 1],
      [false, 2],
    ] as const) {
      await using wire = await openWire({ unverified: { changedRowsComeOnce } });
      await seeded(wire, ["A", "B"]);
      const first = await wire.call("GET", "accounts?$select=name", undefined, tracked);
      await wire.call("PATCH", "accounts(accountnumber='A')", { name: "C" });
      const link = String(first.json["@odata.deltaLink"]).slice(wire.root.length);
      expect(namesOf(await wire.call("GET", link))).toEqual(Array(count).fill("C"));
    }
  });

  const cookie = (values: unknown, more = {}) => {
    const packed = Buffer.from(JSON.stringify({ page: 2, order: 1, values, ...more })).toString("base64url");
    return encodeURIComponent(`<cookie pagenumber="2" pagingcookie="${packed}" />`);
  };
  test.each([
    ["$orderby=name&", [{}], {}],
    ["$orderby=name&", [5], {}],
    ["$orderby=name&", [], {}],
    ["$orderby=name&", ["a", "b"], {}],
    ["$orderby=numberofemployees&", ["5"], {}],
    ["$orderby=donotemail&", ["true"], {}],
    ["$orderby=_primarycontactid_value&", ["x"], {}],
    ["$orderby=_primarycontactid_value&", [{ table: "contact" }], {}],
    ["", ["a"], {}],
    ["", [], { page: 0 }],
    ["", [], { order: -1 }],
    ["", [], { order: 1e300 }],
  ])("a page of %s after %j %j", async (order, values, more) => {
    await using wire = await openWire();
    expect(said(await wire.call("GET", `accounts?${order}$skiptoken=${cookie(values, more)}`))).toEqual(BAD);
  });

  test.each([
    { phase: "rows", after: 1, upTo: "99999999999!01/01/2024 00:00:00" },
    { phase: "rows", after: -1, upTo: "1!01/01/2024 00:00:00" },
    { phase: "rows", after: 1, upTo: 5 },
    { phase: "others", after: 1, upTo: "1!01/01/2024 00:00:00" },
  ])("a page of changes after %j", async (cursor) => {
    await using wire = await openWire();
    const packed = Buffer.from(JSON.stringify(cursor)).toString("base64url");
    const answer = await wire.call("GET", `accounts?$select=name&$skiptoken=${packed}`, undefined, tracked);
    expect(answer.status).toBe(400);
  });
});

test.each(["maybe", "TRUE", "1", ""])("$count=%s is neither true nor false", async (count) => {
  await using wire = await openWire();
  expect(said(await wire.call("GET", `accounts?$count=${count}`))).toEqual(BAD);
});

test("twenty megabytes of quotes are read or refused for what they are", async () => {
  await using wire = await openWire();
  const address = (key: string) => ({
    Targets: [{ "@odata.type": `${CRM}new_order`, "@odata.id": `new_orders(new_externalid=${key},x=1)` }],
  });
  const upsert = (key: string) => wire.call("POST", `new_orders/${CRM}UpsertMultiple`, address(key));
  expect(said(await upsert(`'${"''".repeat(10_000_000)}'`))).toEqual(BAD);
  expect(said(await upsert(`'${"x".repeat(20_000_000)}`))).toEqual(BAD);
  expect(said(await upsert(`"${"\\\\".repeat(10_000_000)}"`))).toEqual(BAD);
  expect(said(await upsert("x".repeat(20_000_000)))).toEqual(BAD);
  expect(said(await upsert("1".repeat(20_000_000)))).toEqual(BAD);
});
