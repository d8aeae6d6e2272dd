/** What PostgreSQL alone has: rights, a search path, timeouts, a pooler in between. */
import { readFileSync } from "node:fs";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { PostgresConfig } from "../../connectors/postgres/config.ts";
import { postgresDialect } from "../../connectors/postgres/dialect.ts";
import postgres from "../../connectors/postgres/index.ts";
import type { SyncError } from "../../src/core/errors.ts";
import type { Column } from "../../src/core/value.ts";
import { startPooler } from "../support/pooler.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { temporaryFolder } from "../support/project.ts";
import { valuesOf, type Way } from "./values.ts";

const signal = new AbortController().signal;
const ways: readonly Way[] = ["local", "warehouse"];
const folder = temporaryFolder();
let server: TestPostgres;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

const open = (more: Partial<PostgresConfig> = {}) =>
  postgres.open({ type: "postgres", port: 5432, url: server.url, ...more }, { folder: folder.path });

/** The first problem of what is thrown. */
async function problem(work: Promise<unknown>) {
  const error = (await work.catch((e: unknown) => e)) as SyncError;
  return error.problems[0]!;
}

describe("connections", () => {
  test.each([
    ["a wrong password", () => server.url.replace(server.password, "wrong-password"), "postgres.28P01"],
    ["a missing database", () => server.url.replace(/postgres$/, "nosuch"), "postgres.3D000"],
    [
      "a port where nothing listens",
      () => server.url.replace(`:${server.port}/`, ":1/"),
      "postgres.ECONNREFUSED",
    ],
  ])("%s is a connection error without the password in it", async (_, url, code) => {
    await using warehouse = await open({ url: url() });
    for (const work of [warehouse.check(signal), warehouse.engine!.rows("SELECT 'x'")]) {
      const error = (await work.catch((e: unknown) => e)) as SyncError;
      expect(error.problems[0]).toMatchObject({ kind: "connection", code });
      expect(error.message).not.toContain("wrong-password");
      expect(error.message).not.toContain(server.password);
    }
  });

  test("one that is lost in a transaction is a connection error, and nothing of it stays", async () => {
    await using warehouse = await open();
    const { engine } = warehouse;
    await engine!.run("CREATE TABLE public.lost (n int)");
    const ended = engine!.transaction([
      { sql: "INSERT INTO public.lost VALUES (1)" },
      { sql: "INSERT INTO public.lost SELECT 2 FROM pg_sleep(60)" },
    ]);
    const found = problem(ended);
    await running();
    await server.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'backhaul'",
    );
    expect(await found).toMatchObject({ kind: "connection" });
    expect(await engine!.rows("SELECT n FROM public.lost")).toEqual([]);
  });

  test("an interrupt ends the statement on the server too", async () => {
    await using warehouse = await open();
    const abort = new AbortController();
    const sql = "CREATE TABLE public.never AS SELECT pg_sleep(60)::text AS s";
    const ended = warehouse.engine!.run(sql, abort.signal).catch((error: unknown) => error);
    await running();
    abort.abort();
    expect(await ended).toMatchObject({ name: "AbortError" });
    await expect.poll(async () => (await server.query(`SELECT pid ${RUNNING}`)).rows.length).toBe(0);
  });

  const RUNNING = "FROM pg_stat_activity WHERE application_name = 'backhaul' AND state = 'active'";
  async function running(): Promise<void> {
    await expect.poll(async () => (await server.query(`SELECT pid ${RUNNING}`)).rows.length).toBe(1);
  }
});

describe.each(ways)("into state: %s", (way) => {
  test("a value that no destination takes is a matter of its row", async () => {
    await using warehouse = await open();
    const rows = (columns: string) => `SELECT * FROM (VALUES ${columns}) v(id, v)`;
    const numbers = "(1, 1.5::numeric(10,2)), (2, 'NaN'::numeric(10,2)), (3, (-100)::numeric(10,2))";
    expect((await valuesOf(warehouse, way, rows(numbers))).rows).toEqual([
      ["1", "1.50"],
      ["2", "NaN"],
      ["3", "-100.00"],
    ]);
    const moments =
      "(1, '2024-02-29 10:00:00.5'::timestamp), (2, '0044-03-15 BC'), (3, '294247-01-10 04:00:54.775806'), (4, 'infinity'), (5, null)";
    expect((await valuesOf(warehouse, way, rows(moments))).rows).toEqual([
      ["1", "2024-02-29T10:00:00.5Z"],
      ["2", "0044-03-15 (BC) 00:00:00Z"],
      ["3", "294247-01-10T04:00:54.775806Z"],
      ["4", "infinity"],
      ["5", null],
    ]);
  });
});

