/** `check --data` as it is shipped, on the sample project and its planted rows, and on a PostgreSQL. */
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { EXPECTED_REJECTIONS, fillWarehouse } from "../../models/company.ts";
import { copyProject } from "../quickstart/models.ts";
import { orderProject, type RunningSandbox, sandboxEnv, sandboxProcess, writeFiles } from "../support/cli.ts";
import { shippedOnce } from "../support/command.ts";
import { startPostgres } from "../support/postgres.ts";
import { inDuckdb, temporaryFolder } from "../support/project.ts";
import { expectShape } from "../support/shapes.ts";

const shipped = shippedOnce();
let sandbox: RunningSandbox;
beforeAll(async () => {
  sandbox = await sandboxProcess();
});
afterAll(() => sandbox[Symbol.asyncDispose]());

interface Reason {
  readonly code: string;
  readonly field?: string;
  readonly rows: number;
  readonly samples: readonly (readonly string[])[];
}

interface Counters {
  readonly requests: Readonly<Record<string, number>>;
  readonly operations: Readonly<Record<string, number>>;
}

function tallied(codes: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const code of codes) counts[code] = (counts[code] ?? 0) + 1;
  return counts;
}

test("the sample project's planted rows are found by reason, short of the parents that are missing", async () => {
  using folder = temporaryFolder();
  copyProject(folder.path);
  await fillWarehouse(join(folder.path, "warehouse.duckdb"));
  const { code, json } = await shipped(["check", "--data", "--project", folder.path, "--json"]);
  expect(code).toBe(1);
  expectShape("check", json);
  expect(json.syncs).toHaveLength(3);
  for (const { sync, data } of json.syncs) {
    const expected = EXPECTED_REJECTIONS.filter((row) => row.sync === sync && row.code !== "lookup.missing");
    const reasons: readonly Reason[] = data.reasons;
    expect(Object.fromEntries(reasons.map((reason) => [reason.code, reason.rows]))).toEqual(
      tallied(expected.map((row) => row.code)),
    );
    expect(data.rejected).toBe(expected.length);
    for (const { code: reason, samples } of reasons) {
      const keys = new Set(expected.filter((row) => row.code === reason).map((row) => row.key));
      keys.delete(null);
      expect(new Set(samples.map(([key]) => key))).toEqual(keys);
    }
  }
  const contacts = json.syncs.find(({ sync }: { sync: string }) => sync === "contacts");
  expect(contacts.data.unchecked).toContainEqual(
    expect.objectContaining({ code: "lookup.missing", field: "parentcustomerid" }),
  );
  expect(contacts.data.reasons).toContainEqual(
    expect.objectContaining({ code: "value.too_long", field: "jobtitle", samples: [["C-900002"]] }),
  );
  // As text: a table of the same.
  const text = await shipped(["check", "--data", "accounts", "--project", folder.path]);
  expect(text.code).toBe(1);
  expect(text.stdout).toMatch(/^ {2}! 5 of [\d,]+ rows would be rejected$/m);
  expect(text.stdout).toMatch(/^ +1 +name +value\.too_long +longer than 160 characters +AC-90002$/m);
  expect(text.stdout).toMatch(/^ +2 +key\.double +more than one row has the primary key +AC-90003$/m);
});

const ORDERS = `SELECT 1 AS id, 'N-1' AS number, 'fine' AS name, '1.5' AS amount
  UNION ALL SELECT 2, 'N-2', repeat('x', 5000), '2'
  UNION ALL SELECT 3, 'N-3', 'three', '1e12'
  UNION ALL SELECT 4, 'n-3 ', 'folds to one with it', '3'
  UNION ALL SELECT 5, NULL, 'no match', '3'
  UNION ALL SELECT 6, '', 'an empty match', '3'
  UNION ALL SELECT 7, 'N-7', 'seven', 'many'
  UNION ALL SELECT 9, 'N-9', 'nine', 'none'
  UNION ALL SELECT NULL, 'N-8', 'no key', '3'`;

