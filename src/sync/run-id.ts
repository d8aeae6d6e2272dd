import { runIdAt } from "../core/run-id.ts";

/** A run's id: sorts by time, unique on every machine for all that matters. */
export function newRunId(now: Date = new Date()): string {
  return `${runIdAt(now)}-${Math.random().toString(36).slice(2, 8).padEnd(6, "0")}`;
}
