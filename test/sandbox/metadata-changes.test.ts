import { describe, expect, test } from "vitest";
import { ID, idIn, openWire, type Wire } from "./client.ts";

const STAMP = /^\d+!\d\d\/\d\d\/\d{4} \d\d:\d\d:\d\d$/;

interface Asked {
  readonly query?: unknown;
  readonly deleted?: string;
  readonly stamp?: string;
}

/** The call as Microsoft's own sample client writes it: parameters by alias. */
function path({ query, deleted, stamp }: Asked): string {
  const parts: string[] = [];
  const values: string[] = [];
  if (query !== undefined) {
    parts.push("Query=@p1");
    values.push(`@p1=${encodeURIComponent(JSON.stringify(query))}`);
  }
  if (deleted !== undefined) {
    parts.push("DeletedMetadataFilters=@p2");
    values.push(`@p2=Microsoft.Dynamics.CRM.DeletedMetadataFilters'${deleted}'`);
  }
  if (stamp !== undefined) {
    parts.push("ClientVersionStamp=@p3");
    values.push(`@p3='${encodeURIComponent(stamp)}'`);
  }
  return `RetrieveMetadataChanges(${parts.join(",")})?${values.join("&")}`;
}

const named = (...names: string[]) => ({ AllProperties: false, PropertyNames: names });
const is = (property: string, value: string, type = "System.String") => ({
  ConditionOperator: "Equals",
  PropertyName: property,
  Value: { Type: type, Value: value },
});
const ofTable = (name: string) => ({ FilterOperator: "And", Conditions: [is("LogicalName", name)] });

const ask = async (wire: Wire, asked: Asked) => {
  const answer = await wire.call("GET", path(asked));
  expect([answer.status, answer.json.error?.message]).toEqual([200, undefined]);
  return answer.json;
};

