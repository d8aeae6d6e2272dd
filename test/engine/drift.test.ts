/**
 * What a run does when the mapping or the model is not what it was: each case asserts what the destination
 * receives, in local state and in state of the warehouse.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SyncError } from "../../src/core/errors.ts";
import { identityDrift, identityProblems } from "../../src/state/record.ts";
import { peekRecord } from "../../src/sync/open.ts";
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
} from "./grounds.ts";

let server: TestPostgres;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server[Symbol.asyncDispose]());

const QUERY = "SELECT id, code, name, amount FROM people";

function setupOn(destination: FreeDestination, more: Partial<Setup> & Partial<Setup["sync"]> = {}): Setup {
  const { query = QUERY, primaryKey = ["id"], ...sync } = more;
  return {
    query,
    primaryKey,
    sync: {
      mode: "mirror",
      onRemoved: "delete",
      guard: { removed: { share: 1, rows: 1_000 } },
      match: [{ field: "code", column: "code" }],
      fields: [field("name"), field("amount")],
      ...sync,
    },
    destination,
  };
}

/** Three rows, all of them known and acknowledged. */
async function known(ground: Ground): Promise<FreeDestination> {
  const destination = freeDestination();
  await ground.sql(
    "CREATE TABLE people (id INTEGER, code VARCHAR(20), name VARCHAR(20), amount INTEGER)",
    "INSERT INTO people VALUES (1, 'A', 'Ada', 10), (2, 'B', 'Bo', 20), (3, 'C', NULL, NULL)",
  );
  await runIn(ground, setupOn(destination));
  expect(destination.received).toHaveLength(3);
  destination.received.length = 0;
  return destination;
}

/** Runs, and gives what the destination received; then nothing may be left to do. */
async function received(ground: Ground, setup: Setup): Promise<string[]> {
  setup.destination.received.length = 0;
  const plan = await planIn(ground, setup);
  await runIn(ground, setup);
  const seen = setup.destination.received
    .map(({ kind, key, fields }) => [kind, key, ...fields].join(" "))
    .sort();
  const planned = Object.values(plan.operations).reduce((sum, n) => sum + n, 0);
  expect(planned).toBe(seen.length);
  const again = await runIn(ground, setup);
  expect(again).toMatchObject({ applied: 0, deferred: 0 });
  expect(setup.destination.received).toHaveLength(seen.length);
  return seen;
}

const codeOf = async (run: Promise<unknown>): Promise<readonly [string, string, string]> => {
  const error = await run.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof SyncError)) throw new Error(`not refused: ${error}`);
  return [error.kind, error.code, error.problems[0]?.remedy ?? ""];
};

