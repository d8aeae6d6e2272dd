/**
 * What the coercers of this folder reject, as data that SQL can test (`check --data`): for each of their problems a
 * limit with the same code, in the same order. Pure.
 */
import type { ColumnKind, Edge, FieldLimit, LimitTest } from "../../../src/sdk.ts";
import { plain, rounded } from "../decimal.ts";
import type { Attribute, Choice, Shape } from "../table.ts";
import { labelled } from "./choice.ts";
import type { CoercerOptions } from "./coercer.ts";
import { FIRST, LAST, rangeIn } from "./date.ts";

export type ValueLimit = Pick<FieldLimit, "test" | "code" | "says">;

const limit = (code: string, test: LimitTest, says: string): ValueLimit => ({
  code: `value.${code}`,
  test,
  says,
});

/** What counts as no value in a column of the shape. */
export const blankOf = ({ kind }: Shape): FieldLimit["blank"] => (kind === "text" ? "empty" : "white");

/** The limits of a column for values of a kind that it takes. */
export function limitsOf(
  { shape }: Attribute,
  kind: ColumnKind,
  { truncate = false, zone }: CoercerOptions = {},
): readonly ValueLimit[] {
  switch (shape.kind) {
    case "text":
      return textLimits(shape.longest, truncate);
    case "whole":
      return [
        NUMBER,
        limit("not_whole", { kind: "whole" }, "no whole number"),
        ...rangeLimit(shape.least, shape.most, over(shape.least), over(shape.most)),
      ];
    case "decimal": {
      const { least, most, decimals } = shape;
      const edge = (value: string | undefined, side: Side): Edge | undefined => {
        if (value === undefined) return undefined;
        return typeof decimals === "number" ? roundedOver(value, decimals, side) : over(value);
      };
      return [NUMBER, ...rangeLimit(least, most, edge(least, -1), edge(most, 1))];
    }
    case "double":
      return [NUMBER, ...rangeLimit(shape.least, shape.most, floatOver(shape, -1), floatOver(shape, 1))];
    case "boolean":
      return choiceLimits(shape.choices, (value) => value === 0 || value === 1, {
        words: ["true", "false"],
        numbers: ["0", "1"],
      });
    case "choice":
      return choiceLimits(shape.choices, () => true, {
        words: [],
        numbers: shape.choices.length === 0 ? "whole" : shape.choices.map(({ value }) => String(value)),
      });
    case "choices":
      // A number is one choice; a list is taken apart by rules that SQL does not know.
      return kind === "text"
        ? [limit("unknown_choice", { kind: "elsewhere" }, "lists of choices")]
        : choiceLimits(shape.choices, () => true, {
            words: [],
            numbers: shape.choices.length === 0 ? "whole" : shape.choices.map(({ value }) => String(value)),
          });
    case "date":
    case "moment": {
      const isShown = shape.kind === "date" || !shape.isLocal;
      const range = isShown && zone !== undefined ? rangeIn(zone) : { first: FIRST, last: LAST };
      return [
        limit("bad_date", { kind: "date" }, "no date"),
        limit("out_of_range", { kind: "days", ...range }, `not from ${FIRST} to ${LAST}`),
      ];
    }
    case "id":
      return [limit("not_an_id", { kind: "uuid" }, "no id of 8-4-4-4-12 hexadecimal digits")];
    case "image":
      return [limit("not_a_picture", { kind: "elsewhere" }, "pictures")];
    case "file":
      return [limit("not_base64", { kind: "elsewhere" }, "files")];
    default:
      return [];
  }
}

const NUMBER = limit("not_a_number", { kind: "number" }, "no number");

function textLimits(longest: number | undefined, truncate: boolean): ValueLimit[] {
  const says = "holds control characters";
  if (longest === undefined) return [limit("control_characters", { kind: "characters" }, says)];
  if (!truncate) {
    return [
      limit("too_long", { kind: "length", most: longest }, `longer than ${longest} characters`),
      limit("control_characters", { kind: "characters" }, says),
    ];
  }
  return [
    limit("control_characters", { kind: "characters", upTo: longest }, says),
    limit("control_characters", { kind: "elsewhere" }, "control characters in texts that are cut"),
  ];
}

function choiceLimits(
  choices: readonly Choice[],
  isTaken: (value: number) => boolean,
  more: { readonly words: readonly string[]; readonly numbers: readonly string[] | "whole" },
): ValueLimit[] {
  const labels = [...labelled(choices)];
  const several = labels.filter(([, value]) => value === null).map(([label]) => label);
  const words = labels.filter(([, value]) => value !== null && isTaken(value)).map(([label]) => label);
  const test: LimitTest = { kind: "choice", words: [...more.words, ...words], numbers: more.numbers };
  const unknown = limit("unknown_choice", test, "none of the column's choices");
  const ambiguous = limit(
    "ambiguous_choice",
    { kind: "noWord", words: several },
    "the label of several choices",
  );
  return several.length === 0 ? [unknown] : [ambiguous, unknown];
}

