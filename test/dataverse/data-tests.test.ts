/** The data tests count in SQL what the coercers reject value by value: every column shape, every kind it takes. */
import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Shape } from "../../connectors/dataverse/table.ts";
import { coercerOf } from "../../connectors/dataverse/types/coercer.ts";
import { blankOf, limitsOf } from "../../connectors/dataverse/types/limits.ts";
import duckdb from "../../connectors/duckdb/index.ts";
import postgres from "../../connectors/postgres/index.ts";
import type { Column, Value } from "../../src/core/value.ts";
import type { Warehouse } from "../../src/ports.ts";
import { dataQuery, KEY_CODES, type Subject } from "../../src/sync/data-query.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { inDuckdb, temporaryFolder } from "../support/project.ts";
import fc from "../support/seeded.ts";
import { attribute } from "./support/tables.ts";

const labels = (value: number, ...texts: string[]) => ({ value, label: texts[0] ?? "", labels: texts });
const COLOURS = [
  labels(1, "Red", "Rot"),
  labels(2, "Grün"),
  labels(30, "red or so"),
  labels(4, "Twin"),
  labels(5, "twin "),
];
const SHAPES: readonly (readonly [Shape, truncate?: boolean])[] = [
  [{ kind: "text" }],
  [{ kind: "text", longest: 5 }],
  [{ kind: "text", longest: 12 }],
  [{ kind: "text", longest: 20 }, true],
  [{ kind: "whole", least: "-2147483648", most: "2147483647" }],
  [{ kind: "whole", least: "0", most: "10" }],
  [{ kind: "whole", least: "-9223372036854775808", most: "9223372036854775807" }],
  [{ kind: "whole", least: "5", most: "9" }],
  [{ kind: "whole", least: "-9", most: "-5" }],
  [{ kind: "decimal", least: "0", most: "1000000", decimals: 2 }],
  [{ kind: "decimal", least: "-100.5", most: "100.25", decimals: 1 }],
  [{ kind: "decimal", least: "1", most: "2", decimals: 0 }],
  [{ kind: "decimal", least: "-5", most: "-1", decimals: 2 }],
  [{ kind: "decimal", least: "-100000000000", most: "100000000000", decimals: 10 }],
  [{ kind: "decimal", least: "-922337203685477", most: "922337203685477", decimals: "currency" }],
  [{ kind: "decimal", decimals: 4 }],
  [{ kind: "double", least: 0, most: 10, decimals: 2 }],
  [{ kind: "double", least: -0.1, most: 0.3, decimals: 5 }],
  [{ kind: "double", least: -100_000_000_000, most: 100_000_000_000, decimals: 5 }],
  [{ kind: "double" }],
  [{ kind: "boolean", choices: [] }],
  [{ kind: "boolean", choices: [labels(1, "Ja", "Yes"), labels(0, "Nein", "No")] }],
  [{ kind: "choice", choices: COLOURS }],
  [{ kind: "choice", choices: [] }],
  [{ kind: "choices", choices: COLOURS }],
  [{ kind: "date" }],
  [{ kind: "moment", showsDateOnly: false, isLocal: true }],
  [{ kind: "moment", showsDateOnly: false, isLocal: false }],
  [{ kind: "id" }],
];

const edges = SHAPES.flatMap(([shape]) => ("least" in shape ? [shape.least, shape.most] : []))
  .filter((edge) => edge !== undefined)
  .map((edge) => String(edge).replace("-", ""));
const whole = fc.oneof(
  fc.constantFrom("", "0", "00", "1", "9", "99999999999", "9007199254740991", "9007199254740992", ...edges),
  fc.bigInt({ min: 0n, max: 10n ** 20n }).map(String),
);
const fraction = fc.oneof(
  fc.constantFrom(
    "",
    ".",
    ".0",
    ".4",
    ".5",
    ".49999999999999999999",
    ".50000000000000000001",
    ".005",
    ".0049",
    ".24",
    ".25",
  ),
  fc.constantFrom(
    ".30000000000000004",
    ".00000000005",
    ".000000000049999",
    ".0000049999999",
    ".000005",
    ".10",
    ".00",
  ),
);
const exponent = fc.constantFrom(
  "",
  "",
  "",
  "",
  "e0",
  "E+1",
  "e-1",
  "e-3",
  "e308",
  "e309",
  "e-400",
  "e9999",
  "e12345",
  "e",
);
const number = fc
  .tuple(fc.constantFrom("", "", "-", "+", "--"), whole, fraction, exponent)
  .map((parts) => parts.join(""));
