/** The schedule as it is shipped: real processes that start, are told to stop, are killed and follow each other. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { expectShape } from "../cli/shape.ts";
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

// Each run is a process of its own, and so is each scheduler.
vi.setConfig({ testTimeout: 300_000 });

let sandbox: RunningSandbox;
beforeAll(async () => {
  sandbox = await sandboxProcess();
});
afterAll(() => sandbox[Symbol.asyncDispose]());

/** Due once a year: only what a test seeds is due. */
const YEARLY = "0 0 1 1 *";

async function project(folder: string, prefix: string, schedule = `{ cron: "${YEARLY}" }`): Promise<void> {
  const files = orderProject({ destination: "batch_size: 10\n    concurrency: 1" });
  const model = files["models/orders.yml"]!;
  writeFiles(folder, { ...files, "models/orders.yml": `${model}    schedule: ${schedule}\n` });
  await inDuckdb(
    `${folder}/warehouse.duckdb`,
    `CREATE TABLE orders AS SELECT i AS id, '${prefix}-' || i AS number, 'n' AS name, 1 AS amount FROM range(200) t(i)`,
  );
}

/** As if the sync had last run in 1970. */
function seed(folder: string): void {
  const notes = join(folder, ".backhaul", "schedule", "orders");
  mkdirSync(notes, { recursive: true });
  writeFileSync(join(notes, "sync%20orders@1.json"), JSON.stringify({ time: 0, of: `cron ${YEARLY} UTC` }));
}

function mark(folder: string): Record<string, unknown> {
  const notes = join(folder, ".backhaul", "schedule", "orders");
  const [name] = readdirSync(notes)
    .filter((file) => file.startsWith("sync"))
    .sort()
    .reverse();
  return JSON.parse(readFileSync(join(notes, name!), "utf8"));
}

async function slowly(work: () => Promise<void>): Promise<void> {
  const slow = ["upsertMultiple", "createMultiple"].map((kind) => ({
    on: { kind },
    times: 400,
    do: "slow",
    delay: 300,
  }));
  await sandbox.admin("faults", { method: "POST", body: JSON.stringify(slow) });
  try {
    await work();
  } finally {
    await sandbox.admin("faults", { method: "DELETE" });
  }
}

interface Scheduler {
  readonly child: ChildProcess;
  readonly lines: Record<string, unknown>[];
  /** The next line of the log with this message, from the first on. */
  said(message: string, from?: number): Promise<Record<string, unknown>>;
  readonly ended: Promise<number | null>;
}

