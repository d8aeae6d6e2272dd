/** What every warehouse that holds state must say in its own dialect, with real values in its own engine. */
import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Column, ColumnKind, Value } from "../../src/core/value.ts";
import type { Dialect, StateEngine, Warehouse } from "../../src/ports.ts";
import fc from "../support/seeded.ts";
import { numbers as rowsUpTo, type Started, warehouses } from "./table.ts";

const column = (kind: ColumnKind, more: Partial<Column> = {}): Column => ({
  name: "c",
  kind,
  sqlType: kind,
  ...more,
});

const COLUMNS: Readonly<Record<ColumnKind, Column>> = {
  text: column("text"),
  boolean: column("boolean"),
  integer: column("integer"),
  decimal: column("decimal", { sqlType: "numeric(22,4)", precision: 22, scale: 4 }),
  double: column("double"),
  date: column("date"),
  timestamp: column("timestamp", { zoned: true }),
  uuid: column("uuid"),
};
const KINDS = Object.keys(COLUMNS) as ColumnKind[];

const digits = (n: bigint, scale: number): string => {
  const text = (n < 0n ? -n : n).toString().padStart(scale + 1, "0");
  return `${n < 0n ? "-" : ""}${text.slice(0, -scale)}.${text.slice(-scale)}`;
};
const day = fc
  .date({ min: new Date("0001-01-01T00:00:00Z"), max: new Date("9999-12-31T23:59:59Z"), noInvalidDate: true })
  .map((date) => date.toISOString());

/** Canonical texts of each kind, as core/value.ts says. */
const VALUES: Readonly<Record<ColumnKind, fc.Arbitrary<string>>> = {
  text: fc.oneof(fc.string({ unit: "binary" }), fc.string({ unit: "grapheme" })).filter(storable),
  boolean: fc.constantFrom("true", "false"),
  integer: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
  decimal: fc.bigInt({ min: -(10n ** 22n) + 1n, max: 10n ** 22n - 1n }).map((n) => digits(n, 4)),
  double: fc
    .oneof(fc.double(), fc.constantFrom(0, -0, 5e-324, Number.MAX_VALUE, 1e21, 0.1, 1 / 3))
    .map(String),
  date: day.map((text) => text.slice(0, 10)),
  timestamp: fc.tuple(day, fc.integer({ min: 0, max: 999_999 })).map(([text, micros]) => {
    const fraction = String(micros).padStart(6, "0").replace(/0+$/, "");
    return `${text.slice(0, 19)}${fraction && `.${fraction}`}Z`;
  }),
  uuid: fc.uuid(),
};

/** No engine keeps NUL in a text, and half a character is none. */
function storable(text: string): boolean {
  return !text.includes("\u0000") && Buffer.from(text, "utf8").toString("utf8") === text;
}

