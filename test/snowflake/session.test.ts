import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SyncError } from "../../src/core/errors.ts";
import type { Warehouse } from "../../src/ports.ts";
import { freePort } from "../support/postgres.ts";
import type { TestSnowflake } from "../support/snowflake/server.ts";
import { account, keyPair, open, PASSWORD, readAll } from "./account.ts";

const signal = new AbortController().signal;
const plain = keyPair();
const sealed = keyPair("open-sesame");
const other = keyPair();

let server: TestSnowflake;
beforeAll(async () => {
  server = await account({
    users: {
      SYNC: {
        password: PASSWORD,
        publicKey: plain.publicKey,
        accessTokens: ["pat-secret-1"],
        oauthTokens: ["oauth-secret-1"],
        workloadTokens: ["oidc-secret-1"],
      },
      SEALED: { publicKey: sealed.publicKey },
    },
    readers: ["READER"],
    rowsInline: 10,
    rowsPerChunk: 1_000,
    holdMs: 100,
  });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

const none = { password: undefined } as unknown as { password: string };
const problemOf = async (work: Promise<unknown>) => {
  const error = await work.catch((e: unknown) => e);
  expect(error).toBeInstanceOf(SyncError);
  return (error as SyncError).problems[0]!;
};

describe("signs in by", () => {
  test.each([
    ["a password", {}],
    ["a private key", { ...none, private_key: plain.privateKey }],
    [
      "a private key with a passphrase",
      { ...none, user: "SEALED", private_key: sealed.privateKey, passphrase: "open-sesame" },
    ],
    ["a programmatic access token", { ...none, access_token: "pat-secret-1" }],
    ["an OAuth token", { ...none, user: undefined as never, oauth_token: "oauth-secret-1" }],
  ])("%s", async (_, config) => {
    await using warehouse = await open(server, config);
    expect(await warehouse.check(signal)).toEqual({ version: "Snowflake 9.9.9" });
  });

  test("a workload's identity, at an address that may have it", async () => {
    // The driver hands such a token to Snowflake's hosts alone.
    await using warehouse = await open(server, {
      ...none,
      workload_identity: { provider: "oidc", token: "oidc-secret-1" },
    });
    const problem = await problemOf(warehouse.check(signal));
    expect(problem.kind).toBe("connection");
    expect(problem.message).toContain("WORKLOAD_IDENTITY requires a recognized Snowflake host");
    process.env.SNOWFLAKE_WIF_ALLOWED_HOST_SUFFIXES = "127.0.0.1";
    try {
      expect(await warehouse.check(signal)).toEqual({ version: "Snowflake 9.9.9" });
    } finally {
      delete process.env.SNOWFLAKE_WIF_ALLOWED_HOST_SUFFIXES;
    }
  });
});

describe("is told why it cannot be reached, and how to mend it", () => {
  test.each([
    ["a wrong password", { password: "wrong-horse-battery" }, "snowflake.390100", /password/],
    [
      "a key that is not the user's",
      { ...none, private_key: other.privateKey },
      "snowflake.390144",
      /RSA_PUBLIC_KEY/,
    ],
    ["a key that is none", { ...none, private_key: "not-a-key-at-all" }, "snowflake.private_key", /PEM/],
    [
      "a wrong passphrase",
      { ...none, private_key: sealed.privateKey, passphrase: "wrong-sesame" },
      "snowflake.private_key",
      /passphrase/,
    ],
    ["a wrong token", { ...none, access_token: "wrong-secret-1" }, "snowflake.394400", /token/],
    ["a wrong OAuth token", { ...none, oauth_token: "wrong-secret-2" }, "snowflake.390303", /OAuth/],
    ["an unknown role", { role: "NOSUCH" }, "snowflake.390189", /role/],
    ["an unknown warehouse", { warehouse: "NOSUCH" }, "snowflake.no_warehouse", /USAGE/],
    ["an unknown database", { database: "NOSUCH" }, "snowflake.no_database", /USAGE/],
    ["an unknown schema", { schema: "NOSUCH" }, "snowflake.no_schema", /USAGE/],
    ["an unknown account", { account: "nosuch-eu1" }, "snowflake.404", /account/],
  ])("%s", async (_, config, code, remedy) => {
    await using warehouse = await open(server, config);
    const problem = await problemOf(warehouse.check(signal));
    expect(problem).toMatchObject({ kind: "connection", code });
    expect(problem.remedy).toMatch(remedy);
    expect(JSON.stringify(problem)).not.toMatch(/wrong-|secret-|not-a-key|BEGIN|battery/);
  });

  test("a port where nothing listens", async () => {
    await using warehouse = await open({ url: `http://127.0.0.1:${await freePort()}`, account: "a" });
    const problem = await problemOf(warehouse.check(signal));
    expect(problem).toMatchObject({ kind: "connection", code: "snowflake.ECONNREFUSED" });
  });

  test("no warehouse to run a query with", async () => {
    await using warehouse = await open(server, { warehouse: undefined as never });
    await server.sql("CREATE OR REPLACE TABLE few AS SELECT 1 AS id");
    expect((await warehouse.columns({ text: "SELECT id FROM few", file: "t.sql" }, signal)).length).toBe(1);
    const problem = await problemOf(readAll(warehouse, "SELECT id FROM few"));
    expect(problem).toMatchObject({ kind: "connection", code: "snowflake.000606" });
    expect(problem.remedy).toContain("warehouse");
  });
});

describe("a session", () => {
  test("has the parameters of the config, and is over when the warehouse is closed", async () => {
    const before = server.sessions().length;
    {
      await using warehouse = await open(server, {
        query_tag: "crm's \\ sync",
        statement_timeout: 1_500,
        session_parameters: { week_start: 1, USE_CACHED_RESULT: false, Timezone: "Europe/Berlin" },
      });
      await warehouse.check(signal);
      expect(server.sessions().at(-1)?.parameters).toEqual({
        QUERY_TAG: "crm's \\ sync",
        STATEMENT_TIMEOUT_IN_SECONDS: 2,
        MULTI_STATEMENT_COUNT: 1,
        LOCK_TIMEOUT: 660,
        ABORT_DETACHED_QUERY: true,
        TIMEZONE: "Europe/Berlin",
        WEEK_START: 1,
        USE_CACHED_RESULT: false,
      });
    }
    expect(server.sessions().length).toBe(before);
  });

  test("goes on when its token has to be renewed", async () => {
    await using warehouse = await open(server);
    await warehouse.check(signal);
    server.expire();
    expect((await readAll(warehouse, "SELECT 1 AS id")).rows).toEqual([["1"]]);
    expect(server.received.some(({ path }) => path === "/session/token-request")).toBe(true);
  });

  test("runs a statement once whose answer was lost on the way", async () => {
    await using warehouse = await open(server);
    await server.sql("CREATE OR REPLACE TABLE once (n INTEGER)");
    await warehouse.check(signal);
    server.loseAnswers(1);
    expect(await warehouse.engine?.run("INSERT INTO once VALUES (1), (2)")).toBe(2);
    expect(await server.sql("SELECT TO_VARCHAR(COUNT(*)) FROM once")).toEqual([["2"]]);
  });

  test("that may not keep the state says what it lacks", async () => {
    const make = async (config: Parameters<typeof open>[1], sql: string) => {
      await using warehouse = await open(server, config);
      return await problemOf(warehouse.engine!.run(sql));
    };
    const rights = await make({ role: "READER" }, "CREATE SCHEMA IF NOT EXISTS backhaul");
    expect(rights).toMatchObject({ kind: "connection", code: "snowflake.003001" });
    expect(rights.remedy).toContain("CREATE TABLE");
    const database = await make({ database: undefined as never }, "SELECT * FROM information_schema.tables");
    expect(database).toMatchObject({ kind: "config", code: "snowflake.no_database" });
  });

  test("sends no telemetry but the requests of its work", async () => {
    const from = server.received.length;
    {
      await using warehouse = await open(server);
      await readAll(warehouse, "SELECT 12345678901234567890 AS id");
    }
    expect(new Set(server.received.slice(from).map(({ path }) => path))).toEqual(
      new Set(["/session/v1/login-request", "/queries/v1/query-request", "/session"]),
    );
  });
});

describe("rows", () => {
  const many = (count: number) =>
    `SELECT ROW_NUMBER() OVER (ORDER BY SEQ4()) AS id, 'n' || SEQ4() AS name FROM TABLE(GENERATOR(ROWCOUNT => ${count}))`;
  let warehouse: Warehouse;
  beforeAll(async () => {
    warehouse = await open(server);
  });
  afterAll(() => warehouse[Symbol.asyncDispose]());

  test("come in chunks, each once and in order, also when a chunk has to be asked for again", async () => {
    server.failChunks(1);
    const { rows } = await readAll(warehouse, many(12_345));
    expect(rows.map(([id]) => Number(id))).toEqual(Array.from({ length: 12_345 }, (_, i) => i + 1));
    expect(rows.at(-1)).toEqual(["12345", "n12344"]);
  });

  test("describing a query runs nothing", async () => {
    const from = server.received.length;
    const text = "SELECT COUNT(*) AS n FROM TABLE(GENERATOR(ROWCOUNT => 100000000000000))";
    expect(await warehouse.columns({ text, file: "t.sql" }, signal)).toMatchObject([{ name: "n" }]);
    expect(server.received.slice(from).map(({ body }) => body.describeOnly)).toEqual([true, true]);
  });

  test("a reader that stops early leaves a session that serves on", async () => {
    const query = { text: many(50_000), file: "t.sql" };
    const columns = await warehouse.columns(query, signal);
    if (warehouse.access.kind !== "stream") throw new Error("no stream");
    for await (const _ of warehouse.access.rows(query, columns, { timezone: "UTC", signal })) break;
    expect((await readAll(warehouse, "SELECT 1 AS id")).rows).toEqual([["1"]]);
  });

  test("an interrupt cancels the statement at the server", async () => {
    const abort = new AbortController();
    const slow = "SELECT COUNT(*) AS n FROM TABLE(GENERATOR(ROWCOUNT => 100000000000000))";
    const from = server.cancelled.length;
    const ended = readAll(warehouse, slow, { signal: abort.signal }).catch((error: unknown) => error);
    await expect.poll(() => server.running()).toBe(1);
    abort.abort();
    expect(await ended).toMatchObject({ name: "AbortError" });
    expect(server.cancelled.length).toBe(from + 1);
    await expect.poll(() => server.running()).toBe(0);
    expect((await readAll(warehouse, "SELECT 1 AS id")).rows).toEqual([["1"]]);
  });

  test("an interrupt ends a read between its chunks, and asks for no more of them", async () => {
    const abort = new AbortController();
    const query = { text: many(40_000), file: "t.sql" };
    const columns = await warehouse.columns(query, signal);
    const read = async (): Promise<void> => {
      if (warehouse.access.kind !== "stream") return;
      const options = { timezone: "UTC", signal: abort.signal };
      for await (const _ of warehouse.access.rows(query, columns, options)) abort.abort();
    };
    const chunks = () => server.received.filter(({ path }) => path.startsWith("/chunks/")).length;
    const from = chunks();
    await expect(read()).rejects.toMatchObject({ name: "AbortError" });
    expect(chunks() - from).toBeLessThan(20);
    expect((await readAll(warehouse, "SELECT 1 AS id")).rows).toEqual([["1"]]);
  });

  test("a statement ends at the config's timeout", async () => {
    await using hasty = await open(server, { statement_timeout: 1_000 });
    const slow = "SELECT COUNT(*) AS n FROM TABLE(GENERATOR(ROWCOUNT => 100000000000000))";
    const problem = await problemOf(readAll(hasty, slow));
    expect(problem).toMatchObject({
      kind: "config",
      code: "model.statement_timeout",
      place: { file: "models/t.sql" },
    });
    expect(problem.remedy).toContain("statement_timeout");
  });
});

describe("a model that Snowflake refuses", () => {
  test.each([
    [
      "an unknown column",
      "SELECT 1 AS id,\n  nosuch AS x\nFROM (SELECT 2 AS y) t",
      { line: 2, column: 3 },
      /invalid identifier 'NOSUCH'/,
    ],
    [
      "a quoted name of another case",
      'SELECT "y" FROM (SELECT 2 AS y) t',
      { line: 1, column: 8 },
      /invalid identifier 'y'/,
    ],
    ["an unknown table", "SELECT *\nFROM nosuch", {}, /Object 'NOSUCH' does not exist or not authorized/],
    ["an unknown function", "SELECT\n NOSUCH(1) AS x", { line: 2, column: 2 }, /Unknown function NOSUCH/],
    ["a statement that writes", "DELETE FROM t", { line: 1, column: 1 }, /unexpected 'DELETE'/],
    ["two statements", "SELECT 1 AS id); DROP TABLE t; SELECT (1", {}, /statement count/],
    [
      "numbering without an order",
      "SELECT ROW_NUMBER() OVER () AS id",
      { line: 1, column: 8 },
      /requires ORDER BY/,
    ],
    ["nothing", "", {}, /unexpected/],
  ])("%s", async (_, text, place, message) => {
    await using warehouse = await open(server);
    const problem = await problemOf(warehouse.columns({ text, file: "models/m.sql" }, signal));
    expect(problem).toMatchObject({ kind: "config", code: "model.sql_refused" });
    expect(problem.place).toMatchObject({ file: "models/m.sql", ...place });
    expect(problem.message).toMatch(/^Snowflake refuses the query: /);
    expect(problem.message).toMatch(message);
    expect(problem.message).not.toMatch(/\n|error line/);
  });

  test("a value that does not fit ends the query with the file's name", async () => {
    await using warehouse = await open(server);
    const problem = await problemOf(readAll(warehouse, "SELECT 1 AS id, CAST('x1' AS INTEGER) AS n"));
    expect(problem).toMatchObject({
      kind: "config",
      code: "model.query_failed",
      place: { file: "models/t.sql" },
    });
  });
});

test("names are the other case's where they are all of one", async () => {
  await using warehouse = await open(server);
  const sql = 'SELECT 1 AS id, 2 AS "id", 3 AS "Id", 4 AS "first name", 5 AS First_Name, 6 AS "a""b~"';
  const { columns, rows } = await readAll(warehouse, sql);
  expect(columns.map(({ name }) => name)).toEqual(["id", "ID", "Id", "first name", "first_name", 'a"b~']);
  expect(rows).toEqual([["1", "2", "3", "4", "5", "6"]]);
});
