/**
 * Values for a column, valid and invalid, made from its definition as the service answers it: an oracle that knows
 * nothing of the connector.
 */

import type { ColumnKind } from "../../../src/core/value.ts";
import fc from "../../support/seeded.ts";

// biome-ignore lint/suspicious/noExplicitAny: a definition as it stands in a file
export type Definition = any;

export interface Case {
  readonly kind: ColumnKind;
  /** The warehouse's canonical text. */
  readonly value: string;
  /** What is to be stored, as JSON; null where the value must be refused. */
  readonly stored: string | null;
}

const fits = (kind: ColumnKind, value: string, stored: unknown): Case => ({
  kind,
  value,
  stored: JSON.stringify(stored),
});
/** Digits are not passed through a float. */
const number = (kind: ColumnKind, value: string, stored: string): Case => ({ kind, value, stored });
const refused = (kind: ColumnKind, value: string): Case => ({ kind, value, stored: null });
const one = (...cases: readonly Case[]): fc.Arbitrary<Case> => fc.constantFrom(...cases);

export const typeOf = (definition: Definition): string =>
  String(definition.AttributeTypeName?.Value ?? "").replace(/Type$/, "");

/** Cases for a column; every boundary among them. Null for types that no value is sent for. */
export function casesOf(definition: Definition): fc.Arbitrary<Case> | null {
  switch (typeOf(definition)) {
    case "String":
    case "Memo":
      return textCases(definition.MaxLength);
    case "Integer":
      return wholeCases(definition.MinValue, definition.MaxValue);
    case "Decimal":
    case "Money":
      return decimalCases(definition);
    case "Double":
      return doubleCases(definition);
    case "Boolean":
      return booleanCases(definition);
    case "Picklist":
      return choiceCases(definition);
    case "MultiSelectPicklist":
      return choicesCases(definition);
    case "State":
    case "Status":
      return one(
        ...optionsOf(definition).map(({ Value }) => fits("integer", String(Value), Value)),
        refused("integer", "987654"),
        refused("text", "no such status ☃"),
      );
    case "DateTime":
      return definition.DateTimeBehavior?.Value === "DateOnly" ? dateCases() : momentCases();
    case "Uniqueidentifier":
      return idCases();
    case "Image":
      return one(
        fits("text", PIXEL, PIXEL),
        fits("text", `data:image/png;base64,${PIXEL}`, PIXEL),
        refused("text", "no base64 at all!"),
        refused("text", Buffer.from("plain words").toString("base64")),
      );
    default:
      return null;
  }
}

const PIXEL =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

function textCases(longest: number): fc.Arbitrary<Case> {
  const words = fc
    .string({ unit: "grapheme", minLength: 1, maxLength: Math.min(longest, 40) })
    .filter((text) => text.length <= longest && !/\p{Surrogate}|\p{Cc}|\ufffe|\uffff/u.test(text))
    .map((text) => fits("text", text, text));
  const limit = Math.min(longest, 100_000);
  return fc.oneof(
    words,
    one(
      ...(limit === longest
        ? [fits("text", "x".repeat(longest), "x".repeat(longest)), refused("text", "x".repeat(longest + 1))]
        : []),
      ...(longest >= 2 ? [fits("text", "\u{1f44d}", "\u{1f44d}"), refused("text", "a\u0001")] : []),
      refused("text", "\ud83d"),
      ...(longest >= 36 ? [fits("date", "2024-02-29", "2024-02-29"), fits("boolean", "true", "true")] : []),
      ...(longest >= 5 ? [fits("decimal", "12.50", "12.50"), fits("text", "a\tb\nc", "a\tb\nc")] : []),
      fits("text", "", null),
    ),
  );
}

function wholeCases(least: number, most: number): fc.Arbitrary<Case> {
  const of = (value: number | bigint) => number("integer", String(value), String(value));
  return fc.oneof(
    fc.bigInt(BigInt(least), BigInt(most)).map(of),
    one(
      of(least),
      of(most),
      number("decimal", `${most}.000`, String(most)),
      number("text", ` ${least} `, String(least)),
      refused("integer", String(BigInt(most) + 1n)),
      refused("integer", String(BigInt(least) - 1n)),
      refused("decimal", `${least === most ? most : most - 1}.5`),
      refused("text", "many"),
      refused("double", "NaN"),
    ),
  );
}

