/**
 * Runs syncs and shows how each ended: the same for `run`, `retry` and `apply`. What does not depend on another runs
 * beside it; what failed keeps from running only what depends on it.
 */
import { type ErrorKind, type Problem, SyncError } from "../core/errors.ts";
import { fieldsAwaiting } from "../sync/awaited.ts";
import { laterParents, waitsFor } from "../sync/order.ts";
import type { Prepared } from "../sync/prepare.ts";
import type { SyncRun } from "../sync/report.ts";
import { runSecondWave } from "../sync/run.ts";
import type { SyncOptions } from "../sync/stage.ts";
import { openProgress } from "./progress.ts";
import { painter, widthOf } from "./render.ts";
import { kindsOf, nextSteps, SECOND_WAVE, showNotRun, showRun, summary } from "./show-sync.ts";

export interface Shown {
  readonly signal: AbortSignal;
  /** Nothing is shown under `--json`. */
  readonly silent: boolean;
  readonly log: (text: string) => void;
}

/** A sync that has no run: it could not be begun, or something it depends on did not end well. */
export interface NotRun {
  readonly sync: string;
  /** The sync that it depends on, where that is why. */
  readonly after?: string;
  /** Why it could not be begun; of a dependant, what stopped the other one. */
  readonly problems: readonly Problem[];
}

export interface RunResults {
  readonly runs: readonly SyncRun[];
  readonly notRun: readonly NotRun[];
}

/** Ends of a run after which what depends on it is not begun. Rows that are rejected or deferred are no such end. */
const STOPS: ReadonlySet<ErrorKind> = new Set(["guard", "connection", "config", "bug", "aborted"]);

/**
 * @param parallel how many run beside each other at most
 * @returns the results in the order of the syncs, and what they mean for the exit code
 * @throws SyncError when not one of them could be begun
 */
export async function runSyncs<T extends { readonly prepared: Prepared }>(
  order: readonly T[],
  { signal, silent, log }: Shown,
  runOne: (item: T, options: SyncOptions) => Promise<SyncRun>,
  parallel = 1,
): Promise<RunResults & { readonly kinds: readonly ErrorKind[] }> {
  const view = { paint: painter(process.stdout), width: widthOf(process.stdout) };
  const runs = new Map<Prepared, SyncRun>();
  const notRun = new Map<Prepared, NotRun>();
  const ended = new Map<Prepared, Promise<void>>();
  const all = order.map(({ prepared }) => prepared);
  const before = waitsFor(all);
  const later = new Map(all.map((prepared, i) => [prepared, laterParents(all, i)]));
  const slots = openSlots(parallel);
  using progress = openProgress(process.stderr, silent);

  const blockerOf = (prepared: Prepared): Prepared | undefined =>
    order
      .map((item) => item.prepared)
      .find((other) => {
        const stopped = runs.get(other)?.stopped;
        // A destination that is out of reach is so for every sync.
        if (stopped?.kind === "connection") return other.sync.destination === prepared.sync.destination;
        if (!before.get(prepared)?.includes(other)) return false;
        return notRun.has(other) || (stopped !== undefined && STOPS.has(stopped.kind));
      });

  const attempt = async (item: T): Promise<void> => {
    const { prepared } = item;
    const { name } = prepared.sync;
    await Promise.all((before.get(prepared) ?? []).map((other) => ended.get(other)));
    using _slot = await slots.take();
    if (signal.aborted) return;
    const blocker = blockerOf(prepared);
    if (blocker !== undefined) {
      const stopped = runs.get(blocker)?.stopped;
      const problems = stopped ? [stopped] : (notRun.get(blocker)?.problems ?? []);
      notRun.set(prepared, { sync: name, after: blocker.sync.name, problems });
    } else {
      try {
        const result = await runOne(item, {
          signal,
          onProgress: progress.update,
          later: later.get(prepared) ?? [],
        });
        runs.set(prepared, result);
        progress.end(name);
        log(`${showRun(result, view)}\n`);
        return;
      } catch (error) {
        if (!(error instanceof SyncError)) throw error;
        notRun.set(prepared, { sync: name, problems: error.problems });
      }
    }
    progress.end(name);
    if (order.length > 1) log(`${showNotRun(notRun.get(prepared)!, view)}\n`);
  };
  for (const item of order) ended.set(item.prepared, attempt(item));
  await allSettled([...ended.values()]);

  // What syncs of a cycle owe each other is written when all of them are done; else the next run does it.
  const waves: SyncRun[] = [];
  for (const [prepared, parents] of later) {
    if (signal.aborted || !runs.get(prepared)?.owing) continue;
    if (parents.some((parent) => runs.get(parent)?.stopped !== undefined || !runs.has(parent))) continue;
    const objects = new Set(parents.map(({ compiled }) => compiled.object));
    const options = { signal, onProgress: progress.update };
    const wave = await runSecondWave(prepared, fieldsAwaiting(prepared, objects), options);
    progress.end(prepared.sync.name);
    log(`${showRun(wave, view, SECOND_WAVE)}\n`);
    waves.push(wave);
  }

  const inOrder = <R>(results: ReadonlyMap<Prepared, R>): R[] =>
    order.flatMap(({ prepared }) => results.get(prepared) ?? []);
  const results = { runs: [...inOrder(runs), ...waves], notRun: inOrder(notRun) };
  const failed = results.notRun
    .filter(({ after }) => after === undefined)
    .flatMap(({ problems }) => problems);
  if (results.runs.length === 0 && failed.length > 0) throw new SyncError(failed);
  if (results.runs.length > 0) log(summary(results.runs, view.width));
  const kinds = [
    ...(signal.aborted ? (["aborted"] as const) : []),
    ...results.runs.flatMap(kindsOf),
    ...failed.map(({ kind }) => kind),
  ];
  for (const line of nextSteps(results, signal.aborted, view)) log(line);
  return { ...results, kinds };
}

/** Waits for all, so that nothing goes on behind an error, and then throws the first one. */
async function allSettled(promises: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(promises))
    if (result.status === "rejected") throw result.reason;
}

/** So many may go on at once; who comes first goes first. */
function openSlots(most: number): { take(): Promise<Disposable> } {
  let free = most;
  const waiting: (() => void)[] = [];
  const slot = {
    [Symbol.dispose]() {
      const next = waiting.shift();
      if (next === undefined) free += 1;
      else next();
    },
  };
  return {
    async take() {
      if (free > 0) free -= 1;
      else await new Promise<void>((done) => waiting.push(done));
      return slot;
    },
  };
}
