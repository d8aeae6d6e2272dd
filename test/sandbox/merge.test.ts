/** The action Merge: what is left of both records, what follows them, and what is refused. */
import { describe, expect, test } from "vitest";
import type { SandboxOptions } from "../../src/sandbox/index.ts";
import { openWire } from "./client.ts";

const TYPE = "Microsoft.Dynamics.CRM.";
const SETS = { account: "accounts", contact: "contacts", lead: "leads", incident: "incidents" } as const;
type Name = keyof typeof SETS;

async function open(options: SandboxOptions = {}) {
  const wire = await openWire(options);
  const seed = async (table: string, ...rows: object[]): Promise<string[]> =>
    (await wire.admin("POST", "seed", { table, rows })).json.ids;
  const named = (table: string, id: string) => ({ "@odata.type": `${TYPE}${table}`, [`${table}id`]: id });
  return {
    wire,
    seed,
    named,
    merge: async (table: string, target: string, subordinate: string, more: object = {}) => {
      const answer = await wire.call("POST", "Merge", {
        Target: named(table, target),
        Subordinate: named(table, subordinate),
        PerformParentingChecks: false,
        ...more,
      });
      return answer.status < 300 ? answer.status : [answer.status, answer.json?.error?.code];
    },
    read: async (table: Name, id: string) => (await wire.call("GET", `${SETS[table]}(${id})`)).json,
    [Symbol.asyncDispose]: () => wire.sandbox.close(),
  };
}

describe("a merge", () => {
  test.each([
    ["account", [{ name: "One" }, { name: "Two" }], { statecode: 1, statuscode: 2 }],
    ["contact", [{ lastname: "One" }, { lastname: "Two" }], { statecode: 1, statuscode: 2 }],
    [
      "lead",
      [
        { lastname: "One", subject: "x" },
        { lastname: "Two", subject: "x" },
      ],
      { statecode: 2, statuscode: 4 },
    ],
  ] as const)("of two rows of %s leaves one active, and the other says which", async (table, rows, state) => {
    await using it = await open();
    const [one, two] = (await it.seed(table, ...rows)) as [string, string];
    expect(await it.merge(table, one, two)).toBe(204);
    expect(await it.read(table, two)).toMatchObject({ ...state, merged: true, _masterid_value: one });
    expect(await it.read(table, one)).toMatchObject({ statecode: 0, merged: false, _masterid_value: null });
    expect(await it.merge(table, one, two)).toEqual([400, "0x80045304"]);
    expect(await it.merge(table, two, one)).toEqual([400, "0x80045304"]);
  });

  test("of two cases cancels one as merged", async () => {
    await using it = await open();
    const [account] = await it.seed("account", { name: "One" });
    const customerid = { table: "account", id: account };
    const [one, two] = (await it.seed(
      "incident",
      { title: "One", customerid },
      { title: "Two", customerid },
    )) as [string, string];
    expect(await it.merge("incident", one, two)).toBe(204);
    expect(await it.read("incident", two)).toMatchObject({
      statecode: 2,
      statuscode: 2000,
      merged: true,
      _masterid_value: one,
    });
  });

  test("writes the content, fills what is empty, moves what points there, and leaves each its key", async () => {
    await using it = await open();
    const [one, two] = (await it.seed(
      "account",
      { name: "One", telephone1: "1" },
      { name: "Two", telephone1: "2", fax: "22", description: "old", accountnumber: "A-2" },
    )) as [string, string];
    const [person] = await it.seed("contact", {
      lastname: "Ray",
      parentcustomerid: { table: "account", id: two },
    });
    const UpdateContent = { "@odata.type": `${TYPE}account`, description: "new" };
    expect(await it.merge("account", one, two, { UpdateContent })).toBe(204);
    expect(await it.read("account", one)).toMatchObject({
      name: "One",
      telephone1: "1",
      fax: "22",
      description: "new",
      accountnumber: null,
    });
    expect(await it.read("account", two)).toMatchObject({ name: "Two", accountnumber: "A-2" });
    expect(await it.read("contact", person!)).toMatchObject({ _parentcustomerid_value: one });
  });

  test("may leave the target and what points there as they are: no capture tells", async () => {
    await using it = await open({
      unverified: { mergeFillsEmptyColumns: false, mergeMovesReferences: false },
    });
    const [one, two] = (await it.seed("account", { name: "One" }, { name: "Two", fax: "22" })) as [
      string,
      string,
    ];
    const [person] = await it.seed("contact", {
      lastname: "Ray",
      parentcustomerid: { table: "account", id: two },
    });
    expect(await it.merge("account", one, two)).toBe(204);
    expect(await it.read("account", one)).toMatchObject({ fax: null });
    expect(await it.read("contact", person!)).toMatchObject({ _parentcustomerid_value: two });
  });

  test("is refused of a row with itself, of two tables, of other tables, and without all it needs", async () => {
    await using it = await open();
    const [one, two] = (await it.seed("account", { name: "One" }, { name: "Two" })) as [string, string];
    const [person] = await it.seed("contact", { lastname: "Ray" });
    const [order, other] = (await it.seed("new_order", { new_name: "1" }, { new_name: "2" })) as [
      string,
      string,
    ];
    expect(await it.merge("account", one, one)).toEqual([400, "0x80045305"]);
    expect(await it.merge("account", one, two, { Subordinate: it.named("contact", person!) })).toEqual([
      400,
      "0x80048d19",
    ]);
    expect(await it.merge("new_order", order, other)).toEqual([400, "0x80040203"]);
    expect(await it.merge("account", one, two, { PerformParentingChecks: undefined })).toEqual([
      400,
      "0x80048d19",
    ]);
    expect(await it.merge("account", one, two, { Target: { accountid: one } })).toEqual([400, "0x80048d19"]);
    const direct = await it.wire.call("PATCH", `accounts(${one})`, { merged: true });
    expect([direct.status, (await it.read("account", one)).merged]).toEqual([204, false]);
  });
});