describe("rights", () => {
  const page = readFileSync(new URL("../../connectors/postgres/README.md", import.meta.url), "utf8");
  const grants = (state: Way): string => new RegExp(`\`\`\`sql\n-- ${state}\n([^\`]*)\`\`\``).exec(page)![1]!;
  let admin: pg.Client;
  beforeAll(async () => {
    await server.query("CREATE DATABASE prod");
    admin = new pg.Client({ connectionString: server.url.replace(/postgres$/, "prod") });
    await admin.connect();
    await admin.query(
      "CREATE SCHEMA analytics; CREATE TABLE analytics.people AS SELECT 1 AS id, 'Ann' AS name",
    );
    await admin.query("CREATE SCHEMA secret; CREATE TABLE secret.salaries AS SELECT 1 AS id");
    await admin.query(grants("local"));
  });
  afterAll(() => admin.end());
  const asGranted = () =>
    open({ url: server.url.replace(/\/\/.*@/, "//backhaul:choose%20one@").replace(/postgres$/, "prod") });
  const people = "SELECT id, name FROM analytics.people";

  test("those for state: local are enough to read, and for nothing more", async () => {
    await using warehouse = await asGranted();
    await warehouse.check(signal);
    expect((await valuesOf(warehouse, "local", people)).rows).toEqual([["1", "Ann"]]);
    expect(
      await problem(
        warehouse.columns({ text: "SELECT id FROM secret.salaries", file: "models/s.sql" }, signal),
      ),
    ).toMatchObject({
      kind: "config",
      place: { file: "models/s.sql" },
      remedy: expect.stringContaining("Grant SELECT"),
    });
    expect(await problem(warehouse.engine!.run("CREATE SCHEMA backhaul"))).toMatchObject({
      kind: "connection",
      code: "postgres.42501",
      remedy: expect.stringContaining("README"),
    });
  });

  test("a function that writes is refused where a model is read", async () => {
    await admin.query(
      "CREATE FUNCTION analytics.sneak() RETURNS int LANGUAGE sql AS $$ INSERT INTO analytics.people VALUES (2, 'Eve') RETURNING 2 $$",
    );
    await using warehouse = await open({ url: server.url.replace(/postgres$/, "prod") });
    await expect(valuesOf(warehouse, "local", "SELECT analytics.sneak() AS id")).rejects.toThrow(/read-only/);
    expect((await admin.query("SELECT id FROM analytics.people")).rows).toEqual([{ id: 1 }]);
  });

  test("those for state: warehouse are enough for the state, and for no other schema", async () => {
    await admin.query(grants("warehouse"));
    await using warehouse = await asGranted();
    const engine = warehouse.engine!;
    expect((await valuesOf(warehouse, "warehouse", people)).rows).toEqual([["1", "Ann"]]);
    for (const sql of postgresDialect.afterLoad("backhaul.kept")) await engine.run(sql);
    expect(await engine.transaction([{ sql: "DELETE FROM backhaul.kept" }])).toEqual([1]);
    for (const sql of [
      "INSERT INTO analytics.people VALUES (2, 'Eve')",
      "CREATE TABLE analytics.planted (id int)",
      "CREATE TABLE public.planted (id int)",
    ]) {
      expect(await problem(engine.run(sql))).toMatchObject({ kind: "connection", code: "postgres.42501" });
    }
    await expect(valuesOf(warehouse, "warehouse", "SELECT analytics.sneak() AS id")).rejects.toMatchObject({
      problems: [{ code: "postgres.42501" }],
    });
  });
});