type Side = 1 | -1;

function rangeLimit(
  least: string | number | undefined,
  most: string | number | undefined,
  below: Edge | undefined,
  above: Edge | undefined,
): ValueLimit[] {
  if (below === undefined && above === undefined) return [];
  const test: LimitTest = { kind: "range", ...(below ? { below } : {}), ...(above ? { above } : {}) };
  return [limit("out_of_range", test, `out of the range ${least ?? "…"} to ${most ?? "…"}`)];
}

const over = (value: string): Edge => ({ at: plain(value) ?? "0", inclusive: false });

/**
 * Values are rounded half away from zero before they are compared: the first one beyond a limit is half a step before
 * the next multiple of the step. Towards zero the half itself still rounds to the limit.
 */
function roundedOver(value: string, decimals: number, side: Side): Edge {
  const text = plain(value) ?? "0";
  const scale = Math.max(decimals, (text.split(".")[1] ?? "").length) + 1;
  const unit = 10n ** BigInt(scale - decimals);
  const exact = scaled(text, scale);
  const floor = exact / unit - (exact % unit < 0n ? 1n : 0n);
  const ceiling = exact / unit + (exact % unit > 0n ? 1n : 0n);
  const next = (side === 1 ? floor + 1n : ceiling - 1n) * unit;
  const half = next - (BigInt(side) * unit) / 2n;
  const isOutward = side === 1 ? half > 0n : half < 0n;
  return { at: unscaled(half, scale), inclusive: isOutward };
}

function scaled(decimal: string, scale: number): bigint {
  const negative = decimal.startsWith("-");
  const [whole = "0", fraction = ""] = decimal.replace("-", "").split(".");
  const digits = BigInt(whole + fraction.padEnd(scale, "0"));
  return negative ? -digits : digits;
}

function unscaled(value: bigint, scale: number): string {
  return plain(`${value}e-${scale}`) ?? "0";
}

/**
 * The edge of a floating-point column. Of the floats the first one that is refused is looked for by halves; a text is
 * refused from where it is read as that one, which is half way from the one before.
 */
function floatOver(
  { least = -Number.MAX_VALUE, most = Number.MAX_VALUE, decimals = 20 }: Extract<Shape, { kind: "double" }>,
  side: Side,
): Edge {
  const isBeyond = (float: number): boolean => {
    if (!Number.isFinite(float)) return true;
    const number = Number(rounded(plain(String(float)) ?? "0", decimals));
    return side === 1 ? number > most : number < least;
  };
  // Ordered as integers, floats are in order.
  let [within, beyond] = [order(side === 1 ? -Infinity : Infinity), order(side === 1 ? Infinity : -Infinity)];
  while (beyond - within > 1n || within - beyond > 1n) {
    const middle = (within + beyond) / 2n;
    const float = unorder(middle);
    if (Number.isFinite(float) ? isBeyond(float) : float > 0 === (side === 1)) beyond = middle;
    else within = middle;
  }
  const halves = exactly(unorder(within)) + exactly(unorder(beyond));
  // Half way goes to the even one.
  return { at: unscaled(halves * 5n, EXACT + 1), inclusive: (bitsOf(unorder(beyond)) & 1n) === 0n };
}

const bits = new DataView(new ArrayBuffer(8));

function bitsOf(float: number): bigint {
  bits.setFloat64(0, float);
  return bits.getBigUint64(0);
}

const SIGN = 1n << 63n;

function order(float: number): bigint {
  const raw = bitsOf(float);
  return raw & SIGN ? -(raw ^ SIGN) : raw;
}

function unorder(place: bigint): number {
  bits.setBigUint64(0, place < 0n ? -place | SIGN : place);
  return bits.getFloat64(0);
}

/** Digits behind the point that tell every float exactly. */
const EXACT = 1_074;

/** A float as a multiple of 10^-1074; infinity is the power of two that would follow. */
function exactly(float: number): bigint {
  const raw = bitsOf(Math.abs(float));
  const exponent = raw >> 52n;
  const fraction = raw & ((1n << 52n) - 1n);
  const [digits, shift] = exponent === 0n ? [fraction, 0n] : [fraction | (1n << 52n), exponent - 1n];
  // In multiples of 2^-1074, each of which is 5^1074 of 10^-1074.
  const size = (digits << shift) * 5n ** BigInt(EXACT);
  return float < 0 ? -size : size;
}
