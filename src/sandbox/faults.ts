import type { Kind } from "./api.ts";
import { bump, type Counters } from "./counters.ts";
import { Refusal } from "./errors.ts";

/** What may go wrong on demand: everything that a writer meets in the field. */
export type FaultAction =
  | "429"
  | "503"
  | "html502"
  | "resetBeforeCommit"
  | "resetAfterCommit"
  | "slow"
  | "hang"
  | { readonly status: number; readonly code: string; readonly message: string };

export interface Fault {
  /** Which operations it meets; an empty object meets all. */
  readonly on: { readonly kind?: Kind; readonly table?: string };
  /** How often it strikes; 1 when left out. */
  readonly times?: number;
  /** How many matching operations pass before it strikes. */
  readonly after?: number;
  readonly do: FaultAction;
  /** Seconds in `Retry-After` of a 429 or 503; for `slow` the delay in milliseconds is `delay`. */
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
}

export const newFaults = (): FaultList => ({ armed: [] });

export function setFaults(list: FaultList, faults: readonly Fault[]): void {
  list.armed.length = 0;
  for (const fault of faults) list.armed.push({ fault, passes: fault.after ?? 0, left: fault.times ?? 1 });
}

/** Ends the whole HTTP request without a proper reply. */
export class Disruption extends Error {
  readonly how: "reset" | "hang" | "html502";
  constructor(how: Disruption["how"]) {
    super(how);
    this.how = how;
  }
}

/** Filled while a request runs; read by the server when the reply is ready. */
export interface Effects {
  /** What the HTTP request was, for the counters. */
  kind: Kind | undefined;
  /** Milliseconds before the reply leaves. */
  delay: number;
  /** The work is done and stays done; the connection breaks instead of a reply. */
  replyIsLost: boolean;
}

export const newEffects = (kind?: Kind): Effects => ({ kind, delay: 0, replyIsLost: false });

function strike(list: FaultList, kind: Kind, table: string | undefined): Fault | undefined {
  for (const armed of list.armed) {
    const { on } = armed.fault;
    if (armed.left <= 0 || (on.kind && on.kind !== kind) || (on.table && on.table !== table)) continue;
    if (armed.passes > 0) {
      armed.passes -= 1;
      continue;
    }
    armed.left -= 1;
    return armed.fault;
  }
  return undefined;
}

/** Page: api-limits. A 429 says how long to wait; so does a 503 here. */
function refusal(fault: Fault): Refusal | undefined {
  const retry = { "Retry-After": String(fault.retryAfter ?? 1) };
  if (fault.do === "429") {
    const message = "Number of requests exceeded the limit of 6000 over time window of 300 seconds.";
    return new Refusal(429, "0x80072322", message, { headers: retry });
  }
  if (fault.do === "503") {
    return new Refusal(503, "0x80048543", "The service is unavailable.", { headers: retry });
  }
  if (typeof fault.do === "object") {
    const headers: Record<string, string> = fault.retryAfter === undefined ? {} : retry;
    return new Refusal(fault.do.status, fault.do.code, fault.do.message, { headers });
  }
  return undefined;
}

/** Runs one operation under the faults that are set. */
export function underFaults<T>(
  list: FaultList,
  counters: Counters,
  effects: Effects,
  kind: Kind,
  table: string | undefined,
  run: () => T,
): T {
  const fault = list.armed.length > 0 ? strike(list, kind, table) : undefined;
  if (!fault) return run();
  bump(counters.faults, typeof fault.do === "string" ? fault.do : String(fault.do.status));
  const refused = refusal(fault);
  if (refused) throw refused;
  if (fault.do === "resetBeforeCommit") throw new Disruption("reset");
  if (fault.do === "hang" || fault.do === "html502") throw new Disruption(fault.do);
  if (fault.do === "slow") effects.delay += fault.delay ?? 1000;
  if (fault.do === "resetAfterCommit") effects.replyIsLost = true;
  return run();
}
