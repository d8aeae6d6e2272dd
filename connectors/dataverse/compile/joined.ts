/** Changes that are written to several records: each record has a reply, the change has one outcome. Pure. */
import { allOf, type Change, type Operation, type Outcome } from "../../../src/sdk.ts";

export interface Joined {
  /** The operations of a change one by one; its outcome waits for all of them. */
  split(operations: readonly Operation[]): readonly Operation[];
  /** The outcomes of changes of which nothing is open any more. */
  join(outcomes: readonly Outcome[]): readonly Outcome[];
}

const RANK: Readonly<Record<Outcome["status"], number>> = {
  unchanged: 0,
  applied: 1,
  deferred: 2,
  rejected: 3,
};

export function joined(): Joined {
  const open = new Map<Change, { left: number; worst?: Outcome }>();
  return {
    split(operations) {
      if (operations.every(({ also }) => also === undefined)) return operations;
      return operations.flatMap((operation) => {
        const all = allOf(operation);
        if (all.length > 1) open.set(operation.change, { left: all.length });
        return all;
      });
    },
    join(outcomes) {
      if (open.size === 0) return outcomes;
      return outcomes.flatMap((outcome) => {
        const entry = open.get(outcome.change);
        if (entry === undefined) return [outcome];
        entry.left--;
        entry.worst = worse(entry.worst, outcome);
        if (entry.left > 0) return [];
        open.delete(outcome.change);
        return [entry.worst];
      });
    },
  };
}

/** The worse of two outcomes; what is owed by one is owed by both, and no id stands for several records. */
function worse(a: Outcome | undefined, b: Outcome): Outcome {
  const worst = a === undefined || RANK[b.status] > RANK[a.status] ? b : a;
  if ("problem" in worst) return worst;
  const owed = [...new Set([a, b].flatMap((one) => (one && "owed" in one ? (one.owed ?? []) : [])))];
  const later = [a, b].some((one) => one && "later" in one && one.later);
  const { status, change } = worst;
  return { status, change, ...(owed.length > 0 ? { owed } : {}), ...(later ? { later: true } : {}) };
}
