import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ColumnType } from "../../src/sandbox/tables/column.ts";
import { idIn, openWire, type Wire } from "./client.ts";

let wire: Wire & AsyncDisposable;
beforeAll(async () => {
  wire = await openWire();
});
afterAll(() => wire[Symbol.asyncDispose]());

const MISMATCH = "0x80048d19";
interface Types {
  readonly set: string;
  readonly column: string;
  readonly good: readonly unknown[];
  /** Value, and the code that it meets. */
  readonly bad: readonly (readonly [unknown, string])[];
}

const LONG = "x".repeat(5000);
/** One entry per type: a new type does not compile without its own. */
const TYPES: Record<ColumnType, Types> = {
  string: {
    set: "contacts",
    column: "firstname",
    good: ["Zoë", "", null],
    bad: [
      [LONG, "0x80044331"],
      ["a\u0000", "0x80040278"],
      ["a\u001f", "0x80040278"],
      [1, MISMATCH],
      [{}, MISMATCH],
    ],
  },
  memo: {
    set: "contacts",
    column: "description",
    good: ["a\r\nb\tc"],
    bad: [
      [LONG, "0x80044331"],
      ["\u0008", "0x80040278"],
      [false, MISMATCH],
    ],
  },
  integer: {
    set: "contacts",
    column: "numberofchildren",
    good: [0, 1000000000],
    bad: [
      [-1, "0x8004432f"],
      [1000000001, "0x8004432f"],
      [1.5, MISMATCH],
      ["1", MISMATCH],
      [1e10, MISMATCH],
    ],
  },
  bigint: {
    set: "contacts",
    column: "new_lifetimepoints",
    good: [9007199254740991],
    bad: [
      ["1", MISMATCH],
      [0.5, MISMATCH],
    ],
  },
  decimal: {
    set: "contacts",
    column: "new_score",
    good: [1.25, -100000],
    bad: [
      [100000.1, "0x80044330"],
      ["1.25", MISMATCH],
      [true, MISMATCH],
    ],
  },
  double: {
    set: "contacts",
    column: "new_engagement",
    good: [0, 1],
    bad: [
      [1.01, "0x80044330"],
      ["0.5", MISMATCH],
    ],
  },
  money: {
    set: "contacts",
    column: "creditlimit",
    good: [0, 99999999999999],
    bad: [
      [-1, "0x80044330"],
      ["1", MISMATCH],
      [[], MISMATCH],
    ],
  },
  boolean: {
    set: "contacts",
    column: "donotemail",
    good: [true, false],
    bad: [
      ["true", MISMATCH],
      [1, MISMATCH],
      [0, MISMATCH],
    ],
  },
  datetime: {
    set: "contacts",
    column: "birthdate",
    good: ["2024-02-29"],
    bad: [
      ["1752-12-31", "0x80040239"],
      ["2023-02-29", MISMATCH],
      ["soon", MISMATCH],
      [0, MISMATCH],
    ],
  },
  choice: {
    set: "contacts",
    column: "gendercode",
    good: [1, 2, null],
    bad: [
      [3, "0x8004431a"],
      ["1", MISMATCH],
      [1.5, MISMATCH],
    ],
  },
  choices: {
    set: "contacts",
    column: "new_interests",
    good: ["100000000", "100000001, 100000000", null],
    bad: [
      ["1", "0x8004431a"],
      ["100000000,,100000001", "0x8004431a"],
      ["a", "0x8004431a"],
      [100000000, MISMATCH],
    ],
  },
  state: {
    set: "msdynmkt_segmentdefinitions",
    column: "statecode",
    good: [0, 1],
    bad: [
      [7, "0x8004431a"],
      ["0", MISMATCH],
    ],
  },
  status: {
    set: "contacts",
    column: "statuscode",
    good: [1],
    bad: [
      [7, "0x8004431a"],
      [2, "0x80048408"],
      ["1", MISMATCH],
    ],
  },
  lookup: {
    set: "accounts",
    column: "primarycontactid",
    good: [null],
    bad: [
      ["x", MISMATCH],
      [1, MISMATCH],
    ],
  },
  customer: {
    set: "contacts",
    column: "_parentcustomerid_value",
    good: [],
    bad: [
      ["00000000-0000-0000-0000-000000000001", MISMATCH],
      [null, MISMATCH],
    ],
  },
  owner: {
    set: "contacts",
    column: "ownerid",
    good: [],
    bad: [["00000000-0000-0000-0000-000000000001", MISMATCH]],
  },
  guid: {
    set: "contacts",
    column: "contactid",
    good: ["AAAAAAAA-0000-0000-0000-000000000001"],
    bad: [
      ["{aaaaaaaa-0000-0000-0000-000000000002}", MISMATCH],
      ["x", MISMATCH],
      [1, MISMATCH],
    ],
  },
  entityname: { set: "contacts", column: "owneridtype", good: [], bad: [["systemuser", MISMATCH]] },
  image: {
    set: "new_assets",
    column: "new_photo",
    good: ["R0lGODlh", null],
    bad: [
      ["AAAA", "0x80072553"],
      ["?", MISMATCH],
      [1, MISMATCH],
    ],
  },
  file: { set: "new_assets", column: "new_manual", good: ["ignored"], bad: [] },
  partylist: {
    set: "phonecalls",
    column: "from",
    good: [],
    bad: [
      ["x", MISMATCH],
      [[], MISMATCH],
    ],
  },
  virtual: { set: "contacts", column: "gendercodename", good: [], bad: [["Male", MISMATCH]] },
};

