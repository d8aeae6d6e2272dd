import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startSandbox } from "../../src/sandbox/index.ts";
import { ID, idIn, openWire, type Wire } from "./client.ts";

const FOLDER = fileURLToPath(new URL("../../../shared/metadata/entity-definitions/", import.meta.url));
const present = existsSync(FOLDER);
const reason = present ? "" : " (skipped: no captured definitions beside the project)";
const FILES = present
  ? readdirSync(FOLDER, { recursive: true })
      .map(String)
      .filter((name) => name.endsWith(".json"))
      .sort()
  : [];

// biome-ignore lint/suspicious/noExplicitAny: captured documents are compared, not typed
type Captured = any;
const captured = (file: string): Captured => JSON.parse(readFileSync(join(FOLDER, file), "utf8"));

const PARTS = [
  "Attributes",
  "Keys",
  "ManyToOneRelationships",
  "OneToManyRelationships",
  "ManyToManyRelationships",
];
const CASTS = ["Picklist", "MultiSelectPicklist", "State", "Status", "Boolean"];
const byName = (list: Captured[]): Map<string, Captured> =>
  new Map(list.map((item) => [item.LogicalName ?? item.SchemaName, item]));

describe.skipIf(!present)(`captured definitions${reason}`, () => {
  let wire: Wire & AsyncDisposable;
  beforeAll(async () => {
    wire = await openWire({ metadata: FOLDER });
  });
  afterAll(async () => wire?.[Symbol.asyncDispose]());
  const get = async (path: string): Promise<Captured> => {
    const answer = await wire.call("GET", path);
    expect([path, answer.status, answer.json?.error?.message]).toEqual([path, 200, undefined]);
    return answer.json;
  };

  test.each(FILES)("%s is answered word for word", async (file) => {
    const real = captured(file);
    const table = await get(
      `EntityDefinitions(LogicalName='${real.LogicalName}')?$expand=${PARTS.join(",")}`,
    );
    const scalar = (document: Captured) =>
      Object.fromEntries(
        Object.entries(document).filter(([name]) => !PARTS.includes(name) && !name.startsWith("@")),
      );
    expect(scalar(table)).toEqual(scalar(real));
    for (const part of PARTS.slice(1)) expect([part, table[part]]).toEqual([part, real[part]]);
    const plain = real.Attributes.map(({ OptionSet: _, GlobalOptionSet: __, ...own }: Captured) => own);
    expect(table.Attributes).toEqual(plain);
    expect(table.Attributes.length).toBeGreaterThan(20);
    const one = await get(`EntityDefinitions(${real.MetadataId})?$select=LogicalName`);
    expect(one.LogicalName).toBe(real.LogicalName);
  });

  test.each(FILES)("%s: option sets come through casts alone", async (file) => {
    const real = captured(file);
    const base = `EntityDefinitions(LogicalName='${real.LogicalName}')/Attributes`;
    expect(JSON.stringify(await get(base))).not.toContain('"OptionSet"');
    const strings = await get(`${base}/Microsoft.Dynamics.CRM.StringAttributeMetadata`);
    expect(strings.value.filter((item: Captured) => "@odata.type" in item)).toEqual([]);
    const withSets = real.Attributes.filter((item: Captured) => item.OptionSet);
    let seen = 0;
    for (const cast of CASTS) {
      const { value } = await get(
        `${base}/Microsoft.Dynamics.CRM.${cast}AttributeMetadata?$select=LogicalName&$expand=OptionSet,GlobalOptionSet`,
      );
      const known = byName(real.Attributes);
      for (const item of value) {
        const other = known.get(item.LogicalName);
        expect(other["@odata.type"]).toBe(`#Microsoft.Dynamics.CRM.${cast}AttributeMetadata`);
        expect([item.LogicalName, item.OptionSet]).toEqual([item.LogicalName, other.OptionSet ?? null]);
        expect(item.GlobalOptionSet).toEqual(other.GlobalOptionSet ?? null);
        if (item.OptionSet) seen += 1;
      }
    }
    expect(seen).toBe(withSets.length);
  });

  test.each(FILES)("%s: rows are made, read and refused as it says", async (file) => {
    const real = captured(file);
    const set: string = real.EntitySetName;
    const id: string = real.PrimaryIdAttribute;
    const writable = real.Attributes.filter(
      (item: Captured) => item.IsValidForCreate && item.IsValidODataAttribute !== false && !item.AttributeOf,
    );
    const strings = writable.filter(
      (item: Captured) => item.AttributeType === "String" && item.MaxLength >= 4,
    );
    const whole = writable.filter(
      (item: Captured) => item.AttributeType === "Integer" && item.IsValidForRead,
    );
    const readable = new Set(
      real.Attributes.filter((item: Captured) => item.IsValidForRead).map(
        (item: Captured) => item.LogicalName,
      ),
    );
    const row: Record<string, unknown> = {};
    for (const item of strings) if (readable.has(item.LogicalName)) row[item.LogicalName] = "abcd";
    for (const item of whole) row[item.LogicalName] = item.MaxValue;
    const wanted = { ...row };
    // A list is of the table that its createdfromcode says, whatever was sent.
    if (real.LogicalName === "list") delete wanted.membertype;
    for (const item of writable) {
      if (item.RequiredLevel.Value !== "SystemRequired" || item.LogicalName in row) continue;
      if (item.OptionSet && item.AttributeType === "Picklist") {
        row[item.LogicalName] = item.OptionSet.Options[0].Value;
      } else if (item.AttributeType === "Boolean") row[item.LogicalName] = false;
      else if (item.AttributeType === "EntityName") row[item.LogicalName] = "account";
      else if (["Decimal", "Money", "Double"].includes(item.AttributeType)) row[item.LogicalName] = 1;
    }
    for (const item of real.ManyToOneRelationships) {
      const column = writable.find((other: Captured) => other.LogicalName === item.ReferencingAttribute);
      if (column?.RequiredLevel.Value !== "SystemRequired" || column.AttributeType === "Owner") continue;
      const target = {
        account: "accounts",
        businessunit: "businessunits",
        list: "lists",
        systemuser: "systemusers",
        transactioncurrency: "transactioncurrencies",
      }[item.ReferencedEntity as string];
      const [first] = target ? (await get(`${target}?$top=1`)).value : [];
      const key = `${item.ReferencedEntity}id`;
      if (first)
        row[`${item.ReferencingEntityNavigationPropertyName}@odata.bind`] = `/${target}(${first[key]})`;
    }
    const made = await wire.call("POST", set, row);
    const mayFail = ["listmember"].includes(real.LogicalName);
    if (mayFail && made.status === 400) return;
    expect([made.status, made.text]).toEqual([204, ""]);
    const address = `${set}(${idIn(made)})`;
    const read = await get(address);
    expect(read).toMatchObject({ ...wanted, [id]: expect.stringMatching(ID) });
    const [text] = strings;
    if (text?.IsValidForUpdate) {
      const tooLong = await wire.call("PATCH", address, {
        [text.LogicalName]: "x".repeat(text.MaxLength + 1),
      });
      expect([tooLong.status, tooLong.json.error.code]).toEqual([400, "0x80044331"]);
    }
    const [number] = whole.filter((item: Captured) => item.MaxValue < 2147483647 && item.IsValidForUpdate);
    if (number) {
      const tooMuch = await wire.call("PATCH", address, { [number.LogicalName]: number.MaxValue + 1 });
      expect([tooMuch.status, tooMuch.json.error.code]).toEqual([400, "0x8004432f"]);
    }
    const unknown = await wire.call("PATCH", address, { nonsense: 1 });
    expect([unknown.status, unknown.json.error.code]).toEqual([400, "0x80048d19"]);
  });

  test("keys and lookups of loaded tables work", async () => {
    const [key] = captured("custom/mock_uniquesinglekeyonname.json").Keys;
    const address = `mock_uniquesinglekeyonnames(${key.KeyAttributes[0]}='one')`;
    expect((await wire.call("PATCH", address, {})).status).toBe(204);
    expect((await wire.call("PATCH", address, {}, { "If-None-Match": "*" })).status).toBe(412);
    const parent = await wire.call("POST", "mock_parents", { mock_name: "p" });
    const relationship = captured("custom/mock_child.json").ManyToOneRelationships.find(
      (item: Captured) => item.ReferencedEntity === "mock_parent",
    );
    const navigation = relationship.ReferencingEntityNavigationPropertyName;
    const child = await wire.call("POST", "mock_children", {
      [`${navigation}@odata.bind`]: `/mock_parents(${idIn(parent)})`,
    });
    expect([child.status, child.text]).toEqual([204, ""]);
    const read = await get(`mock_children(${idIn(child)})?$expand=${navigation}($select=mock_name)`);
    expect(read[`_${relationship.ReferencingAttribute}_value`]).toBe(idIn(parent));
    expect(read[navigation]).toMatchObject({ mock_name: "p" });
  });

  test("what an older definition does not mention is answered when it is asked for", async () => {
    const path = "EntityDefinitions(LogicalName='mock_parent')?$select=LogicalName,TableType";
    expect(await get(path)).toMatchObject({ LogicalName: "mock_parent", TableType: "Standard" });
  });
});

