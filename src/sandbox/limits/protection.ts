import { Refusal } from "../errors.ts";
import { addTo, newWindow, totalOf, type Window, waitBelow } from "./window.ts";

/**
 * The service protection limits, each counted per user and per web server (page: api-limits). A batch or a bulk
 * message is one request; its whole execution time counts.
 */

export interface LimitOptions {
  /** Requests within the window; 6000 when left out. */
  readonly requests?: number;
  /** Seconds of execution within the window; 1200 when left out. */
  readonly executionSeconds?: number;
  /** Requests at the same time; 52 when left out. */
  readonly concurrency?: number;
  readonly windowSeconds?: number;
  /**
   * Shrinks the window and what fits into it alike, so that the rates stay the real ones: 100 makes 300 seconds
   * into 3 and 6000 requests into 60. Numbers that are given beside it are taken as they are.
   */
  readonly factor?: number;
  /** Replies wait for the execution time that the cost model says; otherwise it is only counted. */
  readonly delays?: boolean;
}

export interface Limits {
  readonly requests: number;
  readonly executionMs: number;
  readonly concurrency: number;
  readonly windowMs: number;
  readonly delays: boolean;
}

interface Meter {
  readonly user: string;
  readonly server: number;
  readonly requests: Window;
  readonly execution: Window;
  running: number;
  /** Everything is refused until then. */
  blockedUntil: number;
  /** What the block answers with. */
  reason: "requests" | "execution";
  extendedAt: number;
  /** Refusals for concurrency since the last moment of calm. */
  pressed: number;
  pressedAt: number;
}

export interface Protection {
  /** Undefined: no limit is enforced. */
  limits: Limits | undefined;
  readonly meters: Map<string, Meter>;
}

const DOCUMENTED = { requests: 6000, executionSeconds: 1200, concurrency: 52, windowSeconds: 300 };

export function limitsOf(options: LimitOptions): Limits {
  const factor = options.factor ?? 1;
  return {
    requests: options.requests ?? Math.max(1, Math.round(DOCUMENTED.requests / factor)),
    executionMs: 1000 * (options.executionSeconds ?? DOCUMENTED.executionSeconds / factor),
    concurrency: options.concurrency ?? DOCUMENTED.concurrency,
    windowMs: 1000 * (options.windowSeconds ?? DOCUMENTED.windowSeconds / factor),
    delays: options.delays ?? false,
  };
}

export const newProtection = (options: LimitOptions | undefined): Protection => ({
  limits: options && limitsOf(options),
  meters: new Map(),
});

/** Sets other limits, or none; what was counted is forgotten, requests under way excepted. */
export function setLimits(protection: Protection, options: LimitOptions | undefined): void {
  protection.limits = options && limitsOf(options);
  protection.meters.clear();
}

function meterOf(protection: Protection, limits: Limits, user: string, server: number): Meter {
  const key = `${server} ${user}`;
  let meter = protection.meters.get(key);
  if (!meter) {
    meter = {
      user,
      server,
      requests: newWindow(limits.windowMs),
      execution: newWindow(limits.windowMs),
      running: 0,
      blockedUntil: 0,
      reason: "requests",
      extendedAt: 0,
      pressed: 0,
      pressedAt: 0,
    };
    protection.meters.set(key, meter);
  }
  return meter;
}

const grouped = (amount: number): string => String(Math.round(amount)).replace(/\B(?=(\d{3})+$)/g, ",");

function tooMany(limits: Limits, reason: Meter["reason"] | "concurrency", waitMs: number): Refusal {
  const window = `over time window of ${limits.windowMs / 1000} seconds.`;
  const [code, message] = {
    requests: ["0x80072322", `Number of requests exceeded the limit of ${limits.requests} ${window}`],
    execution: [
      "0x80072321",
      `Combined execution time of incoming requests exceeded limit of ${grouped(limits.executionMs)} milliseconds ${window} ` +
        "Decrease number of concurrent requests or reduce the duration of requests and try again later.",
    ],
    concurrency: ["0x80072326", `Number of concurrent requests exceeded the limit of ${limits.concurrency}.`],
  }[reason] as [string, string];
  const seconds = Math.max(1, Math.ceil(waitMs / 1000));
  return new Refusal(429, code, message, { headers: { "Retry-After": String(seconds) } });
}

/** How long after an extension the next one may come: what was already under way is not held against a client. */
const patience = (limits: Limits): number => limits.windowMs / 100;

/** Who is told to wait and does not is told to wait longer (page: api-limits, "Retry operations"). */
function press(meter: Meter, limits: Limits, now: number): void {
  if (now - meter.extendedAt < patience(limits)) return;
  meter.extendedAt = now;
  meter.blockedUntil = Math.min(meter.blockedUntil + 2 * patience(limits), now + limits.windowMs);
}

function crowded(meter: Meter, limits: Limits, now: number): Refusal {
  meter.pressed = now - meter.pressedAt > limits.windowMs / 10 ? 1 : meter.pressed + 1;
  meter.pressedAt = now;
  return tooMany(limits, "concurrency", 1000 * Math.ceil(meter.pressed / limits.concurrency));
}

/** A request that was let in: what it must hand back, and what its reply says of the limits. */
export interface Pass {
  /** To be called once, when the execution time is known. */
  readonly spend: (executionMs: number) => void;
  /** To be called once, when the request is over. */
  readonly leave: () => void;
  readonly headers: () => Record<string, string>;
}

const FREE: Pass = {
  spend: () => {},
  leave: () => {},
  headers: () => remaining(5999, 1_199_990),
};

const remaining = (requests: number, executionMs: number): Record<string, string> => ({
  "x-ms-ratelimit-burst-remaining-xrm-requests": String(Math.max(0, requests)),
  "x-ms-ratelimit-time-remaining-xrm-requests": (Math.max(0, executionMs) / 1000)
    .toFixed(2)
    .replace(/\B(?=(\d{3})+\.)/g, ","),
});

/**
 * Lets a request of a user into one web server, or not.
 * @returns a pass, or the Refusal with its `Retry-After`
 */
export function enter(
  protection: Protection,
  user: string,
  server: number,
  now: () => number,
): Pass | { readonly refused: Refusal; readonly headers: () => Record<string, string> } {
  const { limits } = protection;
  if (!limits) return FREE;
  const meter = meterOf(protection, limits, user, server);
  const at = now();
  const headers = (): Record<string, string> => {
    const time = now();
    return remaining(
      limits.requests - totalOf(meter.requests, time),
      limits.executionMs - totalOf(meter.execution, time),
    );
  };
  if (at < meter.blockedUntil) {
    press(meter, limits, at);
    return { refused: tooMany(limits, meter.reason, meter.blockedUntil - at), headers };
  }
  for (const reason of ["requests", "execution"] as const) {
    const limit = reason === "requests" ? limits.requests : limits.executionMs;
    const window = meter[reason];
    if (totalOf(window, at) < limit) continue;
    meter.reason = reason;
    meter.blockedUntil = at + waitBelow(window, at, limit);
    meter.extendedAt = at;
    return { refused: tooMany(limits, reason, meter.blockedUntil - at), headers };
  }
  if (meter.running >= limits.concurrency) return { refused: crowded(meter, limits, at), headers };
  meter.running += 1;
  addTo(meter.requests, at, 1);
  return {
    spend: (executionMs) => addTo(meter.execution, now(), executionMs),
    leave: () => {
      meter.running -= 1;
    },
    headers,
  };
}