describe("RetrieveMetadataChanges", () => {
  test("answers what was asked for of tables and columns, all else null", async () => {
    await using wire = await openWire();
    const reply = await ask(wire, {
      query: {
        Criteria: {
          FilterOperator: "Or",
          Conditions: [is("LogicalName", "account"), is("LogicalName", "contact")],
        },
        Properties: named("SchemaName", "Attributes"),
        AttributeQuery: {
          Properties: named("MaxLength", "OptionSet"),
          Criteria: { FilterOperator: "And", Conditions: [is("IsValidForCreate", "True", "System.Boolean")] },
        },
        LabelQuery: { FilterLanguages: [1033], MissingLabelBehavior: 0 },
      },
    });
    expect(Object.keys(reply)).toEqual([
      "@odata.context",
      "ServerVersionStamp",
      "DeletedMetadata",
      "EntityMetadata",
    ]);
    expect(reply["@odata.context"]).toBe(
      `${wire.root}$metadata#Microsoft.Dynamics.CRM.RetrieveMetadataChangesResponse`,
    );
    expect(reply.ServerVersionStamp).toMatch(STAMP);
    expect(reply.DeletedMetadata).toEqual({ Count: 0, IsReadOnly: false, Keys: [], Values: [] });
    const [account, contact, ...more] = reply.EntityMetadata;
    expect(more).toEqual([]);
    expect(account).toMatchObject({
      LogicalName: "account",
      SchemaName: "Account",
      MetadataId: expect.stringMatching(ID),
      HasChanged: null,
      EntitySetName: null,
      Keys: [],
    });
    const columns = new Map<string, Record<string, unknown>>(
      contact.Attributes.map((item: { LogicalName: string }) => [item.LogicalName, item]),
    );
    expect(columns.get("firstname")).toMatchObject({
      "@odata.type": "#Microsoft.Dynamics.CRM.ComplexStringAttributeMetadata",
      MaxLength: 50,
      SchemaName: null,
    });
    const gender = columns.get("gendercode") as {
      OptionSet: { Options: { Label: { LocalizedLabels: unknown[] } }[] };
    };
    expect(gender.OptionSet.Options[0]?.Label.LocalizedLabels).toHaveLength(1);
    expect(columns.has("createdon")).toBe(false);
  });

  const criteria: readonly (readonly [string, unknown, string[]])[] = [
    [
      "In",
      {
        Conditions: [
          {
            ConditionOperator: "In",
            PropertyName: "LogicalName",
            Value: { Type: "System.String[]", Value: '["lead","list"]' },
          },
        ],
      },
      ["lead", "list"],
    ],
    [
      "a managed property and a number",
      {
        FilterOperator: "And",
        Conditions: [
          is("CanCreateAttributes", "True", "System.Boolean"),
          {
            ConditionOperator: "LessThan",
            PropertyName: "ObjectTypeCode",
            Value: { Type: "System.Int32", Value: "3" },
          },
        ],
      },
      ["account", "contact"],
    ],
    [
      "nested filters",
      { FilterOperator: "Or", Filters: [ofTable("lead"), ofTable("team")] },
      ["lead", "team"],
    ],
  ];
  test.each(criteria)("criteria: %s", async (_name, Criteria, expected) => {
    await using wire = await openWire();
    const reply = await ask(wire, { query: { Criteria, Properties: named("LogicalName") } });
    expect(reply.EntityMetadata.map((item: { LogicalName: string }) => item.LogicalName)).toEqual(expected);
  });

  test("with a stamp only what changed since comes back, and what is gone is named", async () => {
    await using wire = await openWire();
    const query = {
      Properties: named("Attributes", "Keys"),
      AttributeQuery: { Properties: named("LogicalName") },
      KeyQuery: { Properties: named("EntityKeyIndexStatus", "LogicalName") },
    };
    const first = await ask(wire, { query });
    const stamp: string = first.ServerVersionStamp;
    const idOf = (table: string, column: string): string =>
      first.EntityMetadata.find(
        (item: { LogicalName: string }) => item.LogicalName === table,
      ).Attributes.find((item: { LogicalName: string }) => item.LogicalName === column).MetadataId;
    const unchanged = await ask(wire, { query, stamp, deleted: "All" });
    expect([unchanged.EntityMetadata, unchanged.DeletedMetadata.Count]).toEqual([[], 0]);

    expect((await wire.admin("DELETE", "metadata?table=contact&column=new_score")).status).toBe(204);
    const status = { table: "new_order", key: "new_OrderReferenceKey", status: "Active" };
    expect((await wire.admin("POST", "metadata", status)).status).toBe(204);

    const changed = await ask(wire, { query, stamp, deleted: "Attribute,OptionSet" });
    expect(
      changed.EntityMetadata.map((item: Record<string, unknown>) => [item.LogicalName, item.HasChanged]),
    ).toEqual([
      ["contact", true],
      ["new_order", true],
    ]);
    expect(
      changed.EntityMetadata[1].Keys.map((key: Record<string, unknown>) => key.EntityKeyIndexStatus),
    ).toEqual(["Active", "Active", "Active"]);
    expect(changed.DeletedMetadata).toEqual({
      Count: 1,
      IsReadOnly: false,
      Keys: ["Attribute"],
      Values: [{ Items: [idOf("contact", "new_score")] }],
    });
    expect((await ask(wire, { query, stamp })).DeletedMetadata.Count).toBe(0);
    const later = await ask(wire, { query, stamp: changed.ServerVersionStamp, deleted: "All" });
    expect([later.EntityMetadata, later.DeletedMetadata.Count]).toEqual([[], 0]);
  });

  test("a stamp older than ninety days is refused", async () => {
    let now = new Date("2026-01-01T00:00:00Z");
    await using wire = await openWire({ now: () => now });
    const query = { Criteria: ofTable("account"), Properties: named("LogicalName") };
    const { ServerVersionStamp: stamp } = await ask(wire, { query });
    const token = async () =>
      (await import("./client.ts"))
        .tokenFor(wire.sandbox)
        .then((answer) => answer.json.access_token as string);
    const at = async (moment: string) => {
      now = new Date(moment);
      return wire.call("GET", path({ query, stamp }), undefined, {
        Authorization: `Bearer ${await token()}`,
      });
    };
    expect((await at("2026-04-01T00:00:00Z")).status).toBe(200);
    const late = await at("2026-04-01T00:00:01Z");
    expect([late.status, late.json.error.code]).toEqual([400, "0x80044352"]);
  });

  const wrong: readonly (readonly [string, string])[] = [
    ["RetrieveMetadataChanges(Query=@p1)?@p1={", "0x80040203"],
    [path({ query: { Properties: named("Nonsense") } }), "0x80040203"],
    [path({ query: { Criteria: { Conditions: [is("Nonsense", "x")] } } }), "0x80040203"],
    [path({ stamp: "nonsense" }), "0x80040203"],
    [path({ stamp: "1!01/01/2020 00:00:00" }), "0x80044352"],
    [path({ query: {}, deleted: "Nonsense" }), "0x80040203"],
    ["RetrieveMetadataChanges(Other=@p1)?@p1=1", "0x80040203"],
    [path({ query: { Properties: { PropertyNames: [["SchemaName"]] } } }), "0x80040203"],
    [
      `RetrieveMetadataChanges(Query=@p1)?@p1={"Criteria":{"Conditions":[{"PropertyName":${"[".repeat(9000)}${"]".repeat(9000)}}]}}`,
      "0x80040203",
    ],
  ];
  test.each(wrong)("%s is refused", async (target, code) => {
    await using wire = await openWire();
    const answer = await wire.call("GET", target);
    expect([answer.status, answer.json.error.code]).toEqual([400, code]);
  });
});