describe.each(warehouses)("$name", ({ start, lacks = [] }) => {
  let started: Started;
  let warehouse: Warehouse;
  let engine: StateEngine;
  let dialect: Dialect;
  beforeAll(async () => {
    started = await start();
    warehouse = await started.open();
    engine = warehouse.engine!;
    dialect = engine.dialect;
    await engine.run("CREATE SCHEMA backhaul");
  });
  afterAll(async () => {
    await warehouse?.[Symbol.asyncDispose]();
    await started?.[Symbol.asyncDispose]();
  });

  const select = async (...expressions: readonly string[]): Promise<readonly Value[]> =>
    (await engine.rows(`SELECT ${expressions.map((sql, i) => `${sql} AS e${i}`).join(", ")}`))[0]!;
  const value = (kind: ColumnKind, text: string): string =>
    dialect.fromText(COLUMNS[kind], dialect.literal(text));
  const yes = (condition: string): string => `CASE WHEN ${condition} THEN 'yes' ELSE 'no' END`;

  describe("dialect", () => {
    test.each(KINDS)("%s: canonical text comes back as it went in", async (kind) => {
      const runs = { numRuns: 15 };
      await fc.assert(
        fc.asyncProperty(fc.array(VALUES[kind], { minLength: 1, maxLength: 60 }), async (texts) => {
          const out = await select(...texts.map((text) => dialect.toText(COLUMNS[kind], value(kind, text))));
          if (kind !== "double") {
            expect(out).toEqual(texts);
            return;
          }
          // The shortest text is the engine's own; it must be the same number, and stay as it is from then on.
          expect(out.map(Number)).toEqual(texts.map(Number));
          const again = await select(...out.map((text) => dialect.toText(COLUMNS[kind], value(kind, text!))));
          expect(again).toEqual(out);
        }),
        runs,
      );
    });

    const odd = [
      ["date", ["0044-03-15 (BC)", "infinity", "-infinity", "0001-01-01", "12345-06-07"]],
      ["timestamp", ["0044-03-15 (BC) 10:00:00.5Z", "infinity", "-infinity", "12345-06-07T00:00:00Z"]],
      ["double", ["NaN", "Infinity", "-Infinity", "1", "0.1", "1e+20", "1e-07"]],
    ] as const;
    const odds = odd.filter(([kind]) => kind === "double" || !lacks.includes("odd dates"));
    test.each(odds)("%s: odd values have one canonical text in every warehouse", async (kind, texts) => {
      expect(await select(...texts.map((text) => dialect.toText(COLUMNS[kind], value(kind, text))))).toEqual(
        texts,
      );
    });

    test("null stays null, through every function", async () => {
      const nothing = `CAST(NULL AS ${dialect.types.text})`;
      for (const kind of KINDS) {
        const stored = dialect.fromText(COLUMNS[kind], nothing);
        const all = [
          dialect.toText(COLUMNS[kind], stored),
          dialect.folded(COLUMNS[kind], stored),
          ...KINDS.map((to) => dialect.retyped(COLUMNS[kind], COLUMNS[to], stored)),
        ];
        expect(await select(...all.map((sql) => yes(`(${sql}) IS NULL`)))).toEqual(all.map(() => "yes"));
      }
    });

    test("quotes any name", async () => {
      const names = fc
        .string({ unit: "grapheme", minLength: 1, maxLength: 12 })
        .filter((name) => storable(name) && Buffer.byteLength(name) <= 60);
      await fc.assert(
        fc.asyncProperty(
          fc.oneof(
            names,
            fc.constantFrom('"', '"; DROP TABLE t; --', "select", "\\", "'", "a.b", " ", "Ä", "$1", "?"),
          ),
          async (name) => {
            // Named anew in the result: the driver of Snowflake takes no column that is called toString there.
            const sql = `SELECT x.${dialect.quote(name)} AS v FROM (SELECT 'in' AS ${dialect.quote(name)}) x`;
            expect(await engine.rows(sql)).toEqual([["in"]]);
          },
        ),
        { numRuns: 100 },
      );
    });

    test("quotes any text, or refuses it", async () => {
      const hostile = fc.constantFrom(
        "'",
        "''",
        "\\'",
        "\\",
        "'; DROP TABLE t; --",
        "$$",
        "$1",
        "?",
        ":a",
        "E'\\n'",
      );
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.oneof(VALUES.text, hostile), { minLength: 1, maxLength: 50 }),
          async (texts) => {
            expect(await select(...texts.map(dialect.literal))).toEqual(texts);
          },
        ),
        { numRuns: 20 },
      );
      // A NUL is refused, or it is kept; it never cuts the text short.
      const kept = async (): Promise<Value> => (await select(dialect.literal("a\u0000'b")))[0]!;
      expect(await kept().catch((error) => error.problems[0].kind)).toSatisfy(
        (said) => said === "config" || said === "a\u0000'b",
      );
    });

    test("stored values are compared by value", async () => {
      const pairs = [
        ["decimal", "1.0", "1.00", "yes"],
        ["decimal", "-0.0", "0", "yes"],
        ["double", "-0", "0", "yes"],
        ["double", "NaN", "NaN", "yes"],
        ["text", "a", "A", "no"],
        ["text", "é", "e\u0301", "no"],
        ["text", "a", "a ", "no"],
        ["uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "yes"],
      ] as const;
      for (const [kind, a, b, equal] of pairs) {
        const [left, right] = [value(kind, a), value(kind, b)];
        expect([
          kind,
          a,
          ...(await select(
            yes(`${left} = ${right}`),
            yes(`${left} IS NOT DISTINCT FROM ${right}`),
            yes(
              `${dialect.hash([left, value("integer", "1")])} = ${dialect.hash([right, value("integer", "1")])}`,
            ),
          )),
        ]).toEqual([kind, a, equal, equal, equal]);
      }
    });

    test("a hash tells columns and nulls apart", async () => {
      const nothing = `CAST(NULL AS ${dialect.types.text})`;
      const rows = [
        ["'a'", "'b'"],
        ["'b'", "'a'"],
        ["'ab'", "''"],
        ["''", "'ab'"],
        ["'a'", nothing],
        [nothing, "'a'"],
        [nothing, nothing],
        ["''", "''"],
      ].map((row) => row.map((part) => `CAST(${part} AS ${dialect.types.text})`));
      const hashes = await select(
        ...rows.map((row) => `CAST(${dialect.hash(row)} AS ${dialect.types.text})`),
      );
      expect(new Set(hashes).size).toBe(rows.length);
      expect(hashes).not.toContain(null);
    });

    test("a table keeps the stored types, and its columns take what is made of the model", async () => {
      await engine.run("DROP TABLE IF EXISTS backhaul.kept");
      const columns = KINDS.map((kind) => `${dialect.quote(kind)} ${dialect.storedType(COLUMNS[kind])}`);
      await engine.run(`CREATE TABLE backhaul.kept (${columns.join(", ")})`);
      const texts = fc.sample(fc.record(VALUES), { seed: 7, numRuns: 1 })[0]!;
      await engine.run(
        `INSERT INTO backhaul.kept SELECT ${KINDS.map((kind) => value(kind, texts[kind])).join(", ")}`,
      );
      const same = KINDS.map((kind) => `${dialect.quote(kind)} = ${value(kind, texts[kind])}`).join(" AND ");
      expect(await engine.rows(`SELECT ${yes(same)} FROM backhaul.kept`)).toEqual([["yes"]]);
    });

    test("folds case and trailing spaces, of any letter", async () => {
      const text = (value: string): string =>
        dialect.folded(COLUMNS.text, `CAST(${dialect.literal(value)} AS ${dialect.types.text})`);
      const pairs = [
        ["Anna@Example.com  ", "anna@example.COM", "yes"],
        ["ÄRGER", "ärger", "yes"],
        ["ΑΘΗΝΑ", "αθηνα", "yes"],
        ["ИВАН ", "иван", "yes"],
        [" a", "a", "no"],
        ["a\t", "a", "no"],
        ["", "  ", "yes"],
        ["é", "e", "no"],
      ] as const;
      expect(await select(...pairs.map(([a, b]) => yes(`${text(a)} = ${text(b)}`)))).toEqual(
        pairs.map(([, , equal]) => equal),
      );
      expect(
        await select(dialect.toText(COLUMNS.integer, dialect.folded(COLUMNS.integer, value("integer", "7")))),
      ).toEqual(["7"]);
    });

    const others = [
      ["text", "integer", "7", "7"],
      ["text", "integer", "9223372036854775807", "9223372036854775807"],
      ["text", "integer", "9223372036854775808", null],
      ["text", "integer", "007", null],
      ["text", "integer", "7.5", null],
      ["text", "integer", "seven", null],
      ["text", "integer", "", null],
      ["text", "decimal", "1.5000", "1.5000"],
      ["text", "decimal", "x", null],
      ["text", "double", "0.1", "0.1"],
      ["text", "double", "1e999", null],
      ["text", "double", "x", null],
      ["text", "boolean", "true", "true"],
      ["text", "boolean", "yes", null],
      ["text", "date", "2024-02-29", "2024-02-29"],
      ["text", "date", "2023-02-29", null],
      ["text", "date", "2024-2-9", null],
      ["text", "date", "0000-01-01", null],
      ["text", "date", "today", null],
      ["text", "timestamp", "2024-02-29T23:59:59.5Z", "2024-02-29T23:59:59.5Z"],
      ["text", "timestamp", "2024-02-29T24:00:00Z", null],
      ["text", "timestamp", "2024-02-29", null],
      ["text", "timestamp", "now", null],
      ["text", "uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"],
      ["text", "uuid", "a0eebc99", null],
      ["text", "text", "as it is", "as it is"],
      ["integer", "text", "-7", "-7"],
      ["integer", "decimal", "7", "7.0000"],
      ["integer", "double", "7", "7"],
      ["integer", "double", "9007199254740993", null],
      ["integer", "boolean", "1", null],
      ["integer", "date", "20240229", null],
      ["decimal", "integer", "7.0000", "7"],
      ["decimal", "integer", "7.5000", null],
      ["decimal", "double", "0.1000", "0.1"],
      ["double", "decimal", "0.1", "0.1000"],
      ["double", "decimal", "NaN", null],
      ["double", "integer", "2.5", null],
      ["double", "integer", "3", "3"],
      ["double", "integer", "1e+300", null],
      ["double", "text", "0.1", "0.1"],
      ["boolean", "text", "true", "true"],
      ["date", "timestamp", "2024-02-29", "2024-02-29T00:00:00Z"],
      ["date", "text", "2024-02-29", "2024-02-29"],
      ["timestamp", "date", "2024-02-29T00:00:00Z", "2024-02-29"],
      ["timestamp", "date", "2024-02-29T00:00:01Z", null],
      ["timestamp", "text", "2024-02-29T00:00:01Z", "2024-02-29T00:00:01Z"],
      ["uuid", "text", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"],
    ] as const;
    const told = others.filter(
      ([, , text]) =>
        !(lacks.includes("64-bit integers") && text === "9223372036854775808") &&
        !(lacks.includes("odd dates") && text === "0000-01-01"),
    );
    test.each(told)("%s as %s: %s is %s", async (from, to, text, expected) => {
      await engine.run("DROP TABLE IF EXISTS backhaul.was");
      await engine.run(dialect.createTableAs("backhaul.was", `SELECT ${value(from, text)} AS v`));
      const retyped = dialect.retyped(COLUMNS[from], COLUMNS[to], "v");
      const rows = await engine.rows(
        `SELECT ${dialect.toText(COLUMNS[to], `(${retyped})`)} FROM backhaul.was`,
      );
      // As many digits behind the point as the type says, or as it takes.
      if (to === "decimal" && expected !== null)
        expect(Number(rows[0]?.[0] ?? "none")).toBe(Number(expected));
      else expect(rows).toEqual([[expected]]);
    });

    test("retyping never ends a statement, and what it gives is the same value", async () => {
      const some = fc.constantFrom(...KINDS).chain((kind) => VALUES[kind].map((text) => ({ kind, text })));
      const odd = fc.constantFrom("NaN", "Infinity", "1e400", "-", ".", "1.", "٣", "0x10", "1_000", "epoch");
      await fc.assert(
        fc.asyncProperty(some, odd, async ({ kind, text }, strange) => {
          const from: readonly [ColumnKind, string][] = [
            [kind, text],
            ["text", text],
            ["text", strange],
          ];
          const all = from.flatMap(([source, sample]) =>
            KINDS.map((to) => {
              const again = dialect.retyped(
                COLUMNS[to],
                COLUMNS[source],
                dialect.retyped(COLUMNS[source], COLUMNS[to], "v"),
              );
              return `(SELECT ${yes(`r IS NULL OR r = v`)} FROM (SELECT v, ${again} AS r FROM (SELECT ${value(source, sample)} AS v) a) b)`;
            }),
          );
          expect(await select(...all)).toEqual(all.map(() => "yes"));
        }),
        { numRuns: 40 },
      );
    });

    test("numbers rows, each with its own number", async () => {
      const sql = `SELECT CAST(${dialect.rowNumber} AS ${dialect.types.text}) FROM (${rowsUpTo(1_000)}) AS s`;
      const numbers = (await engine.rows(sql)).map(([n]) => Number(n)).sort((a, b) => a - b);
      expect(numbers).toEqual(Array.from({ length: 1000 }, (_, i) => i + 1));
    });

    test("tells the time in milliseconds, as an integer", async () => {
      await engine.run("DROP TABLE IF EXISTS backhaul.clock");
      await engine.run(`CREATE TABLE backhaul.clock (ms ${dialect.types.integer})`);
      await engine.run(`INSERT INTO backhaul.clock SELECT ${dialect.now}`);
      const [[ms]] = (await engine.rows(`SELECT CAST(ms AS ${dialect.types.text}) FROM backhaul.clock`)) as [
        [string],
      ];
      expect(ms).toMatch(/^\d{13}$/);
      expect(Math.abs(Number(ms) - Date.now())).toBeLessThan(3_600_000);
    });

    test("names of any length up to what a column of a model can have are kept or refused", () => {
      const long = createHash("sha256").update("x").digest("hex") + "x".repeat(200);
      expect(() => dialect.quote(long)).toSatisfy((quote: () => string) => {
        try {
          return quote() === `"${long}"`;
        } catch (error) {
          return (error as { kind?: string }).kind === "config";
        }
      });
    });
  });
});
