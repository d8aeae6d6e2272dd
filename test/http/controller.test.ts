/** The controller alone: what it must hold whatever happens, and how it does against a model of the service. */

import { describe, expect, test } from "vitest";
import {
  type Controller,
  decide,
  type Event,
  newController,
  type Result,
  step,
  widthOf,
} from "../../src/http/controller.ts";
import fc from "../support/seeded.ts";
import { type ModelOptions, type Seen, simulate } from "./support/model.ts";

const WINDOW = 300_000;
const open = (more: Partial<Parameters<typeof newController>[0]> = {}) =>
  newController({ windowMs: WINDOW, start: 4, most: 128, ...more });

const sent = (state: Controller, now: number, expectedMs = 100) =>
  step(state, { type: "sent", now, expectedMs });
const ended = (state: Controller, now: number, result: Result, sentAt = now, expectedMs = 100) =>
  step(state, { type: "ended", now, sentAt, expectedMs, result });

describe("what one event does", () => {
  test("the first hint is where it starts, later ones move nothing, and the ceiling of the config holds", () => {
    expect(widthOf(step(open(), { type: "hint", width: 10 }))).toBe(10);
    expect(widthOf(step(step(open(), { type: "hint", width: 10 }), { type: "hint", width: 50 }))).toBe(10);
    expect(widthOf(step(open({ most: 3 }), { type: "hint", width: 50 }))).toBe(3);
    for (const width of [0, -1, 0.5, Number.NaN])
      expect(widthOf(step(open(), { type: "hint", width }))).toBe(4);
  });

  test("Retry-After holds everything until then", () => {
    const state = ended(sent(open(), 1000), 1100, {
      kind: "limited",
      limit: "execution",
      retryAfterMs: 27_000,
    });
    expect(decide(state, 1100)).toEqual({ go: false, cause: "held", until: 28_100 });
    expect(decide(state, 28_099).go).toBe(false);
    const after = decide(state, 28_100);
    expect(after.go || after.cause !== "held").toBe(true);
  });

  test("each of the three limits backs off at once", () => {
    let busy = step(open(), { type: "hint", width: 20 });
    for (let n = 0; n < 20; n++) busy = sent(busy, n);
    const limited = (limit: "requests" | "execution" | "concurrency" | undefined) =>
      ended(busy, 100, { kind: "limited", limit, retryAfterMs: WINDOW }, 19);
    expect(widthOf(limited("concurrency"))).toBe(19);
    expect(widthOf(limited(undefined))).toBe(10);
    expect(limited("requests").requests.capacity).toBe(19);
    expect(limited("execution").execution.capacity).toBe(1900);
    // Until enough of the window has passed.
    const full = { ...limited("requests"), inFlight: 0, heldUntil: 0 };
    expect(decide(full, 101)).toMatchObject({ go: false, cause: "requests" });
    expect(decide(full, WINDOW + 5_000).go).toBe(true);
  });

  test("a refusal that does not say for how long, or of next to nothing, says nothing of the window", () => {
    let busy = step(open({ documented: { requests: 6000, execution: 1_200_000 } }), {
      type: "hint",
      width: 20,
    });
    for (let n = 0; n < 20; n++) busy = sent(busy, n);
    for (const limit of ["requests", "execution"] as const) {
      const silent = ended(busy, 100, { kind: "limited", limit, retryAfterMs: 0 }, 19);
      expect(silent[limit].capacity).toBeUndefined();
      expect(widthOf(silent)).toBe(10);
      const others = ended(busy, 100, { kind: "limited", limit, retryAfterMs: WINDOW }, 19);
      expect(others[limit].capacity).toBeUndefined();
      expect(decide(others, WINDOW)).toMatchObject({ go: false, cause: "held" });
    }
  });

  /** Milliseconds that so many requests take, one after another, each answered after 100. */
  const lasting = (count: number, left: (n: number) => { requests: number; execution: number }) => {
    let state = open({ documented: { requests: 6000, execution: 1_200_000 } });
    let now = 1;
    for (let n = 0; n < count; n++) {
      for (let decision = decide(state, now); !decision.go; decision = decide(state, now))
        now = decision.until ?? Number.NaN;
      state = sent(state, now);
      now += 100;
      state = ended(state, now, { kind: "answered", tookMs: 100, left: left(n) }, now - 100);
    }
    return now;
  };

  test("who says for ever that nothing is left, and answers, is not waited for for ever", () => {
    expect(lasting(500, () => ({ requests: 0, execution: 0 }))).toBe(500 * 100 + 1);
    // At a twentieth of what one server takes: 300 requests a window.
    const turned = lasting(1500, (n) =>
      n < 3 ? { requests: 5999 - n, execution: 1_200_000 } : { requests: 0, execution: 0 },
    );
    expect(turned).toBeLessThan(7 * WINDOW);
  });

  test("refusals of requests that were under way when the first one came teach nothing more", () => {
    let state = step(open(), { type: "hint", width: 20 });
    for (let n = 0; n < 20; n++) state = sent(state, n);
    const result: Result = { kind: "limited", limit: "requests", retryAfterMs: 1000 };
    const once = ended(state, 100, result, 15);
    const twice = ended(once, 101, result, 16);
    expect(twice.requests.capacity).toBe(once.requests.capacity);
  });

  test("while the service is away one request at a time is tried, and an answer opens it again", () => {
    let state = step(open(), { type: "hint", width: 20 });
    for (let n = 0; n < 5; n++) state = ended(sent(state, n), n, { kind: "away" });
    expect(widthOf(state)).toBe(1);
    expect(decide(sent(state, 10), 10)).toMatchObject({ go: false, cause: "away" });
    state = ended(sent(state, 10), 20, { kind: "answered", tookMs: 10 }, 10);
    expect(widthOf(state)).toBe(10);
  });

  test("replies that take much longer than they should make it narrower, quick ones wider where somebody waits", () => {
    let state = step(open(), { type: "hint", width: 20 });
    for (let n = 0; n < 60; n++)
      state = ended(sent(state, n), n, { kind: "answered", tookMs: 4000, flatMs: 1000 });
    expect(widthOf(state)).toBeLessThan(17);
    const narrow = widthOf(state);
    for (let n = 60; n < 500; n++) {
      state = step(state, { type: "full" });
      state = ended(sent(state, n), n, { kind: "answered", tookMs: 1000, flatMs: 1000 });
    }
    expect(widthOf(state)).toBeGreaterThan(narrow);
    const idle = open();
    expect(widthOf(ended(sent(idle, 0), 1, { kind: "answered", tookMs: 1, flatMs: 1 }))).toBe(4);
  });
});

