/** The health endpoint by a clock of the test's own: when a probe is told that something is wrong. */
import { expect, test } from "vitest";
import type { ScheduleSpec } from "../../src/core/schedule.ts";
import { openHealth } from "../../src/schedule/health.ts";
import type { Done } from "../../src/schedule/loop.ts";
import { openMetrics } from "../../src/schedule/metrics.ts";
import { planner } from "../../src/schedule/plan.ts";

const START = Date.UTC(2026, 0, 1);
const orders: ScheduleSpec = {
  sync: "orders",
  trigger: { kind: "cron", cron: "0 * * * *", jitterMs: 0 },
  timezone: "UTC",
  quiet: [],
  lateMs: Number.POSITIVE_INFINITY,
};
const due = { sync: "orders", time: START, late: 0, again: false };

async function opened() {
  const clock = { now: START };
  const metrics = openMetrics(planner([orders]));
  const options = { port: 0, host: "127.0.0.1", metrics, now: () => clock.now };
  const health = await openHealth(options);
  const asked = async () => {
    const reply = await fetch(`${health.url}/health`);
    return [reply.status, await reply.json()] as const;
  };
  return { clock, health, asked, options };
}

test("is 200 while the notes are looked at, 503 once they have not been for two minutes, and 200 again after", async () => {
  const { clock, health, asked } = await opened();
  await using _ = health;
  health.looked(new Map(), START, START + 60_000);
  health.began(due);
  expect(await asked()).toEqual([
    200,
    {
      status: "ok",
      looked: "2026-01-01T00:00:00.000Z",
      next: "2026-01-01T00:01:00.000Z",
      running: ["orders"],
      last: {},
    },
  ]);
  clock.now += 120_001;
  expect(await asked()).toMatchObject([503, { status: "stale", looked: "2026-01-01T00:00:00.000Z" }]);
  health.looked(new Map(), clock.now, undefined);
  const done: Done = { due, exit: 4, seconds: 1, problems: [] };
  await health.ended(done);
  expect(await asked()).toMatchObject([200, { status: "ok", running: [], last: { orders: { exit: 4 } } }]);
});

test("is 503 from when it is told to stop, whatever is looked at", async () => {
  const { clock, health, asked } = await opened();
  await using _ = health;
  health.stopping();
  health.looked(new Map(), clock.now, undefined);
  expect(await asked()).toMatchObject([503, { status: "stopping" }]);
});

test("other paths and methods are refused, and a port that is taken is said so", async () => {
  const { health, options } = await opened();
  await using _ = health;
  expect((await fetch(`${health.url}/`)).status).toBe(404);
  expect((await fetch(`${health.url}/health`, { method: "POST" })).status).toBe(405);
  const port = Number(new URL(health.url).port);
  await expect(openHealth({ ...options, port })).rejects.toMatchObject({ code: "schedule.port_taken" });
});