const two = (most: number) => fc.integer({ min: 0, max: most }).map((n) => String(n).padStart(2, "0"));
const date = fc
  .tuple(
    fc.oneof(
      fc.constantFrom(
        "1753-01-01",
        "1752-12-31",
        "1752-12-29",
        "1753-01-04",
        "9999-12-30",
        "9999-12-31",
        "9999-12-26",
      ),
      fc.constantFrom(
        "10000-01-01",
        "-0044-03-15",
        "0044-03-15 BC",
        "infinity",
        "2024-02-29",
        "2023-02-29",
        "1900-02-29",
      ),
      fc
        .tuple(fc.constantFrom("0000", "0001", "1752", "2000", "2024", "9999"), two(13), two(32))
        .map((d) => d.join("-")),
    ),
    fc.oneof(
      fc.constant(""),
      fc
        .tuple(
          fc.constantFrom("T", " ", "x"),
          two(25),
          fc.constant(":"),
          two(61),
          fc.constantFrom("", ":00", ":59.123456789", ":60", ":07,5", "."),
          fc.oneof(
            fc.constantFrom("", "Z", "z", "+00", "-00:00", "UTC"),
            fc
              .tuple(fc.constantFrom("+", "-"), two(99), fc.constantFrom("", ":"), two(99))
              .map((z) => z.join("")),
          ),
        )
        .map((t) => t.join("")),
    ),
  )
  .map((parts) => parts.join(""));
const word = fc.constantFrom(
  ...[
    "true",
    "FALSE",
    "yes",
    "JA",
    "Nein",
    "red",
    "ROT ",
    "GRÜN",
    "grün",
    "Red or so",
    "twin",
    "TWIN",
    "grue",
    "1;2",
    "30",
  ],
  ...[
    "NaN",
    "Infinity",
    "-Infinity",
    "",
    "  ",
    "\u00a0\ufeff",
    "\t\n",
    "many",
    ".",
    "-",
    "1 2",
    "٣",
    "BC",
    "it's \\ done",
  ],
  ...[
    "0f8fad5b-d9cb-469f-a165-70867728950e",
    "{0F8FAD5B-D9CB-469F-A165-70867728950E}",
    "0f8fad5bd9cb469fa16570867728950e",
  ],
);
const phrase = fc
  .array(
    fc.constantFrom(
      "a",
      "é",
      "\u{1f44d}",
      "\u{10ffff}",
      "\u{ffff}",
      "\ufffe",
      "\ue000",
      "\u0001",
      "\n",
      "\u001f",
      "漢",
    ),
    {
      maxLength: 22,
    },
  )
  .map((units) => units.join(""));
const padded = (text: fc.Arbitrary<string>) =>
  fc
    .tuple(fc.constantFrom("", "", "", " ", "\u2003\t"), text, fc.constantFrom("", "", "", "\n", "\u00a0"))
    .map((t) => t.join(""));
const text = fc.oneof(padded(number), padded(date), padded(word), phrase);
const plainNumber = (scale: number, digits: number) =>
  fc
    .oneof(
      fc.bigInt({ min: -(10n ** BigInt(digits)) + 1n, max: 10n ** BigInt(digits) - 1n }),
      fc
        .tuple(
          fc.constantFrom(...edges.map((edge) => BigInt(edge.split(".")[0] || "0"))),
          fc.integer({ min: -60, max: 60 }),
        )
        .map(([edge, more]) => edge * 10n ** BigInt(scale) + BigInt(more))
        .filter((n) => n.toString().length <= digits),
    )
    .chain((n) => fc.constantFrom(n, -n))
    .map((n) => {
      const all = (n < 0n ? -n : n).toString().padStart(scale + 1, "0");
      return `${n < 0n ? "-" : ""}${all.slice(0, all.length - scale)}${scale > 0 ? `.${all.slice(-scale)}` : ""}`;
    });
