import { describe, expect, test } from "vitest";
import { packMoment, unpackMoment } from "../../src/sandbox/dates.ts";
import { canonical } from "../../src/sandbox/decimal.ts";
import { formsOf } from "../../src/sandbox/forms.ts";
import type { Held, Value } from "../../src/sandbox/row.ts";
import { compileSchema, type Table } from "../../src/sandbox/schema.ts";
import { TABLES } from "../../src/sandbox/tables/index.ts";
import fc from "../support/seeded.ts";

const contact = compileSchema(TABLES).tables.get("contact") as Table;
const forms = formsOf(contact);

/** What a row shows of a value that was put into a column. */
function shown(column: string, value: Value): Value {
  const form = forms.get(column);
  if (!form) throw new Error(`${column} has no form`);
  return form.show(form.keep(value), {} as Held);
}

const digits = fc.stringMatching(/^-?(0|[1-9]\d{0,15})(\.\d{0,12}[1-9])?$/);

describe("the form in which a value is kept", () => {
  test("shows every amount with the digits that were put in", () => {
    fc.assert(
      fc.property(digits, (text) => {
        const amount = canonical(text) as string;
        expect(shown("creditlimit", amount)).toBe(amount);
      }),
      { numRuns: 2000 },
    );
  });

  test("keeps an amount alike, sent as a number or as text", () => {
    const form = forms.get("creditlimit");
    fc.assert(
      fc.property(fc.integer({ min: -1_000_000_000, max: 1_000_000_000 }), (cents) => {
        const amount = cents / 100;
        expect(form?.keep(amount)).toBe(form?.keep(canonical(String(amount)) as string));
        expect(shown("creditlimit", amount)).toBe(canonical(String(amount)));
      }),
      { numRuns: 2000 },
    );
  });

  test("shows every inexact number as it was", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(shown("address1_latitude", value)).toBe(value);
      }),
      { numRuns: 2000 },
    );
  });

  test("shows every moment as it was, also those that are none", () => {
    const two = (max: number) => fc.integer({ min: 0, max }).map((value) => String(value).padStart(2, "0"));
    const moments = fc
      .tuple(fc.integer({ min: 1753, max: 9999 }), two(13), two(32), two(24), two(60), two(60))
      .map(
        ([year, month, day, hour, minute, second]) => `${year}-${month}-${day}T${hour}:${minute}:${second}Z`,
      );
    fc.assert(
      fc.property(moments, (text) => {
        expect(shown("new_lastpurchaseon", text)).toBe(text);
      }),
      { numRuns: 2000 },
    );
    expect(unpackMoment(packMoment("2024-02-29T23:59:59Z") as number)).toBe("2024-02-29T23:59:59Z");
    expect(packMoment("2024-02-29T23:59:59X")).toBeUndefined();
  });
});
