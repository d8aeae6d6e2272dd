/** The planner through a year of a virtual clock, and its algebra. */

import { describe, expect, test } from "vitest";
import { quietHours, type ScheduleSpec } from "../../src/core/schedule.ts";
import { type Due, type Mark, type Planner, planner, startOf } from "../../src/schedule/plan.ts";
import { quietOf } from "../../src/schedule/times.ts";
import fc from "../support/seeded.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = [Date.UTC(2026, 0, 1), Date.UTC(2027, 0, 1)] as const;

const spec = (cron: string, more: Partial<ScheduleSpec> & { jitterMs?: number } = {}): ScheduleSpec => ({
  sync: "orders",
  trigger: { kind: "cron", cron, jitterMs: more.jitterMs ?? 0 },
  timezone: "Europe/Berlin",
  quiet: [],
  lateMs: Number.POSITIVE_INFINITY,
  ...more,
});

interface Started extends Due {
  readonly at: number;
}

/** Lives from one instant to another: takes up what is due when it is, and lets each run last as long as it is told. */
function live(
  plan: Planner,
  [from, to]: readonly [number, number],
  lasts: (started: Started) => number = () => 0,
  isDown: (now: number) => boolean = () => false,
): Started[] {
  const marks = new Map<string, Mark>();
  const running = new Map<string, number>();
  const started: Started[] = [];
  const state = (now: number) => ({ now, busy: new Set(running.keys()), isGone: () => false });
  for (const { sync } of plan.specs) marks.set(sync, plan.begin(sync, undefined, from)!);
  for (let now = from; now < to; ) {
    for (const [sync, until] of running) {
      if (until > now) continue;
      running.delete(sync);
      marks.set(sync, { ...marks.get(sync)!, well: until });
    }
    if (!isDown(now)) {
      for (const due of plan.due(marks, state(now))) {
        const start = { ...due, at: now };
        started.push(start);
        marks.set(due.sync, { ...marks.get(due.sync)!, time: due.time });
        running.set(due.sync, now + lasts(start));
      }
    }
    const next = plan.next(marks, state(now)) ?? to;
    expect(next).toBeGreaterThan(now);
    now = Math.min(next, ...running.values(), isDown(now) ? now + 10 * MINUTE : to);
    if ([...running.values()].includes(now)) continue;
  }
  return started;
}

const wall = (timezone: string) => {
  const format = new Intl.DateTimeFormat("sv", {
    timeZone: timezone,
    dateStyle: "short",
    timeStyle: "short",
  });
  return (instant: number): string => format.format(instant);
};

/**
 * When the wall clock of a zone shows one of the times for the first time that day: by looking at it every quarter of an
 * hour. A time that it passes over counts when it was `passed`.
 */
function byTheClock(timezone: string, times: readonly string[], passed: boolean): number[] {
  const read = wall(timezone);
  const found: number[] = [];
  const seen = new Set<string>();
  let before = read(YEAR[0]);
  for (let now = YEAR[0] + 15 * MINUTE; now < YEAR[1]; now += 15 * MINUTE) {
    const shown = read(now);
    const day = shown.slice(0, 10);
    const due = times
      .map((time) => `${day} ${time}`)
      .filter((time) => time === shown || (passed && before < time && time < shown))
      .filter((time) => !seen.has(time));
    for (const time of due) seen.add(time);
    if (due.length > 0) found.push(now);
    before = shown;
  }
  return found;
}