describe("search_path", () => {
  const column = (kind: Column["kind"], sqlType: string): Column => ({ name: "v", kind, sqlType });
  const samples: readonly (readonly [Column, example: string, text: string])[] = [
    [column("text", "text"), "'Ärger '::pg_catalog.text", "Ärger "],
    [column("text", "bytea"), "pg_catalog.decode('00ff', 'hex')", "AP8="],
    [column("text", "integer[]"), "'{1,2}'::pg_catalog.int4[]", "[1,2]"],
    [column("boolean", "boolean"), "true", "true"],
    [column("integer", "integer"), "7::pg_catalog.int4", "7"],
    [column("decimal", "numeric"), "1.50::pg_catalog.numeric", "1.5"],
    [column("double", "real"), "0.1::pg_catalog.float4", "0.1"],
    [column("date", "date"), "'0044-03-15 BC'::pg_catalog.date", "0044-03-15 (BC)"],
    [
      column("timestamp", "timestamp without time zone"),
      "'2024-03-10 01:02:03'::pg_catalog.timestamp",
      "2024-03-10T00:02:03Z",
    ],
    [
      column("uuid", "uuid"),
      "pg_catalog.repeat('0', 32)::pg_catalog.uuid",
      "00000000-0000-0000-0000-000000000000",
    ],
  ];
  const { fromModel, fromText, toText, folded, hash, retyped, literal, now, rowNumber } = postgresDialect;

  test("functions and types that somebody planted before PostgreSQL's own are not called", async () => {
    await server.query("CREATE SCHEMA planted");
    // Every function that our SQL calls, under the same name and arguments; every type that it names.
    await server.query(`DO $do$
      DECLARE f record;
      BEGIN
        FOR f IN SELECT proname, pg_get_function_identity_arguments(oid) AS args, prorettype::regtype AS result
                 FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND prokind = 'f' AND proname IN
                 ('lower', 'rtrim', 'length', 'octet_length', 'replace', 'regexp_replace', 'isfinite', 'timezone', 'trim_scale',
                  'encode', 'translate', 'array_to_json', 'floor', 'clock_timestamp', 'abs', 'trunc', 'date_trunc', 'substr', 'make_date')
        LOOP
          BEGIN
            EXECUTE format('CREATE FUNCTION planted.%I(%s) RETURNS %s LANGUAGE plpgsql AS $f$ BEGIN RAISE EXCEPTION ''planted''; END $f$', f.proname, f.args, f.result);
          EXCEPTION WHEN OTHERS THEN NULL;
          END;
        END LOOP;
      END $do$`);
    for (const type of ["text", "bool", "int8", "numeric", "float8", "date", "timestamp", "uuid"]) {
      await server.query(`CREATE DOMAIN planted.${type} AS pg_catalog.${type} CHECK (VALUE IS NULL)`);
    }
    const planted = await server.query(
      "SELECT count(*)::int AS n FROM pg_proc WHERE pronamespace = 'planted'::regnamespace",
    );
    expect(planted.rows[0].n).toBeGreaterThan(30);
    await server.query("CREATE ROLE wanderer SUPERUSER LOGIN PASSWORD 'w'");
    await server.query("ALTER ROLE wanderer SET search_path = planted, pg_catalog, public");
    await using warehouse = await open({ url: server.url.replace(/\/\/.*@/, "//wanderer:w@") });
    const engine = warehouse.engine!;
    for (const way of ways)
      await expect(valuesOf(warehouse, way, "SELECT 1 AS id, lower('A') AS v")).rejects.toThrow(/planted/);

    // Operators and aggregates of our statements, of whose values nobody else may have the say.
    await server.query(`
      CREATE FUNCTION planted.refuse(text, text) RETURNS bool LANGUAGE plpgsql AS $f$ BEGIN RAISE EXCEPTION 'planted'; END $f$;
      CREATE OPERATOR planted.= (LEFTARG = pg_catalog.text, RIGHTARG = pg_catalog.text, FUNCTION = planted.refuse);
      CREATE FUNCTION planted.add(int8) RETURNS int8 LANGUAGE sql AS 'SELECT 7::int8';
      CREATE AGGREGATE planted.count(*) (SFUNC = planted.add, STYPE = int8, INITCOND = '7');`);
    const counted =
      "SELECT CAST(count(*) AS pg_catalog.text) FROM (VALUES ('a'::pg_catalog.text), ('b'::pg_catalog.text)) v (x) WHERE x IS DISTINCT FROM 'a'::pg_catalog.text";
    expect(await engine.rows(counted)).toEqual([["1"]]);
    for await (const batch of engine.stream(counted)) expect(batch).toEqual([["1"]]);
    await engine.run("CREATE SCHEMA IF NOT EXISTS backhaul");
    await engine.run("DROP TABLE IF EXISTS backhaul.counted");
    await engine.run(`CREATE TABLE backhaul.counted AS ${counted}`);
    const more = `INSERT INTO backhaul.counted ${counted}`;
    expect(await engine.transaction([{ sql: more }])).toEqual([1]);
    expect(await engine.rows("SELECT count FROM backhaul.counted")).toEqual([["1"], ["1"]]);

    for (const [from, example, text] of samples) {
      const stored = fromModel(from, example, "Europe/Berlin");
      const all = [
        toText(from, stored),
        toText(from, fromText(from, literal(text))),
        ...samples.map(
          ([to]) => `CASE WHEN ${hash([retyped(from, to, stored)])} IS NULL THEN '' ELSE 'hashed' END`,
        ),
        `CASE WHEN ${folded(from, stored)} IS NULL THEN '' ELSE 'folded' END`,
      ];
      const [row] = await engine.rows(`SELECT ${all.join(", ")}`);
      expect([from.sqlType, ...row!.slice(0, 2), row!.at(-1)]).toEqual([from.sqlType, text, text, "folded"]);
      for (const way of ways) {
        const { rows } = await valuesOf(warehouse, way, `SELECT 1 AS id, ${example} AS v`, {
          timezone: "Europe/Berlin",
        });
        expect(rows).toEqual([["1", text]]);
      }
    }
    expect((await engine.rows(`SELECT ${now}, ${rowNumber}`))[0]).toHaveLength(2);
  });

  test.each(ways)("a model's names are found by the user's own path, into state: %s", async (way) => {
    await server.query(
      "CREATE SCHEMA IF NOT EXISTS mine; CREATE TABLE IF NOT EXISTS mine.words AS SELECT 1 AS id, 'hello' AS v",
    );
    await using warehouse = await open({ url: `${server.url}?options=-c%20search_path%3Dmine` });
    expect((await valuesOf(warehouse, way, "SELECT id, v FROM words")).rows).toEqual([["1", "hello"]]);
  });
});

