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
}

async function live({
  specs,
  ends,
  notebook = memory(),
  run = async () => ({ exit: 0, problems: [] }),
  parallel = 2,
}: World) {
  const { clock, signal } = virtual(START + ends);
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
    holder: "me",
    isGone: () => false,
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
