import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { DESTINATION, sandboxEnv, sandboxProcess, writeFiles } from "../support/cli.ts";
import { shippedOnce } from "../support/command.ts";
import { startPostgres } from "../support/postgres.ts";
import { inDuckdb, temporaryFolder } from "../support/project.ts";

const MODEL = `model: people
primary_key: id
sql: people.sql
syncs:
  - sync: people
    destination: dynamics
    object: contact
    mode: upsert
    match: { new_customerid: number }
    fields: { lastname: name, creditlimit: credit }
`;
const SQL = "SELECT id, 'C-' || id AS number, name, credit FROM people";
const PEOPLE = (source: string): string =>
  `CREATE TABLE people AS SELECT n AS id, 'Person ' || n AS name, CAST(n AS NUMERIC(12,2)) AS credit FROM ${source}`;

const shipped = shippedOnce();
async function follow(
  folder: string,
  env: Readonly<Record<string, string>>,
  sql: (text: string) => Promise<unknown>,
): Promise<void> {
  const cli = (command: string, ...more: string[]) =>
    shipped([command, "--project", folder, "--json", ...more], { env });
  const planned = await cli("plan");
  expect(planned.code, planned.stdout + planned.stderr).toBe(0);
  const first = await cli("run");
  expect(first.code, first.stdout).toBe(0);
  expect(first.json.runs[0]).toMatchObject({ rows: 2_000, applied: 2_000 });
  await sql("UPDATE people SET credit = 0.5 WHERE id <= 3");
  const plan = await cli("plan");
  expect(plan.json.plans[0]).toMatchObject({ unchanged: 1_997, fields: { creditlimit: 3 } });
  const second = await cli("run");
  expect(second.json.runs[0]).toMatchObject({ applied: 3, unchanged: 1_997, requests: { writes: 1 } });
  const third = await cli("run");
  expect(third.json.runs[0]).toMatchObject({ applied: 0, unchanged: 2_000, requests: { writes: 0 } });
}

test("state in PostgreSQL: one schema is all that the role may write, and no state lies on this machine", async () => {
  await using server = await startPostgres();
  await using sandbox = await sandboxProcess();
  using folder = temporaryFolder();
  await server.query(`${PEOPLE("generate_series(1, 2000) n")};
    CREATE ROLE syncer LOGIN PASSWORD 'syncs-12';
    GRANT SELECT ON people TO syncer;
    CREATE SCHEMA backhaul AUTHORIZATION syncer`);
  writeFiles(folder.path, {
    "backhaul.yml": `project: pg\nwarehouses:\n  pg: { type: postgres, url: "\${env:DATABASE_URL}" }\nstate: { type: warehouse }\ndestinations:${DESTINATION}`,
    "models/people.yml": MODEL,
    "models/people.sql": SQL,
  });
  const url = server.url.replace(`postgres:${server.password}@`, "syncer:syncs-12@");
  await follow(folder.path, { ...sandboxEnv(sandbox), DATABASE_URL: url }, server.query);
  const { rows } = await server.query("SELECT sync, count(*)::int AS n FROM backhaul.runs GROUP BY 1");
  expect(rows).toEqual([{ sync: "people", n: 3 }]);
  // The statements that the README shows.
  const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
  const shown = [...readme.matchAll(/SELECT [^;]*backhaul\.runs[^;]*;/g)].map(([statement]) =>
    statement.replace("'contacts'", "'people'"),
  );
  expect(shown).toHaveLength(2);
  const history = await server.query(shown[0]!);
  expect(history.rows.map(({ applied, rejected }) => [applied, rejected])).toEqual([
    ["0", "0"],
    ["3", "0"],
    ["2000", "0"],
  ]);
  expect((await server.query(shown[1]!)).rows).toEqual([]);
  // What a run or a plan made on its way is gone: one base, the small tables, the registry, the history.
  const tables = await server.query(
    "SELECT tablename FROM pg_tables WHERE schemaname = 'backhaul' ORDER BY 1",
  );
  expect(tables.rows.map(({ tablename }) => tablename.replace(/^s[0-9a-f]{12}_/, ""))).toEqual([
    "rejects",
    "runs",
    "base_1",
    "delta_0",
    "doubt_0",
    "pending_0",
    "waiting_0",
    "syncs",
    "users",
  ]);
});

