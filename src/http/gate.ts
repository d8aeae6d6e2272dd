/** A gate that all requests of one application user pass: so many at once, and none while a pause lasts. */
import type { Layer, Tally } from "./answer.ts";
import { retryAfter } from "./retry.ts";

export interface Clock {
  now(): number;
  /** Resolves after that many milliseconds, or at once when the signal aborts. */
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (milliseconds, signal) =>
    new Promise((resolve) => {
      if (signal.aborted || milliseconds <= 0) return resolve();
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, milliseconds);
      signal.addEventListener("abort", done, { once: true });
    }),
};

export interface Gate {
  /** Requests that may be in flight at once. */
  readonly limit: number;
  /** Moment until which nobody enters, in the clock's milliseconds. */
  readonly closedUntil: number;
  /** Takes the service's advice on parallel requests, within the cap. */
  hint(width: number): void;
  /** Stops every slot. */
  pause(milliseconds: number): void;
  /** Waits for a free slot and an open gate; the result gives the slot back. */
  enter(signal: AbortSignal): Promise<() => void>;
}

export function openGate(options: { start: number; cap: number; clock?: Clock }): Gate {
  const clock = options.clock ?? systemClock;
  const waiting: (() => void)[] = [];
  let limit = Math.max(1, Math.min(options.start, options.cap));
  let inside = 0;
  let closedUntil = 0;

  const admit = () => {
    while (inside < limit && waiting.length > 0) {
      inside++;
      waiting.shift()?.();
    }
  };
  const slot = (signal: AbortSignal) =>
    new Promise<void>((resolve) => {
      const enter = () => {
        signal.removeEventListener("abort", leave);
        resolve();
      };
      const leave = () => {
        const at = waiting.indexOf(enter);
        if (at >= 0) waiting.splice(at, 1);
        inside++;
        resolve();
      };
      if (signal.aborted) {
        inside++;
        return resolve();
      }
      waiting.push(enter);
      signal.addEventListener("abort", leave, { once: true });
      admit();
    });

  return {
    get limit() {
      return limit;
    },
    get closedUntil() {
      return closedUntil;
    },
    hint(width) {
      if (!Number.isInteger(width) || width < 1) return;
      limit = Math.min(width, options.cap);
      admit();
    },
    pause(milliseconds) {
      closedUntil = Math.max(closedUntil, clock.now() + milliseconds);
    },
    async enter(signal) {
      await slot(signal);
      while (!signal.aborted && clock.now() < closedUntil)
        await clock.sleep(closedUntil - clock.now(), signal);
      let given = false;
      return () => {
        if (given) return;
        given = true;
        inside--;
        admit();
      };
    },
  };
}

export interface GatedOptions {
  readonly tally: Tally;
  /** Response header that advises how many requests to keep in flight. */
  readonly hintHeader?: string;
  readonly now?: () => number;
}

/** Passes every request through the gate, counts it, and closes the gate when a reply asks for a pause. */
export function gated(gate: Gate, { tally, hintHeader, now = Date.now }: GatedOptions): Layer {
  return (next) => async (request) => {
    const leave = await gate.enter(request.signal);
    try {
      tally[request.purpose === "read" ? "reads" : "writes"]++;
      const answer = await next(request);
      if (answer.kind === "failure") return answer;
      if (hintHeader !== undefined) gate.hint(Number(answer.headers[hintHeader]));
      if (answer.status === 429) tally.throttled++;
      const asked = retryAfter(answer.headers["retry-after"], now());
      if (asked > 0 && answer.status >= 400) {
        const further = now() + asked - Math.max(gate.closedUntil, now());
        if (further > 0) tally.waited += further;
        gate.pause(asked);
        request.onWait?.(asked, answer.status === 429 ? "throttled" : "busy");
      }
      return answer;
    } finally {
      leave();
    }
  };
}
