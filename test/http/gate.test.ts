/** The gate: who waits, for what, and that nobody waits for ever. */
import { expect, test } from "vitest";
import { newTally, type Send } from "../../src/http/answer.ts";
import type { Clock } from "../../src/http/clock.ts";
import { gated, openGate } from "../../src/http/gate.ts";

const tick = (turns: number) =>
  Array.from({ length: turns }).reduce<Promise<void>>((before) => before.then(() => {}), Promise.resolve());

/** A clock that moves when somebody sleeps. */
function stepClock(): Clock & { time: number } {
  const clock = {
    time: 0,
    now: () => clock.time,
    sleep: async (milliseconds: number) => {
      clock.time += Math.max(0, milliseconds);
    },
  };
  return clock;
}

const { signal } = new AbortController();
const open = (start: number, most: number, clock?: Clock) =>
  openGate({ windowMs: 300_000, start, most, clock });

test("lets so many in, takes the first hint within the ceiling, and a pause stops everybody", async () => {
  const clock = stepClock();
  const gate = open(2, 3, clock);
  const first = await gate.enter(signal);
  await gate.enter(signal);
  let third = false;
  const waiting = gate.enter(signal).then((pass) => {
    third = true;
    return pass;
  });
  await tick(5);
  expect(third).toBe(false);
  first?.leave();
  (await waiting)?.leave();
  gate.hint(50);
  expect(gate.limit).toBe(3);
  gate.hint(Number.NaN);
  gate.hint(0);
  expect(gate.limit).toBe(3);
  gate.pause(5000);
  gate.pause(1000);
  const pass = await gate.enter(signal);
  expect(clock.time).toBe(5000);
  expect(pass?.waited).toEqual({ held: 5000, in_flight: 0 });
});

test("whoever is told to stop gives up its place; others go on", async () => {
  const gate = open(1, 1);
  const controller = new AbortController();
  const inside = await gate.enter(signal);
  const stopped = gate.enter(controller.signal);
  const next = gate.enter(signal);
  controller.abort();
  expect(await stopped).toBeUndefined();
  inside?.leave();
  expect(await next).toBeDefined();
  expect(await gate.enter(controller.signal)).toBeUndefined();
});

test("a place is given back once, whatever is said", async () => {
  const gate = open(1, 1);
  const pass = await gate.enter(signal);
  pass?.leave({ kind: "answered", tookMs: 5 });
  pass?.leave();
  const second = await gate.enter(signal);
  expect(gate.state.inFlight).toBe(1);
  second?.leave();
  expect(gate.state.inFlight).toBe(0);
});

test("a refusal teaches what a window takes, also where it says how long to wait", async () => {
  const clock = stepClock();
  const gate = open(2, 3, clock);
  const statuses = [204, 204, 429, 204];
  const reply: Send = async () => {
    clock.time += 100;
    const status = statuses.shift()!;
    return {
      kind: "reply",
      status,
      headers: status === 429 ? { "retry-after": "299" } : {},
      body: "",
      tookMs: 90,
    };
  };
  const send = gated(gate, { tally: newTally(), signs: { limit: () => "requests" }, now: clock.now })(reply);
  const request = { method: "POST", path: "/", purpose: "write", signal } as const;
  for (let sent = 0; sent < 3; sent++) await send(request);
  expect(gate.closedUntil).toBe(299_300);
  expect(gate.state.requests.capacity).toBe(2);
  await send(request);
  // Until the first two are out of the window.
  expect(clock.time).toBeGreaterThan(300_000);
});
