/** Rows that want each other's values: which of them have to step aside. Pure. */
import type { Changed } from "../core/change.ts";
import type { CompiledSync } from "../ports.ts";

/**
 * One change of each ring that can leave its values to the others for a while. A ring without one is told in
 * `reasons`, by the seq of its changes.
 *
 * @param holders changes, by seq, that hold what a change wants
 */
export function breakRings(
  late: readonly Changed[],
  holders: (change: Changed) => readonly number[],
  compiled: Pick<CompiledSync, "park">,
  reasons: Map<number, string>,
): Changed[] {
  const open = blocked(late, holders, reasons);
  const state = new Map<number, "on path" | "done">();
  const parked = new Set<Changed>();
  for (const start of open.values()) {
    const path: { readonly change: Changed; readonly next: number[] }[] = [];
    const enter = (change: Changed): void => {
      state.set(change.seq, "on path");
      path.push({ change, next: [...holders(change)] });
    };
    if (!state.has(start.seq)) enter(start);
    while (path.length > 0) {
      const { change, next } = path.at(-1)!;
      const seq = next.pop();
      if (seq === undefined) {
        state.set(change.seq, "done");
        path.pop();
      } else if (state.get(seq) === "on path") {
        const from = path.findIndex((step) => step.change.seq === seq);
        const ring = path.slice(from).map((step) => step.change);
        if (!ring.some((one) => parked.has(one))) {
          const one = chosen(ring, compiled, reasons);
          if (one !== undefined) parked.add(one);
        }
      } else if (!state.has(seq)) {
        const holder = open.get(seq);
        if (holder !== undefined) enter(holder);
      }
    }
  }
  return [...parked];
}

/** The changes that wait for each other alone: what waits for something else would not be helped. */
function blocked(
  late: readonly Changed[],
  holders: (change: Changed) => readonly number[],
  reasons: ReadonlyMap<number, string>,
): Map<number, Changed> {
  const open = new Map(late.filter(({ seq }) => !reasons.has(seq)).map((change) => [change.seq, change]));
  const waiting = new Map<number, Changed[]>();
  for (const change of open.values())
    for (const holder of holders(change)) waiting.set(holder, [...(waiting.get(holder) ?? []), change]);
  const hopeless = [...waiting.keys()].filter((seq) => !open.has(seq));
  for (let seq = hopeless.pop(); seq !== undefined; seq = hopeless.pop()) {
    for (const change of waiting.get(seq) ?? []) if (open.delete(change.seq)) hopeless.push(change.seq);
  }
  return open;
}

/** The change of a ring that can step aside. */
function chosen(
  ring: readonly Changed[],
  { park }: Pick<CompiledSync, "park">,
  reasons: Map<number, string>,
): Changed | undefined {
  let reason = "Rows exchange their values, and of none of them the record's id is known.";
  for (const change of ring) {
    if (change.id === null || change.doubted || change.revived) continue;
    const parked = park?.(change);
    if (parked === undefined) break;
    if (parked.status !== "rejected") return change;
    reason = parked.problem.message;
  }
  for (const { seq } of ring) reasons.set(seq, reason);
  return undefined;
}
