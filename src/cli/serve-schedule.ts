/** Runs the schedules of a project: the loop, its health endpoint, and who watches it. */

import { watchAlerts } from "../alerts/watch.ts";
import { type ErrorKind, EXIT_CODE, exitCodeOf } from "../core/errors.ts";
import { milliseconds, type ScheduleSpec } from "../core/schedule.ts";
import type { Log } from "../log/log.ts";
import { runAsChild } from "../schedule/child.ts";
import { openHealth } from "../schedule/health.ts";
import { type Done, type LoopOptions, runSchedule, type Watcher } from "../schedule/loop.ts";
import { openMetrics } from "../schedule/metrics.ts";
import { planner } from "../schedule/plan.ts";
import { holderName, isDead } from "../state/holder.ts";
import { alertings } from "./alerts.ts";
import { beforeOf, openNotebook, schedulesOf, systemClock } from "./schedule.ts";
import type { Session } from "./session.ts";

export interface ServeOptions {
  readonly names: readonly string[];
  readonly once: boolean;
  /** Where the health endpoint listens, in place of what backhaul.yml says. */
  readonly port?: number;
  readonly host?: string;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly onReady: (url: string | undefined) => void;
}

export async function serve(session: Session, options: ServeOptions): Promise<readonly Done[]> {
  const { log, signal, once } = options;
  const specs = schedulesOf(session, options.names);
  const { project } = session;
  const plan = planner(specs, beforeOf(session, specs));
  const metrics = openMetrics(plan);
  const { port = project.schedule.health?.port, host = project.schedule.health?.host ?? "127.0.0.1" } =
    options;
  await using health =
    once || port === undefined ? undefined : await openHealth({ port, host, metrics, now: systemClock.now });
  signal.addEventListener("abort", () => health?.stopping(), { once: true });
  options.onReady(health?.url);
  log.info(
    { syncs: specs.map(({ sync }) => sync), ...(health ? { url: health.url } : {}) },
    "schedule begun",
  );
  const alerts = watchAlerts({
    project: project.name,
    alerts: alertings(
      session,
      specs.map(({ sync }) => sync),
      signal,
    ),
    log,
    redact: session.redact,
    now: systemClock.now,
  });
  const common = {
    planner: plan,
    run: (sync: string, stop: AbortSignal) =>
      runAsChild(sync, {
        bin: process.argv[1]!,
        folder: project.folder,
        env: process.env,
        log,
        signal: stop,
      }),
    parallel: project.schedule.parallel,
    signal,
    clock: systemClock,
    log,
    once,
    watcher: together([metrics, ...(health ? [health] : []), alerts]),
  };
  const done = await work(session, common, specs);
  log.info({ runs: done.length }, "schedule ended");
  return done;
}

/** By the embedded default, one process that does all, or with others over the queue that backhaul.yml names. */
async function work(
  session: Session,
  common: Omit<LoopOptions, "notebook" | "holder" | "isDead"> & {
    readonly once: boolean;
    readonly watcher: Watcher;
  },
  specs: readonly ScheduleSpec[],
): Promise<readonly Done[]> {
  const { project } = session;
  const { queue } = project.schedule;
  if (queue === undefined) {
    await using notebook = await openNotebook(session, specs[0]!.sync);
    return await runSchedule({ ...common, notebook, holder: holderName(), isDead });
  }
  const { url, schema, dead_after: deadAfter } = session.resolve(queue, "schedule", "queue");
  const { runQueue } = await import("../schedule/queue.ts");
  return runQueue({ ...common, url, schema, deadAfterMs: milliseconds(deadAfter), project: project.name });
}

/** All watchers as one; what one of them cannot do does not keep the others from it. */
export function together(watchers: readonly Watcher[]): Required<Watcher> {
  return {
    opened: (notebook) => watchers.forEach((watcher) => void watcher.opened?.(notebook)),
    looked: (...told) => watchers.forEach((watcher) => void watcher.looked?.(...told)),
    began: (due) => watchers.forEach((watcher) => void watcher.began?.(due)),
    async ended(done) {
      for (const watcher of watchers) await watcher.ended?.(done);
    },
    async settled(signal) {
      await Promise.all(watchers.map((watcher) => watcher.settled?.(signal)));
    },
  };
}

/** The exit code of several runs: the first of the order of precedence. */
export function exitOf(exits: readonly number[], isAborted: boolean): number {
  const kinds = Object.entries(EXIT_CODE)
    .filter(([, code]) => exits.includes(code))
    .map(([kind]) => kind as ErrorKind);
  const isKnown = exits.every((exit) => exit === 0 || Object.values(EXIT_CODE).includes(exit as 1));
  return exitCodeOf([
    ...kinds,
    ...(isAborted ? (["aborted"] as const) : []),
    ...(isKnown ? [] : (["bug"] as const)),
  ]);
}
