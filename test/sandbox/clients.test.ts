import { DynamicsWebApi } from "dynamics-web-api";
import { describe, expect, test } from "vitest";
import { type Sandbox, startSandbox } from "../../src/sandbox/index.ts";

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
});
