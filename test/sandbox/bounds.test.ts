import { expect, test } from "vitest";
import { idIn, openWire } from "./client.ts";

/** What a client does often enough is forgotten before memory ends. */

test("deletions: who is too far behind starts over, who is not learns of them", async () => {
  await using wire = await openWire({ deletionsRemembered: 4 });
  const rows = Array.from({ length: 12 }, (_, at) => ({ name: `A${at}` }));
  const ids = (await wire.admin("POST", "seed", { table: "account", rows })).json.ids as string[];
  const first = await wire.call("GET", "accounts?$select=name", undefined, { Prefer: "odata.track-changes" });
  const changes = async (link: string) => wire.call("GET", link.slice(wire.root.length));
  const remove = async (from: number, to: number) => {
    for (const id of ids.slice(from, to)) await wire.call("DELETE", `accounts(${id})`);
  };
  await remove(0, 3);
  const next = await changes(first.json["@odata.deltaLink"]);
  expect(next.json.value.map((row: { id: string }) => row.id)).toEqual(ids.slice(0, 3));
  await remove(3, 7);
  const late = await changes(first.json["@odata.deltaLink"]);
  expect([late.status, late.json.error.code]).toEqual([400, "0x80044352"]);
  const again = await wire.call("GET", "accounts?$select=name", undefined, { Prefer: "odata.track-changes" });
  expect(again.json.value).toHaveLength(5);
  await remove(7, 9);
  expect((await changes(again.json["@odata.deltaLink"])).json.value).toHaveLength(2);
});

test("uploads: the one that began first makes room for the others", async () => {
  await using wire = await openWire();
  const headers = { "Content-Type": "application/octet-stream", "x-ms-file-name": "a" };
  const part = Buffer.alloc(4 * 1024 * 1024);
  const total = 8 * part.length;
  const upload = async () => {
    const asset = idIn(await wire.call("POST", "new_assets", { new_name: "a" }));
    const chunked = { ...headers, "x-ms-transfer-mode": "chunked" };
    const answer = await wire.call("PATCH", `new_assets(${asset})/new_manual`, "", chunked);
    return new URL(answer.headers.location ?? "");
  };
  const send = async (to: URL, at: number) => {
    const range = `bytes ${at * part.length}-${(at + 1) * part.length - 1}/${total}`;
    const all = { ...headers, "Content-Range": range, Authorization: `Bearer ${wire.token}` };
    return (await wire.raw("PATCH", `${to.pathname}${to.search}`, part, all)).status;
  };
  const uploads = [];
  for (let at = 0; at < 10; at++) uploads.push(await upload());
  const [oldest, second] = uploads as [URL, URL];
  // Ten times seven parts are more than the 256 MB that all of them may hold.
  for (const one of uploads) for (let at = 0; at < 7; at++) expect(await send(one, at)).toBe(206);
  expect(await send(oldest, 7)).toBe(404);
  expect(await send(second, 7)).toBe(204);
}, 60_000);
