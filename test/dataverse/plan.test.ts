import { describe, expect, test } from "vitest";
import type { Found, MappedField, Mapping } from "../../connectors/dataverse/compile/mapping.ts";
import { keyPart, matchBy } from "../../connectors/dataverse/compile/match.ts";
import { foldedMatch } from "../../connectors/dataverse/plan/match.ts";
import { needsOf } from "../../connectors/dataverse/plan/needs.ts";
import { planChange } from "../../connectors/dataverse/plan/plan.ts";
import type { Match, Resolution } from "../../connectors/dataverse/plan/resolution.ts";
import { coercerOf } from "../../connectors/dataverse/types/coercer.ts";
import type { Added, Changed, Present } from "../../src/core/change.ts";
import { DEFAULT_RULES, NO_OPTIONS } from "../../src/core/spec.ts";
import type { Value } from "../../src/core/value.ts";
import { account, contact } from "./support/tables.ts";

const ID = "0a4ce4d6-5a54-4c2e-8a2e-6f6b31f22222";
const PARENT = "11111111-2222-3333-4444-555555555555";

function part(table: typeof contact, field: string) {
  const attribute = table.attributes.get(field);
  if (!attribute) throw new Error(field);
  const made = keyPart(attribute, "text");
  if ("why" in made) throw new Error(made.why);
  return made.part;
}

function plain(field: string, column: number | null, more: Partial<MappedField> = {}): MappedField {
  const attribute = contact.attributes.get(field);
  if (!attribute) throw new Error(field);
  const made = coercerOf(attribute, "text");
  if ("why" in made) throw new Error(made.why);
  return {
    kind: "plain",
    field,
    property: field,
    column,
    constant: null,
    whenNull: "clear",
    required: attribute.required === "system",
    creatable: attribute.creatable,
    updatable: attribute.updatable,
    write: "always",
    coerce: made.coerce,
    ...more,
  } as MappedField;
}

function lookup(whenMissing: "reject" | "skip" | "clear"): MappedField {
  return {
    kind: "lookup",
    field: "parentcustomerid",
    property: "parentcustomerid_account@odata.bind",
    column: 3,
    constant: null,
    whenNull: "clear",
    required: false,
    creatable: true,
    updatable: true,
    write: "always",
    whenMissing,
    objectColumn: null,
    parents: [
      {
        ref: "account.accountnumber",
        table: account,
        parts: [{ ...part(account, "accountnumber"), column: null }],
        property: "parentcustomerid_account@odata.bind",
      },
    ],
  };
}

function mapping(more: Partial<Mapping> = {}): Mapping {
  return {
    table: contact,
    match: matchBy(contact, "key", [{ ...part(contact, "new_customerid"), column: 0 }]),
    fields: [
      plain("firstname", 1),
      plain("creditlimit", 2, { whenNull: "skip" }),
      lookup("reject"),
      plain("importsequencenumber", null, { constant: "5" }),
    ],
    pair: null,
    rules: { ...DEFAULT_RULES, adopt: false, mode: "upsert", onRemoved: "keep" },
    options: NO_OPTIONS,
    deactivation: [],
    reactivation: [],
    ...more,
  };
}

const added = (...after: Value[]): Added => ({ kind: "added", seq: 1, key: ["1"], id: null, after });
const changed = (
  before: Value[],
  after: Value[],
  more: { id?: string | null; pending?: string[] } = {},
): Changed => ({
  kind: "changed",
  seq: 1,
  key: ["1"],
  id: more.id ?? null,
  before,
  after,
  columns: after.flatMap((value, index) => (value === before[index] ? [] : [index])),
  pending: more.pending ?? [],
  revived: false,
});

function plan(
  change: Present,
  resolutions: { parents?: Record<string, Resolution>; records?: Record<string, Match> } = {},
  of = mapping(),
) {
  const { parents = { "a-1": { id: PARENT } }, records = {} } = resolutions;
  const resolved = {
    parent: (_ref: string, value: string) => parents[value] ?? "missing",
    record: (found: Found) => records[foldedMatch(found)] ?? "unread",
    current: () => undefined,
    isGone: () => false,
    isReread: false,
  };
  const planned = planChange(of, change, resolved, ["test", "contact", "people"]);
  if (planned.status === "unchanged") return "unchanged";
  if (planned.status === "rejected") return planned.problem.code;
  const { kind, record, fields, owed } = planned.operation;
  const body = Object.fromEntries(fields.map(({ property, json }) => [property, json]));
  return { kind, record, body, ...(owed.length > 0 ? { owed } : {}) };
}