const amount = fc.integer({ min: 0, max: 100_000 });
const result: fc.Arbitrary<Result> = fc.oneof(
  fc.record({
    kind: fc.constant("answered" as const),
    tookMs: amount,
    flatMs: amount,
    left: fc.record({ requests: amount, execution: amount }, { requiredKeys: [] }),
  }),
  fc.record({
    kind: fc.constant("limited" as const),
    limit: fc.constantFrom("requests", "execution", "concurrency", undefined),
    retryAfterMs: fc.integer({ min: 0, max: 600_000 }),
  }),
  fc.constantFrom<Result>({ kind: "away" }, { kind: "none" }),
);

test("whatever happens, it never passes its ceilings, and somebody who waits gets in at last", () => {
  const steps = fc.array(fc.tuple(fc.integer({ min: 0, max: 20_000 }), amount, result, fc.boolean()), {
    maxLength: 80,
  });
  fc.assert(
    fc.property(
      steps,
      fc.integer({ min: 1, max: 60 }),
      fc.integer({ min: 1, max: 99 }),
      (all, most, hint) => {
        let state: Controller = open({ most });
        let now = 0;
        const apply = (event: Event) => {
          state = step(state, event);
        };
        apply({ type: "hint", width: hint });
        const flying: { sentAt: number; expectedMs: number }[] = [];
        for (const [passed, expectedMs, what, ends] of all) {
          now += passed;
          if (decide(state, now).go) {
            expect(now).toBeGreaterThanOrEqual(state.heldUntil);
            apply({ type: "sent", now, expectedMs });
            flying.push({ sentAt: now, expectedMs });
          } else apply({ type: "full" });
          expect(state.inFlight).toBe(flying.length);
          expect(state.inFlight).toBeLessThanOrEqual(most);
          expect(widthOf(state)).toBeGreaterThanOrEqual(1);
          expect(widthOf(state)).toBeLessThanOrEqual(most);
          const flight = ends ? flying.shift() : undefined;
          if (flight) apply({ type: "ended", now, ...flight, result: what });
        }
        for (const flight of flying) apply({ type: "ended", now, ...flight, result: { kind: "none" } });
        // With nothing in flight each wait has an end, and asking again at it is enough.
        for (let asked = 0; asked < 200; asked++) {
          const decision = decide(state, now);
          if (decision.go) return;
          if (decision.until === undefined) throw new Error(`waits for ever: ${decision.cause}`);
          expect(decision.until).toBeGreaterThan(now);
          now = decision.until;
        }
        throw new Error("asked 200 times");
      },
    ),
  );
});

