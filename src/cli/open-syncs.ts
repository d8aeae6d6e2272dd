import { SyncError } from "../core/errors.ts";
import { inOrderOfLookups } from "../sync/order.ts";
import { type Prepared, prepare } from "../sync/prepare.ts";
import { sharedProblems } from "../sync/shared.ts";
import type { Session } from "./session.ts";

/** Prepares the named syncs, or all, in the order in which a run does them. */
export async function openSyncs(
  session: Session,
  names: readonly string[],
  signal: AbortSignal,
): Promise<Prepared[]> {
  const prepared: Prepared[] = [];
  for (const { model, sync } of session.syncs(names)) {
    prepared.push(await prepare(model, sync, session, session.stateOf(model.warehouse), signal));
  }
  const shared = sharedProblems(prepared);
  if (shared.length > 0) throw new SyncError(shared);
  return inOrderOfLookups(prepared);
}
