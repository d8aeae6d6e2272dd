/** One limit on what a user may do within a sliding window, on several servers together. Pure. */
import { added, belowAt, newWindow, totalOf, type Window } from "./window.ts";

export interface Meter {
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
  /** What other processes have used of it. */
  readonly others: number;
  /** What those among them have used who need no more. */
  readonly content: number;
}

/** The share of what a window takes that is aimed at. */
const AIM = 0.98;
/** Once an execution or request limit is near, a further burst may use this share of a window ahead of its pace. */
const SLACK = 1 / 30;
/** Whatever others say, this share of a window is divided, and this share of what one server takes is used. */
const LEAST = 1 / 20;
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

export const newMeter = (windowMs: number): Meter => ({
  window: newWindow(windowMs),
  capacity: undefined,
  isTold: false,
  mostLeft: 0,
  trust: 1,
  nextAt: 0,
  tried: 0,
  answered: 0,
  others: 0,
  content: 0,
});

/** What is used of a window, by whomever. */
export const usedOf = ({ others, window }: Meter, now: number): number => totalOf(window, now) + others;

/** The moment from which the limit lets a request go. */
export function openAt({ capacity, nextAt, others, window }: Meter, now: number): number {
  if (capacity === undefined) return now;
  return Math.max(nextAt, belowAt(window, now, AIM * capacity - others));
}

/** A request goes. @param sharers processes that divide what the others leave */
export function spent(meter: Meter, now: number, amount: number, sharers: number): Meter {
  const window = added(meter.window, now, now, amount);
  const { capacity, nextAt } = meter;
  if (capacity === undefined) return { ...meter, window };
  const from = Math.max(nextAt, now - window.lengthMs * SLACK);
  return { ...meter, window, nextAt: from + amount / paceOf({ ...meter, window }, now, sharers) };
}

/**
 * What may be spent in a millisecond: quicker where the window has room, so that one that was left empty fills again.
 * Processes that could do with more divide what the others leave.
 */
function paceOf(meter: Meter, now: number, sharers: number): number {
  const { capacity = Number.POSITIVE_INFINITY, content, window } = meter;
  const room = Math.max(0, AIM - usedOf(meter, now) / capacity);
  const own = Math.max(LEAST * capacity, capacity - content) / sharers;
  return ((AIM * own) / window.lengthMs) * (1 + 2 * room);
}

/** What a request really took. */
export const corrected = (meter: Meter, now: number, sentAt: number, amount: number): Meter => ({
  ...meter,
  window: added(meter.window, now, sentAt, amount),
});

/** A request that was refused counts for nothing. */
export const refunded = (
  meter: Meter,
  now: number,
  sentAt: number,
  amount: number,
  sharers: number,
): Meter => ({
  ...meter,
  window: added(meter.window, now, sentAt, -amount),
  nextAt: meter.nextAt - amount / paceOf(meter, now, sharers),
});

/** A reply to a request that took so much, and what it says is left on its server. */
export function answered(meter: Meter, now: number, own: number, left: number | undefined): Meter {
  const next = { ...meter, answered: meter.answered + 1 };
  const [windows, requests] = meter.isTold ? [TOLD_WINDOWS, TOLD_REQUESTS] : [TRY_WINDOWS, TRY_REQUESTS];
  const isQuiet = next.answered >= requests && now - next.tried >= windows * meter.window.lengthMs;
  const used = usedOf(meter, now);
  // Who has never said that anything is left says nothing by it.
  if (left === undefined || (left <= 0 && meter.mostLeft === 0)) {
    if (!isQuiet || meter.capacity === undefined || used < 0.9 * meter.capacity) return next;
    return { ...next, capacity: meter.capacity * TRIED, tried: now, answered: 0 };
  }
  const mostLeft = left > 0 ? Math.max(meter.mostLeft, left + own) : meter.mostLeft;
  const share = mostLeft > 0 ? 1 - left / mostLeft : 1;
  const trust = isQuiet ? Math.min(1, meter.trust * TRIED) : meter.trust;
  const told = { ...next, mostLeft, trust, isTold: true, ...(isQuiet ? { tried: now, answered: 0 } : {}) };
  // What is left on one server may be used, whatever a refusal seemed to teach.
  if (share < TELLING || used === 0)
    return { ...told, ...(meter.capacity && { capacity: Math.max(meter.capacity, trust * (used + left)) }) };
  // Of a server that has nothing left nobody knows by how much.
  const capacity = left > 0 ? trust * whole(used / share, mostLeft) : Math.min(meter.capacity ?? used, used);
  const seen = meter.capacity === undefined ? capacity : nearer(meter.capacity, capacity);
  return { ...told, capacity: Math.max(LEAST * mostLeft, seen) };
}

/** Servers come whole: what is nearly so many times what one takes is just that. */
function whole(capacity: number, each: number): number {
  const servers = Math.max(1, Math.round(capacity / each)) * each;
  return Math.abs(capacity - servers) < NEARLY * servers ? servers : capacity;
}

/** A capacity on its way to what was seen: quickly down, because too much is refused, and slowly up. */
const nearer = (known: number, seen: number): number => known + (seen - known) / (seen < known ? 3 : 8);

/**
 * The window was full with what it held when the refused request was sent, unless it is to have room again before any
 * of that slides out, or held next to nothing: then others fill it. Later refusals correct that a little each.
 *
 * @param documented what one server takes by what is known of the service
 */
export function refused(
  meter: Meter,
  now: number,
  sentAt: number,
  retryAfterMs: number,
  documented: number,
): Meter {
  const lesson = { ...meter, tried: now, answered: 0 };
  const used = usedOf(meter, sentAt);
  const least = LEAST * Math.max(documented, meter.mostLeft);
  if (meter.capacity === undefined) {
    const { lengthMs } = meter.window;
    const isOurs = usedOf(meter, now + retryAfterMs + lengthMs * SLACK) < used;
    return used > least && isOurs ? { ...lesson, capacity: used } : lesson;
  }
  const capacity = Math.max(Math.min(least, meter.capacity), meter.capacity * REFUSED);
  return { ...lesson, capacity, trust: Math.max(0.5, meter.trust * REFUSED) };
}
