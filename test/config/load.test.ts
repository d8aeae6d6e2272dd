import { mkdir, rename, symlink } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadProject } from "../../src/config/load.ts";
import { edit, folderOf, load, RIGHT, SCHEMAS, sentencesOf } from "./project.ts";

describe("a project", () => {
  test("is loaded with its defaults, and every field spelled out", async () => {
    const fields = `
      firstname: first_name
      emailaddress1: { column: email, when_null: skip }
      leadsourcecode: { value: 1 }
      jobtitle: { column: title, truncate: true }
      description: { value: null }
      parentcustomerid: { column: account, lookup: { object: account, by: accountnumber } }
      ownerid: { column: owner, lookup: { object: systemuser, by: internalemailaddress, when_missing: skip } }
      originatingleadid: { when_null: skip, lookup: { object: lead, by: { lastname: last_name, new_site: site } } }
`;
    const project = await load(edit("models/customers.yml", "\n      firstname: first_name\n", fields));
    const [model] = project.models;
    expect(project).toMatchObject({
      name: "acme",
      state: { type: "local", path: join(project.folder, ".backhaul") },
    });
    expect(model).toMatchObject({
      name: "customers",
      warehouse: "local",
      primaryKey: ["customer_id"],
      query: "SELECT * FROM customers",
      queryFile: "models/customers.sql",
      timezone: "UTC",
      file: "models/customers.yml",
    });
    expect(model?.syncs).toMatchObject([
      {
        name: "customers_to_contacts",
        model: "customers",
        destination: "dynamics",
        object: "contact",
        mode: "upsert",
        onRemoved: "keep",
        match: [{ field: "new_customerid", column: "customer_id" }],
      },
    ]);
    expect(model?.syncs[0]?.fields).toEqual([
      { field: "firstname", source: { column: "first_name" }, whenNull: "clear" },
      { field: "emailaddress1", source: { column: "email" }, whenNull: "skip" },
      { field: "leadsourcecode", source: { value: 1 }, whenNull: "clear" },
      { field: "jobtitle", source: { column: "title" }, whenNull: "clear", truncate: true },
      { field: "description", source: { value: null }, whenNull: "clear" },
      {
        field: "parentcustomerid",
        source: { column: "account" },
        whenNull: "clear",
        lookup: { object: "account", by: "accountnumber", whenMissing: "reject" },
      },
      {
        field: "ownerid",
        source: { column: "owner" },
        whenNull: "clear",
        lookup: { object: "systemuser", by: "internalemailaddress", whenMissing: "skip" },
      },
      {
        field: "originatingleadid",
        source: { columns: ["last_name", "site"] },
        whenNull: "skip",
        lookup: {
          object: "lead",
          by: [
            { field: "lastname", column: "last_name" },
            { field: "new_site", column: "site" },
          ],
          whenMissing: "reject",
        },
      },
    ]);
  });

  test("knows where each key of a sync stands", async () => {
    const project = await load();
    const sync = project.models[0]?.syncs[0];
    const file = "models/customers.yml";
    expect(sync?.place()).toEqual({ file, line: 5, column: 5 });
    expect(sync?.place("match")).toEqual({ file, line: 9, column: 5 });
    expect(sync?.place("fields", "firstname")).toEqual({ file, line: 11, column: 7 });
    expect(sync?.place("fields", "lastname")).toEqual({ file, line: 10, column: 5 });
    expect(project.destinations.get("dynamics")?.place("url")).toEqual({
      file: "backhaul.yml",
      line: 7,
      column: 5,
    });
  });

  test("keeps the connectors' defaults and the references of a connection", async () => {
    const project = await load(
      edit(
        "backhaul.yml",
        "url: sandbox",
        `url: "\${env:URL}"\n    auth: { type: bearer, token: "\${env:TOKEN}" }`,
      ),
    );
    expect(project.destinations.get("dynamics")?.config).toEqual({
      type: "dataverse",
      url: `\${env:URL}`,
      auth: { type: "bearer", token: `\${env:TOKEN}` },
      authority: "https://login.microsoftonline.com",
    });
  });

  test("finds models beside backhaul.yml and below models, but no YAML of other tools", async () => {
    const model = (name: string) => `model: ${name}\nprimary_key: id\ntable: analytics.${name}\n`;
    const project = await load({
      "leads.yaml": model("leads"),
      "compose.yml": "services: { db: !include x }\n",
      "models/deep/er/orders.yml": model("orders"),
      "models/.hidden/x.yml": "not a model",
      "models/node_modules/x.yml": "not a model",
      "models/sample/backhaul.yml": "project: other",
      "models/readme.md": "not a model",
      "elsewhere/x.yml": model("x"),
    });
    expect(project.models.map(({ file }) => file)).toEqual([
      "leads.yaml",
      "models/customers.yml",
      "models/deep/er/orders.yml",
    ]);
    expect(project.models[0]?.query).toBe("SELECT * FROM analytics.leads");
  });

  test("is read through links to files, as Kubernetes mounts them", async () => {
    const folder = await folderOf();
    await mkdir(join(folder, "models/..data"));
    await rename(join(folder, "models/customers.yml"), join(folder, "models/..data/customers.yml"));
    await symlink("..data/customers.yml", join(folder, "models/customers.yml"));
    expect((await loadProject(folder, { schemas: SCHEMAS })).models).toHaveLength(1);
  });

  test("takes lists as primary keys, quoted tables and SQL with a semicolon", async () => {
    const project = await load({
      ...edit(
        "models/customers.yml",
        "primary_key: customer_id",
        "primary_key: [a, b]\ntimezone: Europe/Berlin",
      ),
      "models/customers.sql": "\uFEFFSELECT 1;\n ; \n",
      "models/t.yml": 'model: t\nprimary_key: id\ntable: prod."Order Lines"\n',
    });
    expect(project.models).toMatchObject([
      { primaryKey: ["a", "b"], timezone: "Europe/Berlin", query: "SELECT 1" },
      { query: 'SELECT * FROM prod."Order Lines"' },
    ]);
  });

  test("may name things as JavaScript names its own", async () => {
    const project = await load({
      ...edit("backhaul.yml", "dynamics:", "constructor:"),
      ...edit("models/customers.yml", "destination: dynamics", "destination: constructor"),
    });
    expect(project.destinations.get("constructor")?.type).toBe("dataverse");
    expect(
      await sentencesOf(edit("models/customers.yml", "destination: dynamics", "destination: toString")),
    ).toEqual([
      'config.unknown_name models/customers.yml:6:18: There is no destination "toString" in backhaul.yml. Allowed: dynamics.',
    ]);
  });

  test("lets two syncs share a field when both say so", async () => {
    const twice = (RIGHT["models/customers.yml"] ?? "").replace(
      "mode: upsert",
      "mode: upsert\n    shared: true",
    );
    const other = twice
      .replace("model: customers", "model: others")
      .replace("customers_to_contacts", "second");
    expect((await load({ "models/customers.yml": twice, "models/others.yml": other })).models).toHaveLength(
      2,
    );
  });
});
