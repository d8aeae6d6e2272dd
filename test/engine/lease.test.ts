import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { StateEngine } from "../../src/ports.ts";
import { openWarehouseStore } from "../../src/state/warehouse-store.ts";
import { prepare } from "../../src/sync/prepare.ts";
import { runSync } from "../../src/sync/run.ts";
import { backhaul, DESTINATION, sandboxEnv, sandboxProcess, writeFiles } from "../support/cli.ts";
import { engineChild, type Job } from "../support/engine-child.ts";
import { type FreeDestination, freeDestination } from "../support/free-destination.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { syncSpec, temporaryFolder } from "../support/project.ts";
import { type RemoteDestination, serveDestination } from "../support/remote-destination.ts";
import { newFuse } from "./fuse.ts";
import { openPostgres, warehouseInDuckdb, warehouseInPostgres } from "./places.ts";

let server: TestPostgres;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

const ROWS = 12;
const sync = syncSpec({
  mode: "mirror",
  onRemoved: "delete",
  match: [{ field: "code", column: "code" }],
  fields: [{ field: "name", source: { column: "name" }, whenNull: "clear" }],
});
const query = (schema: string): string => `SELECT id, code, name FROM ${schema}.people`;

interface Stage extends AsyncDisposable {
  readonly destination: FreeDestination;
  readonly remote: RemoteDestination;
  readonly job: Job;
  /** Resolves once the destination has so many records. */
  stored(count: number): Promise<void>;
  /** Holds the destination, each record once, against the model. */
  expectWhole(name?: string): void;
}

async function stage(schema: string, pace: Job["pace"] = {}): Promise<Stage> {
  await server.query(`CREATE SCHEMA ${schema};
    CREATE TABLE ${schema}.people AS SELECT n AS id, 'C' || n AS code, 'Person ' || n AS name FROM generate_series(1, ${ROWS}) n`);
  const destination = freeDestination();
  const remote = await serveDestination(destination);
  return {
    destination,
    remote,
    job: {
      warehouse: { type: "postgres", url: server.url },
      folder: "/",
      location: { kind: "warehouse", project: "lease", schema: `${schema}_state`, retentionDays: 90 },
      sync,
      model: { query: query(schema) },
      destination: remote.url,
      batchSize: 1,
      pace: { journalMs: 100, journalOutcomes: 2, ...pace },
      runs: 1,
    },
    async stored(count) {
      while (destination.records.length < count) await sleep(5);
    },
    expectWhole(name = "Person") {
      const records = destination.records.map(({ match, fields }) => [match, fields.get("name")]);
      const want = Array.from({ length: ROWS }, (_, i) => [`C${i + 1}`, `"${name} ${i + 1}"`]);
      expect(records.sort()).toEqual(want.sort());
    },
    [Symbol.asyncDispose]: () => remote[Symbol.asyncDispose](),
  };
}

const tokenOf = async (schema: string): Promise<number> =>
  Number((await server.query(`SELECT token FROM ${schema}_state.syncs`)).rows[0].token);

const hasRunOut = async (schema: string): Promise<boolean> =>
  (
    await server.query(
      `SELECT expires < extract(epoch FROM clock_timestamp()) * 1000 AS over FROM ${schema}_state.syncs`,
    )
  ).rows[0].over;

