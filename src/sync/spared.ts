import type { DiffCounts } from "../state/state.ts";

/** What a plan and a run say of removals that are not made because of other syncs. */
export function sparedInWords({ released, busy }: DiffCounts["spared"]): string[] {
  const kept = Object.entries(released).map(
    ([sync, rows]) =>
      `${rows === 1 ? "1 record is" : `${rows} records are`} kept although the model has lost ${rows === 1 ? "its row" : "their rows"}: the sync ${sync} holds ${rows === 1 ? "it" : "them"} too.`,
  );
  const waiting = busy.map(
    (sync) => `No record is removed in this run: the sync ${sync} is at work, and may hold it too.`,
  );
  return [...kept, ...waiting];
}