describe("statement_timeout", () => {
  test("ends a model's read with the file's name, and a statement of the state's with the setting's", async () => {
    await using warehouse = await open({ statement_timeout: 600 });
    const slow = "SELECT 1 AS id, pg_sleep(60)::text AS v";
    expect(await problem(valuesOf(warehouse, "local", slow, { file: "models/slow.sql" }))).toMatchObject({
      kind: "config",
      code: "model.statement_timeout",
      place: { file: "models/slow.sql" },
    });
    expect(await problem(valuesOf(warehouse, "warehouse", slow))).toMatchObject({
      kind: "connection",
      code: "postgres.57014",
      remedy: expect.stringContaining("statement_timeout"),
    });
    expect(await warehouse.engine!.rows("SELECT 'well'")).toEqual([["well"]]);
  });
});

test("more columns than a table of PostgreSQL's can hold are a mistake of the config", async () => {
  await using warehouse = await open({ url: server.url });
  const wide = Array.from({ length: 1_700 }, (_, i) => `1 AS c${i}`).join(", ");
  expect(await problem(warehouse.engine!.run(`CREATE TABLE wide AS SELECT ${wide}`))).toMatchObject({
    kind: "config",
    code: "postgres.limit",
  });
});

test("work_mem holds for the statements alone, as the config says", async () => {
  await using warehouse = await open({ work_mem: "96MB" });
  expect(await warehouse.engine!.rows("SELECT pg_catalog.current_setting('work_mem')")).toEqual([["96MB"]]);
  await using other = await open();
  expect(await other.engine!.rows("SELECT pg_catalog.current_setting('work_mem')")).toEqual([["64MB"]]);
});

describe("behind a transaction pooler", () => {
  test("one warehouse's transactions run on several server connections, and need none of their own", async () => {
    await using pooler = await startPooler({ url: server.url, connections: 2 });
    await using warehouse = await open({ url: pooler.url });
    for (let time = 0; time < 6; time += 1) await warehouse.engine!.rows("SELECT 'x'");
    expect(new Set(pooler.transactions)).toEqual(new Set([0, 1]));
  });

  test("an interrupt ends our own statement there, and nobody else's", async () => {
    await using pooler = await startPooler({ url: server.url, connections: 3 });
    await using warehouse = await open({ url: pooler.url });
    await using other = await open({ url: pooler.url });
    const abort = new AbortController();
    const ours = warehouse.engine!.run(
      "CREATE TABLE public.x AS SELECT pg_sleep(3600)::text AS ours",
      abort.signal,
    );
    const ended = ours.catch((error: unknown) => error);
    const theirs = other.engine!.rows("SELECT 'theirs' FROM pg_sleep(2)");
    const sleeping = async (what: string): Promise<number> =>
      (
        await server.query(
          `SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid() AND query LIKE '%${what}%'`,
        )
      ).rows.length;
    await expect.poll(() => sleeping("ours")).toBe(1);
    abort.abort();
    expect(await ended).toMatchObject({ name: "AbortError" });
    await expect.poll(() => sleeping("ours")).toBe(0);
    expect(await theirs).toEqual([["theirs"]]);
  });
});