describe("a lease in PostgreSQL", () => {
  test("a second process is refused, naming the holder; once it was killed the next run takes over at once", async () => {
    await using it = await stage("killed");
    it.remote.delay = 60;
    const first = engineChild(it.job);
    await it.stored(4);
    const release = it.remote.hold();
    const [, refused] = await engineChild(it.job).ended;
    expect(refused?.error).toMatchObject({ code: "state.locked", kind: "deferred" });
    expect(refused?.error?.message).toContain(`process ${first.child.pid}`);
    first.child.kill("SIGKILL");
    await first.ended;
    it.remote.delay = 0;
    release();
    const [, second] = await engineChild(it.job).ended;
    expect(second?.run, JSON.stringify(second)).toMatchObject({ deferred: 0, rows: ROWS });
    expect(second?.run?.recovery?.inDoubt).toBeLessThan(ROWS);
    it.expectWhole();
    const [, third] = await engineChild(it.job).ended;
    expect(third?.run).toMatchObject({ applied: 0, unchanged: ROWS });
  });

  test("a holder on another machine is waited for until its lease has run out", async () => {
    await using it = await stage("elsewhere", { leaseMs: 60_000 });
    it.remote.delay = 60;
    const first = engineChild(it.job);
    await it.stored(4);
    const release = it.remote.hold();
    first.child.kill("SIGKILL");
    await first.ended;
    it.remote.delay = 0;
    release();
    await server.query("UPDATE elsewhere_state.syncs SET holder = 'elsewhere process 1 (00)'");
    const [, refused] = await engineChild(it.job).ended;
    expect(refused?.error).toMatchObject({ code: "state.locked" });
    expect(refused?.error?.message).toContain("elsewhere");
    await server.query("UPDATE elsewhere_state.syncs SET expires = expires - 60000");
    const [, second] = await engineChild(it.job).ended;
    expect(second?.run, JSON.stringify(second)).toMatchObject({ deferred: 0 });
    it.expectWhole();
  });

  test("a run waits for a holder that was paused within a transaction, until the server ends that", async () => {
    await using it = await stage("within");
    const [, first] = await engineChild(it.job).ended;
    expect(first?.run).toMatchObject({ applied: ROWS });
    const hold = "BEGIN; LOCK TABLE within_state.syncs IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(4); COMMIT";
    const held = server.query(hold);
    const [, second] = await engineChild(it.job).ended;
    await held;
    expect(second?.run, JSON.stringify(second)).toMatchObject({ deferred: 0, unchanged: ROWS });
  });

  test.each([
    ["while it writes", 4],
    ["before it writes", 0],
  ])(
    "a holder that was paused %s longer than its lease can commit and journal nothing when it wakes",
    async (_, records) => {
      const schema = `paused_${records}`;
      await using it = await stage(schema, { leaseMs: 3_000 });
      it.remote.delay = 60;
      let release = records > 0 ? undefined : it.remote.hold();
      const first = engineChild(it.job);
      if (records > 0) await it.stored(records);
      else while (first.told.length === 0 || (await tokenOf(schema).catch(() => 0)) === 0) await sleep(2);
      release ??= it.remote.hold();
      first.child.kill("SIGSTOP");
      // What of it was under way in the server may have prolonged the lease once more.
      while (!(await hasRunOut(schema))) await sleep(100);
      it.remote.delay = 0;
      release();
      const [, second] = await engineChild(it.job).ended;
      expect(second?.run, JSON.stringify(second)).toMatchObject({ deferred: 0 });
      it.expectWhole();
      const picture = async (): Promise<unknown[]> => {
        const names = await server.query(
          `SELECT tablename FROM pg_tables WHERE schemaname = '${schema}_state' AND tablename ~ '_(base|staged|delta|pending|doubt|waiting)_' ORDER BY 1`,
        );
        const rows: unknown[] = [(await server.query(`SELECT state, token FROM ${schema}_state.syncs`)).rows];
        for (const { tablename } of names.rows)
          rows.push(
            tablename,
            (await server.query(`SELECT * FROM ${schema}_state.${tablename} ORDER BY 1, 2`)).rows,
          );
        return rows;
      };
      const before = await picture();
      first.child.kill("SIGCONT");
      const [, woken] = await first.ended;
      const problem = woken?.run?.stopped ?? woken?.error;
      expect(problem?.code, JSON.stringify(woken)).toBe("state.taken_over");
      // What it had staged may lie about; the snapshot and the record are the other run's.
      const after = await picture();
      expect(after.slice(0, 1)).toEqual(before.slice(0, 1));
      expect(after).toEqual(expect.arrayContaining(before));
      it.expectWhole();
      await server.query(`UPDATE ${schema}.people SET name = 'New ' || id`);
      const [, third] = await engineChild(it.job).ended;
      expect(third?.run, JSON.stringify(third)).toMatchObject({ applied: ROWS });
      it.expectWhole("New");
    },
  );

  test("two runs of one process: one is refused and the other is not disturbed", async () => {
    await using it = await stage("twice");
    await using warehouse = await openPostgres(server);
    const signal = new AbortController().signal;
    const model = {
      name: "people",
      warehouse: "pg",
      primaryKey: ["id"],
      query: query("twice"),
      queryFile: "models/people.sql",
      timezone: "UTC",
      file: "models/people.yml",
      syncs: [sync],
    };
    const connections = { warehouse: async () => warehouse, destination: async () => it.destination };
    const one = await prepare(model, sync, connections, it.job.location, signal);
    const both = await Promise.allSettled([runSync(one, { signal }), runSync(one, { signal })]);
    const refused = both.filter((result) => result.status === "rejected");
    expect(refused).toHaveLength(1);
    expect(refused[0]?.reason.problems?.[0], String(refused[0]?.reason)).toMatchObject({
      code: "state.locked",
    });
    expect(refused[0]?.reason.problems[0].message).toContain(`process ${process.pid}`);
    it.expectWhole();
    expect(await runSync(one, { signal })).toMatchObject({ applied: 0, unchanged: ROWS });
  });
});

