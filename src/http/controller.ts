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
import {
  answered,
  corrected,
  type Meter,
  newMeter,
  openAt,
  refunded,
  refused,
  spent,
  usedOf,
} from "./meter.ts";
import { totalOf } from "./window.ts";

export type Metered = "requests" | "execution";
export type Limit = Metered | "concurrency";

export interface ControllerOptions {
  /** Milliseconds over which the service sums up ("Service protection API limits": 300 seconds). */
  readonly windowMs: number;
  /** Requests in flight before the first hint. */
  readonly start: number;
  /** Requests in flight at most, whatever the service bears. */
  readonly most: number;
  /** What one server takes within the window by what is known of the service: requests, milliseconds. */
  readonly documented?: Amounts;
}

type Amounts = { readonly [limit in Metered]: number };

/** What a process knows of its use of a user's limits, for other processes that send as the same user. */
export interface Use {
  /** What it has used within the window. */
  readonly used: Amounts;
  /** What one server takes, as far as it has seen. */
  readonly each: Amounts;
  /** Whether it could do with more. */
  readonly waits: boolean;
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
  /** Refusals since the last answer, those of one burst as one. */
  readonly refusals: number;
  readonly requests: Meter;
  readonly execution: Meter;
  /** Processes that divide what the others leave, this one among them. */
  readonly sharers: number;
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
  /** What other processes that send as the same user tell of themselves. */
  | { readonly type: "others"; readonly uses: readonly Use[] }
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

/** Up to this width each round doubles: four servers' worth of sustained execution time. */
const DOUBLING_TO = 16;
/** Requests without an answer in a row from which on only one at a time is tried. */
const AWAY = 3;
/** What was too crowded once is tried again by the time of so many widenings. */
const TRY_WIDENINGS = 2400;
/** How many times longer than told somebody waits who was refused again and again. */
const MOST_PATIENCE = 4;
const STRETCHED = 1.6;
const FLAT = 1.25;
/** Milliseconds by which replies differ for no reason. */
const JITTER_MS = 50;

export function newController(options: ControllerOptions): Controller {
  const meter = newMeter(options.windowMs);
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
    refusals: 0,
    requests: meter,
    execution: meter,
    sharers: 1,
  };
}

/** Requests that may be in flight now. */
export const widthOf = ({ away, refusals, width }: Controller): number =>
  away >= AWAY || refusals > 1 ? 1 : Math.max(1, Math.floor(width));

/** Whether a request may go now, or what it waits for. */
export function decide(state: Controller, now: number): Decision {
  if (now < state.heldUntil) return { go: false, cause: "held", until: state.heldUntil };
  if (state.inFlight >= widthOf(state))
    return { go: false, cause: state.away >= AWAY ? "away" : "in_flight" };
  for (const cause of ["requests", "execution"] as const) {
    const until = openAt(state[cause], now);
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
    case "others":
      return besides(state, event.uses);
    case "hold":
      return held(state, event.now, event.milliseconds);
    case "sent":
      return {
        ...state,
        inFlight: state.inFlight + 1,
        peak: Math.max(state.peak, state.inFlight + 1),
        requests: spent(state.requests, event.now, 1, state.sharers),
        execution: spent(state.execution, event.now, event.expectedMs, state.sharers),
      };
    case "ended":
      return ended({ ...state, inFlight: Math.max(0, state.inFlight - 1) }, event);
  }
}

function besides(state: Controller, uses: readonly Use[]): Controller {
  const content = uses.filter(({ waits }) => !waits);
  const sum = (limit: Metered, some: readonly Use[]) => some.reduce((all, { used }) => all + used[limit], 0);
  const told = (limit: Metered): Meter => ({
    ...state[limit],
    mostLeft: Math.max(state[limit].mostLeft, ...uses.map(({ each }) => each[limit])),
    others: sum(limit, uses),
    content: sum(limit, content),
  });
  const sharers = 1 + uses.length - content.length;
  return { ...state, sharers, requests: told("requests"), execution: told("execution") };
}

/** What this process has used within the window. @param waits whether it could do with more */
export const useOf = ({ execution, requests }: Controller, now: number, waits: boolean): Use => ({
  used: { requests: totalOf(requests.window, now), execution: totalOf(execution.window, now) },
  each: { requests: requests.mostLeft, execution: execution.mostLeft },
  waits,
});

