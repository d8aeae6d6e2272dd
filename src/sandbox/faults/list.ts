import type { Kind } from "../api.ts";
import type { FaultAction, FaultName } from "./actions.ts";

/** Faults on command: ours; what each of them answers has its page in `actions.ts`. */

export interface Fault {
  /** Which operations it meets; an empty object meets all. */
  readonly on: {
    readonly kind?: Kind;
    readonly table?: string;
    /** Only parts of a batch, or only requests that stand alone. */
    readonly inBatch?: boolean;
  };
  /** How often it strikes; 1 when left out. */
  readonly times?: number;
  /** How many matching operations pass before it strikes. */
  readonly after?: number;
  readonly do: FaultAction;
  /** Seconds in `Retry-After`. */
  readonly retryAfter?: number;
  /** Milliseconds of `slow` and `trickle`; 1000 when left out. */
  readonly delay?: number;
}

/** Strikes a share of the HTTP requests: the same ones for the same seed and the same order of requests. */
export interface RandomFaults {
  readonly seed: number;
  /** From 0, none, to 1, all. */
  readonly rate: number;
  readonly kinds: readonly FaultName[];
  readonly retryAfter?: number;
  readonly delay?: number;
}

interface Armed {
  readonly fault: Fault;
  passes: number;
  left: number;
}

/** The faults of one sandbox, in the order in which they were set. */
export interface FaultList {
  readonly armed: Armed[];
  random: { readonly settings: RandomFaults; state: number } | undefined;
}

export const newFaults = (): FaultList => ({ armed: [], random: undefined });

export function setFaults(list: FaultList, faults: readonly Fault[]): void {
  list.armed.length = 0;
  for (const fault of faults) list.armed.push({ fault, passes: fault.after ?? 0, left: fault.times ?? 1 });
}

export function setRandom(list: FaultList, settings: RandomFaults | undefined): void {
  list.random = settings && { settings, state: settings.seed >>> 0 };
}

/** mulberry32: a number from 0 up to 1; small, and the same everywhere. */
function draw(random: { state: number }): number {
  random.state = (random.state + 0x6d2b79f5) >>> 0;
  let mixed = random.state;
  mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
}

/** Draws for one HTTP request, whether or not it is struck, so that the order alone decides. */
export function drawFault(list: FaultList): Fault | undefined {
  const { random } = list;
  if (!random) return undefined;
  const [hit, which] = [draw(random), draw(random)];
  const { rate, kinds, seed: _seed, ...rest } = random.settings;
  const action = kinds[Math.floor(which * kinds.length)];
  return hit < rate && action !== undefined ? { ...rest, on: {}, do: action } : undefined;
}

/** The first armed fault that meets an operation. */
export function strike(
  list: FaultList,
  kind: Kind,
  table: string | undefined,
  inBatch: boolean,
): Fault | undefined {
  for (const armed of list.armed) {
    const { on } = armed.fault;
    if (armed.left <= 0 || (on.kind && on.kind !== kind) || (on.table && on.table !== table)) continue;
    if (on.inBatch !== undefined && on.inBatch !== inBatch) continue;
    if (armed.passes > 0) {
      armed.passes -= 1;
      continue;
    }
    armed.left -= 1;
    return armed.fault;
  }
  return undefined;
}
