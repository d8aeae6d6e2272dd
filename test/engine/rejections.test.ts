/** What is kept of rejections: counts of all, and the same examples whichever batch comes back first. */

import { expect, test } from "vitest";
import { rejectionLog } from "../../src/sync/report.ts";
import fc from "../support/seeded.ts";

const anyRejection = fc.record({
  key: fc.integer({ min: 0, max: 400 }),
  code: fc.constantFrom("value.too_long", "lookup.missing", "match.null"),
});

test("for any order in which rows are rejected, the same ones are listed, in the order of their keys", async () => {
  const rejections = fc.uniqueArray(anyRejection, { maxLength: 250, selector: ({ key }) => key });
  const arrivals = rejections.chain((list) =>
    fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })),
  );
  const logged = async (list: readonly { key: number; code: string }[]) => {
    const log = rejectionLog();
    for (const { key, code } of list)
      await log.add([`C-${key}`], { kind: "rejected", code, message: `${code} ${key}` });
    return log.result();
  };
  await fc.assert(
    fc.asyncProperty(arrivals, async ([list, other]) => {
      const result = await logged(list);
      const { listed, ...counts } = await logged(other);
      expect(listed).toEqual(result.listed);
      expect(counts).toEqual({ total: list.length, byCode: result.byCode });
      const keys = result.listed.map(({ key: [text] }) => Number(text!.slice(2)));
      expect(keys).toEqual(keys.toSorted((a, b) => a - b));
      expect(keys.length).toBe(Math.min(100, list.length));
      for (const [code, count] of Object.entries(result.byCode))
        expect(result.listed.filter((one) => one.code === code).length).toBeGreaterThanOrEqual(
          Math.min(3, count),
        );
    }),
    { numRuns: Number(process.env.PROPERTY_RUNS ?? 40) },
  );
});
