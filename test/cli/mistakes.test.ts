import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DESTINATION, type RunningSandbox, sandboxEnv, sandboxProcess, writeFiles } from "../support/cli.ts";
import { shippedOnce } from "../support/command.ts";
import { inDuckdb, temporaryFolder } from "../support/project.ts";

const schema = (name: string): object =>
  JSON.parse(readFileSync(new URL(`../../spec/output/${name}.schema.json`, import.meta.url), "utf8"));
const isError = new Ajv2020().compile(schema("error"));

const PROJECT = `project: test
warehouses:
  local: { type: duckdb, path: warehouse.duckdb }
destinations:${DESTINATION}`;
const MODEL = `model: orders
warehouse: local
primary_key: id
sql: orders.sql
syncs:
  - sync: orders
    destination: dynamics
    object: new_order
    mode: upsert
    match: { new_externalid: number }
    fields:
      new_name: name
      new_amount: amount
`;
const SQL =
  "SELECT id, 'A-' || id AS number, 'n' AS name, 1.5::DECIMAL(9,2) AS amount, [1] AS listed, DATE '2024-05-01' AS placed FROM orders\n";

interface Mistake {
  readonly what: string;
  readonly files?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly exit: number;
  readonly code: string | RegExp;
  readonly says: RegExp;
}

const model = (from: string, to: string): Record<string, string> => {
  if (!MODEL.includes(from)) throw new Error(`the model has no ${from}`);
  return { "models/orders.yml": MODEL.replace(from, to) };
};

