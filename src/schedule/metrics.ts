/** What Prometheus is told of the schedule. */
import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";
import { type Done, isHeld, type Watcher } from "./loop.ts";
import type { Planner } from "./plan.ts";

export interface Metrics extends Omit<Required<Watcher>, "opened" | "settled"> {
  readonly contentType: string;
  text(): Promise<string>;
}

const RESULTS: Readonly<Record<number, string>> = {
  0: "ok",
  1: "rejected",
  2: "config",
  3: "connection",
  4: "guard",
  5: "deferred",
  130: "interrupted",
};

/** The result of a run in a word, from its exit code. */
export const resultOf = (exit: number): string => RESULTS[exit] ?? "defect";

export function openMetrics(planner: Planner): Metrics {
  const registers = [new Registry()];
  const sync = ["sync"] as const;
  const gauge = (name: string, help: string) => new Gauge({ name, help, labelNames: sync, registers });
  const runs = new Counter({
    name: "backhaul_runs_total",
    help: "Runs that ended, by their result.",
    labelNames: ["sync", "result"] as const,
    registers,
  });
  const rows = new Counter({
    name: "backhaul_rows_total",
    help: "Rows, by what became of them.",
    labelNames: ["sync", "outcome"] as const,
    registers,
  });
  const requests = new Counter({
    name: "backhaul_requests_total",
    help: "Requests to the destination, by kind; retries and throttled ones are among them.",
    labelNames: ["sync", "kind"] as const,
    registers,
  });
  const running = gauge("backhaul_running", "1 while a run of the sync goes on.");
  const lastSeconds = gauge("backhaul_last_run_seconds", "How long the last run took.");
  const lastRun = gauge("backhaul_last_run_timestamp_seconds", "When the last run ended.");
  const lastWell = gauge("backhaul_last_success_timestamp_seconds", "When a run last ended well.");
  const model = gauge("backhaul_model_rows", "Rows of the model's result in the last run.");
  const next = new Gauge({
    name: "backhaul_next_start_timestamp_seconds",
    help: "When something is due next.",
    registers,
  });
  collectDefaultMetrics({ register: registers[0]!, eventLoopMonitoringPrecision: 100 });
  for (const spec of planner.specs) running.set({ sync: spec.sync }, 0);

  return {
    contentType: registers[0]!.contentType,
    text: () => registers[0]!.metrics(),
    looked(marks, _, at) {
      next.set(at === undefined ? Number.NaN : at / 1_000);
      for (const [name, { well }] of marks)
        if (well !== undefined) lastWell.set({ sync: name }, well / 1_000);
    },
    began: ({ sync: name }) => running.set({ sync: name }, 1),
    ended(done: Done) {
      const { due, exit, run, seconds } = done;
      const { sync: name } = due;
      running.set({ sync: name }, 0);
      if (isHeld(done)) return; // it did not begin
      runs.inc({ sync: name, result: resultOf(exit) });
      lastSeconds.set({ sync: name }, seconds);
      lastRun.set({ sync: name }, Date.now() / 1_000);
      if (run === undefined) return;
      model.set({ sync: name }, run.rows);
      const { applied, unchanged, deferred, rejections } = run;
      const outcomes = { applied, unchanged, deferred, rejected: rejections.total };
      for (const [outcome, count] of Object.entries(outcomes)) rows.inc({ sync: name, outcome }, count);
      for (const [kind, count] of Object.entries(run.requests)) requests.inc({ sync: name, kind }, count);
    },
  };
}
