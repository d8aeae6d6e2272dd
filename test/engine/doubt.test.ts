/** Histories that broke the engine once, each as small as it gets. State in DuckDB unless it is said. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { SyncSpec } from "../../src/core/spec.ts";
import { planSyncs } from "../../src/sync/plan.ts";
import { type Prepared, prepare } from "../../src/sync/prepare.ts";
import type { SyncPlan, SyncRun } from "../../src/sync/report.ts";
import { runSync } from "../../src/sync/run.ts";
import { type Fault, type FreeDestination, freeDestination } from "../support/free-destination.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { syncSpec } from "../support/project.ts";
import { type FusedOptions, newFuse } from "./fuse.ts";
import { type Place, type Site, warehouseInDuckdb, warehouseInPostgres } from "./places.ts";

const signal = new AbortController().signal;
const options: FusedOptions = { fuse: newFuse(), journalOutcomes: 1 };

let duckdb: Place;
beforeAll(async () => {
  duckdb = await warehouseInDuckdb();
});
afterAll(async () => {
  await duckdb[Symbol.asyncDispose]();
});

type Person = readonly [id: number, code: string | null, name: string | null];

interface World extends AsyncDisposable {
  readonly destination: FreeDestination;
  readonly site: Site;
  /** Runs the sync over these people; faults are told by primary key. */
  run(
    people: readonly Person[],
    faults?: Readonly<Record<number, Fault>>,
    more?: Partial<SyncSpec>,
  ): Promise<SyncRun>;
  plan(more?: Partial<SyncSpec>): Promise<SyncPlan>;
  /** The records by match value. */
  stored(): Record<string, string | undefined>;
}

async function worldOf(spec: Partial<SyncSpec> = {}, place: Place = duckdb): Promise<World> {
  const site = await place.site(options);
  const destination = freeDestination();
  const prepared = async (more: Partial<SyncSpec> = {}): Promise<Prepared> => {
    const sync = syncSpec({
      match: [{ field: "code", column: "code" }],
      fields: [
        { field: "name", source: { column: "name" }, whenNull: "clear" },
        { field: "tag", source: { value: "x" }, whenNull: "clear" },
      ],
      guard: { removed: { share: 1, rows: 100 } },
      ...spec,
      ...more,
    });
    const model = {
      name: "people",
      warehouse: "local",
      primaryKey: ["id"],
      query: `SELECT id, code, name, name AS other, amount FROM ${site.table}`,
      queryFile: "models/people.sql",
      timezone: "UTC",
      file: "models/people.yml",
      syncs: [sync],
    };
    const connections = { warehouse: async () => site.warehouse, destination: async () => destination };
    return prepare(model, sync, connections, site.location, signal);
  };
  return {
    destination,
    site,
    async run(people, faults = {}, more = {}) {
      await site.fill(people.map(([id, code, name]) => ({ id, code, name, amount: 1 })));
      destination.received.length = 0;
      destination.fault = ({ change }) => faults[Number(change.key[0])] ?? "ok";
      return runSync(await prepared(more), { signal });
    },
    async plan(more = {}) {
      for await (const plan of planSyncs([await prepared(more)], { signal })) return plan;
      throw new Error("no plan");
    },
    stored: () =>
      Object.fromEntries(
        destination.records
          .filter(({ active }) => active)
          .map(({ match, fields }) => [match.trim().toUpperCase(), fields.get("name")] as const)
          .sort(([a], [b]) => a.localeCompare(b)),
      ),
    [Symbol.asyncDispose]: () => site[Symbol.asyncDispose](),
  };
}

const MIRROR = { mode: "mirror", onRemoved: "delete" } as const;

