import { expect, test } from "vitest";
import { mapConcurrent } from "../../connectors/dataverse/write/concurrent.ts";
import fc from "../support/seeded.ts";

async function* items(count: number, failAt = -1) {
  for (let index = 0; index < count; index++) {
    if (index === failAt) throw new Error("input failed");
    yield index;
  }
}

const tick = (turns: number) =>
  Array.from({ length: turns }).reduce<Promise<void>>((before) => before.then(() => {}), Promise.resolve());

test("yields every result, and never runs more than the width", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: 40 }),
      fc.integer({ min: 1, max: 6 }),
      fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 40, maxLength: 40 }),
      async (count, width, delays) => {
        let running = 0;
        const results: number[] = [];
        const work = async (item: number) => {
          running++;
          expect(running).toBeLessThanOrEqual(width);
          await tick(delays[item] ?? 0);
          running--;
          return item;
        };
        for await (const result of mapConcurrent(items(count), () => width, work)) results.push(result);
        expect(results.toSorted((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, index) => index));
      },
    ),
  );
});

test("calls under way still yield when the input fails", async () => {
  const results: number[] = [];
  const run = async () => {
    for await (const result of mapConcurrent(
      items(10, 4),
      () => 3,
      async (item) => tick(5).then(() => item),
    )) {
      results.push(result);
    }
  };
  await expect(run()).rejects.toThrow("input failed");
  expect(results.toSorted()).toEqual([0, 1, 2, 3]);
});

test("a consumer that leaves closes the input", async () => {
  let closed = false;
  async function* endless() {
    try {
      while (true) yield 1;
    } finally {
      closed = true;
    }
  }
  for await (const _ of mapConcurrent(
    endless(),
    () => 2,
    async (item) => item,
  ))
    break;
  expect(closed).toBe(true);
});
