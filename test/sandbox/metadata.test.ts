import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ID, openWire, type Wire } from "./client.ts";

let wire: Wire & AsyncDisposable;
beforeAll(async () => {
  wire = await openWire();
});
afterAll(async () => wire[Symbol.asyncDispose]());
const get = async (path: string) => {
  const answer = await wire.call("GET", path);
  expect([path, answer.status, answer.json?.error?.message]).toEqual([path, 200, undefined]);
  return answer.json;
};

describe("tables", () => {
  test("are listed with what was selected, and always the MetadataId", async () => {
    const { value } = await get("EntityDefinitions?$select=LogicalName,EntitySetName");
    const account = value.find((item: { LogicalName: string }) => item.LogicalName === "account");
    expect(Object.keys(account)).toEqual(["LogicalName", "EntitySetName", "MetadataId"]);
    expect(account.MetadataId).toMatch(ID);
    expect(value.map((item: { EntitySetName: string }) => item.EntitySetName)).toEqual(
      expect.arrayContaining([
        "accounts",
        "opportunities",
        "transactioncurrencies",
        "listmembers",
        "new_orders",
      ]),
    );
  });

  test("are found by name or id, with keys and relationships in one request", async () => {
    const select =
      "$select=LogicalName,PrimaryIdAttribute,PrimaryNameAttribute,TableType,ChangeTrackingEnabled,DataProviderId";
    const expand =
      "$expand=Keys($select=LogicalName,SchemaName,KeyAttributes,EntityKeyIndexStatus)," +
      "ManyToOneRelationships($select=SchemaName,ReferencingAttribute,ReferencedEntity,ReferencedAttribute,ReferencingEntityNavigationPropertyName;$filter=ReferencingAttribute eq 'new_accountid')";
    const table = await get(`EntityDefinitions(LogicalName='new_order')?${select}&${expand}`);
    expect(table).toMatchObject({
      "@odata.context": `${wire.root}$metadata#EntityDefinitions/$entity`,
      LogicalName: "new_order",
      PrimaryIdAttribute: "new_orderid",
      TableType: "Standard",
      DataProviderId: null,
    });
    expect(
      table.Keys.map((key: Record<string, unknown>) => [
        key.LogicalName,
        key.KeyAttributes,
        key.EntityKeyIndexStatus,
      ]),
    ).toEqual([
      ["new_orderexternalkey", ["new_externalid"], "Active"],
      ["new_orderlinekey", ["new_ordernumber", "new_linenumber"], "Active"],
      ["new_orderreferencekey", ["new_reference"], "Pending"],
    ]);
    expect(table.ManyToOneRelationships).toEqual([
      {
        SchemaName: "new_order_Account",
        ReferencingAttribute: "new_accountid",
        ReferencedEntity: "account",
        ReferencedAttribute: "accountid",
        ReferencingEntityNavigationPropertyName: "new_AccountId",
        MetadataId: expect.stringMatching(ID),
      },
    ]);
    const same = await get(`EntityDefinitions(${table.MetadataId})?$select=LogicalName`);
    expect(same.LogicalName).toBe("new_order");
    expect(
      (await wire.call("GET", "EntityDefinitions(LogicalName='account')/ObjectTypeCode/$value")).text,
    ).toBe("1");
  });

  test("the ids are the same in every sandbox", async () => {
    await using other = await openWire();
    const path = "EntityDefinitions(LogicalName='contact')/Attributes?$select=LogicalName";
    expect((await other.call("GET", path)).json.value).toEqual((await get(path)).value);
  });

  test("a polymorphic lookup has one relationship per table", async () => {
    const { value } = await get(
      "EntityDefinitions(LogicalName='contact')/ManyToOneRelationships?$filter=ReferencingAttribute eq 'parentcustomerid'",
    );
    const names = value.map((item: Record<string, string>) => [
      item.ReferencedEntity,
      item.ReferencingEntityNavigationPropertyName,
    ]);
    expect(names).toEqual([
      ["account", "parentcustomerid_account"],
      ["contact", "parentcustomerid_contact"],
    ]);
    const back = await get(
      "EntityDefinitions(LogicalName='account')/OneToManyRelationships?$select=SchemaName",
    );
    expect(back.value.map((item: Record<string, string>) => item.SchemaName)).toEqual(
      expect.arrayContaining(["contact_customer_accounts", "new_order_Account", "account_parent_account"]),
    );
    const links = await get("EntityDefinitions(LogicalName='account')/ManyToManyRelationships");
    expect(links.value.map((item: Record<string, string>) => item.SchemaName)).toContain(
      "listaccount_association",
    );
  });
});