test("several syncs of a model are told apart, and no row is asked for at the destination", async () => {
  using folder = temporaryFolder();
  const files = orderProject();
  writeFiles(folder.path, {
    ...files,
    "models/orders.yml": `${files["models/orders.yml"]}  - sync: people
    destination: dynamics
    object: contact
    mode: insert
    fields: { lastname: name, creditlimit: { column: id }, donotemail: amount }
`,
  });
  await inDuckdb(`${folder.path}/warehouse.duckdb`, `CREATE TABLE orders AS ${ORDERS}`);
  const check = async (...more: readonly string[]) => {
    await sandbox.admin("counters", { method: "POST" });
    const ended = await shipped(["check", ...more, "--project", folder.path, "--json"], {
      env: sandboxEnv(sandbox),
    });
    const { requests, operations } = (await (await sandbox.admin("counters")).json()) as Counters;
    return { ...ended, json: ended.json, asked: { requests, operations } };
  };
  await check(); // what is read of the schema is kept
  const { asked: without } = await check();
  const { code, json, asked } = await check("--data");
  expect(code).toBe(1);
  const told = json.syncs.map(({ sync, data }: { sync: string; data: { reasons: readonly Reason[] } }) => [
    sync,
    data.reasons.map(({ code: reason, field = "", rows }) => [reason, field, rows]),
  ]);
  expect(Object.fromEntries(told)).toEqual({
    orders: [
      ["key.null", "", 1],
      ["match.null", "", 1],
      ["match.double", "", 2],
      ["value.no_match", "new_externalid", 1],
      ["value.too_long", "new_name", 1],
      ["value.not_a_number", "new_amount", 2],
    ],
    people: [
      ["key.null", "", 1],
      ["value.too_long", "lastname", 1],
      ["value.unknown_choice", "donotemail", 7],
    ],
  });
  expect(asked).toEqual(without);
});

test("on PostgreSQL the counts are the plan's, reason by reason", async () => {
  await using server = await startPostgres();
  await server.query(`CREATE TABLE orders AS ${ORDERS}`);
  using folder = temporaryFolder();
  const files = orderProject();
  writeFiles(folder.path, {
    ...files,
    "backhaul.yml": files["backhaul.yml"]!.replace(
      "local: { type: duckdb, path: warehouse.duckdb }",
      'local: { type: postgres, url: "${env:DATABASE_URL}" }',
    ),
  });
  const env = { ...sandboxEnv(sandbox), DATABASE_URL: server.url };
  const { code, json } = await shipped(["check", "--data", "--project", folder.path, "--json"], { env });
  expect(code).toBe(1);
  expectShape("check", json);
  const [{ data }] = json.syncs;
  const counted = Object.fromEntries(data.reasons.map((reason: Reason) => [reason.code, reason.rows]));
  expect(counted).toEqual({
    "key.null": 1,
    "match.null": 1,
    "match.double": 2,
    "value.no_match": 1,
    "value.too_long": 1,
    "value.not_a_number": 2,
  });
  expect(data.reasons).toContainEqual(
    expect.objectContaining({ code: "value.not_a_number", field: "new_amount", samples: [["7"], ["9"]] }),
  );
  const plan = await shipped(["plan", "--project", folder.path, "--json"], { env });
  expect(plan.json.plans[0].rejections.byCode).toEqual(counted);
});

test("data without a fault exits with 0, and without --data nothing is counted", async () => {
  using folder = temporaryFolder();
  writeFiles(folder.path, orderProject());
  const rows = "SELECT i AS id, 'F-' || i AS number, 'n' AS name, 1.5 AS amount FROM range(20) t(i)";
  await inDuckdb(`${folder.path}/warehouse.duckdb`, `CREATE TABLE orders AS ${rows}`);
  const env = sandboxEnv(sandbox);
  const { code, json } = await shipped(["check", "--data", "--project", folder.path, "--json"], { env });
  expect(code).toBe(0);
  expectShape("check", json);
  expect(json.syncs[0].data).toMatchObject({ rows: 20, rejected: 0, reasons: [] });
  const plain = await shipped(["check", "--project", folder.path, "--json"], { env });
  expect(plain.json.syncs[0]).not.toHaveProperty("data");
  await inDuckdb(`${folder.path}/warehouse.duckdb`, "DELETE FROM orders");
  const empty = await shipped(["check", "--data", "--project", folder.path, "--json"], { env });
  expect(empty.code).toBe(0);
  expect(empty.json.syncs[0].data).toMatchObject({ rows: 0, rejected: 0 });
});
