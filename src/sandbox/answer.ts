import { type Call, type Reply, withBody } from "./api.ts";
import { bump } from "./counters.ts";
import { errorBody, Refusal } from "./errors.ts";
import { type Effects, underFaults } from "./faults.ts";
import { randomId } from "./guid.ts";
import { parsePreferences } from "./headers.ts";
import { findRoute } from "./routes.ts";
import type { World } from "./world.ts";

/** An error reply in the frame that the client asked for; counts the refusal. */
export function refusalReply(world: World, call: Pick<Call, "headers">, refusal: Refusal): Reply {
  bump(world.counters.refusals, refusal.code || String(refusal.status));
  const annotated = parsePreferences(call.headers.prefer).allAnnotations;
  return withBody(refusal.status, errorBody(refusal, annotated), {
    REQ_ID: randomId(),
    ...refusal.headers,
  });
}

/**
 * Runs one operation to its reply. Errors of the client become error replies; a Disruption passes through, because
 * only the server can break a connection.
 */
export function answer(world: World, call: Call, effects: Effects): Reply {
  try {
    const route = findRoute(world, call);
    bump(world.counters.operations, route.kind);
    effects.kind ??= route.kind;
    return underFaults(world.faults, world.counters, effects, route.kind, route.table, route.run);
  } catch (problem) {
    if (problem instanceof Refusal) return refusalReply(world, call, problem);
    throw problem;
  }
}