describe("a folder of definitions", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "definitions-"));
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  let count = 0;
  const folderOf = (files: Record<string, unknown>): string => {
    const path = join(folder, String(++count));
    mkdirSync(path);
    for (const [name, content] of Object.entries(files)) {
      writeFileSync(join(path, name), typeof content === "string" ? content : JSON.stringify(content));
    }
    return path;
  };

  const column = (LogicalName: string, type: string, more: Record<string, unknown> = {}) => ({
    LogicalName,
    SchemaName: LogicalName,
    MetadataId: `00000000-0000-0000-0000-${LogicalName.padStart(12, "0")
      .slice(-12)
      .replace(/[^0-9a-f]/g, "0")}`,
    AttributeType: type,
    AttributeTypeName: { Value: `${type}Type` },
    IsValidForCreate: true,
    IsValidForRead: true,
    IsValidForUpdate: true,
    IsValidODataAttribute: true,
    RequiredLevel: { Value: "None" },
    ...more,
  });
  const thing = {
    LogicalName: "x_thing",
    SchemaName: "x_thing",
    EntitySetName: "x_things",
    PrimaryIdAttribute: "x_thingid",
    PrimaryNameAttribute: "x_name",
    MetadataId: "11111111-1111-1111-1111-111111111111",
    ObjectTypeCode: 10999,
    OwnershipType: "OrganizationOwned",
    IsCustomEntity: true,
    Attributes: [
      column("x_thingid", "Uniqueidentifier"),
      column("x_name", "String", { MaxLength: 10 }),
      column("x_kind", "Picklist"),
    ],
    Keys: [{ SchemaName: "x_NameKey", KeyAttributes: ["x_name"], EntityKeyIndexStatus: "Active" }],
  };

  test("may hold a list, and choices whose options nobody wrote down", async () => {
    const metadata = folderOf({ "all.json": { "@odata.context": "x", value: [thing] } });
    await using wire = await openWire({ metadata });
    const answer = await wire.call("PATCH", "x_things(x_name='a')", { x_kind: 7 });
    expect([answer.status, answer.text]).toEqual([204, ""]);
    const twice = await wire.call("POST", "x_things", { x_name: "A" });
    expect(twice.json.error.code).toBe("0x80060892");
  });

  const { Attributes: _, ...bare } = thing;
  const wrong: readonly (readonly [string, Record<string, unknown>, RegExp])[] = [
    ["no folder", {}, /no JSON file/],
    ["no JSON", { "a.json": "{" }, /a\.json: this is not JSON/],
    ["no object", { "a.json": [1] }, /a\.json: .*no definition of a table: this is no object/],
    [
      "no name",
      { "b.json": { ...thing, EntitySetName: undefined } },
      /b\.json: .*'EntitySetName' is missing/,
    ],
    ["no columns", { "b.json": bare }, /b\.json: .*'Attributes' is missing/],
    [
      "an unknown type",
      { "b.json": { ...thing, Attributes: [column("x_thingid", "Odd")] } },
      /the column 'x_thingid' is of the unknown type 'OddType'/,
    ],
    [
      "no primary key",
      { "b.json": { ...thing, PrimaryIdAttribute: "x_id" } },
      /the primary key 'x_id' is no column/,
    ],
    [
      "a key without column",
      { "b.json": { ...thing, Keys: [{ SchemaName: "k", KeyAttributes: ["x_no"] }] } },
      /the key 'k' names 'x_no', which is no column/,
    ],
    [
      "a table twice",
      { "a.json": thing, "b.json": thing },
      /b\.json: the table 'x_thing' is defined in .*a\.json already/,
    ],
    [
      "the set of another table",
      { "a.json": { ...thing, EntitySetName: "accounts" } },
      /the set 'accounts' belongs to the table 'account'/,
    ],
  ];
  test.each(wrong)("is refused with %s", async (_name, files, message) => {
    await expect(startSandbox({ metadata: folderOf(files) })).rejects.toThrow(message);
  });
});
