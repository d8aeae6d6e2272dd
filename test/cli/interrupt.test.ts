import type { ChildProcess } from "node:child_process";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
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
afterAll(() => {
  // It would wait for the reply that nobody waits for any more.
  sandbox.child.kill("SIGKILL");
});
beforeEach(async () => {
  await sandbox.admin("faults", { method: "DELETE" });
});

const counters = async (): Promise<Counters> => (await sandbox.admin("counters")).json() as Promise<Counters>;
const struck = async (): Promise<number> => (await counters()).faults.slow ?? 0;
const written = async (prefix: string): Promise<number> =>
  (await sandbox.rows(`new_orders?$select=new_externalid&$filter=startswith(new_externalid,'${prefix}')`))
    .length;
const sleep = (milliseconds: number) => new Promise((done) => setTimeout(done, milliseconds));

/** Starts a run of 40 rows, ten to a request and one request at a time, and waits until a slow one is under way. */
async function start(folder: string, prefix: string, delay: number) {
  writeFiles(folder, orderProject({ destination: "batch_size: 10\n    concurrency: 1" }));
  await inDuckdb(
    `${folder}/warehouse.duckdb`,
    `CREATE TABLE orders AS SELECT i AS id, '${prefix}-' || i AS number, 'n' || i AS name, 1 AS amount FROM range(40) t(i)`,
  );
  const before = await struck();
  const slow = ["upsertMultiple", "createMultiple"].map((kind) => ({
    on: { kind },
    times: 1,
    do: "slow",
    delay,
  }));
  await sandbox.admin("faults", { method: "POST", body: JSON.stringify(slow) });
  const args = ["run", "--project", folder, "--json"];
  let child: ChildProcess | undefined;
  const run = backhaul(args, {
    env: sandboxEnv(sandbox),
    onStart: (started) => {
      child = started;
    },
  });
  while ((await struck()) === before) await sleep(20);
  return { args, run, child: child as ChildProcess };
}

test("the first Ctrl-C sends nothing more, waits for the write in flight, and keeps what it was answered", async () => {
  using folder = temporaryFolder();
  const { args, run, child } = await start(folder.path, "I", 3_000);
  child.kill("SIGINT");
  const interrupted = await run;
  expect(interrupted.code, interrupted.stdout + interrupted.stderr).toBe(130);
  expect(await written("I")).toBe(10);
  const again = await backhaul(args, { env: sandboxEnv(sandbox) });
  expect(again.code).toBe(0);
  // What was answered is known: it is not sent again.
  expect(again.json.runs[0]).toMatchObject({ applied: 30 });
  expect(await written("I")).toBe(40);
});

test("the second Ctrl-C leaves at once, and the next run recovers", { timeout: 50_000 }, async () => {
  using folder = temporaryFolder();
  // The write in flight would be waited for longer than the test may take.
  const { args, run, child } = await start(folder.path, "J", 60_000);
  child.kill("SIGINT");
  await sleep(300);
  expect(child.exitCode, "the run waits").toBeNull();
  child.kill("SIGINT");
  const left = await run;
  expect(left.signal ?? left.code, left.stdout + left.stderr).toBeOneOf(["SIGINT", 130]);
  const again = await backhaul(args, { env: sandboxEnv(sandbox) });
  expect(again.code, again.stdout + again.stderr).toBe(0);
  expect(await written("J")).toBe(40);
});
