import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  BIN,
  backhaul,
  orderProject,
  type RunningSandbox,
  sandboxEnv,
  sandboxProcess,
  writeFiles,
} from "../support/cli.ts";
import { inDuckdb, temporaryFolder } from "../support/project.ts";

let sandbox: RunningSandbox;
beforeAll(async () => {
  sandbox = await sandboxProcess();
});
afterAll(async () => {
  await sandbox[Symbol.asyncDispose]();
});

async function prepare(folder: string, prefix: string): Promise<void> {
  writeFiles(folder, orderProject());
  await inDuckdb(
    `${folder}/warehouse.duckdb`,
    `CREATE TABLE orders AS SELECT i AS id, '${prefix}-' || i AS number, 'n' || i AS name, 1 AS amount FROM range(300) t(i)`,
  );
}

const written = (prefix: string) =>
  sandbox.rows(`new_orders?$select=new_externalid&$filter=startswith(new_externalid,'${prefix}')`);

test.each([
  ["P", []],
  ["Q", ["--json"]],
])("a run whose output nobody reads goes on to its end (%s)", async (prefix, more) => {
  using folder = temporaryFolder();
  await prepare(folder.path, prefix);
  const child = spawn(process.execPath, [BIN, "run", "--project", folder.path, ...more], {
    env: { ...process.env, ...sandboxEnv(sandbox) },
    stdio: ["ignore", "pipe", "pipe"],
  });
  child.stdout.destroy();
  child.stderr.destroy();
  const started = Date.now();
  expect(await new Promise((done) => child.once("exit", done))).toBe(0);
  expect(Date.now() - started).toBeLessThan(30_000);
  expect(await written(prefix)).toHaveLength(300);
});

test.runIf(existsSync("/dev/full")).each([
  ["F", []],
  ["G", ["--json"]],
])("a full disk behind the output is no reason to stop (%s)", async (prefix, more) => {
  using folder = temporaryFolder();
  await prepare(folder.path, prefix);
  const child = spawn("/bin/sh", ["-c", 'exec "$0" "$@" >/dev/full', process.execPath, BIN, "run", ...more], {
    cwd: folder.path,
    env: { ...process.env, ...sandboxEnv(sandbox) },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let stderr = "";
  child.stderr.on("data", (text: Buffer) => {
    stderr += text.toString("utf8");
  });
  expect(await new Promise((done) => child.once("close", done)), stderr).toBe(0);
  expect(stderr).not.toMatch(/^\s+at |ENOSPC|Error/m);
  expect(await written(prefix)).toHaveLength(300);
});

test("where JSON lines are asked for by name, an error is one too, without the values it quotes", async () => {
  using folder = temporaryFolder();
  const { "backhaul.yml": project = "", ...files } = orderProject();
  writeFiles(folder.path, {
    ...files,
    "backhaul.yml": `${project}\nwarehuoses: { "ada@secret.example": 1 }\n`,
  });
  const args = ["run", "--project", folder.path];
  const named = await backhaul([...args, "--log-format", "json"], { env: sandboxEnv(sandbox) });
  expect(named.code).toBe(2);
  const lines = named.stderr.trim().split("\n");
  const entries = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(entries.length).toBeGreaterThan(0);
  for (const entry of entries)
    expect(entry).toMatchObject({ level: "error", msg: "failed", file: "backhaul.yml", kind: "config" });
  expect(named.stderr).not.toContain("ada@secret");
  const auto = await backhaul(args, { env: sandboxEnv(sandbox) });
  expect(auto.stderr).toMatch(/^Error: backhaul\.yml:/);
});
