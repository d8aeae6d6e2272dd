import { knownRows } from "../state/reset.ts";
import { openStore } from "./open.ts";
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
  await using store = await openStore(prepared);
  const known = await knownRows(store);
  const records = known ?? 0;
  const forgotten = known !== undefined && (await allowed(records));
  if (forgotten) await store.forget();
  return {
    sync: sync.name,
    object: compiled.object,
    organization: identity.organization,
    records,
    forgotten,
  };
}
