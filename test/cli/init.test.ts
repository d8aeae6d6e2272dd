/** A new project, as `init` writes it, and models that are named by dbt. */
import { readFileSync, realpathSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { type Variables, variablesOf } from "../../src/cli/init-env.ts";
import { loadProject } from "../../src/config/load.ts";
import { type SyncError, sentence } from "../../src/core/errors.ts";
import { schemas } from "../../src/registry.ts";
import { backhaul, writeFiles } from "../support/cli.ts";
import { inDuckdb, temporaryFolder } from "../support/project.ts";
import { expectShape } from "./shape.ts";

const init = (folder: string, ...more: string[]) =>
  backhaul(["init", "--project", folder, "--json", ...more]);

/** The schema that the first line of a YAML file names, as an editor finds it. */
function schemaOf(file: string): object {
  const [, path] = /^# yaml-language-server: \$schema=(.+)$/m.exec(readFileSync(file, "utf8"))!;
  return JSON.parse(readFileSync(resolve(realpathSync(dirname(file)), path!), "utf8"));
}
const valid = (file: string, change: (data: Record<string, unknown>) => void = () => {}): boolean => {
  const ajv = new Ajv2020({ strict: false, discriminator: true, formats: { timezone: true } });
  const data = parse(readFileSync(file, "utf8"));
  change(data);
  return ajv.validate(schemaOf(file), data) as boolean;
};

test("an empty folder becomes a project whose files their schemas take, and a second init changes nothing", async () => {
  using folder = temporaryFolder();
  const at = (name: string): string => join(folder.path, name);
  const made = await init(folder.path, "--name", "fresh");
  expect(made.code).toBe(0);
  expectShape("init", made.json);
  expect(made.json.created).toEqual([
    "backhaul.yml",
    "models/customers.yml",
    "models/customers.sql",
    "data/customers.csv",
    ".gitignore",
    "warehouse.duckdb",
  ]);
  expect(valid(at("backhaul.yml"))).toBe(true);
  expect(valid(at("models/customers.yml"))).toBe(true);
  // The editor's schema knows the connectors: a key that none of them has is marked.
  expect(
    valid(at("backhaul.yml"), (data) =>
      Object.assign(data, { destinations: { d: { type: "dataverse", url: "sandbox", nosuch: 1 } } }),
    ),
  ).toBe(false);

  const before = readFileSync(at("backhaul.yml"), "utf8");
  const again = await init(folder.path, "--name", "other");
  expect(again.code).toBe(2);
  expect(again.json.error.problems[0].code).toBe("init.exists");
  expect(readFileSync(at("backhaul.yml"), "utf8")).toBe(before);
});

test("files that are there stay as they are, and the sample stands beside them, not among them", async () => {
  using folder = temporaryFolder();
  const own = {
    ".gitignore": "mine\n",
    "data/customers.csv": "id,secret_plan\n1,ours\n",
    "models/sample_customers.sql": "SELECT 1\n",
  };
  writeFiles(folder.path, own);
  const made = await init(folder.path);
  expect(made.json.kept).toEqual([".gitignore"]);
  expect(made.json.created).toEqual([
    "backhaul.yml",
    "models/sample_customers_2.yml",
    "models/sample_customers_2.sql",
    "data/sample_customers_2.csv",
    "warehouse.duckdb",
  ]);
  for (const [file, text] of Object.entries(own))
    expect(readFileSync(join(folder.path, file), "utf8")).toBe(text);
  const planned = await backhaul(["plan", "--project", folder.path, "--json"]);
  expect(planned.code, planned.stdout + planned.stderr).toBe(0);
  expect(planned.json.plans).toMatchObject([
    { sync: "sample_customers_2", rows: 10, operations: { create: 10 } },
  ]);
});

test("a .env gives the names of its variables, never their values; what is not set is named", async () => {
  using folder = temporaryFolder();
  writeFiles(folder.path, { ".env": "AZURE_TENANT_ID=t-1\nPG_URL=postgres://u:hush-hush@h/d\n" });
  const made = await init(
    folder.path,
    ...["--warehouse", "postgres", "--url", "https://acme.crm4.dynamics.com"],
  );
  const project = readFileSync(join(folder.path, "backhaul.yml"), "utf8");
  expect(project).toContain('url: "${env:PG_URL}"');
  expect(project).toContain('tenant: "${env:AZURE_TENANT_ID}"');
  expect(project + made.stdout).not.toContain("hush-hush");
  expect(made.json.missing).toEqual(["CLIENT_ID", "CLIENT_SECRET"]);
  expect(valid(join(folder.path, "backhaul.yml"))).toBe(true);
  // The whole of it loads: what the sample needs is there, what production needs is asked for when it is used.
  expect((await backhaul(["runs", "--project", folder.path])).code).toBe(0);
});

test.each<[string, Record<string, string>, Variables]>([
  [
    "usual names",
    { CLIENT_ID: "1", CLIENT_SECRET: "2", TENANT: "3" },
    { client_id: "CLIENT_ID", client_secret: "CLIENT_SECRET", tenant: "TENANT" },
  ],
  [
    "names with a beginning of their own",
    { DV_TENANT: "t", DV_CLIENT_ID: "c", DV_CLIENT_SECRET: "s", DV_URL: "https://acme.crm4.dynamics.com/" },
    { tenant: "DV_TENANT", client_id: "DV_CLIENT_ID", client_secret: "DV_CLIENT_SECRET", url: "DV_URL" },
  ],
  ["a database by its value", { MYDB: "postgres://u:p@h/d", CACHE_URL: "redis://h" }, { database: "MYDB" }],
  ["another database is none", { DATABASE_URL: "mysql://u:p@h/d" }, {}],
  [
    "of several those of Dynamics, then of Microsoft",
    {
      GITHUB_CLIENT_ID: "g",
      AZURE_CLIENT_ID: "a",
      CRM_CLIENT_ID: "c",
      STRIPE_CLIENT_SECRET: "s",
      AZURE_CLIENT_SECRET: "x",
    },
    { client_id: "CRM_CLIENT_ID", client_secret: "AZURE_CLIENT_SECRET" },
  ],
  ["nothing of it", { PATH: "/bin", API_KEY: "k", WEBSITE: "https://dynamics.com.example.org" }, {}],
])("a .env with %s", (_, env, expected) => {
  expect(variablesOf(env)).toEqual(expected);
});

test("an organisation that a .env names stands beside the sandbox, by reference", async () => {
  using folder = temporaryFolder();
  writeFiles(folder.path, {
    ".env":
      "DV_URL=https://hidden-name.crm4.dynamics.com\nDV_TENANT=t\nDV_CLIENT_ID=c\nDV_CLIENT_SECRET=hush-hush\n",
  });
  const made = await init(folder.path);
  expect(made.json.missing).toEqual([]);
  const text = readFileSync(join(folder.path, "backhaul.yml"), "utf8");
  expect(parse(text).destinations.production).toEqual({
    type: "dataverse",
    url: "${env:DV_URL}",
    auth: {
      type: "client_secret",
      tenant: "${env:DV_TENANT}",
      client_id: "${env:DV_CLIENT_ID}",
      client_secret: "${env:DV_CLIENT_SECRET}",
    },
  });
  expect(text + made.stdout).not.toMatch(/hush-hush|hidden-name/);
  expect(valid(join(folder.path, "backhaul.yml"))).toBe(true);
});

test("flags that make no project are refused before anything is written", async () => {
  using folder = temporaryFolder();
  for (const flags of [
    ["--name", "7 days"],
    ["--warehouse", "oracle"],
    ["--url", "acme.crm4.dynamics.com"],
  ]) {
    const made = await init(folder.path, ...flags);
    expect([made.code, made.json.error.problems[0].code]).toEqual([2, "cli.usage"]);
  }
  expect((await init(folder.path)).json.created).toContain("backhaul.yml");
});

describe("dbt", () => {
  const node = (name: string, more: object = {}) => ({
    resource_type: "model",
    name,
    package_name: "shop",
    database: "dev",
    relation_name: `"dev"."main"."${name}"`,
    columns: { [`${name.replace(/s$/, "")}_id`]: {} },
    config: { materialized: "table" },
    ...more,
  });
  const manifest = (more: Record<string, object> = {}) =>
    JSON.stringify({
      metadata: { adapter_type: "duckdb", project_name: "shop" },
      nodes: {
        "model.shop.buyers": node("buyers"),
        "model.shop.stages": node("stages", { relation_name: null, config: { materialized: "ephemeral" } }),
        "model.other.twins": node("twins", { package_name: "other" }),
        "model.one.others": node("others", { package_name: "one" }),
        "model.two.others": node("others", { package_name: "two" }),
        "model.shop.twins": node("twins", { relation_name: '"dev"."main"."ours"' }),
        "model.shop.prices.v1": node("prices", {
          version: 1,
          latest_version: 2,
          relation_name: '"dev"."main"."prices_v1"',
        }),
        "model.shop.prices.v2": node("prices", {
          version: 2,
          latest_version: 2,
          relation_name: '"dev"."main"."prices_v2"',
        }),
        "test.shop.buyers": node("buyers", { resource_type: "test" }),
        ...more,
      },
      disabled: { "model.shop.old": [node("old")] },
    });

  test("in a dbt project the project goes into backhaul/, and a model that dbt has built runs", async () => {
    using folder = temporaryFolder();
    writeFiles(folder.path, {
      "dbt_project.yml": "name: shop\n",
      "models/schema.yml": "version: 2\nmodels: []\n",
      "target/manifest.json": manifest(),
    });
    await inDuckdb(
      join(folder.path, "dev.duckdb"),
      "CREATE TABLE buyers AS SELECT 'B-' || i AS buyer_id, 'Buyer ' || i AS surname FROM range(3) t(i)",
    );
    const made = await init(folder.path);
    expectShape("init", made.json);
    expect(made.json.folder).toBe(join(folder.path, "backhaul"));
    // Where dbt stands one is told where the project is.
    const astray = await backhaul(["check", "--project", folder.path, "--json"]);
    expect(astray.code).toBe(2);
    expect(astray.json.error.problems[0].remedy).toContain(`--project ${join(folder.path, "backhaul")}`);
    expect(made.json.dbt).toEqual({
      manifest: "../target/manifest.json",
      found: true,
      models: ["buyers", "twins", "prices"],
    });
    const model = join(folder.path, "backhaul/models/buyers.yml");
    expect(valid(model)).toBe(true);
    const sync =
      "syncs:\n  - sync: buyers\n    destination: dynamics\n    object: account\n    mode: upsert\n    match: { accountnumber: buyer_id }\n    fields: { name: surname }\n";
    writeFileSync(model, readFileSync(model, "utf8").replace("syncs: []\n", sync));
    const planned = await backhaul(["plan", "buyers", "--project", join(folder.path, "backhaul"), "--json"]);
    expect(planned.json.plans?.[0], planned.stdout).toMatchObject({
      sync: "buyers",
      rows: 3,
      operations: { create: 3 },
    });
  });

  const load = async (ref: string, manifestText: string | undefined) => {
    using folder = temporaryFolder();
    writeFiles(folder.path, {
      "backhaul.yml":
        "project: p\nwarehouses: { local: { type: duckdb, path: w.duckdb } }\ndestinations: { d: { type: dataverse, url: sandbox } }\n",
      "models/x.yml": `model: x\nprimary_key: id\ndbt: ${ref}\n`,
      ...(manifestText === undefined ? {} : { "target/manifest.json": manifestText }),
    });
    return await loadProject(folder.path, { schemas }); // before the folder is gone
  };

  test.each([
    ["nosuch", "dbt.unknown_model", 'There is no model, seed or snapshot "nosuch" in target/manifest.json.'],
    ["buyer", "dbt.unknown_model", 'Did you mean "buyers"?'],
    ["stages", "dbt.no_table", "ephemeral"],
    ["others", "dbt.ambiguous", "one.others, two.others"],
    ["old", "dbt.disabled", "disabled"],
  ])("dbt: %s is refused as %s, at its line", async (ref, code, says) => {
    const error: SyncError = await load(ref, manifest()).catch((thrown) => thrown);
    expect(error.problems).toHaveLength(1);
    const [problem] = error.problems;
    expect(problem).toMatchObject({ kind: "config", code, place: { file: "models/x.yml", line: 3 } });
    expect(sentence(problem!)).toContain(says);
  });

  test("a manifest that is not there, or none, is said so", async () => {
    await expect(load("buyers", undefined)).rejects.toMatchObject({ code: "dbt.no_manifest" });
    for (const text of ["<html>", "[]", '{"nodes":null}'])
      await expect(load("buyers", text)).rejects.toMatchObject({ code: "dbt.unreadable" });
  });

  test.each([
    ["buyers", "buyers"],
    ["prices", "prices_v2"],
    ["prices.v1", "prices_v1"],
    ["twins", "ours"],
    ["shop.twins", "ours"],
    ["other.twins", "twins"],
  ])("dbt: %s is the table %s", async (ref, table) => {
    const { models } = await load(ref, manifest());
    expect(models[0]?.query).toBe(`SELECT * FROM "dev"."main"."${table}"`);
  });
});