function scheduler(folder: string, ...args: string[]): Scheduler {
  const child = spawn(process.execPath, [BIN, "schedule", "--project", folder, ...args], {
    env: { ...process.env, ...sandboxEnv(sandbox) },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const lines: Record<string, unknown>[] = [];
  createInterface({ input: child.stderr! }).on("line", (line) => {
    if (line.startsWith("{")) lines.push(JSON.parse(line));
  });
  return {
    child,
    lines,
    async said(message) {
      for (;;) {
        const line = lines.find(({ msg }) => msg === message);
        if (line !== undefined) return line;
        if (child.exitCode !== null)
          throw new Error(`it ended without "${message}": ${JSON.stringify(lines)}`);
        await new Promise((next) => setTimeout(next, 20));
      }
    },
    ended: new Promise((end) => child.once("exit", end)),
  };
}

const landed = async (prefix: string): Promise<number> =>
  (await sandbox.rows(`new_orders?$select=new_externalid&$filter=startswith(new_externalid,'${prefix}-')`))
    .length;

describe("--once", () => {
  test("runs what is due since the last time, and what comes after it; a second time nothing is due", async () => {
    using folder = temporaryFolder();
    await project(folder.path, "O");
    const sync = (name: string, fields: string, schedule: string): string =>
      `  - { sync: ${name}, destination: dynamics, object: new_order, mode: upsert, match: { new_externalid: number }, fields: { ${fields} }, schedule: { ${schedule} } }\n`;
    writeFiles(folder.path, {
      "models/orders.yml": `model: orders\nprimary_key: id\ntable: orders\nsyncs:\n${sync("again", "new_name: name", "after: [orders]")}${sync("orders", "new_amount: amount", `cron: "${YEARLY}"`)}`,
    });
    const once = () =>
      backhaul(["schedule", "--once", "--project", folder.path, "--json"], { env: sandboxEnv(sandbox) });
    const first = await once();
    expect(first.code, first.stdout + first.stderr).toBe(0);
    expectShape("schedule", first.json);
    expect(first.json.runs.map(({ sync, exit }: { sync: string; exit: number }) => [sync, exit])).toEqual([
      ["orders", 0],
      ["again", 0],
    ]);
    expect(first.json.runs[0].run).toMatchObject({ rows: 200, applied: 200, rejected: 0 });
    expect(await landed("O")).toBe(200);
    const next = await once();
    expect(next.json).toEqual({ runs: [] });
  });

  test("exits as the run does, and says why", async () => {
    using folder = temporaryFolder();
    await project(folder.path, "X");
    const env = { ...sandboxEnv(sandbox), CLIENT_SECRET: "wrong-secret-of-nobody" };
    const failed = await backhaul(["schedule", "--once", "--project", folder.path, "--json"], { env });
    expect(failed.code).toBe(3);
    expect(failed.json.runs[0].problems[0]).toMatchObject({ kind: "connection", code: expect.any(String) });
    expect(failed.stdout + failed.stderr).not.toContain("wrong-secret-of-nobody");
  });
});

describe("until it is told to stop", () => {
  test("two schedulers of one project run what is due once; SIGTERM interrupts the run, and the next one ends it", async () => {
    using folder = temporaryFolder();
    await project(folder.path, "T");
    seed(folder.path);
    await slowly(async () => {
      const both = [scheduler(folder.path), scheduler(folder.path, "--port", "0")];
      await Promise.all(both.map(({ said }) => said("schedule begun")));
      const busy = await Promise.race(
        both.map(async (one) =>
          one
            .said("write begun")
            .then(() => one)
            .catch(() => new Promise<never>(() => {})),
        ),
      );
      const { url } = (await both[1]!.said("schedule begun")) as { url: string };
      expect((await fetch(`${url}/health`)).status).toBe(200);
      expect(await (await fetch(`${url}/metrics`)).text()).toContain('backhaul_running{sync="orders"}');
      for (const { child } of both) child.kill("SIGTERM");
      expect(await Promise.all(both.map(({ ended }) => ended))).toEqual([0, 0]);
      const all = both.flatMap(({ lines }) => lines.map(({ msg }) => msg));
      expect(all.filter((message) => message === "run begun")).toHaveLength(1);
      expect(busy.lines.map(({ msg }) => msg)).toContain("interrupted");
    });
    expect(await landed("T")).toBeLessThan(200);
    expect(mark(folder.path)).toMatchObject({ holder: "stopped" });
    const next = scheduler(folder.path);
    await next.said("done");
    expect(await landed("T")).toBe(200);
    expect(mark(folder.path)).not.toHaveProperty("holder");
    next.child.kill("SIGTERM");
    expect(await next.ended).toBe(0);
  });

  test("a run whose scheduler is killed ends itself, and another scheduler takes over", async () => {
    using folder = temporaryFolder();
    await project(folder.path, "K");
    seed(folder.path);
    await slowly(async () => {
      const first = scheduler(folder.path);
      await first.said("write begun");
      first.child.kill("SIGKILL");
      await first.ended;
    });
    expect(await landed("K")).toBeLessThan(200);
    const second = scheduler(folder.path);
    // What the killed one had begun may still be ending: then the run is refused, and due again.
    await second.said("done");
    expect(await landed("K")).toBe(200);
    second.child.kill("SIGTERM");
    expect(await second.ended).toBe(0);
  });
});