/** A number of the definition's in plain digits. */
const digits = (value: number): string =>
  Number.isInteger(value) ? BigInt(value).toString() : value.toFixed(12).replace(/0+$/, "");

/** An integer with a point `places` from its end. */
function scaled(value: bigint, places: number): string {
  const text = String(value < 0n ? -value : value).padStart(places + 1, "0");
  const point = text.length - places;
  return `${value < 0n ? "-" : ""}${text.slice(0, point)}${places > 0 ? `.${text.slice(point)}` : ""}`;
}

export const trimmed = (text: string): string =>
  (text.includes(".") ? text.replace(/\.?0+$/, "") : text).replace(/^-0$/, "0");

function decimalCases(definition: Definition): fc.Arbitrary<Case> {
  const { MinValue: least, MaxValue: most } = definition;
  // Where the currency decides, two digits are what every currency of the sandbox takes.
  const own = typeOf(definition) === "Decimal" || definition.PrecisionSource === 0;
  const places = Math.min(definition.Precision ?? 2, own ? 10 : 2);
  const factor = 10n ** BigInt(places);
  const [low, high] = [BigInt(Math.ceil(least)) * factor, BigInt(Math.floor(most)) * factor];
  const of = (text: string) => number("decimal", text, trimmed(text));
  const inside = fc.bigInt(low, high).map((value) => of(scaled(value, places)));
  // A digit too many is rounded half away from zero, here or there.
  const rounded = fc.bigInt(low, high).map((value) => {
    const text = scaled(value, places);
    const more = places === 0 ? `${text}.4` : `${text}4`;
    return number("decimal", more, trimmed(text));
  });
  return fc.oneof(
    inside,
    ...(own && low < 0n && high > 0n ? [rounded] : []),
    one(
      of(digits(Math.ceil(least))),
      of(digits(most)),
      refused("decimal", `${BigInt(Math.floor(most)) + 1n}`),
      refused("decimal", `${BigInt(Math.floor(least)) - 1n}`),
      refused("text", "1,50"),
      refused("double", "Infinity"),
      refused("text", "0x10"),
    ),
  );
}

function doubleCases({ MinValue: least, MaxValue: most, Precision: places = 5 }: Definition) {
  const span = { min: Math.max(least, -1e9), max: Math.min(most, 1e9), noNaN: true };
  return fc.oneof(
    fc.double(span).map((value) => {
      const text = value.toFixed(places);
      return number("double", text, String(Number(text)));
    }),
    one(
      number("double", String(least), String(least)),
      number("double", String(most), String(most)),
      number("double", "1e-1", "0.1"),
      refused("double", String(most * 2 + 1)),
      refused("double", String(least * 2 - 1)),
      refused("double", "-Infinity"),
      refused("text", "north"),
    ),
  );
}

function optionsOf({ OptionSet: set }: Definition): { Value: number; labels: string[] }[] {
  const all = [...(set?.Options ?? []), set?.FalseOption, set?.TrueOption].filter(Boolean);
  return all.map((option: Definition) => ({
    Value: option.Value,
    labels: (option.Label?.LocalizedLabels ?? [])
      .map((label: Definition) => String(label.Label ?? ""))
      .filter((label: string) => label.trim() !== ""),
  }));
}

const folded = (label: string): string => label.trim().toLowerCase();

/** Labels that stand for one value alone and do not look like a number. */
function labelsOf(options: ReturnType<typeof optionsOf>): [label: string, value: number][] {
  const all = options.flatMap(({ Value, labels }) => labels.map((label): [string, number] => [label, Value]));
  return all.filter(
    ([label, value]) =>
      !/^[\d\s.+-]*$/.test(label) &&
      all.every(([other, another]) => another === value || folded(other) !== folded(label)),
  );
}

