import { afterAll, beforeAll, expect, test } from "vitest";
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
  await prepare(folder.path, "L", 4_000);
  const slow = ["upsertMultiple", "createMultiple"].map((kind) => ({
    on: { kind },
    times: 40,
    do: "slow",
    delay: 100,
  }));
  await sandbox.admin("faults", { method: "POST", body: JSON.stringify(slow) });
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
  expect(second.code).toBe(5);
  expect(second.json.error.problems[0]).toMatchObject({ code: "state.locked", kind: "deferred" });
  expect(second.json.error.problems[0].message).toContain(String(pid));
  expect((await first).code).toBe(0);
  await sandbox.admin("faults", { method: "DELETE" });
});

test("Ctrl-C ends a run with 130; the next run goes on and the end is whole", async () => {
  using folder = temporaryFolder();
  await prepare(folder.path, "C", 4_000);
  const args = ["run", "--project", folder.path, "--json"];
  const interrupted = await backhaul(args, {
    env: sandboxEnv(sandbox),
    onStart: (child) => void writing("C").then(() => child.kill("SIGINT")),
  });
  expect(interrupted.code, interrupted.stdout + interrupted.stderr).toBe(130);
  const repeated = await backhaul(args, { env: sandboxEnv(sandbox) });
  expect(repeated.code).toBe(0);
  const [run] = repeated.json.runs;
  expect(run.applied + run.unchanged).toBe(4_000);
  expect(
    (await sandbox.rows("new_orders?$select=new_externalid&$filter=startswith(new_externalid,'C')")).length,
  ).toBe(4_000);
});