const float = fc
  .oneof(
    fc.double(),
    fc.double({ min: -20, max: 20, noNaN: true }),
    fc
      .tuple(
        fc.constantFrom(...edges.map(Number)),
        fc.constantFrom(0, 1e-6, -1e-6, 0.005, 0.004999, 0.000005, 0.5, 1e4),
      )
      .map(([edge, more]) => edge + more),
  )
  .chain((n) => fc.constantFrom(n, -n))
  .map(String);
const uuid = fc.uuid();
const year = (from: string, to: string) =>
  fc.date({ min: new Date(from), max: new Date(to), noInvalidDate: true }).map((at) => at.toISOString());
const instant = fc.oneof(
  year("1752-12-25T00:00:00Z", "1753-01-08T00:00:00Z"),
  year("9999-12-25T00:00:00Z", "9999-12-31T23:59:59Z"),
  year("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"),
  fc.constantFrom("infinity", "-infinity"),
);
const day = instant.map((at) => (at.includes("T") ? at.slice(0, 10) : at));

interface Typed {
  readonly duckdb: string;
  readonly postgres: string;
  readonly values: fc.Arbitrary<string>;
}
const COLUMNS: readonly Typed[] = [
  { duckdb: "VARCHAR", postgres: "text", values: text },
  {
    duckdb: "BIGINT",
    postgres: "bigint",
    values: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
  },
  { duckdb: "INTEGER", postgres: "integer", values: fc.integer({ min: -12, max: 31 }).map(String) },
  { duckdb: "HUGEINT", postgres: "numeric", values: plainNumber(0, 30) },
  { duckdb: "DECIMAL(38,10)", postgres: "numeric", values: plainNumber(10, 38) },
  { duckdb: "DECIMAL(9,2)", postgres: "numeric(9,2)", values: plainNumber(2, 9) },
  { duckdb: "DOUBLE", postgres: "double precision", values: float },
  { duckdb: "FLOAT", postgres: "real", values: fc.float().map(String) },
  { duckdb: "DATE", postgres: "date", values: day },
  { duckdb: "TIMESTAMP", postgres: "timestamp", values: instant },
  { duckdb: "TIMESTAMPTZ", postgres: "timestamptz", values: instant },
  { duckdb: "BOOLEAN", postgres: "boolean", values: fc.constantFrom("true", "false") },
  { duckdb: "UUID", postgres: "uuid", values: uuid },
];
const rowsOf = fc.array(fc.tuple(...COLUMNS.map(({ values }) => fc.option(values, { freq: 12 }))), {
  minLength: 60,
  maxLength: 120,
});

/** A subject for each shape and each column that it takes; the first column is the key. */
function subjectsOf(columns: readonly Column[]): (Subject & { reject(row: readonly Value[]): string })[] {
  return SHAPES.flatMap(([shape, truncate = false]) =>
    columns.slice(1).flatMap((column, i) => {
      const of = attribute("field", shape);
      const made = coercerOf(of, column.kind!, { truncate, zone: column.zone });
      if ("why" in made || (shape.kind === "choices" && column.kind === "text")) return [];
      const limits = limitsOf(of, column.kind!, { truncate, zone: column.zone }).map((limit) => ({
        ...limit,
        field: "field",
        column: 1,
        blank: blankOf(shape),
      }));
      const required = {
        ...{ field: "field", column: 1, blank: blankOf(shape), code: "value.required", says: "" },
        test: { kind: "present" } as const,
      };
      return {
        shape: { columns: [columns[0]!, column], key: [0], match: [] },
        limits: [...limits, required],
        reject(row: readonly Value[]): string {
          const value = row[i + 1] ?? null;
          const json = value === null ? "null" : made.coerce(value);
          if (typeof json === "string") return json === "null" ? "value.required" : "";
          // What is cut off is not looked at, which SQL leaves to the plan.
          if (truncate && shape.kind === "text" && value!.length > shape.longest!) return "";
          return json.code;
        },
      };
    }),
  );
}