describe.each([
  ["local", () => localGround()],
  ["DuckDB", () => duckdbGround()],
  ["PostgreSQL", () => postgresGround(server)],
] as const)("state in %s", (place, open) => {
  test("case counts, also where the column's own collation says that it does not", async () => {
    await using ground = await open();
    const destination = freeDestination();
    const anyCase = place === "PostgreSQL" ? "any_case" : "NOCASE";
    if (place === "PostgreSQL") {
      await ground.sql(
        "CREATE COLLATION any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
      );
    }
    await ground.sql(
      `CREATE TABLE people (id VARCHAR(20) COLLATE ${anyCase}, name VARCHAR(20) COLLATE ${anyCase})`,
      "INSERT INTO people VALUES ('a1', 'ada'), ('A2', 'bo'), ('a3', 'cy'), ('A3', 'di')",
    );
    const setup = setupOn(destination, {
      query: "SELECT id, 'code ' || name AS code, name FROM people",
      fields: [field("name")],
    });
    await runIn(ground, setup);
    expect(destination.received).toHaveLength(4);
    await ground.sql("UPDATE people SET name = 'BO' WHERE id = 'A2'");
    expect(await received(ground, setup)).toEqual(["update code BO name"]);
  });

  test("a field that is new is written for every known row, and it alone", async () => {
    await using ground = await open();
    const destination = await known(ground);
    const more = setupOn(destination, {
      query: "SELECT id, code, name, amount, 'n' || id AS note FROM people",
      fields: [field("name"), field("amount"), field("note")],
    });
    expect(await received(ground, more)).toEqual(["update A note", "update B note", "update C note"]);
    expect(destination.find("B")?.fields.get("note")).toBe('"n2"');
  });

  test("a new field over a column that was mapped before is written too", async () => {
    await using ground = await open();
    const destination = await known(ground);
    const more = setupOn(destination, { fields: [field("name"), field("amount"), field("label", "name")] });
    expect(await received(ground, more)).toEqual(["update A label", "update B label", "update C label"]);
  });

  test("a backfill survives a service that is away: it stays owed", async () => {
    await using ground = await open();
    const destination = await known(ground);
    const more = setupOn(destination, { fields: [field("name"), field("amount"), field("label", "name")] });
    destination.fault = () => "deferred";
    await runIn(ground, more);
    destination.fault = () => "ok";
    expect(await received(ground, more)).toEqual(["update A label", "update B label", "update C label"]);
  });

  test("a field that is gone sends nothing; changes of its column no more either", async () => {
    await using ground = await open();
    const destination = await known(ground);
    const less = setupOn(destination, { fields: [field("name")] });
    expect(await received(ground, less)).toEqual([]);
    await ground.sql("UPDATE people SET amount = 99");
    expect(await received(ground, less)).toEqual([]);
    await ground.sql("UPDATE people SET name = 'Cy' WHERE id = 3");
    expect(await received(ground, less)).toEqual(["update C name"]);
    // It comes back as new: what the column did meanwhile is not known.
    expect(await received(ground, setupOn(destination))).toEqual([
      "update A amount",
      "update B amount",
      "update C amount",
    ]);
  });

  test("a field that has another name is a new one; the old one is left as it is", async () => {
    await using ground = await open();
    const destination = await known(ground);
    const renamed = setupOn(destination, { fields: [field("fullname", "name"), field("amount")] });
    expect(await received(ground, renamed)).toEqual([
      "update A fullname",
      "update B fullname",
      "update C fullname",
    ]);
    expect(destination.find("A")?.fields.get("name")).toBe('"Ada"');
  });

  test("a column that has another name: its field is written again for every row", async () => {
    await using ground = await open();
    const destination = await known(ground);
    const renamed = setupOn(destination, {
      query: "SELECT id, code, name AS full_name, amount FROM people",
      fields: [field("name", "full_name"), field("amount")],
    });
    expect(await received(ground, renamed)).toEqual(["update A name", "update B name", "update C name"]);
  });

  test("a column of another type: its field is written again, as the new type spells it", async () => {
    await using ground = await open();
    const destination = await known(ground);
    const typed = setupOn(destination, {
      query: "SELECT id, code, name, CAST(amount AS NUMERIC(12,2)) AS amount FROM people",
    });
    expect(await received(ground, typed)).toEqual(["update A amount", "update B amount", "update C amount"]);
    expect(destination.find("A")?.fields.get("amount")).toBe('"10.00"');
    await ground.sql("UPDATE people SET amount = 11 WHERE id = 1");
    expect(await received(ground, typed)).toEqual(["update A amount"]);
  });

  test("a key column of another type keeps its rows", async () => {
    await using ground = await open();
    const destination = await known(ground);
    const typed = setupOn(destination, {
      query: "SELECT CAST(id AS BIGINT) AS id, code, name, amount FROM people",
    });
    expect(await received(ground, typed)).toEqual([]);
    await ground.sql("DELETE FROM people WHERE id = 3");
    expect(await received(ground, typed)).toEqual(["delete C"]);
  });

  test("another primary key is refused, and so is another match; nothing is sent and the state stays", async () => {
    await using ground = await open();
    const destination = await known(ground);
    const changed: [Setup, string][] = [
      [setupOn(destination, { primaryKey: ["code"] }), "state.primary_key_changed"],
      [setupOn(destination, { primaryKey: ["id", "code"] }), "state.primary_key_changed"],
      [setupOn(destination, { match: [{ field: "name", column: "name" }] }), "state.match_changed"],
      [setupOn(destination, { match: [{ field: "number", column: "code" }] }), "state.match_changed"],
      // Other sorts of values: '1' and 1.00 are other keys, and may be other records.
      [
        setupOn(destination, {
          query: "SELECT CAST(id AS VARCHAR(9)) AS id, code, name, amount FROM people",
        }),
        "state.primary_key_changed",
      ],
      [
        setupOn(destination, {
          query: "SELECT id, CAST(id AS DECIMAL(9,2)) AS code, name, amount FROM people",
        }),
        "state.match_changed",
      ],
    ];
    for (const [setup, code] of changed) {
      for (const attempt of [planIn, runIn]) {
        const [kind, found, remedy] = await codeOf(attempt(ground, setup));
        expect([kind, found]).toEqual(["config", code]);
        expect(remedy).toContain("backhaul reset");
      }
      // What `check` looks at says the same.
      const prepared = await preparedIn(ground, setup);
      const drift = identityDrift((await peekRecord(prepared))!, prepared.layout);
      expect(identityProblems(drift).map((problem) => problem.code)).toEqual([code]);
    }
    expect(destination.received).toEqual([]);
    expect(await received(ground, setupOn(destination))).toEqual([]);
  });

  test("a key of a wider type of the same sort is the same key", async () => {
    await using ground = await open();
    const destination = await known(ground);
    const query = "SELECT CAST(id AS BIGINT) AS id, code, name, amount FROM people";
    expect(await received(ground, setupOn(destination, { query }))).toEqual([]);
  });

  test("a mapping that changes under insert is owed when the mode writes known rows again", async () => {
    await using ground = await open();
    const destination = freeDestination();
    await ground.sql(
      "CREATE TABLE people (id INTEGER, code VARCHAR(20), name VARCHAR(20), amount INTEGER)",
      "INSERT INTO people VALUES (1, 'A', 'Ada', 10)",
    );
    const insert = { mode: "insert", onRemoved: "keep" } as const;
    await runIn(ground, setupOn(destination, { ...insert, fields: [field("name")] }));
    expect(await received(ground, setupOn(destination, insert))).toEqual([]);
    expect(await received(ground, setupOn(destination))).toEqual(["update A amount"]);
  });

  test("a sync with another name goes on with its state when it says which it had, else from nothing", async () => {
    await using ground = await open();
    const destination = await known(ground);
    const renamed = setupOn(destination, { name: "persons", renamedFrom: "people" });
    expect((await peekRecord(await preparedIn(ground, renamed)))?.firstName).toBe("people");
    expect(await planIn(ground, renamed)).toMatchObject({ unchanged: 3 });
    expect(await received(ground, renamed)).toEqual([]);
    await ground.sql("DELETE FROM people WHERE id = 3");
    expect(await received(ground, renamed)).toEqual(["delete C"]);
    // The state has moved: the old name knows nothing.
    const bare = setupOn(destination, { name: "others" });
    for (const setup of [setupOn(destination), bare])
      expect(await received(ground, setup)).toEqual(["upsert A name amount", "upsert B name amount"]);
  });

  test("another organisation has a state of its own, and the first one keeps its", async () => {
    await using ground = await open();
    const destination = await known(ground);
    const production = freeDestination("org-2");
    expect(await received(ground, setupOn(production))).toEqual([
      "upsert A name amount",
      "upsert B name amount",
      "upsert C name amount",
    ]);
    await ground.sql("UPDATE people SET name = 'Bob' WHERE id = 2");
    expect(await received(ground, setupOn(destination))).toEqual(["update B name"]);
    expect(await received(ground, setupOn(production))).toEqual(["update B name"]);
  });
});
