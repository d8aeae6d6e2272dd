/** Three workers over one queue in PostgreSQL, one of them killed in the middle of a run. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  BIN,
  backhaul,
  DESTINATION,
  type RunningSandbox,
  sandboxEnv,
  sandboxProcess,
  writeFiles,
} from "../support/cli.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { temporaryFolder } from "../support/project.ts";

let sandbox: RunningSandbox;
let postgres: TestPostgres;
beforeAll(async () => {
  [sandbox, postgres] = await Promise.all([sandboxProcess(), startPostgres()]);
});
afterAll(() => Promise.all([sandbox[Symbol.asyncDispose](), postgres[Symbol.asyncDispose]()]));

const SYNCS = ["a", "b", "c", "d"];
const ROWS = 60;

function worker(folder: string, env: Record<string, string>) {
  const child = spawn(process.execPath, [BIN, "schedule", "--project", folder], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const lines: { msg: string; sync?: string; [key: string]: unknown }[] = [];
  createInterface({ input: child.stderr }).on("line", (line) => {
    lines.push(line.startsWith("{") ? JSON.parse(line) : { msg: line });
  });
  const ended = new Promise<number | null>((end) => child.once("exit", end));
  return { child, lines, ended };
}

async function until<T>(look: () => T | undefined, said: () => unknown): Promise<T> {
  const patience = Date.now() + 200_000;
  for (;;) {
    if (Date.now() > patience) throw new Error(JSON.stringify(said()));
    const found = look();
    if (found !== undefined) return found;
    await new Promise((next) => setTimeout(next, 50));
  }
}

test("each due run is done once, although one of three workers is killed in the middle of one", {
  timeout: 300_000,
}, async () => {
  using folder = temporaryFolder();
  const env = { ...sandboxEnv(sandbox), DATABASE_URL: postgres.url };
  const sync = (name: string): string => `  - sync: ${name}
    destination: dynamics
    object: new_order
    mode: upsert
    shared: true
    match: { new_externalid: number }
    fields: { new_name: name }
    schedule: { cron: "0 0 1 1 *" }
`;
  writeFiles(folder.path, {
    "backhaul.yml": `project: shop
warehouses:
  pg: { type: postgres, url: "\${env:DATABASE_URL}", state: { type: warehouse } }
destinations:${DESTINATION}    batch_size: 5
    concurrency: 1
schedule: { parallel: 1, queue: { url: "\${env:DATABASE_URL}", dead_after: 4s } }
`,
    ...Object.fromEntries(
      SYNCS.map((name) => [
        `models/${name}.yml`,
        `model: ${name}\nprimary_key: id\ntable: rows_${name}\nsyncs:\n${sync(name)}`,
      ]),
    ),
  });
  for (const name of SYNCS) {
    await postgres.query(
      `CREATE TABLE rows_${name} AS SELECT i AS id, '${name}-' || i AS number, 'n' AS name FROM generate_series(1, ${ROWS}) i`,
    );
  }
  // Slow enough to be killed in the middle.
  const slow = ["upsertMultiple", "createMultiple"].map((kind) => ({
    on: { kind },
    times: 16,
    do: "slow",
    delay: 400,
  }));
  await sandbox.admin("faults", { method: "POST", body: JSON.stringify(slow) });

  // The schedules are known, and nothing is due: it is as if they had last run in 1970.
  await postgres.query(`CREATE SCHEMA backhaul_queue_schedule`);
  await postgres.query(
    `CREATE TABLE backhaul_queue_schedule.entries (item text PRIMARY KEY, version bigint NOT NULL, content jsonb NOT NULL)`,
  );
  for (const name of SYNCS) {
    await postgres.query(
      `INSERT INTO backhaul_queue_schedule.entries VALUES ('shop/sync ${name}', 1, '{"time": 0, "of": "cron 0 0 1 1 * UTC"}')`,
    );
  }
  const workers = [worker(folder.path, env), worker(folder.path, env), worker(folder.path, env)];
  const victim = await until(
    () => workers.find(({ lines }) => lines.some(({ msg }) => msg === "write begun")),
    () => workers.map(({ lines }) => lines),
  );
  const lost = victim.lines.find(({ msg }) => msg === "write begun")!.sync;
  victim.child.kill("SIGKILL");
  await victim.ended;
  expect(victim.lines.some(({ msg }) => msg === "done")).toBe(false);

  const others = workers.filter((one) => one !== victim);
  const said = (message: string) => others.flatMap(({ lines }) => lines.filter(({ msg }) => msg === message));
  await until(
    () => (said("done").length >= SYNCS.length ? true : undefined),
    () => workers.map(({ lines }) => lines),
  );
  for (const { child } of others) child.kill("SIGTERM");
  expect(await Promise.all(others.map(({ ended }) => ended))).toEqual([0, 0]);

  expect(
    said("done")
      .map(({ sync }) => sync)
      .sort(),
  ).toEqual(SYNCS);
  expect(said("a worker is gone; its runs go on elsewhere")).toHaveLength(1);
  for (const name of SYNCS) {
    const rows = await sandbox.rows(
      `new_orders?$select=new_externalid&$filter=startswith(new_externalid,'${name}-')`,
    );
    expect(rows.length, name).toBe(ROWS);
  }
  // In the history: one run of each that ended by itself; of the lost one perhaps its interrupted beginning.
  const { json } = await backhaul(["runs", "--json", "--project", folder.path], { env });
  const whole = json.runs.filter(({ stopped }: { stopped?: unknown }) => stopped === undefined);
  expect(whole.map(({ sync }: { sync: string }) => sync).sort()).toEqual(SYNCS);
  for (const run of json.runs)
    if (run.stopped) expect(run).toMatchObject({ sync: lost, stopped: { code: "run.interrupted" } });
  const { rows: jobs } = await postgres.query("SELECT key FROM backhaul_queue.jobs");
  expect(jobs).toEqual([]);
  const { rows: marks } = await postgres.query(
    "SELECT content FROM backhaul_queue_schedule.entries WHERE content ? 'holder'",
  );
  expect(marks).toEqual([]);
});