describe("a year with two changes of the clock", () => {
  test.each([
    ["Europe/Berlin", "30 2 * * *", ["02:30"]],
    ["Europe/Berlin", "15 3 * * *", ["03:15"]],
    ["Europe/Berlin", "30 1-3 * * *", ["01:30", "02:30", "03:30"]],
    ["Europe/Berlin", "0,45 1,2 * * *", ["01:00", "01:45", "02:00", "02:45"]],
    ["America/New_York", "30 1,2 * * *", ["01:30", "02:30"]],
    ["America/Santiago", "0 0 * * *", ["00:00"]],
    ["Australia/Lord_Howe", "45 1 * * *", ["01:45"]],
    ["Asia/Kolkata", "30 2 * * *", ["02:30"]],
  ])("%s, %s: once a day at each time of the wall clock", (zone, cron, times) => {
    const starts = live(planner([spec(cron, { timezone: zone })]), YEAR).map(({ at }) => at);
    const expected = byTheClock(zone, times, times.length === 1);
    expect(starts).toEqual(expected);
    expect(starts.length).toBeGreaterThan(300);
  });

  test("an hourly line goes by elapsed time: nothing is left out or doubled when the clock changes", () => {
    const starts = live(planner([spec("*/30 * * * *")]), YEAR).map(({ at }) => at);
    const all = Array.from(
      { length: (YEAR[1] - YEAR[0]) / (30 * MINUTE) - 1 },
      (_, i) => YEAR[0] + (i + 1) * 30 * MINUTE,
    );
    expect(starts).toEqual(all);
  });

  test("quiet hours follow the wall clock too: nothing starts in them, and what fell into them starts once at their end", () => {
    const quiet = [quietHours("22:00-06:00"), quietHours("Sat-Sun 00:00-24:00")];
    const starts = live(planner([spec("20 * * * *", { quiet })]), YEAR);
    const read = wall("Europe/Berlin");
    const times = starts.map(({ at }) => read(at));
    for (const time of times) {
      expect(time.slice(11) >= "06:00" && time.slice(11) < "22:00", time).toBe(true);
      expect([0, 6]).not.toContain(new Date(`${time.slice(0, 10)}T12:00Z`).getUTCDay());
    }
    const perDay = new Map<string, string[]>();
    for (const time of times) perDay.set(time.slice(0, 10), [...(perDay.get(time.slice(0, 10)) ?? []), time]);
    expect(perDay.size).toBe(261); // the working days of 2026
    for (const [day, list] of perDay) {
      // At 06:00 what the night has missed, then hourly at 06:20 … 21:20.
      expect(list.length, day).toBe(17);
      expect(list[0], day).toBe(`${day} 06:00`);
    }
  });
});

test("runs that are longer than their distance never overlap, and what they missed starts once when they end", () => {
  const starts = live(planner([spec("*/10 * * * *")]), [YEAR[0], YEAR[0] + DAY], () => 25 * MINUTE);
  for (const [i, { at }] of starts.entries()) {
    if (i > 0) expect(at - starts[i - 1]!.at).toBeGreaterThanOrEqual(25 * MINUTE);
  }
  expect(starts.length).toBe(58);
});

test("a sync that comes after others runs when each of them has ended since", () => {
  const after = (sync: string, ...syncs: string[]): ScheduleSpec => ({
    ...spec("", { sync }),
    trigger: { kind: "after", syncs },
  });
  const plan = planner([
    spec("0 * * * *", { sync: "a" }),
    spec("0 */2 * * *", { sync: "b" }),
    after("c", "a", "b"),
    after("d", "c"),
  ]);
  const starts = live(plan, [YEAR[0], YEAR[0] + DAY], ({ sync }) => (sync === "b" ? 5 : 2) * MINUTE);
  const of = (sync: string) => starts.filter((start) => start.sync === sync).map(({ at }) => at);
  expect(of("a").length).toBe(23);
  expect(of("b").length).toBe(12);
  expect(of("c")).toEqual(of("b").map((at) => at + 5 * MINUTE));
  expect(of("d")).toEqual(of("c").map((at) => at + 2 * MINUTE));
});

