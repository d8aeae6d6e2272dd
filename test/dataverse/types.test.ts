import { describe, expect, test } from "vitest";
import type { Shape } from "../../connectors/dataverse/table.ts";
import { coercerOf } from "../../connectors/dataverse/types/coercer.ts";
import type { ColumnKind } from "../../src/core/value.ts";
import fc from "../support/seeded.ts";
import { attribute } from "./support/tables.ts";

const local: Shape = { kind: "moment", showsDateOnly: false, isLocal: true };
const independent: Shape = { kind: "moment", showsDateOnly: false, isLocal: false };

/** Moments in UTC that a clock in Berlin showed as: midnight in summer, both sides of a clock that is set, the edges. */
test.each([
  ["1980-04-30T22:00:00Z", "1980-05-01T00:00:00Z"],
  ["2024-03-30T23:00:00Z", "2024-03-31T00:00:00Z"],
  ["2024-03-31T00:59:59Z", "2024-03-31T01:59:59Z"],
  ["2024-03-31T01:00:00.250Z", "2024-03-31T03:00:00Z"],
  ["2024-10-27T00:30:00Z", "2024-10-27T02:30:00Z"],
  ["2024-10-27T01:30:00Z", "2024-10-27T02:30:00Z"],
  ["1752-12-31T23:06:32Z", "1753-01-01T00:00:00Z"],
  ["9999-12-30T22:59:59Z", "9999-12-30T23:59:59Z"],
  ["1752-12-31T23:06:31Z", "value.out_of_range"],
  ["9999-12-30T23:00:00Z", "value.out_of_range"],
  ["9999-12-31T23:30:00Z", "value.out_of_range"],
])("a column of a day or of no zone takes what the clock showed at %s", (at, clock) => {
  const isRefused = !clock.endsWith("Z");
  const zone = "Europe/Berlin";
  expect(coerce({ kind: "date" }, "timestamp", at, zone)).toBe(isRefused ? clock : `"${clock.slice(0, 10)}"`);
  expect(coerce(independent, "timestamp", at, zone)).toBe(isRefused ? clock : `"${clock}"`);
  // A column that shows everybody the time of their own zone holds the moment.
  if (at > "1753") expect(coerce(local, "timestamp", at, zone)).toBe(coerce(local, "timestamp", at));
});

function coerce(shape: Shape, kind: ColumnKind, value: string, zone?: string): string {
  const made = coercerOf(attribute("field", shape), kind, { zone });
  if ("why" in made) return `refused: ${made.why}`;
  const result = made.coerce(value);
  if (typeof result === "string") return result;
  expect(result.kind).toBe("rejected");
  expect(result.field).toBe("field");
  expect(result.remedy).not.toBe("");
  return result.code;
}

const text: Shape = { kind: "text", longest: 5 };
const whole: Shape = { kind: "whole", least: "-10", most: "1000000" };
const big: Shape = { kind: "whole", least: "-9223372036854775808", most: "9223372036854775807" };
const money: Shape = { kind: "decimal", least: "0", most: "922337203685477", decimals: 2 };
const float: Shape = { kind: "double", least: -90, most: 90 };
const choice: Shape = {
  kind: "choice",
  choices: [
    { value: 1, label: "Email", labels: ["Email", "E-Mail"] },
    { value: 2, label: "Phone", labels: ["Phone", "Telefon"] },
    { value: 3, label: "Twice", labels: ["Twice"] },
    { value: 4, label: "Twice", labels: ["twice "] },
    { value: 7, label: "2", labels: ["2"] },
  ],
};
const boolean: Shape = {
  kind: "boolean",
  choices: [
    { value: 0, label: "Allow", labels: ["Allow", "Zulassen"] },
    { value: 1, label: "Do Not Allow", labels: ["Do Not Allow", "Nicht zulassen"] },
  ],
};
const date: Shape = { kind: "date" };
const moment: Shape = { kind: "moment", showsDateOnly: false, isLocal: true };

