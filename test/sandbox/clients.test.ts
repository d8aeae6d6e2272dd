import { DynamicsWebApi } from "dynamics-web-api";
import { describe, expect, test } from "vitest";
import { type Sandbox, SEEDED, startSandbox } from "../../src/sandbox/index.ts";

/** A client that we did not write, set up as for the real service: a server URL and a token from the authority. */
async function clientOf(sandbox: Sandbox): Promise<DynamicsWebApi> {
  const onTokenRefresh = async (): Promise<string> => {
    const form = new URLSearchParams({
      grant_type: "client_credentials",
      client_id: sandbox.clientId,
      client_secret: sandbox.clientSecret,
      scope: `${sandbox.url}/.default`,
    });
    const reply = await fetch(`${sandbox.url}/${sandbox.tenant}/oauth2/v2.0/token`, {
      method: "POST",
      body: form,
    });
    return ((await reply.json()) as { access_token: string }).access_token;
  };
  return new DynamicsWebApi({ serverUrl: sandbox.url, dataApi: { version: "9.2" }, onTokenRefresh });
}

describe("dynamics-web-api", () => {
  test("creates, reads, updates, upserts and deletes", async () => {
    await using sandbox = await startSandbox();
    const client = await clientOf(sandbox);
    const accountid = await client.create({
      collection: "accounts",
      data: { name: "Fabrikam", accountnumber: "F-1" },
    });
    const row = await client.retrieve({
      collection: "accounts",
      key: accountid as unknown as string,
      select: ["name"],
    });
    expect(row).toMatchObject({ name: "Fabrikam", accountid });
    const created = await client.create({
      collection: "contacts",
      data: { lastname: "Ray", "parentcustomerid_account@odata.bind": `/accounts(${accountid})` },
      returnRepresentation: true,
      select: ["lastname", "_parentcustomerid_value"],
    });
    expect(created).toMatchObject({ lastname: "Ray", _parentcustomerid_value: accountid });
    await client.update({ collection: "accounts", key: "accountnumber='F-1'", data: { telephone1: "1" } });
    const upserted = await client.upsert({
      collection: "contacts",
      key: "new_customerid='C-1'",
      data: { lastname: "New" },
      returnRepresentation: true,
    });
    expect(upserted).toMatchObject({ new_customerid: "C-1", lastname: "New" });
    const blocked = await client.upsert({
      collection: "contacts",
      key: "new_customerid='C-1'",
      data: { lastname: "Blocked" },
      ifnonematch: "*",
    });
    expect(blocked).toBeNull();
    await client.deleteRecord({ collection: "contacts", key: "new_customerid='C-1'" });
    await expect(
      client.retrieve({ collection: "contacts", key: "new_customerid='C-1'" }),
    ).rejects.toMatchObject({
      status: 404,
      code: "0x80060891",
    });
    await expect(client.create({ collection: "accounts", data: { nonsense: 1 } })).rejects.toMatchObject({
      status: 400,
      code: "0x80048d19",
    });
  });

  test("queries, pages and counts", async () => {
    await using sandbox = await startSandbox();
    const client = await clientOf(sandbox);
    for (const name of ["a", "b", "c", "d", "e"])
      await client.create({ collection: "accounts", data: { name } });
    const filtered = await client.retrieveMultiple({
      collection: "accounts",
      select: ["name"],
      filter: "name eq 'a' or startswith(name,'e')",
      orderBy: ["name desc"],
      count: true,
    });
    expect(filtered.value.map((row) => row.name)).toEqual(["e", "a"]);
    expect(filtered.oDataCount).toBe(2);
    const all = await client.retrieveAll({ collection: "accounts", select: ["name"], maxPageSize: 2 });
    expect(all.value.map((row) => row.name)).toEqual(["a", "b", "c", "d", "e"]);
    expect(await client.count({ collection: "accounts" })).toBe(5);
    const page = await client.retrieveMultiple({ collection: "accounts", select: ["name"], maxPageSize: 3 });
    expect(page.value).toHaveLength(3);
    expect(page.oDataNextLink).toContain("$skiptoken");
  });

  test("batches, with and without a change set", async () => {
    await using sandbox = await startSandbox();
    const client = await clientOf(sandbox);
    client.startBatch();
    client.create({ collection: "contacts", data: { lastname: "One" }, contentId: "1" });
    client.create({
      collection: "accounts",
      data: { name: "Two", "primarycontactid@odata.bind": "$1" },
      contentId: "2",
    });
    const made = (await client.executeBatch()) as string[];
    expect(made).toHaveLength(2);
    client.startBatch();
    client.retrieveMultiple({ collection: "accounts", select: ["name", "_primarycontactid_value"] });
    client.retrieve({ collection: "contacts", key: made[0] as string, select: ["lastname"] });
    const read = await client.executeBatch();
    expect(read[0].value[0]).toMatchObject({ name: "Two", _primarycontactid_value: made[0] });
    expect(read[1]).toMatchObject({ lastname: "One" });
    client.startBatch();
    client.deleteRecord({ collection: "accounts", key: made[1] as string });
    client.create({ collection: "accounts", data: { name: "Three" } });
    await client.executeBatch({ inChangeSet: false });
    expect(
      (await client.retrieveMultiple({ collection: "accounts", select: ["name"] })).value.map(
        (row) => row.name,
      ),
    ).toEqual(["Three"]);
    client.startBatch();
    client.create({ collection: "accounts", data: { name: "Four" }, inChangeSet: false });
    client.retrieve({ collection: "accounts", key: made[1] as string, inChangeSet: false });
    await expect(client.executeBatch()).rejects.toBeDefined();
  });

  test("reads definitions", async () => {
    await using sandbox = await startSandbox();
    const client = await clientOf(sandbox);
    const table = await client.retrieveEntity({
      key: "LogicalName='new_order'",
      select: ["LogicalName", "EntitySetName"],
      expand: [{ property: "Keys", select: ["KeyAttributes"] }],
    });
    expect(table).toMatchObject({ EntitySetName: "new_orders" });
    const attributes = await client.retrieveAttributes({
      entityKey: "LogicalName='contact'",
      castType: "Microsoft.Dynamics.CRM.PicklistAttributeMetadata",
      select: ["LogicalName"],
      expand: [{ property: "OptionSet" }],
    });
    expect(attributes.value.length).toBeGreaterThan(5);
    const sets = await client.retrieveGlobalOptionSet({ key: "Name='new_customertier'" });
    expect(sets).toMatchObject({ Name: "new_customertier" });
  });

  test("calls a function and associates rows", async () => {
    await using sandbox = await startSandbox();
    const client = await clientOf(sandbox);
    const me = await client.callFunction<{ OrganizationId: string }>({ functionName: "WhoAmI" });
    expect(me.OrganizationId).toBe(sandbox.organizationId);
    const account = (await client.create({
      collection: "accounts",
      data: { name: "A" },
    })) as unknown as string;
    const contact = (await client.create({
      collection: "contacts",
      data: { lastname: "C" },
    })) as unknown as string;
    await client.associate({
      collection: "accounts",
      primaryKey: account,
      relationshipName: "contact_customer_accounts",
      relatedCollection: "contacts",
      relatedKey: contact,
    });
    const row = await client.retrieve({
      collection: "contacts",
      key: contact,
      select: ["_parentcustomerid_value"],
    });
    expect(row._parentcustomerid_value).toBe(account);
    await client.callAction({
      collection: "accounts",
      actionName: "Microsoft.Dynamics.CRM.UpsertMultiple",
      action: {
        Targets: [
          { "@odata.type": "Microsoft.Dynamics.CRM.account", "@odata.id": "accounts(accountnumber='9')" },
        ],
      },
    });
    expect(await client.count({ collection: "accounts" })).toBe(2);
  });

  test("updates, reads and clears one property", async () => {
    await using sandbox = await startSandbox();
    const client = await clientOf(sandbox);
    const key = String(await client.create({ collection: "accounts", data: { name: "A" } }));
    await client.updateSingleProperty({ collection: "accounts", key, fieldValuePair: { name: "B" } });
    expect(await client.retrieve({ collection: "accounts", key, select: ["name"] })).toMatchObject({
      name: "B",
    });
    await client.updateSingleProperty({ collection: "accounts", key, fieldValuePair: { telephone1: "1" } });
    await client.deleteRecord({ collection: "accounts", key, property: "telephone1" });
    const row = await client.retrieve({ collection: "accounts", key, select: ["telephone1"] });
    expect(row.telephone1).toBeNull();
  });

  test("writes on conditions: versions, only new, only old", async () => {
    await using sandbox = await startSandbox();
    const client = await clientOf(sandbox);
    const key = String(await client.create({ collection: "accounts", data: { name: "A" } }));
    const first = await client.retrieve({ collection: "accounts", key, select: ["name"] });
    const version = first["@odata.etag"] as string;
    const unchanged = await client.retrieve({
      collection: "accounts",
      key,
      select: ["name"],
      ifnonematch: version,
    });
    expect(unchanged).toBeUndefined();
    const changed = await client.update({
      collection: "accounts",
      key,
      data: { name: "B" },
      ifmatch: version,
      returnRepresentation: true,
      select: ["name"],
    });
    expect(changed).toMatchObject({ name: "B" });
    expect(await client.update({ collection: "accounts", key, data: { name: "C" }, ifmatch: version })).toBe(
      false,
    );
    expect(await client.deleteRecord({ collection: "accounts", key, ifmatch: version })).toBe(false);
    const nobody = "99999999-0000-4000-8000-000000000000";
    await expect(
      client.update({ collection: "accounts", key: nobody, data: { name: "D" } }),
    ).rejects.toMatchObject({
      status: 404,
    });
    const upserted = await client.upsert({
      collection: "accounts",
      key: nobody,
      data: { name: "D" },
      ifmatch: "*",
    });
    expect(upserted).toBeNull();
    await client.upsert({ collection: "accounts", key: nobody, data: { name: "D" } });
    expect(await client.count({ collection: "accounts" })).toBe(2);
  });

  test("reads with formatted values, expands and all pages; counts past filters", async () => {
    await using sandbox = await startSandbox();
    const client = await clientOf(sandbox);
    const account = String(await client.create({ collection: "accounts", data: { name: "Parent" } }));
    for (let at = 0; at < 7; at++) {
      await client.create({
        collection: "contacts",
        data: {
          lastname: `C${at}`,
          creditlimit: 1000,
          "parentcustomerid_account@odata.bind": `/accounts(${account})`,
        },
      });
    }
    const page = await client.retrieveMultiple({
      collection: "contacts",
      select: ["lastname", "creditlimit"],
      expand: [{ property: "parentcustomerid_account", select: ["name"] }],
      includeAnnotations: "*",
      filter: "lastname eq 'C3'",
      top: 1,
    });
    expect(page.value[0]).toMatchObject({
      lastname: "C3",
      "creditlimit@OData.Community.Display.V1.FormattedValue": "$1,000.00",
      parentcustomerid_account: { name: "Parent" },
    });
    const parent = await client.retrieve({
      collection: "accounts",
      key: account,
      select: ["name"],
      expand: [{ property: "contact_customer_accounts", select: ["lastname"], filter: "lastname ne 'C0'" }],
    });
    expect(parent.contact_customer_accounts).toHaveLength(6);
    const all = await client.retrieveAll({
      collection: "contacts",
      select: ["lastname"],
      maxPageSize: 2,
      filter: "lastname ne 'C0'",
    });
    expect(all.value).toHaveLength(6);
    expect(await client.countAll({ collection: "contacts", select: ["lastname"] })).toBe(7);
    expect(await client.count({ collection: "contacts", filter: "lastname eq 'C1'" })).toBe(1);
  });

  test("follows changes with a delta link", async () => {
    await using sandbox = await startSandbox();
    const client = await clientOf(sandbox);
    await client.create({ collection: "accounts", data: { name: "A" } });
    const start = await client.retrieveMultiple({
      collection: "accounts",
      select: ["name"],
      trackChanges: true,
    });
    const link = start.oDataDeltaLink;
    expect(link).toContain("$deltatoken");
    await client.create({ collection: "accounts", data: { name: "B" } });
    const changes = await client.retrieveMultiple({ collection: "accounts", select: ["name"] }, link);
    expect(changes.value.map((row) => row.name)).toEqual(["B"]);
  });

  test("ties and unties single references and collections", async () => {
    await using sandbox = await startSandbox();
    const client = await clientOf(sandbox);
    const account = String(await client.create({ collection: "accounts", data: { name: "A" } }));
    const contact = String(await client.create({ collection: "contacts", data: { lastname: "C" } }));
    const single = { collection: "accounts", primaryKey: account, navigationProperty: "primarycontactid" };
    await client.associateSingleValued({ ...single, relatedCollection: "contacts", relatedKey: contact });
    const primary = async () =>
      (await client.retrieve({ collection: "accounts", key: account, select: ["_primarycontactid_value"] }))
        ._primarycontactid_value;
    expect(await primary()).toBe(contact);
    await client.disassociateSingleValued(single);
    expect(await primary()).toBeNull();
    const many = {
      collection: "accounts",
      primaryKey: account,
      relationshipName: "contact_customer_accounts",
      relatedKey: contact,
    };
    await client.associate({ ...many, relatedCollection: "contacts" });
    const parent = async () =>
      (await client.retrieve({ collection: "contacts", key: contact, select: ["_parentcustomerid_value"] }))
        ._parentcustomerid_value;
    expect(await parent()).toBe(account);
    await client.disassociate(many);
    expect(await parent()).toBeNull();
  });

  test("ties many to many", async () => {
    await using sandbox = await startSandbox();
    const client = await clientOf(sandbox);
    const account = String(await client.create({ collection: "accounts", data: { name: "A" } }));
    const tag = String(await client.create({ collection: "new_tags", data: { new_name: "T" } }));
    const link = {
      collection: "accounts",
      primaryKey: account,
      relationshipName: "new_account_tag",
      relatedKey: tag,
    };
    await client.associate({ ...link, relatedCollection: "new_tags" });
    const tags = async () =>
      (
        await client.retrieve({
          collection: "accounts",
          key: account,
          expand: [{ property: "new_account_tag", select: ["new_name"] }],
        })
      ).new_account_tag;
    expect(await tags()).toMatchObject([{ new_name: "T" }]);
    await client.disassociate(link);
    expect(await tags()).toEqual([]);
  });

  test("asks for duplicate detection, impersonation and bypassing of plug-ins", async () => {
    await using sandbox = await startSandbox();
    const client = await clientOf(sandbox);
    const admin = (path: string, body: unknown) =>
      fetch(`${sandbox.url}/sandbox/${path}`, { method: "POST", body: JSON.stringify(body) });
    await admin("duplicates", [{ table: "contact", columns: ["emailaddress1"] }]);
    const data = { lastname: "x", emailaddress1: "a@b.example" };
    await client.create({ collection: "contacts", data });
    await expect(
      client.create({ collection: "contacts", data, duplicateDetection: true }),
    ).rejects.toMatchObject({ code: "0x80040333" });
    await client.create({ collection: "contacts", data });
    const users = (await (await fetch(`${sandbox.url}/sandbox/users`)).json()) as {
      id: string;
      objectId: string;
    }[];
    const ada = users.find(({ id }) => id === SEEDED.ada);
    const made = await client.create({
      collection: "accounts",
      data: { name: "A" },
      impersonateAAD: ada?.objectId ?? "",
      returnRepresentation: true,
      select: ["_createdby_value"],
    });
    expect(made).toMatchObject({ _createdby_value: SEEDED.ada });
    const older = await client.create({
      collection: "accounts",
      data: { name: "A" },
      impersonate: SEEDED.ada,
      returnRepresentation: true,
      select: ["_createdby_value"],
    });
    expect(older).toMatchObject({ _createdby_value: SEEDED.ada });
    await admin("plugins", [{ table: "account", column: "name", equals: "bad" }]);
    await expect(client.create({ collection: "accounts", data: { name: "bad" } })).rejects.toMatchObject({
      code: "0x80040265",
    });
    await client.create({ collection: "accounts", data: { name: "bad" }, bypassCustomPluginExecution: true });
  });

  test("calls bound and unbound actions and functions", async () => {
    await using sandbox = await startSandbox();
    const client = await clientOf(sandbox);
    const contact = String(await client.create({ collection: "contacts", data: { lastname: "C" } }));
    const list = String(
      await client.create({ collection: "lists", data: { listname: "L", createdfromcode: 2, type: false } }),
    );
    const added = await client.callAction<{ Id: string }>({
      collection: "lists",
      key: list,
      actionName: "Microsoft.Dynamics.CRM.AddMemberList",
      action: { EntityId: contact },
    });
    expect(added.Id).toMatch(/^[0-9a-f-]{36}$/);
    await client.callAction({
      actionName: "AddListMembersList",
      action: {
        List: { "@odata.type": "Microsoft.Dynamics.CRM.list", listid: list },
        Members: [{ "@odata.type": "Microsoft.Dynamics.CRM.contact", contactid: contact }],
      },
    });
    const members = await client.retrieveMultiple({
      collection: "listmembers",
      filter: `_listid_value eq ${list}`,
    });
    expect(members.value).toHaveLength(1);
    const me = await client.callFunction<{ UserId: string }>({ functionName: "WhoAmI" });
    const privileges = await client.callFunction<{ RolePrivileges: unknown[] }>({
      collection: "systemusers",
      key: me.UserId,
      functionName: "Microsoft.Dynamics.CRM.RetrieveUserPrivileges",
    });
    expect(privileges.RolePrivileges.length).toBeGreaterThan(100);
    const counts = await client.callFunction<{ EntityRecordCountCollection: { Values: number[] } }>({
      functionName: "RetrieveTotalRecordCount",
      parameters: { EntityNames: ["contact"] },
    });
    expect(counts.EntityRecordCountCollection.Values).toEqual([1]);
  });

  test("reads all definitions that it offers, and the CSDL", async () => {
    await using sandbox = await startSandbox();
    const client = await clientOf(sandbox);
    const tables = await client.retrieveEntities({
      select: ["LogicalName"],
      filter: "LogicalName eq 'account'",
    });
    expect(tables.value).toMatchObject([{ LogicalName: "account" }]);
    const column = await client.retrieveAttribute({
      entityKey: "LogicalName='account'",
      attributeKey: "LogicalName='name'",
      castType: "Microsoft.Dynamics.CRM.StringAttributeMetadata",
      select: ["MaxLength"],
    });
    expect(column.MaxLength).toBe(160);
    const relationships = await client.retrieveRelationships({
      castType: "Microsoft.Dynamics.CRM.OneToManyRelationshipMetadata",
      select: ["SchemaName"],
      filter: "ReferencedEntity eq 'account'",
    });
    expect(relationships.value.map((one) => one.SchemaName)).toContain("new_order_Account");
    const one = await client.retrieveRelationship({ key: "SchemaName='new_order_Account'" });
    expect(one).toMatchObject({ SchemaName: "new_order_Account" });
    const sets = await client.retrieveGlobalOptionSets({ select: ["Name"] });
    expect(sets.value.map((set) => set.Name)).toContain("new_customertier");
    expect(await client.retrieveCsdlMetadata()).toContain("<edmx:Edmx");
  });
});