describe("columns", () => {
  const base = "EntityDefinitions(LogicalName='contact')/Attributes";

  test("come with their type and flags", async () => {
    const { value } = await get(
      `${base}?$select=LogicalName,AttributeType,AttributeTypeName,AttributeOf,IsValidForCreate,IsValidForUpdate,IsValidODataAttribute,IsLogical,RequiredLevel`,
    );
    const byName = new Map(value.map((item: { LogicalName: string }) => [item.LogicalName, item]));
    expect(byName.get("firstname")).toMatchObject({
      "@odata.type": "#Microsoft.Dynamics.CRM.StringAttributeMetadata",
      AttributeType: "String",
      AttributeTypeName: { Value: "StringType" },
      RequiredLevel: { Value: "Recommended" },
    });
    expect(byName.get("parentcustomerid")).toMatchObject({ AttributeType: "Customer" });
    expect(byName.get("new_interests")).toMatchObject({
      AttributeType: "Virtual",
      AttributeTypeName: { Value: "MultiSelectPicklistType" },
    });
    expect(byName.get("address1_city")).toMatchObject({ IsLogical: true, IsValidForCreate: true });
    expect(byName.get("createdon")).toMatchObject({ IsValidForCreate: false, IsValidForUpdate: false });
    expect(byName.get("owneridtype")).toMatchObject({
      IsValidForCreate: true,
      IsValidODataAttribute: false,
      AttributeOf: "ownerid",
    });
    expect(byName.get("gendercodename")).toMatchObject({
      AttributeOf: "gendercode",
      IsValidForUpdate: false,
    });
    expect(byName.get("statecode")).toMatchObject({ IsValidForCreate: false, IsValidForUpdate: true });
  });

  const casts: readonly (readonly [string, string, string, Record<string, unknown>])[] = [
    ["String", "LogicalName,MaxLength,Format", "firstname", { MaxLength: 50 }],
    ["Memo", "LogicalName,MaxLength", "description", { MaxLength: 2000 }],
    ["Integer", "LogicalName,MinValue,MaxValue", "numberofchildren", { MinValue: 0, MaxValue: 1000000000 }],
    ["Decimal", "LogicalName,MinValue,MaxValue,Precision", "new_score", { MinValue: -100000, Precision: 4 }],
    ["Double", "LogicalName,MinValue,MaxValue,Precision", "new_engagement", { MaxValue: 1, Precision: 5 }],
    [
      "Money",
      "LogicalName,MaxValue,Precision,PrecisionSource",
      "creditlimit",
      { MaxValue: 100000000000000, PrecisionSource: 2 },
    ],
    ["BigInt", "LogicalName,MaxValue", "new_lifetimepoints", {}],
    [
      "DateTime",
      "LogicalName,Format,DateTimeBehavior",
      "birthdate",
      { Format: "DateOnly", DateTimeBehavior: { Value: "DateOnly" } },
    ],
    ["Lookup", "LogicalName,Targets", "parentcustomerid", { Targets: ["account", "contact"] }],
  ];
  test.each(casts)("%sAttributeMetadata", async (cast, select, name, expected) => {
    const { value } = await get(`${base}/Microsoft.Dynamics.CRM.${cast}AttributeMetadata?$select=${select}`);
    const found = value.find((item: { LogicalName: string }) => item.LogicalName === name);
    expect(found).toMatchObject(expected);
    expect(found["@odata.type"]).toBeUndefined();
  });

  const expand = "?$select=LogicalName&$expand=OptionSet,GlobalOptionSet";
  test("option sets come through casts alone, in two languages", async () => {
    const { value } = await get(`${base}/Microsoft.Dynamics.CRM.PicklistAttributeMetadata${expand}`);
    const gender = value.find((item: { LogicalName: string }) => item.LogicalName === "gendercode");
    expect(gender.GlobalOptionSet).toBeNull();
    expect(gender.OptionSet).toMatchObject({
      OptionSetType: "Picklist",
      IsGlobal: false,
      Name: "contact_gendercode",
    });
    const [male] = gender.OptionSet.Options;
    expect(male["@odata.type"]).toBeUndefined();
    expect(male.Value).toBe(1);
    expect(
      male.Label.LocalizedLabels.map((item: Record<string, unknown>) => [item.LanguageCode, item.Label]),
    ).toEqual([
      [1033, "Male"],
      [1031, "Männlich"],
    ]);
    const tier = value.find((item: { LogicalName: string }) => item.LogicalName === "new_tier");
    expect(tier.GlobalOptionSet).toEqual(tier.OptionSet);
    expect((await get("GlobalOptionSetDefinitions(Name='new_customertier')")).Options).toHaveLength(3);
    const plain = await wire.call("GET", `${base}?$expand=OptionSet`);
    expect(plain.status).toBe(400);
    expect(JSON.stringify(await get(base))).not.toContain('LanguageCode":1031');
  });

  test("state, status, boolean and multi-select have their own shapes", async () => {
    const one = async (cast: string, name: string) =>
      (await get(`${base}/Microsoft.Dynamics.CRM.${cast}AttributeMetadata${expand}`)).value.find(
        (item: { LogicalName: string }) => item.LogicalName === name,
      ).OptionSet;
    expect((await one("State", "statecode")).Options[0]).toMatchObject({
      "@odata.type": "#Microsoft.Dynamics.CRM.StateOptionMetadata",
      DefaultStatus: 1,
    });
    expect((await one("Status", "statuscode")).Options[1]).toMatchObject({
      "@odata.type": "#Microsoft.Dynamics.CRM.StatusOptionMetadata",
      Value: 2,
      State: 1,
      TransitionData: null,
    });
    const boolean = await one("Boolean", "donotemail");
    expect(boolean).toMatchObject({ TrueOption: { Value: 1 }, FalseOption: { Value: 0 } });
    expect(boolean.Options).toBeUndefined();
    expect((await one("MultiSelectPicklist", "new_interests")).Options).toHaveLength(4);
  });

  test("one column is found by name, also through its cast", async () => {
    expect((await get(`${base}(LogicalName='firstname')`)).MaxLength).toBe(50);
    const cast = `${base}(LogicalName='gendercode')/Microsoft.Dynamics.CRM.PicklistAttributeMetadata?$select=LogicalName&$expand=OptionSet`;
    expect((await get(cast)).OptionSet.Options).toHaveLength(2);
  });

  test("are filtered by flags and by enums with their type name", async () => {
    const filter = (text: string) => `${base}?$select=LogicalName&$filter=${text}`;
    const lookups = await get(filter("AttributeType eq Microsoft.Dynamics.CRM.AttributeTypeCode'Customer'"));
    expect(lookups.value.map((item: { LogicalName: string }) => item.LogicalName)).toEqual([
      "parentcustomerid",
    ]);
    const required = await get(
      filter(
        "RequiredLevel/Value eq Microsoft.Dynamics.CRM.AttributeRequiredLevel'ApplicationRequired' and IsPrimaryName eq false",
      ),
    );
    expect(required.value.map((item: { LogicalName: string }) => item.LogicalName)).toContain("lastname");
    const either = await get(filter("LogicalName eq 'lastname' or LogicalName eq 'firstname'"));
    expect(either.value).toHaveLength(2);
  });
});

