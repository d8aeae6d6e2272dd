/** A gate that all requests of one user pass in turn: the controller decides when the next one may go. */
import { type Answer, count, type Layer, type Reply, type Tally } from "./answer.ts";
import { type Clock, systemClock } from "./clock.ts";
import {
  type Controller,
  type ControllerOptions,
  decide,
  type Limit,
  type Metered,
  newController,
  type Result,
  step,
  type Use,
  useOf,
  type WaitCause,
  widthOf,
} from "./controller.ts";
import { isPassing } from "./layers.ts";
import { retryAfter } from "./retry.ts";

export interface Gate {
  /** Requests that may be in flight at once. */
  readonly limit: number;
  /** Moment until which nobody enters, in the clock's milliseconds. */
  readonly closedUntil: number;
  readonly state: Controller;
  /** Takes the service's advice on parallel requests. */
  hint(width: number): void;
  /** Stops every slot. */
  pause(milliseconds: number): void;
  /** What was used of the user's limits, to tell other processes that send as the same user. */
  use(): Use;
  /** Takes what they tell. */
  others(uses: readonly Use[]): void;
  /**
   * Waits until the request may go; undefined when the signal aborts before that, or when everything is stopped for
   * longer than anybody waits.
   *
   * @param expectedMs about how long the service will work on it
   */
  enter(signal: AbortSignal, expectedMs?: number): Promise<Pass | undefined>;
}

export interface Pass {
  /** Milliseconds waited, by cause. */
  readonly waited: Readonly<Partial<Record<WaitCause, number>>>;
  /** Gives the slot back, with what came of the request; at its first call. */
  leave(result?: Result): void;
}

interface Waiting {
  readonly enter: () => void;
  readonly leave: () => void;
  readonly waited: Partial<Record<WaitCause, number>>;
  readonly expectedMs: number;
  /** What it waits for, and since when. */
  cause: WaitCause;
  since: number;
}

export interface GateOptions extends ControllerOptions {
  readonly clock?: Clock | undefined;
  /** Milliseconds of a stop from which on nobody waits for its end. */
  readonly patience?: number | undefined;
}

export function openGate({
  clock = systemClock,
  patience = Number.POSITIVE_INFINITY,
  ...options
}: GateOptions): Gate {
  let state = newController(options);
  const waiting: Waiting[] = [];
  /** The timer that asks again; ended when nobody waits for it any more. */
  let alarm: { readonly at: number; readonly controller: AbortController } | undefined;

  const silence = () => {
    alarm?.controller.abort();
    alarm = undefined;
  };
  const wake = (at: number) => {
    if (alarm && alarm.at <= at) return;
    silence();
    const own = { at, controller: new AbortController() };
    alarm = own;
    void clock.sleep(at - clock.now(), own.controller.signal).then(() => {
      if (alarm !== own) return;
      alarm = undefined;
      admit();
    });
  };
  const note = (one: Waiting, cause: WaitCause) => {
    const now = clock.now();
    one.waited[one.cause] = (one.waited[one.cause] ?? 0) + now - one.since;
    one.cause = cause;
    one.since = now;
  };
  const admit = () => {
    for (let [first] = waiting; first; [first] = waiting) {
      const decision = decide(state, clock.now());
      if (!decision.go) {
        if (decision.cause === "in_flight") state = step(state, { type: "full" });
        if (decision.cause === "held" && state.heldUntil - clock.now() > patience) {
          for (const one of [...waiting]) one.leave();
          return;
        }
        for (const one of waiting) if (one.cause !== decision.cause) note(one, decision.cause);
        if (decision.until !== undefined) wake(decision.until);
        return;
      }
      waiting.shift();
      state = step(state, { type: "sent", now: clock.now(), expectedMs: first.expectedMs });
      first.enter();
    }
    silence();
  };

  return {
    get limit() {
      return widthOf(state);
    },
    get closedUntil() {
      return state.heldUntil;
    },
    get state() {
      return state;
    },
    hint(width) {
      state = step(state, { type: "hint", width });
      admit();
    },
    pause(milliseconds) {
      state = step(state, { type: "hold", now: clock.now(), milliseconds });
      admit();
    },
    use: () => useOf(state, clock.now(), waiting.length > 0),
    others(uses) {
      state = step(state, { type: "others", uses });
      admit();
    },
    async enter(signal, expectedMs = 0) {
      if (signal.aborted) return undefined;
      const waited: Waiting["waited"] = {};
      const isIn = await new Promise<boolean>((resolve) => {
        const leave = () => {
          signal.removeEventListener("abort", leave);
          const at = waiting.indexOf(one);
          if (at >= 0) waiting.splice(at, 1);
          if (waiting.length === 0) silence();
          resolve(false);
        };
        const enter = () => {
          signal.removeEventListener("abort", leave);
          note(one, one.cause);
          resolve(true);
        };
        const one: Waiting = { enter, leave, waited, expectedMs, cause: "in_flight", since: clock.now() };
        waiting.push(one);
        signal.addEventListener("abort", leave, { once: true });
        admit();
      });
      if (!isIn) return undefined;
      const sentAt = clock.now();
      let hasLeft = false;
      return {
        waited,
        leave(result = { kind: "none" }) {
          if (hasLeft) return;
          hasLeft = true;
          state = step(state, { type: "ended", now: clock.now(), sentAt, expectedMs, result });
          admit();
        },
      };
    },
  };
}

