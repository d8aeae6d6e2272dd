import { isObject } from "../json.ts";

/** The shapes of what is sent to the back door: a mistake in a test is told and not taken. */

export type Check = (value: unknown) => boolean;

export const text: Check = (value) => typeof value === "string";
export const flag: Check = (value) => typeof value === "boolean";
export const amount: Check = (value) => typeof value === "number" && Number.isFinite(value) && value >= 0;
export const count: Check = (value) => Number.isSafeInteger(value) && Number(value) >= 0;
export const within =
  (low: number, high: number): Check =>
  (value) =>
    typeof value === "number" && value >= low && value <= high;
export const oneOf =
  (names: Iterable<string>): Check =>
  (value) =>
    typeof value === "string" && [...names].includes(value);
export const listOf =
  (item: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(item);
export const either =
  (...checks: readonly Check[]): Check =>
  (value) =>
    checks.some((check) => check(value));
/** An object whose names and values are each of a kind. */
export const record =
  (name: Check, item: Check): Check =>
  (value) =>
    isObject(value) && Object.entries(value).every(([key, held]) => name(key) && item(held));

/** An object with these properties and no others; those in `optional` may be left out. */
export const shape =
  (required: Readonly<Record<string, Check>>, optional: Readonly<Record<string, Check>> = {}): Check =>
  (value) =>
    isObject(value) &&
    Object.entries(required).every(([name, check]) => check(value[name])) &&
    Object.entries(value).every(([name, held]) => {
      const check = Object.hasOwn(optional, name) ? optional[name] : undefined;
      return Object.hasOwn(required, name) || held === undefined || check?.(held) === true;
    });

/** A number in a query, or what stands for it when it is not there; undefined when it is none. */
export function countIn(query: URLSearchParams, name: string, usual: number): number | undefined {
  const given = query.get(name);
  if (given === null) return usual;
  return /^\d{1,15}$/.test(given) ? Number(given) : undefined;
}
