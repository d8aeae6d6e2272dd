/**
 * Decides when the next request of one user may go to a service that limits requests and execution time within a
 * sliding window, and requests in flight, on each of its web servers, whose number nobody tells. Pure: state and
 * event in, state out; the time comes with the event.
 *
 * - In flight: starts from the service's hint, climbs while replies take no longer than before, backs off when they
 *   do or when the service says that it is crowded.
 * - Windows: what a window holds in all is learned from what replies say is left on their server and, where they say
 *   nothing, from the first refusal. From then on requests are paced, so that the window never fills.
 * - A refusal with `Retry-After` holds everything of the user.
 */
import { added, belowAt, newWindow, totalOf, type Window } from "./window.ts";

export type Metered = "requests" | "execution";
export type Limit = Metered | "concurrency";

export interface ControllerOptions {
  /** Milliseconds over which the service sums up ("Service protection API limits": 300 seconds). */
  readonly windowMs: number;
  /** Requests in flight before the first hint. */
  readonly start: number;
  /** Requests in flight at most, whatever the service bears. */
  readonly most: number;
}

interface Meter {
  readonly window: Window;
  /** What the window of all servers together takes, where it is known. */
  readonly capacity: number | undefined;
  /** Whether replies tell what is left, or only refusals teach. */
  readonly isTold: boolean;
  /** The most that a reply has said to be left before its own request: what one server takes. */
  readonly mostLeft: number;
  /** Of what replies promise, the share that came true. */
  readonly trust: number;
  /** The moment from which pacing lets the next request go. */
  readonly nextAt: number;
  /** When capacity was last refused or tried. */
  readonly tried: number;
  /** Requests that were answered since. */
  readonly answered: number;
}

export interface Controller {
  readonly options: ControllerOptions;
  readonly hint: number | undefined;
  /** Requests that may be in flight; a fraction is on its way to the next whole one. */
  readonly width: number;
  /** While true each reply widens: the width doubles with each round. */
  readonly isStarting: boolean;
  /** The width at which the service was crowded. */
  readonly crowdedAt: number | undefined;
  /** True when somebody had to wait for a slot since the last widening. */
  readonly wasFull: boolean;
  readonly inFlight: number;
  /** The most requests in flight so far. */
  readonly peak: number;
  /** Nobody goes before. */
  readonly heldUntil: number;
  /** When the hold was asked for: what was sent before says nothing new. */
  readonly heldAt: number;
  /** How much longer than at its best a request takes, smoothed. */
  readonly stretch: number;
  /** Replies until the width may shrink again. */
  readonly settling: number;
  /** Requests in a row that the service did not answer. */
  readonly away: number;
  readonly requests: Meter;
  readonly execution: Meter;
}

/** What came of a request. */
export type Result =
  /** `tookMs` of execution, as the exchange shows it; `flatMs` is what it takes when the service has nothing else to do. */
  | {
      readonly kind: "answered";
      readonly tookMs: number;
      readonly flatMs?: number;
      /** What the reply says is left on its server: requests, milliseconds. */
      readonly left?: { readonly [limit in Metered]?: number };
    }
  | { readonly kind: "limited"; readonly limit: Limit | undefined; readonly retryAfterMs: number }
  | { readonly kind: "away" }
  /** It was never sent, or what came of it says nothing. */
  | { readonly kind: "none" };

export type Event =
  | { readonly type: "hint"; readonly width: number }
  | { readonly type: "full" }
  | { readonly type: "hold"; readonly now: number; readonly milliseconds: number }
  | { readonly type: "sent"; readonly now: number; readonly expectedMs: number }
  | {
      readonly type: "ended";
      readonly now: number;
      readonly sentAt: number;
      readonly expectedMs: number;
      readonly result: Result;
    };

export type Decision =
  | { readonly go: true }
  /** `until`: the moment to ask again; absent where only the end of a request changes anything. */
  | { readonly go: false; readonly cause: WaitCause; readonly until?: number };

