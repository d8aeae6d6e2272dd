import { expect, test } from "vitest";
import { backhaul, DESTINATION, sandboxEnv, sandboxProcess, writeFiles } from "../support/cli.ts";
import { here } from "../support/command.ts";
import { inDuckdb, temporaryFolder } from "../support/project.ts";

const KILLS = Number(process.env.BACKHAUL_KILLS ?? 2);
const PEOPLE = 400;

const PROJECT = {
  "backhaul.yml": `project: audiences
warehouses:
  local: { type: duckdb, path: warehouse.duckdb }
destinations:${DESTINATION}`,
  "models/vips.yml": `model: vips
primary_key: id
table: vips
syncs:
  - sync: vips
    destination: dynamics
    audience: { list: VIP, member: contact, create: true }
    mode: mirror
    match: { new_customerid: code }
`,
};

test("killed while members come and go, the next run makes the list what the model says, and explain tells why", {
  timeout: 600_000,
}, async () => {
  await using sandbox = await sandboxProcess();
  const rows = Array.from({ length: PEOPLE }, (_, n) => ({
    new_customerid: `C-${n}`,
    lastname: `Name ${n}`,
  }));
  await sandbox.admin("seed", { method: "POST", body: JSON.stringify({ table: "contact", rows }) });
  const ids = new Map(
    (await sandbox.rows("contacts?$select=new_customerid")).map((row) => [
      row.contactid,
      String(row.new_customerid),
    ]),
  );
  using folder = temporaryFolder();
  writeFiles(folder.path, PROJECT);
  const database = `${folder.path}/warehouse.duckdb`;
  const options = { env: sandboxEnv(sandbox) };
  const args = ["run", "--project", folder.path, "--json", "--allow", "removed"];
  // Every other person, others in each trial: with each trial half of the list turns over.
  const model = async (trial: number): Promise<void> => {
    await inDuckdb(
      database,
      `CREATE OR REPLACE TABLE vips AS SELECT i AS id, 'C-' || i AS code FROM range(${PEOPLE}) t(i) WHERE (i // ${2 ** (trial % 5)}) % 2 = 0`,
    );
  };
  const stored = async (): Promise<string[]> =>
    (await sandbox.rows("listmembers?$select=_entityid_value"))
      .map((row) => ids.get(row._entityid_value) ?? "?")
      .sort();
  const due = async (): Promise<string[]> =>
    (await inDuckdb(database, "SELECT code FROM vips")).map(([code]) => String(code)).sort();
  let duration = 3_000;
  let killed = 0;
  // A run that was quicker than the one before it is not there any more to be killed: then there is another trial.
  for (let trial = 0; trial < KILLS || (killed === 0 && trial < KILLS + 5); trial++) {
    await model(trial);
    const moment = duration * (0.35 + (0.6 * (trial + 1)) / (KILLS + 1));
    const ended = await backhaul(args, {
      ...options,
      onStart: (child) => void setTimeout(() => child.kill("SIGKILL"), moment),
    });
    if (ended.signal === "SIGKILL") killed += 1;
    const started = Date.now();
    const repeated = await backhaul(args, options);
    duration = Date.now() - started;
    expect(repeated.code, repeated.stdout + repeated.stderr).toBe(0);
    expect(await stored(), `trial ${trial}, ${moment} ms`).toEqual(await due());
    const plan = await here(["plan", "--project", folder.path, "--json"], options);
    expect(plan.json.plans[0].operations).toMatchObject({ add_member: 0, remove_member: 0 });
  }
  expect(killed).toBeGreaterThan(0);
  await inDuckdb(database, "DELETE FROM vips WHERE id = 0");
  await here(args, options);
  const told = await backhaul(["explain", "vips", "0", "--project", folder.path], options);
  expect(told.stdout).toMatch(/taken off the list VIP: the row had left the model/);
  expect(told.stdout).toMatch(/run \d{8}T\w+-\w+, request [0-9a-f-]{36}/);
});
