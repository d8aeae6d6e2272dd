/** What the writing of a run took. Pure. */
import type { Forecast, RequestCounters } from "../ports.ts";
import type { Sending } from "./report.ts";

export interface Writing {
  /** What the run's own requests came to. */
  readonly counters: RequestCounters;
  readonly load: Readonly<Record<string, number>>;
  /** Rows that were written, and the seconds that it took. */
  readonly rows: number;
  readonly seconds: number;
  readonly forecast: Forecast;
}

export function sendingOf({ counters, load, rows, seconds, forecast }: Writing): Sending {
  const isolation = detailsOf(counters, "isolation");
  return {
    rowsPerSecond: seconds > 0 ? rounded(rows / seconds) : 0,
    kinds: detailsOf(counters, "kind"),
    waits: detailsOf(counters, "wait"),
    retries: detailsOf(counters, "cause"),
    limits: detailsOf(counters, "limit"),
    isolation: { requests: isolation.requests ?? 0, rows: isolation.rows ?? 0 },
    load,
    forecast: { requests: forecast.requests, seconds: forecast.seconds },
    actual: { requests: counters.writes, seconds: rounded(seconds) },
  };
}

/** Two writings of one run as one. */
export function together(first: Sending, second: Sending): Sending {
  const both = (name: "forecast" | "actual") => ({
    requests: first[name].requests + second[name].requests,
    seconds: rounded(first[name].seconds + second[name].seconds),
  });
  const actual = both("actual");
  const rows = first.rowsPerSecond * first.actual.seconds + second.rowsPerSecond * second.actual.seconds;
  return {
    rowsPerSecond: actual.seconds > 0 ? rounded(rows / actual.seconds) : 0,
    kinds: sum(first.kinds, second.kinds),
    waits: sum(first.waits, second.waits),
    retries: sum(first.retries, second.retries),
    limits: sum(first.limits, second.limits),
    isolation: {
      requests: first.isolation.requests + second.isolation.requests,
      rows: first.isolation.rows + second.isolation.rows,
    },
    load: second.load,
    forecast: both("forecast"),
    actual,
  };
}

type Counts = Readonly<Record<string, number>>;

const rounded = (amount: number): number => Math.round(amount * 100) / 100;

function sum(first: Counts, second: Counts): Counts {
  const counts: Record<string, number> = { ...first };
  for (const [name, count] of Object.entries(second)) counts[name] = (counts[name] ?? 0) + count;
  return counts;
}

function detailsOf(counters: RequestCounters, group: string): Counts {
  const prefix = `${group}.`;
  const own = Object.entries(counters).filter(([name, count]) => name.startsWith(prefix) && count > 0);
  return Object.fromEntries(own.map(([name, count]) => [name.slice(prefix.length), Math.round(count)]));
}