export type WaitCause = "held" | "requests" | "execution" | "in_flight" | "away";

/** The share of what a window takes that is aimed at. */
const AIM = 0.98;
/** Once an execution or request limit is near, a further burst may use this share of a window ahead of its pace. */
const SLACK = 1 / 30;
/** Up to this width each round doubles: four servers' worth of sustained execution time. */
const DOUBLING_TO = 16;
/** Below that share used, what is left says too little of how much a window takes. */
const TELLING = 0.1;
/** A capacity that was refused is tried further only after so many windows and requests without a refusal. */
const TRY_WINDOWS = 10;
const TRY_REQUESTS = 400;
/** The same where replies tell what is left: they warn before the service refuses. */
const TOLD_WINDOWS = 1;
const TOLD_REQUESTS = 200;
/** How much of a known capacity one refusal takes, and one trial gives back. */
const REFUSED = 0.97;
const TRIED = 1.01;
/** By so much what is in flight, and how evenly servers are used, may blur how many there are. */
const NEARLY = 0.06;
/** Requests without an answer in a row from which on only one at a time is tried. */
const AWAY = 3;
const STRETCHED = 1.6;
const FLAT = 1.25;
/** Milliseconds by which replies differ for no reason. */
const JITTER_MS = 50;

export function newController(options: ControllerOptions): Controller {
  const meter: Meter = {
    window: newWindow(options.windowMs),
    capacity: undefined,
    isTold: false,
    mostLeft: 0,
    trust: 1,
    nextAt: 0,
    tried: 0,
    answered: 0,
  };
  return {
    options,
    hint: undefined,
    width: Math.max(1, Math.min(options.start, options.most)),
    isStarting: true,
    crowdedAt: undefined,
    wasFull: false,
    inFlight: 0,
    peak: 0,
    heldUntil: 0,
    heldAt: Number.NEGATIVE_INFINITY,
    stretch: 1,
    settling: 0,
    away: 0,
    requests: meter,
    execution: meter,
  };
}

/** Requests that may be in flight now. */
export const widthOf = ({ away, width }: Controller): number =>
  away >= AWAY ? 1 : Math.max(1, Math.floor(width));

/** Whether a request may go now, or what it waits for. */
export function decide(state: Controller, now: number): Decision {
  if (now < state.heldUntil) return { go: false, cause: "held", until: state.heldUntil };
  if (state.inFlight >= widthOf(state))
    return { go: false, cause: state.away >= AWAY ? "away" : "in_flight" };
  for (const cause of ["requests", "execution"] as const) {
    const { capacity, window, nextAt } = state[cause];
    if (capacity === undefined) continue;
    const until = Math.max(nextAt, belowAt(window, now, AIM * capacity));
    if (until > now) return { go: false, cause, until };
  }
  return { go: true };
}

export function step(state: Controller, event: Event): Controller {
  switch (event.type) {
    case "hint":
      return hinted(state, event.width);
    case "full":
      return state.wasFull ? state : { ...state, wasFull: true };
    case "hold":
      return held(state, event.now, event.milliseconds);
    case "sent":
      return {
        ...state,
        inFlight: state.inFlight + 1,
        peak: Math.max(state.peak, state.inFlight + 1),
        requests: spent(state.requests, event.now, 1),
        execution: spent(state.execution, event.now, event.expectedMs),
      };
    case "ended":
      return ended({ ...state, inFlight: Math.max(0, state.inFlight - 1) }, event);
  }
}

/** The share of what a window takes that is used now; where that is not known, of what it takes otherwise. */
export function shareOf(state: Controller, limit: Metered, now: number, otherwise: number): number {
  const { capacity = otherwise, window } = state[limit];
  return totalOf(window, now) / capacity;
}

function hinted(state: Controller, hint: number): Controller {
  if (!Number.isInteger(hint) || hint < 1 || hint === state.hint) return state;
  if (state.hint !== undefined) return { ...state, hint };
  const width = Math.min(hint, state.options.most, state.crowdedAt ?? Number.POSITIVE_INFINITY);
  return { ...state, hint, width: state.isStarting ? width : Math.max(width, state.width) };
}