export interface GatedOptions {
  readonly tally: Tally;
  /** What a service says of its limits; each connector knows its own. */
  readonly signs?: Signs;
  readonly now?: () => number;
}

export interface Signs {
  /** Response header that advises how many requests to keep in flight. */
  readonly hint?: string;
  /** What a reply says is left within the window: requests, milliseconds. */
  readonly left?: (reply: Reply) => { readonly [limit in Metered]?: number };
  /** The limit that a reply of status 429 means. */
  readonly limit?: (reply: Reply) => Limit | undefined;
}

/** Passes every request through the gate, counts it, and tells the controller what came of it. */
export function gated(gate: Gate, { tally, signs = {}, now = Date.now }: GatedOptions): Layer {
  /** Milliseconds that a request takes of which nobody said how long it would. */
  let usual = 0;
  /** What last asked for a pause. */
  let stopping: Reply | undefined;
  /** Who is stopped for longer than anybody waits is told as much as who met the stop. */
  const stopped = (): Reply => ({
    kind: "reply",
    status: 429,
    body: "",
    ...stopping,
    headers: {
      ...stopping?.headers,
      "retry-after": String(Math.ceil(Math.max(0, gate.closedUntil - now()) / 1000)),
    },
  });
  return (next) => async (request) => {
    const expectedMs = request.work?.expectedMs ?? usual;
    const pass = await gate.enter(request.signal, expectedMs);
    if (!pass && !request.signal.aborted) return stopped();
    if (!pass) return { kind: "failure", reason: "aborted", sent: false, detail: "aborted" };
    for (const [cause, milliseconds] of Object.entries(pass.waited))
      if (milliseconds > 0 && cause !== "in_flight") count(tally, `wait.${cause}`, milliseconds);
    try {
      tally[request.purpose === "read" ? "reads" : "writes"]++;
      count(tally, `kind.${request.work?.kind ?? request.purpose}`);
      const answer = await next(request);
      if (answer.kind === "reply") {
        if (signs.hint !== undefined) gate.hint(Number(answer.headers[signs.hint]));
        if (answer.status === 429) {
          tally.throttled++;
          count(tally, `limit.${signs.limit?.(answer) ?? "unknown"}`);
        }
        const asked = retryAfter(answer.headers["retry-after"], now());
        if (asked > 0 && answer.status >= 400) {
          stopping = answer;
          const further = now() + asked - Math.max(gate.closedUntil, now());
          if (further > 0) tally.waited += further;
          // What a refusal by a limit asks for, and teaches, the controller takes from the result.
          if (answer.status !== 429) gate.pause(asked);
          request.onWait?.(asked, answer.status === 429 ? "throttled" : "busy");
        }
        if (request.work === undefined && answer.tookMs !== undefined)
          usual = usual === 0 ? answer.tookMs : 0.8 * usual + 0.2 * answer.tookMs;
      }
      pass.leave(resultOf(answer, request.work?.flatMs, signs, now()));
      return answer;
    } finally {
      pass.leave();
    }
  };
}

function resultOf(answer: Answer, flatMs: number | undefined, signs: Signs, now: number): Result {
  if (answer.kind === "failure") return isPassing(answer) ? { kind: "away" } : { kind: "none" };
  if (answer.status === 429)
    return {
      kind: "limited",
      limit: signs.limit?.(answer),
      retryAfterMs: retryAfter(answer.headers["retry-after"], now),
    };
  if (isPassing(answer)) return { kind: "away" };
  const { tookMs } = answer;
  if (tookMs === undefined) return { kind: "none" };
  const left = signs.left?.(answer);
  const isDone = answer.status < 400;
  return {
    kind: "answered",
    tookMs,
    // A refusal is quicker than the work would have been: it says nothing of how the service keeps up.
    ...(flatMs === undefined || !isDone ? {} : { flatMs }),
    ...(left ? { left } : {}),
  };
}