test.each<[string, Shape, ColumnKind, string, string]>([
  ["text", text, "text", 'a"b\\', '"a\\"b\\\\"'],
  ["text of five units", text, "text", "12345", '"12345"'],
  ["text too long", text, "text", "123456", "value.too_long"],
  ["an emoji is two units", text, "text", "👍👍1", '"👍👍1"'],
  ["three emoji are six", text, "text", "👍👍👍", "value.too_long"],
  ["empty text", text, "text", "", "null"],
  ["spaces are text", text, "text", "  ", '"  "'],
  ["a tab is text", text, "text", "a\tb", '"a\\tb"'],
  ["a control character", text, "text", "a\u0001", "value.control_characters"],
  ["half an emoji", text, "text", "a\ud83d", "value.broken_text"],
  ["text from a number", text, "decimal", "12.50", '"12.50"'],
  ["text without a limit", { kind: "text" }, "text", "x".repeat(9000), JSON.stringify("x".repeat(9000))],
  ["a whole number", whole, "integer", "42", "42"],
  ["a whole number as decimal", whole, "decimal", "42.000", "42"],
  ["a whole number as text", whole, "text", " 42 ", "42"],
  ["no whole number", whole, "decimal", "42.5", "value.not_whole"],
  ["words", whole, "text", "many", "value.not_a_number"],
  ["no number", whole, "text", "  ", "null"],
  ["too much", whole, "integer", "1000001", "value.out_of_range"],
  ["too little", whole, "integer", "-11", "value.out_of_range"],
  [
    "a boolean is no number",
    whole,
    "boolean",
    "true",
    "refused: it takes integer, decimal, double or text, not boolean",
  ],
  ["the largest 64-bit integer", big, "integer", "9223372036854775807", "9223372036854775807"],
  ["one more", big, "integer", "9223372036854775808", "value.out_of_range"],
  ["money", money, "decimal", "1234567890123.45", "1234567890123.45"],
  ["money is rounded", money, "decimal", "0.005", "0.01"],
  ["rounded into range", money, "decimal", "-0.004", "0"],
  ["rounded out of range", money, "decimal", "-0.005", "value.out_of_range"],
  ["exact beyond a float", money, "decimal", "922337203685476.99", "922337203685476.99"],
  ["a float's exponent", money, "double", "1.5e3", "1500"],
  ["not a number", money, "double", "NaN", "value.not_a_number"],
  ["infinite", money, "double", "Infinity", "value.not_a_number"],
  ["a float", float, "double", "52.370216", "52.370216"],
  ["a small float", float, "double", "1e-7", "0.0000001"],
  ["a float out of range", float, "double", "90.1", "value.out_of_range"],
  ["an infinite float", float, "double", "-Infinity", "value.not_a_number"],
  ["a label", choice, "text", " e-mail ", "1"],
  ["a label of another language", choice, "text", "TELEFON", "2"],
  ["a choice's number", choice, "integer", "1", "1"],
  ["a label that looks like a number wins", choice, "text", "2", "7"],
  ["a choice's number as decimal", choice, "decimal", "4.0", "4"],
  ["no choice", choice, "text", "Fax", "value.unknown_choice"],
  ["no choice by number", choice, "integer", "9", "value.unknown_choice"],
  ["a label of two choices", choice, "text", "twice", "value.ambiguous_choice"],
  ["an empty choice", choice, "text", " ", "null"],
  ["a boolean", boolean, "boolean", "true", "true"],
  ["a boolean by number", boolean, "integer", "0", "false"],
  ["a boolean by number out of range", boolean, "integer", "2", "value.unknown_choice"],
  ["a boolean by label", boolean, "text", "nicht zulassen", "true"],
  ["a boolean by word", boolean, "text", "False", "false"],
  ["no boolean", boolean, "text", "maybe", "value.unknown_choice"],
  ["a date", date, "date", "2024-02-29", '"2024-02-29"'],
  ["a date from a moment, at UTC", date, "timestamp", "2024-02-29T23:59:59.999Z", '"2024-02-29"'],
  ["a date from text", date, "text", "2024-02-29", '"2024-02-29"'],
  ["a date from a zoned text, at UTC", date, "text", "2024-02-29T23:30:00-02:00", '"2024-03-01"'],
  ["no such day", date, "text", "2023-02-29", "value.bad_date"],
  ["a local spelling", date, "text", "29.02.2024", "value.bad_date"],
  ["before the calendar", date, "date", "1752-12-31", "value.out_of_range"],
  ["the first day", date, "date", "1753-01-01", '"1753-01-01"'],
  ["after the calendar", date, "date", "9999-12-31", "value.out_of_range"],
  ["a far year", date, "date", "12024-01-01", "value.out_of_range"],
  ["a moment", moment, "timestamp", "2024-05-01T10:20:30Z", '"2024-05-01T10:20:30Z"'],
  [
    "a moment loses its fraction",
    moment,
    "timestamp",
    "2024-05-01T10:20:30.123456Z",
    '"2024-05-01T10:20:30Z"',
  ],
  ["a moment from a date", moment, "date", "2024-05-01", '"2024-05-01T00:00:00Z"'],
  ["a moment from a zoned text", moment, "text", "2024-05-01 10:20+02:00", '"2024-05-01T08:20:00Z"'],
  ["a moment without a zone", moment, "text", "2024-05-01T10:20:30", '"2024-05-01T10:20:30Z"'],
  ["no such hour", moment, "text", "2024-05-01T25:00:00Z", "value.bad_date"],
  [
    "an id",
    { kind: "id" },
    "text",
    "{0A4CE4D6-5A54-4C2E-8A2E-6F6B31F22222}",
    '"0a4ce4d6-5a54-4c2e-8a2e-6f6b31f22222"',
  ],
  ["no id", { kind: "id" }, "text", "17", "value.not_an_id"],
])("%s", (_name, shape, kind, value, expected) => {
  expect(coerce(shape, kind, value)).toBe(expected);
});

