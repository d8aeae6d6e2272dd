/** Exit codes, and what `--json` prints of every command, also where it fails. */
import { existsSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import exits from "../../spec/exits.json" with { type: "json" };
import { type ErrorKind, EXIT_CODE, exitCodeOf } from "../../src/core/errors.ts";
import { orderProject, type RunningSandbox, sandboxEnv, sandboxProcess, writeFiles } from "../support/cli.ts";
import { inProcess } from "../support/command.ts";
import { inDuckdb, temporaryFolder } from "../support/project.ts";
import { expectShape } from "./shape.ts";

const manifest = JSON.parse(readFileSync(new URL("../../oclif.manifest.json", import.meta.url), "utf8"));
const commands: string[] = Object.keys(manifest.commands).sort();
const load = (name: string) => () => import(`../../src/commands/${name}.ts`);

test.each<[ErrorKind[], number]>([
  [[], 0],
  [["rejected"], 1],
  [["rejected", "deferred"], 5],
  [["deferred", "guard"], 4],
  [["guard", "config"], 2],
  [["config", "connection"], 3],
  [["connection", "aborted"], 130],
  [["bug", "config", "connection"], 70],
])("%j ends with %i", (kinds, exit) => {
  expect(exitCodeOf(kinds)).toBe(exit);
  expect(exitCodeOf(kinds.toReversed())).toBe(exit);
  for (const kind of kinds) expect(EXIT_CODE[kind]).toBeGreaterThan(0);
});

test("every exit code stands in the table of the docs and of the README", () => {
  const known = Object.fromEntries(
    exits.flatMap(({ exit, kind }) => (kind === undefined ? [] : [[kind, exit] as const])),
  );
  expect(known).toEqual(EXIT_CODE);
  for (const page of ["README.md", "docs/errors.md"]) {
    const text = readFileSync(new URL(`../../${page}`, import.meta.url), "utf8");
    const rows = [...text.matchAll(/^\| (\d+) \|/gm)].map(([, exit]) => Number(exit));
    expect(rows, page).toEqual(exits.map(({ exit }) => exit));
  }
});

describe.each(commands)("%s", (name) => {
  test("has a schema for what it prints, and examples", () => {
    expect(existsSync(new URL(`../../spec/output/${name}.schema.json`, import.meta.url))).toBe(true);
    expect(manifest.commands[name].examples?.length).toBeGreaterThan(0);
  });

  test("prints an error as JSON, with exit 2, for a flag that it has not and for a folder without a project", async () => {
    using folder = temporaryFolder();
    const needed = Object.values<{ required?: boolean }>(manifest.commands[name].args ?? {});
    const args = needed.filter(({ required }) => required).map((_, i) => `x${i}`);
    const usage = await inProcess(load(name), [...args, "--nosuch", "--project", folder.path, "--json"]);
    expect(usage.code).toBe(2);
    expectShape("error", usage.json);
    expect(usage.json.error.problems[0].code).toBe("cli.usage");
    if (["init", "sandbox"].includes(name)) return; // they need no project
    const none = await inProcess(load(name), [...args, "--project", folder.path, "--json"]);
    expect(none.code, none.stdout).toBe(2);
    expectShape("error", none.json);
    expect(none.json.error.problems[0].code).toBe("config.no_project");
  });
});

describe("on a project", () => {
  let sandbox: RunningSandbox;
  const folder = temporaryFolder();
  beforeAll(async () => {
    sandbox = await sandboxProcess();
    writeFiles(folder.path, orderProject());
    await sql(
      "CREATE TABLE orders AS SELECT i AS id, 'X-' || i AS number, 'n' AS name, 1.50::DECIMAL(12,2) AS amount FROM range(5) t(i)",
    );
  });
  afterAll(async () => {
    folder[Symbol.dispose]();
    await sandbox[Symbol.asyncDispose]();
  });
  const file = join(folder.path, "warehouse.duckdb");
  const sql = (...statements: string[]) => inDuckdb(file, ...statements);
  const run = async (name: string, ...args: string[]) => {
    const ended = await inProcess(
      load(name),
      [...args, "--project", folder.path, "--json"],
      sandboxEnv(sandbox),
    );
    expectShape(ended.json.error ? "error" : name, ended.json);
    return ended;
  };

  test("each way to end has its code", async () => {
    const codes: Record<string, number> = {};
    const say = async (what: string, name: string, ...args: string[]) => {
      codes[what] = (await run(name, ...args)).code;
    };
    await say("a test row", "run", "orders", "--only-keys", "3");
    expect(
      (await sandbox.rows("new_orders?$select=new_externalid")).map((row) => row.new_externalid),
    ).toEqual(["X-3"]);
    await say("done", "run");
    await say("a test row of no model", "run", "orders", "--only-keys", "77");
    await sql("UPDATE orders SET name = repeat('x', 300) WHERE id = 1");
    await say("planned rejection", "plan");
    await say("rejected", "run");
    await say("rejected, accepted", "run", "--accept", "rejected");
    await say("history", "rejects", "--code", "value");
    await say("runs", "runs", "--failed");
    await say("unknown sync", "run", "ordrs");
    await sql("CREATE TABLE kept AS FROM orders", "DELETE FROM orders");
    await say("guard", "run");
    await say("guard, accepted rejections", "run", "--accept", "rejected");
    renameSync(file, `${file}.away`);
    await say("no warehouse", "run");
    renameSync(`${file}.away`, file);
    expect(codes).toEqual({
      "a test row": 0,
      done: 0,
      "a test row of no model": 2,
      "planned rejection": 1,
      rejected: 1,
      "rejected, accepted": 0,
      history: 0,
      runs: 0,
      "unknown sync": 2,
      guard: 4,
      "guard, accepted rejections": 4,
      "no warehouse": 3,
    });
  });
});

test.each(["runs", "rejects"])(
  "%s does not take state that cannot be read for an empty one",
  async (name) => {
    using folder = temporaryFolder();
    writeFiles(folder.path, { ...orderProject(), ".backhaul": "no folder" });
    const ended = await inProcess(load(name), ["--project", folder.path, "--json"]);
    expect(ended.code, ended.stdout).toBe(2);
    expectShape("error", ended.json);
    expect(ended.json.error.problems[0].code).toMatch(/^system\.(EACCES|ENOTDIR)$/);
  },
);
