import { describe, expect, test } from "vitest";
import { type Answer, crlf, idIn, openWire, part, type Wire } from "./client.ts";

const TYPE = "Microsoft.Dynamics.CRM.new_log";
const guid = (n: number) => `00000000-0000-0000-0000-${String(n).padStart(12, "0")}`;
const item = (id: number, more: Record<string, unknown> = {}) => ({
  "@odata.type": TYPE,
  new_logid: guid(id),
  ...more,
});
const bulk = (wire: Wire, message: string, Targets: unknown[], headers = {}): Promise<Answer> =>
  wire.call("POST", `new_logs/Microsoft.Dynamics.CRM.${message}`, { Targets }, headers);
const names = async (wire: Wire): Promise<string[]> =>
  (await wire.call("GET", "new_logs?$select=new_name")).json.value.map(
    (row: { new_name: string }) => row.new_name,
  );
const ANNOTATED = { Prefer: 'odata.include-annotations="*"' };
const DETAILS = "@Microsoft.PowerApps.CDS.ErrorDetails.Plugin.BulkApiErrorDetails";

describe("single rows", () => {
  test("a partition is part of a row's name; by default it is the id", async () => {
    await using wire = await openWire();
    const id = idIn(await wire.call("POST", "new_logs", { new_name: "own" }));
    expect((await wire.call("GET", `new_logs(${id})?$select=partitionid`)).json.partitionid).toBe(id);
    for (const partitionid of ["p1", "p2"]) {
      const made = await wire.call("POST", "new_logs", {
        new_logid: guid(1),
        new_name: partitionid,
        partitionid,
      });
      expect(made.status).toBe(204);
    }
    expect(await names(wire)).toEqual(["own", "p1", "p2"]);
    expect((await wire.call("GET", `new_logs(${guid(1)})`)).status).toBe(404);
    const read = await wire.call("GET", `new_logs(${guid(1)})?partitionId=p2&$select=new_name`);
    expect([read.json.new_name, read.json.new_logid]).toEqual(["p2", guid(1)]);
    const both = await wire.call("GET", `new_logs?$filter=new_logid eq ${guid(1)}&$select=partitionid`);
    expect(both.json.value.map((row: { partitionid: string }) => row.partitionid)).toEqual(["p1", "p2"]);
    const keyed = await wire.call("GET", `new_logs(new_logid=${guid(1)},partitionid='p1')`);
    expect(keyed.json.new_name).toBe("p1");
    expect((await wire.call("DELETE", `new_logs(${guid(1)})?partitionId=p1`)).status).toBe(204);
    expect(await names(wire)).toEqual(["own", "p2"]);
  });

  test("writes answer with a session token, deletes do not; etags are guids and work as conditions", async () => {
    await using wire = await openWire();
    const made = await wire.call("POST", "new_logs", { new_logid: guid(1), new_name: "a" });
    expect(made.headers["x-ms-session-token"]).toMatch(/^240:8#\d+#7=-1$/);
    const read = await wire.call("GET", `new_logs(${guid(1)})`);
    const etag = read.json["@odata.etag"];
    expect(etag).toMatch(/^W\/"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"$/);
    const patch = (value: string) =>
      wire.call("PATCH", `new_logs(${guid(1)})`, { new_name: "b" }, { "If-Match": value });
    const first = await patch(etag);
    expect([first.status, first.headers["x-ms-session-token"]]).toEqual([204, expect.any(String)]);
    expect((await patch(etag)).json.error.code).toBe("0x80060882");
    const gone = await wire.call("DELETE", `new_logs(${guid(1)})`);
    expect([gone.status, gone.headers["x-ms-session-token"]]).toEqual([204, undefined]);
  });

  test("an upsert replaces the whole row, an update does not", async () => {
    await using wire = await openWire();
    await wire.call("PATCH", `new_logs(${guid(1)})`, { new_name: "a", new_level: 3 });
    await wire.call("PATCH", `new_logs(${guid(1)})`, { new_name: "b" }, { "If-Match": "*" });
    const level = async () => (await wire.call("GET", `new_logs(${guid(1)})`)).json.new_level;
    expect(await level()).toBe(3);
    const address = await wire.call("PATCH", `new_logs(new_logid=${guid(1)},partitionid='${guid(1)}')`, {
      new_name: "c",
    });
    expect(address.status).toBe(204);
    expect(await level()).toBeNull();
    expect(await names(wire)).toEqual(["c"]);
  });

  test("joins fail", async () => {
    await using wire = await openWire();
    for (const query of ["$expand=ownerid", "$filter=createdby/fullname eq 'x'"]) {
      const answer = await wire.call("GET", `new_logs?${query}`);
      expect([answer.status, answer.json.error.code]).toEqual([400, "0x80048d0b"]);
    }
  });

  test("a change set that fails leaves what it wrote", async () => {
    await using wire = await openWire();
    const body = crlf(
      "--b1",
      "Content-Type: multipart/mixed; boundary=c1",
      "",
      "--c1",
      ...part("POST", "new_logs", { new_name: "stays" }, "1"),
      "--c1",
      ...part("POST", "contacts", { lastname: "goes" }, "2"),
      "--c1",
      ...part("POST", "new_logs", { new_level: 99 }, "3"),
      "--c1--",
      "--b1--",
    );
    expect((await wire.batch(body)).status).toBe(400);
    expect(await names(wire)).toEqual(["stays"]);
    expect((await wire.call("GET", "contacts")).json.value).toEqual([]);
  });
});

describe("bulk messages", () => {
  test("each row for itself: the good ones stay, the details tell of the bad ones", async () => {
    await using wire = await openWire();
    const targets = [item(1, { new_name: "a" }), item(2, { new_level: 99 }), item(3, { new_name: "c" })];
    const answer = await bulk(wire, "CreateMultiple", targets, ANNOTATED);
    expect([answer.status, answer.json.error.code]).toEqual([400, "0x8004432f"]);
    expect(JSON.parse(answer.json.error[DETAILS])).toEqual([
      { RequestIndex: 1, Id: guid(2), StatusCode: 400 },
    ]);
    expect(await names(wire)).toEqual(["a", "c"]);
    const few = { Prefer: "odata.include-annotations=Microsoft.PowerApps.CDS.ErrorDetails.*" };
    const again = await bulk(wire, "CreateMultiple", targets, few);
    expect(
      JSON.parse(again.json.error[DETAILS]).map((row: { StatusCode: number }) => row.StatusCode),
    ).toEqual([412, 400, 412]);
    expect((await bulk(wire, "CreateMultiple", targets)).json.error[DETAILS]).toBeUndefined();
  });

  test("a good request answers like one on a standard table", async () => {
    await using wire = await openWire();
    const made = await bulk(wire, "CreateMultiple", [item(1, { new_name: "a" }), item(2, { new_name: "b" })]);
    expect([made.status, made.json.Ids]).toEqual([200, [guid(1), guid(2)]]);
    expect(made.headers["x-ms-session-token"]).toBeDefined();
    expect((await bulk(wire, "UpdateMultiple", [item(1, { new_level: 1 })])).status).toBe(204);
    expect(
      (await bulk(wire, "UpsertMultiple", [item(1, { new_name: "z" }), item(3, { new_name: "c" })])).status,
    ).toBe(204);
    expect((await wire.call("GET", `new_logs(${guid(1)})`)).json).toMatchObject({
      new_name: "z",
      new_level: null,
    });
    const gone = await bulk(wire, "DeleteMultiple", [item(1), item(2)]);
    expect([gone.status, gone.headers["x-ms-session-token"]]).toEqual([204, undefined]);
    expect(await names(wire)).toEqual(["c"]);
    const missing = await bulk(wire, "DeleteMultiple", [item(1), item(3)], ANNOTATED);
    expect(JSON.parse(missing.json.error[DETAILS])).toEqual([
      { RequestIndex: 0, Id: guid(1), StatusCode: 404 },
    ]);
    expect(await names(wire)).toEqual([]);
  });

  test("partitions in items, by property and by key", async () => {
    await using wire = await openWire();
    const targets = [
      item(1, { new_name: "one", partitionid: "p" }),
      { "@odata.type": TYPE, "@odata.id": `new_logs(new_logid=${guid(1)},partitionid='q')`, new_name: "two" },
    ];
    expect((await bulk(wire, "UpsertMultiple", targets)).status).toBe(204);
    expect((await bulk(wire, "UpsertMultiple", targets)).status).toBe(204);
    expect((await names(wire)).sort()).toEqual(["one", "two"]);
    expect((await bulk(wire, "DeleteMultiple", [item(1, { partitionid: "q" })])).status).toBe(204);
    expect(await names(wire)).toEqual(["one"]);
  });

  test("DeleteMultiple is offered by elastic tables alone", async () => {
    await using wire = await openWire();
    const on = async (table: string) =>
      (
        await wire.call(
          "GET",
          `sdkmessagefilters?$filter=sdkmessageid/name eq 'DeleteMultiple' and primaryobjecttypecode eq '${table}'`,
        )
      ).json.value.length;
    expect([await on("new_log"), await on("contact")]).toEqual([1, 0]);
  });
});

test("an id beside the address of another row is refused, and so is what cannot be read", async () => {
  for (const conflictingIds of ["refused", "the address counts"] as const) {
    await using wire = await openWire({ unverified: { conflictingIds } });
    const usual = conflictingIds === "refused" ? 400 : 204;
    await bulk(wire, "CreateMultiple", [item(1, { new_name: "a" }), item(2, { new_name: "b" })]);
    const both = item(2, { "@odata.id": `new_logs(${guid(1)})` });
    expect((await bulk(wire, "UpdateMultiple", [both])).status).toBe(usual);
    expect((await bulk(wire, "DeleteMultiple", [item(1, { nonsense: 1 })])).status).toBe(400);
    expect((await bulk(wire, "DeleteMultiple", [both])).status).toBe(usual);
    expect(await names(wire)).toEqual(conflictingIds === "refused" ? ["a", "b"] : ["b"]);
    expect((await bulk(wire, "DeleteMultiple", [item(2, { partitionid: guid(2) })])).status).toBe(204);
  }
});