describe("what metadata queries refuse", () => {
  const base = "EntityDefinitions(LogicalName='contact')/Attributes";
  const refusals: readonly (readonly [string, number, string])[] = [
    ["EntityDefinitions?$top=1", 400, "0x80060888"],
    ["EntityDefinitions?$skip=1", 400, "0x80060888"],
    ["EntityDefinitions?$orderby=LogicalName", 400, "0x80060888"],
    ["EntityDefinitions?$count=true", 400, "0x80060888"],
    ["EntityDefinitions?$filter=startswith(LogicalName,'a')", 400, "0x8006088a"],
    ["EntityDefinitions?$select=Nonsense", 400, "0x80060888"],
    ["EntityDefinitions?$expand=Nonsense", 400, "0x80060888"],
    ["EntityDefinitions?$filter=OwnershipType eq 'UserOwned'", 400, "0x80060888"],
    ["EntityDefinitions(LogicalName='nonsense')", 404, "0x80041102"],
    [`${base}?$select=LogicalName,MaxLength`, 400, "0x80060888"],
    [`${base}(LogicalName='nonsense')`, 404, "0x80041103"],
    [`${base}?$filter=AttributeType eq 'String'`, 400, "0x80060888"],
    [`${base}/Microsoft.Dynamics.CRM.StringAttributeMetadata?$expand=OptionSet`, 400, "0x80060888"],
    ["entitydefinitions", 404, "0x80060888"],
  ];
  test.each(refusals)("%s", async (path, status, code) => {
    const answer = await wire.call("GET", path);
    expect([answer.status, answer.json.error.code]).toEqual([status, code]);
  });

  test("in the service's words", async () => {
    const top = await wire.call("GET", "EntityDefinitions?$top=1");
    expect(top.json.error.message).toBe("The query parameter $top is not supported");
    const text = await wire.call("GET", "EntityDefinitions?$filter=startswith(LogicalName,'a')");
    expect(text.json.error.message).toBe('The "startswith" function isn\'t supported for Metadata Entities.');
  });
});

test("the service document lists the sets; the metadata version comes on any read", async () => {
  const document = await get("");
  expect(document.value).toContainEqual({ name: "accounts", kind: "EntitySet", url: "accounts" });
  const headers = { Prefer: 'odata.include-annotations="Microsoft.Dynamics.CRM.globalmetadataversion"' };
  const versions = new Set<string>();
  for (const path of [
    "accounts?$top=1",
    "EntityDefinitions?$select=LogicalName",
    "systemusers?$select=fullname",
  ]) {
    const answer = await wire.call("GET", path, undefined, headers);
    versions.add(answer.json["@Microsoft.Dynamics.CRM.globalmetadataversion"]);
  }
  expect([...versions]).toEqual([expect.stringMatching(/^\d+$/)]);
});
