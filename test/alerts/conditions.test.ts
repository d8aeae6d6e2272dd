/** What is told when: once for each change, by whichever process sees it. */

import { describe, expect, onTestFinished, test, vi } from "vitest";
import { type Facts, findingsOf, type Message, type When } from "../../src/alerts/conditions.ts";
import { type Alerting, watchAlerts } from "../../src/alerts/watch.ts";
import { openLog } from "../../src/log/log.ts";
import { fileNotebook } from "../../src/schedule/notebook-file.ts";
import { temporaryFolder } from "../support/project.ts";
import fc from "../support/seeded.ts";

const ALL: When = {
  failed: true,
  guard: true,
  recovered: true,
  rejected: "5%",
  duration: "10m",
  freshness: "2h",
  volume: "50%",
};
const counts = { run: "R", rows: 100, applied: 1, deferred: 0, waiting: 0, rejected: 0 };
const facts = (more: Partial<Facts>): Facts => ({
  exit: 0,
  seconds: 1,
  problems: [],
  usual: [],
  counts,
  ...more,
});
const holding = (given: Facts): string[] =>
  findingsOf(ALL, given)
    .filter(({ holds }) => holds)
    .map(({ condition }) => condition);

test.each([
  ["a good run", facts({}), []],
  ["rejected rows below the share", facts({ exit: 1, counts: { ...counts, rejected: 5 } }), []],
  [
    "rejected and waiting rows above it",
    facts({ exit: 1, counts: { ...counts, rejected: 3, waiting: 3 } }),
    ["rejected"],
  ],
  ["no rows at all", facts({ counts: { ...counts, rows: 0 } }), []],
  ["a guard", facts({ exit: 4 }), ["guard"]],
  ["no connection", { exit: 3, seconds: 1, problems: [], usual: [] }, ["failed"]],
  ["killed", { exit: 137, seconds: 1, problems: [], usual: [] }, ["failed"]],
  ["long", facts({ seconds: 601 }), ["duration"]],
  ["few rows, too early to tell", facts({ usual: [1, 1, 1, 1] }), []],
  ["as many rows as usual", facts({ usual: [90, 100, 110, 70, 130] }), []],
  ["half the rows", facts({ usual: [201, 210, 205, 202, 201] }), ["volume"]],
  ["twice the rows", facts({ usual: [40, 50, 60, 50, 50] }), ["volume"]],
])("%s", (_, given, expected) => {
  expect(holding(given)).toEqual(expected);
});

test("an interrupted run, and one that another holds, say nothing", () => {
  expect(findingsOf(ALL, facts({ exit: 130 }))).toEqual([]);
  const locked = { kind: "deferred", code: "state.locked", message: "" } as const;
  expect(findingsOf(ALL, facts({ exit: 5, problems: [locked] }))).toEqual([]);
});

function watched(folder: string, when: When = ALL, more: readonly Alerting[] = []) {
  const sent: Message[] = [];
  let refuses = false;
  let now = Date.UTC(2026, 0, 1);
  const watch = watchAlerts({
    project: "shop",
    alerts: [
      {
        name: "0 test",
        when,
        syncs: new Set(["orders"]),
        send: async (message) => {
          if (refuses) throw new Error("the receiver is away");
          sent.push(message);
        },
      },
      ...more,
    ],
    log: openLog({ level: "silent", format: "json", redact: (text) => text, write: () => {} }),
    redact: (text) => text.replaceAll("s3cret", "***"),
    now: () => now,
  });
  watch.opened(fileNotebook(folder));
  return {
    sent,
    watch,
    told: () => sent.map(({ condition, state }) => `${condition} ${state}`),
    refuse: (yes: boolean) => {
      refuses = yes;
    },
    later: (ms: number) => {
      now += ms;
    },
    now: () => now,
    end: async (exit: number, code = "x.y", sync = "orders") => {
      await watch.ended({
        due: { sync, time: now, late: 0, again: false },
        seconds: 1,
        exit,
        problems: exit === 0 ? [] : [{ kind: "connection", code, message: "Ada Lovelace" }],
      });
      await watch.settled();
    },
  };
}

