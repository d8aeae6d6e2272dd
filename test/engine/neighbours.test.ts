import { expect, test } from "vitest";
import type { SyncSpec } from "../../src/core/spec.ts";
import { planSyncs } from "../../src/sync/plan.ts";
import type { SyncRun } from "../../src/sync/report.ts";
import { runSync } from "../../src/sync/run.ts";
import { freeDestination } from "../support/free-destination.ts";
import { inDuckdb, preparedOn, syncSpec, temporaryFolder } from "../support/project.ts";

const signal = new AbortController().signal;

const mirror = (name: string, more: Partial<SyncSpec> = {}): SyncSpec =>
  syncSpec({
    name,
    mode: "mirror",
    onRemoved: "delete",
    match: [{ field: "code", column: "code" }],
    fields: [{ field: "name", source: { column: "name" }, whenNull: "clear" }],
    ...more,
  });

test("a removal leaves a record alone that another sync holds too; the last one to hold it removes it", async () => {
  using folder = temporaryFolder();
  const destination = freeDestination();
  const prepared = async (sync: SyncSpec, rows: string) => {
    await inDuckdb(
      `${folder.path}/warehouse.duckdb`,
      `CREATE OR REPLACE TABLE t AS SELECT * FROM (VALUES ${rows}) t(id, code, name)`,
    );
    return preparedOn({
      folder: folder.path,
      query: "SELECT * FROM t",
      primaryKey: ["id"],
      sync,
      destination,
    });
  };
  const run = async (sync: SyncSpec, rows: string): Promise<SyncRun> =>
    runSync(await prepared(sync, rows), { signal });
  const codes = (): string[] => destination.records.map(({ match }) => match).sort();

  await run(mirror("left"), "(1, 'A', 'Ann'), (2, 'B', 'Bob'), (9, 'Z', 'Zoe')");
  // Under keys of its own, and a match that is spelled otherwise.
  await run(mirror("right"), "('x', 'b ', 'Bob'), ('z', 'Z', 'Zoe')");

  for await (const plan of planSyncs([await prepared(mirror("left"), "(9, 'Z', 'Zoe')")], { signal })) {
    expect(plan.operations.delete).toBe(1);
    expect(plan.warnings.join()).toContain("the sync right holds it too");
  }
  const first = await run(mirror("left"), "(9, 'Z', 'Zoe')");
  expect(first.applied).toBe(1);
  expect(first.warnings.join()).toContain("the sync right holds it too");
  expect(new Set(codes().map((code) => code.trim().toUpperCase()))).toEqual(new Set(["B", "Z"]));

  // Forgotten by the left one, so the right one is free to remove it.
  const second = await run(mirror("right"), "('z', 'Z', 'Zoe')");
  expect(second).toMatchObject({ applied: 1, warnings: [] });
  expect(codes()).toEqual(["Z"]);
  const third = await run(mirror("left"), "(9, 'Z', 'Zoe')");
  expect(third).toMatchObject({ applied: 0, unchanged: 1, warnings: [] });
});
