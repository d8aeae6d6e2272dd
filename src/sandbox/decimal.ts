/**
 * Exact decimal arithmetic on text, because Dataverse keeps decimals and amounts exactly and JavaScript does not.
 * Canonical text: optional minus, no leading zeros, no trailing zeros after the point, no exponent, no "-0".
 */
const NUMBER = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;
/** More than any column holds; a client may send more than is good for a regular expression. */
const MOST_DIGITS = 1000;
const PLAIN = /^-?(?:0|[1-9]\d*)(?:\.\d*[1-9])?$/;

/** Canonical text of a JSON number token, or undefined when it is not a number of sensible size. */
export function canonical(text: string): string | undefined {
  if (text.length > MOST_DIGITS) return undefined;
  if (PLAIN.test(text)) return text === "-0" ? "0" : text;
  const match = NUMBER.exec(text);
  if (!match) return undefined;
  const [, sign, whole = "", fraction = "", exponent = "0"] = match;
  const shift = Number(exponent);
  if (Math.abs(shift) > 400) return undefined;
  let digits = whole + fraction;
  let point = whole.length + shift;
  if (point < 0) {
    digits = "0".repeat(-point) + digits;
    point = 0;
  }
  digits = digits.padEnd(point, "0");
  const left = digits.slice(0, point).replace(/^0+(?=\d)/, "") || "0";
  const right = digits.slice(point).replace(/0+$/, "");
  const body = right ? `${left}.${right}` : left;
  return body === "0" ? "0" : sign + body;
}

/** Canonical text of a number; amounts with cents, as nearly all are, need no search for the shortest digits. */
export function canonicalNumber(value: number): string | undefined {
  const cents = Math.round(value * 100);
  if (cents / 100 !== value || cents < 0 || cents > 1e14) return canonical(String(value));
  const rest = cents % 100;
  const whole = (cents - rest) / 100;
  if (rest === 0) return String(whole);
  if (rest < 10) return `${whole}.0${rest}`;
  return `${whole}.${rest % 10 === 0 ? rest / 10 : rest}`;
}

/** The number as an integer of 10^-scale units; digits beyond the scale are rounded half away from zero. */
function scaled(text: string, scale: number): bigint {
  const negative = text.startsWith("-");
  const [whole = "0", fraction = ""] = (negative ? text.slice(1) : text).split(".");
  let units = BigInt(whole + fraction.slice(0, scale).padEnd(scale, "0"));
  if (fraction.length > scale && fraction.charCodeAt(scale) >= 53) units += 1n;
  return negative ? -units : units;
}

function unscaled(units: bigint, scale: number): string {
  const negative = units < 0n;
  const digits = (negative ? -units : units).toString().padStart(scale + 1, "0");
  const point = digits.length - scale;
  const text = scale > 0 ? `${digits.slice(0, point)}.${digits.slice(point)}` : digits;
  return canonical(negative ? `-${text}` : text) ?? "0";
}

const places = (text: string): number => {
  const point = text.indexOf(".");
  return point < 0 ? 0 : text.length - point - 1;
};

export const decimalPlaces = places;

/** Rounds canonical text to `scale` places. */
export const round = (text: string, scale: number): string =>
  places(text) <= scale ? text : unscaled(scaled(text, scale), scale);

/** Few enough digits for a JavaScript number to hold exactly enough. */
const isShort = (text: string): boolean => text.length <= (text.charCodeAt(0) === 45 ? 16 : 15);

/** Negative, zero or positive, like a sort function; both arguments canonical. */
export function compare(a: string, b: string): number {
  if (a === b) return 0;
  const scale = Math.max(places(a), places(b));
  if (isShort(a) && isShort(b)) return Number(a) - Number(b);
  const difference = scaled(a, scale) - scaled(b, scale);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/** `a / b` to `scale` places, for amounts in the base currency. */
export function divide(a: string, b: string, scale: number): string {
  if (b === "1") return round(a, scale);
  const spread = places(b);
  const numerator = scaled(a, scale + 1 + places(a)) * 10n ** BigInt(spread);
  const divisor = scaled(b, spread);
  if (divisor === 0n) return a;
  return round(unscaled(numerator / divisor, scale + 1 + places(a)), scale);
}

/** `a · b`, exactly. */
export function multiply(a: string, b: string): string {
  const scale = places(a) + places(b);
  return unscaled(scaled(a, places(a)) * scaled(b, places(b)), scale);
}

/** `a + b`, exactly. */
export function plus(a: string, b: string): string {
  const scale = Math.max(places(a), places(b));
  return unscaled(scaled(a, scale) + scaled(b, scale), scale);
}