describe.each(Object.entries(TYPES))("%s", (_type, { set, column, good, bad }) => {
  if (good.length > 0) {
    test.each(good.map((value) => [value]))(`${column} takes %j`, async (value) => {
      expect((await wire.call("POST", set, { [column]: value })).status).toBe(204);
    });
  }
  if (bad.length > 0) {
    test.each(bad)(
      `${column} refuses %j with %s, in the frame of the service, and writes nothing`,
      async (value, code) => {
        const count = async () => (await wire.call("GET", `${set}/$count`)).text;
        const before = await count();
        const answer = await wire.call("POST", set, { [column]: value });
        expect([answer.status, answer.json.error.code]).toEqual([400, code]);
        expect(answer.headers["content-type"]).toBe("application/json; odata.metadata=minimal");
        expect(Object.keys(answer.json)).toEqual(["error"]);
        expect(Object.keys(answer.json.error)).toEqual(["code", "message"]);
        expect(await count()).toBe(before);
      },
    );
  }
});

test("columns that cannot be written are passed over without a word, and counted", async () => {
  await wire.admin("POST", "counters");
  const body = {
    createdon: "2001-01-01T00:00:00Z",
    creditlimit_base: 5,
    fullname: "Nobody",
    versionnumber: 1,
    statecode: 1,
    lastname: "Somebody",
  };
  const made = await wire.call("POST", "contacts", body);
  expect(made.status).toBe(204);
  const { json } = await wire.call("GET", `contacts(${idIn(made)})`);
  expect(json).toMatchObject({ fullname: "Somebody", statecode: 0, creditlimit_base: null });
  expect(json.createdon).not.toBe(body.createdon);
  await wire.call("PATCH", `contacts(${idIn(made)})`, { importsequencenumber: 7, contactid: idIn(made) });
  expect((await wire.call("GET", `contacts(${idIn(made)})`)).json.importsequencenumber).toBeNull();
  const { ignored } = (await wire.admin("GET", "counters")).json;
  expect(Object.keys(ignored).sort()).toEqual([
    "contact.contactid",
    "contact.createdon",
    "contact.creditlimit_base",
    "contact.fullname",
    "contact.importsequencenumber",
    "contact.statecode",
    "contact.versionnumber",
  ]);
});

describe("states", () => {
  const change = async (path: string, body: unknown) => {
    const { status, json } = await wire.call("PATCH", path, body, { "If-Match": "*" });
    return [status, json?.error?.code];
  };

  test("follow their transitions where the table says so", async () => {
    const path = `new_assets(${idIn(await wire.call("POST", "new_assets", { new_name: "a" }))})`;
    const state = async () => {
      const { statecode, statuscode } = (await wire.call("GET", path)).json;
      return [statecode, statuscode];
    };
    expect(await change(path, { statuscode: 100000001 })).toEqual([204, undefined]);
    expect(await change(path, { statuscode: 1 })).toEqual([400, "0x8004f00e"]);
    expect(await state()).toEqual([0, 100000001]);
    expect(await change(path, { statecode: 1 })).toEqual([204, undefined]);
    expect(await state()).toEqual([1, 2]);
    expect(await change(path, { statecode: 0, statuscode: 1 })).toEqual([400, "0x8004f00e"]);
    expect(await change(path, { statecode: 1, statuscode: 1 })).toEqual([400, "0x80048408"]);
    expect(await change(path, { statuscode: 2, new_name: "b" })).toEqual([204, undefined]);
  });

  test("an inactive row refuses updates on the tables that do so, but comes back", async () => {
    const closed = async (set: string, body: unknown) => {
      const path = `${set}(${idIn(await wire.call("POST", set, {}))})`;
      await change(path, body);
      return path;
    };
    const opportunity = await closed("opportunities", {});
    const close = { "opportunityid@odata.bind": `/${opportunity}` };
    await wire.call("POST", "WinOpportunity", { OpportunityClose: close, Status: 3 });
    expect(await change(opportunity, { name: "x" })).toEqual([400, "0x80040230"]);
    expect(await change(opportunity, { statecode: 0, statuscode: 1, name: "x" })).toEqual([204, undefined]);
    const contact = await closed("contacts", { statecode: 1, statuscode: 2 });
    expect(await change(contact, { lastname: "x" })).toEqual([204, undefined]);
  });
});

test("a reading on condition: not where the version says nothing", async () => {
  const id = idIn(await wire.call("POST", "accounts", { name: "a" }));
  const etag = (await wire.call("GET", `accounts(${id})`)).json["@odata.etag"];
  const get = async (query: string, headers = {}) =>
    (await wire.call("GET", `accounts(${id})${query}`, undefined, { "If-None-Match": etag, ...headers }))
      .status;
  expect(await get("")).toBe(304);
  expect(await get("?$expand=primarycontactid")).toBe(200);
  expect(await get("", { Prefer: 'odata.include-annotations="*"' })).toBe(200);
});
