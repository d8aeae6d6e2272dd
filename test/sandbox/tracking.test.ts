import { expect, test } from "vitest";
import type { SandboxOptions } from "../../src/sandbox/index.ts";
import { idIn, openWire, type Wire } from "./client.ts";

const TRACK = { Prefer: "odata.track-changes" };

async function seeded(count: number, options: SandboxOptions = {}) {
  const wire = await openWire(options);
  const rows = Array.from({ length: count }, (_, at) => ({ name: `A${at}` }));
  const ids = (await wire.admin("POST", "seed", { table: "account", rows })).json.ids as string[];
  return { wire, ids, [Symbol.asyncDispose]: () => wire.sandbox.close() };
}
const inside = (wire: Wire, link: string): string => link.slice(wire.root.length);
const follow = (wire: Wire, link: string, headers = {}) =>
  wire.call("GET", inside(wire, link), undefined, headers);

test("the first reading gives all rows and a delta link; the link gives what changed since, deletions last", async () => {
  await using it = await seeded(3);
  const first = await it.wire.call("GET", "accounts?$select=name", undefined, TRACK);
  expect(first.headers["preference-applied"]).toBe("odata.track-changes");
  expect(first.json.value.map((row: { name: string }) => row.name)).toEqual(["A0", "A1", "A2"]);
  const link = first.json["@odata.deltaLink"];
  expect(inside(it.wire, link)).toMatch(
    /^accounts\?\$select=name&\$deltatoken=\d+%21\d\d%2f\d\d%2f\d{4}%20\d\d%3a\d\d%3a\d\d$/,
  );

  const none = await follow(it.wire, link);
  expect([none.json["@odata.context"], none.json.value]).toEqual([
    `${it.wire.root}$metadata#accounts(name)/$delta`,
    [],
  ]);

  await it.wire.call("DELETE", `accounts(${it.ids[0]})`);
  await it.wire.call("PATCH", `accounts(${it.ids[2]})`, { name: "new" });
  await it.wire.call("PATCH", `accounts(${it.ids[2]})`, { name: "newer" });
  const made = idIn(await it.wire.call("POST", "accounts", { name: "made" }));
  const brief = idIn(await it.wire.call("POST", "accounts", { name: "brief" }));
  await it.wire.call("DELETE", `accounts(${brief})`);
  const delta = await follow(it.wire, link);
  expect(delta.json.value).toMatchObject([
    { accountid: it.ids[2], name: "newer" },
    { accountid: made, name: "made" },
    {
      "@odata.context": `${it.wire.root}$metadata#accounts/$deletedEntity`,
      id: it.ids[0],
      reason: "deleted",
    },
    { id: brief, reason: "deleted" },
  ]);
  const token = /\$deltatoken=.*/.exec(link)?.[0];
  expect((await it.wire.call("GET", `accounts/$count?${token}`)).text).toBe("4");
  expect((await follow(it.wire, delta.json["@odata.deltaLink"])).json.value).toEqual([]);
});

test("a deletion that was taken back is none", async () => {
  await using it = await seeded(1);
  const link = (await it.wire.call("GET", "accounts", undefined, TRACK)).json["@odata.deltaLink"];
  const lines = ["--b", "Content-Type: multipart/mixed; boundary=c", ""];
  for (const [id, url] of [it.ids[0], "00000000-0000-0000-0000-0000000000aa"].entries()) {
    lines.push("--c", "Content-Type: application/http", "Content-Transfer-Encoding: binary");
    lines.push(`Content-ID: ${id}`, "", `DELETE accounts(${url}) HTTP/1.1`, "", "");
  }
  const failed = await it.wire.batch(`${[...lines, "--c--", "", "--b--"].join("\r\n")}\r\n`, "b");
  expect(failed.status).toBe(404);
  expect((await follow(it.wire, link)).json.value).toEqual([]);
  await it.wire.call("DELETE", `accounts(${it.ids[0]})`);
  expect((await follow(it.wire, link)).json.value).toMatchObject([{ id: it.ids[0], reason: "deleted" }]);
});

