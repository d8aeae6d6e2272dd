import { type Call, type Reply, withBody } from "./api.ts";
import { bump } from "./counters.ts";
import { errorAnnotations } from "./error-details.ts";
import { errorBody, Refusal } from "./errors.ts";
import { type Effects, underFaults } from "./faults/run.ts";
import { randomId } from "./guid.ts";
import { parsePreferences } from "./headers.ts";
import { isKnowable } from "./knowable.ts";
import { costOf } from "./limits/cost.ts";
import { requireProtocol } from "./protocol.ts";
import { findRoute } from "./routes.ts";
import { requireRight, seenBy } from "./security/check.ts";
import { sessionFor } from "./security/session.ts";
import type { World } from "./world.ts";

/** An error reply in the frame that the client asked for; counts the refusal. */
export function refusalReply(world: World, call: Pick<Call, "headers">, refusal: Refusal): Reply {
  const code = refusal.code || String(refusal.status);
  bump(world.counters.refusals, code);
  if (isKnowable(refusal)) bump(world.counters.knowable, code);
  const { annotation } = parsePreferences(call.headers.prefer);
  const annotations = Object.entries(errorAnnotations(refusal)).filter(([name]) => annotation(name.slice(1)));
  const said =
    refusal.status === 429 && world.rules.throttledFrame === "legacy"
      ? new Refusal(429, refusal.code, refusal.message, { legacy: true })
      : refusal;
  return withBody(refusal.status, errorBody(said, Object.fromEntries(annotations)), {
    REQ_ID: randomId(),
    ...refusal.headers,
  });
}

/** What the stack cannot hold, the service would not read either. */
const tooDeep = () => new Refusal(400, "0x80060888", "The request is nested too deeply.");

/**
 * Runs one operation to its reply. Errors of the client become error replies; a Disruption passes through, because
 * only the server can break a connection.
 */
export function answer(world: World, call: Call, effects: Effects): Reply {
  const { meter, costs } = world;
  const before = meter.rows;
  let route: ReturnType<typeof findRoute> | undefined;
  try {
    requireProtocol(world.rules, call.headers, call.target);
    const session = sessionFor(world, call.session, call.headers);
    const seen = seenBy(world, session);
    route = findRoute(seen, session === call.session ? call : { ...call, session });
    const { kind, table, run } = route;
    bump(world.counters.operations, kind);
    effects.kind ??= kind;
    if (session.access !== undefined && table !== undefined) {
      const on = world.schema.tables.get(table);
      if (on && kind === "read") requireRight(world, session, on, "read");
      else if (on && (kind === "delete" || kind === "deleteMultiple")) {
        requireRight(world, session, on, "delete");
      }
    }
    return underFaults(world, effects, { kind, table, inBatch: call.inBatch }, run);
  } catch (problem) {
    if (problem instanceof Refusal) return refusalReply(world, call, problem);
    if (problem instanceof RangeError && /call stack/.test(problem.message)) {
      return refusalReply(world, call, tooDeep());
    }
    throw problem;
  } finally {
    if (route) {
      const rows = Math.max(meter.rows - before, route.kind === "delete" ? 1 : 0);
      effects.executionMs += costOf(costs, route.kind, route.table, rows);
    }
  }
}
