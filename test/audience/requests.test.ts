/**
 * What large audiences cost in requests. `AUDIENCE_MEMBERS=100000` runs them at the size that the promise is made for;
 * the bounds grow with it.
 */
import { expect, test } from "vitest";
import { openDataverse } from "../../connectors/dataverse/destination.ts";
import { runSync } from "../../src/sync/run.ts";
import { configOf } from "../dataverse/support/bench.ts";
import { inDuckdb, preparedOn } from "../support/project.ts";
import { openScene, type Scene, signal, vip } from "./support/scene.ts";

const MEMBERS = Number(process.env.AUDIENCE_MEMBERS ?? 6_000);
const calls = Math.ceil(MEMBERS / 1_000);

/** A run in a command of its own: nothing is known of the organisation yet. */
async function fresh(scene: Scene, field: string): Promise<Awaited<ReturnType<typeof runSync>>> {
  await scene.bench.resetCounters();
  await using destination = await openDataverse(configOf(scene.bench.sandbox));
  const prepared = await preparedOn({
    folder: scene.folder,
    query: "SELECT * FROM people",
    primaryKey: ["id"],
    sync: vip({ match: [{ field, column: "code" }] }),
    destination,
  });
  try {
    return await runSync(prepared, { signal });
  } finally {
    await prepared.warehouse[Symbol.asyncDispose]();
  }
}

const total = (requests: Record<string, number>): number =>
  Object.values(requests).reduce((a, b) => a + b, 0);

test.each([
  ["ids are known", "contactid", 10],
  ["ids have to be looked up", "new_customerid", Math.ceil(MEMBERS / 2_000) + 10],
])("additions where %s", async (_, field, more) => {
  await using scene = await openScene();
  const ids = await scene.contacts(MEMBERS);
  await scene.list();
  await scene.model(ids.map((id, n) => ({ id: `${n}`, code: field === "contactid" ? id : `C-${n}` })));
  const run = await fresh(scene, field);
  expect(run.applied).toBe(MEMBERS);
  const { requests } = await scene.bench.counters();
  // The promise: 110 and 320 for 100,000, sign-in and definitions included.
  expect(total(requests)).toBeLessThanOrEqual(calls + more);
  expect(await scene.members()).toHaveLength(MEMBERS);
});

test("a mirror over a list that is nearly right writes the differences alone", async () => {
  await using scene = await openScene();
  const ids = await scene.contacts(MEMBERS + 300);
  await scene.list({}, ids.slice(0, MEMBERS));
  await scene.model(ids.slice(300).map((_, n) => ({ id: `${n}`, code: `C-${n + 300}` })));
  const run = await fresh(scene, "new_customerid");
  expect([run.applied, run.unchanged]).toEqual([300, MEMBERS - 300]);
  const { rows, requests } = await scene.bench.counters();
  expect(rows.listmember).toEqual({ create: 300 });
  // Members are read in pages, or asked for with the records, whatever is less.
  expect(total(requests)).toBeLessThanOrEqual(
    Math.ceil(MEMBERS / 5_000) * 2 + Math.ceil(MEMBERS / 2_000) + 12,
  );
  await inDuckdb(
    `${scene.folder}/warehouse.duckdb`,
    "DELETE FROM people WHERE CAST(id AS INTEGER) % 100 = 0",
  );
  const gone = await fresh(scene, "new_customerid");
  expect(gone.applied).toBe(MEMBERS / 100);
  expect(await scene.members()).toHaveLength(MEMBERS + 300 - MEMBERS / 100);
  expect(total((await scene.bench.counters()).requests)).toBeLessThanOrEqual(16);
});
