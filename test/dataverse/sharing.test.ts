/** Processes that send as one user share its limits through a state in a warehouse. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openDataverse } from "../../connectors/dataverse/destination.ts";
import postgres from "../../connectors/postgres/index.ts";
import type { SharedUser, StateEngine } from "../../src/ports.ts";
import { shareUsers } from "../../src/state/sharing.ts";
import { engineChild } from "../support/engine-child.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { syncSpec } from "../support/project.ts";
import { configOf, openBench, running } from "./support/bench.ts";
import { throughput } from "./support/protected.ts";

/** What a window of a test takes, in a second and a half. */
const WINDOW = { requests: 30, ms: 1_500 };

describe("through a state in PostgreSQL", () => {
  let server: TestPostgres;
  let engine: StateEngine;
  let close: () => PromiseLike<void>;
  beforeAll(async () => {
    server = await startPostgres();
    await server.query("CREATE SCHEMA shared");
    const warehouse = await postgres.open(
      { type: "postgres", url: server.url, port: server.port },
      { folder: "/" },
    );
    engine = warehouse.engine!;
    close = () => warehouse[Symbol.asyncDispose]();
  });
  afterAll(async () => {
    await close();
    await server[Symbol.asyncDispose]();
  });
  const share = (process: string, users: readonly SharedUser[]) =>
    shareUsers({ engine, schema: "shared" }, users, { process, periodMs: 50 });
  const until = async (isTrue: () => boolean | undefined) => {
    while (!isTrue()) await sleep(10);
  };
  /** A user who says one thing and remembers what he heard last. */
  const talker = (name: string, text: string) => {
    const user = { name, heard: [] as readonly string[], tell: () => text, hear };
    function hear(told: readonly string[]) {
      user.heard = told;
    }
    return user;
  };

  test("each hears what others tell of the same user, and nothing of who is gone", async () => {
    const [one, two, other] = [
      talker("it's me", "first"),
      talker("it's me", "second"),
      talker("you", "third"),
    ];
    await using _one = await share("p1", [one]);
    const second = await share("p2", [two, other]);
    expect(two.heard).toEqual(["first"]);
    expect(other.heard).toEqual([]);
    await until(() => one.heard[0] === "second");
    await second[Symbol.asyncDispose]();
    expect(two.heard).toEqual([]);
    await until(() => one.heard.length === 0);
  });

  test("a process that was killed is forgotten, and a table that is away stops nobody", async () => {
    const user = talker("user", "alive");
    await using _mine = await share("p3", [user]);
    await server.query(
      `INSERT INTO shared.users VALUES ('killed', 'user', 'dead', (extract(epoch FROM now()) * 1000)::bigint + 150)`,
    );
    await until(() => user.heard[0] === "dead");
    await until(() => user.heard.length === 0);
    await server.query("DROP TABLE shared.users");
    await sleep(120);
    const { rows } = await server.query("SELECT to_regclass('shared.users') AS there");
    expect(rows).toEqual([{ there: null }]);
  });

  test("what one process has sent to the sandbox weighs on the other one", async () => {
    await using bench = await openBench();
    const open = () => openDataverse(configOf(bench.sandbox));
    await using busy = await open();
    await using idle = await open();
    for (let sent = 0; sent < 60; sent++) await busy.identify(running());
    await idle.identify(running());
    const before = idle.load!.requests!;
    await using _busy = await share("busy", await busy.users!(running()));
    await using _idle = await share("idle", await idle.users!(running()));
    // Of 6,000 requests in a window.
    expect(before).toBeLessThan(0.002);
    expect(idle.load!.requests).toBeGreaterThan(0.009);
    expect(idle.load!.requests).toBeLessThan(0.02);
  });

  test("two processes of the operating system write as one user: each tells what it uses, and both are obeyed together", async () => {
    const each = 24;
    await server.query(
      `CREATE TABLE people AS SELECT n AS id, 'C-' || n AS code, 'Person ' || n AS name FROM generate_series(1, ${2 * each}) n`,
    );
    await using bench = await openBench({
      limits: { requests: WINDOW.requests, windowSeconds: WINDOW.ms / 1_000 },
    });
    const halves = [0, 1].map((half) =>
      engineChild({
        warehouse: { type: "postgres", url: server.url },
        folder: "/",
        location: { kind: "warehouse", project: "sharing", schema: "shared_state", retentionDays: 90 },
        sync: syncSpec({
          name: `half_${half}`,
          object: "contact",
          match: [{ field: "new_customerid", column: "code" }],
          fields: [{ field: "lastname", source: { column: "name" }, whenNull: "clear" }],
        }),
        model: { query: `SELECT id, code, name FROM people WHERE id % 2 = ${half}` },
        destination: {
          config: { ...configOf(bench.sandbox), batch_size: 1 },
          options: { windowMs: WINDOW.ms },
        },
        batchSize: 1,
        pace: { journalMs: 20 },
        runs: 1,
        waits: true,
      }),
    );
    await until(() => halves.every(({ told }) => told.length > 0));
    for (const { child } of halves) child.stdin?.end("go");
    /** The requests within the window that the two have told, while both were at work. */
    let most = 0;
    let isOver = false;
    const ended = Promise.all(halves.map((one) => one.ended)).finally(() => {
      isOver = true;
    });
    while (!isOver) {
      const { rows } = await server.query("SELECT told FROM shared_state.users").catch(() => ({ rows: [] }));
      const used = rows.map(({ told }) => Number(JSON.parse(told).used.requests));
      if (used.length === 2) most = Math.max(most, used[0]! + used[1]!);
      await sleep(20);
    }
    for (const told of await ended)
      expect(told.at(-1)?.run, JSON.stringify(told)).toMatchObject({ applied: each, deferred: 0 });
    expect((await bench.stored("contact", "new_customerid")).size).toBe(2 * each);
    // Both have told, and no more than a window takes, but for what a busy machine tells late.
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThan(1.5 * WINDOW.requests);
    const { requests, refusals } = await bench.counters();
    expect(refusals["0x80072322"] ?? 0).toBeLessThan(0.3 * requests.createMultiple!);
    expect((await server.query("SELECT * FROM shared_state.users")).rows).toEqual([]);
  });
});

describe("in virtual time", () => {
  const load = {
    costs: { tables: { contact: 1, account: 5 } },
    servers: 2,
    hint: () => 10,
    tables: ["contact", "account"],
    windows: 6,
    processes: 2,
  };

  test("two that have much to do reach the ceiling together, and halve it", async () => {
    const { parts, refused, requests, share } = await throughput({ ...load, tell: true });
    expect(share).toBeGreaterThan(0.9);
    expect(refused).toBeLessThan(requests / 200);
    for (const part of parts) expect(part).toBeGreaterThan(0.4);
  });

  test("where they cannot tell each other they still live with what is left", async () => {
    const { refused, requests, share } = await throughput({ ...load, servers: 1, tables: ["account"] });
    expect(share).toBeGreaterThan(0.85);
    expect(refused).toBeLessThan(requests / 50);
  });
});
