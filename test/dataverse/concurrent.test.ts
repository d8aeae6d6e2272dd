import fc from "fast-check";
import { expect, test } from "vitest";
import { mapConcurrent } from "../../connectors/dataverse/concurrent.ts";
import { type Clock, openGate } from "../../src/http/gate.ts";

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

/** A clock that moves when somebody sleeps. */
function stepClock(): Clock & { time: number } {
  const clock = {
    time: 0,
    now: () => clock.time,
    sleep: async (milliseconds: number) => {
      clock.time += milliseconds;
    },
  };
  return clock;
}

test("the gate lets so many in, follows the hint within the cap, and a pause stops everybody", async () => {
  const clock = stepClock();
  const gate = openGate({ start: 2, cap: 3, clock });
  const { signal } = new AbortController();
  const first = await gate.enter(signal);
  await gate.enter(signal);
  let third = false;
  const waiting = gate.enter(signal).then((leave) => {
    third = true;
    return leave;
  });
  await tick(5);
  expect(third).toBe(false);
  first();
  (await waiting)();
  gate.hint(50);
  expect(gate.limit).toBe(3);
  gate.hint(Number.NaN);
  gate.hint(0);
  expect(gate.limit).toBe(3);
  gate.pause(5000);
  gate.pause(1000);
  await gate.enter(signal);
  expect(clock.time).toBe(5000);
});

test("whoever is told to stop does not wait at the gate", async () => {
  const gate = openGate({ start: 1, cap: 1 });
  const controller = new AbortController();
  const leave = await gate.enter(controller.signal);
  const waiting = gate.enter(controller.signal);
  controller.abort();
  (await waiting)();
  leave();
  expect(typeof (await gate.enter(new AbortController().signal))).toBe("function");
});