/** An engine whose first renewal of a lease waits on its way until it is let go. */
function slowRenewal(engine: StateEngine) {
  let release = (): void => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const renewals: Promise<unknown>[] = [];
  const slow: StateEngine = {
    ...engine,
    pace: { ...engine.pace, leaseMs: 600 },
    transaction(statements) {
      const isRenewal = /^UPDATE \S+ SET expires = (?!0)/.test(statements[0]!.sql);
      if (!isRenewal) return engine.transaction(statements);
      const done = gate.then(() => engine.transaction(statements));
      renewals.push(done);
      return done;
    },
  };
  return { slow, release, renewals };
}

test.each([
  ["DuckDB", warehouseInDuckdb],
  ["PostgreSQL", () => warehouseInPostgres(server)],
])("in %s, a renewal that comes once the lease was given back does not take it again", async (_, open) => {
  await using place = await open();
  await using site = await place.site({ fuse: newFuse(), journalOutcomes: 1 });
  const { slow, release, renewals } = slowRenewal(site.warehouse.engine!);
  const take = (engine: StateEngine) =>
    openWarehouseStore({
      kind: "warehouse",
      engine,
      schema: "given_back",
      owner: { project: "lease", organization: "o", object: "contact", sync: "people" },
      retentionDays: 90,
    });
  const first = await take(slow);
  while (renewals.length === 0) await sleep(5);
  await first[Symbol.asyncDispose]();
  release();
  await Promise.all(renewals);
  await using _second = await take(site.warehouse.engine!);
});

test("the command line ends with 5 and names the holder of state in PostgreSQL", async () => {
  await using sandbox = await sandboxProcess();
  using folder = temporaryFolder();
  await server.query(
    "CREATE TABLE orders AS SELECT n AS id, 'P-' || n AS number FROM generate_series(1, 2000) n",
  );
  writeFiles(folder.path, {
    "backhaul.yml": `project: lease\nwarehouses:\n  pg: { type: postgres, url: "\${env:DATABASE_URL}" }\nstate: { type: warehouse }\ndestinations:${DESTINATION}    batch_size: 10\n    concurrency: 1\n`,
    "models/orders.yml": `model: orders\nprimary_key: id\ntable: orders\nsyncs:\n  - sync: orders\n    destination: dynamics\n    object: new_order\n    mode: upsert\n    match: { new_externalid: number }\n    fields: { new_name: number }\n`,
  });
  const slow = ["upsertMultiple", "createMultiple"].map((kind) => ({
    on: { kind },
    times: 10_000, // until the second run has been refused
    do: "slow",
    delay: 100,
  }));
  await sandbox.admin("faults", { method: "POST", body: JSON.stringify(slow) });
  const options = { env: { ...sandboxEnv(sandbox), DATABASE_URL: server.url } };
  const args = ["run", "--project", folder.path, "--json"];
  let pid: number | undefined;
  const first = backhaul(args, {
    ...options,
    onStart: (child) => {
      pid = child.pid;
    },
  });
  let over: unknown;
  void first.then((ended) => {
    over = ended;
  });
  while (over === undefined && (await sandbox.rows("new_orders?$select=new_externalid&$top=1")).length === 0)
    await sleep(20);
  const second = await backhaul(args, options);
  await sandbox.admin("faults", { method: "DELETE" });
  expect(second.code, second.stdout + second.stderr).toBe(5);
  expect(second.json.error.problems[0]).toMatchObject({ code: "state.locked", kind: "deferred" });
  expect(second.json.error.problems[0].message).toContain(String(pid));
  expect((await first).code).toBe(0);
});