describe("what is in doubt", () => {
  test.each([true, false])(
    "a row that took another's match value in doubt takes no record along when both are back (ids told: %s)",
    async (tellsIds) => {
      await using world = await worldOf(MIRROR);
      world.destination.tellsIds = tellsIds;
      await world.run([[1, "C", "Cy"]]);
      await world.run([[2, "C", "Di"]], { 2: "lost-after" });
      await world.run([
        [1, "C", "Cy"],
        [2, "D", "Di"],
      ]);
      expect(world.stored()).toEqual({ C: '"Cy"', D: '"Di"' });
    },
  );

  test.each(["lost-before", "lost-after"] as const)(
    "a row that comes back under another match value while its removal is in doubt (%s) has one record, whole",
    async (fault) => {
      await using world = await worldOf(MIRROR);
      await world.run([
        [1, "A", "Ann"],
        [2, "Z", "Zoe"],
      ]);
      await world.run([[2, "Z", "Zoe"]], { 1: fault });
      await world.run([
        [1, "B", "Ann"],
        [2, "Z", "Zoe"],
      ]);
      expect(world.stored()).toEqual({ B: '"Ann"', Z: '"Zoe"' });
      expect(world.destination.find("B")?.fields.get("tag")).toBe('"x"');
      expect(
        (
          await world.run([
            [1, "B", "Ann"],
            [2, "Z", "Zoe"],
          ])
        ).unchanged,
      ).toBe(2);
    },
  );

  test("a row that was added without an answer and has left is removed; a record that holds anything else is not", async () => {
    await using world = await worldOf(MIRROR);
    world.destination.seed("B", { name: '"theirs"' });
    await world.run(
      [
        [1, "A", "Ann"],
        [2, "B", "Bob"],
        [3, "Z", "Zoe"],
      ],
      { 1: "lost-after", 2: "lost-before" },
    );
    await world.run([[3, "Z", "Zoe"]]);
    expect(world.stored()).toEqual({ B: '"theirs"', Z: '"Zoe"' });
    expect((await world.plan()).operations).toMatchObject({ delete: 0, update: 0, upsert: 0 });
  });

  test("a record that another row may have overwritten is written whole when its own row is back", async () => {
    await using world = await worldOf();
    await world.run([
      [1, "A", "Ann"],
      [9, "Z", "Zoe"],
    ]);
    await world.run(
      [
        [2, "a ", "Bob"],
        [9, "Z", "Zoe"],
      ],
      { 2: "lost-after" },
    );
    expect(world.stored()).toEqual({ A: '"Bob"', Z: '"Zoe"' });
    await world.run([
      [1, "A", "Ann"],
      [9, "Z", "Zoe"],
    ]);
    expect(world.stored()).toEqual({ A: '"Ann"', Z: '"Zoe"' });
  });

  test("a constant is part of a record that was sent without an answer", async () => {
    await using world = await worldOf();
    await world.run([[1, "A", "Ann"]], { 1: "lost-before" });
    await world.run([[1, "B", "Ann"]]);
    expect(Object.fromEntries(world.destination.find("B")?.fields ?? [])).toEqual({
      name: '"Ann"',
      tag: '"x"',
    });
  });
});

describe("match values that move", () => {
  test("a chain is written in one run, and the plan says so", async () => {
    await using world = await worldOf();
    await world.run([
      [1, "A", "Ann"],
      [2, "B", "Bob"],
      [3, "C", "Cid"],
    ]);
    const ids = world.destination.records.map(({ id }) => id);
    const people: Person[] = [
      [1, "B", "Ann"],
      [2, "C", "Bob"],
      [3, "D", "Cid"],
      [4, "A", "Dan"],
    ];
    await world.site.fill(people.map(([id, code, name]) => ({ id, code, name, amount: 1 })));
    expect((await world.plan()).operations).toMatchObject({ update: 3, upsert: 1 });
    expect(await world.run(people)).toMatchObject({ applied: 4, rejections: { total: 0 } });
    expect(world.stored()).toEqual({ A: '"Dan"', B: '"Ann"', C: '"Bob"', D: '"Cid"' });
    expect(world.destination.records.slice(0, 3).map(({ id }) => id)).toEqual(ids);
  });

  test("rows that exchange their match values are rejected before they are sent, and nothing is lost", async () => {
    await using world = await worldOf();
    await world.run([
      [1, "A", "Ann"],
      [2, "B", "Bob"],
    ]);
    const swapped: Person[] = [
      [1, "B", "Ann"],
      [2, "A", "Bob"],
    ];
    expect((await world.run(swapped)).rejections.byCode).toEqual({ "match.taken": 2 });
    expect(world.destination.received).toEqual([]);
    expect((await world.plan()).rejections.byCode).toEqual({ "match.taken": 2 });
    expect(world.stored()).toEqual({ A: '"Ann"', B: '"Bob"' });
    // With a step in between it goes through.
    await world.run([
      [1, "X", "Ann"],
      [2, "A", "Bob"],
    ]);
    await world.run(swapped);
    expect(world.stored()).toEqual({ A: '"Bob"', B: '"Ann"' });
  });

  test.each(["lost-before", "lost-after"] as const)(
    "new rows in doubt (%s) that come back with each other's match values are written, each once",
    async (fault) => {
      await using world = await worldOf();
      await world.run(
        [
          [1, "A", "Ann"],
          [2, "B", "Bob"],
        ],
        { 1: fault, 2: fault },
      );
      const settled = await world.run([
        [1, "B", "Ann"],
        [2, "A", "Bob"],
      ]);
      expect(settled.rejections.total).toBe(0);
      expect(world.stored()).toEqual({ A: '"Bob"', B: '"Ann"' });
      expect((await world.plan()).operations).toMatchObject({ upsert: 0, update: 0 });
    },
  );

  test("a move that waits keeps its old value, which nobody else gets", async () => {
    await using world = await worldOf();
    await world.run([[1, "A", "Ann"]]);
    for (const _ of [1, 2]) await world.run([[1, "B", "Ann"]], { 1: "refused" });
    const waits = await world.run([
      [1, "B", "Ann"],
      [2, "A", "Bob"],
    ]);
    expect(waits).toMatchObject({ waiting: 1, rejections: { byCode: { "match.taken": 1 } } });
    expect(world.stored()).toEqual({ A: '"Ann"' });
  });

  test("the record of a row that is there but refused is not given to another row", async () => {
    await using world = await worldOf();
    await world.run([[1, "A", "Ann"]]);
    const doubled: Person[] = [
      [1, "B", "Ann"],
      [1, "C", "Ann"],
      [2, "A", "Bob"],
    ];
    expect((await world.run(doubled)).rejections.byCode).toEqual({ "key.double": 2, "match.taken": 1 });
    expect(world.stored()).toEqual({ A: '"Ann"' });
    await world.run([
      [1, "B", "Ann"],
      [2, "A", "Bob"],
    ]);
    expect(world.stored()).toEqual({ A: '"Bob"', B: '"Ann"' });
  });

  test("a hand-over from a removed row to a new one keeps the record; to a row with a record of its own it does not", async () => {
    await using world = await worldOf(MIRROR);
    await world.run([
      [1, "A", "Ann"],
      [2, "B", "Bob"],
      [3, "C", "Cid"],
    ]);
    const [a, b] = world.destination.records.map(({ id }) => id);
    await world.run([
      [4, "A", "Dan"],
      [3, "B", "Cid"],
    ]);
    expect(world.stored()).toEqual({ A: '"Dan"', B: '"Cid"' });
    expect(world.destination.find("A")?.id).toBe(a);
    expect(world.destination.find("B")?.id).not.toBe(b);
  });
});

