import type { Added, Change, Outcome } from "../core/change.ts";
import type { Problem } from "../core/errors.ts";
import type { Value } from "../core/value.ts";
import type { Prepared } from "./prepare.ts";

/**
 * Match values that records still hold because they could not be given their new ones. A row that wants such a
 * value is refused: an upsert by it would overwrite the record of another row.
 */
export interface HeldMatches {
  /** Passes changes of match values on, and holds their old values until they are released. */
  watch(windows: AsyncIterable<readonly Change[]>): AsyncGenerator<readonly Change[]>;
  release(outcomes: readonly Outcome[]): void;
  /** Passes changes on, short of those whose match value is still held. */
  refuse(
    windows: AsyncIterable<readonly Change[]>,
    settle: (outcomes: readonly Outcome[]) => Promise<void>,
  ): AsyncGenerator<readonly Change[]>;
}

export function heldMatches({ shape, sync }: Prepared): HeldMatches {
  const held = new Map<number, string>();
  const folded = (row: readonly Value[]): string =>
    JSON.stringify(shape.match.map((i) => row[i]?.replace(/ +$/, "").toLowerCase() ?? null));
  const problem = (change: Added): Problem => ({
    kind: "rejected",
    code: "match.taken",
    message: `The match value ${shape.match.map((i) => `"${change.after[i]}"`).join(", ")} still belongs to the ${sync.object} of another row, which could not be given its new one.`,
    remedy: "Mend that row first; this one gets in by itself in the next run.",
  });
  return {
    async *watch(windows) {
      for await (const window of windows) {
        for (const change of window)
          if (change.kind === "changed") held.set(change.seq, folded(change.before));
        yield window;
      }
    },
    release(outcomes) {
      for (const { status, change } of outcomes) {
        if (status === "applied" || status === "unchanged") held.delete(change.seq);
      }
    },
    async *refuse(windows, settle) {
      const values = new Set(held.values());
      for await (const window of windows) {
        if (values.size === 0) yield window;
        else {
          const taken = window.filter(
            (change): change is Added => change.kind === "added" && values.has(folded(change.after)),
          );
          if (taken.length > 0)
            await settle(taken.map((change) => ({ status: "rejected", change, problem: problem(change) })));
          yield window.filter((change) => !taken.includes(change as Added));
        }
      }
    },
  };
}
