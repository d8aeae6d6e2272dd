import { readdirSync, readFileSync, statSync } from "node:fs";
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

/** Every file below a folder, with its content: what a plan may not change. */
function contents(folder: string): Map<string, string> {
  const files = new Map<string, string>();
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    const path = join(folder, name);
    if (statSync(path).isFile()) files.set(name, readFileSync(path).toString("base64"));
  }
  return files;
}

const shipped = shippedOnce();
let sandbox: RunningSandbox;
const folder = temporaryFolder();
const run = (command: string, ...args: string[]) =>
  shipped([command, ...args, "--project", folder.path, "--json"], { env: sandboxEnv(sandbox) });

beforeAll(async () => {
  sandbox = await sandboxProcess();
  writeFiles(folder.path, orderProject());
  await inDuckdb(
    `${folder.path}/warehouse.duckdb`,
    "CREATE TABLE orders AS SELECT i AS id, 'J-' || i AS number, 'n' AS name, 1.50::DECIMAL(9,2) AS amount FROM range(10) t(i)",
    "INSERT INTO orders VALUES (NULL, 'J-x', 'n', 1), (90, 'J-90', 'n', 9999.99)",
  );
});
afterAll(async () => {
  folder[Symbol.dispose]();
  await sandbox[Symbol.asyncDispose]();
});

describe("--json", () => {
  test("the sandbox says how to reach it", () => {
    const { url, pid, organization, tenant, client_id, client_secret } = sandbox as unknown as Record<
      string,
      unknown
    >;
    expectShape("sandbox", {
      url,
      pid: pid ?? sandbox.child.pid,
      organization,
      tenant,
      client_id,
      client_secret,
    });
  });

  test("check", async () => {
    const { code, json } = await run("check");
    expect(code).toBe(0);
    expectShape("check", json);
    expect(json.syncs[0]).toMatchObject({ sync: "orders", object: "new_order", fields: 2 });
  });

  test("schema: all objects, and one by each of its names", async () => {
    const all = await run("schema");
    expectShape("schema", all.json);
    expect(all.json.objects.map(({ name }: { name: string }) => name)).toContain("new_order");
    for (const name of ["contact", "contacts", "Contact"]) {
      const one = await run("schema", name);
      expectShape("schema", one.json);
      expect(one.json.object.name).toBe("contact");
      expect(one.json.object.keys).toContainEqual(
        expect.objectContaining({ fields: ["new_customerid"], status: "Active" }),
      );
    }
  });

  test("a plan has its shape, changes no file and no record, and says what the run then does", async () => {
    await run("run");
    await inDuckdb(
      `${folder.path}/warehouse.duckdb`,
      "UPDATE orders SET name = 'changed' WHERE id = 3",
      "INSERT INTO orders VALUES (11, 'J-11', 'added', 2)",
    );
    const before = contents(folder.path);
    const rows = await sandbox.rows("new_orders?$select=new_externalid,new_name,new_amount");
    const { code, json } = await run("plan");
    expect(code).toBe(1);
    expectShape("plan", json);
    const [plan] = json.plans;
    expect(plan).toMatchObject({
      rows: 13,
      operations: { create: 1, upsert: 0, update: 1, deactivate: 0, delete: 0 },
      fields: { new_name: 2, new_amount: 1 },
      unchanged: 10,
      waiting: 0,
      requests: 2,
    });
    expect(plan.rejections.byCode).toEqual({ "key.null": 1 });
    expect(plan.samples).toContainEqual(
      expect.objectContaining({
        kind: "update",
        fields: [{ field: "new_name", before: '"n"', after: '"changed"' }],
      }),
    );
    expect(contents(folder.path)).toEqual(before);
    expect(await sandbox.rows("new_orders?$select=new_externalid,new_name,new_amount")).toEqual(rows);

    const ran = await run("run");
    expect(ran.code).toBe(1);
    expectShape("run", ran.json);
    expect(ran.json.runs[0]).toMatchObject({
      applied: 2,
      unchanged: 10,
      deferred: 0,
      requests: { writes: 2 },
    });
    const empty = await run("plan");
    expect(empty.json.plans[0]).toMatchObject({
      operations: { create: 0, upsert: 0, update: 0, deactivate: 0, delete: 0 },
      requests: 0,
    });
  });

  test("an unknown sync, flag or command is an error with exit 2", async () => {
    for (const args of [["plan", "ordrs"], ["plan", "--nosuch"], ["nosuch"]]) {
      const ended = await backhaul(
        [...args, ...(args[0] === "nosuch" ? [] : ["--project", folder.path]), "--json"],
        {
          env: sandboxEnv(sandbox),
        },
      );
      expect(ended.code).toBe(2);
      expectShape("error", ended.json);
    }
  });
});

test("an empty model over a snapshot stops with exit 4 and writes nothing", async () => {
  await run("run");
  await inDuckdb(`${folder.path}/warehouse.duckdb`, "CREATE TABLE kept AS FROM orders", "DELETE FROM orders");
  for (const command of ["plan", "run"]) {
    const { code, json } = await run(command);
    expect(code).toBe(4);
    expect((json.plans ?? json.runs)[0].stopped).toMatchObject({ kind: "guard", code: "guard.empty_model" });
  }
  await inDuckdb(`${folder.path}/warehouse.duckdb`, "INSERT INTO orders FROM kept", "DROP TABLE kept");
});

test("no secret is in the output, the errors or any file of the state", async () => {
  const secret = sandbox.client_secret;
  const outputs = await Promise.all([
    backhaul(["check", "--project", folder.path, "--json"], { env: sandboxEnv(sandbox) }),
    backhaul(["plan", "--project", folder.path, "--json"], { env: sandboxEnv(sandbox) }),
    backhaul(["run", "--project", folder.path], { env: { ...sandboxEnv(sandbox), DEBUG: "*" } }),
    backhaul(["check", "--project", folder.path], {
      env: { ...sandboxEnv(sandbox), CLIENT_SECRET: `${secret}-no`, DEBUG: "*" },
    }),
  ]);
  for (const { stdout, stderr } of outputs) expect(stdout + stderr).not.toContain(secret);
  for (const [name, content] of contents(join(folder.path, ".backhaul"))) {
    const text = Buffer.from(content, "base64").toString("latin1");
    expect(text.includes(secret) || text.includes("Bearer "), name).toBe(false);
  }
});
