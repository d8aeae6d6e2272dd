import { appendFileSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { noOperations } from "../../src/core/change.ts";
import { applySync, checkPlan } from "../../src/sync/apply.ts";
import { readPlan } from "../../src/sync/plan-file.ts";
import type { SyncRun } from "../../src/sync/report.ts";
import { resetSync } from "../../src/sync/reset.ts";

import { type FreeDestination, freeDestination } from "../support/free-destination.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import {
  duckdbGround,
  field,
  type Ground,
  localGround,
  planIn,
  postgresGround,
  preparedIn,
  runIn,
  type Setup,
  signal,
} from "./grounds.ts";

let server: TestPostgres;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server[Symbol.asyncDispose]());

const setupOn = (destination: FreeDestination, more: Partial<Setup["sync"]> = {}): Setup => ({
  query: "SELECT id, code, name, amount FROM people",
  sync: {
    mode: "mirror",
    onRemoved: "delete",
    guard: { removed: { share: 1, rows: 1_000 } },
    match: [{ field: "code", column: "code" }],
    fields: [field("name"), field("amount")],
    ...more,
  },
  destination,
});

const START = [
  "CREATE TABLE people (id INTEGER, code VARCHAR(20), name VARCHAR(20), amount NUMERIC(18,4))",
  "INSERT INTO people VALUES (1, 'A', 'Ada', 1.5), (2, 'B', 'Bo', 2), (3, 'C', NULL, NULL), (4, 'D', 'Di''s', 4)",
];
/** A change, a new match value, a removal, an addition, and a key that cannot be used. */
const EDIT = [
  "UPDATE people SET amount = 99 WHERE id = 1",
  "UPDATE people SET code = 'B2' WHERE id = 2",
  "DELETE FROM people WHERE id = 3",
  "INSERT INTO people VALUES (5, 'E', 'Eve', 0.0001), (NULL, 'N', 'no', 1)",
];

async function apply(ground: Ground, setup: Setup, file: string): Promise<SyncRun> {
  const { syncs } = await readPlan(file);
  const prepared = await preparedIn(ground, setup);
  await checkPlan([{ plan: syncs[0]!, prepared }]);
  return applySync(prepared, syncs[0]!, { signal });
}

const recordsOf = ({ records }: FreeDestination) =>
  records.map(({ match, fields }) => [match, ...fields.values()].join("|")).sort();

describe.each([
  ["local", () => localGround()],
  ["DuckDB", () => duckdbGround()],
  ["PostgreSQL", () => postgresGround(server)],
] as const)("a saved plan, state in %s", (_, open) => {
  test("is sent as it was saved, whatever the warehouse holds by now, and once", async () => {
    await using ground = await open();
    const destination = freeDestination();
    const setup = setupOn(destination);
    await ground.sql(...START);
    await runIn(ground, setup);
    await ground.sql(...EDIT);
    const file = join(ground.folder, "people.plan");
    const plan = await planIn(ground, setup, {}, file);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(plan.operations).toEqual({ ...noOperations(), upsert: 1, update: 2, delete: 1 });
    expect(plan.rejections.byCode).toEqual({ "key.null": 1 });

    await ground.sql("UPDATE people SET name = 'later'");
    destination.received.length = 0;
    const run = await apply(ground, setup, file);
    expect(run).toMatchObject({ rows: 5, applied: 4, deferred: 0, unchanged: 1 });
    expect(run.rejections.byCode).toEqual({ "key.null": 1 });
    expect(destination.received).toEqual([
      { kind: "delete", key: "C", fields: [] },
      { kind: "update", key: "B2", fields: [] },
      { kind: "upsert", key: "E", fields: ["name", "amount"] },
      { kind: "update", key: "A", fields: ["amount"] },
    ]);
    expect(recordsOf(destination)).toEqual([
      'A|"Ada"|"99.0000"',
      'B2|"Bo"|"2.0000"',
      'D|"Di\'s"|"4.0000"',
      'E|"Eve"|"0.0001"',
    ]);

    // The snapshot holds just what was applied: the next run sends what the warehouse got since.
    await expect(apply(ground, setup, file)).rejects.toThrow(/another run has been since/);
    destination.received.length = 0;
    await runIn(ground, setup);
    expect(destination.received.map(({ kind, fields }) => [kind, ...fields])).toEqual(
      Array(4).fill(["update", "name"]),
    );
    const empty = await planIn(ground, setup);
    expect(Object.values(empty.operations).every((count) => count === 0)).toBe(true);
  });

  test("interrupted in the middle, the next run settles it", async () => {
    await using ground = await open();
    const destination = freeDestination();
    destination.batchSize = 1;
    const setup = setupOn(destination);
    await ground.sql(...START);
    await runIn(ground, setup);
    await ground.sql(...EDIT);
    const file = join(ground.folder, "people.plan");
    await planIn(ground, setup, {}, file);
    let sent = 0;
    destination.fault = () => (++sent === 3 ? "throw" : sent === 2 ? "lost-after" : "ok");
    await expect(apply(ground, setup, file)).rejects.toThrow("the process dies here");
    destination.fault = () => "ok";
    const run = await runIn(ground, setup);
    expect(run.recovery).toMatchObject({ acknowledged: 1, inDoubt: 3 });
    expect(recordsOf(destination)).toEqual([
      'A|"Ada"|"99.0000"',
      'B2|"Bo"|"2.0000"',
      'D|"Di\'s"|"4.0000"',
      'E|"Eve"|"0.0001"',
    ]);
    expect(Object.values((await planIn(ground, setup)).operations).every((count) => count === 0)).toBe(true);
  });

  test("leaves rows that wait for another try waiting", async () => {
    await using ground = await open();
    const destination = freeDestination();
    const setup = setupOn(destination);
    await ground.sql(...START);
    destination.fault = ({ record }) => (record === "D" ? "refused" : "ok");
    for (const n of [1, 2, 3, 4])
      expect(await runIn(ground, setup)).toMatchObject({ waiting: n === 3 ? 1 : 0 });
    await ground.sql("UPDATE people SET amount = 7 WHERE id = 1");
    const file = join(ground.folder, "people.plan");
    expect(await planIn(ground, setup, {}, file)).toMatchObject({ waiting: 1 });
    destination.received.length = 0;
    expect(await apply(ground, setup, file)).toMatchObject({ applied: 1, waiting: 1 });
    expect(destination.received).toHaveLength(1);
    expect(await planIn(ground, setup)).toMatchObject({ waiting: 1, unchanged: 3 });
    const { applied } = await runIn(ground, { ...setup }, { retry: true });
    expect(applied).toBe(0);
    destination.fault = () => "ok";
    expect(await runIn(ground, setup, { retry: true })).toMatchObject({ applied: 1, waiting: 0 });
  });
});

