/**
 * What a run writes later than what points at it: rows of the same sync, and of syncs that come after it because
 * they look each other up. What is owed to them is written in a second wave (DESIGN 4.1).
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { WhichComes } from "../ports.ts";
import type { State } from "../state/state.ts";
import { openForPlan } from "./open.ts";
import type { Prepared } from "./prepare.ts";
import { type SyncOptions, stageAndDiff } from "./stage.ts";

/** The column that a field of the sync's object is written from. */
function columnOf({ sync, shape }: Prepared, field: string): number | undefined {
  const match = sync.match.find((part) => part.field === field)?.column;
  const source = sync.fields.find((part) => part.field === field)?.source;
  const name = match ?? (source !== undefined && "column" in source ? source.column : undefined);
  const index = shape.columns.findIndex((column) => column.name === name);
  return index < 0 ? undefined : index;
}

/** The columns that fields of the sync's object are written from; undefined where one of them is not. */
export function columnsOf(prepared: Prepared, fields: readonly string[]): number[] | undefined {
  const columns = fields.map((field) => columnOf(prepared, field));
  return columns.every((column) => column !== undefined) ? columns : undefined;
}

/** Asks the changes of a sync that is under way. @param rejected changes (by seq) that will not be written */
export function ownRows(prepared: Prepared, state: State, rejected: ReadonlySet<number>): WhichComes {
  return async (object, fields, values) => {
    const columns = columnsOf(prepared, fields);
    if (prepared.compiled.object !== object || !makesRecords(prepared) || columns === undefined) return [];
    return state.intendedValues(columns, values, rejected);
  };
}

const makesRecords = ({ sync }: Prepared): boolean => sync.mode !== "update";

/** Asks several. */
export function anyOf(asks: readonly WhichComes[]): WhichComes {
  return async (object, fields, values) => {
    const found: (readonly string[])[] = [];
    for (const ask of asks) found.push(...(await ask(object, fields, values)));
    return found;
  };
}

export interface Lookahead extends AsyncDisposable {
  readonly ask: WhichComes;
}

/** Asks syncs that have not begun: the model of one is run ahead of its turn, when something points at its rows. */
export function openLookahead(later: readonly Prepared[], options: SyncOptions): Lookahead {
  const open = new Map<Prepared, Promise<State | undefined>>();
  const scratch: string[] = [];
  const stateOf = async (prepared: Prepared): Promise<State | undefined> => {
    const folder = mkdtempSync(join(tmpdir(), "backhaul-ahead-"));
    scratch.push(folder);
    const state = await openForPlan(prepared, folder);
    const { signal, allow, full, retry } = options;
    const wanted = {
      signal,
      ...(allow ? { allow } : {}),
      ...(full ? { full } : {}),
      ...(retry ? { retry } : {}),
    };
    const { stopped } = await stageAndDiff(prepared, state, wanted, async () => {});
    await state.release();
    if (stopped === undefined) return state;
    await state[Symbol.asyncDispose]();
    return undefined;
  };
  return {
    async ask(object, fields, values) {
      const found: (readonly string[])[] = [];
      for (const prepared of later) {
        if (prepared.compiled.object !== object || columnsOf(prepared, fields) === undefined) continue;
        if (!open.has(prepared)) open.set(prepared, stateOf(prepared));
        const state = await open.get(prepared);
        if (state === undefined) continue;
        found.push(...(await ownRows(prepared, state, new Set())(object, fields, values)));
      }
      return found;
    },
    async [Symbol.asyncDispose]() {
      for (const state of open.values()) await (await state)?.[Symbol.asyncDispose]();
      for (const folder of scratch) rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The fields that have to wait for one of the objects. */
export function fieldsAwaiting({ compiled }: Prepared, objects: ReadonlySet<string>): string[] {
  return compiled.fields
    .filter(({ awaits = [] }) => awaits.some((object) => objects.has(object)))
    .map(({ field }) => field);
}
