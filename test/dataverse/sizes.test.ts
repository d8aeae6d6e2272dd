/** How many rows a request takes, and what a load will take. */

import { describe, expect, test } from "vitest";
import { forecastOf } from "../../connectors/dataverse/sender/forecast.ts";
import { openLanes } from "../../connectors/dataverse/sender/lanes.ts";
import { newSizes, type Sizes, took, tooMany, workOf } from "../../connectors/dataverse/sender/sizes.ts";
import { noOperations } from "../../src/core/change.ts";
import fc from "../support/seeded.ts";
import { contact } from "./support/tables.ts";

/** Requests of the size that is asked for, each taking `own` and `row` milliseconds a row. */
function sized(requests: number, own: number, row: number, sizes: Sizes): Sizes {
  for (let sent = 0; sent < requests; sent++) sizes = took(sizes, sizes.size, own + row * sizes.size);
  return sizes;
}

/** Milliseconds that a request is to take at most. */
const LONGEST = 10_000;

const costs = fc.record({
  own: fc.double({ min: 1, max: 500, noNaN: true }),
  row: fc.double({ min: 0.1, max: 2_000, noNaN: true }),
  most: fc.integer({ min: 1, max: 1_000 }),
});

describe("rows of a request", () => {
  test("are never fewer than one, never more than are allowed, whatever requests take", () => {
    const events = fc.array(
      fc.oneof(fc.double({ min: 0, max: 1e6, noNaN: true }), fc.constant("too many" as const)),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(events, fc.integer({ min: 1, max: 1_000 }), (all, most) => {
        let sizes = newSizes(most, LONGEST);
        for (const event of all) {
          const { size } = sizes;
          sizes = event === "too many" ? tooMany(sizes, size) : took(sizes, size, event);
          expect(sizes.size).toBeGreaterThanOrEqual(1);
          expect(sizes.size).toBeLessThanOrEqual(most);
          expect(Number.isInteger(sizes.size)).toBe(true);
          if (event === "too many") expect(sizes.size).toBeLessThanOrEqual(Math.max(1, size / 2));
        }
      }),
    );
  });

  test("stay below the longest time that a request may take, once it is known what a row takes", () => {
    fc.assert(
      fc.property(costs, ({ own, row, most }) => {
        const sizes = sized(40, own, row, newSizes(most, LONGEST));
        // Unless it costs more than a twentieth for itself.
        expect(sizes.size === 1 || row * sizes.size <= 1.01 * Math.max(LONGEST, 20 * own)).toBe(true);
        const { expectedMs } = workOf(sizes, sizes.size, 0);
        expect(expectedMs).toBeGreaterThan(0.5 * (own + row * sizes.size));
        expect(expectedMs).toBeLessThan(2 * (own + row * sizes.size));
      }),
    );
  });

  test("are many where a row takes little, and few where it takes long", () => {
    expect(sized(40, 50, 2, newSizes(1_000, LONGEST)).size).toBe(1_000);
    const costly = sized(40, 50, 500, newSizes(1_000, LONGEST)).size;
    expect(costly).toBeGreaterThan(10);
    expect(costly).toBeLessThanOrEqual(20);
  });

  test("are not few because a request takes long for itself", () => {
    expect(sized(60, 15_000, 20, newSizes(1_000, LONGEST)).size).toBeGreaterThanOrEqual(100);
  });

  test("what was too many once is not tried again", () => {
    const sizes = sized(100, 50, 2, tooMany(newSizes(1_000, LONGEST), 400));
    expect(sizes.size).toBeLessThanOrEqual(200);
  });
});

test("after requests that were too slow to be done the next run begins with fewer rows", () => {
  const costs = new Map();
  const first = openLanes(1_000, 300_000, costs)(contact, "upsert", "bulk");
  first.tooSlow(first.size);
  const second = openLanes(1_000, 300_000, costs)(contact, "upsert", "bulk");
  expect([first.size, second.size]).toEqual([100, 16]);
  second.tooSlow(second.size);
  const third = openLanes(1_000, 300_000, costs)(contact, "upsert", "bulk");
  expect(third.size).toBe(2);
  // Where the service was silent and the table is quick, one answer makes up for it.
  third.took(2, 76);
  expect(third.size).toBeGreaterThan(20);
  third.tooSlow(100);
  expect(openLanes(1_000, 300_000, costs)(contact, "upsert", "bulk").size).toBe(100);
});

describe("the forecast", () => {
  const laneOf = () => openLanes(1_000, 300_000);
  const upserts = (upsert: number) => ({ ...noOperations(), upsert });

  test("of nothing is nothing", () => {
    const nothing = { requests: 0, seconds: 0, share: { requests: 0, execution: 0 } };
    expect(forecastOf(contact, [noOperations()], laneOf(), 1)).toEqual(nothing);
  });

  test("grows with the load, and shrinks with users", () => {
    const rows = fc.integer({ min: 1, max: 300_000 });
    fc.assert(
      fc.property(rows, rows, (a, b) => {
        const [few, many] = [Math.min(a, b), Math.max(a, b)].map((count) =>
          forecastOf(contact, [upserts(count)], laneOf(), 1),
        );
        expect(few!.requests).toBeLessThanOrEqual(many!.requests);
        expect(few!.share.execution).toBeLessThanOrEqual(many!.share.execution!);
        const shared = forecastOf(contact, [upserts(Math.max(a, b))], laneOf(), 2);
        expect(shared.share.execution).toBeLessThanOrEqual(many!.share.execution!);
        expect(shared.seconds).toBeLessThanOrEqual(many!.seconds);
      }),
      { numRuns: 30 },
    );
  });

  test("goes by what rows took the last time, where there was one", () => {
    const costs = new Map();
    const before = openLanes(1_000, 300_000, costs);
    for (let sent = 0; sent < 40; sent++) {
      const one = before(contact, "upsert", "bulk");
      one.took(one.size, 60 + 8 * one.size);
    }
    const guessed = forecastOf(contact, [upserts(100_000)], laneOf(), 1);
    const now = forecastOf(contact, [upserts(100_000)], openLanes(1_000, 300_000, costs), 1);
    // 800 seconds of 1,200, and a little for each request; a guess of 20 ms a row would be 2,000.
    expect(guessed.share.execution).toBeGreaterThan(1.6);
    expect(now.share.execution).toBeGreaterThan(0.66);
    expect(now.share.execution).toBeLessThan(0.72);
  });

  test("beyond one window goes at the pace of the limit", () => {
    const lane = laneOf();
    for (let sent = 0; sent < 40; sent++) {
      const one = lane(contact, "upsert", "bulk");
      one.took(one.size, 20 * one.size);
    }
    // 600,000 rows of 20 ms are 12,000 seconds of execution: ten windows of 1,200.
    const { share, seconds } = forecastOf(contact, [upserts(600_000)], lane, 1);
    expect(share.execution).toBeCloseTo(10, 0);
    expect(seconds).toBeGreaterThan(2_900);
    expect(seconds).toBeLessThan(3_200);
  });
});
