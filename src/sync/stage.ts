import { fail, type Problem, type SyncError } from "../core/errors.ts";
import type { Value } from "../core/value.ts";
import type { DiffCounts, State } from "../state/state.ts";
import { step } from "../telemetry/span.ts";
import { type Allowed, guard } from "./guard.ts";
import { keyProblem } from "./keys.ts";
import { modeRules } from "./modes.ts";
import { type Prepared, queryOf, toldKey } from "./prepare.ts";

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
  /** Syncs of the same command that write parents of this one's rows, and come after it. */
  readonly later?: readonly Prepared[];
  /** Writes the rows with these primary keys, as canonical text, again, whole, and no others. */
  readonly only?: readonly (readonly Value[])[];
}

export interface Staged extends DiffCounts {
  readonly rows: number;
  /** Why nothing may be written. */
  readonly stopped: Problem | undefined;
  /** In a saved plan: members whom no row speaks of and who leave, by the addresses of their records. */
  readonly strays?: readonly string[];
}

/** Runs the model, refuses unusable keys, diffs against the snapshot and asks the guard: the same for plan and run. */
export async function stageAndDiff(
  prepared: Prepared,
  state: State,
  options: SyncOptions,
  reject: (key: readonly Value[], problem: Problem) => Promise<void>,
): Promise<Staged> {
  const { model, sync, warehouse } = prepared;
  const { full = false, retry = false, allow = new Set(), only } = options;
  options.onProgress?.({ sync: sync.name, phase: "stage" });
  const rows = await step("stage", { "backhaul.sync": sync.name }, async (set) => {
    const staged = await state.stage(warehouse, queryOf(model), {
      timezone: model.timezone,
      signal: options.signal,
      onRows: (done) => options.onProgress?.({ sync: sync.name, phase: "stage", done }),
    });
    set({ "backhaul.rows": staged });
    return staged;
  });
  options.onProgress?.({ sync: sync.name, phase: "diff", total: rows });
  const isChosen = (key: readonly Value[]): boolean =>
    only === undefined || only.some((wanted) => wanted.every((part, n) => part === key[n]));
  let hasRefused = false;
  for (const row of await state.refusals()) {
    if (!isChosen(row.key)) continue;
    hasRefused = true;
    await reject(toldKey(prepared, row.key), keyProblem(prepared, row));
  }
  const rules = modeRules(sync);
  const counts = await step("diff", { "backhaul.sync": sync.name }, async (set) => {
    const found = await state.diff({
      ...rules,
      full: (full || only !== undefined) && rules.changed,
      retry,
      ...(only ? { only } : {}),
    });
    set({
      "backhaul.added": found.added,
      "backhaul.changed": found.changed,
      "backhaul.removed": found.removed,
    });
    return found;
  });
  if (only !== undefined && changesOf(counts) === 0 && !hasRefused) throw unknownKey(prepared);
  return { rows, ...counts, stopped: await guard(prepared, rows, counts, state.known, allow) };
}

/** Whether what is known is read again, and not written unseen; single rows that are named are written whole. */
export const isReread = ({ full = false, only }: SyncOptions): boolean => full && only === undefined;

/** Changes that take part in the run. */
export const changesOf = ({ added, changed, removed }: DiffCounts): number => added + changed + removed;

const unknownKey = ({ model, sync }: Prepared): SyncError =>
  fail.config(
    "retry.unknown_key",
    `Neither the model ${model.name} nor the state of ${sync.name} has a row with that key.`,
    `Spell the key as the query gives it (${model.primaryKey.join(", ")}); one of several columns as a JSON list.`,
  );
