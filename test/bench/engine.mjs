import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { measured, report } from "./measure.mjs";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const number = (name, otherwise) => Number(process.env[`BACKHAUL_BENCH_${name}`] ?? otherwise);
const ROWS = number("ROWS", 10_000_000);
const FEW = number("FEW_ROWS", 100_000);
const LOADED = number("LOADED_ROWS", 1_000_000);
const PAIRS = number("PAIRS", 3);
const CASES = (process.env.BACKHAUL_BENCH_CASES ?? "duckdb/local,duckdb/warehouse,postgres/warehouse").split(
  ",",
);

/**
 * State and diff where the data is, at scale, as ratios to bare SQL in the same engine under the same limits:
 * `CREATE TABLE AS` of the model, the key check, a full join with null-safe comparison per column.
 */
export default async function engine() {
  for (const name of CASES) {
    const [engine, state] = name.split("/");
    process.stdout.write(
      `\n${name}: ${count(ROWS)} rows of 10 columns, load ${loadavg()[0].toFixed(1)} on ${cpus().length} cores\n`,
    );
    await withPlace({ engine, state, rows: ROWS }, compare);
  }
  for (const name of CASES) await firstLoad(name);
}

async function compare({ engine, state, rows, bare, run, change }) {
  const loaded = await run();
  expectRows(loaded, { applied: rows, unchanged: 0 });
  await bare("prepare");

  const pairs = [];
  for (let i = 0; i < PAIRS; i++) {
    const yardstick = await bare("yardstick");
    const same = await run();
    expectRows(same, { applied: 0, unchanged: rows });
    pairs.push({ yardstick, same, ratio: same.seconds / yardstick.seconds });
  }
  const { yardstick, same, ratio } = middle(pairs, (pair) => pair.ratio);
  report(
    "(a) no-change run / bare SQL",
    ratio,
    1.3,
    `${times(same)} / ${seconds(yardstick.seconds)}; ${list(pairs)}`,
  );
  // PostgreSQL works in processes of its own, which are not measured.
  if (engine === "duckdb")
    report("    the same in processor time", same.processor / yardstick.processor, undefined);
  const except = await bare("except");
  report(
    "    EXCEPT both ways / bare SQL",
    except.seconds / yardstick.seconds,
    undefined,
    seconds(except.seconds),
  );

  await change(100);
  const few = await run();
  expectRows(few, { applied: 100, unchanged: rows - 100 });
  report("(e) commit after 100 changes / diff", few.phases.commit / few.phases.diff, 0.05, times(few));

  await change(rows / 1_000);
  const some = await run();
  expectRows(some, { applied: rows / 1_000, unchanged: rows - rows / 1_000 });
  report(
    "(b) 0.1 % changed, short of sending / no-change run",
    (some.seconds - some.phases.write) / same.seconds,
    1.2,
    times(some),
  );
  const after = await run();
  expectRows(after, { applied: 0, unchanged: rows });
  report("    no-change run after it / no-change run", after.seconds / same.seconds, undefined, times(after));

  const [fewLoaded, fewChanged] = await withPlace({ engine, state, rows: FEW }, async (small) => {
    const first = await small.run();
    await small.change(rows / 1_000); // as many as of the many: what may not count is the rows beside them
    return [first, await small.run()];
  });
  const memory = (what, many, little) => {
    report(
      `(c) ${what}: peak of V8, many rows / few`,
      many.heap / little.heap,
      1.2,
      `${many.heap} / ${little.heap} MB`,
    );
    // DuckDB's buffer is limited, and full at many rows alone.
    const limit = engine === "postgres" ? 1.2 : undefined;
    report(
      `    ${what}: resident peak, many rows / few`,
      many.megabytes / little.megabytes,
      limit,
      `${many.megabytes} / ${little.megabytes} MB`,
    );
  };
  memory("first load", loaded, fewLoaded);
  memory(`${count(rows / 1_000)} changed`, some, fewChanged);
}

/** On one core: the reading and the load, each the middle one of several. */
async function firstLoad(name) {
  const [engine, state] = name.split("/");
  process.stdout.write(`\n${name}: first load of ${count(LOADED)} rows on one core\n`);
  const loads = [];
  for (let i = 0; i < PAIRS; i++) {
    await withPlace({ engine, state, rows: LOADED }, async ({ bare, run }) => {
      const read = await bare("read", { core: 1 });
      const load = await run({ core: 1 });
      expectRows(load, { applied: LOADED, unchanged: 0 });
      loads.push({ read, load, ratio: load.seconds / read.seconds });
    });
  }
  const { read, load, ratio } = middle(loads, (pair) => pair.ratio);
  report(
    "(d) first load / reading and JSON.stringify",
    ratio,
    4,
    `${times(load)} / ${seconds(read.seconds)}; ${list(loads)}`,
  );
}

/** Gives `work` a table of people, and processes that work on it one after another. */
async function withPlace({ engine, state, rows }, work) {
  const folder = mkdtempSync(join(tmpdir(), "backhaul-bench-"));
  const server = engine === "postgres" ? await startServer() : undefined;
  const place = JSON.stringify({ engine, folder, url: server?.url, rows });
  const child = async (file, args, how) => {
    const done = await measured(here(file), [place, ...args.map(String)], {}, how);
    if (done.code !== 0)
      throw new Error(`${file} ${args}: exit ${done.code}: ${done.stderr.slice(0, 2_000)}`);
    return done;
  };
  const bare = (what, how) => child("./bare.mjs", [what], how);
  const run = async (how) => {
    const done = await child("./subject.mjs", [state], how);
    return { ...done, ...JSON.parse(done.stdout) };
  };
  try {
    await bare("make");
    return await work({
      engine,
      state,
      rows,
      bare,
      run,
      change: (few) => child("./bare.mjs", ["change", few]),
    });
  } finally {
    await server?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The tests' PostgreSQL, which is TypeScript. */
async function startServer() {
  const out = here("../../dist/bench/");
  const options = ["--ignoreConfig", "--module", "nodenext", "--target", "es2023", "--types", "node"];
  execFileSync("npx", ["tsc", ...options, "--outDir", out, here("../support/postgres.ts")]);
  const { startPostgres } = await import(join(out, "postgres.js"));
  return startPostgres();
}

function expectRows({ applied, unchanged, stopped }, expected) {
  if (stopped !== undefined || applied !== expected.applied || unchanged !== expected.unchanged)
    throw new Error(
      `expected ${JSON.stringify(expected)}: ${JSON.stringify({ applied, unchanged, stopped })}`,
    );
}

const middle = (all, by) => all.toSorted((a, b) => by(a) - by(b))[Math.floor(all.length / 2)];
const list = (pairs) => pairs.map(({ ratio }) => ratio.toFixed(2)).join(" ");
const count = (rows) => rows.toLocaleString("en-US");
const seconds = (amount) => `${amount.toFixed(2)} s`;
const times = (run) =>
  `${seconds(run.seconds)} (${Object.entries(run.phases)
    .map(([phase, amount]) => `${phase} ${amount.toFixed(2)}`)
    .join(", ")})`;
