/** The commands that look back, undo and repeat, on a sandbox. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  backhaul,
  orderProject,
  type RunningSandbox,
  sandboxEnv,
  sandboxProcess,
  writeFiles,
} from "../support/cli.ts";
import { shippedOnce } from "../support/command.ts";
import { inDuckdb, temporaryFolder } from "../support/project.ts";
import { expectShape } from "./shape.ts";

let sandbox: RunningSandbox;
beforeAll(async () => {
  sandbox = await sandboxProcess();
});
afterAll(() => sandbox[Symbol.asyncDispose]());

const inserts = (prefix: string): string[] => [
  `CREATE OR REPLACE TABLE orders AS SELECT i AS id, '${prefix}-' || i AS number, 'n' AS name, 1.50::DECIMAL(9,2) AS amount FROM range(100) t(i)`,
];

/** A mirror with 100 orders. */
async function mirrorProject(folder: string, prefix: string, state = ""): Promise<void> {
  const files = orderProject();
  writeFiles(folder, {
    "backhaul.yml": `${files["backhaul.yml"]}${state}`,
    "models/orders.yml": files["models/orders.yml"]!.replace("mode: upsert", "mode: mirror"),
  });
  await inDuckdb(`${folder}/warehouse.duckdb`, ...inserts(prefix));
}

const shipped = shippedOnce();
const at = (folder: string) => ({
  json: (command: string, ...more: string[]) =>
    shipped([command, ...more, "--project", folder, "--json"], { env: sandboxEnv(sandbox) }),
  text: (command: string, ...more: string[]) =>
    shipped([command, ...more, "--project", folder], { env: sandboxEnv(sandbox) }),
  sql: (...statements: string[]) => inDuckdb(`${folder}/warehouse.duckdb`, ...statements),
});
const stored = (prefix: string) =>
  sandbox.rows(`new_orders?$select=new_externalid,new_name&$filter=startswith(new_externalid,'${prefix}-')`);