function held(state: Controller, now: number, milliseconds: number): Controller {
  if (milliseconds <= 0) return state;
  const heldUntil = Math.max(state.heldUntil, now + milliseconds);
  return { ...state, heldUntil, heldAt: now };
}

function spent(meter: Meter, now: number, amount: number): Meter {
  const window = added(meter.window, now, now, amount);
  const { capacity, nextAt } = meter;
  if (capacity === undefined) return { ...meter, window };
  const { lengthMs } = window;
  return { ...meter, window, nextAt: Math.max(nextAt, now - lengthMs * SLACK) + amount / paceOf(meter, now) };
}

/** What may be spent in a millisecond: quicker where the window has room, so that one that was left empty fills again. */
function paceOf({ capacity = Number.POSITIVE_INFINITY, window }: Meter, now: number): number {
  const room = Math.max(0, AIM - totalOf(window, now) / capacity);
  return ((AIM * capacity) / window.lengthMs) * (1 + 2 * room);
}

type Ended = Extract<Event, { readonly type: "ended" }>;

function ended(state: Controller, event: Ended): Controller {
  const { result, now, sentAt, expectedMs } = event;
  switch (result.kind) {
    case "answered": {
      const { left = {}, tookMs, flatMs } = result;
      const corrected = {
        ...state.execution,
        window: added(state.execution.window, now, sentAt, tookMs - expectedMs),
      };
      const next = {
        ...state,
        away: 0,
        // After an outage the service is met like a new one.
        ...(state.away >= AWAY ? { width: Math.max(1, state.width / 2), isStarting: true } : {}),
        requests: answered(state.requests, now, 1, left.requests),
        execution: answered(corrected, now, tookMs, left.execution),
      };
      return widened(next, flatMs === undefined ? undefined : (tookMs + JITTER_MS) / (flatMs + JITTER_MS));
    }
    case "limited":
      return limited(refunded(state, event), event, result);
    case "away":
      return { ...state, away: state.away + 1 };
    case "none":
      return refunded(state, event);
  }
}

/** A request that was refused counts for nothing. */
function refunded(state: Controller, { now, sentAt, expectedMs }: Ended): Controller {
  const back = (meter: Meter, amount: number): Meter => ({
    ...meter,
    window: added(meter.window, now, sentAt, -amount),
    nextAt: meter.nextAt - amount / paceOf(meter, now),
  });
  return { ...state, requests: back(state.requests, 1), execution: back(state.execution, expectedMs) };
}

function answered(meter: Meter, now: number, own: number, left: number | undefined): Meter {
  const next = { ...meter, answered: meter.answered + 1 };
  const [windows, requests] = meter.isTold ? [TOLD_WINDOWS, TOLD_REQUESTS] : [TRY_WINDOWS, TRY_REQUESTS];
  const isQuiet = next.answered >= requests && now - next.tried >= windows * meter.window.lengthMs;
  const used = totalOf(meter.window, now);
  if (left === undefined) {
    if (!isQuiet || meter.capacity === undefined || used < 0.9 * meter.capacity) return next;
    return { ...next, capacity: meter.capacity * TRIED, tried: now, answered: 0 };
  }
  const mostLeft = Math.max(meter.mostLeft, left + own);
  const share = mostLeft > 0 ? 1 - left / mostLeft : 1;
  const trust = isQuiet ? Math.min(1, meter.trust * TRIED) : meter.trust;
  const told = { ...next, mostLeft, trust, isTold: true, ...(isQuiet ? { tried: now, answered: 0 } : {}) };
  // What is left on one server may be used, whatever a refusal seemed to teach.
  if (share < TELLING || used === 0)
    return { ...told, ...(meter.capacity && { capacity: Math.max(meter.capacity, trust * (used + left)) }) };
  // Of a server that has nothing left nobody knows by how much.
  const capacity = left > 0 ? trust * whole(used / share, mostLeft) : Math.min(meter.capacity ?? used, used);
  return {
    ...told,
    capacity: meter.capacity === undefined ? capacity : nearer(meter.capacity, capacity),
  };
}

