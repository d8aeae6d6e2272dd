import { readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { keyPair } from "../snowflake/account.ts";
import { backhaul, DESTINATION, sandboxEnv, sandboxProcess, writeFiles } from "../support/cli.ts";
import { temporaryFolder } from "../support/project.ts";
import { startSnowflake } from "../support/snowflake/server.ts";

const PROJECT = (role: string, state: string) => `project: snow
warehouses:
  snow:
    type: snowflake
    account: acme-eu1
    access_url: "\${env:SNOWFLAKE_URL}"
    user: SYNC
    private_key: "\${file:secrets/snow.p8}"
    passphrase: "\${env:SNOWFLAKE_PASSPHRASE}"
    database: PROD
    schema: SALES
    warehouse: WH
    role: ${role}
${state}destinations:${DESTINATION}`;
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
    fields: { new_name: name, new_amount: amount, new_linenumber: number }
`;
const SQL = `SELECT shop, number, shop || '-' || number AS external, name, amount
FROM sales.orders // what was sold
WHERE NOT deleted`;

test.each([
  ["local", "READER", ""],
  ["warehouse", "SYNC", "    state: { type: warehouse, schema: backhaul }\n"],
])(
  "the same commands work on Snowflake, with a key, state: %s and the role %s",
  async (where, role, state) => {
    const { privateKey, publicKey } = keyPair("open-sesame-12");
    await using server = await startSnowflake({
      users: { SYNC: { publicKey } },
      databases: { PROD: ["SALES", "PUBLIC"] },
      rowsPerChunk: 700,
      readers: ["READER"],
    });
    await using sandbox = await sandboxProcess();
    using folder = temporaryFolder();
    using home = temporaryFolder();
    await server.sql(
      "CREATE TABLE orders (shop VARCHAR, number INTEGER, name VARCHAR, amount NUMBER(18,2), deleted BOOLEAN)",
    );
    await server.sql(
      "INSERT INTO orders SELECT 's' || MOD(n, 3), n, 'Käufer ''' || n || '''', n * 1.25, FALSE FROM (SELECT ROW_NUMBER() OVER (ORDER BY SEQ4()) AS n FROM TABLE(GENERATOR(ROWCOUNT => 3000))) AS g",
    );
    writeFiles(folder.path, {
      "backhaul.yml": PROJECT(role, state),
      "models/orders.yml": MODEL,
      "models/orders.sql": SQL,
    });
    writeFiles(folder.path, { "secrets/snow.p8": privateKey });
    const options = {
      env: {
        ...sandboxEnv(sandbox),
        SNOWFLAKE_URL: server.url,
        SNOWFLAKE_PASSPHRASE: "open-sesame-12",
        HOME: home.path,
      },
    };
    const cli = (command: string) => backhaul([command, "--project", folder.path, "--json"], options);
    const equalsModel = async (): Promise<void> => {
      const stored = await sandbox.rows(
        "new_orders?$select=new_externalid,new_name,new_amount,new_linenumber",
      );
      const rows = await server.sql(
        "SELECT shop || '-' || number, name, TO_VARCHAR(amount), TO_VARCHAR(number) FROM orders WHERE NOT deleted",
      );
      const want = new Map(
        rows.map(([key, name, amount, number]) => [key, [name, Number(amount), Number(number)]]),
      );
      const have = stored.map(
        (row) => [row.new_externalid, [row.new_name, row.new_amount, row.new_linenumber]] as const,
      );
      expect(have.length).toBe(want.size);
      expect(new Map(have)).toEqual(want);
    };

    const checked = await cli("check");
    expect(checked.code, checked.stdout + checked.stderr).toBe(0);
    expect(checked.json.syncs[0].warehouse.version).toBe("Snowflake 9.9.9");
    const planned = await cli("plan");
    expect(planned.code, planned.stdout + planned.stderr).toBe(0);
    const first = await cli("run");
    expect(first.code, first.stdout + first.stderr).toBe(0);
    expect(first.json.runs[0]).toMatchObject({ rows: 3_000, applied: 3_000 });
    await equalsModel();

    await server.sql("UPDATE orders SET name = 'neu' WHERE number <= 7");
    const second = await cli("run");
    expect(second.json.runs[0]).toMatchObject({ applied: 7, unchanged: 2_993, requests: { writes: 1 } });
    await equalsModel();
    const third = await cli("plan");
    expect(third.json.plans[0]).toMatchObject({
      operations: { create: 0, update: 0, upsert: 0 },
      unchanged: 3_000,
    });

    const outputs = [checked, planned, first, second, third];
    for (const { stdout, stderr } of outputs)
      expect(stdout + stderr).not.toMatch(/open-sesame|BEGIN|PRIVATE/);
    for (const { stderr } of outputs) expect(stderr).not.toMatch(/Warning|snowflake\.log/i);
    // Nothing of the driver's is left in the user's folder, and no session is.
    const left = readdirSync(home.path, { recursive: true, encoding: "utf8" });
    expect(left.filter((name) => /snow|ocsp|\.log$/i.test(name))).toEqual([]);
    expect(server.sessions()).toEqual([]);
    // The model's rows leave Snowflake for a state on this machine, and only then.
    const ran = server.received.filter(
      ({ body }) => body?.sqlText?.includes("what was sold") && !body.describeOnly,
    );
    expect(ran.length).toBeGreaterThanOrEqual(4);
    const verb = where === "local" ? "SELECT" : "CREATE";
    expect(new Set(ran.map(({ body }) => body.sqlText.split(" ")[0]))).toEqual(new Set([verb]));
  },
  240_000,
);

test("a model that Snowflake refuses is a mistake with file and line, and exit 2", async () => {
  await using server = await startSnowflake({
    users: { SYNC: { publicKey: keyPair().publicKey, password: "pw-12345678" } },
  });
  using folder = temporaryFolder();
  writeFiles(folder.path, {
    "backhaul.yml": `project: snow
warehouses:
  snow: { type: snowflake, account: acme-eu1, access_url: "\${env:SNOWFLAKE_URL}", user: SYNC, password: "\${env:SNOWFLAKE_PASSWORD}" }
destinations:
  dynamics: { type: dataverse, url: sandbox }
`,
    "models/orders.yml": MODEL,
    "models/orders.sql": "SELECT 1 AS id,\n  nosuch AS x\nFROM (SELECT 2 AS y) AS t",
  });
  const options = { env: { SNOWFLAKE_URL: server.url, SNOWFLAKE_PASSWORD: "pw-12345678" } };
  const refused = await backhaul(["check", "--project", folder.path], options);
  expect(refused.code, refused.stderr).toBe(2);
  expect(refused.stdout + refused.stderr).toContain(
    "models/orders.sql:2:3: Snowflake refuses the query: invalid identifier 'NOSUCH'.",
  );
  const wrong = await backhaul(["check", "--project", folder.path], {
    env: { ...options.env, SNOWFLAKE_PASSWORD: "wrong-12345678" },
  });
  expect(wrong.code).toBe(3);
  expect(wrong.stdout + wrong.stderr).toContain("Incorrect username or password");
  expect(wrong.stdout + wrong.stderr).not.toContain("wrong-1234");
});

test.each(["local", "warehouse"])(
  "an interrupt cancels the statement in Snowflake, with state: %s",
  async (where) => {
    await using server = await startSnowflake({ users: { SYNC: { password: "pw-12345678" } } });
    await using sandbox = await sandboxProcess();
    using folder = temporaryFolder();
    writeFiles(folder.path, {
      "backhaul.yml": `project: snow
warehouses:
  snow: { type: snowflake, account: acme-eu1, access_url: "\${env:SNOWFLAKE_URL}", user: SYNC, password: "\${env:SNOWFLAKE_PASSWORD}", database: DB, schema: PUBLIC, warehouse: WH }
state: { type: ${where} }
destinations:${DESTINATION}`,
      "models/orders.yml": MODEL,
      "models/orders.sql":
        "SELECT 's' AS shop, COUNT(*) AS number, 'x' AS external, 'n' AS name, 1.5 AS amount FROM TABLE(GENERATOR(ROWCOUNT => 100000000000000))",
    });
    const env = { ...sandboxEnv(sandbox), SNOWFLAKE_URL: server.url, SNOWFLAKE_PASSWORD: "pw-12345678" };
    const ended = await backhaul(["run", "--project", folder.path], {
      env,
      async onStart(child) {
        const isSlow = () => server.running() === 1 && server.statements.at(-1)?.includes("GENERATOR");
        while (!(isSlow() && server.received.at(-1)?.body?.describeOnly !== true)) {
          await new Promise((done) => setTimeout(done, 20));
        }
        child.kill("SIGINT");
      },
    });
    expect(ended.code, ended.stderr).toBe(130);
    expect(server.cancelled.length).toBe(1);
    await expect.poll(() => server.running()).toBe(0);
    await expect.poll(() => server.sessions().length).toBe(0);
  },
);
