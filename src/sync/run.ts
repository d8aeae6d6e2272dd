import type { Change, Operation, Outcome } from "../core/change.ts";
import { type Problem, SyncError } from "../core/errors.ts";
import { openState } from "../state/local.ts";
import { newRunId, openHistory } from "./history.ts";
import { heldMatches } from "./moves.ts";
import { WINDOW } from "./plan.ts";
import { type Prepared, stateOptions } from "./prepare.ts";
import { rejectionLog, type SyncRun } from "./report.ts";
import { type SyncOptions, stageAndDiff } from "./stage.ts";

/**
 * One run of one sync: stage, diff, plan, write, commit. What the destination acknowledged is committed however
 * the run ends; a run that is stopped or loses the destination says so in `stopped`.
 */
export async function runSync(prepared: Prepared, options: SyncOptions): Promise<SyncRun> {
  const { sync, compiled, identity, destination } = prepared;
  const started = new Date();
  const run = newRunId(started);
  const counters = { ...destination.counters };
  await using state = await openState(stateOptions(prepared));
  const history = openHistory(prepared.folder, run);
  const rejections = rejectionLog(history.reject);
  const staged = await stageAndDiff(prepared, state, options, rejections.add);
  const refused = rejections.result().total;

  const total = staged.added + staged.changed;
  const counts = { applied: 0, unchanged: staged.rows - total - refused, deferred: 0 };
  let stopped: Problem | undefined = staged.stopped;
  let firstDeferred: Problem | undefined;
  if (stopped === undefined && total > 0) {
    {
      using journal = await state.begin(run);
      let done = 0;
      const holders = heldMatches(prepared);
      const settle = (outcomes: readonly Outcome[]): void => {
        journal.append(outcomes);
        holders.release(outcomes);
        for (const outcome of outcomes) {
          if (outcome.status === "rejected") rejections.add(outcome.change.key, outcome.problem);
          else {
            counts[outcome.status] += 1;
            if (outcome.status === "deferred") firstDeferred ??= outcome.problem;
          }
        }
        done += outcomes.length;
        options.onProgress?.({
          sync: sync.name,
          phase: "write",
          done,
          total,
          rejected: rejections.result().total,
        });
      };
      options.onProgress?.({ sync: sync.name, phase: "write", done, total, rejected: refused });
      const write = async (windows: AsyncIterable<readonly Change[]>): Promise<void> => {
        const outcomes = compiled.write(operations(windows, prepared, options, settle), {
          signal: options.signal,
          onWait: (milliseconds, reason) =>
            options.onProgress?.({
              sync: sync.name,
              phase: "write",
              done,
              total,
              waiting: { milliseconds, reason },
            }),
        });
        for await (const batch of outcomes) settle(batch);
      };
      try {
        await write(holders.watch(state.moves(WINDOW)));
        await write(holders.refuse(state.changes(WINDOW), settle));
      } catch (error) {
        stopped = problemOf(error, options.signal);
      }
      const unanswered = total - done;
      if (unanswered > 0) counts.deferred += unanswered;
      if (options.signal.aborted) stopped = interrupted(unanswered);
      else if (stopped === undefined && unanswered > 0) {
        stopped = {
          kind: "bug",
          code: "destination.outcome_missing",
          message: `${unanswered} of ${total} operations got no outcome.`,
          remedy: "This is a defect of Backhaul: please report it. The next run writes them again.",
        };
      }
    }
    options.onProgress?.({ sync: sync.name, phase: "commit" });
    await state.commit();
  }
  stopped ??= firstDeferred && { ...firstDeferred, kind: "deferred" };

  const after = destination.counters;
  const result: SyncRun = {
    run,
    sync: sync.name,
    model: prepared.model.name,
    destination: sync.destination,
    organization: identity.organization,
    object: compiled.object,
    started: started.toISOString(),
    seconds: Math.round((Date.now() - started.getTime()) / 10) / 100,
    rows: staged.rows,
    ...counts,
    rejections: rejections.result(),
    requests: {
      reads: after.reads - counters.reads,
      writes: after.writes - counters.writes,
      retries: after.retries - counters.retries,
      throttled: after.throttled - counters.throttled,
    },
    ...(state.recovery ? { recovery: state.recovery } : {}),
    warnings: compiled.warnings,
    ...(stopped ? { stopped } : {}),
  };
  history.end(result);
  return result;
}

/** Plans window by window as the writer asks for more; what needs no writing is settled on the way. */
async function* operations(
  windows: AsyncIterable<Parameters<Prepared["compiled"]["plan"]>[0]>,
  { compiled }: Prepared,
  { signal }: SyncOptions,
  settle: (outcomes: readonly Outcome[]) => void,
): AsyncGenerator<readonly Operation[]> {
  for await (const window of windows) {
    if (signal.aborted) return;
    const toWrite: Operation[] = [];
    const settled: Outcome[] = [];
    for (const planned of await compiled.plan(window, { signal })) {
      if (planned.status === "planned") toWrite.push(planned.operation);
      else settled.push(planned);
    }
    if (settled.length > 0) settle(settled);
    if (toWrite.length > 0) yield toWrite;
  }
}

function problemOf(error: unknown, signal: AbortSignal): Problem {
  if (error instanceof SyncError) return error.problems[0]!;
  if (signal.aborted) return interrupted(0);
  throw error;
}

function interrupted(left: number): Problem {
  return {
    kind: "aborted",
    code: "run.interrupted",
    message: `The run was interrupted${left > 0 ? ` with ${left} changes left` : ""}; what was acknowledged is kept.`,
    remedy: "The next run goes on where this one stopped.",
  };
}
