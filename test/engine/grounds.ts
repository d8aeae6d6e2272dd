/** Where a sync's state may lie, over real engines: for tests that walk through one history in each place. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import duckdb from "../../connectors/duckdb/index.ts";
import postgres from "../../connectors/postgres/index.ts";
import type { ModelSpec, SyncSpec } from "../../src/core/spec.ts";
import type { Warehouse } from "../../src/ports.ts";
import { planSyncs } from "../../src/sync/plan.ts";
import { writePlan } from "../../src/sync/plan-file.ts";
import { type Prepared, prepare, type StateLocation } from "../../src/sync/prepare.ts";
import type { SyncPlan, SyncRun } from "../../src/sync/report.ts";
import { runSync } from "../../src/sync/run.ts";
import type { SyncOptions } from "../../src/sync/stage.ts";
import type { FreeDestination } from "../support/free-destination.ts";
import type { TestPostgres } from "../support/postgres.ts";
import { inDuckdb, syncSpec } from "../support/project.ts";

export const signal = new AbortController().signal;

export interface Ground extends AsyncDisposable {
  readonly folder: string;
  readonly warehouse: Warehouse;
  readonly location: StateLocation;
  /** Runs statements in the warehouse, in a schema of the ground's own. */
  sql(...statements: readonly string[]): Promise<void>;
}

export async function localGround(): Promise<Ground> {
  const folder = mkdtempSync(join(tmpdir(), "backhaul-ground-"));
  const warehouse = await duckdb.open({ type: "duckdb", path: "warehouse.duckdb" }, { folder });
  await inDuckdb(join(folder, "warehouse.duckdb"), "SELECT 1");
  return {
    folder,
    warehouse,
    location: { kind: "local", project: "test", root: join(folder, ".backhaul"), memoryLimit: "256MB" },
    sql: async (...statements) => void (await inDuckdb(join(folder, "warehouse.duckdb"), ...statements)),
    async [Symbol.asyncDispose]() {
      await warehouse[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export async function duckdbGround(): Promise<Ground> {
  const folder = mkdtempSync(join(tmpdir(), "backhaul-ground-"));
  await inDuckdb(join(folder, "warehouse.duckdb"), "SELECT 1");
  const warehouse = await duckdb.open({ type: "duckdb", path: "warehouse.duckdb" }, { folder });
  return {
    folder,
    warehouse,
    location: { kind: "warehouse", project: "test", schema: "backhaul", retentionDays: 90 },
    async sql(...statements) {
      for (const statement of statements) await warehouse.engine!.run(statement);
    },
    async [Symbol.asyncDispose]() {
      await warehouse[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

let made = 0;

export async function postgresGround(server: TestPostgres): Promise<Ground> {
  const folder = mkdtempSync(join(tmpdir(), "backhaul-ground-"));
  const name = `ground_${++made}`;
  await server.query(`CREATE SCHEMA ${name}`);
  const url = `${server.url}${server.url.includes("?") ? "&" : "?"}options=-csearch_path%3D${name}`;
  const warehouse = await postgres.open({ type: "postgres", url } as never, { folder } as never);
  return {
    folder,
    warehouse,
    location: { kind: "warehouse", project: "test", schema: `${name}_state`, retentionDays: 90 },
    async sql(...statements) {
      for (const statement of statements) await server.query(`SET search_path = ${name}; ${statement}`);
    },
    async [Symbol.asyncDispose]() {
      await warehouse[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export interface Setup {
  readonly query: string;
  readonly primaryKey?: readonly string[];
  readonly sync: Partial<SyncSpec> & Pick<SyncSpec, "match" | "fields">;
  readonly destination: FreeDestination;
}

export function preparedIn(ground: Ground, setup: Setup): Promise<Prepared> {
  const sync = syncSpec(setup.sync);
  const model: ModelSpec = {
    name: sync.model,
    warehouse: "local",
    primaryKey: setup.primaryKey ?? ["id"],
    query: setup.query,
    queryFile: "models/people.sql",
    timezone: "UTC",
    file: "models/people.yml",
    syncs: [sync],
  };
  const connections = {
    warehouse: async () => ground.warehouse,
    destination: async () => setup.destination,
  };
  return prepare(model, sync, connections, ground.location, signal);
}

export async function runIn(
  ground: Ground,
  setup: Setup,
  options: Partial<SyncOptions> = {},
): Promise<SyncRun> {
  return runSync(await preparedIn(ground, setup), { signal, ...options });
}

/** Plans, into a file where one is named. */
export async function planIn(
  ground: Ground,
  setup: Setup,
  options: Partial<SyncOptions> = {},
  out?: string,
): Promise<SyncPlan> {
  const prepared = await preparedIn(ground, setup);
  const head = { project: "test", created: new Date().toISOString(), allow: [...(options.allow ?? [])] };
  using writer = out === undefined ? undefined : writePlan(out, head);
  let plan: SyncPlan | undefined;
  for await (plan of planSyncs([prepared], { signal, ...options, ...(writer ? { writer } : {}) }));
  writer?.end();
  return plan!;
}

export const field = (name: string, column = name) =>
  ({ field: name, source: { column }, whenNull: "clear" }) as const;
