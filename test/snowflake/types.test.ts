import { afterAll, beforeAll, expect, test } from "vitest";
import type { Warehouse } from "../../src/ports.ts";
import type { TestSnowflake } from "../support/snowflake/server.ts";
import { account, open, readAll } from "./account.ts";

let server: TestSnowflake;
let warehouse: Warehouse;
beforeAll(async () => {
  server = await account();
  warehouse = await open(server);
});
afterAll(async () => {
  await warehouse[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

/** More of each type than the table of the connector's page has, which test/warehouses/types.test.ts reads. */
const CARRIED: readonly (readonly [type: string, expression: string, kind: string, text: string | null])[] = [
  ["NUMBER(p,0)", "CAST(-7 AS NUMBER(5,0))", "integer", "-7"],
  ["NUMBER(p,0)", "CAST(999999999999999999 AS NUMBER(18,0))", "integer", "999999999999999999"],
  [
    "INTEGER",
    "'12345678901234567890123456789012345678'::INTEGER",
    "decimal",
    "12345678901234567890123456789012345678",
  ],
  [
    "NUMBER(p,s)",
    "'-12345678901234567890.12345678'::NUMBER(38,8)",
    "decimal",
    "-12345678901234567890.12345678",
  ],
  ["NUMBER(p,s)", "CAST(1.5 AS NUMBER(10,2))", "decimal", "1.50"],
  ["FLOAT", "0.1::FLOAT", "double", "0.1"],
  ["FLOAT", "0.1::FLOAT + 0.2::FLOAT", "double", "3.0000000000000004e-01"],
  ["FLOAT", "'-1.7976931348623157e308'::FLOAT", "double", "-1.7976931348623157e+308"],
  ["FLOAT", "'5e-324'::FLOAT", "double", "4.94065645841247e-324"],
  ["FLOAT", "'NaN'::FLOAT", "double", "NaN"],
  ["FLOAT", "'inf'::FLOAT", "double", "Infinity"],
  ["FLOAT", "'-inf'::FLOAT", "double", "-Infinity"],
  ["VARCHAR", "'O''Neil \\\\ \\n– Zoë 🚚'", "text", "O'Neil \\ \n– Zoë 🚚"],
  ["VARCHAR", "''", "text", ""],
  ["BOOLEAN", "TRUE", "boolean", "true"],
  ["BOOLEAN", "FALSE", "boolean", "false"],
  ["DATE", "'2024-02-29'::DATE", "date", "2024-02-29"],
  ["TIME", "'10:00:00'::TIME", "text", "10:00:00"],
  ["TIME", "'23:59:59.120'::TIME", "text", "23:59:59.12"],
  ["TIMESTAMP_NTZ", "'2024-03-10 02:30:00'::TIMESTAMP_NTZ", "timestamp", "2024-03-10T02:30:00Z"],
  [
    "TIMESTAMP_NTZ",
    "'2024-03-10 02:30:00.123456789'::TIMESTAMP_NTZ(9)",
    "timestamp",
    "2024-03-10T02:30:00.123456Z",
  ],
  [
    "TIMESTAMP_NTZ",
    "'1969-12-31 23:59:59.999999999'::TIMESTAMP_NTZ(9)",
    "timestamp",
    "1969-12-31T23:59:59.999999Z",
  ],
  ["TIMESTAMP_LTZ", "'2024-03-10 02:30:00.5+02:00'::TIMESTAMP_LTZ", "timestamp", "2024-03-10T00:30:00.5Z"],
  [
    "TIMESTAMP_TZ",
    "'2024-03-10 02:30:00.000010-09:30'::TIMESTAMP_TZ",
    "timestamp",
    "2024-03-10T12:00:00.00001Z",
  ],
  ["VARIANT", `PARSE_JSON('{"a": [1, "x", null]}')`, "text", '{"a":[1,"x",null]}'],
  ["VARIANT", "TO_VARIANT('abc')", "text", '"abc"'],
  ["OBJECT", "OBJECT_CONSTRUCT('a', 1)", "text", '{"a":1}'],
  ["ARRAY", "ARRAY_CONSTRUCT(1, 'x')", "text", '[1,"x"]'],
  ["MAP", `PARSE_JSON('{"k":1}')::MAP(VARCHAR, NUMBER)`, "text", '{"k":1}'],
  ["BINARY", "'DEADbeef'::BINARY", "text", "DEADBEEF"],
  [
    "GEOGRAPHY",
    `TO_GEOGRAPHY('{"type":"Point","coordinates":[1.5,2]}')`,
    "text",
    '{"type":"Point","coordinates":[1.5,2]}',
  ],
  [
    "GEOMETRY",
    `TO_GEOMETRY('{"type":"Point","coordinates":[1.5,2]}')`,
    "text",
    '{"type":"Point","coordinates":[1.5,2]}',
  ],
];

const nullOf = (type: string): string =>
  ({ "NUMBER(p,0)": "NUMBER(5,0)", "NUMBER(p,s)": "NUMBER(10,2)", MAP: "MAP(VARCHAR, NUMBER)" })[type] ??
  type;

test.each(CARRIED)("%s: %s", async (type, expression, kind, text) => {
  const { columns, rows } = await readAll(warehouse, `SELECT ${expression} AS x`);
  expect(columns[0]).toMatchObject({ name: "x", kind });
  expect(rows).toEqual([[text]]);
  // The same type's NULL is null, by way of the same statement.
  if (type === "GEOGRAPHY" || type === "GEOMETRY") return;
  const nothing = await readAll(warehouse, `SELECT CAST(NULL AS ${nullOf(type)}) AS x`);
  expect(nothing.rows).toEqual([[null]]);
});

test("a float keeps every bit", async () => {
  const floats = [Math.PI, 1 / 3, 2 ** 53 + 2, 1e21, 5e-324, 123456789.12345679, -0.1 - 0.2];
  const { rows } = await readAll(
    warehouse,
    `SELECT ${floats.map((x, i) => `'${x}'::FLOAT AS x${i}`).join(", ")}`,
  );
  expect(rows[0]?.map(Number)).toEqual(floats);
});

test("a timestamp without a zone is in the model's, across a change of the clocks", async () => {
  const sql =
    "SELECT '2024-03-31 01:30:00'::TIMESTAMP_NTZ AS a, '2024-03-31 03:30:00'::TIMESTAMP_NTZ AS b, '2024-07-01 00:00:00Z'::TIMESTAMP_TZ AS c";
  const { rows } = await readAll(warehouse, sql, { timezone: "Europe/Berlin" });
  expect(rows).toEqual([["2024-03-31T00:30:00Z", "2024-03-31T01:30:00Z", "2024-07-01T00:00:00Z"]]);
});
