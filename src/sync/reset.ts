import { SyncError } from "../core/errors.ts";
import { knownRows } from "../state/reset.ts";
import { openStore, peekRecord } from "./open.ts";
import type { Prepared } from "./prepare.ts";

export interface ResetResult {
  readonly sync: string;
  readonly object: string;
  readonly organization: string;
  /** Records that were managed and are so no more; null where the state is damaged and cannot tell. */
  readonly records: number | null;
  readonly forgotten: boolean;
}

/**
 * Forgets a sync's snapshot; its history stays, and so does every record. No run can begin meanwhile.
 *
 * @param allowed asked with the number of records that become unmanaged; null where the state cannot tell
 */
export async function resetSync(
  prepared: Prepared,
  allowed: (records: number | null) => Promise<boolean>,
): Promise<ResetResult> {
  const { sync, compiled, identity } = prepared;
  const about = { sync: sync.name, object: compiled.object, organization: identity.organization };
  // To open the state of a sync that never ran would make one.
  const found = await peekRecord(prepared).catch(unlessDamaged);
  if (found === undefined) return { ...about, records: 0, forgotten: false };
  await using store = await openStore(prepared);
  const known = found === null ? null : await knownRows(store).catch(unlessDamaged);
  const records = known === undefined ? 0 : known;
  const forgotten = await allowed(records);
  if (forgotten) await store.forget();
  return { ...about, records, forgotten };
}

/** To forget it is what is left to do with a state that is damaged. */
function unlessDamaged(error: unknown): null {
  if (error instanceof SyncError && error.code === "state.unreadable") return null;
  throw error;
}
