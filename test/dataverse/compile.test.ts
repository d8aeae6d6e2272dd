import { describe, expect, test } from "vitest";
import { compileMapping } from "../../connectors/dataverse/compile/compile.ts";
import type { Table } from "../../connectors/dataverse/table.ts";
import type { Problem } from "../../src/core/errors.ts";
import { DEFAULT_RULES, type FieldSpec, NO_OPTIONS, type SyncSpec } from "../../src/core/spec.ts";
import type { Column, ColumnKind } from "../../src/core/value.ts";
import { account, contact } from "./support/tables.ts";

const KINDS: Readonly<Record<string, ColumnKind | undefined>> = {
  id: "text",
  name: "text",
  email: "text",
  amount: "decimal",
  flag: "boolean",
  day: "date",
  number: "integer",
  uuid: "uuid",
  blob: undefined,
};
const columns: Column[] = Object.entries(KINDS).map(([name, kind]) => ({
  name,
  kind,
  sqlType: kind ?? "BLOB",
}));

type Source = string | { value: string | number | boolean | null };
function field(name: string, source: Source, more: Partial<FieldSpec> = {}): FieldSpec {
  return {
    field: name,
    source: typeof source === "string" ? { column: source } : source,
    whenNull: "clear",
    ...more,
  };
}

function compile(fields: readonly FieldSpec[], match: Record<string, string> = { new_customerid: "id" }) {
  const sync: SyncSpec = {
    name: "people",
    model: "people",
    destination: "crm",
    object: "contact",
    mode: "upsert",
    match: Object.entries(match).map(([name, column]) => ({ field: name, column })),
    fields,
    onRemoved: "keep",
    guard: { removed: { share: 0.1, rows: 50 } },
    rules: { ...DEFAULT_RULES, adopt: false },
    options: NO_OPTIONS,
    place: (...path) => ({ file: path.join(".") }),
  };
  const parents = new Map<string, Table | Problem>([
    ["account", account],
    ["contact", contact],
    [
      "acount",
      { kind: "config", code: "object.unknown", message: "The organisation has no table 'acount'." },
    ],
  ]);
  return compileMapping({ sync, columns, table: contact, parents });
}

function refusals(...input: Parameters<typeof compile>): string[] {
  const result = compile(...input);
  if ("mapping" in result) return [];
  return result.map(({ code, place, message, remedy = "" }) =>
    `${place?.file} ${code} ${message} ${remedy}`.trim(),
  );
}

const lookup = { object: "account", by: "accountnumber", whenMissing: "reject" } as const;

test("a mapping that is right", () => {
  const result = compile([
    field("firstname", "name"),
    field("emailaddress1", "email", { whenNull: "skip" }),
    field("creditlimit", "amount"),
    field("donotemail", "flag"),
    field("preferredcontactmethodcode", { value: "email" }),
    field("parentcustomerid", "number", { lookup }),
    field("new_code", { value: 7 }),
  ]);
  if (!("mapping" in result)) throw new Error(JSON.stringify(result));
  expect(result.warnings).toEqual([]);
  expect(result.mapping.match).toMatchObject({ by: "key", parts: [{ field: "new_customerid", column: 0 }] });
  expect(result.mapping.fields.map(({ property, column, constant }) => [property, column, constant])).toEqual(
    [
      ["firstname", 1, null],
      ["emailaddress1", 2, null],
      ["creditlimit", 3, null],
      ["donotemail", 4, null],
      ["preferredcontactmethodcode", null, "email"],
      ["parentcustomerid_account@odata.bind", 6, null],
      ["new_code", null, "7"],
    ],
  );
});

