import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { idIn, openWire, rawRequest, type Wire } from "./client.ts";

let wire: Wire & AsyncDisposable;
let asset: string;
beforeAll(async () => {
  wire = await openWire();
  asset = `new_assets(${idIn(await wire.call("POST", "new_assets", { new_name: "a" }))})`;
});
afterAll(() => wire[Symbol.asyncDispose]());

const BYTES = Buffer.from(Array.from({ length: 300 }, (_, at) => at % 256));
const PNG = Buffer.from("89504e470d0a1a0a00", "hex");
const OCTETS = { "Content-Type": "application/octet-stream" };
const send = (method: string, path: string, body?: Buffer, headers: Record<string, string> = {}) =>
  rawRequest(wire.sandbox.port, method, `/api/data/v9.2/${path}`, body, {
    Authorization: `Bearer ${wire.token}`,
    ...headers,
  });
/** The body as bytes: the client decodes text, so a base64 twin is compared through the actions' size and the row. */
const storedBytes = async (): Promise<Buffer> => {
  const { json } = await wire.admin("GET", "dump?table=fileattachment");
  const rows = (json.rows ?? json) as { body?: string; values?: { body: string } }[];
  const last = rows.at(-1);
  return Buffer.from(last?.body ?? last?.values?.body ?? "", "base64");
};
const manual = async () => (await wire.call("GET", `${asset}?$select=new_manual,new_manual_name`)).json;

describe("a file column", () => {
  test("takes bytes as they are, in one request, and gives them back", async () => {
    const put = await send("PATCH", `${asset}/new_manual`, BYTES, { ...OCTETS, "x-ms-file-name": "a.pdf" });
    expect(put.status).toBe(204);
    expect(await storedBytes()).toEqual(BYTES);
    expect(await manual()).toMatchObject({
      new_manual: expect.stringMatching(/-/),
      new_manual_name: "a.pdf",
    });
    const got = await send("GET", `${asset}/new_manual/$value`);
    expect([got.status, got.headers["x-ms-file-name"], got.headers["x-ms-file-size"]]).toEqual([
      200,
      "a.pdf",
      "300",
    ]);
    const part = await send("GET", `${asset}/new_manual/$value`, undefined, { Range: "bytes=65-67" });
    expect([part.status, part.text, part.headers["content-range"]]).toEqual([206, "ABC", "bytes 65-67/300"]);
    expect((await send("GET", `${asset}/new_manual/$value`, undefined, { Range: "bytes=900-" })).status).toBe(
      416,
    );
  });

  test("takes parts: 206 for each, 204 for the last", async () => {
    const start = await send("PATCH", `${asset}/new_manual?x-ms-file-name=b.bin`, undefined, {
      "x-ms-transfer-mode": "chunked",
    });
    expect([start.status, start.headers["x-ms-chunk-size"], start.headers["accept-ranges"]]).toEqual([
      200,
      "4194304",
      "bytes",
    ]);
    const path = (start.headers.location ?? "").slice(wire.root.length);
    const put = (from: number, to: number) =>
      send("PATCH", path, BYTES.subarray(from, to), {
        ...OCTETS,
        "Content-Range": `bytes ${from}-${to - 1}/300`,
      });
    expect((await put(100, 200)).status).toBe(400);
    expect((await put(0, 200)).status).toBe(206);
    expect((await manual()).new_manual_name).toBe("a.pdf");
    expect((await put(200, 300)).status).toBe(204);
    expect((await manual()).new_manual_name).toBe("b.bin");
    expect(await storedBytes()).toEqual(BYTES);
    expect((await put(0, 100)).status).toBe(404);
  });

  test("takes blocks by actions", async () => {
    const id = /\((.*)\)/.exec(asset)?.[1];
    const begun = await wire.call("POST", "InitializeFileBlocksUpload", {
      Target: { "@odata.type": "Microsoft.Dynamics.CRM.new_asset", new_assetid: id },
      FileAttributeName: "new_manual",
      FileName: "c.txt",
    });
    const { FileContinuationToken } = begun.json;
    const block = (BlockId: string, text: string) =>
      wire.call("POST", "UploadBlock", {
        BlockId,
        BlockData: Buffer.from(text).toString("base64"),
        FileContinuationToken,
      });
    expect((await block("1", "Hello ")).status).toBe(204);
    expect((await block("2", "World")).status).toBe(204);
    const commit = (BlockList: string[]) =>
      wire.call("POST", "CommitFileBlocksUpload", {
        FileName: "c.txt",
        MimeType: "text/plain",
        BlockList,
        FileContinuationToken,
      });
    expect((await commit(["1", "9"])).json.error.code).toBe("0x80090006");
    expect((await commit(["1", "2"])).json).toMatchObject({ FileSizeInBytes: 11 });
    const got = await send("GET", `${asset}/new_manual/$value`);
    expect([got.text, got.headers["content-type"]]).toEqual(["Hello World", "text/plain"]);
    expect((await commit(["1"])).status).toBe(400);
  });

  test("is emptied by DELETE", async () => {
    expect((await send("DELETE", `${asset}/new_manual`)).status).toBe(204);
    expect(await manual()).toMatchObject({ new_manual: null, new_manual_name: null });
    expect((await send("GET", `${asset}/new_manual/$value`)).status).toBe(204);
    expect((await wire.call("GET", "fileattachments")).json.value).toEqual([]);
  });

  test("never travels in a row, and needs its name and type", async () => {
    expect((await wire.call("PATCH", asset, { new_name: "b", new_manual: "x" })).status).toBe(204);
    expect((await manual()).new_manual).toBeNull();
    expect((await send("PATCH", `${asset}/new_manual`, BYTES, OCTETS)).status).toBe(400);
    expect((await send("PATCH", `${asset}/new_manual`, BYTES, { "x-ms-file-name": "a" })).status).toBe(415);
    const large = Buffer.alloc(33 * 1024 * 1024);
    const refused = await send("PATCH", `${asset}/new_manual`, large, { ...OCTETS, "x-ms-file-name": "a" });
    expect([refused.status, refused.json.error.code]).toEqual([400, "0x80090001"]);
  });
});

