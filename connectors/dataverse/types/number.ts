/** Numbers. Whole and decimal ones stay digits from the warehouse to the wire. */
import { compared, isWhole, plain, rounded } from "../decimal.ts";
import type { Coercer } from "./value-problem.ts";
import { NULL, quoted, valueProblem } from "./value-problem.ts";

const REMEDY = "Correct it in the model.";

function notANumber(field: string, value: string) {
  return valueProblem("not_a_number", field, `${quoted(value)} is no number.`, REMEDY);
}

function outOfRange(field: string, value: string, least: unknown, most: unknown) {
  const range = `${least ?? "…"} to ${most ?? "…"}`;
  return valueProblem(
    "out_of_range",
    field,
    `${quoted(value)} is out of range; the column takes ${range}.`,
    REMEDY,
  );
}

export function wholeCoercer(field: string, least: string, most: string): Coercer {
  return (value) => {
    const text = value.trim();
    if (text === "") return NULL;
    const number = plain(text);
    if (number === null) return notANumber(field, value);
    if (!isWhole(number)) {
      return valueProblem(
        "not_whole",
        field,
        `${quoted(value)} is no whole number.`,
        "Round it in the model.",
      );
    }
    if (compared(number, least) < 0 || compared(number, most) > 0)
      return outOfRange(field, value, least, most);
    return number;
  };
}

/**
 * Rounds half away from zero to the column's decimals, then checks the range. Where the decimals are not known,
 * nothing is rounded here: rounding twice would round 0.0049 to 0.01.
 */
export function decimalCoercer(
  field: string,
  limits: {
    readonly least?: string;
    readonly most?: string;
    readonly decimals: number | "organisation" | "currency";
  },
): Coercer {
  const { least, most, decimals } = limits;
  return (value) => {
    const text = value.trim();
    if (text === "") return NULL;
    const exact = plain(text);
    if (exact === null) return notANumber(field, value);
    const number = typeof decimals === "number" ? rounded(exact, decimals) : exact;
    if (
      (least !== undefined && compared(number, least) < 0) ||
      (most !== undefined && compared(number, most) > 0)
    ) {
      return outOfRange(field, value, least, most);
    }
    return number;
  };
}

/** A floating-point column: the nearest binary float, rounded to the column's decimals, without an exponent. */
export function doubleCoercer(
  field: string,
  limits: { readonly least?: number; readonly most?: number; readonly decimals?: number },
): Coercer {
  const { decimals = 20, least = -Number.MAX_VALUE, most = Number.MAX_VALUE } = limits;
  return (value) => {
    const text = value.trim();
    if (text === "") return NULL;
    const digits = plain(text);
    if (digits === null) return notANumber(field, value);
    const float = plain(String(Number(digits)));
    if (float === null) return outOfRange(field, value, limits.least, limits.most);
    const number = Number(rounded(float, decimals));
    if (!(number >= least && number <= most)) return outOfRange(field, value, limits.least, limits.most);
    return plain(String(number)) ?? NULL;
  };
}
