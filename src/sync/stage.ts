import type { Problem } from "../core/errors.ts";
import type { DiffCounts, State } from "../state/state.ts";
import { type Allowed, guard } from "./guard.ts";
import { keyProblem } from "./keys.ts";
import { modeRules } from "./modes.ts";
import { type Prepared, queryOf } from "./prepare.ts";

/** What a sync tells while it works; `done` and `total` count rows. */
export interface Progress {
  readonly sync: string;
  readonly phase: "stage" | "diff" | "write" | "commit";
  readonly done?: number;
  readonly total?: number;
  readonly rejected?: number;
  /** Set while the service makes us wait. */
  readonly waiting?: { readonly milliseconds: number; readonly reason: string };
}

export interface SyncOptions {
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
  /** Guards that the user lets pass. */
  readonly allow?: Allowed;
  /** Writes every row again. */
  readonly full?: boolean;
  /** Tries rejected rows again at once. */
  readonly retry?: boolean;
}

export interface Staged extends DiffCounts {
  readonly rows: number;
  /** Why nothing may be written. */
  readonly stopped: Problem | undefined;
}

/** Runs the model, refuses unusable keys, diffs against the snapshot and asks the guard: the same for plan and run. */
export async function stageAndDiff(
  prepared: Prepared,
  state: State,
  options: SyncOptions,
  reject: (key: readonly (string | null)[], problem: Problem) => Promise<void>,
): Promise<Staged> {
  const { model, sync, warehouse } = prepared;
  const { full = false, retry = false, allow = new Set() } = options;
  options.onProgress?.({ sync: sync.name, phase: "stage" });
  const rows = await state.stage(warehouse, queryOf(model), {
    timezone: model.timezone,
    signal: options.signal,
    onRows: (done) => options.onProgress?.({ sync: sync.name, phase: "stage", done }),
  });
  options.onProgress?.({ sync: sync.name, phase: "diff", total: rows });
  for (const row of await state.refusals()) await reject(row.key, keyProblem(prepared, row));
  const rules = modeRules(sync);
  const counts = await state.diff({ ...rules, full: full && rules.changed, retry });
  return { rows, ...counts, stopped: await guard(prepared, rows, counts, state.known, allow) };
}

/** Changes that take part in the run. */
export const changesOf = ({ added, changed, removed }: DiffCounts): number => added + changed + removed;
