/** Workers over one queue in PostgreSQL: three of which one is killed in the middle of a run, and one that runs but once. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { run } from "graphile-worker";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openLog } from "../../src/log/log.ts";
import { planner } from "../../src/schedule/plan.ts";
import { type QueueOptions, runQueue } from "../../src/schedule/queue.ts";
import { expectShape } from "../cli/shape.ts";
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
import { receiver } from "../support/receiver.ts";

let sandbox: RunningSandbox;
let postgres: TestPostgres;
beforeAll(async () => {
  [sandbox, postgres] = await Promise.all([sandboxProcess(), startPostgres()]);
});
afterAll(() => Promise.all([sandbox[Symbol.asyncDispose](), postgres[Symbol.asyncDispose]()]));

/** Each to an object of its own, for syncs of one object wait for each other: the set, what finds a row, and its name. */
const OBJECTS = {
  a: ["new_order", "new_externalid", "new_name"],
  b: ["account", "accountnumber", "name"],
  c: ["contact", "new_customerid", "lastname"],
  d: ["new_note", "new_code", "new_name"],
} as const;
const SYNCS = Object.keys(OBJECTS) as (keyof typeof OBJECTS)[];
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
  const sync = (name: keyof typeof OBJECTS): string => `  - sync: ${name}
    destination: dynamics
    object: ${OBJECTS[name][0]}
    mode: upsert
    match: { ${OBJECTS[name][1]}: number }
    fields: { ${OBJECTS[name][2]}: name }
    schedule: { cron: "0 0 1 1 *" }
`;
  writeFiles(folder.path, {
    "backhaul.yml": `project: shop
warehouses:
  pg: { type: postgres, url: "\${env:DATABASE_URL}", state: { type: warehouse } }
destinations:${DESTINATION}    batch_size: 5
    concurrency: 1
schedule: { parallel: 1, queue: { url: "\${env:DATABASE_URL}", dead_after: 6s } }
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
    const [object, number] = OBJECTS[name];
    const rows = await sandbox.rows(`${object}s?$select=${number}&$filter=startswith(${number},'${name}-')`);
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

/** A worker in this process, of a sync that is due once a year. */
const inQueue = (schema: string, deadAfterMs: number, signal: AbortSignal, run: QueueOptions["run"]) =>
  runQueue({
    url: postgres.url,
    schema,
    deadAfterMs,
    project: "shop",
    planner: planner([
      {
        sync: "orders",
        trigger: { kind: "cron", cron: "0 0 1 1 *", jitterMs: 0 },
        timezone: "UTC",
        quiet: [],
        lateMs: Number.POSITIVE_INFINITY,
      },
    ]),
    run,
    parallel: 1,
    signal,
    clock: {
      now: Date.now,
      sleep: (ms, signal) =>
        new Promise((resolve) => {
          const timer = setTimeout(resolve, ms);
          const end = (): void => {
            clearTimeout(timer);
            resolve();
          };
          if (signal.aborted) end();
          signal.addEventListener("abort", end, { once: true });
        }),
    },
    log: openLog({ level: "silent", format: "json", redact: (text) => text, write: () => {} }),
    once: false,
    watcher: {},
  });

test("what another run holds is tried again soon, although the database has gone and come back meanwhile", {
  timeout: 120_000,
}, async () => {
  const schema = "held";
  await postgres.query("CREATE SCHEMA held_schedule");
  await postgres.query(
    "CREATE TABLE held_schedule.entries (item text PRIMARY KEY, version bigint NOT NULL, content jsonb NOT NULL)",
  );
  await postgres.query(
    `INSERT INTO held_schedule.entries VALUES ('shop/sync orders', 1, '{"time": 0, "of": "cron 0 0 1 1 * UTC"}')`,
  );
  const stop = new AbortController();
  const starts: number[] = [];
  await inQueue(schema, 60_000, stop.signal, async () => {
    starts.push(Date.now());
    if (starts.length === 1) {
      await postgres.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename = current_user",
      );
    }
    const { rows } = await postgres.query("SELECT attempts FROM held.jobs");
    expect(rows).toEqual([{ attempts: 1 }]); // no pause that grows
    if (starts.length === 3) {
      stop.abort();
      return { exit: 0, problems: [] };
    }
    return { exit: 5, problems: [{ kind: "deferred", code: "state.locked", message: "" }] };
  });
  expect(starts).toHaveLength(3);
  const { rows } = await postgres.query("SELECT content FROM held_schedule.entries WHERE content ? 'holder'");
  expect(rows).toEqual([]);
  expect((await postgres.query("SELECT 1 FROM held.jobs")).rows).toEqual([]);
});

test("what one holds who was killed before he said that he lives comes back", {
  timeout: 120_000,
}, async () => {
  const schema = "early_death";
  // He has taken up a job, and is silent from then on, as who is killed is.
  let taken = (): void => {};
  let letGo = (): void => {};
  const isTaken = new Promise<void>((resolve) => {
    taken = resolve;
  });
  const isOver = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const options = { schema, noHandleSignals: true, parsedCronItems: [], connectionString: postgres.url };
  const silent = await run({
    ...options,
    taskList: {
      async backhaul_sync() {
        taken();
        await isOver;
      },
    },
  });
  await silent.addJob(
    "backhaul_sync",
    { project: "shop", sync: "orders", time: 0 },
    { queueName: "shop/orders", jobKey: "shop/orders" },
  );
  await isTaken;
  const ran: string[] = [];
  const stop = new AbortController();
  const done = await inQueue(schema, 500, stop.signal, async (sync) => {
    ran.push(sync);
    stop.abort();
    return { exit: 0, problems: [] };
  });
  letGo();
  await silent.stop();
  expect(ran).toEqual(["orders"]);
  expect(done.map(({ due, exit }) => [due.sync, due.time, exit])).toEqual([["orders", 0, 0]]);
});

test("a worker outlives its database: what it could not note while that was away is done again", {
  timeout: 200_000,
}, async () => {
  using folder = temporaryFolder();
  await postgres.query("CREATE DATABASE queues");
  const url = postgres.url.replace(/\/[^/]*$/, "/queues");
  const env = { ...sandboxEnv(sandbox), DATABASE_URL: postgres.url, QUEUE_URL: url };
  await postgres.query(
    "CREATE TABLE away AS SELECT i AS id, 'W-' || i AS number FROM generate_series(1, 5) i",
  );
  writeFiles(folder.path, {
    "backhaul.yml": `project: away
warehouses:
  pg: { type: postgres, url: "\${env:DATABASE_URL}", state: { type: warehouse } }
destinations:${DESTINATION}
schedule: { queue: { url: "\${env:QUEUE_URL}", dead_after: 4s } }
`,
    "models/away.yml": `model: away
primary_key: id
table: away
syncs:
  - { sync: away, destination: dynamics, object: account, mode: upsert, match: { accountnumber: number }, fields: { name: number }, schedule: { cron: "0 0 1 1 *" } }
`,
  });
  const queues = new pg.Client({ connectionString: url });
  queues.on("error", () => {});
  await queues.connect();
  await queues.query(`CREATE SCHEMA backhaul_queue_schedule;
    CREATE TABLE backhaul_queue_schedule.entries (item text PRIMARY KEY, version bigint NOT NULL, content jsonb NOT NULL);
    INSERT INTO backhaul_queue_schedule.entries VALUES ('away/sync away', 1, '{"time": 0, "of": "cron 0 0 1 1 * UTC"}')`);
  await queues.end();
  const one = worker(folder.path, env);
  const said = (message: string): number => one.lines.filter(({ msg }) => msg === message).length;
  const reach = (message: string, times: number) =>
    until(
      () => (said(message) >= times ? true : undefined),
      () => one.lines,
    );
  await reach("run begun", 1);
  await postgres.query("ALTER DATABASE queues ALLOW_CONNECTIONS false");
  await postgres.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'queues'");
  await reach("run ended", 1);
  await reach("the queue cannot be reached", 1);
  expect(said("done")).toBe(0);
  await postgres.query("ALTER DATABASE queues ALLOW_CONNECTIONS true");
  await reach("done", 1);
  one.child.kill("SIGTERM");
  expect(await one.ended).toBe(0);
});

test("--once with a queue runs what is due, parents first, and tells alerts of it", {
  timeout: 300_000,
}, async () => {
  using folder = temporaryFolder();
  const { received, url } = await receiver({ status: 200 });
  const env = { ...sandboxEnv(sandbox), DATABASE_URL: postgres.url, HOOK: url };
  const sync = (name: string, rest: string, cron = "0 0 1 1 *"): string =>
    `model: ${name}\nprimary_key: number\ntable: once_${name}\nsyncs:\n  - { sync: ${name}, destination: dynamics, mode: upsert, schedule: { cron: "${cron}" }, ${rest} }\n`;
  const broken = (cron?: string): string =>
    sync("broken", "object: new_order, match: { new_externalid: number }, fields: { new_name: name }", cron);
  writeFiles(folder.path, {
    "backhaul.yml": `project: once
warehouses:
  pg: { type: postgres, url: "\${env:DATABASE_URL}", state: { type: warehouse } }
destinations:${DESTINATION}
schedule: { parallel: 4, queue: { url: "\${env:DATABASE_URL}", schema: once_queue } }
alerts: [{ type: webhook, url: "\${env:HOOK}" }]
`,
    "models/parents.yml": sync(
      "parents",
      "object: account, match: { accountnumber: number }, fields: { name: name }",
    ),
    "models/children.yml": sync(
      "children",
      "object: contact, match: { new_customerid: number }, fields: { lastname: name, parentcustomerid: { column: parent, lookup: { object: Account, by: accountnumber } } }",
    ),
    "models/broken.yml": broken(),
  });
  const rows =
    "SELECT 'Q-' || i AS number, 'n' || i AS name, 'Q-' || i AS parent FROM generate_series(1, 20) i";
  await postgres.query(`CREATE TABLE once_parents AS ${rows}`);
  await postgres.query(`CREATE TABLE once_children AS ${rows}`);
  const once = () => backhaul(["schedule", "--once", "--json", "--project", folder.path], { env });

  const first = await once();
  expect(first.code, first.stdout + first.stderr).toBe(2);
  expectShape("schedule", first.json);
  const ended: [string, number][] = first.json.runs.map(({ sync, exit }: { sync: string; exit: number }) => [
    sync,
    exit,
  ]);
  expect(ended.filter(([sync]) => sync !== "broken")).toEqual([
    ["parents", 0],
    ["children", 0],
  ]);
  expect(ended).toContainEqual(["broken", 2]);
  expect(received.map(({ body }) => [body.sync, body.condition, body.state])).toEqual([
    ["broken", "failed", "begun"],
  ]);
  const landed = await sandbox.rows(
    "contacts?$select=new_customerid&$filter=startswith(new_customerid,'Q-') and _parentcustomerid_value ne null",
  );
  expect(landed).toHaveLength(20);

  // Another cron line is another schedule: due at once.
  await postgres.query(`CREATE TABLE once_broken AS ${rows}`);
  writeFiles(folder.path, { "models/broken.yml": broken("0 0 2 1 *") });
  const second = await once();
  expect(second.code, second.stdout + second.stderr).toBe(0);
  expect(second.json.runs.map(({ sync }: { sync: string }) => sync)).toEqual(["broken"]);
  expect(received.map(({ body }) => body.state)).toEqual(["begun", "over"]);
});
