/**
 * Every SQL text that is sent to Snowflake, as a file below golden/ that was read against Snowflake's SQL reference.
 * A change of a file is a change of what an account is asked: read it again. `UPDATE_GOLDEN=1` writes the files.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import { parametersOf } from "../../connectors/snowflake/config.ts";
import { snowflakeDialect as dialect } from "../../connectors/snowflake/dialect.ts";
import { describeStatement, rowsStatement, WHO_AM_I } from "../../connectors/snowflake/index.ts";
import { setParameters } from "../../connectors/snowflake/session.ts";
import type { Column, ColumnKind } from "../../src/core/value.ts";
import { backhaul, DESTINATION, sandboxEnv, sandboxProcess, writeFiles } from "../support/cli.ts";
import { temporaryFolder } from "../support/project.ts";
import { account, configOf, PASSWORD } from "./account.ts";

const folder = new URL("golden/", import.meta.url);
const seen = new Set<string>();
afterAll(() => {
  if (process.env.UPDATE_GOLDEN) return;
  expect(readdirSync(folder).sort(), "files that no test reads").toEqual([...seen].sort());
});

function golden(name: string, statements: readonly string[]): void {
  const text = `${statements.join(";\n\n")};\n`;
  const file = `${name}.sql`;
  seen.add(file);
  if (process.env.UPDATE_GOLDEN) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(new URL(file, folder), text);
  }
  const held = readFileSync(new URL(file, folder), "utf8");
  expect(text, "read what differs, then write it with UPDATE_GOLDEN=1").toBe(held);
}

const column = (name: string, kind: ColumnKind, sqlType: string, more: Partial<Column> = {}): Column => ({
  name,
  kind,
  sqlType,
  ...more,
});
const COLUMNS: readonly Column[] = [
  column("id", "integer", "NUMBER(18,0)"),
  column("big", "decimal", "NUMBER(38,0)", { precision: 38, scale: 0 }),
  column("amount", "decimal", "NUMBER(18,2)", { precision: 18, scale: 2 }),
  column("ratio", "double", "FLOAT"),
  column("first name", "text", "VARCHAR"),
  column("active", "boolean", "BOOLEAN"),
  column("born", "date", "DATE"),
  column("opens", "text", "TIME"),
  column("naive", "timestamp", "TIMESTAMP_NTZ", { zoned: false }),
  column("here", "timestamp", "TIMESTAMP_LTZ", { zoned: true }),
  column("there", "timestamp", "TIMESTAMP_TZ", { zoned: true }),
  column("ANY", "text", "VARIANT"),
  column("Bytes", "text", "BINARY"),
  column("place", "text", "GEOGRAPHY"),
];

describe("what the connector sends by itself", () => {
  const query = { text: "SELECT * FROM people -- all of them", file: "models/people.sql" };

  test("a session", () => {
    const config = configOf(
      { url: "http://localhost", account: "a" },
      {
        query_tag: "it's a \\ tag",
        statement_timeout: 600_000,
        session_parameters: { WEEK_START: 1, USE_CACHED_RESULT: false },
      },
    );
    golden("session", [setParameters(parametersOf(config)), WHO_AM_I]);
  });

  test("the columns and the rows of a model", () => {
    golden("model", [describeStatement(query), query.text, rowsStatement(query, COLUMNS, "Europe/Berlin")]);
  });

  test("a transaction", () => {
    golden("transaction", ["BEGIN", "COMMIT", "ROLLBACK"]);
  });
});

describe("the dialect", () => {
  const x = "x";

  test("stored types, from the model, from text and to text", () => {
    golden(
      "values",
      COLUMNS.map((c) =>
        [
          `SELECT ${dialect.fromModel(c, dialect.quote(c.name), "Europe/Berlin")}`,
          `${dialect.fromText(c, x)}`,
          `${dialect.toText(c, x)}`,
          `${dialect.folded(c, x)}`,
          `CAST(NULL AS ${dialect.storedType(c)})`,
        ].join(",\n  "),
      ),
    );
  });

  test("retyped", () => {
    const [integer, , decimal, double, text, boolean, date, , timestamp] = COLUMNS as [
      Column,
      Column,
      ...Column[],
    ];
    const kinds = [integer, decimal, double, text, boolean, date, timestamp] as Column[];
    golden(
      "retyped",
      kinds.flatMap((from) =>
        kinds
          .filter((to) => to !== from)
          .map((to) => `-- ${from.kind} as ${to.kind}\nSELECT ${dialect.retyped(from, to, x)}`),
      ),
    );
  });

  test("the rights that a state's schema lacks", () => {
    golden("rights", [dialect.missingRights!("backhaul")]);
  });

  test("names, literals and the rest", () => {
    golden("words", [
      `SELECT ${["id", "ID", "Id", "first name", 'a"b', "_id1", "1st"].map(dialect.quote).join(", ")}`,
      `SELECT ${["it's", "a\\b", "a\nb", "\u0000"].map(dialect.literal).join(", ")}`,
      `SELECT ${dialect.hash(["a", "b"])}, ${dialect.rowNumber}, ${dialect.now}`,
      dialect.insertIfAbsent("leases", "name_key", { name_key: "'k'", holder: "''", token: "0" }),
      dialect.createTableAs(`${dialect.quote("backhaul")}.${dialect.quote("s1_base_0")}`, "SELECT 1 AS id"),
    ]);
  });
});

test("what runs with their state in Snowflake send", async () => {
  await using server = await account();
  await using sandbox = await sandboxProcess();
  using folder = temporaryFolder();
  await server.sql(
    "CREATE TABLE orders (number VARCHAR, name VARCHAR, amount NUMBER(18,2), sold TIMESTAMP_NTZ)",
  );
  await server.sql(
    "INSERT INTO orders VALUES ('1', 'a', 1, NULL), ('2', 'b', 2, NULL), ('3', 'c', 3, NULL), ('3', 'd', 4, NULL)",
  );
  writeFiles(folder.path, {
    "backhaul.yml": `project: golden
warehouses:
  snow:
    { type: snowflake, account: acme-eu1, access_url: "\${env:SNOWFLAKE_URL}", user: SYNC, password: "\${env:SNOWFLAKE_PASSWORD}",
      database: DB, schema: PUBLIC, warehouse: WH, state: { type: warehouse } }
destinations:${DESTINATION}`,
    "models/orders.yml": `model: orders
primary_key: number
table: orders
syncs:
  - sync: orders
    destination: dynamics
    object: new_order
    mode: upsert
    match: { new_externalid: number }
    fields: { new_name: name, new_amount: amount }
`,
  });
  const env = { ...sandboxEnv(sandbox), SNOWFLAKE_URL: server.url, SNOWFLAKE_PASSWORD: PASSWORD };
  const run = (command: string) => backhaul([command, "--project", folder.path, "--json"], { env });
  expect((await run("run")).code).toBe(1); // the double key
  await server.sql("UPDATE orders SET name = 'x' WHERE number = '1'");
  expect((await run("run")).code).toBe(1);
  expect((await run("plan")).code).toBe(1);
  const own = new Set([...server.statements].map(unvarying));
  // By the alphabet: the order is the state's business.
  golden("runs", [...own].sort());
}, 240_000);

/** A statement without what differs from run to run. */
function unvarying(sql: string): string {
  return sql
    .replaceAll(/(PLAN)[0-9A-Z]+_[0-9A-F]+_(?=S[0-9A-F]{12}_)/g, "$1_")
    .replaceAll(/\bS[0-9A-F]{12}_|(?<=PLAN_)S[0-9A-F]{12}_/g, "S_")
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, "UUID")
    .replaceAll(/\d{8}T\d{9}Z-[0-9a-z]+/g, "RUN")
    .replaceAll(/'[0-9a-f]{12,16}'|"[0-9a-f]{12,16}"/g, "'ID'")
    .replaceAll(/'[^']* process \d+ \([0-9a-f-]+\)'/g, "'HOLDER'")
    .replaceAll(/\b1[78]\d{11}\b/g, "MILLISECONDS")
    .replaceAll(/'\{"(columns|run|used)".*?\}'(?=[ ,)])/gs, "'{\"$1\": …}'");
}
