import { isPlainDate, isPlainMoment, parseDate, parseMoment } from "./dates.ts";
import { canonical, canonicalNumber, compare, decimalPlaces, round } from "./decimal.ts";
import { invalidCharacters, invalidDate, outOfRange, tooLong, unknownOption, wrongType } from "./errors.ts";
import { hundredthsOf } from "./forms.ts";
import { isGuid } from "./guid.ts";
import { isText, numberText, spelled } from "./json.ts";
import type { Value } from "./row.ts";
import type { Table } from "./schema.ts";
import type { Column, ColumnType } from "./tables/column.ts";
import type { Unverified } from "./unverified.ts";

/** Takes a JSON value that is not null, gives what is stored; throws the Refusal that the service would answer. */
export type Check = (input: unknown) => Value;

/** XML cannot carry these, so Dataverse refuses them (code 0x80040278). */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the point is to find them
const FORBIDDEN = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]/;
/** Half a surrogate pair is no character: no UTF-8 can hold it. */
const isWhole = (text: string): boolean => (text as unknown as { isWellFormed(): boolean }).isWellFormed();
/** Page: multi-select-picklist. */
const MOST_CHOICES = 150;
const INT32 = { min: "-2147483648", max: "2147483647" };

export const EDM_TYPE: Record<ColumnType, string> = {
  string: "Edm.String",
  memo: "Edm.String",
  integer: "Edm.Int32",
  bigint: "Edm.Int64",
  decimal: "Edm.Decimal",
  double: "Edm.Double",
  money: "Edm.Decimal",
  boolean: "Edm.Boolean",
  datetime: "Edm.DateTimeOffset",
  choice: "Edm.Int32",
  choices: "Edm.String",
  state: "Edm.Int32",
  status: "Edm.Int32",
  lookup: "Edm.Guid",
  customer: "Edm.Guid",
  owner: "Edm.Guid",
  guid: "Edm.Guid",
  entityname: "Edm.String",
  image: "Edm.Binary",
  file: "Edm.Guid",
  partylist: "Edm.String",
  virtual: "Edm.String",
};

export const edmType = (column: Column): string =>
  column.type === "datetime" && column.behavior === "DateOnly" ? "Edm.Date" : EDM_TYPE[column.type];

/** The longest text that is looked at letter by letter: a regular expression is dear to begin and cheap to go on. */
const SHORT = 64;

/** Whether text is well-formed and may be kept; nearly all is short and without any controls and surrogates. */
function isClean(text: string): boolean {
  if (text.length <= SHORT) {
    let at = 0;
    while (at < text.length && text.charCodeAt(at) >= 32 && text.charCodeAt(at) < 0xd800) at += 1;
    if (at === text.length) return true;
  }
  return !FORBIDDEN.test(text) && isWhole(text);
}

type Make = (table: Table, column: Column, rules: Unverified) => Check;

const mismatch = (table: Table, column: Column, input: unknown) =>
  wrongType(table.set, spelled(input), edmType(column));

const string: Make = (table, column, rules) => {
  const limit = column.maxLength ?? 4000;
  return (input) => {
    if (!isText(input)) throw mismatch(table, column, input);
    if (input === "" && rules.emptyTextIsNull) return null;
    if (!isClean(input)) throw invalidCharacters(column.logicalName);
    if (input.length > limit && (rules.lengthInUtf16Units || [...input].length > limit)) {
      throw tooLong(table.logicalName, column.logicalName, limit);
    }
    return input;
  };
};

/** Whole numbers: a fraction or a text is a payload error, a number outside the limits a validation error. */
const whole: Make = (table, column) => {
  const wide = column.type === "bigint";
  const min = column.min ?? INT32.min;
  const max = column.max ?? INT32.max;
  const [low, high] = [Number(min), Number(max)];
  return (input) => {
    if (!wide && Number.isInteger(input) && (input as number) >= low && (input as number) <= high) {
      return input === 0 ? 0 : (input as number); // -0 is 0
    }
    const digits = numberText(input);
    const value = digits === undefined ? undefined : canonical(digits);
    if (value === undefined || value.includes(".")) throw mismatch(table, column, input);
    if (!wide && (compare(value, INT32.min) < 0 || compare(value, INT32.max) > 0)) {
      throw mismatch(table, column, input);
    }
    if (compare(value, min) < 0 || compare(value, max) > 0) {
      if (wide) throw mismatch(table, column, input);
      throw outOfRange("0x8004432f", table.logicalName, column.logicalName);
    }
    return wide ? value : Number(value);
  };
};