test("pages come first, the delta link comes last", async () => {
  await using it = await seeded(5);
  const small = { Prefer: "odata.track-changes,odata.maxpagesize=2" };
  const walk = async (start: string) => {
    const pages: unknown[] = [];
    let answer = await it.wire.call("GET", start, undefined, small);
    for (;;) {
      pages.push(answer.json.value.map((row: { name?: string; reason?: string }) => row.name ?? row.reason));
      if (!answer.json["@odata.nextLink"]) break;
      expect(answer.json["@odata.deltaLink"]).toBeUndefined();
      answer = await follow(it.wire, answer.json["@odata.nextLink"], small);
    }
    return { pages, link: inside(it.wire, answer.json["@odata.deltaLink"]) };
  };
  const all = await walk("accounts?$select=name");
  expect(all.pages).toEqual([["A0", "A1"], ["A2", "A3"], ["A4"]]);
  for (const at of [0, 1]) await it.wire.call("DELETE", `accounts(${it.ids[at]})`);
  for (const at of [2, 3, 4]) await it.wire.call("PATCH", `accounts(${it.ids[at]})`, { name: `B${at}` });
  const delta = await walk(all.link);
  expect(delta.pages).toEqual([["B2", "B3"], ["B4", "deleted"], ["deleted"]]);
  expect((await walk(delta.link)).pages).toEqual([[]]);
});

test.each(["$filter=name eq 'A'", "$orderby=name", "$expand=primarycontactid", "$top=1"])(
  "%s is refused by name",
  async (option) => {
    await using it = await seeded(1);
    const answer = await it.wire.call("GET", `accounts?${option}`, undefined, TRACK);
    expect([answer.status, answer.json.error.message]).toEqual([
      400,
      `The "${option.split("=")[0]}" query parameter isn't supported when Change Tracking is enabled.`,
    ]);
  },
);

test("a table without tracking, a token that is none", async () => {
  await using it = await seeded(1);
  expect((await it.wire.call("GET", "businessunits", undefined, TRACK)).status).toBe(400);
  for (const token of ["x", "1!1/1/2024", "%21"]) {
    expect((await it.wire.call("GET", `accounts?$deltatoken=${token}`)).status).toBe(400);
    expect((await it.wire.call("GET", `accounts/$count?$deltatoken=${token}`)).status).toBe(400);
  }
  expect((await it.wire.call("GET", "accounts?$skiptoken=x", undefined, TRACK)).status).toBe(400);
});

test("a token is good for the query that it came with, and for no other", async () => {
  await using it = await seeded(1);
  const linkOf = async (query: string): Promise<string> =>
    (await it.wire.call("GET", query, undefined, TRACK)).json["@odata.deltaLink"];
  const token = /\$deltatoken=.*/.exec(await linkOf("accounts?$select=name,accountnumber"))?.[0];
  const ask = async (query: string) => {
    const answer = await it.wire.call("GET", `${query}${token}`);
    return [answer.status, answer.json?.error?.code];
  };
  expect(await ask("accounts?$select=accountnumber,name&")).toEqual([200, undefined]);
  expect(await ask("accounts/$count?")).toEqual([200, undefined]);
  for (const other of ["accounts?", "accounts?$select=name&", "contacts?$select=name&", "contacts/$count?"]) {
    expect([other, ...(await ask(other))]).toEqual([other, 400, "0x80060888"]);
  }
  await linkOf("accounts");
  const never = `$deltatoken=1000001${encodeURIComponent("!01/01/2026 00:00:00")}`;
  expect((await it.wire.call("GET", `accounts?${never}`)).status).toBe(400);
});

test("tokens live seven days, or as long as the organisation says", async () => {
  let now = Date.UTC(2026, 0, 10);
  const clock = { now: () => new Date(now), tokenLifetime: 1e8 };
  for (const [options, days] of [
    [clock, 7],
    [{ ...clock, changeTrackingDays: 30 }, 30],
  ] as const) {
    now = Date.UTC(2026, 0, 10);
    await using it = await seeded(1, options);
    const link = (await it.wire.call("GET", "accounts", undefined, TRACK)).json["@odata.deltaLink"];
    now += days * 86_400_000;
    expect((await follow(it.wire, link)).status).toBe(200);
    now += 1000;
    const late = await follow(it.wire, link);
    expect([late.status, late.json.error.code]).toEqual([400, "0x80044352"]);
  }
});
