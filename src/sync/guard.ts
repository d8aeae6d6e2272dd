/** The guard of DESIGN section 3: what stops a run before it writes. */
import type { Problem } from "../core/errors.ts";
import type { Limit } from "../core/spec.ts";
import type { Foreseen } from "../ports.ts";
import type { DiffCounts } from "../state/state.ts";
import type { Prepared } from "./prepare.ts";

/** What the user lets through by name: `--allow removed`. */
export type Allow = "removed" | "changed";
export type Allowed = ReadonlySet<Allow>;

/**
 * @param rows of the model's result
 * @param known counts the snapshot's rows; asked only when the answer matters
 */
export async function guard(
  { model, sync }: Prepared,
  rows: number,
  { changed, removed }: DiffCounts,
  known: () => Promise<number>,
  allowed: Allowed,
): Promise<Problem | undefined> {
  if (rows === 0) {
    const before = await known();
    if (before === 0) return undefined;
    return {
      kind: "guard",
      code: "guard.empty_model",
      message: `The model ${model.name} returned no row, while ${sync.name} knows ${before}; nothing was written.`,
      remedy: `Look at ${model.queryFile}: an empty result is nearly always a mistake upstream.`,
    };
  }
  const counts = { removed, changed };
  for (const what of ["removed", "changed"] as const) {
    const limit: Limit | undefined = sync.guard[what];
    const count = counts[what];
    if (limit === undefined || allowed.has(what) || count <= limit.rows) continue;
    const before = await known();
    if (count <= before * limit.share) continue;
    const share = (count / Math.max(1, before)) * 100;
    return {
      kind: "guard",
      code: `guard.${what}`,
      message: `${count} of ${before} rows that ${sync.name} knows would be ${what} (${share.toFixed(1)} %), more than its guard allows (${limit.share * 100} % and ${limit.rows} rows); nothing was written.`,
      remedy: `Look at the plan; if it is right, run again with --allow ${what}.`,
    };
  }
  return undefined;
}

/** A list that would lose all its members and get none. */
export function emptiedProblem(
  { compiled }: Prepared,
  { members, enter, leave }: Foreseen,
): Problem | undefined {
  if (members === 0 || enter > 0 || leave < members) return undefined;
  return {
    kind: "guard",
    code: "guard.emptied",
    message: `All ${members} members would leave ${compiled.audience?.title}, and none would enter; nothing was written.`,
    remedy: "Look at the plan; if it is right, run again with --allow removed.",
  };
}

/** Members that no row speaks of leave with those whose rows have gone. */
export function straysProblem(
  { sync, compiled }: Prepared,
  { members, leave, strays }: Foreseen,
): Problem | undefined {
  const { share, rows } = sync.guard.removed;
  if (strays.length === 0 || leave <= rows || leave <= members * share) return undefined;
  const percent = ((leave / Math.max(1, members)) * 100).toFixed(1);
  return {
    kind: "guard",
    code: "guard.removed",
    message: `${leave} of the ${members} members would leave ${compiled.audience?.title} (${percent} %), ${strays.length} of them unknown to the model, more than the guard allows (${share * 100} % and ${rows} rows); nothing was written.`,
    remedy: "Look at the plan; if it is right, run again with --allow removed.",
  };
}