describe("a change of the definitions", () => {
  const VERSION = "Microsoft.Dynamics.CRM.globalmetadataversion";
  const version = async (wire: Wire): Promise<string> => {
    const headers = { Prefer: `odata.include-annotations="${VERSION}"` };
    return (await wire.call("GET", "accounts?$top=1", undefined, headers)).json[`@${VERSION}`];
  };

  test("shows in the version, in the definitions, in $metadata and in what rows may hold", async () => {
    await using wire = await openWire();
    const before = await version(wire);
    const created = await wire.call("POST", "contacts", { lastname: "Ray", new_score: 1 });
    expect(created.status).toBe(204);
    expect((await wire.call("GET", "$metadata")).text).toContain('Name="new_score"');
    await wire.admin("DELETE", "metadata?table=contact&column=new_score");
    expect(Number(await version(wire))).toBeGreaterThan(Number(before));
    expect((await wire.call("GET", "$metadata")).text).not.toContain('Name="new_score"');
    const refused = await wire.call("POST", "contacts", { new_score: 1 });
    expect([refused.status, refused.json.error.code]).toEqual([400, "0x80048d19"]);
    const gone = await wire.call(
      "GET",
      "EntityDefinitions(LogicalName='contact')/Attributes(LogicalName='new_score')",
    );
    expect([gone.status, gone.json.error.code]).toEqual([404, "0x80041103"]);
    const rows = await wire.call("GET", "contacts");
    expect([rows.json.value.length, "new_score" in rows.json.value[0]]).toEqual([1, false]);
  });

  test("an index that is built serves its key, one that fails no longer does", async () => {
    await using wire = await openWire();
    const address = "new_orders(new_reference='R-1')";
    const pending = await wire.call("PATCH", address, {});
    expect([pending.status, pending.json.error.code]).toEqual([400, "0x80060890"]);
    await wire.call("POST", "new_orders", { new_reference: "R-1", new_name: "old" });
    await wire.admin("POST", "metadata", {
      table: "new_order",
      key: "new_orderreferencekey",
      status: "Active",
    });
    expect((await wire.call("PATCH", address, { new_name: "new" }, { "If-Match": "*" })).status).toBe(204);
    expect((await wire.call("GET", address)).json.new_name).toBe("new");
    await wire.admin("POST", "metadata", {
      table: "new_order",
      key: "new_orderreferencekey",
      status: "Failed",
    });
    expect((await wire.call("GET", address)).status).toBe(400);
  });

  test("other tables keep their keys and pairs when one changes", async () => {
    await using wire = await openWire();
    const account = idIn(await wire.call("POST", "accounts", { name: "a", accountnumber: "A" }));
    const tag = idIn(await wire.call("POST", "new_tags", { new_name: "t" }));
    const link = () =>
      wire.call("POST", `accounts(${account})/new_account_tag/$ref`, {
        "@odata.id": `${wire.root}new_tags(${tag})`,
      });
    expect((await link()).status).toBe(204);
    const before = await link();
    await wire.admin("DELETE", "metadata?table=new_order&column=new_ordernumber");
    const after = await link();
    expect([after.status, after.text]).toEqual([before.status, before.text]);
    expect(after.json.error.code).toBe("0x80040237");
    expect((await wire.call("PATCH", "accounts(accountnumber='A')", { name: "b" })).status).toBe(204);
    expect((await wire.call("GET", "accounts?$select=name")).json.value).toMatchObject([{ name: "b" }]);
  });

  test("a table that the service or another table needs stays", async () => {
    await using wire = await openWire();
    await wire.call("POST", "accounts", { name: "a" });
    const { tables } = (await wire.admin("GET", "")).json as { tables: { table: string }[] };
    const dropped: string[] = [];
    for (const { table } of tables) {
      const answer = await wire.admin("DELETE", `metadata?table=${table}`);
      if (answer.status === 204) dropped.push(table);
      else
        expect([table, answer.status, answer.json.error]).toEqual([
          table,
          400,
          expect.stringContaining(table),
        ]);
    }
    expect(dropped).toEqual(["new_note", "new_orderline", "new_asset", "new_log", "new_shipment"]);
    expect((await wire.call("POST", "contacts", { lastname: "b" })).status).toBe(204);
    expect((await wire.call("GET", "accounts?$select=name")).json.value).toMatchObject([{ name: "a" }]);
    expect((await wire.call("GET", "$metadata")).status).toBe(200);
    expect((await wire.admin("GET", "dump?table=account")).json.rows).toHaveLength(1);
    expect((await wire.admin("GET", "dump?table=new_log")).status).toBe(400);
  });

  test("a key comes on no secured column", async () => {
    await using wire = await openWire();
    const address = "EntityDefinitions(LogicalName='new_order')?$expand=Attributes,Keys";
    const definition = (await wire.call("GET", address)).json;
    const key = {
      ...definition.Keys[0],
      SchemaName: "new_OrderNameKey",
      LogicalName: "new_ordernamekey",
      KeyAttributes: ["new_name"],
    };
    const keyed = { ...definition, Keys: [...definition.Keys, key] };
    await wire.admin("POST", "columns", { secured: ["new_order.new_name"] });
    const refused = await wire.admin("POST", "metadata", keyed);
    expect([refused.status, refused.json?.error]).toEqual([400, expect.stringContaining("new_name")]);
    await wire.admin("POST", "columns", { secured: [] });
    expect((await wire.admin("POST", "metadata", keyed)).status).toBe(204);
    expect((await wire.admin("POST", "columns", { secured: ["new_order.new_name"] })).status).toBe(400);
  });

  test("a table comes and goes", async () => {
    await using wire = await openWire();
    const definition = (
      await wire.call("GET", "EntityDefinitions(LogicalName='new_tag')?$expand=Attributes,Keys")
    ).json;
    const renamed = JSON.parse(
      JSON.stringify(definition).replaceAll("new_tag", "x_label").replaceAll("new_Tag", "x_Label"),
    );
    const odd = await wire.admin("POST", "metadata", { ...renamed, EntitySetName: "accounts" });
    expect(odd.status).toBe(400);
    const added = await wire.admin("POST", "metadata", renamed);
    expect([added.status, added.text]).toEqual([204, ""]);
    expect((await wire.call("POST", "x_labels", { new_name: "a" })).status).toBe(204);
    expect((await wire.call("GET", "x_labels")).json.value).toHaveLength(1);
    expect((await wire.admin("DELETE", "metadata?table=x_label")).status).toBe(204);
    expect((await wire.call("GET", "x_labels")).status).toBe(404);
    expect((await wire.admin("DELETE", "metadata?table=x_label")).status).toBe(400);
    expect((await wire.call("GET", "new_tags")).status).toBe(200);
  });
});