describe("one message for each change", () => {
  test("failed once, however often it fails; over when it runs again; other syncs are not watched", async () => {
    using folder = temporaryFolder();
    const { end, told, sent } = watched(folder.path);
    for (const exit of [0, 3, 3, 2, 130, 3, 0, 0, 4, 4, 1, 3]) await end(exit);
    await end(3, "x.y", "others");
    expect(told()).toEqual(["failed begun", "failed over", "guard begun", "guard over", "failed begun"]);
    expect(sent[0]!.text).toBe("shop: orders failed (x.y).");
    expect(JSON.stringify(sent)).not.toContain("Ada");
  });

  test("of two processes that see the same, one tells it", async () => {
    using folder = temporaryFolder();
    const [one, other] = [watched(folder.path), watched(folder.path)];
    await Promise.all([one.end(3), other.end(3)]);
    expect([...one.told(), ...other.told()]).toEqual(["failed begun"]);
  });

  test("what could not be sent is told by the next run; secrets are masked", async () => {
    using folder = temporaryFolder();
    const { end, told, refuse, sent } = watched(folder.path);
    refuse(true);
    await end(3);
    expect(told()).toEqual([]);
    refuse(false);
    await end(3, "of.s3cret");
    expect(told()).toEqual(["failed begun"]);
    expect(sent[0]!.text).toContain("of.***");
  });

  test("without recovered, the end is not told", async () => {
    using folder = temporaryFolder();
    const { end, told } = watched(folder.path, { ...ALL, recovered: false });
    for (const exit of [3, 0, 3]) await end(exit);
    expect(told()).toEqual(["failed begun", "failed begun"]);
  });

  test("freshness is told while nothing runs, and is over with the next good run", async () => {
    using folder = temporaryFolder();
    const { watch, told, later, now } = watched(folder.path);
    const look = async (well?: number): Promise<void> => {
      const mark = { time: 0, of: "", began: Date.UTC(2026, 0, 1), ...(well === undefined ? {} : { well }) };
      watch.looked(new Map([["orders", mark]]), now(), undefined);
      await watch.settled();
      later(60_000);
    };
    await look();
    later(3 * 3_600_000);
    await look();
    await look();
    expect(told()).toEqual(["freshness begun"]);
    await look(now());
    expect(told()).toEqual(["freshness begun", "freshness over"]);
  });

  test("a run that a guard stops does not run again: what failed is over with the next good one", async () => {
    using folder = temporaryFolder();
    const { end, told } = watched(folder.path);
    for (const exit of [3, 4, 0]) await end(exit);
    expect(told()).toEqual(["failed begun", "guard begun", "failed over", "guard over"]);
  });

  test("a receiver that never answers keeps neither runs nor other receivers waiting, nor the end for long", async () => {
    using folder = temporaryFolder();
    const silent: Alerting = {
      name: "1 silent",
      when: ALL,
      syncs: new Set(["orders"]),
      send: () => new Promise(() => {}),
    };
    const { watch, told, now } = watched(folder.path, ALL, [silent]);
    const due = { sync: "orders", time: now(), late: 0, again: false };
    for (const exit of [3, 0, 3]) {
      await watch.ended({ due, seconds: 1, exit, problems: [] });
      await vi.waitFor(() => expect(told().at(-1)).toBe(exit === 0 ? "failed over" : "failed begun"));
    }
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    const settled = watch.settled(AbortSignal.abort());
    await vi.advanceTimersByTimeAsync(15_000);
    await settled;
  });

  test("what was being told by one who was killed is told again by another", async () => {
    using folder = temporaryFolder();
    const notes = fileNotebook(folder.path);
    const { end, told, later, now } = watched(folder.path);
    const told0 = { holds: true, since: new Date(now()).toISOString(), telling: true };
    await notes.write("alert 0 test failed orders", told0, 0);
    later(60_000);
    await end(3); // it may be under way still
    expect(told()).toEqual([]);
    later(600_000);
    await end(3);
    await end(3);
    expect(told()).toEqual(["failed begun"]);
  });

  test("for any ends of runs, begun and over take turns", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(0, 1, 2, 3, 4, 5, 130, 137), { maxLength: 12 }),
        async (exits) => {
          using folder = temporaryFolder();
          const { end, sent } = watched(folder.path);
          for (const exit of exits) await end(exit);
          for (const condition of ["failed", "guard"]) {
            const states = sent
              .filter((message) => message.condition === condition)
              .map(({ state }) => state);
            expect(states).toEqual(states.map((_, i) => (i % 2 === 0 ? "begun" : "over")));
          }
          const last = exits.findLast((exit) => exit !== 130 && exit !== 4);
          const failing = last !== undefined && ![0, 1].includes(last);
          expect(sent.filter(({ condition }) => condition === "failed").length % 2).toBe(failing ? 1 : 0);
        },
      ),
      { numRuns: Number(process.env.PROPERTY_RUNS ?? 20) },
    );
  });
});