/** Against 6,000 requests, 1,200 seconds of execution and 52 requests at once in 300 seconds, on each server. */
const MODEL = { windowMs: WINDOW, requests: 6000, executionMs: 1_200_000, concurrency: 52 };

function shares(options: Omit<ModelOptions, keyof typeof MODEL>, windows: number, limits = MODEL) {
  const { seen } = simulate({ ...limits, ...options }, windows * WINDOW);
  const cost = options.cost(0);
  const most = options.servers * Math.min(limits.executionMs, limits.requests * cost);
  return { seen, share: seen.slice(0, windows).map(({ executionMs }) => executionMs / most) };
}

const mean = (all: readonly number[]) => all.reduce((sum, one) => sum + one, 0) / all.length;
const sumOf = (seen: readonly Seen[], name: "limited" | "requests") =>
  seen.reduce((sum, one) => sum + one[name], 0);

describe("against a model of the service, without I/O", () => {
  // 24-second requests: a million virtual seconds, 3,333 windows, stay affordable.
  test.each([
    [1, 2000],
    [2, 900],
    [4, 434],
  ])(
    "%i servers, %i windows: it never starves, never oscillates, and is hardly refused",
    (servers, windows) => {
      const { seen, share } = shares({ servers, cost: (n) => 24_000 + ((n * 7919) % 100) }, windows);
      const after = share.slice(1);
      expect(mean(after)).toBeGreaterThan(0.93);
      // The window after the first burst waits for it to slide out.
      expect(after[0]).toBeGreaterThan(0.65);
      // 50 requests fill a window of one server: a single window may lack a good part of them.
      expect(Math.min(...after.slice(1))).toBeGreaterThan(0.65);
      expect(Math.max(...after)).toBeLessThan(1.08);
      // No swinging: what a window gets done differs little from the next.
      const leaps = after.slice(1).map((one, n) => Math.abs(one - after[n]!));
      expect(mean(leaps)).toBeLessThan(0.05);
      expect(sumOf(seen.slice(1), "limited")).toBeLessThan(sumOf(seen.slice(1), "requests") / 200);
    },
  );

  test.each([
    ["servers that are chosen at random", { spread: "random" as const }],
    ["replies that do not say what is left", { tells: false }],
    ["neither order nor help", { spread: "random" as const, tells: false, hint: 50 }],
  ])("%s", (_, more) => {
    for (const servers of [1, 3]) {
      const { seen, share } = shares({ servers, cost: () => 1000, ...more }, 10);
      expect(Math.min(...share.slice(1)), `${servers} servers`).toBeGreaterThan(0.85);
      expect(mean(share.slice(1)), `${servers} servers`).toBeGreaterThan(0.9);
      const [limited, requests] = [sumOf(seen.slice(1), "limited"), sumOf(seen.slice(1), "requests")];
      // Where nothing warns, the first windows after the first refusal bring some more.
      const isWarned = !("tells" in more);
      expect(limited, `${servers} servers`).toBeLessThan(requests / (isWarned ? 200 : 100));
    }
  });

  test("short requests, which the limit on requests binds", () => {
    for (const servers of [1, 4]) {
      const { share } = shares({ servers, cost: () => 900 }, 3, { ...MODEL, requests: 1000 });
      expect(mean(share.slice(1))).toBeGreaterThan(0.9);
    }
  });

  test("a service that slows down is not pushed further", () => {
    const { controller, seen } = simulate(
      { ...MODEL, servers: 1, cost: () => 400, cores: 3, hint: 4 },
      4 * WINDOW,
    );
    expect(controller.peak).toBeLessThanOrEqual(40);
    expect(sumOf(seen, "limited")).toBeLessThan(5);
  });

  test("an outage is over within two windows", () => {
    for (const servers of [1, 2, 4]) {
      const outage = [5 * WINDOW, 6 * WINDOW] as const;
      const { share } = shares({ servers, cost: () => 8000, outage }, 12);
      expect(share[5]).toBeLessThan(0.1);
      expect(mean(share.slice(6, 8)), `${servers} servers`).toBeGreaterThan(0.85);
      expect(mean(share.slice(8)), `${servers} servers`).toBeGreaterThan(0.9);
    }
  });
});
