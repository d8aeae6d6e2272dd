/** The life of one row, in the words of the state, the plan and the history. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { orderProject, type RunningSandbox, sandboxEnv, sandboxProcess, writeFiles } from "../support/cli.ts";
import { inProcess } from "../support/command.ts";
import { inDuckdb, temporaryFolder } from "../support/project.ts";
import { expectShape } from "./shape.ts";

const COMMANDS = {
  explain: () => import("../../src/commands/explain.ts"),
  plan: () => import("../../src/commands/plan.ts"),
  run: () => import("../../src/commands/run.ts"),
};

let sandbox: RunningSandbox;
beforeAll(async () => {
  sandbox = await sandboxProcess();
});
afterAll(() => sandbox[Symbol.asyncDispose]());

test("a row is explained before it is written, as it changes, when it is rejected, and when it has gone", async () => {
  using folder = temporaryFolder();
  const env = sandboxEnv(sandbox);
  const run = (command: keyof typeof COMMANDS, ...args: string[]) =>
    inProcess(COMMANDS[command], [...args, "--project", folder.path, "--json"], env);
  const explain = async (...args: string[]) => {
    const ended = await run("explain", "orders", ...args);
    expect(ended.code, ended.stdout).toBe(0);
    expectShape("explain", ended.json);
    return ended.json;
  };
  const sql = (...statements: string[]) => inDuckdb(join(folder.path, "warehouse.duckdb"), ...statements);
  writeFiles(folder.path, orderProject());
  await sql(
    "CREATE TABLE orders AS SELECT i AS id, 'E-' || i AS number, 'n' AS name, 1.50::DECIMAL(12,2) AS amount FROM range(5) t(i)",
  );

  const before = await explain("3");
  expect(before).toMatchObject({ inModel: true, changes: [], rejects: [], notes: [] });
  expect(before.next).toMatchObject([
    { status: "create", fields: expect.arrayContaining([{ field: "new_name", after: '"n"' }]) },
  ]);

  expect((await run("run")).code).toBe(0);
  const [stored] = await sandbox.rows("new_orders?$select=new_orderid&$filter=new_externalid eq 'E-3'");
  const written = await explain("3");
  expect(written.record).toBe(stored?.new_orderid);
  expect(written.next).toMatchObject([{ status: "nothing" }]);
  expect(written.changes).toMatchObject([
    { kind: "added", id: stored?.new_orderid, request: expect.stringMatching(/^[0-9a-f-]{36}$/) },
  ]);

  await sql("UPDATE orders SET name = 'second' WHERE id = 3");
  const changed = await explain("3");
  expect(changed.fields).toContainEqual(
    expect.objectContaining({
      field: "new_name",
      column: "name",
      value: "second",
      known: "n",
      plan: { before: '"n"', after: '"second"' },
    }),
  );
  expect((await run("run")).code).toBe(0);
  const again = await explain("3", "name");
  expect(again.fields.map(({ field }: { field: string }) => field)).toEqual(["new_name"]);
  expect(again.changes.map(({ kind }: { kind: string }) => kind)).toEqual(["changed", "added"]);
  expect(again.changes[0].columns).toEqual({ name: ["n", "second"] });
  // A field that did not change then has no part in it.
  expect((await explain("3", "new_amount")).changes.map(({ kind }: { kind: string }) => kind)).toEqual([
    "added",
  ]);

  await sql("UPDATE orders SET name = repeat('x', 300) WHERE id = 3");
  expect((await run("run")).code).toBe(1);
  const rejected = await explain("3");
  expect(rejected.next).toMatchObject([{ status: "rejected", problem: { code: "value.too_long" } }]);
  expect(rejected.rejects).toMatchObject([{ code: "value.too_long", field: "new_name", key: ["3"] }]);

  await sql("DELETE FROM orders WHERE id = 3", "INSERT INTO orders VALUES (4, 'E-40', 'twin', 1)");
  const gone = await explain("3");
  expect(gone).toMatchObject({
    inModel: false,
    next: [{ status: "nothing", why: expect.stringContaining("on_removed: keep") }],
  });
  expect((await explain("4")).next).toMatchObject([{ status: "rejected", problem: { code: "key.double" } }]);
  // Two rows of one match value are rejected both, case and trailing spaces aside.
  await sql("INSERT INTO orders VALUES (7, 'e-1 ', 'twin', 1)");
  for (const key of ["1", "7"])
    expect((await explain(key)).next).toMatchObject([
      { status: "rejected", problem: { code: "match.double" } },
    ]);
  await sql("DELETE FROM orders WHERE id = 7");
  expect((await explain("1")).next).toMatchObject([{ status: "nothing" }]);
  expect((await explain("99")).next).toMatchObject([
    { status: "nothing", why: expect.stringContaining("Neither") },
  ]);
  const unknown = await run("explain", "orders", "3", "nam");
  expect([unknown.code, unknown.json.error.problems[0].code]).toEqual([2, "cli.usage"]);
  const text = await inProcess(COMMANDS.explain, ["orders", "3", "--project", folder.path], env);
  expect(text.stdout).toContain("The model has no such row now");

  // A mirror removes what has left; a field that is mapped anew has no old value that anybody knows.
  const model = join(folder.path, "models/orders.yml");
  writeFileSync(
    model,
    readFileSync(model, "utf8")
      .replace("mode: upsert", "mode: mirror")
      .replace("new_name: name", "new_name: number"),
  );
  expect((await explain("3")).next).toMatchObject([{ status: "delete" }]);
  const anew = await explain("2");
  expect(anew.next).toMatchObject([{ status: "update", fields: [{ field: "new_name", after: '"E-2"' }] }]);
  expect(anew.next[0].fields[0]).not.toHaveProperty("before");
  const planned = await run("plan", "--columns", "new_name", "--limit", "1");
  expect(planned.json.plans[0].updates).toEqual({ new_name: 3 });
});
