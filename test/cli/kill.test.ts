import { afterAll, beforeAll, expect, test } from "vitest";
import {
  backhaul,
  orderProject,
  type RunningSandbox,
  sandboxEnv,
  sandboxProcess,
  writeFiles,
} from "../support/cli.ts";
import { here } from "../support/command.ts";
import { inDuckdb, temporaryFolder } from "../support/project.ts";

const ROWS = 2_000;
const KILLS = Number(process.env.BACKHAUL_KILLS ?? 20);

let sandbox: RunningSandbox;
beforeAll(async () => {
  sandbox = await sandboxProcess();
});
afterAll(async () => {
  await sandbox[Symbol.asyncDispose]();
});

/** A small generator with a seed, so that a failure can be repeated. */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const stored = async (prefix: string): Promise<Map<string, string>> => {
  const rows = await sandbox.rows(
    `new_orders?$select=new_externalid,new_name,new_amount&$filter=startswith(new_externalid,'${prefix}')`,
  );
  const byKey = new Map(rows.map((row) => [String(row.new_externalid), `${row.new_name}|${row.new_amount}`]));
  expect(byKey.size, "a record exists twice").toBe(rows.length);
  return byKey;
};

const inModel = async (path: string): Promise<Map<string, string>> => {
  const rows = await inDuckdb(path, "SELECT number, name || '|' || amount::DOUBLE::VARCHAR FROM orders");
  return new Map(rows.map(([number, value]) => [String(number), String(value).replace(/\.0$/, "")]));
};

test(`killed at ${KILLS} random moments and run again, the end is the same`, {
  timeout: 600_000,
}, async () => {
  const seed = Number(process.env.BACKHAUL_SEED ?? 1);
  const next = random(seed);
  /** Milliseconds that a run takes which nobody kills. */
  let duration = 0;
  let killed = 0;
  for (let trial = 0; trial < KILLS; trial++) {
    using folder = temporaryFolder();
    const prefix = `T${trial}-`;
    const database = `${folder.path}/warehouse.duckdb`;
    const args = ["run", "--project", folder.path, "--json"];
    const options = { env: sandboxEnv(sandbox) };
    writeFiles(folder.path, orderProject({ destination: "batch_size: 50" }));
    await inDuckdb(
      database,
      `CREATE TABLE orders AS SELECT i AS id, '${prefix}' || i AS number, 'name ' || i AS name, (i * 1.25)::DECIMAL(18,2) AS amount FROM range(${ROWS}) t(i)`,
    );
    // Half of the trials kill a run of changes, the others the first load.
    const changes = trial % 2 === 0;
    if (changes) {
      const load = trial === 0 ? backhaul : here;
      const started = Date.now();
      expect((await load(args, options)).code).toBe(0);
      if (trial === 0) duration = Date.now() - started;
      await inDuckdb(database, "UPDATE orders SET name = name || ' new', amount = amount + 1");
    }
    const moment = Math.round(next() * duration * 1.1);
    const begun = Date.now();
    const ended = await backhaul(args, {
      ...options,
      onStart: (child) => void setTimeout(() => child.kill("SIGKILL"), moment),
    });
    if (ended.signal === "SIGKILL") killed += 1;
    else duration = Date.now() - begun;
    // What was in doubt must not survive when the model goes back to where it was.
    if (changes && trial % 4 === 0)
      await inDuckdb(database, "UPDATE orders SET name = 'name ' || id WHERE id % 2 = 0");
    const repeated = await here(args, options);
    expect(
      repeated.code,
      `${repeated.stdout}${repeated.stderr} (seed ${seed}, trial ${trial}, ${moment} ms)`,
    ).toBe(0);
    expect(await stored(prefix), `seed ${seed}, trial ${trial}, ${moment} ms`).toEqual(
      await inModel(database),
    );
    const empty = await here(["plan", "--project", folder.path, "--json"], options);
    expect(empty.json.plans[0]).toMatchObject({
      operations: { create: 0, update: 0, upsert: 0 },
      unchanged: ROWS,
    });
  }
  expect(killed).toBeGreaterThan(KILLS / 4);
});
