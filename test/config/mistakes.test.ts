import { expect, test } from "vitest";
import { edit, problemsOf, RIGHT, sentencesOf } from "./project.ts";

const MODEL = "models/customers.yml";
const AT = "models/customers.yml";
const SQL = "sql: customers.sql";
const FIELD = "firstname: first_name";

/** One mistake each: where, what is written instead, and the one sentence it makes. */
const CASES: readonly (readonly [file: string, from: string, to: string, said: string])[] = [
  // Keys
  [
    MODEL,
    "fields:",
    "feilds:",
    `unknown_key ${AT}:10:5: Unknown key "feilds" in a sync. Did you mean "fields"?`,
  ],
  [
    MODEL,
    SQL,
    `${SQL}\nx: 1`,
    `unknown_key ${AT}:4:1: Unknown key "x" in a model file. Allowed: model, warehouse, primary_key, sql, table, dbt, timezone, syncs.`,
  ],
  [
    MODEL,
    "primary_key:",
    "primry_key:",
    `unknown_key ${AT}:2:1: Unknown key "primry_key" in a model file. Did you mean "primary_key"?`,
  ],
  [
    MODEL,
    FIELD,
    "firstname: { colum: a }",
    `unknown_key ${AT}:11:20: Unknown key "colum" in a field. Did you mean "column"?`,
  ],
  [
    MODEL,
    "primary_key: customer_id\n",
    "",
    `missing_key ${AT}:1:1: Missing required key "primary_key" in a model file. For example: primary_key: customer_id`,
  ],
  [
    MODEL,
    "    match: { new_customerid: customer_id }\n",
    "",
    `missing_key ${AT}:5:5: Missing required key "match" in a sync. For example: match: { new_customerid: customer_id }`,
  ],
  [
    MODEL,
    "    mode: upsert\n",
    "",
    `missing_key ${AT}:5:5: Missing required key "mode" in a sync. For example: mode: upsert`,
  ],
  [
    MODEL,
    `${SQL}\n`,
    "",
    `missing_key ${AT}:1:1: One of "sql", "table" or "dbt" is missing in a model file. Add one.`,
  ],
  [
    MODEL,
    SQL,
    `${SQL}\ntable: x`,
    `wrong_value ${AT}:1:1: The keys "sql", "table" and "dbt" exclude each other in a model file. Keep one of them.`,
  ],
  [
    MODEL,
    FIELD,
    "firstname: { column: a, value: 1 }",
    `wrong_value ${AT}:11:7: The keys "column", "value" and "template" exclude each other in a field. Keep one of them.`,
  ],
  [
    MODEL,
    FIELD,
    "firstname: {}",
    `missing_key ${AT}:11:7: One of "column", "value" or "template" is missing in a field. Add one.`,
  ],
  [
    MODEL,
    FIELD,
    "firstname: { column: a, lookup: { object: account, by: { name: b } } }",
    `wrong_value ${AT}:11:7: The keys "lookup", "column", "value" and "template" exclude each other in a field. Keep one of them.`,
  ],
  [
    MODEL,
    FIELD,
    "firstname: { lookup: { object: account, by: name } }",
    `missing_key ${AT}:11:7: One of "column", "value" or "template" is missing in a field. Add one.`,
  ],
  // Types
  [
    MODEL,
    "object: contact",
    "object: [contact]",
    `wrong_type ${AT}:7:13: "object" should be text, found a list.`,
  ],
  [MODEL, "object: contact", "object:", `wrong_type ${AT}:7:12: "object" should be text, found nothing.`],
  [
    MODEL,
    "primary_key: customer_id",
    "primary_key: 4",
    `wrong_type ${AT}:2:14: "primary_key" should be a column, or a list of columns, found 4.`,
  ],
  [
    MODEL,
    "primary_key: customer_id",
    "primary_key: [a, 4]",
    `wrong_type ${AT}:2:18: "primary_key[2]" should be text, found a number.`,
  ],
  [
    MODEL,
    FIELD,
    "firstname: 1",
    `wrong_type ${AT}:11:18: "firstname" should be a column, or a mapping such as { value: 1 }, found 1.`,
  ],
  [
    MODEL,
    FIELD,
    "firstname: { value: [1] }",
    `wrong_type ${AT}:11:27: "value" should be text, a number, true, false or null, found a list.`,
  ],
  [
    MODEL,
    FIELD,
    "firstname: { column: a, lookup: { object: 4, by: b } }",
    `wrong_type ${AT}:11:49: "object" should be an object, or { column: … }, found 4.`,
  ],
  [
    MODEL,
    "object: contact",
    "object: contact\n    shared: sometimes",
    `wrong_type ${AT}:8:13: "shared" should be true or false, found text.`,
  ],
  [
    "backhaul.yml",
    "{ type: duckdb, path: warehouse.duckdb }",
    "7",
    `wrong_type backhaul.yml:3:10: "local" should be a mapping, found a number.`,
  ],
  // Values
  [
    MODEL,
    "primary_key: customer_id",
    "primary_key: []",
    `wrong_value ${AT}:2:14: "primary_key" is empty. For example: primary_key: customer_id`,
  ],
  [
    MODEL,
    "primary_key: customer_id",
    "primary_key: [a, a]",
    `wrong_value ${AT}:2:14: "primary_key" names one thing twice. Keep one of them.`,
  ],
  [
    MODEL,
    "match: { new_customerid: customer_id }",
    "match: {}",
    `wrong_value ${AT}:9:12: "match" is empty. For example: match: { new_customerid: customer_id }`,
  ],
  [
    MODEL,
    "mode: upsert",
    "mode: upser",
    `wrong_value ${AT}:8:11: "mode" should be "insert", "update", "upsert" or "mirror", found "upser". Did you mean "upsert"?`,
  ],
  [
    MODEL,
    "mode: upsert",
    "mode: add",
    `wrong_value ${AT}:8:11: "mode" should be "insert", "update", "upsert" or "mirror", found "add".`,
  ],
  [
    MODEL,
    SQL,
    `${SQL}\ntimezone: Europe/Berln`,
    `wrong_value ${AT}:4:11: "timezone" should be an IANA time zone, found "Europe/Berln". Did you mean "Europe/Berlin"?`,
  ],
  [
    MODEL,
    SQL,
    "table: x; DROP TABLE y",
    `wrong_value ${AT}:3:8: "table" should be the name of a table such as analytics.customers, with double quotes around unusual names, found "x; DROP TABLE y".`,
  ],
  [
    MODEL,
    "customers_to_contacts",
    "a/b",
    `wrong_value ${AT}:5:11: "sync" should be a name of at most 63 letters, digits, _ and -, the first one a letter, found "a/b".`,
  ],
  [
    "backhaul.yml",
    "  dynamics:",
    "  4x: { type: dataverse, url: sandbox }\n  dynamics:",
    `wrong_value backhaul.yml:5:3: "4x" should be a name of at most 63 letters, digits, _ and -, the first one a letter.`,
  ],
  [
    "backhaul.yml",
    "type: duckdb",
    "type: duckdv",
    `wrong_value backhaul.yml:3:18: "type" should be "duckdb" or "postgres", found "duckdv". Did you mean "duckdb"?`,
  ],
  [
    "backhaul.yml",
    "type: duckdb, ",
    "",
    `missing_key backhaul.yml:3:3: Missing required key "type" in a connection. For example: type: duckdb`,
  ],
  [
    "backhaul.yml",
    "type: duckdb",
    "type: [duckdb]",
    `wrong_value backhaul.yml:3:18: "type" should be "duckdb" or "postgres", found a list.`,
  ],
  [
    "backhaul.yml",
    "url: sandbox",
    "url: sandbox\n    batch_size: 2000",
    `wrong_value backhaul.yml:8:17: "batch_size" should be at most 1000, found 2000.`,
  ],
  [
    "backhaul.yml",
    "url: sandbox",
    "url: sandbox\n    concurrency: 0",
    `wrong_value backhaul.yml:8:18: "concurrency" should be at least 1, found 0.`,
  ],
  [
    "backhaul.yml",
    "url: sandbox",
    "url: https://a.crm.dynamics.com",
    `missing_key backhaul.yml:5:3: Missing required key "auth" in a Dataverse destination. For example: auth: { type: client_secret, tenant: "\${env:TENANT}", client_id: "\${env:CLIENT_ID}", client_secret: "\${env:CLIENT_SECRET}" }`,
  ],
  [
    "backhaul.yml",
    "url: sandbox",
    "url: sandbox\n    auth: { type: bearre }",
    `wrong_value backhaul.yml:8:19: "type" should be "client_secret", "certificate", "managed_identity", "workload_identity", "device_code", "browser" or "bearer", found "bearre". Did you mean "bearer"?`,
  ],
  [
    "backhaul.yml",
    "project: acme",
    "project: acme\nstate: { type: lokal }",
    `wrong_value backhaul.yml:2:16: "type" should be "local" or "warehouse", found "lokal". Did you mean "local"?`,
  ],
  // Names of other places
  [
    MODEL,
    "destination: dynamics",
    "destination: dynamic",
    `unknown_name ${AT}:6:18: There is no destination "dynamic" in backhaul.yml. Did you mean "dynamics"?`,
  ],
  [
    MODEL,
    SQL,
    `${SQL}\nwarehouse: prod`,
    `unknown_name ${AT}:4:12: There is no warehouse "prod" in backhaul.yml. Allowed: local.`,
  ],
  [
    "backhaul.yml",
    "destinations:",
    "  b: { type: duckdb, path: b }\ndestinations:",
    `missing_key ${AT}:1:1: The model does not say in which warehouse it runs: "local" or "b". For example: warehouse: local`,
  ],
  // Files
  [
    MODEL,
    SQL,
    "sql: x.sql",
    `unreadable ${AT}:3:6: There is no file "models/x.sql". Correct its name, or create it.`,
  ],
  [
    MODEL,
    SQL,
    "sql: SELECT * FROM customers",
    `unreadable ${AT}:3:6: This is no name of a file. Write the query into a file of its own, and name that.`,
  ],
  [MODEL, SQL, "sql: ../models", `unreadable ${AT}:3:6: "models" is not a file. Name a regular file.`],
  [MODEL, SQL, "sql: /dev/zero", `unreadable ${AT}:3:6: "/dev/zero" is not a file. Name a regular file.`],
];