const mistakes: readonly Mistake[] = [
  {
    what: "broken YAML",
    files: { "models/orders.yml": "model: orders\n  primary_key: [id\n" },
    exit: 2,
    code: /^config/,
    says: /models\/orders\.yml:\d+:\d+/,
  },
  // Where Node's own way to make folders never ends, and where a file is in the way.
  ...["/proc/x", "models/orders.sql/state"].map((path) => ({
    what: `a state in ${path}`,
    files: {
      "backhaul.yml": PROJECT.replace(
        "destinations:",
        `state: { type: local, path: ${path} }\ndestinations:`,
      ),
    },
    exit: 2,
    code: "state.folder",
    says: new RegExp(`cannot be kept in [^ ]*${path}: .*state\\.path`, "s"),
  })),
  {
    what: "an unknown key",
    files: model("primary_key:", "primary_keys:"),
    exit: 2,
    code: /^config/,
    says: /models\/orders\.yml:3:1.*primary_keys.*primary_key/s,
  },
  {
    what: "a missing column",
    files: model("new_name: name", "new_name: nome"),
    exit: 2,
    code: "model.unknown_column",
    says: /models\/orders\.yml:12:\d+.*"nome".*Did you mean "name"/s,
  },
  {
    what: "a column that the query returns twice",
    files: { "models/orders.sql": SQL.replace("listed", "Name") },
    exit: 2,
    code: "model.column_double",
    says: /models\/orders\.yml:12:\d+.*several columns "name"/s,
  },
  {
    what: "an unknown field",
    files: model("new_name:", "new_nome:"),
    exit: 2,
    code: /unknown_field/,
    says: /models\/orders\.yml:12:\d+.*new_nome.*new_name/s,
  },
  {
    what: "an unknown object",
    files: model("object: new_order", "object: new_ordr"),
    exit: 2,
    code: /object/,
    says: /new_ordr.*new_order/s,
  },
  {
    what: "a column of the wrong type",
    files: model("new_amount: amount", "new_amount: placed"),
    exit: 2,
    code: /type/,
    says: /models\/orders\.yml:13:\d+.*new_amount/s,
  },
  {
    what: "an inactive key",
    files: model("new_externalid: number", "new_reference: number"),
    exit: 2,
    code: /key|match/,
    says: /new_reference.*Pending/s,
  },
  {
    what: "a mode that does not run yet",
    files: model("mode: upsert", "mode: add"),
    exit: 2,
    code: /^config\./,
    says: /models\/orders\.yml:9:\d+.*add/s,
  },
  {
    what: "a literal secret",
    files: { "backhaul.yml": PROJECT.replace('"${env:CLIENT_SECRET}"', "hunter2-hunter2") },
    exit: 2,
    code: /secret/,
    says: /\$\{env:/,
  },
  {
    what: "a missing env variable",
    env: { CLIENT_SECRET: undefined },
    exit: 2,
    code: "config.secret_missing",
    says: /CLIENT_SECRET/,
  },
  {
    what: "a host that does not answer",
    env: { SANDBOX_URL: "http://127.0.0.1:1" },
    exit: 3,
    code: /refused|unreachable|connection|socket|auth/i,
    says: /127\.0\.0\.1:1/,
  },
  {
    what: "plain http to another machine",
    env: { SANDBOX_URL: "http://crm.example.com" },
    exit: 2,
    code: /./,
    says: /https/,
  },
  {
    what: "a wrong secret",
    env: { CLIENT_SECRET: "not-the-secret" },
    exit: 3,
    code: "auth.AADSTS7000215",
    says: /AADSTS7000215/,
  },
  {
    what: "a missing warehouse file",
    files: { "backhaul.yml": PROJECT.replace("warehouse.duckdb", "nowhere.duckdb") },
    exit: 3,
    code: "warehouse.missing_file",
    says: /nowhere\.duckdb/,
  },
  {
    what: "a missing query file",
    files: model("sql: orders.sql", "sql: nowhere.sql"),
    exit: 2,
    code: /^config/,
    says: /nowhere\.sql/,
  },
  {
    what: "broken SQL",
    files: { "models/orders.sql": "SELECT id,\n  nosuch\nFROM orders\n" },
    exit: 2,
    code: "model.sql_refused",
    says: /models\/orders\.sql:2:1.*nosuch/s,
  },
];

let sandbox: RunningSandbox;
beforeAll(async () => {
  sandbox = await sandboxProcess();
});
afterAll(async () => {
  await sandbox[Symbol.asyncDispose]();
});

const shipped = shippedOnce();

describe.each(mistakes)("$what", ({ files = {}, env = {}, exit, code, says }) => {
  test("is one clear error with a remedy and the right exit code", async () => {
    using folder = temporaryFolder();
    writeFiles(folder.path, {
      "backhaul.yml": PROJECT,
      "models/orders.yml": MODEL,
      "models/orders.sql": SQL,
      ...files,
    });
    await inDuckdb(`${folder.path}/warehouse.duckdb`, "CREATE TABLE orders AS SELECT 1 AS id");
    const merged = Object.entries({ ...sandboxEnv(sandbox), ...env }).filter(
      (entry) => entry[1] !== undefined,
    );
    const options = { env: Object.fromEntries(merged) as Record<string, string> };
    const human = await shipped(["check", "--project", folder.path], options);
    expect(human.stderr).toMatch(says);
    expect(human.code).toBe(exit);
    expect(human.stderr + human.stdout).not.toMatch(/\n\s+at .+:\d+:\d+/);
    const machine = await shipped(["run", "--project", folder.path, "--json"], options);
    expect(machine.code).toBe(exit);
    expect(isError(machine.json), JSON.stringify(isError.errors)).toBe(true);
    const [problem] = machine.json.error.problems;
    expect(problem.code).toMatch(code);
    expect(problem.remedy ?? problem.message).toMatch(/\w+ .*[.?]/);
    for (const secret of ["hunter2-hunter2", "not-the-secret"]) {
      expect(human.stdout + human.stderr + machine.stdout + machine.stderr).not.toContain(secret);
    }
  });
});

test("a plan too says that the state cannot lie where it shall", async () => {
  using folder = temporaryFolder();
  writeFiles(folder.path, {
    "backhaul.yml": PROJECT.replace("destinations:", "state: { type: local, path: /proc/x }\ndestinations:"),
    "models/orders.yml": MODEL,
    "models/orders.sql": SQL,
  });
  const planned = await shipped(["plan", "--project", folder.path, "--json"], { env: sandboxEnv(sandbox) });
  expect(planned.code).toBe(2);
  expect(planned.json.error.problems).toMatchObject([{ code: "state.folder" }]);
});