/** A run holds a hundred rows to two hundred pairs of a shape and a column. Its rows are told as they failed. */
const ENOUGH = { numRuns: Number(process.env.RUNS ?? 2), endOnFailure: true };

/** Subjects of one query. */
const AT_ONCE = 10;

const signal = new AbortController().signal;

async function read(
  warehouse: Warehouse,
  sql: string,
  columns: readonly Column[],
): Promise<(readonly Value[])[]> {
  const all: (readonly Value[])[] = [];
  const query = { text: sql, file: "t.sql" };
  for await (const batch of warehouse.access.rows(query, columns, { timezone: "UTC", signal }))
    all.push(...batch);
  return all;
}

/** Zones that a model may read its timestamps in: clocks that are set, and one that is half an hour off. */
const ZONE = fc.constantFrom("Europe/Berlin", "America/St_Johns", "UTC");

/** @param zone the model's; as the engine does, columns of timestamps without one are told it */
async function agree(warehouse: Warehouse, zone = "UTC"): Promise<number> {
  const query = "SELECT * FROM t";
  const found = await warehouse.columns({ text: query, file: "t.sql" }, signal);
  const isRead = ({ kind, zoned }: Column) => kind === "timestamp" && !zoned && zone !== "UTC";
  const columns = found.map((column) => (isRead(column) ? { ...column, zone } : column));
  const { dialect } = warehouse.engine!;
  const texts = columns.map((column) => {
    const value = dialect.fromModel(column, dialect.quote(column.name), zone);
    return `${dialect.toText(column, value)} AS ${dialect.quote(column.name)}`;
  });
  const values = await read(
    warehouse,
    `SELECT ${texts.join(", ")} FROM t`,
    columns.map(({ name }) => ({ name, kind: "text", sqlType: "text" })),
  );
  const subjects = subjectsOf(columns);
  let rejected = 0;
  for (let from = 0; from < subjects.length; from += AT_ONCE) {
    const some = subjects.slice(from, from + AT_ONCE);
    const tests = dataQuery(dialect, query, some, zone);
    const counted = await read(warehouse, tests.text, tests.columns);
    for (const [s, { limits, shape, reject }] of some.entries()) {
      const expected: Record<string, number> = {};
      for (const row of values) expected[reject(row)] = (expected[reject(row)] ?? 0) + 1;
      const found: Record<string, number> = {};
      for (const row of counted.filter((row) => row[s] !== null)) {
        const reason = Number(row[s]);
        const code = reason === 0 ? "" : limits[reason - 1 - KEY_CODES.length]!.code;
        found[code] = (found[code] ?? 0) + Number(row[some.length]);
      }
      const suspects = (): string => {
        const index = columns.findIndex(({ name }) => name === shape.columns[1]!.name);
        const told = values.filter((row) => found[reject(row)] !== expected[reject(row)]);
        return JSON.stringify([shape.columns[1], limits, told.map((row) => [row[index], reject(row)])]);
      };
      expect(found, isDeepStrictEqual(found, expected) ? "" : suspects()).toEqual(expected);
      rejected += values.length - (expected[""] ?? 0);
    }
  }
  return rejected;
}

const sql = (
  rows: readonly (readonly Value[])[],
  types: readonly string[],
  literal: (text: string) => string,
): string[] => [
  "DROP TABLE IF EXISTS t",
  `CREATE TABLE t (id INTEGER, ${types.map((type, i) => `c${i} ${type}`).join(", ")})`,
  `INSERT INTO t VALUES ${rows
    .map(
      (row, id) =>
        `(${[id, ...row.map((value, i) => (value === null ? "NULL" : `CAST(${literal(value)} AS ${types[i]})`))].join(", ")})`,
    )
    .join(", ")}`,
];