const bind = { "parentcustomerid_account@odata.bind": `"/accounts(${PARENT})"` };

describe("added", () => {
  test("is one upsert of the whole row, without the key in the body", () => {
    expect(plan(added("O'Neil", "Ann", "1.005", "A-1"))).toEqual({
      kind: "upsert",
      record: "contacts(new_customerid='O''Neil')",
      body: { firstname: '"Ann"', creditlimit: "1.01", ...bind, importsequencenumber: "5" },
    });
  });

  test("a mapped key is not repeated in the body", () => {
    const mapped = mapping({ fields: [plain("new_customerid", 0), plain("firstname", 1)] });
    expect(plan(added("C", "Ann", null, null), {}, mapped)).toMatchObject({ body: { firstname: '"Ann"' } });
    expect(plan(added("C", "Ann", null, null), {}, mapped)).not.toHaveProperty("body.new_customerid");
  });

  test("clears or skips null, as the mapping says; empty text is null", () => {
    expect(plan(added("C", "", null, null))).toMatchObject({
      body: { firstname: "null", "parentcustomerid_account@odata.bind": "null", importsequencenumber: "5" },
    });
    expect(plan(added("C", "", null, null))).not.toHaveProperty("body.creditlimit");
  });

  test.each([
    ["an empty match", added("", "Ann", null, null), "value.no_match"],
    ["a null match", added(null, "Ann", null, null), "value.no_match"],
    ["a bad value", added("C", "Ann", "many", null), "value.not_a_number"],
    ["a missing parent", added("C", "Ann", "1", "A-2"), "lookup.missing"],
  ])("%s is rejected", (_name, change, code) => expect(plan(change)).toBe(code));

  test("a parent that is found twice is rejected", () => {
    expect(plan(added("C", "Ann", "1", "A-1"), { parents: { "a-1": { several: ["1", "2"] } } })).toBe(
      "lookup.ambiguous",
    );
  });

  test("a parent that an earlier sync will write is bound by its key", () => {
    expect(plan(added("C", null, null, "A'9"), { parents: { "a'9": "promised" } })).toMatchObject({
      body: { "parentcustomerid_account@odata.bind": `"/accounts(accountnumber='A''9')"` },
    });
  });

  test("a missing parent may be skipped, and stays owed, or cleared", () => {
    const skip = mapping({ fields: [plain("firstname", 1), lookup("skip")] });
    expect(plan(added("C", "Ann", null, "A-2"), {}, skip)).toEqual({
      kind: "upsert",
      record: "contacts(new_customerid='C')",
      body: { firstname: '"Ann"' },
      owed: ["parentcustomerid"],
    });
    const clear = mapping({ fields: [{ ...lookup("clear"), whenNull: "skip" }] });
    expect(plan(added("C", "Ann", null, "A-2"), {}, clear)).toMatchObject({
      body: { "parentcustomerid_account@odata.bind": "null" },
    });
  });

  test("null in a column that the platform requires is rejected", () => {
    const required = mapping({ fields: [plain("new_code", 1)] });
    expect(plan(added("C", null, null, null), {}, required)).toBe("value.required");
  });

  test("a key that no address can hold is found by a filter, or made with an id of our own", () => {
    const change = added("A/1", "Ann", null, null);
    expect([...needsOf(mapping(), [change], false).records.keys()]).toEqual(["a/1"]);
    expect(plan(change, { records: { "a/1": { id: ID, row: { firstname: "Ann" } } } })).toBe("unchanged");
    expect(plan(change, { records: { "a/1": { id: ID, row: { firstname: "Bob" } } } })).toEqual({
      kind: "update",
      record: `contacts(${ID})`,
      body: { firstname: '"Ann"' },
    });
    expect(plan(change, { records: { "a/1": { several: ["1", "2"] } } })).toBe("match.ambiguous");
    const made = plan(change, { records: { "a/1": "missing" } }) as {
      kind: string;
      record: string;
      body: Record<string, string>;
    };
    expect(made.kind).toBe("create");
    expect(made.record).toMatch(
      /^contacts\([0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\)$/,
    );
    expect(made.body.new_customerid).toBe('"A/1"');
    const other = { ...added("A/2", "Bob", null, null), key: ["2"] };
    expect(plan(other, { records: { "a/2": "missing" } })).not.toMatchObject({ record: made.record });
  });

  test("a match by the primary id updates what is there and never makes a record", () => {
    const byId = mapping({ match: matchBy(contact, "id", [{ ...part(contact, "contactid"), column: 0 }]) });
    expect(plan(added(ID.toUpperCase(), "Ann", null, null), {}, byId)).toMatchObject({
      kind: "update",
      record: `contacts(${ID})`,
    });
  });
});

describe("changed", () => {
  const before = ["C", "Ann", "1", "A-1"];

  test("is an update of what differs, by key while the id is unknown", () => {
    const change = changed(before, ["C", "Ann", "2", "A-1"]);
    expect(needsOf(mapping(), [change], false)).toMatchObject({ records: new Map(), parents: new Map() });
    expect(plan(change)).toEqual({
      kind: "update",
      record: "contacts(new_customerid='C')",
      body: { creditlimit: "2" },
    });
  });

  test("is by id where it is known", () => {
    expect(plan(changed(before, ["C", "Bob", "1", "A-1"], { id: ID.toUpperCase() }))).toEqual({
      kind: "update",
      record: `contacts(${ID})`,
      body: { firstname: '"Bob"' },
    });
  });

  test("is nothing when the values mean the same", () => {
    expect(plan(changed(before, ["C", "Ann", "1.001", "a-1 "]))).toBe("unchanged");
    expect(plan(changed(["C", "", null, null], ["C", null, null, ""]))).toBe("unchanged");
  });

  test("writes what is still owed though it did not differ", () => {
    expect(plan(changed(before, before, { pending: ["firstname", "parentcustomerid"] }))).toMatchObject({
      body: { firstname: '"Ann"', ...bind },
    });
  });

  test("leaves out what only new records take", () => {
    expect(plan(changed(before, before, { pending: ["importsequencenumber"] }))).toBe("unchanged");
  });

  test("a changed match value is written to the record that the old one finds", () => {
    const change = changed(before, ["D", "Ann", "1", "A-1"]);
    expect([...needsOf(mapping(), [change], false).records.keys()]).toEqual(["c", "d"]);
    expect(plan(change, { records: { c: { id: ID, row: {} } } })).toEqual({
      kind: "update",
      record: `contacts(${ID})`,
      body: { new_customerid: '"D"' },
    });
    expect(plan(changed(before, ["D", "Ann", "1", "A-1"], { id: ID }))).toMatchObject({
      record: `contacts(${ID})`,
    });
  });

  test("is added again, whole, when the record is known to be gone", () => {
    expect(plan(changed(before, ["D", "Ann", "1", "A-1"]), { records: { c: "missing" } })).toMatchObject({
      kind: "upsert",
      record: "contacts(new_customerid='D')",
      body: { firstname: '"Ann"', creditlimit: "1", ...bind },
    });
  });

  test("tells what stood there before", () => {
    const resolved = {
      parent: () => ({ id: PARENT }),
      record: () => "unread" as const,
      current: () => undefined,
      isGone: () => false,
      isReread: false,
    };
    const planned = planChange(mapping(), changed(before, ["C", "Bob", "1", "A-2"]), resolved, []);
    expect(planned.status === "planned" && planned.operation.fields).toEqual([
      { field: "firstname", property: "firstname", json: '"Bob"', before: '"Ann"' },
      {
        field: "parentcustomerid",
        property: "parentcustomerid_account@odata.bind",
        json: `"/accounts(${PARENT})"`,
        shown: `"/accounts(accountnumber='A-2')"`,
        before: `"/accounts(accountnumber='A-1')"`,
      },
    ]);
  });
});

test("a composite key stands in the address, numbers bare", () => {
  const number = contact.attributes.get("new_number");
  const made = number && keyPart(number, "integer");
  if (!made || "why" in made) throw new Error("new_number");
  const composite = mapping({
    match: matchBy(contact, "key", [
      { ...part(contact, "new_region"), column: 0 },
      { ...made.part, column: 1 },
    ]),
    fields: [],
  });
  expect(plan(added("EU", "7"), {}, composite)).toMatchObject({
    record: "contacts(new_region='EU',new_number=7)",
  });
});