test("a plan of a state that was forgotten since is refused, also where as many runs have been", async () => {
  await using ground = await localGround();
  const destination = freeDestination();
  const setup = setupOn(destination);
  const reset = async () => resetSync(await preparedIn(ground, setup), async () => true);
  await ground.sql(...START);
  const file = join(ground.folder, "people.plan");
  await runIn(ground, setup);
  await ground.sql("DELETE FROM people WHERE id = 1");
  await planIn(ground, setup, {}, file);
  await reset();
  await runIn(ground, setup);
  destination.received.length = 0;
  // The record of the row that has left is nobody's now.
  await expect(apply(ground, setup, file)).rejects.toThrow(/the state: it was forgotten/);
  expect(destination.received).toEqual([]);
});

test("what has moved is named, and nothing is sent", async () => {
  await using ground = await localGround();
  const destination = freeDestination();
  const setup = setupOn(destination);
  await ground.sql(...START);
  const file = join(ground.folder, "people.plan");
  await planIn(ground, setup, {}, file);
  const moved: [Setup, RegExp][] = [
    [{ ...setup, query: `${setup.query} WHERE id > 0` }, /moved since: the model\./],
    [setupOn(destination, { fields: [field("name")] }), /moved since: the mapping\./],
    [setupOn(destination, { object: "account" }), /moved since: the object\./],
    [setupOn(freeDestination("org-2")), /moved since: the organisation that the destination leads to\./],
    [
      setupOn({ ...destination, compile: newVersion(destination) }),
      /moved since: the destination's metadata\./,
    ],
  ];
  for (const [other, what] of moved) {
    await expect(apply(ground, other, file)).rejects.toThrow(what);
    expect(other.destination.received).toEqual([]);
  }
  // A refusal leaves the plan as good as it was.
  expect(await apply(ground, setup, file)).toMatchObject({ applied: 4 });
});

const newVersion =
  ({ compile }: FreeDestination): FreeDestination["compile"] =>
  async (...args) => ({ ...(await compile(...args)), schemaVersion: "2" });

test("a file that was cut short, edited or never was a plan is refused", async () => {
  await using ground = await localGround();
  await ground.sql(...START);
  const file = join(ground.folder, "people.plan");
  await planIn(ground, setupOn(freeDestination()), {}, file);
  const whole = readFileSync(file);
  for (const size of [0, 10, Math.floor(whole.length / 2), whole.length - 1]) {
    writeFileSync(file, whole);
    truncateSync(file, size);
    await expect(readPlan(file)).rejects.toThrow(/cut short or edited|not a saved plan/);
  }
  const lines = whole.toString().split("\n");
  const withoutLine = lines.filter((line) => !line.includes('"Ada"'));
  expect(withoutLine.length).toBe(lines.length - 1);
  for (const edited of [withoutLine.join("\n"), whole.toString().replace("Ada", "Eva")]) {
    writeFileSync(file, edited);
    await expect(readPlan(file)).rejects.toThrow(/cut short or edited/);
  }
  writeFileSync(file, whole);
  appendFileSync(file, "{}\n");
  await expect(readPlan(file)).rejects.toThrow(/cut short or edited/);
  writeFileSync(file, "id,name\n1,Ada\n");
  await expect(readPlan(file)).rejects.toThrow(/not a saved plan/);
});

test("a plan that a guard has stopped is applied as that: nothing is written", async () => {
  await using ground = await localGround();
  const destination = freeDestination();
  const setup = setupOn(destination, { guard: { removed: { share: 0, rows: 0 } } });
  await ground.sql(...START);
  await runIn(ground, setup);
  await ground.sql("DELETE FROM people WHERE id > 2");
  destination.received.length = 0;
  const file = join(ground.folder, "people.plan");
  const stopped = await planIn(ground, setup, {}, file);
  expect(stopped.samples.map(({ kind, key, record }) => [kind, ...key, record])).toEqual([
    ["delete", "3", "C"],
    ["delete", "4", "D"],
  ]);
  expect((await apply(ground, setup, file)).stopped).toMatchObject({ kind: "guard", code: "guard.removed" });
  expect(destination.received).toEqual([]);
  await planIn(ground, setup, { allow: new Set(["removed"]) }, file);
  expect(await apply(ground, setup, file)).toMatchObject({ applied: 2 });
});
