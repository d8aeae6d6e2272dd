import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { BIN, measured, report } from "./measure.mjs";
import { MODEL, makePeople } from "./people.mjs";

const ROWS = Number(process.env.BACKHAUL_BENCH_ROWS ?? 1_000_000);
const MEGABYTES = 450;

/** One million rows of ten columns: plan on an empty snapshot, first load, no-change run. */
export default async function diff() {
  const folder = mkdtempSync(join(tmpdir(), "backhaul-bench-"));
  const sandbox = spawn(
    process.execPath,
    ["--max-old-space-size=16000", BIN, "sandbox", "--port", "0", "--json", "--while-stdin"],
    {
      stdio: ["pipe", "pipe", "inherit"],
    },
  );
  try {
    const ready = JSON.parse(
      await new Promise((done) => createInterface({ input: sandbox.stdout }).once("line", done)),
    );
    const env = {
      URL_OF_CRM: ready.url,
      TENANT: ready.tenant,
      CLIENT_ID: ready.client_id,
      CLIENT_SECRET: ready.client_secret,
    };
    await makePeople(join(folder, "warehouse.duckdb"), ROWS);
    mkdirSync(join(folder, "models"));
    writeFileSync(join(folder, "backhaul.yml"), PROJECT);
    writeFileSync(join(folder, "models", "people.yml"), PEOPLE);
    writeFileSync(join(folder, "models", "people.sql"), MODEL);
    const args = (command) => [command, "--project", folder, "--json"];

    const plan = await measured(BIN, args("plan"), env);
    expectExit(plan);
    report(
      `plan of ${ROWS.toLocaleString("en-US")} added rows: peak MB`,
      plan.megabytes,
      MEGABYTES,
      `${plan.seconds.toFixed(1)} s`,
    );
    const load = await measured(BIN, args("run"), env);
    expectExit(load);
    report(
      "first load: peak MB",
      load.megabytes,
      MEGABYTES,
      `${Math.round(ROWS / load.seconds).toLocaleString("en-US")} rows a second with the sandbox on the same cores`,
    );

    const yardstickFile = fileURLToPath(new URL("./yardstick.mjs", import.meta.url));
    const yardstick = (what) => measured(yardstickFile, [join(folder, "warehouse.duckdb"), folder, what]);
    expectExit(await yardstick("prepare"));
    const pairs = [];
    for (let i = 0; i < 5; i++) {
      const bare = await yardstick("measure");
      const run = await measured(BIN, args("run"), env);
      expectExit(bare);
      expectExit(run);
      const [{ applied, unchanged }] = JSON.parse(run.stdout).runs;
      if (applied !== 0 || unchanged !== ROWS) throw new Error(`not a no-change run: ${run.stdout}`);
      pairs.push({ seconds: run.seconds / bare.seconds, run, bare });
    }
    const middle = pairs.sort((a, b) => a.seconds - b.seconds)[2];
    report(
      "no-change run / bare SQL (median of 5 pairs)",
      middle.seconds,
      2,
      `${middle.run.seconds.toFixed(2)} s / ${middle.bare.seconds.toFixed(2)} s`,
    );
    report("no-change run: peak MB", Math.max(...pairs.map(({ run }) => run.megabytes)), MEGABYTES);
  } finally {
    sandbox.stdin.end();
    rmSync(folder, { recursive: true, force: true });
  }
}

function expectExit({ code, stdout, stderr }) {
  if (code !== 0) throw new Error(`exit ${code}: ${stdout.slice(0, 2_000)}${stderr.slice(0, 2_000)}`);
}

const PROJECT = `project: bench
warehouses:
  local: { type: duckdb, path: warehouse.duckdb }
destinations:
  crm:
    type: dataverse
    url: "\${env:URL_OF_CRM}"
    authority: "\${env:URL_OF_CRM}"
    auth: { type: client_secret, tenant: "\${env:TENANT}", client_id: "\${env:CLIENT_ID}", client_secret: "\${env:CLIENT_SECRET}" }
    batch_size: 1000
`;

const PEOPLE = `model: people
primary_key: id
sql: people.sql
syncs:
  - sync: people
    destination: crm
    object: contact
    mode: upsert
    match: { new_customerid: number }
    fields:
      firstname: first_name
      lastname: last_name
      emailaddress1: email
      address1_city: city
      creditlimit: amount
      new_score: score
      birthdate: born
      new_lastpurchaseon: seen
`;