const exact: Make = (table, column, rules) => {
  const min = column.min ?? "-100000000000";
  const max = column.max ?? "100000000000";
  // Amounts are rounded once the currency of the row is known.
  const places = column.type === "money" ? 4 : (column.precision ?? 10);
  const [low, high] = [Number(min), Number(max)];
  return (input) => {
    // Hundredths well inside the limits are exact as they are.
    if (typeof input === "number" && input > low && input < high && places >= 2) {
      if (hundredthsOf(input) !== undefined) return input === 0 ? 0 : input; // -0 is 0
    }
    const digits = typeof input === "string" ? numberText(input) : undefined;
    const value =
      typeof input === "number"
        ? canonicalNumber(input)
        : digits === undefined
          ? undefined
          : canonical(digits);
    if (value === undefined) throw mismatch(table, column, input);
    // A number well inside needs no exact comparison.
    const isInside = typeof input === "number" && input > low && input < high;
    const outside = !isInside && (compare(value, min) < 0 || compare(value, max) > 0);
    if (outside || (!rules.excessDecimalsAreRounded && decimalPlaces(value) > places)) {
      throw outOfRange("0x80044330", table.logicalName, column.logicalName);
    }
    return round(value, places);
  };
};

const double: Make = (table, column) => {
  const min = Number(column.min);
  const max = Number(column.max);
  const factor = 10 ** (column.precision ?? 5);
  return (input) => {
    const value = typeof input === "number" ? input : Number(numberText(input) ?? Number.NaN);
    if (Number.isNaN(value)) throw mismatch(table, column, input);
    if (!(value >= min && value <= max))
      throw outOfRange("0x80044330", table.logicalName, column.logicalName);
    return Math.round(value * factor) / factor;
  };
};

const boolean: Make = (table, column) => (input) => {
  if (typeof input !== "boolean") throw mismatch(table, column, input);
  return input;
};

const datetime: Make = (table, column, rules) => {
  const isDate = column.behavior === "DateOnly";
  const keepsDigits = column.behavior === "TimeZoneIndependent";
  return (input) => {
    if (!isText(input)) throw mismatch(table, column, input);
    if (isDate ? isPlainDate(input) : isPlainMoment(input)) return input;
    const parsed = isDate ? parseDate(input) : parseMoment(input, rules.dateTimesDropFractions, keepsDigits);
    if (parsed === "malformed") throw mismatch(table, column, input);
    if (parsed === "out of range") throw invalidDate();
    return parsed.value;
  };
};

const choice: Make = (table, column) => {
  const known = column.options && new Set(column.options.map((option) => option.value));
  return (input) => {
    if (typeof input !== "number" || !Number.isInteger(input)) throw mismatch(table, column, input);
    if (known && !known.has(input)) throw unknownOption(column.logicalName, input);
    return input;
  };
};

const choices: Make = (table, column) => {
  const known = new Set((column.options ?? []).map((option) => option.value));
  return (input) => {
    if (!isText(input)) throw mismatch(table, column, input);
    if (input.trim() === "") return null;
    const values = new Set<number>();
    for (const part of input.split(",")) {
      const value = Number(part.trim());
      if (part.trim() === "" || !known.has(value)) throw unknownOption(column.logicalName, part.trim());
      values.add(value);
    }
    if (values.size > MOST_CHOICES) throw unknownOption(column.logicalName, input);
    return [...values].sort((a, b) => a - b).join(",");
  };
};

const guid: Make = (table, column) => (input) => {
  if (!isText(input) || !isGuid(input)) throw mismatch(table, column, input);
  return input.toLowerCase();
};

/** The picture itself, base64 (page: image-attributes). */
const image: Make = (table, column) => (input) => {
  if (!isText(input) || !/^[A-Za-z0-9+/]*={0,2}$/.test(input) || input.length % 4 !== 0) {
    throw mismatch(table, column, input);
  }
  return input;
};

/** Lookups are bound, never valued; the rest are not OData properties. Both are refused before a check is asked. */
const never: Make = (table, column) => (input) => {
  throw mismatch(table, column, input);
};

const MAKE: Record<ColumnType, Make> = {
  string,
  memo: string,
  integer: whole,
  bigint: whole,
  decimal: exact,
  double,
  money: exact,
  boolean,
  datetime,
  choice,
  choices,
  state: choice,
  status: choice,
  lookup: never,
  customer: never,
  owner: never,
  guid,
  entityname: string,
  image,
  file: never,
  partylist: never,
  virtual: never,
};

/** The check of one column, made once per table. */
export const compileCheck: Make = (table, column, rules) => MAKE[column.type](table, column, rules);