function booleanCases(definition: Definition): fc.Arbitrary<Case> {
  const labels = labelsOf(optionsOf(definition)).filter(([label]) => !/^(true|false)$/i.test(label.trim()));
  return one(
    fits("boolean", "true", true),
    fits("boolean", "false", false),
    fits("integer", "1", true),
    fits("text", " FALSE ", false),
    ...labels.map(([label, value]) => fits("text", ` ${label.toUpperCase()}`, value === 1)),
    refused("text", "perhaps ☃"),
    refused("integer", "2"),
  );
}

function choiceCases(definition: Definition): fc.Arbitrary<Case> {
  const options = optionsOf(definition);
  return one(
    ...options.map(({ Value }) => fits("integer", String(Value), Value)),
    ...options.map(({ Value }) => fits("decimal", `${Value}.0`, Value)),
    ...labelsOf(options).map(([label, value]) => fits("text", `${label.toLowerCase()} `, value)),
    ...(options.length > 0 ? [refused("integer", "987654")] : []),
    refused("text", "no such label ☃"),
    refused("decimal", "0.5"),
  );
}

function choicesCases(definition: Definition): fc.Arbitrary<Case> {
  const options = optionsOf(definition);
  const labels = labelsOf(options);
  const sorted = (values: readonly number[]) => [...new Set(values)].sort((a, b) => a - b).join(",");
  return fc.oneof(
    fc
      .subarray(options, { minLength: 1 })
      .map((some) => some.map(({ Value }) => Value))
      .map((values) => fits("text", [...values].reverse().join(", "), sorted(values))),
    fc
      .subarray(labels, { minLength: 1 })
      .map((some) =>
        fits("text", some.map(([label]) => label).join("; "), sorted(some.map(([, value]) => value))),
      ),
    fc
      .subarray(labels, { minLength: 1 })
      .map((some) =>
        fits("text", JSON.stringify(some.map(([label]) => label)), sorted(some.map(([, value]) => value))),
      ),
    one(refused("text", "987654"), refused("text", `${options[0]?.Value}; no such label ☃`)),
  );
}

const iso = (date: Date): string => date.toISOString();
const days = fc.date({
  min: new Date("1753-01-01T00:00:00Z"),
  max: new Date("9999-12-30T00:00:00Z"),
  noInvalidDate: true,
});

const badDates = [
  refused("date", "1752-12-31"),
  refused("date", "9999-12-31"),
  refused("text", "2023-02-29"),
  refused("text", "31.12.2024"),
  refused("date", "12024-01-01"),
];

function dateCases(): fc.Arbitrary<Case> {
  return fc.oneof(
    days.map((date) => fits("date", iso(date).slice(0, 10), iso(date).slice(0, 10))),
    one(
      fits("date", "1753-01-01", "1753-01-01"),
      fits("date", "9999-12-30", "9999-12-30"),
      fits("timestamp", "2024-02-29T23:59:59.999Z", "2024-02-29"),
      ...badDates,
    ),
  );
}

function momentCases(): fc.Arbitrary<Case> {
  return fc.oneof(
    days.map((date) => fits("timestamp", iso(date), `${iso(date).slice(0, 19)}Z`)),
    one(
      fits("timestamp", "1753-01-01T00:00:00Z", "1753-01-01T00:00:00Z"),
      fits("date", "2024-02-29", "2024-02-29T00:00:00Z"),
      fits("text", "2024-05-01 10:20+02:00", "2024-05-01T08:20:00Z"),
      refused("text", "2024-05-01T25:00:00Z"),
      ...badDates,
    ),
  );
}

function idCases(): fc.Arbitrary<Case> {
  return fc.oneof(
    fc.uuid().map((id) => fits("uuid", id, id)),
    fc.uuid().map((id) => fits("text", `{${id.toUpperCase()}}`, id)),
    one(refused("text", "17"), refused("text", "0a4ce4d6-5a54-4c2e-8a2e-6f6b31f2222")),
  );
}
