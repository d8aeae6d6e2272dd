import type { Problem } from "../core/errors.ts";
import type { LocalState } from "../state/local.ts";
import { keyProblem } from "./keys.ts";
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
}

export interface Staged {
  readonly rows: number;
  readonly added: number;
  readonly changed: number;
  /** Why nothing may be written. */
  readonly stopped: Problem | undefined;
}

/** Runs the model, refuses unusable keys, diffs against the snapshot and asks the guard: the same for plan and run. */
export async function stageAndDiff(
  prepared: Prepared,
  state: LocalState,
  options: SyncOptions,
  reject: (key: readonly (string | null)[], problem: Problem) => void,
): Promise<Staged> {
  const { model, sync, warehouse } = prepared;
  options.onProgress?.({ sync: sync.name, phase: "stage" });
  const rows = await state.stage(warehouse, queryOf(model), {
    timezone: model.timezone,
    signal: options.signal,
    onRows: (done) => options.onProgress?.({ sync: sync.name, phase: "stage", done }),
  });
  options.onProgress?.({ sync: sync.name, phase: "diff", total: rows });
  for (const row of await state.refusals()) reject(row.key, keyProblem(prepared, row));
  const { added, changed } = await state.diff();
  return { rows, added, changed, stopped: guard(prepared, rows, state.known) };
}

/** The guard of DESIGN section 3: an empty model over a snapshot that is not empty always stops. */
function guard({ model, sync }: Prepared, rows: number, known: number): Problem | undefined {
  if (rows > 0 || known === 0) return undefined;
  return {
    kind: "guard",
    code: "guard.empty_model",
    message: `The model ${model.name} returned no row, while ${sync.name} knows ${known}; nothing was written.`,
    remedy: `Look at ${model.queryFile}: an empty result is nearly always a mistake upstream.`,
  };
}