describe("one that comes before another", () => {
  const both = (parent: string, child: string): Planner =>
    planner(
      [spec(child, { sync: "a child" }), spec(parent, { sync: "its parent" })],
      new Map([["a child", ["its parent"]]]),
    );
  const minutes = (starts: readonly Started[], sync: string): number[] =>
    starts.filter((start) => start.sync === sync).map(({ at }) => (at - YEAR[0]) / MINUTE);
  const lasts = ({ sync }: Started): number => (sync === "its parent" ? 7 : 1) * MINUTE;

  test("runs first where both fall due, and holds nobody up where it does not", () => {
    const starts = live(both("0 * * * *", "*/20 * * * *"), [YEAR[0], YEAR[0] + 2 * HOUR], lasts);
    expect(minutes(starts, "its parent")).toEqual([60]);
    expect(minutes(starts, "a child")).toEqual([20, 40, 67, 80, 100]);
  });

  test("runs first too when both are caught up", () => {
    const isDown = (now: number): boolean => now < YEAR[0] + 150 * MINUTE;
    const starts = live(both("0 * * * *", "*/20 * * * *"), [YEAR[0], YEAR[0] + 165 * MINUTE], lasts, isDown);
    expect(starts.map(({ sync, at }) => [sync, (at - YEAR[0]) / MINUTE])).toEqual([
      ["its parent", 150],
      ["a child", 157],
      ["a child", 160],
    ]);
  });

  test("for any lines and lengths: a child starts at most one run of each after it fell due", () => {
    const every = fc.constantFrom(1, 2, 5, 12, 30);
    fc.assert(
      fc.property(
        every,
        every,
        fc.integer({ min: 0, max: 40 }),
        fc.integer({ min: 0, max: 9 }),
        (a, b, p, c) => {
          const plan = both(`*/${a} * * * *`, `*/${b} * * * *`);
          const long = ({ sync }: Started): number => (sync === "its parent" ? p : c) * MINUTE;
          const starts = live(plan, [YEAR[0], YEAR[0] + 4 * HOUR], long);
          const children = minutes(starts, "a child");
          const parents = minutes(starts, "its parent");
          for (let fell = b; fell < 4 * 60 - p - c - 1; fell += b)
            expect(children.some((at) => at >= fell && at <= fell + p + c)).toBe(true);
          // What fell due this minute, and not before, waits for the parent's run of the same minute; a parent that runs
          // into its own next time is late, and holds up nobody of then.
          if (p >= a) return;
          const own = starts.filter(({ sync }) => sync === "a child");
          for (const [i, { time, at }] of own.entries())
            if (i > 0 && at === time && own[i - 1]!.time === time - b * MINUTE && p > 0)
              expect(parents).not.toContain((at - YEAR[0]) / MINUTE);
        },
      ),
      { numRuns: Number(process.env.PROPERTY_RUNS ?? 15) },
    );
  });
});

test.each([
  ["always", Number.POSITIVE_INFINITY, 1],
  ["6h", 6 * HOUR, 0],
])("after two days without the scheduler, catch_up: %s", (_, lateMs, caughtUp) => {
  const [from, to] = [Date.UTC(2026, 5, 1), Date.UTC(2026, 5, 8)];
  const back = from + 3 * DAY + 12 * HOUR;
  const isDown = (now: number): boolean => now >= from + DAY + 12 * HOUR && now < back;
  const starts = live(planner([spec("0 4 * * *", { lateMs })]), [from, to], undefined, isDown);
  expect(starts.filter(({ at }) => at >= back && at < back + HOUR).length).toBe(caughtUp);
  expect(starts.length).toBe(7 - 2 + caughtUp);
});

test("a time that was taken up by one who is gone is taken up again, a held one is not", () => {
  const plan = planner([spec("0 4 * * *")]);
  const now = Date.UTC(2026, 5, 1, 12);
  const { of } = plan.begin("orders", undefined, now)!;
  const marks = new Map([["orders", { time: Date.UTC(2026, 5, 1, 2), of, holder: "host 1" }]]);
  const busy = new Set<string>();
  expect(plan.due(marks, { now, busy, isGone: () => false })).toEqual([]);
  expect(plan.due(marks, { now, busy, isGone: () => true })).toEqual([
    { sync: "orders", time: Date.UTC(2026, 5, 1, 2), late: 10 * HOUR, again: true },
  ]);
});

test("of two schedulers with two versions of a schedule, each goes by its own", () => {
  const plans = [planner([spec("*/15 * * * *")]), planner([spec("*/10 * * * *")])];
  const start = Date.UTC(2026, 0, 1);
  let mark: Mark | undefined;
  const ran: number[][] = [[], []];
  for (let now = start; now <= start + 3_600_000; now += 15_000) {
    for (const [i, plan] of plans.entries()) {
      mark = plan.begin("orders", mark, now) ?? mark!;
      const [due] = plan.due(new Map([["orders", mark]]), { now, busy: new Set(), isGone: () => false });
      if (due === undefined) continue;
      ran[i]!.push((due.time - start) / 60_000);
      mark = { ...mark, time: due.time };
    }
  }
  expect(ran).toEqual([
    [15, 30, 45, 60],
    [10, 20, 30, 40, 50, 60],
  ]);
});

