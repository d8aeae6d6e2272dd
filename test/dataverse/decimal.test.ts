import { describe, expect, test } from "vitest";
import { compared, plain, rounded } from "../../connectors/dataverse/decimal.ts";
import fc from "../support/seeded.ts";

/** A decimal as an integer and a scale: the oracle computes with big integers alone. */
const scaled = fc.record({
  units: fc.bigInt(-(10n ** 30n), 10n ** 30n),
  scale: fc.integer({ min: 0, max: 20 }),
});

function write({ units, scale }: { units: bigint; scale: number }): string {
  const digits = String(units < 0n ? -units : units).padStart(scale + 1, "0");
  const text = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
  return units < 0n ? `-${text}` : text;
}

/** Half away from zero, on big integers. */
function roundUnits(units: bigint, from: number, to: number): bigint {
  if (to >= from) return units * 10n ** BigInt(to - from);
  const divisor = 10n ** BigInt(from - to);
  const size = units < 0n ? -units : units;
  const up = (size * 2n + divisor) / (divisor * 2n);
  return units < 0n ? -up : up;
}

describe("plain", () => {
  test.each([
    ["007", "7"],
    ["-0", "0"],
    ["-0.000", "0"],
    ["1.50", "1.5"],
    ["+12", "12"],
    [".5", "0.5"],
    ["5.", "5"],
    ["1e3", "1000"],
    ["1.25e-3", "0.00125"],
    ["-1E+2", "-100"],
    ["1e-12", "0.000000000001"],
  ])("%s is %s", (text, expected) => expect(plain(text)).toBe(expected));

  test.each(["", "-", ".", "e5", "1e", "1,5", "0x10", "NaN", "Infinity", "1 2", "١"])(
    "%j is no number",
    (text) => expect(plain(text)).toBeNull(),
  );

  test("keeps every digit", () => {
    fc.assert(
      fc.property(scaled, (value) => {
        const text = plain(write(value)) ?? "";
        expect(plain(text)).toBe(text);
        expect(text).toMatch(/^(0|-?(0|[1-9]\d*)(\.\d*[1-9])?)$/);
        expect(compared(text, plain(write({ units: value.units * 10n, scale: value.scale + 1 })) ?? "")).toBe(
          0,
        );
      }),
    );
  });

  test("reads what JavaScript writes for floats", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (number) => {
        expect(Number(plain(String(number)))).toBe(number === 0 ? 0 : number);
      }),
    );
  });
});

test("rounds half away from zero, as big integers do", () => {
  fc.assert(
    fc.property(scaled, fc.integer({ min: 0, max: 12 }), (value, decimals) => {
      const exact = plain(write(value)) ?? "";
      const expected = plain(
        write({ units: roundUnits(value.units, value.scale, decimals), scale: decimals }),
      );
      expect(rounded(exact, decimals)).toBe(expected);
    }),
  );
});

test("orders as big integers do", () => {
  fc.assert(
    fc.property(scaled, scaled, (a, b) => {
      const difference = a.units * 10n ** BigInt(b.scale) - b.units * 10n ** BigInt(a.scale);
      const expected = difference < 0n ? -1 : difference > 0n ? 1 : 0;
      expect(compared(plain(write(a)) ?? "", plain(write(b)) ?? "")).toBe(expected);
    }),
  );
});