test.each<[string, FieldSpec[], Record<string, string> | undefined, string[]]>([
  [
    "an unknown field",
    [field("firstnme", "name")],
    undefined,
    ["fields.firstnme mapping.unknown_field contact has no column 'firstnme'. Did you mean 'firstname'?"],
  ],
  [
    "a navigation property instead of the column",
    [field("parentcustomerid_account", "name")],
    undefined,
    [
      "fields.parentcustomerid_account mapping.unknown_field contact has no column 'parentcustomerid_account'. Write the column's name, 'parentcustomerid', with a lookup.",
    ],
  ],
  [
    "an unknown column",
    [field("firstname", "nam")],
    undefined,
    ["fields.firstname mapping.unknown_column The model has no column 'nam'. Did you mean 'name'?"],
  ],
  [
    "a column without a canonical form",
    [field("firstname", "blob")],
    undefined,
    [
      "fields.firstname mapping.unknown_type The column 'blob' has the type BLOB, which cannot be sent. Cast it to a simple type in the model's query.",
    ],
  ],
  [
    "fields that cannot be written, all at once",
    [
      field("createdon", "day"),
      field("createdbyname", "name"),
      field("new_tags", "name"),
      field("contactid", "uuid"),
    ],
    undefined,
    [
      "fields.createdon mapping.not_writable 'createdon' cannot be written: the platform keeps it. Take it out of fields.",
      "fields.createdbyname mapping.not_writable 'createdbyname' cannot be written: it belongs to 'createdby'. Take it out of fields.",
      "fields.new_tags mapping.not_writable 'new_tags' cannot be written: a choices column is not supported yet. Take it out of fields.",
      "fields.contactid mapping.not_writable 'contactid' cannot be written: the primary id is set by a match. Take it out of fields.",
    ],
  ],
  [
    "a kind that does not fit",
    [field("creditlimit", "flag"), field("donotemail", "day")],
    undefined,
    [
      "fields.creditlimit mapping.wrong_type 'creditlimit' (decimal) cannot be written from the column 'flag' (boolean): it takes integer, decimal, double or text, not boolean. Cast it in the model's query.",
      "fields.donotemail mapping.wrong_type 'donotemail' (boolean) cannot be written from the column 'day' (date): it takes boolean, integer, decimal or text, not date. Cast it in the model's query.",
    ],
  ],
  [
    "a constant that the field does not take",
    [field("preferredcontactmethodcode", { value: "Fax" }), field("creditlimit", { value: -1 })],
    undefined,
    [
      "fields.preferredcontactmethodcode value.unknown_choice preferredcontactmethodcode: 'Fax' is none of the column's choices. Use one of its labels, such as 'Email', or a number.",
      "fields.creditlimit value.out_of_range creditlimit: '-1' is out of range; the column takes 0 to 1000000. Correct it in the model.",
    ],
  ],
  [
    "a lookup column without lookup",
    [field("parentcustomerid", "name")],
    undefined,
    [
      "fields.parentcustomerid mapping.lookup_missing 'parentcustomerid' points at a record of account or contact. Add lookup: { object: account, by: … }.",
    ],
  ],
  [
    "a lookup on an ordinary column",
    [field("firstname", "name", { lookup })],
    undefined,
    [
      "fields.firstname.lookup mapping.no_lookup_column 'firstname' (text) is no lookup column. Take lookup out.",
    ],
  ],
  [
    "a lookup to a table that does not exist",
    [field("parentcustomerid", "name", { lookup: { ...lookup, object: "acount" } })],
    undefined,
    ["fields.parentcustomerid.lookup.object mapping.unknown_object The organisation has no table 'acount'."],
  ],
  [
    "a match over no key",
    [],
    { firstname: "name" },
    [
      "match mapping.no_key contact has no alternate key over 'firstname'. Match by 'new_customerid', 'new_region' with 'new_number', the primary id 'contactid' (the key over 'emailaddress1' is Failed), or define such a key in Dynamics.",
    ],
  ],
  [
    "a match over half a key",
    [],
    { new_region: "name" },
    [
      "match mapping.no_key contact has no alternate key over 'new_region'. Match by 'new_customerid', 'new_region' with 'new_number', the primary id 'contactid' (the key over 'emailaddress1' is Failed), or define such a key in Dynamics.",
    ],
  ],
  [
    "a match over a key that is not active",
    [],
    { emailaddress1: "email" },
    [
      "match mapping.inactive_key The alternate key 'email' of contact over 'emailaddress1' is not active (Failed). Mend duplicate values in Dynamics and reactivate the key.",
    ],
  ],
  [
    "a match by an unknown field",
    [],
    { new_custmerid: "id" },
    [
      "match.new_custmerid mapping.unknown_field contact has no column 'new_custmerid'. Did you mean 'new_customerid'?",
    ],
  ],
  [
    "a match field written from another column",
    [field("new_customerid", "name")],
    undefined,
    [
      "fields.new_customerid mapping.match_field 'new_customerid' finds the record by the column 'id' and cannot be written from something else. Take it out of fields: what the match holds is written with the record.",
    ],
  ],
])("%s is refused", (_name, fields, match, expected) => {
  expect(refusals(fields, match)).toEqual(expected);
});

describe("what is allowed", () => {
  test("a match by a composite key, in any order", () => {
    expect(refusals([], { new_number: "number", new_region: "name" })).toEqual([]);
  });
  test("a match by the primary id", () => {
    expect(refusals([field("firstname", "name")], { contactid: "uuid" })).toEqual([]);
  });
  test("a match field that is mapped from the same column", () => {
    expect(refusals([field("new_customerid", "id")])).toEqual([]);
  });
  test("a constant lookup", () => {
    expect(refusals([field("parentcustomerid", { value: "A-1" }, { lookup })])).toEqual([]);
  });
});

test("warns about what may surprise", () => {
  const result = compile([field("importsequencenumber", "number"), field("lastusedincampaign", "day")]);
  expect("warnings" in result && result.warnings).toEqual([
    "contact.importsequencenumber can be set when a record is created, not changed later.",
    "contact.lastusedincampaign shows a date but stores a moment: its day depends on the reader's zone.",
    "contact requires 'new_code', which no field sets: new records may be refused.",
  ]);
});