test("an edge is where the coercer changes its mind, to the last digit", () => {
  let edges = 0;
  for (const [shape] of SHAPES) {
    const of = attribute("field", shape);
    const made = coercerOf(of, "text");
    if ("why" in made) continue;
    const isRejected = (value: string): boolean => typeof made.coerce(value) !== "string";
    for (const { test: limit } of limitsOf(of, "text")) {
      if (limit.kind !== "range" || shape.kind === "whole") continue;
      for (const [edge, isAbove] of [
        [limit.above, true],
        [limit.below, false],
      ] as const) {
        if (edge === undefined) continue;
        edges += 1;
        expect([edge.at, isRejected(edge.at)]).toEqual([edge.at, edge.inclusive]);
        const further = `${edge.at}${edge.at.includes(".") ? "" : "."}${"0".repeat(20)}1`;
        expect([further, isRejected(further)]).toEqual([further, isAbove !== edge.at.startsWith("-")]);
      }
    }
  }
  expect(edges).toBeGreaterThan(15);
});

describe("the SQL's count by code is the coercers' count", () => {
  test("in DuckDB", async () => {
    using folder = temporaryFolder();
    const warehouse = await duckdb.open(
      { type: "duckdb", path: "warehouse.duckdb" },
      { folder: folder.path },
    );
    const { literal } = warehouse.engine!.dialect;
    const types = COLUMNS.map((column) => column.duckdb);
    await fc.assert(
      fc.asyncProperty(rowsOf, ZONE, async (rows, zone) => {
        // DuckDB's texts hold NUL too.
        const all = [...rows, rows[0]!.map((value, i) => (i === 0 ? "a\u0000b" : value))];
        await inDuckdb(`${folder.path}/warehouse.duckdb`, ...sql(all, types, literal));
        expect(await agree(warehouse, zone)).toBeGreaterThan(100);
      }),
      ENOUGH,
    );
  }, 240_000);

  describe("in PostgreSQL", () => {
    let server: TestPostgres;
    beforeAll(async () => {
      server = await startPostgres();
    }, 60_000);
    afterAll(() => server[Symbol.asyncDispose]());

    test("with the server's own regular expressions and functions", async () => {
      await using warehouse = await postgres.open(
        { type: "postgres", port: 5432, url: server.url },
        { folder: "." },
      );
      const { literal } = warehouse.engine!.dialect;
      const types = COLUMNS.map((column) => column.postgres);
      await fc.assert(
        fc.asyncProperty(rowsOf, ZONE, async (rows, zone) => {
          for (const statement of sql(rows, types, literal)) await server.query(statement);
          expect(await agree(warehouse, zone)).toBeGreaterThan(100);
        }),
        ENOUGH,
      );
    }, 240_000);
  });

  test("in Snowflake's words, as far as a stand-in understands them", async () => {
    const { warehouses } = await import("../warehouses/table.ts");
    await using started = await warehouses.find(({ name }) => name === "snowflake")!.start();
    await using warehouse = await started.open();
    const { literal } = warehouse.engine!.dialect;
    const types = ["VARCHAR", "NUMBER(38,10)", "NUMBER(9,2)", "BOOLEAN"];
    const columns = [0, 4, 5, 11].map((i) => COLUMNS[i]!.values);
    const some = fc.array(fc.tuple(...columns.map((values) => fc.option(values, { freq: 12 }))), {
      minLength: 60,
      maxLength: 80,
    });
    await fc.assert(
      fc.asyncProperty(some, async (rows) => {
        const selects = rows.map(
          (row, id) =>
            `SELECT ${[`${id} AS id`, ...row.map((value, i) => `CAST(${value === null ? "NULL" : literal(value)} AS ${types[i]}) AS c${i}`)].join(", ")}`,
        );
        const { engine } = warehouse;
        await engine!.run("DROP TABLE IF EXISTS t");
        await engine!.run(engine!.dialect.createTableAs("t", selects.join(" UNION ALL ")));
        expect(await agree(warehouse)).toBeGreaterThan(100);
      }),
      ENOUGH,
    );
  }, 240_000);
});