test("state in the DuckDB file that the models run in", async () => {
  await using sandbox = await sandboxProcess();
  using folder = temporaryFolder();
  const file = `${folder.path}/warehouse.duckdb`;
  await inDuckdb(file, PEOPLE("range(1, 2001) t(n)"));
  writeFiles(folder.path, {
    "backhaul.yml": `project: duck\nwarehouses:\n  local: { type: duckdb, path: warehouse.duckdb, state: { type: warehouse, schema: sync } }\ndestinations:${DESTINATION}`,
    "models/people.yml": MODEL,
    "models/people.sql": SQL,
  });
  await follow(folder.path, sandboxEnv(sandbox), (text) => inDuckdb(file, text));
  const [count] = await inDuckdb(file, "SELECT count(*) FROM sync.runs");
  expect(count).toEqual(["3"]);
  // A table of it is gone: a run tells, and a reset is the way out.
  const cli = (command: string, ...more: string[]) =>
    shipped([command, "--project", folder.path, "--json", ...more], { env: sandboxEnv(sandbox) });
  const [base] = await inDuckdb(
    file,
    "SELECT table_name FROM duckdb_tables() WHERE table_name LIKE '%\\_base\\_%' ESCAPE '\\'",
  );
  await inDuckdb(file, `DROP TABLE sync."${base![0]}"`);
  const run = await cli("run");
  expect([run.code, run.json.error.problems[0].code]).toEqual([2, "state.unreadable"]);
  const forgotten = await cli("reset", "people", "--yes");
  expect(forgotten.json, forgotten.stdout).toMatchObject({ records: null, forgotten: true });
  expect((await cli("run")).json.runs[0]).toMatchObject({ applied: 0, unchanged: 2_000 });
});

test("check names the rights that the state's schema lacks, one by one, and makes nothing", async () => {
  await using server = await startPostgres();
  await using sandbox = await sandboxProcess();
  using folder = temporaryFolder();
  await server.query(`${PEOPLE("generate_series(1, 2) n")};
    CREATE ROLE reader LOGIN PASSWORD 'reads-12';
    GRANT SELECT ON people TO reader`);
  writeFiles(folder.path, {
    "backhaul.yml": `project: pg\nwarehouses:\n  pg: { type: postgres, url: "\${env:DATABASE_URL}" }\nstate: { type: warehouse }\ndestinations:${DESTINATION}`,
    "models/people.yml": MODEL,
    "models/people.sql": SQL,
  });
  const url = server.url.replace(`postgres:${server.password}@`, "reader:reads-12@");
  const env = { ...sandboxEnv(sandbox), DATABASE_URL: url };
  const check = async (): Promise<unknown[]> => {
    const { code, json } = await shipped(["check", "--project", folder.path, "--json"], { env });
    if (code === 0) return [];
    const rights = json.error.problems.map(
      ({ message }: { message: string }) => /lacks (.*)\.$/.exec(message)?.[1],
    );
    return [code, ...rights];
  };
  const database = new URL(url).pathname.slice(1);
  expect(await check()).toEqual([3, `CREATE on the database ${database}`]);
  await server.query("CREATE SCHEMA backhaul");
  expect(await check()).toEqual([3, "USAGE on the schema backhaul", "CREATE on the schema backhaul"]);
  await server.query(
    "GRANT USAGE, CREATE ON SCHEMA backhaul TO reader; CREATE TABLE backhaul.syncs (n int); GRANT SELECT ON backhaul.syncs TO reader",
  );
  expect(await check()).toEqual([
    3,
    ...["INSERT", "UPDATE", "DELETE"].map((right) => `${right} on the table syncs`),
  ]);
  await server.query("DROP TABLE backhaul.syncs");
  expect(await check()).toEqual([]);
  expect(
    (await server.query("SELECT FROM information_schema.tables WHERE table_schema = 'backhaul'")).rows,
  ).toEqual([]);
});
