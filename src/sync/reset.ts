import { knownRows } from "../state/reset.ts";
import { openStore, peekRecord } from "./open.ts";
import type { Prepared } from "./prepare.ts";

export interface ResetResult {
  readonly sync: string;
  readonly object: string;
  readonly organization: string;
  /** Records that were managed and are so no more. */
  readonly records: number;
  readonly forgotten: boolean;
}

/**
 * Forgets a sync's snapshot; its history stays, and so does every record. No run can begin meanwhile.
 *
 * @param allowed asked with the number of records that become unmanaged
 */
export async function resetSync(
  prepared: Prepared,
  allowed: (records: number) => Promise<boolean>,
): Promise<ResetResult> {
  const { sync, compiled, identity } = prepared;
  const about = { sync: sync.name, object: compiled.object, organization: identity.organization };
  // To open the state of a sync that never ran would make one.
  if ((await peekRecord(prepared)) === undefined) return { ...about, records: 0, forgotten: false };
  await using store = await openStore(prepared);
  const records = (await knownRows(store)) ?? 0;
  const forgotten = await allowed(records);
  if (forgotten) await store.forget();
  return { ...about, records, forgotten };
}