describe("a kill in the middle of making the state", () => {
  const name = (column: string): Partial<SyncSpec> => ({
    fields: [{ field: "name", source: { column }, whenNull: "clear" }],
  });

  test("at every statement of a first run: the next one, with other columns, starts from nothing", async () => {
    let at = 0;
    for (let finished = false; !finished; at++) {
      await using world = await worldOf();
      options.fuse.arm(at, "after");
      await world.run([[1, "A", "Ann"]], {}, name("name")).catch(() => {});
      finished = !options.fuse.blown;
      options.fuse.disarm();
      await world.site.bury(1);
      const planned = await world.plan(name("amount"));
      const run = await world.run([[1, "A", "Ann"]], {}, name("amount"));
      expect(run, `statement ${at}`).toMatchObject({ deferred: 0, rejections: { total: 0 } });
      const { update, upsert } = planned.operations;
      expect(run.applied, `statement ${at}`).toBe(update + upsert);
      expect(world.stored()).toEqual({ A: '"1"' });
    }
    expect(at).toBeGreaterThan(20);
  });

  test("at every statement of a run whose mapping has other columns", async () => {
    let at = 0;
    for (let finished = false; !finished; at++) {
      await using world = await worldOf();
      await world.run([[1, "A", "Ann"]], {}, name("name"));
      options.fuse.arm(at, "after");
      await world.run([[1, "A", "Ann"]], {}, name("amount")).catch(() => {});
      finished = !options.fuse.blown;
      options.fuse.disarm();
      await world.site.bury(1);
      await world.plan(name("amount"));
      const run = await world.run([[1, "A", "Ann"]], {}, name("amount"));
      expect(run, `statement ${at}`).toMatchObject({ deferred: 0, rejections: { total: 0 } });
      expect(world.stored()).toEqual({ A: '"1"' });
    }
    expect(at).toBeGreaterThan(20);
  });
});

describe("PostgreSQL", () => {
  let server: TestPostgres;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
  });

  test("a mapping that gains a column of text goes on", async () => {
    await using place = await warehouseInPostgres(server);
    await using world = await worldOf({}, place);
    await world.run(
      [[1, "A", "Ann"]],
      {},
      { fields: [{ field: "tag", source: { value: "x" }, whenNull: "clear" }] },
    );
    expect(await world.run([[1, "A", "Ann"]])).toMatchObject({ applied: 1 });
    expect(world.stored()).toEqual({ A: '"Ann"' });
  });
});
