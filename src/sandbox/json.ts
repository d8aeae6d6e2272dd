import { randomBytes } from "node:crypto";

/**
 * JSON numbers that a JavaScript number would bend are carried as marked text. The mark is random per process, so
 * no request can forge it.
 */
const MARK = `\u0000number-${randomBytes(6).toString("hex")}:`;
/** Sixteen significant digits are the first that may not survive; only then is the slow path taken. */
const LONG = 16;
const LONG_NUMBER = /[[:,\s]-?[\d.]{16,}/;
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d[\d.]*(?:[eE][+-]?\d+)?/g;

const isDigit = (code: number): boolean => (code >= 48 && code <= 57) || code === 46;

/** Whether so many digits stand in a row anywhere: a run that long covers one of the places that are looked at. */
function hasLongRun(text: string): boolean {
  for (let at = LONG - 1; at < text.length; at += LONG) {
    if (!isDigit(text.charCodeAt(at))) continue;
    let from = at;
    while (from > 0 && isDigit(text.charCodeAt(from - 1))) from -= 1;
    while (at + 1 < text.length && isDigit(text.charCodeAt(at + 1))) at += 1;
    if (at - from + 1 >= LONG) return true;
  }
  return false;
}

/** Parses a request body; throws SyntaxError like `JSON.parse`. */
export function parseJson(text: string): unknown {
  if (!hasLongRun(text) || !LONG_NUMBER.test(text)) return JSON.parse(text);
  JSON.parse(text); // refuses what is not JSON before tokens are rewritten
  return JSON.parse(
    text.replace(TOKEN, (token) =>
      token.charCodeAt(0) !== 34 && token.length >= 16 ? JSON.stringify(MARK + token) : token,
    ),
  );
}

/** The digits of a JSON number as sent, or undefined when the value is something else. */
export function numberText(value: unknown): string | undefined {
  if (typeof value === "number") return String(value);
  if (typeof value === "string" && value.startsWith(MARK)) return value.slice(MARK.length);
  return undefined;
}

/** True for JSON strings, as opposed to long numbers. */
export const isText = (value: unknown): value is string =>
  typeof value === "string" && !(value.charCodeAt(0) === 0 && value.startsWith(MARK));

/** The entry of a table under a name that a client chose: what objects inherit is no entry. */
export const entryOf = <T>(table: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(table, name) ? table[name] : undefined;

export type JsonObject = Record<string, unknown>;

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** How a value looks in an error message. */
export const spelled = (value: unknown): string =>
  numberText(value) ?? (typeof value === "string" ? value : (JSON.stringify(value) ?? "undefined"));
