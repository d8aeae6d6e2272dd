/**
 * Several application users of one organisation: each has its own token and its own gate, because the service
 * counts its limits by user ("Service protection API limits").
 */
import { setMaxListeners } from "node:events";
import {
  type Answer,
  authorized,
  type Clock,
  compose,
  countRetry,
  type Gate,
  type GateOptions,
  gated,
  openGate,
  type Send,
  type Signs,
  systemClock,
  type Tally,
  type TokenSource,
} from "../../../src/sdk.ts";

export interface Pool {
  /** Sends as the user who is free soonest. */
  readonly send: Send;
  /** Sends as one user each, in the order of the config. */
  readonly users: readonly Send[];
  /** Requests of all users that may be in flight at once. */
  readonly limit: number;
  /** What each user's limits look like. */
  readonly gates: readonly Gate[];
  /** Lets the user rest who got an answer. */
  pause(milliseconds: number, answer: Answer): void;
}

export interface PoolOptions {
  readonly tokens: readonly TokenSource[];
  readonly tally: Tally;
  /** What replies say of the limits. */
  readonly signs: Signs;
  /** Milliseconds over which the service sums up. */
  readonly windowMs: number;
  /** Requests in flight of each user: at the start, and at most. */
  readonly start: number;
  readonly cap: number;
  /** Milliseconds of a stop from which on nobody waits for its end. */
  readonly patience?: number | undefined;
  /** What one server takes of each user within that time. */
  readonly documented?: GateOptions["documented"];
  readonly clock?: Clock;
}

interface Lane {
  readonly gate: Gate;
  readonly send: Send;
  inFlight: number;
}

export function openPool(options: PoolOptions, send: Send): Pool {
  const { tokens, tally, signs, windowMs, start, cap, documented, patience, clock = systemClock } = options;
  const { now } = clock;
  /** The gate that an answer came through. */
  const owners = new WeakMap<Answer, Gate>();
  const lanes = tokens.map((source): Lane => {
    const gate = openGate({
      windowMs,
      start,
      most: cap,
      clock,
      patience,
      ...(documented ? { documented } : {}),
    });
    const own = compose([authorized(source), gated(gate, { tally, signs, now })], send);
    const lane: Lane = {
      gate,
      inFlight: 0,
      async send(request) {
        setMaxListeners(0, request.signal); // every request that waits or is in flight listens to it
        lane.inFlight++;
        try {
          const answer = await own(request);
          owners.set(answer, gate);
          return answer;
        } finally {
          lane.inFlight--;
        }
      },
    };
    return lane;
  });
  let turn = 0;
  const isOpen = ({ gate }: Lane) => gate.closedUntil <= now();
  const pick = (): Lane => {
    const from = turn++ % lanes.length;
    const ordered = [...lanes.slice(from), ...lanes.slice(0, from)];
    const wait = ({ gate }: Lane) => Math.max(0, gate.closedUntil - now());
    const load = ({ inFlight, gate }: Lane) => inFlight / gate.limit;
    return ordered.reduce((best, lane) =>
      (wait(lane) - wait(best) || load(lane) - load(best)) < 0 ? lane : best,
    );
  };
  return {
    async send(request) {
      for (let tried = 1; ; tried++) {
        const answer = await pick().send(request);
        // One user's limit is not another's: nothing was done, and whoever may go on takes the request.
        const isLimited = answer.kind === "reply" && answer.status === 429;
        if (!isLimited || tried >= lanes.length || !lanes.some(isOpen)) return answer;
        countRetry(tally, "another_user");
      }
    },
    users: lanes.map((lane) => lane.send),
    gates: lanes.map(({ gate }) => gate),
    get limit() {
      return lanes.reduce((sum, { gate }) => sum + gate.limit, 0);
    },
    pause: (milliseconds, answer) => owners.get(answer)?.pause(milliseconds),
  };
}
