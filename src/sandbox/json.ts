import { randomBytes } from "node:crypto";

/**
 * JSON numbers that a JavaScript number would bend are carried as marked text. The mark is random per process, so
 * no request can forge it.
 */
const MARK = `\u0000number-${randomBytes(6).toString("hex")}:`;
/** Sixteen significant digits are the first that may not survive; only then is the slow path taken. */
const LONG = 16;
const NUMBER = /-?\d[\d.]*(?:[eE][+-]?\d+)?/y;

const isDigit = (code: number): boolean => (code >= 48 && code <= 57) || code === 46;

/** Whether so many digits stand in a row anywhere: a run that long covers one of the places that are looked at. */
function hasLongRun(text: string): boolean {
  for (let at = LONG - 1; at < text.length; at += LONG) {
    if (!isDigit(text.charCodeAt(at))) continue;
    // Whatever is that long reaches half as far to one of the sides.
    if (!isDigit(text.charCodeAt(at - LONG / 2)) && !isDigit(text.charCodeAt(at + LONG / 2))) continue;
    let from = at;
    while (from > 0 && isDigit(text.charCodeAt(from - 1))) from -= 1;
    while (at + 1 < text.length && isDigit(text.charCodeAt(at + 1))) at += 1;
    if (at - from + 1 >= LONG) return true;
  }
  return false;
}

/** Where a string ends that begins at `from`; the text is known to be JSON. */
function endOfString(text: string, from: number): number {
  let at = text.indexOf('"', from + 1);
  for (;;) {
    let slashes = 0;
    while (text.charCodeAt(at - 1 - slashes) === 92) slashes += 1;
    if (slashes % 2 === 0) return at + 1;
    at = text.indexOf('"', at + 1);
  }
}

/** Sound JSON with its long numbers as marked texts. */
function markNumbers(text: string): string {
  const pieces: string[] = [];
  let from = 0;
  for (let at = 0; at < text.length; ) {
    const code = text.charCodeAt(at);
    if (code === 34) at = endOfString(text, at);
    else if (code === 45 || (code >= 48 && code <= 57)) {
      NUMBER.lastIndex = at;
      const number = NUMBER.exec(text)?.[0] as string;
      if (number.length >= LONG) {
        pieces.push(text.slice(from, at), JSON.stringify(MARK + number));
        from = at + number.length;
      }
      at += number.length;
    } else at += 1;
  }
  pieces.push(text.slice(from));
  return pieces.join("");
}

/** Parses a request body; throws SyntaxError like `JSON.parse`. */
export function parseJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  // What is not JSON was refused before numbers are rewritten.
  return hasLongRun(text) ? JSON.parse(markNumbers(text)) : value;
}

/** How many names objects inside a value have. */
function countNames(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  let count = 0;
  if (Array.isArray(value)) for (const item of value) count += countNames(item);
  else {
    for (const name in value) {
      const held = (value as JsonObject)[name];
      count += typeof held === "object" ? 1 + countNames(held) : 1;
    }
  }
  return count;
}

/** How often a quote stands before a colon, whitespace between them or not: at least as often as there are names. */
function countColons(text: string): number {
  let count = 0;
  // A single character is searched for several times as fast as two.
  for (let at = text.indexOf(":"); at >= 0; at = text.indexOf(":", at + 1)) {
    let before = at - 1;
    while (text.charCodeAt(before) <= 32) before -= 1;
    if (text.charCodeAt(before) === 34) count += 1;
  }
  return count;
}

/**
 * A name that comes twice in one object of a JSON text, or undefined. Nearly always two counts agree and the text is
 * not read again.
 * @param value what `parseJson` made of the text, in which the last of them counts
 */
export function repeatedName(text: string, value: unknown): string | undefined {
  if (countColons(text) === countNames(value)) return undefined;
  const open: Set<string>[] = [];
  for (let at = 0; at < text.length; ) {
    const code = text.charCodeAt(at);
    if (code === 34) {
      const end = endOfString(text, at);
      let next = end;
      while (text.charCodeAt(next) <= 32) next += 1;
      if (text.charCodeAt(next) === 58) {
        const name = JSON.parse(text.slice(at, end)) as string;
        const names = open.at(-1) as Set<string>;
        if (names.has(name)) return name;
        names.add(name);
      }
      at = next;
    } else {
      if (code === 123) open.push(new Set());
      else if (code === 125) open.pop();
      at += 1;
    }
  }
  return undefined;
}

/** A number as it is carried that a JavaScript number would bend. */
export const markedNumber = (digits: string): string => MARK + digits;

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
