/**
 * The second wave of a run: fields that rows owe to rows which the same run has written since, and fields that a new
 * record cannot be given. It starts from what is pending in the state, so that a kill before it is nothing special:
 * the next run finds the same.
 */
import { type Problem, SyncError } from "../core/errors.ts";
import { NOTHING_SPARED } from "../state/elsewhere.ts";
import { fieldsAwaiting } from "./awaited.ts";
import type { Prepared } from "./prepare.ts";
import { inOrder, LISTED, type Rejections, type SyncRun } from "./report.ts";
import { together as bothSendings } from "./sending.ts";
import { type SyncOptions, stageAndDiff } from "./stage.ts";
import { type Source, type Wave, writeWave } from "./wave.ts";

/** One run of one sync: stage, diff, plan, write, commit; then what it owes to its own rows. */
export function runSync(prepared: Prepared, options: SyncOptions): Promise<SyncRun> {
  return inTwoWaves(prepared, options, {
    stage: (state, wanted, reject) => stageAndDiff(prepared, state, wanted, reject),
    changes: (state) => state,
    plan: prepared.compiled.plan,
  });
}

/** Writes the changes of a source, then what they owe to each other; one result for both. */
export async function inTwoWaves(prepared: Prepared, options: SyncOptions, source: Source): Promise<SyncRun> {
  const { result, ended, again } = await writeWave(prepared, options, source, "first");
  if (again.applied + again.unchanged === 0 || !ended) return result;
  const fields = fieldsAwaiting(prepared, new Set([prepared.compiled.object]));
  try {
    return together(result, await runSecondWave(prepared, fields, options), again);
  } catch (error) {
    // Another run has begun in between: it finds what is owed.
    if (!(error instanceof SyncError)) throw error;
    return { ...result, stopped: result.stopped ?? (error.problems[0] as Problem) };
  }
}

/** Writes the fields that rows owe to what has been written since. */
export async function runSecondWave(
  prepared: Prepared,
  fields: readonly string[],
  options: SyncOptions,
): Promise<SyncRun> {
  const source: Source = {
    async stage(state) {
      const changed = await state.secondWave(fields);
      return {
        rows: changed,
        added: 0,
        changed,
        removed: 0,
        waiting: 0,
        waitingRemoved: 0,
        spared: NOTHING_SPARED,
        stopped: undefined,
      };
    },
    changes: (state) => state,
    plan: prepared.compiled.plan,
  };
  const { result } = await writeWave(prepared, { ...options, ...ONLY_PENDING }, source, "second");
  return result;
}

const ONLY_PENDING = { full: false, retry: false };

/** Two waves as one run: a row counts once, by what became of it last. @param again rows of both, in the first */
function together(first: SyncRun, second: SyncRun, again: Wave["again"]): SyncRun {
  // What had nothing to be written now was applied before, if anything was.
  const kept = Math.min(second.unchanged, again.applied);
  const { stopped: later, recovery: _, ...rest } = second;
  const stopped = first.stopped ?? later;
  const { owing: before = 0 } = first;
  const owing = Math.max(before, rest.owing ?? 0);
  const add = (name: keyof SyncRun["requests"]): number => first.requests[name] + second.requests[name];
  return {
    ...first,
    seconds: Math.round((first.seconds + second.seconds) * 100) / 100,
    applied: first.applied - again.applied + second.applied + kept,
    unchanged: first.unchanged - again.unchanged + second.unchanged - kept,
    deferred: first.deferred + second.deferred,
    rejections: bothOf(first.rejections, second.rejections),
    requests: {
      reads: add("reads"),
      writes: add("writes"),
      retries: add("retries"),
      throttled: add("throttled"),
    },
    sending: bothSendings(first.sending, second.sending),
    ...(owing > 0 ? { owing } : {}),
    ...(stopped ? { stopped } : {}),
  };
}

function bothOf(a: Rejections, b: Rejections): Rejections {
  const byCode: Record<string, number> = { ...a.byCode };
  for (const [code, count] of Object.entries(b.byCode)) byCode[code] = (byCode[code] ?? 0) + count;
  return {
    total: a.total + b.total,
    byCode,
    listed: [...a.listed, ...b.listed].sort(inOrder).slice(0, LISTED),
  };
}
