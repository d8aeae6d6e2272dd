/** How a value that cannot be written is told. */
import type { Problem } from "../../../src/sdk.ts";
import { shortened } from "../sender/problems.ts";

/** A value as a JSON fragment, exact and escaped, or why there is none. `null` for what counts as empty. */
export type Coerced = string | Problem;

/** Turns a column's canonical text into JSON. */
export type Coercer = (value: string) => Coerced;

/** A coercer for a column and a kind of value, or one clause on why there can be none. */
export type CoercerOrWhy = { readonly coerce: Coercer } | { readonly why: string };

export const NULL = "null";

/** What JSON escapes, and what is half a character or none. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNUSUAL = /["\\\u0000-\u001f\ud800-\udfff\ufffe\uffff]/;

/** True for a text that stands in JSON as it is, which nearly all do: to see that costs less than `JSON.stringify`. */
export const isPlain = (text: string): boolean => !UNUSUAL.test(text);

/** A text as it stands between the quotes of JSON. */
export const escaped = (text: string): string => (isPlain(text) ? text : JSON.stringify(text).slice(1, -1));

export function valueProblem(code: string, field: string, text: string, remedy: string): Problem {
  return { kind: "rejected", code: `value.${code}`, message: `${field}: ${text}`, remedy, field };
}

/** A value for a message: without control characters, and no longer than 40 characters. */
export function quoted(value: string): string {
  return `'${shortened(value, 40)}'`;
}

export function isProblem<T>(result: T | Problem): result is Problem {
  return typeof result === "object" && result !== null && "kind" in result && "message" in result;
}
