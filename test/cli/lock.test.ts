import type { ChildProcess } from "node:child_process";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Counters } from "../../src/sandbox/counters.ts";
import {
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

async function prepare(folder: string, prefix: string, rows: number): Promise<void> {
  writeFiles(folder, orderProject({ destination: "batch_size: 10\n    concurrency: 1" }));
  await inDuckdb(
    `${folder}/warehouse.duckdb`,
    `CREATE TABLE orders AS SELECT i AS id, '${prefix}-' || i AS number, 'n' || i AS name, 1 AS amount FROM range(${rows}) t(i)`,
  );
}

/** Has every write take its time until the faults are taken back. */
const slowWrites = ["upsertMultiple", "createMultiple"].map((kind) => ({
  on: { kind },
  times: 10_000,
  do: "slow",
  delay: 100,
}));
const slow = () => sandbox.admin("faults", { method: "POST", body: JSON.stringify(slowWrites) });
const quick = () => sandbox.admin("faults", { method: "DELETE" });

/** Resolves when the sandbox has seen a bulk write. */
async function writing(prefix: string): Promise<void> {
  for (;;) {
    const rows = await sandbox.rows(
      `new_orders?$select=new_externalid&$top=1&$filter=startswith(new_externalid,'${prefix}')`,
    );
    if (rows.length > 0) return;
    await new Promise((done) => setTimeout(done, 20));
  }
}

test("a second run of a sync is refused with exit 5 and the holder's process id", async () => {
  using folder = temporaryFolder();
  await prepare(folder.path, "L", 2_000);
  await slow();
  const args = ["run", "--project", folder.path, "--json"];
  let pid: number | undefined;
  const first = backhaul(args, {
    env: sandboxEnv(sandbox),
    onStart: (child) => {
      pid = child.pid;
    },
  });
  await writing("L");
  const second = await backhaul(args, { env: sandboxEnv(sandbox) });
  await quick();
  expect(second.code).toBe(5);
  expect(second.json.error.problems[0]).toMatchObject({ code: "state.locked", kind: "deferred" });
  expect(second.json.error.problems[0].message).toContain(String(pid));
  expect((await first).code).toBe(0);
});

test("Ctrl-C ends a run with 130; the next run goes on and the end is whole", async () => {
  using folder = temporaryFolder();
  await prepare(folder.path, "C", 2_000);
  await slow();
  const args = ["run", "--project", folder.path, "--json"];
  const interrupted = await backhaul(args, {
    env: sandboxEnv(sandbox),
    onStart: (child) => void writing("C").then(() => child.kill("SIGINT")),
  });
  await quick();
  expect(interrupted.code, interrupted.stdout + interrupted.stderr).toBe(130);
  const repeated = await backhaul(args, { env: sandboxEnv(sandbox) });
  expect(repeated.code).toBe(0);
  const [run] = repeated.json.runs;
  expect(run.applied + run.unchanged).toBe(2_000);
  expect(
    (await sandbox.rows("new_orders?$select=new_externalid&$filter=startswith(new_externalid,'C')")).length,
  ).toBe(2_000);
});

test("a plan that waits for the destination keeps no run from the snapshot", async () => {
  using folder = temporaryFolder();
  await prepare(folder.path, "P", 40);
  const env = sandboxEnv(sandbox);
  expect((await backhaul(["run", "--project", folder.path], { env })).code).toBe(0);
  await inDuckdb(`${folder.path}/warehouse.duckdb`, "INSERT INTO orders VALUES (40, 'P-40', 'new', 1)");

  const struck = async (): Promise<number> =>
    ((await (await sandbox.admin("counters")).json()) as Counters).faults.slow ?? 0;
  const before = await struck();
  const slowRead = { on: { kind: "read", table: "new_order" }, times: 1, do: "slow", delay: 20_000 };
  await sandbox.admin("faults", { method: "POST", body: JSON.stringify([slowRead]) });
  let child: ChildProcess | undefined;
  const plan = backhaul(["plan", "--project", folder.path], {
    env,
    onStart: (started) => {
      child = started;
    },
  });
  while ((await struck()) === before) await new Promise((done) => setTimeout(done, 20));
  const run = await backhaul(["run", "--project", folder.path, "--json"], { env });
  expect(child?.exitCode, "the plan is still at work").toBeNull();
  expect(run.json.runs[0]).toMatchObject({ applied: 1 });
  child?.kill("SIGINT");
  await plan;
  await quick();
});
