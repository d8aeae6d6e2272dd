/** A service with limits, and a client that always has more to send, in virtual time: no I/O, no waiting. */
import {
  type Controller,
  type ControllerOptions,
  decide,
  type Limit,
  newController,
  type Result,
  step,
} from "../../../src/http/controller.ts";

export interface ModelOptions {
  readonly servers: number;
  readonly windowMs: number;
  readonly requests: number;
  readonly executionMs: number;
  readonly concurrency: number;
  /** Milliseconds of execution of the request with that number. */
  readonly cost: (request: number) => number;
  /** Requests at once from which on all take longer; none when left out. */
  readonly cores?: number;
  readonly hint?: number;
  /** Replies say what is left on their server. */
  readonly tells?: boolean;
  /** Servers take turns, or are chosen at random. */
  readonly spread?: "turns" | "random";
  /** Virtual milliseconds between which nothing is answered. */
  readonly outage?: readonly [from: number, to: number];
  readonly seed?: number;
  readonly controller?: Partial<ControllerOptions>;
}

/** The service's own sum over its window: moments with amounts, oldest first. */
interface Log {
  readonly entries: { at: number; amount: number }[];
  head: number;
  sum: number;
}

const newLog = (): Log => ({ entries: [], head: 0, sum: 0 });

function sumOf(log: Log, now: number, windowMs: number): number {
  while (log.head < log.entries.length && (log.entries[log.head]?.at ?? 0) <= now - windowMs) {
    log.sum -= log.entries[log.head]?.amount ?? 0;
    log.head++;
  }
  if (log.head > 10_000) {
    log.entries.splice(0, log.head);
    log.head = 0;
  }
  return log.sum;
}

function freeAt(log: Log, now: number, windowMs: number, limit: number): number {
  let sum = sumOf(log, now, windowMs);
  for (let at = log.head; at < log.entries.length; at++) {
    sum -= log.entries[at]!.amount;
    if (sum < limit) return log.entries[at]!.at + windowMs;
  }
  return now + windowMs;
}

/** What each window of the service's length saw. */
export interface Seen {
  executionMs: number;
  requests: number;
  limited: number;
  /** Narrowest and widest the controller was. */
  narrow: number;
  wide: number;
}

interface Flight {
  readonly at: number;
  readonly sentAt: number;
  readonly expectedMs: number;
  readonly end: (controller: Controller, now: number) => Controller;
}

/** Runs for so many virtual milliseconds. */
export function simulate(options: ModelOptions, untilMs: number): { seen: Seen[]; controller: Controller } {
  const {
    servers,
    windowMs,
    hint = 4,
    spread = "turns",
    outage = [0, 0],
    cores = Number.POSITIVE_INFINITY,
  } = options;
  let random = options.seed ?? 1;
  const draw = (): number => {
    random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0;
    return random / 2 ** 32;
  };
  const farm = Array.from({ length: servers }, () => ({
    requests: newLog(),
    execution: newLog(),
    running: 0,
    blockedUntil: 0,
    reason: "requests" as Limit,
  }));
  let controller = newController({ windowMs, start: 4, most: 128, ...options.controller });
  const flights: Flight[] = [];
  const seen: Seen[] = [];
  const windowAt = (now: number): Seen => {
    const at = Math.floor(now / windowMs);
    while (seen.length <= at)
      seen.push({ executionMs: 0, requests: 0, limited: 0, narrow: Number.POSITIVE_INFINITY, wide: 0 });
    return seen[at]!;
  };
  let now = 0;
  let sent = 0;
  let turn = 0;
  let running = 0;
  /** A client knows about what a request takes: here, what the last ones took. */
  let usual = options.cost(0);

  const fly = (flight: Flight): void => {
    let at = flights.length;
    while (at > 0 && flights[at - 1]!.at > flight.at) at--;
    flights.splice(at, 0, flight);
  };

  const send = (): void => {
    const sentAt = now;
    const expectedMs = usual;
    controller = step(controller, { type: "sent", now, expectedMs });
    const window = windowAt(now);
    window.narrow = Math.min(window.narrow, controller.width);
    window.wide = Math.max(window.wide, controller.width);
    const ended = (result: Result) => (state: Controller, at: number) =>
      step(state, { type: "ended", now: at, sentAt, expectedMs, result });
    if (now >= outage[0] && now < outage[1]) {
      fly({ at: now + 5_000, sentAt, expectedMs, end: ended({ kind: "away" }) });
      return;
    }
    const server = farm[spread === "turns" ? turn++ % servers : Math.floor(draw() * servers)]!;
    const refuse = (limit: Limit, waitMs: number): void => {
      window.limited++;
      const retryAfterMs = 1000 * Math.max(1, Math.ceil(waitMs / 1000));
      fly({ at: now + 20, sentAt, expectedMs, end: ended({ kind: "limited", limit, retryAfterMs }) });
    };
    if (now < server.blockedUntil) {
      refuse(server.reason, server.blockedUntil - now);
      return;
    }
    for (const [reason, limit] of [
      ["requests", options.requests],
      ["execution", options.executionMs],
    ] as const) {
      if (sumOf(server[reason], now, windowMs) < limit) continue;
      server.blockedUntil = freeAt(server[reason], now, windowMs, limit);
      server.reason = reason;
      refuse(reason, server.blockedUntil - now);
      return;
    }
    if (server.running >= options.concurrency) {
      refuse("concurrency", 1000);
      return;
    }
    const cost = options.cost(sent++);
    const tookMs = cost * Math.max(1, (running + 1) / cores);
    running++;
    server.running++;
    server.requests.entries.push({ at: now, amount: 1 });
    server.requests.sum += 1;
    window.requests++;
    fly({
      at: now + tookMs,
      sentAt,
      expectedMs,
      end: (state, at) => {
        running--;
        server.running--;
        server.execution.entries.push({ at, amount: tookMs });
        server.execution.sum += tookMs;
        windowAt(at).executionMs += cost;
        usual = 0.8 * usual + 0.2 * tookMs;
        const left = {
          requests: Math.max(0, options.requests - sumOf(server.requests, at, windowMs)),
          execution: Math.max(0, options.executionMs - sumOf(server.execution, at, windowMs)),
        };
        const result = {
          kind: "answered",
          tookMs: tookMs + 20,
          flatMs: cost + 20,
          ...(options.tells === false ? {} : { left }),
        } as const;
        return step(step(state, { type: "hint", width: hint }), {
          type: "ended",
          now: at,
          sentAt,
          expectedMs,
          result,
        });
      },
    });
  };

  while (now < untilMs) {
    const decision = decide(controller, now);
    if (decision.go) {
      send();
      continue;
    }
    if (decision.cause === "in_flight") controller = step(controller, { type: "full" });
    const reply = flights[0]?.at ?? Number.POSITIVE_INFINITY;
    const next = Math.min(reply, decision.until ?? Number.POSITIVE_INFINITY);
    if (!Number.isFinite(next)) throw new Error(`nothing will ever happen: ${decision.cause}`);
    now = Math.max(now, next);
    if (next === reply) {
      const flight = flights.shift()!;
      controller = flight.end(controller, now);
    }
  }
  return { seen, controller };
}