/** Servers come whole: what is nearly so many times what one takes is just that. */
function whole(capacity: number, each: number): number {
  const servers = Math.max(1, Math.round(capacity / each)) * each;
  return Math.abs(capacity - servers) < NEARLY * servers ? servers : capacity;
}

/** A capacity on its way to what was seen: quickly down, because too much is refused, and slowly up. */
const nearer = (known: number, seen: number): number => known + (seen - known) / (seen < known ? 3 : 8);

/** Wider while replies take no longer than before and somebody waits; narrower when they take much longer. */
function widened(state: Controller, stretched: number | undefined): Controller {
  const stretch =
    stretched === undefined ? state.stretch : 0.8 * state.stretch + 0.2 * Math.min(stretched, 10);
  const { width, crowdedAt, options, hint = 1 } = state;
  const settling = Math.max(0, state.settling - 1);
  if (stretch > STRETCHED) {
    if (settling > 0) return { ...state, stretch, settling, isStarting: false };
    const narrower = Math.max(Math.min(2, options.most), 0.9 * width);
    return { ...state, stretch, width: narrower, isStarting: false, settling: Math.ceil(narrower) };
  }
  if (!state.wasFull || stretch > FLAT) return { ...state, stretch, settling };
  const isDoubling = state.isStarting && width < Math.max(hint, DOUBLING_TO);
  const most = Math.min(options.most, Math.max(1, crowdedAt ?? options.most));
  return {
    ...state,
    stretch,
    settling,
    wasFull: false,
    // What was too much once is tried again, a little at a time.
    ...(crowdedAt === undefined ? {} : { crowdedAt: crowdedAt * (1 + 1 / (6 * TRY_REQUESTS)) }),
    width: Math.max(Math.min(width, most), Math.min(most, width + (isDoubling ? 1 : 1 / width))),
  };
}

function limited(
  state: Controller,
  { now, sentAt }: Ended,
  { limit, retryAfterMs }: Extract<Result, { readonly kind: "limited" }>,
): Controller {
  // What was sent before the last lesson teaches nothing new of windows; of a burst that was too wide, those that are
  // not refused were not too many.
  const isNews = sentAt > state.heldAt;
  const stopped = { ...held(state, now, retryAfterMs), heldAt: now, away: 0, isStarting: false };
  if (limit === "requests" || limit === "execution")
    return isNews ? { ...stopped, [limit]: refused(stopped[limit], now, sentAt, retryAfterMs) } : stopped;
  if (!isNews && limit === undefined) return stopped;
  const share = isNews ? (limit === undefined ? 0.5 : 0.85) : 1;
  const borne = Math.max(1, share * (state.inFlight + 1));
  const before = isNews ? Number.POSITIVE_INFINITY : (state.crowdedAt ?? Number.POSITIVE_INFINITY);
  return {
    ...stopped,
    width: Math.min(state.width, borne),
    ...(limit === undefined ? {} : { crowdedAt: Math.min(before, borne) }),
  };
}

/**
 * The window was full with what it held when the refused request was sent, unless it is to have room again before any
 * of that slides out: then others fill it. Later refusals correct that a little each.
 */
function refused(meter: Meter, now: number, sentAt: number, retryAfterMs: number): Meter {
  const lesson = { ...meter, tried: now, answered: 0 };
  const used = totalOf(meter.window, sentAt);
  if (meter.capacity === undefined) {
    const { lengthMs } = meter.window;
    const isOurs = retryAfterMs === 0 || totalOf(meter.window, now + retryAfterMs + lengthMs * SLACK) < used;
    return used > 0 && isOurs ? { ...lesson, capacity: used } : lesson;
  }
  return { ...lesson, capacity: meter.capacity * REFUSED, trust: Math.max(0.5, meter.trust * REFUSED) };
}
