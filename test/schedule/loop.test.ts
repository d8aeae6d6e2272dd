/** The loop by a virtual clock: what it does when things go wrong around it. */
import { expect, test } from "vitest";
import type { ScheduleSpec } from "../../src/core/schedule.ts";
import { openLog } from "../../src/log/log.ts";
import type { Ended } from "../../src/schedule/child.ts";
import { type Clock, runSchedule } from "../../src/schedule/loop.ts";
import type { Entry, Notebook } from "../../src/schedule/notebook.ts";
import { planner } from "../../src/schedule/plan.ts";

const START = Date.UTC(2026, 0, 1);
const MINUTE = 60_000;

/** Time passes when everybody sleeps; the signal aborts at the end. */
function virtual(ends: number): { clock: Clock; signal: AbortSignal } {
  let now = START;
  const stop = new AbortController();
  const sleepers = new Set<{ until: number; wake: () => void }>();
  const pass = (): void => {
    const [first] = [...sleepers].sort((a, b) => a.until - b.until);
    if (first === undefined) return;
    now = Math.max(now, first.until);
    if (now >= ends) stop.abort();
    first.wake();
  };
  const clock: Clock = {
    now: () => now,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        const sleeper = {
          until: now + ms,
          wake: () => {
            sleepers.delete(sleeper);
            resolve();
          },
        };
        sleepers.add(sleeper);
        if (signal.aborted) sleeper.wake();
        signal.addEventListener("abort", sleeper.wake, { once: true });
        // All that can be done now is done before time goes on.
        setTimeout(pass, 1);
      }),
  };
  return { clock, signal: stop.signal };
}

function memory(fails: () => boolean = () => false): Notebook {
  const entries = new Map<string, Entry>();
  return {
    async read() {
      if (fails()) throw new Error("the disk is away");
      return new Map(entries);
    },
    async write(key, value, seen) {
      if ((entries.get(key)?.version ?? 0) !== seen) return false;
      entries.set(key, { version: seen + 1, value });
      return true;
    },
    async [Symbol.asyncDispose]() {},
  };
}

const every = (minutes: number, sync = "orders"): ScheduleSpec => ({
  sync,
  trigger: { kind: "cron", cron: `*/${minutes} * * * *`, jitterMs: 0 },
  timezone: "UTC",
  quiet: [],
  lateMs: Number.POSITIVE_INFINITY,
});

interface World {
  readonly specs: readonly ScheduleSpec[];
  readonly ends: number;
  readonly notebook?: Notebook;
  readonly run?: (sync: string, clock: Clock) => Promise<Ended>;
  readonly parallel?: number;
  readonly once?: boolean;
  /** Another loop's, where two live at once. */
  readonly time?: ReturnType<typeof virtual>;
  readonly holder?: string;
  readonly isDead?: (holder: string) => boolean;
}

async function live({
  specs,
  ends,
  notebook = memory(),
  run = async () => ({ exit: 0, problems: [] }),
  parallel = 2,
  once = false,
  time = virtual(START + ends),
  holder = "me",
  isDead = () => false,
}: World) {
  const { clock, signal } = time;
  const lines: string[] = [];
  const done = await runSchedule({
    planner: planner(specs),
    notebook,
    run: (sync) => run(sync, clock),
    parallel,
    signal,
    clock,
    log: openLog({
      level: "info",
      format: "json",
      redact: (text) => text,
      write: (line) => void lines.push(line),
    }),
    holder,
    isDead,
    once,
  });
  return { done, lines, starts: done.map(({ due }) => (due.time - START) / MINUTE) };
}

test("what is due runs at its time", async () => {
  const { starts, done } = await live({ specs: [every(10)], ends: 35 * MINUTE });
  expect(starts).toEqual([10, 20, 30]);
  expect(done.every(({ due }) => due.late === 0)).toBe(true);
});

test("notes that cannot be read are tried again, and what fell due meanwhile is caught up", async () => {
  let reads = 0;
  const notebook = memory(() => ++reads > 4 && reads < 150);
  const { starts, lines } = await live({ specs: [every(10)], ends: 65 * MINUTE, notebook });
  expect(starts.at(-1)).toBe(60);
  expect(lines.join("")).toContain("it is tried again");
  expect(new Set(starts).size).toBe(starts.length);
});

test("no more run at once than may, and each once", async () => {
  let running = 0;
  let most = 0;
  const { done } = await live({
    specs: ["a", "b", "c", "d", "e"].map((sync) => every(10, sync)),
    ends: 19 * MINUTE,
    run: async (_, clock) => {
      running += 1;
      most = Math.max(most, running);
      await clock.sleep(MINUTE, new AbortController().signal);
      running -= 1;
      return { exit: 0, problems: [] };
    },
  });
  expect(most).toBe(2);
  expect(done.map(({ due }) => due.sync).sort()).toEqual(["a", "b", "c", "d", "e"]);
});

