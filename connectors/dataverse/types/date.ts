/**
 * Dates and moments. Source: "Behavior and format of the date and time column": the behaviour decides what is
 * stored. A column of the behaviour DateOnly takes a date, any other one a moment in UTC. Moments are kept to the
 * second, so a fraction is cut off before a value is sent or compared.
 */
import type { Coercer } from "./value-problem.ts";
import { NULL, quoted, valueProblem } from "./value-problem.ts";

const ISO =
  /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,]\d{1,9})?)?(Z|z|[+-]\d{2}(?::?\d{2})?)?)?$/;

/** "Column definitions": `MinSupportedValue` and `MaxSupportedValue` of date columns. */
export const FIRST = "1753-01-01";
export const LAST = "9999-12-30";

/** A moment as `YYYY-MM-DDTHH:MM:SSZ`; what has no zone is taken as UTC. Null for what is no moment. */
function momentOf(value: string): string | null {
  const match = ISO.exec(value.trim());
  if (!match) return null;
  const [, year, month, day, hour = "00", minute = "00", second = "00", zone = "Z"] = match;
  const digits = `${year}-${month}-${day}T${hour}:${minute}:${second}`;
  const at = Date.parse(`${digits}Z`);
  if (Number.isNaN(at) || new Date(at).toISOString().slice(0, 19) !== digits) return null;
  if (zone === "Z" || zone === "z") return `${digits}Z`;
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(3).replace(":", "") || "0");
  const shifted = new Date(at - (zone.startsWith("-") ? -minutes : minutes) * 60_000);
  return `${shifted.toISOString().slice(0, 19)}Z`;
}

function badDate(field: string, value: string) {
  return valueProblem(
    "bad_date",
    field,
    `${quoted(value)} is no date.`,
    "Give dates as 2024-05-31 and moments as 2024-05-31T10:00:00Z.",
  );
}

function outOfRange(field: string, value: string) {
  return valueProblem(
    "out_of_range",
    field,
    `${quoted(value)} is out of range; the column takes ${FIRST} to ${LAST}.`,
    "Correct it in the model.",
  );
}

function inRange(moment: string): boolean {
  const date = moment.slice(0, 10);
  return date >= FIRST && date <= LAST;
}

/** Years that are not written with four digits are no ISO dates for us but dates all the same. */
const FAR = /^[+-]?\d{5,}-|^-\d+-|\bBC\b/;

function coercer(field: string, write: (moment: string) => string): Coercer {
  return (value) => {
    if (value.trim() === "") return NULL;
    const moment = momentOf(value);
    if (moment === null) return FAR.test(value) ? outOfRange(field, value) : badDate(field, value);
    return inRange(moment) ? write(moment) : outOfRange(field, value);
  };
}

export function dateCoercer(field: string): Coercer {
  return coercer(field, (moment) => `"${moment.slice(0, 10)}"`);
}

export function momentCoercer(field: string): Coercer {
  return coercer(field, (moment) => `"${moment}"`);
}
