import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ID, idIn, openWire, type Wire } from "./client.ts";

let wire: Wire & AsyncDisposable;
beforeAll(async () => {
  wire = await openWire({ now: () => new Date("2026-03-04T05:06:07Z") });
});
afterAll(async () => wire[Symbol.asyncDispose]());
const get = async (path: string) => {
  const answer = await wire.call("GET", path);
  expect([path, answer.status, answer.json?.error?.message]).toEqual([path, 200, undefined]);
  return answer.json;
};
type Named = Record<string, unknown>;
const CRM = "Microsoft.Dynamics.CRM.";

describe("columns that number themselves", () => {
  test("count from 1000, keep what was sent, and never give a number twice", async () => {
    const make = async (body: unknown): Promise<string> => {
      const answer = await wire.call("POST", "new_assets", body, { Prefer: "return=representation" });
      expect(answer.status).toBe(201);
      expect(answer.json.new_orderticket).toMatch(/^ORD-0\d{4}-[A-Z0-9]{4}-20260304$/);
      return answer.json.new_assetnumber;
    };
    expect([await make({}), await make({}), await make({ new_assetnumber: "mine" }), await make({})]).toEqual(
      ["AST-01000", "AST-01001", "mine", "AST-01002"],
    );
    const { value } = await get(
      `EntityDefinitions(LogicalName='new_asset')/Attributes/${CRM}StringAttributeMetadata?$select=LogicalName,AutoNumberFormat`,
    );
    expect(value.find((item: Named) => item.LogicalName === "new_assetnumber").AutoNumberFormat).toBe(
      "AST-{SEQNUM:5}",
    );
  });

  test("go on behind their numbers after a restart", async () => {
    const folder = mkdtempSync(join(tmpdir(), "numbers-"));
    try {
      const numbers: string[] = [];
      for (let start = 0; start < 2; start++) {
        await using again = await openWire({ data: join(folder, "data.jsonl") });
        const answer = await again.call("POST", "new_assets", {}, { Prefer: "return=representation" });
        numbers.push(answer.json.new_assetnumber);
      }
      expect(numbers).toEqual(["AST-01000", "AST-01001"]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

test("computed columns say how, and are ignored when they are sent", async () => {
  const path = `EntityDefinitions(LogicalName='new_orderline')/Attributes/${CRM}DecimalAttributeMetadata?$select=LogicalName,SourceType,IsValidForCreate,IsValidForUpdate`;
  const total = (await get(path)).value.find((item: Named) => item.LogicalName === "new_total");
  expect(total).toMatchObject({ SourceType: 1, IsValidForCreate: false, IsValidForUpdate: false });
  const body = { new_quantity: 3, new_price: 2.5, new_total: 99 };
  const made = await wire.call("POST", "new_orderlines", body, { Prefer: "return=representation" });
  expect([made.status, made.json.new_total]).toEqual([201, 7.5]);
  expect((await wire.admin("GET", "counters")).json.ignored["new_orderline.new_total"]).toBe(1);
});

test("an elastic table shows its partition, its time to live and its own key", async () => {
  const table = await get(
    "EntityDefinitions(LogicalName='new_log')?$select=TableType&$expand=Attributes($select=LogicalName),Keys",
  );
  expect(table.TableType).toBe("Elastic");
  expect(table.Attributes.map((item: Named) => item.LogicalName)).toEqual(
    expect.arrayContaining(["partitionid", "ttlinseconds"]),
  );
  expect(table.Keys).toMatchObject([
    {
      SchemaName: "KeyForNoSqlEntityWithPKPartitionId",
      KeyAttributes: ["new_logid", "partitionid"],
      EntityKeyIndexStatus: "Active",
    },
  ]);
});

test("a virtual table is read, and refuses every write", async () => {
  const table = await get(
    "EntityDefinitions(LogicalName='new_shipment')?$select=TableType,DataProviderId,OwnershipType",
  );
  expect(table).toMatchObject({
    TableType: "Virtual",
    DataProviderId: expect.stringMatching(ID),
    OwnershipType: "OrganizationOwned",
  });
  const seeded = await wire.admin("POST", "seed", {
    table: "new_shipment",
    rows: [{ new_name: "S-1", new_parcels: 2 }],
  });
  const [id] = seeded.json.ids;
  expect(await get(`new_shipments(${id})?$select=new_name,new_parcels`)).toMatchObject({
    new_name: "S-1",
    new_parcels: 2,
  });
  for (const [method, path, body] of [
    ["POST", "new_shipments", { new_name: "x" }],
    ["PATCH", `new_shipments(${id})`, { new_name: "x" }],
    ["DELETE", `new_shipments(${id})`, undefined],
  ] as const) {
    const answer = await wire.call(method, path, body);
    expect([method, answer.status, answer.json.error.code]).toEqual([method, 400, "0x80040800"]);
  }
});

test("image and file columns have their own types", async () => {
  const base = "EntityDefinitions(LogicalName='new_asset')/Attributes";
  const image = await get(
    `${base}/${CRM}ImageAttributeMetadata?$select=LogicalName,MaxSizeInKB,CanStoreFullImage,AttributeType,AttributeTypeName`,
  );
  expect(image.value).toMatchObject([
    {
      LogicalName: "new_photo",
      AttributeType: "Virtual",
      AttributeTypeName: { Value: "ImageType" },
      CanStoreFullImage: true,
    },
  ]);
  const file = await get(
    `${base}/${CRM}FileAttributeMetadata?$select=LogicalName,MaxSizeInKB,AttributeTypeName`,
  );
  expect(file.value).toMatchObject([
    { LogicalName: "new_manual", MaxSizeInKB: 32768, AttributeTypeName: { Value: "FileType" } },
  ]);
});

test("status reasons say which may follow", async () => {
  const { value } = await get(
    `EntityDefinitions(LogicalName='new_asset')/Attributes/${CRM}StatusAttributeMetadata?$select=LogicalName&$expand=OptionSet`,
  );
  expect(value[0].OptionSet.Options[1].TransitionData).toContain(
    '<allowedtransition sourcestatusid="100000001" tostatusid="2" />',
  );
  expect(
    (await get("EntityDefinitions(LogicalName='new_asset')?$select=EnforceStateTransitions"))
      .EnforceStateTransitions,
  ).toBe(true);
});

describe("relationships", () => {
  test("of both sorts are found by their name, their id and through casts", async () => {
    const one = await get("RelationshipDefinitions(SchemaName='account_primary_contact')");
    expect(one).toMatchObject({
      "@odata.type": `#${CRM}OneToManyRelationshipMetadata`,
      ReferencingEntityNavigationPropertyName: "primarycontactid",
    });
    expect((await get(`RelationshipDefinitions(${one.MetadataId})`)).SchemaName).toBe(
      "account_primary_contact",
    );
    const cast = `RelationshipDefinitions(SchemaName='contactleads_association')/${CRM}ManyToManyRelationshipMetadata?$select=IntersectEntityName,Entity1LogicalName`;
    expect(await get(cast)).toMatchObject({
      IntersectEntityName: "contactleads",
      Entity1LogicalName: "contact",
    });
    const filtered = await get(
      `RelationshipDefinitions/${CRM}OneToManyRelationshipMetadata?$select=SchemaName&$filter=ReferencedEntity eq 'account' and ReferencingEntity eq 'new_order'`,
    );
    expect(filtered.value.map((item: Named) => item.SchemaName)).toEqual(["new_order_Account"]);
    const many = await get(
      `RelationshipDefinitions?$select=SchemaName&$filter=RelationshipType eq ${CRM}RelationshipType'ManyToManyRelationship'`,
    );
    expect(many.value.map((item: Named) => item.SchemaName)).toEqual(
      expect.arrayContaining([
        "contactleads_association",
        "listcontact_association",
        "new_account_tag",
        "teammembership_association",
      ]),
    );
    expect(many.value[0]["@odata.type"]).toBe(`#${CRM}ManyToManyRelationshipMetadata`);
  });
});

test("a contact and a lead are linked and parted", async () => {
  const contact = idIn(await wire.call("POST", "contacts", { lastname: "Ray" }));
  const lead = idIn(await wire.call("POST", "leads", { lastname: "Lin" }));
  const link = `contacts(${contact})/contactleads_association/$ref`;
  const linked = await wire.call("POST", link, { "@odata.id": `${wire.root}leads(${lead})` });
  expect([linked.status, linked.text]).toEqual([204, ""]);
  const back = `leads(${lead})?$select=lastname&$expand=contactleads_association($select=lastname)`;
  expect((await get(back)).contactleads_association).toMatchObject([{ lastname: "Ray" }]);
  const parted = await wire.call("DELETE", `contacts(${contact})/contactleads_association(${lead})/$ref`);
  expect(parted.status).toBe(204);
  expect((await get(back)).contactleads_association).toEqual([]);
});

describe("global choices", () => {
  test("are listed, and found by name or id", async () => {
    const { value } = await get("GlobalOptionSetDefinitions");
    const tier = value.find((item: Named) => item.Name === "new_customertier");
    expect(tier).toMatchObject({ "@odata.type": `#${CRM}OptionSetMetadata`, IsGlobal: true });
    expect(tier.Options).toHaveLength(3);
    expect((await get(`GlobalOptionSetDefinitions(${tier.MetadataId})`)).Name).toBe("new_customertier");
    const cast = `GlobalOptionSetDefinitions(Name='new_customertier')/${CRM}OptionSetMetadata?$select=Options`;
    expect((await get(cast)).Options).toHaveLength(3);
  });
});

describe("queries", () => {
  const names = async (path: string): Promise<unknown[]> =>
    (await get(path)).value.map((item: Named) => item.LogicalName);

  test("filter tables by managed properties, enums, numbers and fifteen terms", async () => {
    const tables = "EntityDefinitions?$select=LogicalName&$filter=";
    expect(await names(`${tables}CanCreateAttributes/Value eq false`)).toEqual(
      expect.arrayContaining(["listmember", "new_account_new_tag"]),
    );
    expect(
      await names(
        `${tables}OwnershipType eq ${CRM}OwnershipTypes'OrganizationOwned' and IsCustomEntity eq true`,
      ),
    ).toEqual(["new_shipment"]);
    expect(await names(`${tables}ObjectTypeCode eq 2`)).toEqual(["contact"]);
    const terms = Array.from({ length: 15 }, (_, at) => `LogicalName eq 'x${at}'`);
    expect(await names(`${tables}${[...terms.slice(1), "LogicalName eq 'lead'"].join(" or ")}`)).toEqual([
      "lead",
    ]);
    expect(await names(`${tables}DataProviderId ne null`)).toEqual(["new_shipment"]);
    expect(await names(`${tables}'lead' eq LogicalName`)).toEqual(["lead"]);
  });

  test("expand columns through one cast, with filter and selection", async () => {
    const path = `EntityDefinitions(LogicalName='contact')?$select=LogicalName&$expand=Attributes/${CRM}StringAttributeMetadata($select=MaxLength;$filter=MaxLength eq 160)`;
    const table = await get(path);
    expect(table.Attributes.length).toBeGreaterThan(0);
    for (const item of table.Attributes) expect(Object.keys(item)).toEqual(["MaxLength", "MetadataId"]);
  });

  test("a nested expand is behind its switch", async () => {
    const path = `EntityDefinitions(LogicalName='contact')?$select=LogicalName&$expand=Attributes/${CRM}PicklistAttributeMetadata($select=LogicalName;$expand=OptionSet)`;
    expect((await wire.call("GET", path)).status).toBe(400);
    await using loose = await openWire({ unverified: { metadataExpandMayNest: true } });
    const answer = await loose.call("GET", path);
    expect(answer.json.Attributes[0].OptionSet.Options.length).toBeGreaterThan(0);
  });

  test("reach single values and parts", async () => {
    const account = "EntityDefinitions(LogicalName='account')";
    expect((await wire.call("GET", `${account}/ObjectTypeCode/$value`)).text).toBe("1");
    expect((await get(`${account}/EntitySetName`)).value).toBe("accounts");
    expect((await get(`${account}/DisplayName/UserLocalizedLabel/Label`)).value).toBe("Account");
    const column = `${account}/Attributes(LogicalName='industrycode')/${CRM}PicklistAttributeMetadata`;
    expect((await get(`${column}/OptionSet`)).Name).toBe("account_industrycode");
    expect((await get(`${column}/OptionSet?$select=Options`)).Options.length).toBeGreaterThan(0);
    const [key] = (await get("EntityDefinitions(LogicalName='new_order')/Keys")).value;
    expect((await get(`EntityDefinitions(LogicalName='new_order')/Keys(${key.MetadataId})`)).SchemaName).toBe(
      key.SchemaName,
    );
  });

  test("limits of sixty-four bits keep their digits", async () => {
    const path = `EntityDefinitions(LogicalName='contact')/Attributes/${CRM}BigIntAttributeMetadata?$select=MaxValue,MinValue`;
    expect((await wire.call("GET", path)).text).toContain(
      '"MaxValue":9223372036854775807,"MinValue":-9223372036854775808',
    );
  });

  const base = "EntityDefinitions(LogicalName='contact')/Attributes";
  const refusals: readonly (readonly [string, number, string])[] = [
    [`EntityDefinitions?$filter=OwnershipType eq ${CRM}OwnershipTypes'Nobody'`, 400, "0x80060888"],
    [`EntityDefinitions?$filter=OwnershipType eq ${CRM}AttributeTypeCode'String'`, 400, "0x80060888"],
    [`EntityDefinitions?$filter=LogicalName eq ${CRM}OwnershipTypes'UserOwned'`, 400, "0x80060888"],
    ["EntityDefinitions?$filter=ObjectTypeCode gt 10000", 400, "0x8006088a"],
    ["EntityDefinitions?$filter=contains(LogicalName,'a')", 400, "0x8006088a"],
    [`${base}/${CRM}NonsenseAttributeMetadata`, 404, "0x80060888"],
    [`${base}/${CRM}EnumAttributeMetadata`, 404, "0x80060888"],
    [`${base}(LogicalName='lastname')/${CRM}MemoAttributeMetadata`, 404, "0x80041103"],
    [`${base}/${CRM}MemoAttributeMetadata?$select=Targets`, 400, "0x80060888"],
    ["RelationshipDefinitions?$select=ReferencedEntity", 400, "0x80060888"],
    ["RelationshipDefinitions(SchemaName='nonsense')", 404, "0x80040217"],
    ["GlobalOptionSetDefinitions?$select=Options", 400, "0x80060888"],
    ["GlobalOptionSetDefinitions(Name='nonsense')", 404, "0x80040217"],
    ["EntityDefinitions(LogicalName='contact')/Nonsense", 404, "0x80060888"],
    ["EntityDefinitions(LogicalName='contact')?$filter=IsManaged eq true", 400, "0x80060888"],
    ["EntityDefinitions(LogicalName='contact')/constructor", 404, "0x80060888"],
    ["EntityDefinitions?$expand=constructor", 400, "0x80060888"],
    ["EntityDefinitions?$select=__proto__", 400, "0x80060888"],
    ["EntityDefinitions(Nonsense='contact')", 400, "0x80060888"],
  ];
  test.each(refusals)("%s is refused", async (path, status, code) => {
    const answer = await wire.call("GET", path);
    expect([answer.status, answer.json.error.code]).toEqual([status, code]);
  });
});

test("sdkmessagefilters tells which tables take bulk messages", async () => {
  const rows = async (message: string, table: string): Promise<number> => {
    const filter = `$filter=sdkmessageid/name eq @m and primaryobjecttypecode eq @t&@m='${message}'&@t='${table}'`;
    return (await get(`sdkmessagefilters?$select=sdkmessagefilterid&${filter}`)).value.length;
  };
  expect(await rows("CreateMultiple", "contact")).toBe(1);
  expect(await rows("UpdateMultiple", "new_order")).toBe(1);
  expect(await rows("CreateMultiple", "new_note")).toBe(0);
  expect(await rows("CreateMultiple", "new_shipment")).toBe(0);
  expect(await rows("UpsertMultiple", "contact")).toBe(0);
});