test("a run that another holds is due again, with a pause between the tries", async () => {
  let tries = 0;
  const locked = { kind: "deferred", code: "state.locked", message: "" } as const;
  const { done } = await live({
    specs: [every(30)],
    ends: 59 * MINUTE,
    run: async () => (++tries < 4 ? { exit: 5, problems: [locked] } : { exit: 0, problems: [] }),
  });
  expect(done.map(({ exit }) => exit)).toEqual([5, 5, 5, 0]);
  expect(new Set(done.map(({ due }) => due.time)).size).toBe(1);
  expect(done[3]!.due.late).toBeGreaterThanOrEqual(15_000);
});

test("with --once a sync that another run holds is tried once, and is due again for the next", async () => {
  const notebook = memory();
  const locked = { kind: "deferred", code: "state.locked", message: "" } as const;
  const world = { specs: [every(30), every(30, "free")], ends: 59 * MINUTE, notebook, once: true };
  const first = await live({
    ...world,
    run: async (sync) => (sync === "free" ? { exit: 0, problems: [] } : { exit: 5, problems: [locked] }),
  });
  expect(first.done.map(({ due, exit }) => [due.sync, exit]).sort()).toEqual([
    ["free", 0],
    ["orders", 5],
  ]);
  const second = await live({ ...world, holder: "the next" });
  expect(second.done.map(({ due, exit }) => [due.sync, exit])).toEqual([["orders", 0]]);
});

const heldBy = async (holder: string, seen: number): Promise<Notebook> => {
  const notebook = memory();
  const mark = { time: START - 30 * MINUTE, of: "cron */30 * * * * UTC", began: START, holder, seen };
  await notebook.write("sync orders", mark, 0);
  return notebook;
};

test("what a holder on another machine had begun goes on elsewhere when nothing is heard of him", async () => {
  const { done } = await live({
    specs: [every(30)],
    ends: 20 * MINUTE,
    notebook: await heldBy("another machine", START),
  });
  expect(done).toHaveLength(1);
  expect(done[0]!.due).toMatchObject({ time: START });
  expect(done[0]!.due.late).toBeGreaterThan(2 * MINUTE);
  expect(done[0]!.due.late).toBeLessThan(5 * MINUTE);
});

test("what a holder had begun who is known to be dead goes on at once", async () => {
  const notebook = await heldBy("dead", START);
  const { done } = await live({
    specs: [every(30)],
    ends: MINUTE,
    notebook,
    isDead: (one) => one === "dead",
  });
  expect(done.map(({ due }) => due.late)).toEqual([0]);
});

test("of two that live, nobody takes from the other what runs for an hour", async () => {
  const notebook = memory();
  const world = {
    specs: [every(30)],
    ends: 85 * MINUTE,
    notebook,
    time: virtual(START + 85 * MINUTE),
    run: async (_: string, clock: Clock): Promise<Ended> => {
      await clock.sleep(50 * MINUTE, new AbortController().signal);
      return { exit: 0, problems: [] };
    },
  };
  const both = await Promise.all([live(world), live({ ...world, holder: "the other" })]);
  const starts = both.flatMap(({ done }) => done.map(({ due }) => (due.time - START) / MINUTE));
  expect(starts.sort((a, b) => a - b)).toEqual([30, 60]);
});

test("an end that cannot be noted does not keep the sync from its next times", async () => {
  const inner = memory();
  let fails = 0;
  const notebook: Notebook = {
    ...inner,
    async write(key, value, seen) {
      if ((value as { well?: number }).well !== undefined && ++fails === 1)
        throw new Error("the disk is full");
      return inner.write(key, value, seen);
    },
  };
  const { starts } = await live({ specs: [every(10)], ends: 35 * MINUTE, notebook });
  expect(new Set(starts)).toEqual(new Set([10, 20, 30]));
});

test("a clock that is put back by years does not end the schedule", async () => {
  const notebook = memory();
  const later = START + 10 * 365 * 24 * 60 * MINUTE;
  const mark = { time: later, of: "cron */10 * * * * UTC", began: START, well: later };
  await notebook.write("sync orders", mark, 0);
  const { starts } = await live({ specs: [every(10)], ends: 25 * MINUTE, notebook });
  expect(starts).toEqual([10, 20]);
  const { value } = (await notebook.read()).get("sync orders")!;
  expect((value as { well: number }).well).toBeLessThan(START + 30 * MINUTE);
});
