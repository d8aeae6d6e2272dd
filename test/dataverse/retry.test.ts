import { describe, expect, test } from "vitest";
import { retryAfter, SCHEDULE, waitBefore } from "../../src/http/retry.ts";
import fc from "../support/seeded.ts";

const failed = fc.integer({ min: 1, max: 500 });
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe("the wait before a further attempt", () => {
  test("is anything up to a ceiling that doubles, and stops growing", () => {
    fc.assert(
      fc.property(failed, random, (attempt, chance) => {
        const wait = waitBefore(attempt, SCHEDULE, chance);
        const ceiling = Math.min(SCHEDULE.cap, SCHEDULE.base * 2 ** (attempt - 1));
        expect(wait).toBeGreaterThanOrEqual(0);
        expect(wait).toBeLessThan(ceiling);
        expect(wait).toBe(Math.floor(chance * ceiling));
      }),
    );
  });

  test("is never shorter than the service asks, and not much longer", () => {
    fc.assert(
      fc.property(failed, random, fc.integer({ min: 1, max: 600_000 }), (attempt, chance, asked) => {
        const wait = waitBefore(attempt, SCHEDULE, chance, asked);
        expect(wait).toBeGreaterThanOrEqual(asked);
        expect(wait).toBeLessThanOrEqual(Math.ceil(asked * 1.25));
      }),
    );
  });
});

test.each([
  [undefined, 0],
  ["27", 27_000],
  [" 0.5 ", 500],
  ["Wed, 01 May 2024 10:00:30 GMT", 30_000],
  ["Wed, 01 May 2024 09:00:00 GMT", 0],
  ["soon", 0],
  ["-5", 0],
])("Retry-After %j is %d ms", (header, expected) => {
  expect(retryAfter(header, Date.parse("2024-05-01T10:00:00Z"))).toBe(expected);
});
