/** Draws of values as the company's systems hold them: exact texts, with gaps and oddities. */
import type { Random } from "./random.ts";
import { REMARKS } from "./words.ts";

const DAY = 86_400_000;
const LONGEST_MEMO = 2_000;

/** The value, or null in that share of the draws. */
export function maybe<T>(random: Random, missing: number, draw: () => T): T | null {
  return random.chance(missing) ? null : draw();
}

/** A day between two, as `2024-02-29`. */
export function day(random: Random, from: string, to: string): string {
  const first = Date.parse(from) / DAY;
  const last = Date.parse(to) / DAY;
  return new Date(random.between(first, last) * DAY).toISOString().slice(0, 10);
}

/** A moment between two days, to the microsecond. */
export function moment(random: Random, from: string, to: string): string {
  const two = (limit: number): string => String(random.between(0, limit)).padStart(2, "0");
  const fraction = String(random.between(0, 999_999)).padStart(6, "0");
  return `${day(random, from, to)} ${two(23)}:${two(59)}:${two(59)}.${fraction}`;
}

/** Cents as an amount: `-12.05`. */
export function amount(cents: number): string {
  const digits = String(Math.abs(cents)).padStart(3, "0");
  return `${cents < 0 ? "-" : ""}${digits.slice(0, -2)}.${digits.slice(-2)}`;
}

/** A remark: missing, empty, ordinary, or as long as the field takes. */
export function remark(random: Random): string | null {
  if (random.chance(0.4)) return null;
  if (random.chance(0.1)) return "";
  if (random.chance(0.02))
    return "Ein langer Vermerk über viele Gespräche. ".repeat(60).slice(0, LONGEST_MEMO);
  const first = random.pick(REMARKS);
  return random.chance(0.3) ? `${first}\n${random.pick(REMARKS)}` : first;
}

/** A telephone number the way somebody typed it. */
export function phone(random: Random): string {
  const digits = String(random.between(1_000_000, 9_999_999));
  return random.pick([
    `+49 30 ${digits}`,
    `+49 (0)221/${digits}`,
    `0041-44-${digits}`,
    `${digits} ext. 12`,
    ` +1 555 ${digits}`,
  ]);
}