test.each(CASES)("%s: %j → %j", async (file, from, to, said) => {
  expect(await sentencesOf(edit(file, from, to))).toEqual([`config.${said}`]);
});

test("an address must be encrypted, except on this machine", async () => {
  const auth = `\n    auth: { type: bearer, token: "\${env:TOKEN}" }`;
  const saidOf = (url: string) =>
    sentencesOf(edit("backhaul.yml", "url: sandbox", `url: ${url}${auth}`)).catch(() => []);
  for (const url of [
    "https://a.crm.dynamics.com",
    "https://a.crm.dynamics.com/",
    "http://localhost:7171",
    "http://127.0.0.1:80/",
    '"http://[::1]:7171"',
    `"\${env:URL}"`,
  ])
    expect(await saidOf(url), url).toEqual([]);
  for (const url of [
    "http://a.crm.dynamics.com",
    "http://localhost.evil.com",
    "ftp://a",
    "sand box",
    "https://a.com/x?y",
    "https://u@a.com",
  ])
    expect((await saidOf(url))[0], url).toMatch(/"url" should be an address/);
});

test("every problem of every file is told at once, in order of place", async () => {
  const said = await sentencesOf({
    ...edit("backhaul.yml", "path:", "pth:"),
    ...edit(MODEL, "destination: dynamics", "destination: nowhere\n    x: 1"),
    "models/a.yml": "model: customers\nprimary_key: id\n",
    "models/b.yml": "- 1\n",
    "models/c.yml": "a: [\n",
  });
  expect(said.map((line) => line.split(" ").slice(0, 2).join(" "))).toEqual([
    "config.unknown_key backhaul.yml:3:26:",
    "config.missing_key models/a.yml:1:1:",
    "config.wrong_type models/b.yml:1:1:",
    "config.yaml models/c.yml:2:1:",
    "config.duplicate_name models/customers.yml:1:8:",
    "config.unknown_name models/customers.yml:6:18:",
    "config.unknown_key models/customers.yml:7:5:",
  ]);
});

