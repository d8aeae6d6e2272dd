import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import duckdb from "../../connectors/duckdb/index.ts";
import { DEFAULT_RULES, type ModelSpec, NO_OPTIONS, type SyncSpec } from "../../src/core/spec.ts";
import type { Destination } from "../../src/ports.ts";
import { type Prepared, prepare } from "../../src/sync/prepare.ts";

/** A folder that is gone when the test is. */
export function temporaryFolder(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), "backhaul-test-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** Runs statements on a DuckDB file and closes it. */
export async function inDuckdb(
  path: string,
  ...statements: readonly string[]
): Promise<readonly unknown[][]> {
  const instance = await DuckDBInstance.create(path);
  const connection = await instance.connect();
  try {
    let rows: unknown[][] = [];
    for (const statement of statements) rows = (await connection.runAndReadAll(statement)).getRowsJson();
    return rows;
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

export function syncSpec(spec: Partial<SyncSpec> & Pick<SyncSpec, "match" | "fields">): SyncSpec {
  return {
    name: "people",
    model: "people",
    destination: "crm",
    object: "contact",
    mode: "upsert",
    onRemoved: "keep",
    guard: { removed: { share: 0.1, rows: 50 } },
    rules: DEFAULT_RULES,
    options: NO_OPTIONS,
    place: () => ({ file: "models/people.yml" }),
    ...spec,
  };
}

export interface Bench {
  readonly folder: string;
  readonly query: string;
  readonly primaryKey: readonly string[];
  readonly sync: SyncSpec;
  readonly destination: Destination;
}

/** A prepared sync over a DuckDB warehouse `warehouse.duckdb` in the folder, without config files. */
export async function preparedOn({ folder, query, primaryKey, sync, destination }: Bench): Promise<Prepared> {
  const warehouse = await duckdb.open({ type: "duckdb", path: "warehouse.duckdb" }, { folder });
  const model: ModelSpec = {
    name: sync.model,
    warehouse: "local",
    primaryKey,
    query,
    queryFile: "models/people.sql",
    timezone: "UTC",
    file: "models/people.yml",
    syncs: [sync],
  };
  const connections = { warehouse: async () => warehouse, destination: async () => destination };
  const state = {
    project: "test",
    kind: "local",
    root: join(folder, ".backhaul"),
    memoryLimit: "256MB",
  } as const;
  return prepare(model, sync, connections, state, new AbortController().signal);
}