/** The share of what a window takes that is used now; where that is not known, of what it takes otherwise. */
export function shareOf(state: Controller, limit: Metered, now: number, otherwise: number): number {
  const { capacity = otherwise } = state[limit];
  return usedOf(state[limit], now) / capacity;
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

type Ended = Extract<Event, { readonly type: "ended" }>;

function ended(state: Controller, event: Ended): Controller {
  const { result, now, sentAt, expectedMs } = event;
  switch (result.kind) {
    case "answered": {
      const { left = {}, tookMs, flatMs } = result;
      const execution = corrected(state.execution, now, sentAt, tookMs - expectedMs);
      const next = {
        ...state,
        away: 0,
        refusals: 0,
        // After an outage the service is met like a new one.
        ...(state.away >= AWAY ? { width: Math.max(1, state.width / 2), isStarting: true } : {}),
        requests: answered(state.requests, now, 1, left.requests),
        execution: answered(execution, now, tookMs, left.execution),
      };
      return widened(next, flatMs === undefined ? undefined : (tookMs + JITTER_MS) / (flatMs + JITTER_MS));
    }
    case "limited":
      return limited(unsent(state, event), event, result);
    case "away":
      return { ...state, away: state.away + 1 };
    case "none":
      return unsent(state, event);
  }
}

/** A request that was refused counts for nothing. */
const unsent = (state: Controller, { now, sentAt, expectedMs }: Ended): Controller => ({
  ...state,
  requests: refunded(state.requests, now, sentAt, 1, state.sharers),
  execution: refunded(state.execution, now, sentAt, expectedMs, state.sharers),
});

/** Requests at once that use up what a window takes of execution: fewer would not make the service work less. */
const sustained = ({ execution: { capacity = 0, window } }: Controller): number =>
  Math.ceil(capacity / window.lengthMs);

/** Wider while replies take no longer than before and somebody waits; narrower when they take much longer. */
function widened(state: Controller, stretched: number | undefined): Controller {
  const stretch =
    stretched === undefined ? state.stretch : 0.8 * state.stretch + 0.2 * Math.min(stretched, 10);
  const { width, crowdedAt, options, hint = 1 } = state;
  const settling = Math.max(0, state.settling - 1);
  if (stretch > STRETCHED && width > sustained(state)) {
    if (settling > 0) return { ...state, stretch, settling, isStarting: false };
    const narrower = Math.min(width, Math.max(Math.min(2, options.most), sustained(state), 0.9 * width));
    return { ...state, stretch, width: narrower, isStarting: false, settling: Math.ceil(narrower) };
  }
  if (!state.wasFull || (stretch > FLAT && width >= sustained(state))) return { ...state, stretch, settling };
  const isDoubling = state.isStarting && width < Math.max(hint, DOUBLING_TO);
  const most = Math.min(options.most, Math.max(1, crowdedAt ?? options.most));
  return {
    ...state,
    stretch,
    settling,
    wasFull: false,
    // What was too much once is tried again, a little at a time.
    ...(crowdedAt === undefined ? {} : { crowdedAt: crowdedAt * (1 + 1 / TRY_WIDENINGS) }),
    width: Math.max(Math.min(width, most), Math.min(most, width + (isDoubling ? 1 : 1 / width))),
  };
}

function limited(
  state: Controller,
  { now, sentAt }: Ended,
  { limit, retryAfterMs }: Extract<Result, { readonly kind: "limited" }>,
): Controller {
  // What was sent before the last lesson teaches nothing new.
  const isNews = sentAt > state.heldAt;
  // Who was refused again waits longer: others press, and the service lets nobody in who does.
  const patience = isNews ? Math.min(MOST_PATIENCE, 1 + state.refusals) : 1;
  const stopped = {
    ...held(state, now, patience * retryAfterMs),
    heldAt: now,
    away: 0,
    refusals: state.refusals + (isNews ? 1 : 0),
    isStarting: false,
  };
  // Who does not say when there is room again says nothing of the window.
  if ((limit === "requests" || limit === "execution") && retryAfterMs > 0) {
    const documented = state.options.documented?.[limit] ?? 0;
    const meter = () => refused(stopped[limit], now, sentAt, retryAfterMs, documented);
    return isNews ? { ...stopped, [limit]: meter() } : stopped;
  }
  if (limit !== "concurrency")
    return isNews
      ? { ...stopped, width: Math.min(state.width, Math.max(1, 0.5 * (state.inFlight + 1))) }
      : stopped;
  // Of those that went together, all but the refused ones are borne, in whatever order they arrived.
  const crowdedAt = Math.max(1, (isNews ? state.inFlight + 1 : (state.crowdedAt ?? state.width)) - 1);
  return { ...stopped, width: Math.min(state.width, crowdedAt), crowdedAt };
}
