import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { resetSync } from "../../src/sync/reset.ts";
import { freeDestination } from "../support/free-destination.ts";
import { duckdbGround, field, localGround, planIn, preparedIn, runIn, type Setup } from "./grounds.ts";

const MODEL = [
  "CREATE TABLE people (id INTEGER, code VARCHAR, name VARCHAR)",
  "INSERT INTO people VALUES (1, 'A', 'Ada'), (2, 'B', 'Bo'), (3, 'C', 'Cy')",
];
const setup = (more: Partial<Setup["sync"]> = {}): Setup => ({
  query: "SELECT id, code, name FROM people",
  sync: {
    mode: "mirror",
    onRemoved: "delete",
    match: [{ field: "code", column: "code" }],
    fields: [field("name")],
    ...more,
  },
  destination: freeDestination(),
});

describe.each([
  ["local", localGround],
  ["warehouse", duckdbGround],
] as const)("state: %s", (kind, open) => {
  test("a full run writes every known row whole and still knows what to remove", async () => {
    await using ground = await open();
    const mirror = setup();
    const { destination } = mirror;
    await ground.sql(...MODEL);
    await runIn(ground, mirror);
    // Somebody else changes one record and removes another; one row leaves the model.
    destination.find("A")!.fields.set("name", '"changed by hand"');
    destination.records.splice(destination.records.indexOf(destination.find("B")!), 1);
    await ground.sql("DELETE FROM people WHERE id = 3");
    destination.received.length = 0;
    expect(await planIn(ground, mirror, { full: true })).toMatchObject({
      operations: { create: 0, upsert: 0, update: 2, deactivate: 0, delete: 1 },
    });
    await runIn(ground, mirror, { full: true });
    expect(destination.received).toEqual([
      { kind: "delete", key: "C", fields: [] },
      { kind: "update", key: "A", fields: ["name"] },
      { kind: "update", key: "B", fields: ["name"] },
    ]);
    expect(destination.records.map(({ match, fields }) => [match, fields.get("name")]).sort()).toEqual([
      ["A", '"Ada"'],
      ["B", '"Bo"'],
    ]);
    expect(Object.values((await planIn(ground, mirror)).operations).every((count) => count === 0)).toBe(true);
  });

  test("a full run in insert mode makes nothing twice", async () => {
    await using ground = await open();
    const insert = setup({ mode: "insert", onRemoved: "keep" });
    await ground.sql(...MODEL);
    await runIn(ground, insert);
    await runIn(ground, insert, { full: true });
    expect(insert.destination.received.map(({ kind }) => kind)).toEqual(["create", "create", "create"]);
  });

  test("retry looks at rejected rows at once; retry by key at that row alone", async () => {
    await using ground = await open();
    const mirror = setup();
    const { destination } = mirror;
    await ground.sql(...MODEL);
    destination.fault = ({ change }) => (change.key[0] === "1" ? "ok" : "refused");
    for (const waiting of [0, 0, 2]) expect(await runIn(ground, mirror)).toMatchObject({ waiting });
    await ground.sql("INSERT INTO people VALUES (4, 'D', 'Di')");
    destination.received.length = 0;
    destination.fault = () => "ok";
    const one = await runIn(ground, mirror, { retry: true, only: [["2"]] });
    expect(one).toMatchObject({ applied: 1, unchanged: 0, waiting: 0 });
    expect(destination.received).toEqual([{ kind: "upsert", key: "B", fields: ["name"] }]);
    // The others are where they were: one waits, one is new, one is unchanged.
    destination.fault = ({ change }) => (change.key[0] === "3" ? "refused" : "ok");
    await runIn(ground, mirror, { retry: true, only: [["3"]] });
    expect(await planIn(ground, mirror)).toMatchObject({
      waiting: 1,
      unchanged: 2,
      operations: { upsert: 1 },
    });
    destination.fault = () => "ok";
    expect(await runIn(ground, mirror, { retry: true })).toMatchObject({ applied: 2, waiting: 0 });
    expect(Object.values((await planIn(ground, mirror)).operations).every((count) => count === 0)).toBe(true);
  });

  test("retry by key makes a record again that somebody else removed, in insert mode too", async () => {
    await using ground = await open();
    for (const mode of ["insert", "upsert"] as const) {
      const sync = setup({ name: mode, mode, onRemoved: "keep" });
      const { destination } = sync;
      await ground.sql("DROP TABLE IF EXISTS people", ...MODEL);
      await runIn(ground, sync);
      destination.records.splice(1, 1);
      expect(await runIn(ground, sync)).toMatchObject({ applied: 0, unchanged: 3 });
      expect(await runIn(ground, sync, { retry: true })).toMatchObject({ applied: 0 });
      expect(destination.records).toHaveLength(2);
      expect(await runIn(ground, sync, { retry: true, only: [["2"]] })).toMatchObject({ applied: 1 });
      expect(destination.records.map(({ match }) => match).sort()).toEqual(["A", "B", "C"]);
      expect(await runIn(ground, sync)).toMatchObject({ applied: 0, unchanged: 3 });
      await expect(runIn(ground, sync, { retry: true, only: [["77"]] })).rejects.toThrow(
        /has a row with that key/,
      );
    }
  });

  test("reset counts, asks, forgets the snapshot and keeps the history", async () => {
    await using ground = await open();
    const mirror = setup();
    const { destination } = mirror;
    await ground.sql(...MODEL);
    await runIn(ground, mirror);
    const prepared = await preparedIn(ground, mirror);
    const asked: (number | null)[] = [];
    const refused = await resetSync(prepared, async (records) => asked.push(records) < 0);
    expect(refused).toMatchObject({ records: 3, forgotten: false });
    expect(await planIn(ground, mirror)).toMatchObject({ unchanged: 3 });
    const done = await resetSync(prepared, async (records) => asked.push(records) > 0);
    expect(done).toMatchObject({ records: 3, forgotten: true });
    expect(asked).toEqual([3, 3]);
    // What was removed by then is nobody's: it stays.
    await ground.sql("DELETE FROM people WHERE id = 3");
    destination.received.length = 0;
    await runIn(ground, mirror);
    expect(destination.received.map(({ kind, key }) => `${kind} ${key}`).sort()).toEqual([
      "upsert A",
      "upsert B",
    ]);
    expect(destination.records).toHaveLength(3);
    expect(
      await resetSync(await preparedIn(ground, setup({ name: "other" })), async () => true),
    ).toMatchObject({
      records: 0,
      forgotten: false,
    });
    // A sync that never ran stays without one.
    expect(existsSync(join(ground.folder, ".backhaul/state/test/org-1/contact/other"))).toBe(false);
    if (kind === "local")
      expect(existsSync(join(ground.folder, ".backhaul/state/test/org-1/contact/people/runs.jsonl"))).toBe(
        true,
      );
    else expect(await ground.warehouse.engine!.rows("SELECT run FROM backhaul.runs")).toHaveLength(2);
  });
});
