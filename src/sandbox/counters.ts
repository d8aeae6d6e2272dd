/** A count that is held rather than looked up, where each value of each row may be counted. */
export interface Tally {
  count: number;
}

/** What the sandbox saw, for tests that assert how something was done and not only that it was done. */
export interface Counters {
  /** HTTP requests by kind; a batch is one. */
  requests: Record<string, number>;
  /** Operations by kind, the parts of batches among them. */
  operations: Record<string, number>;
  /** Committed rows: table, then create, update, delete. */
  rows: Record<string, Record<string, number>>;
  /** Values sent for columns that are not valid for the operation, by `table.column`: dropped without a word. */
  ignored: Record<string, number>;
  /** Values written that were there already, by `table.column`; `rows` counts updates that changed nothing at all. */
  redundant: Map<string, Tally>;
  redundantRows: Record<string, number>;
  /** Error replies by code, the parts of batches among them. */
  refusals: Record<string, number>;
  /** Those of them that the definitions alone could have told: see knowable.ts. */
  knowable: Record<string, number>;
  faults: Record<string, number>;
  bytes: { received: number; sent: number };
  concurrency: { now: number; peak: number };
}

export const newCounters = (): Counters => ({
  requests: {},
  operations: {},
  rows: {},
  ignored: {},
  redundant: new Map(),
  redundantRows: {},
  refusals: {},
  knowable: {},
  faults: {},
  bytes: { received: 0, sent: 0 },
  concurrency: { now: 0, peak: 0 },
});

export function bump(counts: Record<string, number>, name: string, by = 1): void {
  counts[name] = (counts[name] ?? 0) + by;
}

export function tallyOf(tallies: Map<string, Tally>, name: string): Tally {
  const known = tallies.get(name);
  if (known) return known;
  const tally = { count: 0 };
  tallies.set(name, tally);
  return tally;
}

/** The counters as they are shown: what never happened is left out. */
export function shownCounters(counters: Counters): unknown {
  const counted = [...counters.redundant].filter(([, { count }]) => count > 0);
  return { ...counters, redundant: Object.fromEntries(counted.map(([name, { count }]) => [name, count])) };
}

/** Back to zero; requests under way stay counted. */
export function resetCounters(counters: Counters): void {
  const now = counters.concurrency.now;
  Object.assign(counters, newCounters());
  counters.concurrency = { now, peak: now };
}
