import type { Kind } from "../api.ts";
import { type CostModel, costOf } from "./cost.ts";
import type { Limits, Protection } from "./protection.ts";
import { totalOf } from "./window.ts";

/** The most that one user can get out of the service by its limits and the cost model: what a bench is held to. */
export interface Ceiling {
  readonly rowsPerSecond: number;
  readonly requestsPerSecond: number;
  /** Milliseconds of execution that one request takes. */
  readonly executionMs: number;
  readonly boundBy: "requests" | "execution" | "concurrency";
  /** Requests at the same time that reach it. */
  readonly parallelism: number;
}

/**
 * @param rows rows in one request; for `batch` so many upserts of one row each
 */
export function ceilingOf(
  limits: Limits,
  costs: CostModel,
  servers: number,
  kind: Kind,
  rows: number,
  table?: string,
): Ceiling {
  const work =
    kind === "batch"
      ? costOf(costs, "batch", undefined, 0) + rows * costOf(costs, "upsert", table, 1)
      : costOf(costs, kind, table, rows);
  const executionMs = costs.request + work;
  const window = limits.windowMs / 1000;
  const rates = {
    requests: limits.requests / window,
    execution: limits.executionMs / window / executionMs,
    concurrency: (limits.concurrency * 1000) / executionMs,
  };
  const boundBy = (Object.keys(rates) as (keyof typeof rates)[]).reduce((a, b) =>
    rates[b] < rates[a] ? b : a,
  );
  const requestsPerSecond = rates[boundBy] * servers;
  const parallelism = Math.ceil((requestsPerSecond * executionMs) / 1000);
  return { rowsPerSecond: requestsPerSecond * rows, requestsPerSecond, executionMs, boundBy, parallelism };
}

/** What each user has used of each server, for the back door. */
export const usageOf = (protection: Protection, now: number): unknown[] =>
  [...protection.meters.values()].map((meter) => ({
    user: meter.user,
    server: meter.server,
    requests: totalOf(meter.requests, now),
    executionMs: totalOf(meter.execution, now),
    running: meter.running,
    blockedForMs: Math.max(0, meter.blockedUntil - now),
  }));
