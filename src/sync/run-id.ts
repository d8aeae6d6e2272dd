/** A run's id: sorts by time, unique on every machine for all that matters. */
export function newRunId(now: Date = new Date()): string {
  const time = now.toISOString().replaceAll(/[-:.]/g, "");
  return `${time}-${Math.random().toString(36).slice(2, 8).padEnd(6, "0")}`;
}
