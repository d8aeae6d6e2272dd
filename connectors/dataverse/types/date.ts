/**
 * Dates and moments. Source: "Behavior and format of the date and time column": the behaviour decides what is
 * stored. A column of the behaviour DateOnly takes a date, any other one a moment in UTC. Moments are kept to the
 * second, so a fraction is cut off before a value is sent or compared.
 */
import { Lru } from "../lru.ts";
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

function coercer(field: string, zone: string | undefined, write: (moment: string) => string): Coercer {
  const shown = zone === undefined ? (moment: string) => moment : clockOf(zone);
  return (value) => {
    if (value.trim() === "") return NULL;
    const moment = momentOf(value);
    if (moment === null) return FAR.test(value) ? outOfRange(field, value) : badDate(field, value);
    const digits = shown(moment);
    return inRange(digits) ? write(digits) : outOfRange(field, value);
  };
}

/** @param zone the one whose clock showed the moment: it is the day there that counts, not the day in UTC */
export function dateCoercer(field: string, zone?: string): Coercer {
  return coercer(field, zone, (moment) => `"${moment.slice(0, 10)}"`);
}

/** @param zone of a column that is independent of zones: the one whose clock showed the moment, which is kept */
export function momentCoercer(field: string, zone?: string): Coercer {
  return coercer(field, zone, (moment) => `"${moment}"`);
}

/** What a clock in a zone shows at a moment, in the form of the moment. */
function clockOf(zone: string): (moment: string) => string {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    calendar: "gregory",
    numberingSystem: "latn",
    hourCycle: "h23",
    ...{ year: "numeric", month: "2-digit", day: "2-digit" },
    ...{ hour: "2-digit", minute: "2-digit", second: "2-digit" },
  });
  const shown = (at: number): number => {
    // `05/31/2024, 10:00:00`
    const [, month, day, year = "", time] = CLOCK.exec(format.format(at)) ?? [];
    return Date.parse(`${year.length > 4 ? "+0" : ""}${year.padStart(4, "0")}-${month}-${day}T${time}Z`);
  };
  /** By days in UTC: how far the clock is ahead; null for a day on which it is set. */
  const ahead = new Lru<number | null>(MOST_DAYS);
  const aheadOn = (day: number): number | null => {
    const known = ahead.get(String(day));
    if (known !== undefined) return known;
    const [start, end] = [day * DAY, (day + 1) * DAY];
    const found = shown(start) - start === shown(end) - end ? shown(start) - start : null;
    ahead.set(String(day), found);
    return found;
  };
  return (moment) => {
    const at = Date.parse(moment);
    const offset = aheadOn(Math.floor(at / DAY));
    return secondsOf(offset === null ? shown(at) : at + offset);
  };
}

const DAY = 86_400_000;
/** Days that are remembered: to ask for each value takes as long as everything else that is done with it. */
const MOST_DAYS = 10_000;

/** `YYYY-MM-DDTHH:MM:SSZ` */
const secondsOf = (at: number): string => `${new Date(at).toISOString().slice(0, -5)}Z`;

const CLOCK = /^(\d\d)\/(\d\d)\/(\d+), ([\d:]{8})$/;

/** The moments at which a clock in a zone shows the first second and the last one that a column takes. */
export function rangeIn(zone: string): { readonly first: string; readonly last: string } {
  const clock = clockOf(zone);
  const at = (shown: string): string => {
    const ahead = Date.parse(clock(shown)) - Date.parse(shown);
    return secondsOf(Date.parse(shown) - ahead);
  };
  return { first: at(`${FIRST}T00:00:00Z`), last: at(`${LAST}T23:59:59Z`) };
}