describe("whatever comes, JSON comes out", () => {
  const anyText = fc.oneof(
    fc.string({ unit: "grapheme" }),
    fc.string({ unit: "binary" }),
    fc.constantFrom("O'Neil", '100% "x"', "a\\b", "\u2028", "</script>", "𝕏"),
  );

  test("text reads back the same", () => {
    fc.assert(
      fc.property(anyText, (value) => {
        const made = coercerOf(attribute("field", { kind: "text" }), "text");
        const json = "coerce" in made ? made.coerce(value) : "";
        if (typeof json === "string") expect(JSON.parse(json)).toBe(value === "" ? null : value);
        else expect(["value.control_characters", "value.broken_text"]).toContain(json.code);
      }),
    );
  });

  test("every type writes JSON or says why not, and shortens what it shows", () => {
    const shapes = fc.constantFrom<Shape>(text, whole, big, money, float, choice, boolean, date, moment, {
      kind: "id",
    });
    fc.assert(
      fc.property(shapes, fc.oneof(anyText, fc.string({ minLength: 60, maxLength: 90 })), (shape, value) => {
        const made = coercerOf(attribute("field", shape), "text");
        const json = "coerce" in made ? made.coerce(value) : "null";
        if (typeof json === "string") expect(() => JSON.parse(json)).not.toThrow();
        else {
          expect(json.message.length).toBeLessThan(160);
          // biome-ignore lint/suspicious/noControlCharactersInRegex: none may be shown
          expect(json.message).not.toMatch(/[\u0000-\u001f]/);
        }
      }),
    );
  });

  test("64-bit integers keep their digits", () => {
    fc.assert(
      fc.property(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), (value) => {
        expect(coerce(big, "integer", String(value))).toBe(String(value));
      }),
    );
  });
});

test("an amount whose currency decides on decimals is not rounded here", () => {
  expect(coerce({ kind: "decimal", decimals: "currency" }, "decimal", "0.00499")).toBe("0.00499");
});
