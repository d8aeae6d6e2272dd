import type { Kind } from "../api.ts";
import { bump } from "../counters.ts";
import type { World } from "../world.ts";
import { gatewayReply, refusalOf } from "./actions.ts";
import { drawFault, type Fault, strike } from "./list.ts";

/** Ends the whole HTTP request without a reply of the service. */
export class Disruption extends Error {
  readonly how: "reset" | "hang" | "expiredToken" | "gateway";
  readonly fault: Fault | undefined;
  constructor(how: Disruption["how"], fault?: Fault) {
    super(how);
    this.how = how;
    this.fault = fault;
  }
}

/** Filled while a request runs; read by the server when the reply is ready. */
export interface Effects {
  /** What the HTTP request was, for the counters. */
  kind: Kind | undefined;
  /** Milliseconds of execution by the cost model. */
  executionMs: number;
  /** Milliseconds before the reply leaves. */
  delay: number;
  /** The work is done and stays done; what happens to the reply. */
  reply: "whole" | "reset" | "hang" | "truncated" | "cutMultipart" | "trickle";
  /** What the random mode drew for this request; its first operation meets it. */
  drawn: Fault | undefined;
}

export const newEffects = (world: World, kind?: Kind): Effects => ({
  kind,
  executionMs: 0,
  delay: 0,
  reply: "whole",
  drawn: drawFault(world.faults),
});

/** Runs one operation under the faults that are set. */
export function underFaults<T>(
  world: World,
  effects: Effects,
  operation: { readonly kind: Kind; readonly table?: string | undefined; readonly inBatch: boolean },
  run: () => T,
): T {
  const { faults } = world;
  let fault = effects.drawn;
  effects.drawn = undefined;
  if (!fault && faults.armed.length > 0) {
    fault = strike(faults, operation.kind, operation.table, operation.inBatch);
  }
  if (!fault) return run();
  bump(world.counters.faults, typeof fault.do === "string" ? fault.do : String(fault.do.status));
  const refused = refusalOf(fault.do, fault.retryAfter, {
    sql: world.rules.sqlErrorStatus,
    duplicate: world.rules.duplicateDetectionStatus,
  });
  if (refused) throw refused;
  if (gatewayReply(fault.do)) throw new Disruption("gateway", fault);
  switch (fault.do) {
    case "resetBeforeCommit":
      throw new Disruption("reset");
    case "hang":
    case "expiredToken":
      throw new Disruption(fault.do);
    case "slow":
      effects.delay += fault.delay ?? 1000;
      break;
    case "resetAfterCommit":
      effects.reply = "reset";
      break;
    case "hangAfterCommit":
      effects.reply = "hang";
      break;
    case "trickle":
      effects.delay += fault.delay ?? 1000;
      effects.reply = "trickle";
      break;
    case "truncated":
    case "cutMultipart":
      effects.reply = fault.do;
  }
  return run();
}
