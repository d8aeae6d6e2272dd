import { describe, expect, test } from "vitest";
import { type Answer, ID, idIn, openWire, type Wire } from "./client.ts";

const ORDER = "Microsoft.Dynamics.CRM.new_order";
const order = (key: string, more: Record<string, unknown> = {}) => ({
  "@odata.type": ORDER,
  "@odata.id": `new_orders(new_externalid='${key}')`,
  ...more,
});
const bulk = (wire: Wire, message: string, targets: unknown, set = "new_orders"): Promise<Answer> =>
  wire.call("POST", `${set}/Microsoft.Dynamics.CRM.${message}`, { Targets: targets });
const names = async (wire: Wire): Promise<string[]> =>
  (await wire.call("GET", "new_orders?$select=new_name")).json.value.map(
    (row: { new_name: string }) => row.new_name,
  );

describe("CreateMultiple", () => {
  test("answers 200 with the ids in the order of the request", async () => {
    await using wire = await openWire();
    const targets = ["a", "b", "c"].map((new_name) => ({ "@odata.type": ORDER, new_name }));
    const answer = await bulk(wire, "CreateMultiple", targets);
    expect(answer.status).toBe(200);
    expect(answer.json["@odata.context"]).toBe(
      `${wire.root}$metadata#Microsoft.Dynamics.CRM.CreateMultipleResponse`,
    );
    expect(answer.json.Ids).toHaveLength(3);
    for (const [at, id] of answer.json.Ids.entries()) {
      expect(id).toMatch(ID);
      expect((await wire.call("GET", `new_orders(${id})?$select=new_name`)).json.new_name).toBe("abc"[at]);
    }
  });

  test("rolls back entirely and names only the first error", async () => {
    await using wire = await openWire();
    const answer = await bulk(wire, "CreateMultiple", [
      { "@odata.type": ORDER, new_name: "good", new_externalid: "1" },
      { "@odata.type": ORDER, new_name: "x".repeat(201) },
      { "@odata.type": ORDER, new_orderstatus: 7 },
    ]);
    expect([answer.status, answer.json.error.code]).toEqual([400, "0x80044331"]);
    expect(await names(wire)).toEqual([]);
    expect((await wire.call("PATCH", "new_orders(new_externalid='1')", {}, { "If-Match": "*" })).status).toBe(
      404,
    );
  });

  test("needs @odata.type on each item, with or without #", async () => {
    await using wire = await openWire();
    expect((await bulk(wire, "CreateMultiple", [{ new_name: "a" }])).json.error.code).toBe("0x80048d19");
    expect((await bulk(wire, "CreateMultiple", [{ "@odata.type": "x", new_name: "a" }])).status).toBe(400);
    expect((await bulk(wire, "CreateMultiple", [{ "@odata.type": `#${ORDER}`, new_name: "a" }])).status).toBe(
      200,
    );
    expect((await bulk(wire, "CreateMultiple", "x")).status).toBe(400);
    expect((await bulk(wire, "CreateMultiple", [17])).status).toBe(400);
  });
});

test("a message that objects inherit is none", async () => {
  await using wire = await openWire();
  expect((await bulk(wire, "constructor", [])).status).toBe(404);
});

describe("UpdateMultiple", () => {
  test("finds rows by id and by key; of two items for one row the first wins, silently", async () => {
    await using wire = await openWire();
    const id = idIn(await wire.call("POST", "new_orders", { new_externalid: "1", new_name: "one" }));
    await wire.call("POST", "new_orders", { new_externalid: "2", new_name: "two" });
    const answer = await bulk(wire, "UpdateMultiple", [
      { "@odata.type": ORDER, new_orderid: id, new_name: "first" },
      order("1", { new_name: "second" }),
      order("2", { new_name: "other" }),
    ]);
    expect([answer.status, answer.text]).toEqual([204, ""]);
    expect(await names(wire)).toEqual(["first", "other"]);
  });

  test("a missing row fails the whole", async () => {
    await using wire = await openWire();
    const id = idIn(await wire.call("POST", "contacts", { lastname: "kept" }));
    const nobody = "00000000-0000-0000-0000-0000000000aa";
    const type = "Microsoft.Dynamics.CRM.contact";
    const targets = [id, nobody].map((contactid) => ({
      "@odata.type": type,
      contactid,
      lastname: "changed",
    }));
    const answer = await bulk(wire, "UpdateMultiple", targets, "contacts");
    expect([answer.status, answer.json.error.code]).toEqual([404, "0x80040217"]);
    expect(answer.json.error.message).toBe(`Contact With Ids = ${nobody} Do Not Exist`);
    expect((await wire.call("GET", `contacts(${id})?$select=lastname`)).json.lastname).toBe("kept");
  });
});