describe("an image column", () => {
  test("travels with the row, base64, and has companions", async () => {
    const made = await wire.call("POST", "new_assets", { new_photo: PNG.toString("base64") });
    const row = (await wire.call("GET", `new_assets(${idIn(made)})`)).json;
    expect(row.new_photo).toBe(PNG.toString("base64"));
    expect(row.new_photoid).toMatch(/^[0-9a-f-]{36}$/);
    expect(row.new_photo_url).toContain(row.new_photoid);
    expect(row.new_photo_timestamp).toBeGreaterThan(6e17);
    await wire.call("PATCH", `new_assets(${idIn(made)})`, { new_photo: null });
    expect((await wire.call("GET", `new_assets(${idIn(made)})`)).json).toMatchObject({
      new_photo: null,
      new_photoid: null,
    });
  });

  test("takes bytes too, and refuses what is no picture", async () => {
    expect((await send("PATCH", `${asset}/new_photo`, PNG, OCTETS)).status).toBe(204);
    expect((await wire.call("GET", asset)).json.new_photo).toBe(PNG.toString("base64"));
    const no = await send("PATCH", `${asset}/new_photo`, BYTES, OCTETS);
    expect([no.status, no.json.error.code]).toEqual([400, "0x80072553"]);
    const text = await wire.call("POST", "new_assets", { new_photo: "not base64!" });
    expect([text.status, text.json.error.code]).toEqual([400, "0x80048d19"]);
    expect((await send("DELETE", `${asset}/new_photo`)).status).toBe(204);
    expect((await wire.call("GET", asset)).json.new_photo).toBeNull();
  });
});
