/** Runs syncs one after another and shows how each ended: the same for `run`, `retry` and `apply`. */
import type { ErrorKind } from "../core/errors.ts";
import type { Prepared } from "../sync/prepare.ts";
import type { SyncRun } from "../sync/report.ts";
import type { SyncOptions } from "../sync/stage.ts";
import { openProgress } from "./progress.ts";
import { painter } from "./render.ts";
import { kindsOf, showRun, summary } from "./show-sync.ts";

export interface Shown {
  readonly signal: AbortSignal;
  /** Nothing is shown under `--json`. */
  readonly silent: boolean;
  readonly log: (text: string) => void;
}

/** @returns the results, and what they mean for the exit code */
export async function runSyncs<T extends { readonly prepared: Prepared }>(
  order: readonly T[],
  { signal, silent, log }: Shown,
  runOne: (item: T, options: SyncOptions) => Promise<SyncRun>,
): Promise<{ runs: readonly SyncRun[]; kinds: readonly ErrorKind[] }> {
  const paint = painter(process.stdout);
  const runs: SyncRun[] = [];
  for (const item of order) {
    if (signal.aborted) break;
    using progress = openProgress(process.stderr, silent);
    const result = await runOne(item, { signal, onProgress: progress.update });
    progress[Symbol.dispose]();
    runs.push(result);
    log(`${showRun(result, paint)}\n`);
    if (result.stopped?.kind === "connection") break;
  }
  log(summary(runs));
  return { runs, kinds: [...(signal.aborted ? (["aborted"] as const) : []), ...runs.flatMap(kindsOf)] };
}
