/** Exact arithmetic on the digits of decimals; no binary float is involved. Pure. */

const DECIMAL = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,4}))?$/;

/**
 * A number's text in plain digits: no exponent, no plus, no needless zeros, `0` for zero of either sign.
 * Null for what is no decimal number.
 */
export function plain(text: string): string | null {
  const match = DECIMAL.exec(text);
  if (!match) return null;
  const [, sign = "", whole = "", fraction = "", exponent = "0"] = match;
  const digits = whole + fraction;
  if (digits === "") return null;
  const point = whole.length + Number(exponent);
  const left = point <= 0 ? "" : digits.slice(0, point).padEnd(point, "0");
  const right = point <= 0 ? "0".repeat(-point) + digits : digits.slice(point);
  return assemble(sign === "-", left, right);
}

/** Rounds a plain decimal half away from zero. */
export function rounded(decimal: string, decimals: number): string {
  const { negative, whole, fraction } = split(decimal);
  if (fraction.length <= decimals) return decimal;
  const kept = whole + fraction.slice(0, decimals);
  const up = (fraction[decimals] ?? "0") >= "5";
  const digits = up ? String(BigInt(kept || "0") + 1n).padStart(kept.length, "0") : kept;
  const point = digits.length - decimals;
  return assemble(negative, digits.slice(0, point), digits.slice(point));
}

/** Orders plain decimals: negative, zero or positive, as `a - b`. */
export function compared(a: string, b: string): number {
  const x = split(a);
  const y = split(b);
  const length = Math.max(x.fraction.length, y.fraction.length);
  const scaled = ({ negative, whole, fraction }: ReturnType<typeof split>) =>
    BigInt(`${negative ? "-" : ""}${whole}${fraction.padEnd(length, "0")}`);
  const difference = scaled(x) - scaled(y);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/** True for a plain decimal without digits after the point. */
export function isWhole(decimal: string): boolean {
  return !decimal.includes(".");
}

function split(decimal: string): { negative: boolean; whole: string; fraction: string } {
  const negative = decimal.startsWith("-");
  const [whole = "0", fraction = ""] = (negative ? decimal.slice(1) : decimal).split(".");
  return { negative, whole, fraction };
}

function assemble(negative: boolean, left: string, right: string): string {
  const whole = left.replace(/^0+(?=\d)/, "") || "0";
  const fraction = right.replace(/0+$/, "");
  const text = fraction === "" ? whole : `${whole}.${fraction}`;
  return negative && text !== "0" ? `-${text}` : text;
}