test("another schedule begins anew; the same goes on", () => {
  const now = Date.UTC(2026, 5, 1, 12);
  const old = planner([spec("0 4 * * *")]).begin("orders", undefined, now - 5 * DAY)!;
  const plan = planner([spec("0 9 * * *")]);
  expect(plan.begin("orders", { ...old, well: 7 }, now)).toMatchObject({ time: now, well: 7 });
  expect(planner([spec("0  4 * * *")]).begin("orders", old, now)).toBeUndefined();
});

describe("for any schedule", () => {
  const zones = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"];
  const anySpec = fc.record({
    minute: fc.constantFrom("0", "*/7", "*/20", "13,59"),
    hour: fc.constantFrom("*", "2", "1-3", "*/5", "23"),
    days: fc.constantFrom("* * *", "* * 1-5", "L * *"),
    zone: fc.constantFrom(...zones),
    jitter: fc.constantFrom(0, 1, 3, 50),
    quiet: fc.constantFrom<string[][]>([], ["22:00-06:00"], ["Sun 01:00-03:30", "12:00-13:00"]),
  });
  const anyStart = fc.integer({ min: YEAR[0] / MINUTE, max: YEAR[1] / MINUTE - 12 * 1_440 });
  type Given = typeof anySpec extends fc.Arbitrary<infer T> ? T : never;
  const build = ({ minute, hour, days, zone, jitter, quiet }: Given): ScheduleSpec =>
    spec(`${minute} ${hour} ${days}`, {
      timezone: zone,
      jitterMs: jitter * MINUTE,
      quiet: quiet.map(quietHours),
    });

  test("each time is taken up once, in order, not before its start, not in quiet hours", () => {
    fc.assert(
      fc.property(anySpec, anyStart, fc.integer({ min: 0, max: 90 }), (given, from, lasts) => {
        const one = build(given);
        const quiet = quietOf(one.quiet, one.timezone);
        const start = from * MINUTE;
        const starts = live(planner([one]), [start, start + 4 * DAY], () => lasts * MINUTE);
        for (const [i, { time, at }] of starts.entries()) {
          expect(time).toBeGreaterThan(starts[i - 1]?.time ?? start);
          expect(at).toBeGreaterThanOrEqual(
            Math.max(startOf(one, time), (starts[i - 1]?.at ?? 0) + lasts * MINUTE),
          );
          expect(quiet.covers(at)).toBe(false);
        }
      }),
      { numRuns: Number(process.env.PROPERTY_RUNS ?? 25) },
    );
  });

  test("to look more often changes nothing but when", () => {
    fc.assert(
      fc.property(anySpec, anyStart, (given, from) => {
        const plan = planner([build({ ...given, quiet: [] })]);
        const start = from * MINUTE;
        const seldom = live(plan, [start, start + 2 * DAY]);
        const marks = new Map([["orders", plan.begin("orders", undefined, start)!]]);
        const often: number[] = [];
        for (let now = start; now < start + 2 * DAY; now += MINUTE) {
          for (const due of plan.due(marks, { now, busy: new Set(), isGone: () => false })) {
            often.push(due.time);
            marks.set("orders", { ...marks.get("orders")!, time: due.time });
          }
        }
        const exact = seldom.filter(({ at }) => Math.ceil(at / MINUTE) * MINUTE < start + 2 * DAY);
        // A jitter beyond the distance may bring two starts within the minute between two looks.
        if (given.jitter <= 3) expect(often).toEqual(exact.map(({ time }) => time));
      }),
      { numRuns: Number(process.env.PROPERTY_RUNS ?? 6) },
    );
  });

  test("the order in which the syncs stand in the files means nothing", () => {
    fc.assert(
      fc.property(fc.array(anySpec, { minLength: 2, maxLength: 4 }), anyStart, (list, from) => {
        const specs = list.map((given, i) => ({ ...build(given), sync: `s${i}` }));
        const span = [from * MINUTE, from * MINUTE + DAY] as const;
        const key = ({ sync, time, at }: Started): string => `${at} ${sync} ${time}`;
        expect(live(planner([...specs].reverse()), span).map(key)).toEqual(
          live(planner(specs), span).map(key),
        );
      }),
      { numRuns: Number(process.env.PROPERTY_RUNS ?? 6) },
    );
  });
});
