import { expect, test } from "vitest";
import { DESTINATION, sandboxEnv, sandboxProcess, writeFiles } from "../support/cli.ts";
import { shippedOnce } from "../support/command.ts";
import { startPostgres } from "../support/postgres.ts";
import { temporaryFolder } from "../support/project.ts";

const PROJECT = `project: postgres
warehouses:
  pg: { type: postgres, url: "\${env:DATABASE_URL}" }
destinations:${DESTINATION}`;
const MODEL = `model: orders
primary_key: [shop, number]
sql: orders.sql
timezone: Europe/Berlin
syncs:
  - sync: orders
    destination: dynamics
    object: new_order
    mode: upsert
    match: { new_externalid: external }
    fields: { new_name: name, new_amount: amount, new_linenumber: number, new_orderdate: sold }
`;
const SQL = `SELECT shop, number, shop || '-' || number AS external, name, amount, sold
FROM sales.orders -- what was sold
WHERE NOT deleted`;

const shipped = shippedOnce();
test("the same commands work on a PostgreSQL warehouse, with a role that may only read", async () => {
  await using server = await startPostgres();
  await using sandbox = await sandboxProcess();
  using folder = temporaryFolder();
  await server.query(`
    CREATE SCHEMA sales;
    CREATE TABLE sales.orders (shop text, number int, name text, amount numeric(18,2), deleted boolean DEFAULT false,
      sold timestamp);
    INSERT INTO sales.orders SELECT 's' || n % 3, n, 'Käufer ''' || n || '''', n * 1.25, false,
      timestamp '2020-01-01' + n * interval '1 day' FROM generate_series(1, 3000) n;
    CREATE ROLE reader LOGIN PASSWORD 'reads-only-12';
    GRANT USAGE ON SCHEMA sales TO reader;
    GRANT SELECT ON sales.orders TO reader`);
  writeFiles(folder.path, { "backhaul.yml": PROJECT, "models/orders.yml": MODEL, "models/orders.sql": SQL });
  const url = server.url.replace(`postgres:${server.password}@`, "reader:reads-only-12@");
  const options = { env: { ...sandboxEnv(sandbox), DATABASE_URL: url } };
  const cli = (command: string) => shipped([command, "--project", folder.path, "--json"], options);
  const equalsModel = async (): Promise<void> => {
    const stored = await sandbox.rows(
      "new_orders?$select=new_externalid,new_name,new_amount,new_linenumber,new_orderdate",
    );
    const { rows } = await server.query(
      `SELECT shop || '-' || number AS key, name, amount::float8 AS amount, number, sold::date::text AS sold
      FROM sales.orders WHERE NOT deleted`,
    );
    const want = new Map(
      rows.map(({ key, name, amount, number, sold }) => [key, [name, amount, number, sold]]),
    );
    const have = stored.map(
      (row) =>
        [row.new_externalid, [row.new_name, row.new_amount, row.new_linenumber, row.new_orderdate]] as const,
    );
    expect(have.length).toBe(want.size);
    expect(new Map(have)).toEqual(want);
  };

  const checked = await cli("check");
  expect(checked.json.syncs[0].warehouse.version).toMatch(/^PostgreSQL \d+/);
  const first = await cli("run");
  expect(first.code, first.stdout).toBe(0);
  expect(first.json.runs[0]).toMatchObject({ rows: 3_000, applied: 3_000 });
  await equalsModel();

  await server.query("UPDATE sales.orders SET name = 'neu' WHERE number <= 7");
  const second = await cli("run");
  expect(second.json.runs[0]).toMatchObject({ applied: 7, unchanged: 2_993, requests: { writes: 1 } });
  await equalsModel();
  const third = await cli("plan");
  expect(third.json.plans[0]).toMatchObject({
    operations: { create: 0, update: 0, upsert: 0 },
    unchanged: 3_000,
  });
  for (const { stdout, stderr } of [checked, first, second, third])
    expect(stdout + stderr).not.toContain("reads-only-12");
});