test("the guard stops, names what would go, and lets through what is allowed by name", async () => {
  using folder = temporaryFolder();
  const { json, text, sql } = at(folder.path);
  await mirrorProject(folder.path, "G");
  expect((await json("run")).code).toBe(0);
  await sql("DELETE FROM orders WHERE id < 60");
  const stopped = await json("plan");
  expect(stopped.code).toBe(4);
  expectShape("plan", stopped.json);
  const [plan] = stopped.json.plans;
  expect(plan.stopped).toMatchObject({ kind: "guard", code: "guard.removed" });
  expect(plan.samples).toHaveLength(60);
  expect(plan.samples[0]).toMatchObject({ kind: "delete", key: [expect.any(String)], fields: [] });
  expect((await json("run")).code).toBe(4);
  expect(await stored("G")).toHaveLength(100);
  const shown = await text("plan", "--allow", "removed", "orders");
  expect(shown.code).toBe(0);
  expect(shown.stdout).toContain("- 60 records to delete");
  expect(shown.stdout).toMatch(/ {2}- \d+ .*new_orders\(/);
  const run = await json("run", "--allow", "removed");
  expect(run.code).toBe(0);
  expect(run.json.runs[0]).toMatchObject({ applied: 60, unchanged: 40 });
  expect(await stored("G")).toHaveLength(40);
});

test("apply writes a saved plan, then refuses it; one that moved or was edited is refused with exit 2", async () => {
  using folder = temporaryFolder();
  const { json, text, sql } = at(folder.path);
  await mirrorProject(folder.path, "A");
  const file = join(folder.path, "orders.plan");
  const saved = await text("plan", "--out", file);
  expect(saved.code).toBe(0);
  expect(saved.stdout).toContain("100 records to create");
  expect(
    readFileSync(file, "utf8")
      .split("\n")
      .filter((line) => line.startsWith('{"status":"planned"')),
  ).toHaveLength(100);

  await sql("UPDATE orders SET name = 'later'");
  const applied = await json("apply", file);
  expect(applied.code).toBe(0);
  expectShape("apply", applied.json);
  expect(applied.json.runs[0]).toMatchObject({ rows: 100, applied: 100 });
  expect(new Set((await stored("A")).map(({ new_name }) => new_name))).toEqual(new Set(["n"]));

  const twice = await json("apply", file);
  expect(twice.code).toBe(2);
  expectShape("error", twice.json);
  expect(twice.json.error.problems[0]).toMatchObject({ code: "plan.moved" });
  expect(twice.json.error.problems[0].message).toContain("another run has been since");

  await text("plan", "--out", file);
  writeFileSync(file, readFileSync(file, "utf8").replace("later", "never"));
  const edited = await json("apply", file);
  expect(edited.code).toBe(2);
  expect(edited.json.error.problems[0].code).toBe("plan.damaged");

  await text("plan", "--out", file);
  const project = readFileSync(join(folder.path, "backhaul.yml"), "utf8");
  writeFileSync(join(folder.path, "backhaul.yml"), project.replace("project: orders", "project: others"));
  const other = await json("apply", file);
  expect([other.code, other.json.error.problems[0].code]).toEqual([2, "plan.moved"]);
  expect(new Set((await stored("A")).map(({ new_name }) => new_name))).toEqual(new Set(["n"]));
});

test.each([
  ["local", ""],
  ["warehouse", "state: { type: warehouse }\n"],
])("apply that is killed is settled by the next run, state: %s", async (kind, state) => {
  using folder = temporaryFolder();
  const { json, text } = at(folder.path);
  const prefix = kind === "local" ? "K" : "L";
  await mirrorProject(folder.path, prefix, `    batch_size: 5\n    concurrency: 1\n${state}`);
  const file = join(folder.path, "orders.plan");
  expect((await text("plan", "--out", file)).code).toBe(0);
  const slow = [{ on: { kind: "createMultiple" }, times: 1_000, do: "slow", delay: 300 }];
  await sandbox.admin("faults", { method: "POST", body: JSON.stringify(slow) });
  let isOver = false;
  const killed = await backhaul(["apply", file, "--project", folder.path, "--json"], {
    env: sandboxEnv(sandbox),
    async onStart(child) {
      child.once("close", () => {
        isOver = true;
      });
      while (!isOver && (await stored(prefix)).length < 10) await new Promise((done) => setTimeout(done, 20));
      child.kill("SIGKILL");
    },
  });
  await sandbox.admin("faults", { method: "DELETE" });
  expect(killed.signal).toBe("SIGKILL");
  const left = (await stored(prefix)).length;
  expect(left).toBeGreaterThan(0);
  expect(left).toBeLessThan(100);
  const repeated = await json("apply", file);
  expect(repeated.stdout, `${repeated.code} ${repeated.signal} ${repeated.stderr}`).toContain("{");
  expect([repeated.code, repeated.json.error.problems[0].code]).toEqual([2, "plan.moved"]);
  const settled = await json("run");
  expect(settled.code, settled.stdout).toBe(0);
  expect(settled.json.runs[0].recovery).toMatchObject({ inDoubt: expect.any(Number) });
  const rows = await stored(prefix);
  expect(rows).toHaveLength(100);
  expect(new Set(rows.map(({ new_externalid }) => new_externalid)).size).toBe(100);
  const [plan] = (await json("plan")).json.plans;
  expect(plan).toMatchObject({ unchanged: 100, requests: 0 });
});

test("a plan of several syncs binds children to parents that it makes itself", async () => {
  using folder = temporaryFolder();
  const { text, json, sql } = at(folder.path);
  writeFiles(folder.path, {
    "backhaul.yml": orderProject()["backhaul.yml"]!,
    "models/accounts.yml": `model: accounts
primary_key: number
table: accounts
syncs:
  - sync: accounts
    destination: dynamics
    object: account
    mode: upsert
    match: { accountnumber: number }
    fields: { name: name }
`,
    "models/people.yml": `model: people
primary_key: number
table: people
syncs:
  - sync: people
    destination: dynamics
    object: contact
    mode: upsert
    match: { new_customerid: number }
    fields:
      lastname: name
      parentcustomerid: { column: account, lookup: { object: account, by: accountnumber } }
`,
  });
  await sql(
    "CREATE TABLE accounts AS SELECT 'PA-' || i AS number, 'Account ' || i AS name FROM range(3) t(i)",
    "CREATE TABLE people AS SELECT 'PP-' || i AS number, 'Person ' || i AS name, 'PA-' || (i % 3) AS account FROM range(9) t(i)",
  );
  const file = join(folder.path, "both.plan");
  expect((await text("plan", "--out", file)).code).toBe(0);
  const applied = await json("apply", file);
  expect(applied.code, applied.stdout).toBe(0);
  expect(applied.json.runs.map((run: { sync: string; applied: number }) => [run.sync, run.applied])).toEqual([
    ["accounts", 3],
    ["people", 9],
  ]);
  const accounts = await sandbox.rows(
    "accounts?$select=accountid,accountnumber&$filter=startswith(accountnumber,'PA-')",
  );
  const people = await sandbox.rows(
    "contacts?$select=new_customerid,_parentcustomerid_value&$filter=startswith(new_customerid,'PP-')",
  );
  const numberOf = new Map(accounts.map((row) => [row.accountid, row.accountnumber]));
  for (const row of people)
    expect(numberOf.get(row._parentcustomerid_value)).toBe(
      `PA-${Number(String(row.new_customerid).slice(3)) % 3}`,
    );
  expect(people).toHaveLength(9);
  expect((await json("plan")).json.plans.map(({ requests }: { requests: number }) => requests)).toEqual([
    0, 0,
  ]);
});

test("reset asks first, and forgets", async () => {
  using folder = temporaryFolder();
  const { json, text } = at(folder.path);
  await mirrorProject(folder.path, "R");
  await json("run");
  const asked = await json("reset", "orders");
  expect(asked.code).toBe(2);
  expectShape("error", asked.json);
  expect(asked.json.error.problems[0]).toMatchObject({ code: "reset.not_confirmed" });
  expect(asked.json.error.problems[0].message).toContain("100 records of new_order");
  const planned = await json("plan");
  expect(planned.code, planned.stdout).toBe(0);
  expect(planned.json.plans[0]).toMatchObject({ unchanged: 100 });
  const done = await json("reset", "orders", "--yes");
  expect(done.code).toBe(0);
  expectShape("reset", done.json);
  expect(done.json).toMatchObject({ records: 100, forgotten: true });
  expect((await text("reset", "orders", "--yes")).stdout).toContain("there is nothing to forget");
  expect((await json("runs")).json.runs).toHaveLength(1);
});

test("a row that waits makes the exit code 1; retry tries it at once, by its key too", async () => {
  using folder = temporaryFolder();
  const { json, text, sql } = at(folder.path);
  await mirrorProject(folder.path, "W");
  await json("run");
  const rule = { table: "new_order", column: "new_name", equals: "unwanted" };
  await sql("UPDATE orders SET name = 'unwanted' WHERE id = 7");
  const set = await sandbox.admin("plugins", { method: "POST", body: JSON.stringify([rule]) });
  expect(set.ok, await set.text()).toBe(true);
  expect([(await json("run")).code, (await json("run")).code]).toEqual([1, 1]);
  const plan = await text("plan");
  expect(plan.code).toBe(1);
  expect(plan.stdout).toContain("1 row rejected before, the same since");
  expect((await json("run")).code).toBe(1);
  const [last] = (await json("runs", "--limit", "1")).json.runs;
  expect(last).toMatchObject({ waiting: 1, rejected: 0, applied: 0 });
  await sandbox.admin("plugins", { method: "POST", body: "[]" });
  const retried = await json("retry", "orders", "--key", "7");
  expect(retried.code).toBe(0);
  expectShape("retry", retried.json);
  expect(retried.json.runs[0]).toMatchObject({ applied: 1, waiting: 0 });
  expect((await json("run")).code).toBe(0);
  const unknown = await json("retry", "orders", "--key", "7000");
  expect([unknown.code, unknown.json.error.problems[0].code]).toEqual([2, "retry.unknown_key"]);
  // The one sync that there is need not be named.
  expect((await json("retry", "--key", "7")).json.runs[0]).toMatchObject({ applied: 1 });
});

describe.each([
  ["local", ""],
  ["warehouse", "state: { type: warehouse, retention: 30d }\n"],
])("history in %s state", (kind, state) => {
  test("runs and rejects filter by sync, run, time and number; CSV holds every row", async () => {
    using folder = temporaryFolder();
    const { json, text, sql } = at(folder.path);
    await mirrorProject(folder.path, kind === "local" ? "H" : "I", state);
    await sql("INSERT INTO orders VALUES (NULL, 'x', 'no \"key\", at all', 1), (1, 'y', 'double', 2)");
    const first = await json("run");
    expect(first.code).toBe(1);
    await sql("DELETE FROM orders WHERE id IS NULL");
    const second = await json("run");
    const runs = await json("runs");
    expect(runs.code).toBe(0);
    expectShape("runs", runs.json);
    expect(runs.json.runs.map(({ run }: { run: string }) => run)).toEqual([
      second.json.runs[0].run,
      first.json.runs[0].run,
    ]);
    expect(runs.json.runs[1]).toMatchObject({
      sync: "orders",
      rejected: 3,
      rejectedByCode: { "key.null": 1 },
    });

    const rejects = await json("rejects");
    expectShape("rejects", rejects.json);
    const seen = rejects.json.rejects.map(({ code, key }: { code: string; key: unknown[] }) => [
      code,
      ...key,
    ]);
    expect(seen.slice(0, 2)).toEqual([
      ["key.double", "1"],
      ["key.double", "1"],
    ]);
    expect(seen.slice(2).sort()).toEqual([
      ["key.double", "1"],
      ["key.double", "1"],
      ["key.null", null],
    ]);
    const of = async (...flags: string[]) => (await json("rejects", ...flags)).json.rejects.length;
    expect(await of("--run", first.json.runs[0].run)).toBe(3);
    expect(await of("--limit", "1")).toBe(1);
    expect(await of("--sync", "orders")).toBe(5);
    expect((await json("rejects", "--sync", "other")).json.error.problems[0].code).toBe("cli.unknown_sync");
    expect(await of("--since", "1h")).toBe(5);
    expect(await of("--since", "2999-01-01")).toBe(0);
    expect((await json("rejects", "--since", "soon")).code).toBe(2);
    const csv = await text("rejects", "--csv");
    const lines = csv.stdout.trimEnd().split("\r\n");
    expect(lines[0]).toBe("run,sync,organization,object,key,field,code,message,remedy,request");
    expect(lines).toHaveLength(6);
    expect((await text("runs", "--limit", "1")).stdout).toContain(second.json.runs[0].run);
    if (kind === "local") {
      // The statements that the README shows.
      const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
      const shown = [...readme.matchAll(/SELECT [^;]*read_json[^;]*;/g)].map(([statement]) =>
        statement.replace("'.backhaul", `'${folder.path}/.backhaul`).replace("/contacts/", "/orders/"),
      );
      expect(shown).toHaveLength(2);
      expect(await sql(shown[0]!)).toMatchObject([{ 1: "orders" }, { 1: "orders" }]);
      expect((await sql(`${shown[1]!.replace(";", "")} ORDER BY 1`)) as unknown[]).toEqual([
        ["key.double", "4"],
        ["key.null", "1"],
      ]);
    }
  });

  test("what is older than the retention is dropped at the end of a run", async () => {
    using folder = temporaryFolder();
    const { json, sql } = at(folder.path);
    await mirrorProject(
      folder.path,
      kind === "local" ? "T" : "U",
      kind === "local" ? "state: { type: local, retention: 30d }\n" : state,
    );
    await sql("INSERT INTO orders VALUES (NULL, 'x', 'no key', 1)");
    await json("run");
    const old = (days: number): string =>
      `${new Date(Date.now() - days * 86_400_000).toISOString().replaceAll(/[-:.]/g, "")}-abcdef`;
    if (kind === "local") {
      const home = join(folder.path, ".backhaul/state/orders", sandbox.organization, "new_order/orders");
      mkdirSync(home, { recursive: true });
      for (const name of ["runs.jsonl", "rejects.jsonl"]) {
        const file = join(home, name);
        const [line = ""] = readFileSync(file, "utf8").split("\n");
        const aged = (days: number): string => line.replace(/"run":"[^"]+"/, `"run":"${old(days)}"`);
        writeFileSync(file, [aged(31), aged(29), readFileSync(file, "utf8")].join("\n"));
      }
    } else {
      for (const table of ["runs", "rejects"])
        for (const days of [31, 29])
          await sql(
            `INSERT INTO backhaul.${table} SELECT * REPLACE ('${old(days)}' AS run, at_ms - ${days * 86_400_000} AS at_ms) FROM backhaul.${table} WHERE run NOT LIKE '%-abcdef' LIMIT 1`,
          );
      // Another project of the schema keeps its history as long as it says itself.
      await sql(
        `INSERT INTO backhaul.runs SELECT * REPLACE ('other' AS project) FROM backhaul.runs ORDER BY at_ms LIMIT 1`,
      );
    }
    expect((await json("rejects")).json.rejects).toHaveLength(3);
    await json("run");
    const left = (await json("rejects")).json.rejects.map(({ run }: { run: string }) => run);
    expect(left).toHaveLength(3);
    expect(left.filter((run: string) => run.endsWith("-abcdef"))).toHaveLength(1);
    if (kind === "warehouse") {
      expect(await sql("SELECT project, count(*) FROM backhaul.runs GROUP BY project ORDER BY 1")).toEqual([
        ["orders", "3"],
        ["other", "1"],
      ]);
    } else expect((await json("runs")).json.runs).toHaveLength(3);
  });
});

test("check says what the next run would refuse of the state, and changes nothing", async () => {
  using folder = temporaryFolder();
  const { json } = at(folder.path);
  await mirrorProject(folder.path, "C");
  await json("run");
  const model = join(folder.path, "models/orders.yml");
  const text = readFileSync(model, "utf8");
  writeFileSync(model, text.replace("primary_key: id", "primary_key: number"));
  const before = readFileSync(
    join(folder.path, ".backhaul/state/orders", sandbox.organization, "new_order/orders/state.duckdb"),
  );
  for (const command of ["check", "plan", "run"]) {
    const { code, json: said } = await json(command);
    expect(code).toBe(2);
    expect(said.error.problems[0]).toMatchObject({ code: "state.primary_key_changed" });
    expect(said.error.problems[0].remedy).toContain("backhaul reset");
    if (command === "check") {
      const after = readFileSync(
        join(folder.path, ".backhaul/state/orders", sandbox.organization, "new_order/orders/state.duckdb"),
      );
      expect(after.equals(before)).toBe(true);
    }
  }
  await json("reset", "orders", "--yes");
  expect((await json("check")).code).toBe(0);
  writeFileSync(model, text);
});
