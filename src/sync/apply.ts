/** Applies a saved plan: just that, without asking the model again; or refuses by naming what has moved. */
import type { Change, Planned } from "../core/change.ts";
import { SyncError } from "../core/errors.ts";
import { LOADED_AT_ONCE } from "../state/load.ts";
import { basisOf } from "../state/record.ts";
import { modeRules } from "./modes.ts";
import { peekRecord } from "./open.ts";
import { movedSince, stateMoved, syncHead } from "./plan-check.ts";
import type { SavedSync } from "./plan-file.ts";
import type { Prepared } from "./prepare.ts";
import type { SyncRun } from "./report.ts";
import { inTwoWaves } from "./run.ts";
import type { SyncOptions } from "./stage.ts";
import type { Source } from "./wave.ts";

/** Looks at everything that a plan rests on before anything of it is written. Throws `plan.moved`. */
export async function checkPlan(
  saved: readonly { readonly plan: SavedSync; readonly prepared: Prepared }[],
): Promise<void> {
  const problems = [];
  for (const { plan, prepared } of saved) {
    const record = await peekRecord(prepared);
    const basis = { run: (record?.run ?? 0) + 1, state: basisOf(record) };
    problems.push(...movedSince(plan.head, syncHead(prepared, basis, plan.head.staged)));
  }
  if (problems.length > 0) throw new SyncError(problems);
}

/** A run whose changes are those of the plan. */
export function applySync(prepared: Prepared, plan: SavedSync, options: SyncOptions): Promise<SyncRun> {
  /** What was planned for each change that is under way. */
  const planned = new WeakMap<Change, Planned>();

  async function* changes(section: "removals" | "moves" | "rest", size: number) {
    for await (const batch of plan.planned(section, size)) {
      yield batch.map((item) => {
        const change = changeOf(item);
        planned.set(change, item);
        return change;
      });
    }
  }
  async function* all(): AsyncGenerator<readonly Change[]> {
    for (const section of ["removals", "moves", "rest"] as const) yield* changes(section, LOADED_AT_ONCE);
  }

  const source: Source = {
    async stage(state, { onProgress }, reject) {
      const { staged } = plan.head;
      const moved = stateMoved(plan.head, { run: state.record.run, state: state.basis });
      if (moved.length > 0) throw new SyncError(moved);
      onProgress?.({ sync: prepared.sync.name, phase: "stage" });
      for await (const batch of plan.refused())
        for (const { key, problem } of batch) await reject(key, problem);
      if (staged.stopped === undefined) await state.load(all(), modeRules(prepared.sync));
      return staged;
    },
    changes: () => ({
      removals: (size) => changes("removals", size) as never,
      moves: (size) => changes("moves", size) as never,
      changes: (size) => changes("rest", size) as never,
      // Rows that wait have kept others out of the plan already.
      held: async function* () {},
    }),
    plan: async (window) => window.map((change) => planned.get(change)!),
  };
  return inTwoWaves(prepared, options, source);
}

const changeOf = (item: Planned): Change => (item.status === "planned" ? item.operation.change : item.change);