describe("UpsertMultiple", () => {
  test("makes and changes rows, 204 without a body", async () => {
    await using wire = await openWire();
    await wire.call("POST", "new_orders", { new_externalid: "1", new_name: "old", new_quantity: 7 });
    const id = "11111111-2222-4333-8444-555555555503";
    const answer = await bulk(wire, "UpsertMultiple", [
      order("1", { new_name: "changed" }),
      order("O''Neil & Co", { new_name: "new" }),
      { "@odata.type": ORDER, new_orderid: id, new_name: "by id" },
    ]);
    expect([answer.status, answer.text]).toEqual([204, ""]);
    const rows = (await wire.call("GET", "new_orders?$select=new_name,new_externalid,new_quantity")).json
      .value;
    expect(rows.map((r: Record<string, unknown>) => [r.new_name, r.new_externalid, r.new_quantity])).toEqual([
      ["changed", "1", 7],
      ["new", "O'Neil & Co", null],
      ["by id", null, null],
    ]);
    expect(rows[2].new_orderid).toBe(id);
  });

  test("a key column in the item too: fine for a row that exists, 0x80040216 for a new one", async () => {
    await using wire = await openWire();
    await wire.call("POST", "new_orders", { new_externalid: "1" });
    const both = (key: string) => order(key, { new_externalid: key, new_name: "x" });
    expect((await bulk(wire, "UpsertMultiple", [both("1")])).status).toBe(204);
    const answer = await bulk(wire, "UpsertMultiple", [both("1"), both("2")]);
    expect(answer.status).toBe(400);
    expect(answer.json.error).toEqual({ code: "0x80040216", message: "An unexpected error occurred." });
  });

  test.each([
    ["the same key", [order("7"), order("7")]],
    ["the same key after folding", [order("k"), order("K ")]],
    ["a key and an id of one row", [order("1"), { "@odata.type": ORDER, new_orderid: "@" }]],
  ])("one row twice is refused: %s", async (_what, targets) => {
    await using wire = await openWire();
    const id = idIn(await wire.call("POST", "new_orders", { new_externalid: "1", new_name: "kept" }));
    const filled = JSON.parse(JSON.stringify(targets).replace('"@"', `"${id}"`));
    expect((await bulk(wire, "UpsertMultiple", filled)).status).toBe(400);
    expect(await names(wire)).toEqual(["kept"]);
  });

  test("one bad row takes a thousand with it, and the indexes too", async () => {
    await using wire = await openWire();
    await wire.call("POST", "new_orders", { new_externalid: "0", new_name: "kept" });
    const targets = Array.from({ length: 1000 }, (_, at) => order(String(at), { new_name: `n${at}` }));
    targets[999] = order("999", { new_quantity: -1 });
    const answer = await bulk(wire, "UpsertMultiple", targets);
    expect([answer.status, answer.json.error.code]).toEqual([400, "0x8004432f"]);
    expect(await names(wire)).toEqual(["kept"]);
    targets[999] = order("999");
    expect((await bulk(wire, "UpsertMultiple", targets)).status).toBe(204);
    expect((await wire.call("GET", "new_orders/$count")).text).toBe("1000");
  });

  test("numbers keep their digits in long bodies", async () => {
    await using wire = await openWire();
    const body =
      `{"Targets":[{"@odata.type":"${ORDER}","@odata.id":"new_orders(new_externalid='1')",` +
      '"new_name":"12345678901234567890","new_amount":922337203685477.0000,"new_weight":12345678.0123456789}]}';
    expect((await wire.call("POST", "new_orders/Microsoft.Dynamics.CRM.UpsertMultiple", body)).status).toBe(
      204,
    );
    const row = await wire.call(
      "GET",
      "new_orders(new_externalid='1')?$select=new_name,new_amount,new_weight",
    );
    expect(row.text).toContain('"new_name":"12345678901234567890","new_amount":922337203685477,');
    expect(row.text).toContain('"new_weight":12345678.0123456789,');
  });
});

