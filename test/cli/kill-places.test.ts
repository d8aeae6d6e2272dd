import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { engineChild, type Job } from "../support/engine-child.ts";
import { type FreeDestination, freeDestination } from "../support/free-destination.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { inDuckdb, syncSpec, temporaryFolder } from "../support/project.ts";
import { serveDestination } from "../support/remote-destination.ts";

/** Killed runs of each of the four syncs. */
const KILLS = Math.ceil(Number(process.env.BACKHAUL_KILLS ?? 24) / 4);
const ROWS = 200;
const SEED = Number(process.env.BACKHAUL_SEED ?? 1);

let server: TestPostgres;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

/** A small generator with a seed, so that the edits and moments of a failure can be repeated. */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

interface Person {
  readonly id: number;
  readonly code: string;
  readonly name: string;
}

const MODES = { upsert: "keep", mirror: "delete" } as const;

/** Rows change, leave, come and get other match values. */
function edited(people: readonly Person[], next: () => number, trial: number): Person[] {
  const kept = people
    .filter(() => next() > 0.06)
    .map((person) =>
      next() < 0.3
        ? { ...person, name: `n${trial}`, code: next() < 0.1 ? `C${person.id}-${trial}` : person.code }
        : person,
    );
  const first = trial * 1_000 + 1;
  const fresh = Array.from({ length: ROWS - kept.length }, (_, i) => first + i);
  return [...kept, ...fresh.map((id) => ({ id, code: `C${id}`, name: `n${trial}` }))];
}

const values = (people: readonly Person[]): string =>
  people.map(({ id, code, name }) => `(${id}, '${code}', '${name}')`).join(", ");

interface Lane {
  readonly place: Pick<Job, "warehouse" | "folder" | "location">;
  readonly table: string;
  fill(people: readonly Person[]): Promise<unknown>;
}

async function killAndRepeat(
  { place, table, fill }: Lane,
  mode: keyof typeof MODES,
  seed: number,
): Promise<number> {
  const next = random(seed);
  const destination = freeDestination();
  await using remote = await serveDestination(destination);
  const job: Job = {
    ...place,
    sync: syncSpec({
      mode,
      onRemoved: MODES[mode],
      match: [{ field: "code", column: "code" }],
      fields: [{ field: "name", source: { column: "name" }, whenNull: "clear" }],
    }),
    model: { query: `SELECT id, code, name FROM ${table}` },
    destination: remote.url,
    batchSize: 10,
    pace: { journalMs: 20, journalOutcomes: 20 },
    runs: 1,
  };
  let people: readonly Person[] = [];
  /** What must be stored, by primary key. */
  const expected = new Map<string, Person>();
  let duration = 1_000;
  let killed = 0;
  for (let trial = 1; trial <= KILLS; trial++) {
    people = edited(people, next, trial);
    await fill(people);
    if (mode === "mirror") expected.clear();
    for (const person of people) expected.set(String(person.id), person);
    const where = `${mode}, seed ${SEED}, trial ${trial}`;

    const first = engineChild(job);
    while (first.told.length === 0 && first.child.exitCode === null) await sleep(2);
    const started = Date.now();
    const moment = next() * duration * 1.1;
    void sleep(moment).then(() => first.child.kill("SIGKILL"));
    const told = await first.ended;
    if (first.child.signalCode === "SIGKILL") killed += 1;
    else duration = Date.now() - started;
    expect(told[1]?.error, where).toBeUndefined();

    const before = destination.received.length;
    const [, repeated, again] = await engineChild({ ...job, runs: 2 }).ended;
    expect(repeated?.run, `${where}: ${JSON.stringify(repeated)}`).toMatchObject({
      deferred: 0,
      rejections: { total: 0 },
    });
    expectStored(destination, expected, where);
    const sent = destination.received.length - before;
    expect(sent, where).toBe(repeated?.run?.applied);
    expect(again?.run, `${where}: ${JSON.stringify(again)}`).toMatchObject({ applied: 0, unchanged: ROWS });
    if (trial === 1) duration = Math.max(150, (repeated?.run?.seconds ?? 0) * 1_000);
  }
  return killed;
}

function expectStored(
  { records }: FreeDestination,
  expected: ReadonlyMap<string, Person>,
  where: string,
): void {
  const owners = records.map(({ owner }) => owner ?? "");
  expect(new Set(owners).size, `${where}: a record exists twice`).toBe(owners.length);
  const stored = records.map(({ owner, match, fields }) => `${owner} ${match} ${fields.get("name")}`);
  const want = [...expected.values()].map(({ id, code, name }) => `${id} ${code} "${name}"`);
  expect(stored.sort(), where).toEqual(want.sort());
}

const TIMEOUT = 3_600_000;

test.concurrent(
  "local state over DuckDB: killed at random moments and run again, the end is the same",
  async () => {
    using folder = temporaryFolder();
    const file = join(folder.path, "warehouse.duckdb");
    let killed = 0;
    for (const mode of ["upsert", "mirror"] as const) {
      killed += await killAndRepeat(
        {
          place: {
            warehouse: { type: "duckdb", path: "warehouse.duckdb" },
            folder: folder.path,
            location: { kind: "local", project: "kill", root: join(folder.path, mode), memoryLimit: "256MB" },
          },
          table: "people",
          fill: (people) =>
            inDuckdb(
              file,
              "CREATE OR REPLACE TABLE people (id INTEGER, code VARCHAR, name VARCHAR)",
              `INSERT INTO people VALUES ${values(people)}`,
            ),
        },
        mode,
        SEED + mode.length,
      );
    }
    process.stdout.write(`DuckDB: ${killed} of ${2 * KILLS} runs killed, seed ${SEED}\n`);
    expect(killed).toBeGreaterThan(KILLS / 2);
  },
  TIMEOUT,
);

test.concurrent(
  "state in PostgreSQL: killed at random moments and run again, the end is the same",
  async () => {
    let killed = 0;
    for (const mode of ["upsert", "mirror"] as const) {
      await server.query(`CREATE TABLE people_${mode} (id int, code text, name text)`);
      killed += await killAndRepeat(
        {
          place: {
            warehouse: { type: "postgres", url: server.url },
            folder: "/",
            location: { kind: "warehouse", project: "kill", schema: `state_${mode}`, retentionDays: 90 },
          },
          table: `people_${mode}`,
          fill: (people) =>
            server.query(`TRUNCATE people_${mode}; INSERT INTO people_${mode} VALUES ${values(people)}`),
        },
        mode,
        SEED + 7 + mode.length,
      );
    }
    process.stdout.write(`PostgreSQL: ${killed} of ${2 * KILLS} runs killed, seed ${SEED}\n`);
    expect(killed).toBeGreaterThan(KILLS / 2);
  },
  TIMEOUT,
);
