import { copyFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { fillWarehouse } from "../../models/company.ts";
import { DESTINATION, type RunningSandbox, sandboxEnv, sandboxProcess, writeFiles } from "../support/cli.ts";
import { shippedOnce } from "../support/command.ts";
import { startPostgres } from "../support/postgres.ts";
import { inDuckdb, temporaryFolder } from "../support/project.ts";
import { expectShape } from "../support/shapes.ts";

const sample = fileURLToPath(new URL("../../models", import.meta.url));

const shipped = shippedOnce();
let sandbox: RunningSandbox;
const folder = temporaryFolder();
const run = (...args: string[]) => shipped([...args, "--project", folder.path], { env: sandboxEnv(sandbox) });

/** The sample project's models without their syncs, and the mappings that people wrote for them. */
const written = new Map<string, Record<string, unknown>>();

beforeAll(async () => {
  sandbox = await sandboxProcess();
  writeFiles(folder.path, {
    "backhaul.yml": `project: acme
warehouses:
  local: { type: duckdb, path: warehouse.duckdb }
destinations:${DESTINATION}`,
  });
  for (const name of readdirSync(sample).filter((file) => file.endsWith(".sql"))) {
    copyFileSync(join(sample, name), join(folder.path, name));
    const model = parse(readFileSync(join(sample, name.replace(".sql", ".yml")), "utf8"));
    written.set(model.model, model.syncs[0]);
    writeFileSync(
      join(folder.path, `${model.model}.yml`),
      `model: ${model.model}\nwarehouse: local\nprimary_key: ${model.primary_key}\nsql: ${name}\n`,
    );
  }
  await fillWarehouse(join(folder.path, "warehouse.duckdb"));
});
afterAll(async () => {
  folder[Symbol.dispose]();
  await sandbox[Symbol.asyncDispose]();
});

const columnOf = (source: unknown): string | undefined =>
  typeof source === "string" ? source : (source as { column?: string }).column;

/** What nobody could tell from names and values. */
const NOT_TOLD: Readonly<Record<string, readonly string[]>> = { accounts: [], contacts: ["no_newsletter"] };

describe.each([
  ["accounts", "account"],
  ["contacts", "contact"],
])("%s to %s", (model, object) => {
  test("what is proposed is what people wrote", async () => {
    const { code, json } = await run("map", model, object, "--json");
    expect(code).toBe(0);
    expectShape("map", json);
    const sync = written.get(model) as { match: Record<string, string>; fields: Record<string, unknown> };
    const meant = Object.entries(sync.fields).flatMap(([field, source]) => {
      const column = columnOf(source);
      return column === undefined || NOT_TOLD[model]?.includes(column) ? [] : [[field, column]];
    });
    const proposed = json.fields.map(({ field, column }: Record<string, string>) => [field, column]);
    expect(Object.fromEntries(proposed)).toEqual(Object.fromEntries(meant));
    expect(json.match.map(({ field, column }: Record<string, string>) => [field, column])).toEqual(
      Object.entries(sync.match),
    );
    expect(json.unmapped.map(({ column }: Record<string, string>) => column)).toEqual(NOT_TOLD[model]);
    expect(json.rows).toBe(1000);
  });

  test("the YAML says how sure it is, line by line, and passes the check once it is pasted", async () => {
    const file = join(folder.path, `${model}.yml`);
    const before = readFileSync(file, "utf8");
    const { code, stdout } = await run("map", model, object);
    expect(code).toBe(0);
    const lines = stdout.split("\n").filter((line) => /^ {6}[a-z]/.test(line));
    expect(lines.length).toBeGreaterThan(10);
    for (const line of lines) expect(line).toMatch(/ # \d\d %: .*\d+ of \d+ values fit/);
    writeFileSync(file, before + stdout);
    const checked = await run("check", "--json");
    expect(checked.code, checked.stdout).toBe(0);
    expect(checked.json.syncs[0]).toMatchObject({ sync: model, object });
    const again = await run("map", model, object);
    expect(again.stdout).toMatch(new RegExp(`sync: ${model}_to_${object}$`, "m"));
    writeFileSync(file, before);
  });
});

test("rows of a PostgreSQL warehouse are looked at too", async () => {
  await using server = await startPostgres();
  using other = temporaryFolder();
  await server.query(`
    CREATE TABLE people (id uuid PRIMARY KEY, given_name text, "E-Mail" text, vip boolean, birthday date, score numeric);
    INSERT INTO people SELECT gen_random_uuid(), 'n' || n, 'n' || n || '@x.example', n % 2 = 0, date '1990-01-01' + n, n * 1.5
    FROM generate_series(1, 40) n`);
  writeFiles(other.path, {
    "backhaul.yml": `project: pg
warehouses:
  pg: { type: postgres, url: "\${env:DATABASE_URL}" }
destinations:${DESTINATION}`,
    "models/people.yml": "model: people\nprimary_key: id\ntable: people\n",
  });
  const env = { ...sandboxEnv(sandbox), DATABASE_URL: server.url };
  const { code, json } = await shipped(["map", "people", "contact", "--project", other.path, "--json"], {
    env,
  });
  expect(code).toBe(0);
  expect(json.rows).toBe(40);
  expect(json.match).toMatchObject([
    { field: "contactid", column: "id", why: expect.stringMatching(/never makes a record/) },
  ]);
  const proposed = json.fields.map(({ field, column }: Record<string, string>) => [column, field]);
  expect(Object.fromEntries(proposed)).toEqual({
    given_name: "firstname",
    "E-Mail": "emailaddress1",
    vip: "new_isvip",
    birthday: "birthdate",
    score: "new_score",
  });
});

test("hostile columns and values are proposed and shown without harm", async () => {
  await inDuckdb(
    join(folder.path, "warehouse.duckdb"),
    `CREATE TABLE odd AS SELECT i AS id, 'x' AS "first: {name}", 'a@b.example' AS "e,mail #1", [1] AS list,
       repeat('y', 300) AS "last name" FROM range(5) t(i)`,
  );
  writeFiles(folder.path, { "odd.yml": "model: odd\nwarehouse: local\nprimary_key: id\ntable: odd\n" });
  const { code, json } = await run("map", "odd", "contacts", "--json");
  expect(code).toBe(0);
  expectShape("map", json);
  const pasted = parse(json.yaml);
  for (const { field, column } of json.fields) expect(columnOf(pasted.syncs[0].fields[field])).toBe(column);
  expect(Object.keys(pasted.syncs[0].fields)).toContain("firstname");
  // No value of the column fits the field that it is named after.
  expect(pasted.syncs[0].fields).not.toHaveProperty("lastname");
});

test.each([
  [["map", "acounts", "account"], 'There is no model "acounts"', "Did you mean 'accounts'?"],
  [["map", "accounts", "acount"], "no table 'acount'", "'account'"],
])("%j is exit 2", async (args, message, remedy) => {
  const { code, stderr } = await run(...args);
  expect(code).toBe(2);
  expect(stderr).toContain(message);
  expect(stderr).toContain(remedy);
});