describe("what is not offered", () => {
  test("DeleteMultiple on standard tables", async () => {
    await using wire = await openWire();
    const answer = await bulk(wire, "DeleteMultiple", []);
    expect(answer.json.error.message).toBe("DeleteMultiple has not yet been implemented.");
  });

  test("bulk messages on a table without them; sdkmessagefilters says so", async () => {
    await using wire = await openWire();
    const ask = async (message: string, table: string) => {
      const filter = "sdkmessageid/name eq @m and primaryobjecttypecode eq @t";
      const aliases = `@m='${message}'&@t='${table}'`;
      return (
        await wire.call("GET", `sdkmessagefilters?$select=sdkmessagefilterid&$filter=${filter}&${aliases}`)
      ).json.value.length;
    };
    for (const message of ["CreateMultiple", "UpdateMultiple"]) {
      expect(await ask(message, "account")).toBe(1);
      expect(await ask(message, "new_order")).toBe(1);
      expect(await ask(message, "new_note")).toBe(0);
      const item = { "@odata.type": "Microsoft.Dynamics.CRM.new_note", new_name: "x" };
      expect((await bulk(wire, message, [item], "new_notes")).status).toBe(400);
    }
    expect(await ask("UpsertMultiple", "account")).toBe(0);
    expect((await wire.call("PATCH", "new_notes(new_code='1')", { new_name: "x" })).status).toBe(204);
  });

  test("an unknown message, GET on a message", async () => {
    await using wire = await openWire();
    expect((await bulk(wire, "MergeMultiple", [])).status).toBe(404);
    expect((await wire.call("GET", "new_orders/Microsoft.Dynamics.CRM.UpsertMultiple")).status).toBe(404);
  });
});

test("rows of a bulk message keep what was written while others are changed, cleared and deleted", async () => {
  await using wire = await openWire();
  const rows = Array.from({ length: 100 }, (_, at) => ({
    firstname: at % 7 === 0 ? null : `F${at}`,
    lastname: `Müller-Łukasiewicz ${at} ${"x".repeat(at % 13)}`,
    emailaddress1: at % 3 === 0 ? null : `user${at}@example.com`,
    numberofchildren: at % 5,
    new_score: at / 4,
    creditlimit: at * 1000.5,
    birthdate: `1970-01-${String((at % 28) + 1).padStart(2, "0")}`,
  }));
  const address = (at: number) => `contacts(new_customerid='C-${at}')`;
  const type = "Microsoft.Dynamics.CRM.contact";
  const targets = rows.map((row, at) => ({ "@odata.type": type, "@odata.id": address(at), ...row }));
  expect((await bulk(wire, "UpsertMultiple", targets, "contacts")).status).toBe(204);
  const columns = [...Object.keys(rows[0] as object), "fullname", "creditlimit_base"];
  const expectRows = async (gone: ReadonlySet<number>) => {
    const found = await wire.call("GET", `contacts?$select=${columns.join(",")}`);
    const expected = rows
      .map((row) => ({
        ...row,
        fullname: row.firstname === null ? row.lastname : `${row.firstname} ${row.lastname}`,
        creditlimit_base: row.creditlimit,
      }))
      .filter((_, at) => !gone.has(at));
    expect(found.json.value).toMatchObject(expected);
    expect(found.json.value).toHaveLength(expected.length);
  };
  await expectRows(new Set());
  for (let at = 0; at < 60; at++) {
    const change =
      at % 2 === 0 ? { lastname: `changed ${at}` } : { lastname: `cleared ${at}`, firstname: null };
    Object.assign(rows[at] as object, change);
    expect((await wire.call("PATCH", address(at), change)).status).toBe(204);
    if (at === 20) await expectRows(new Set());
  }
  await expectRows(new Set());
  for (let at = 90; at < 100; at++) expect((await wire.call("DELETE", address(at))).status).toBe(204);
  await expectRows(new Set([90, 91, 92, 93, 94, 95, 96, 97, 98, 99]));
});