test("a name that stands twice is refused, whatever its case", async () => {
  const other = (RIGHT[MODEL] ?? "")
    .replace("customers_to_contacts", "Customers_to_Contacts")
    .replace("contact\n", "lead\n");
  expect(await sentencesOf({ "models/other.yml": other })).toEqual([
    'config.duplicate_name models/other.yml:1:8: The model "customers" has the name of the one in models/customers.yml, line 1. Give one of them another name.',
    'config.duplicate_name models/other.yml:5:11: The sync "Customers_to_Contacts" has the name of the one in models/customers.yml, line 5. Give one of them another name.',
  ]);
});

test.each([
  ["neither says shared", "", ""],
  ["one says shared", "shared: true", ""],
  ["the other says shared", "", "shared: true"],
])("two syncs that write one field are refused: %s", async (_, first, second) => {
  const text = RIGHT[MODEL] ?? "";
  const other = text
    .replace("model: customers", "model: others")
    .replace("customers_to_contacts", "second")
    .replace("firstname:", "FirstName:");
  const sharing = (file: string, line: string) =>
    line === "" ? file : file.replace("mode:", `${line}\n    mode:`);
  const problems = await problemsOf({
    [MODEL]: sharing(text, first),
    "models/others.yml": sharing(other, second),
  });
  expect(problems).toMatchObject([
    {
      code: "config.conflict",
      message: 'The syncs "customers_to_contacts" and "second" both write "FirstName" of "contact".',
    },
  ]);
});

test("a missing project says what to do", async () => {
  expect((await sentencesOf({ "backhaul.yml": undefined }))[0]).toMatch(
    /config.no_project .* Run `backhaul init` there/,
  );
  expect((await sentencesOf({ "backhaul.yml": undefined, "backhaul.yaml": "" }))[0]).toMatch(
    /Rename backhaul.yaml/,
  );
});
