/** What the members of an audience do together: looked at before the first write, and after the last one. */
import type { Change, Planned } from "../core/change.ts";
import type { Foreseen, Membership, PlanContext, WriteContext } from "../ports.ts";
import type { State } from "../state/state.ts";
import { emptiedProblem, straysProblem } from "./guard.ts";
import { type Changes, WINDOW } from "./moves.ts";
import { movedProblem } from "./plan-check.ts";
import { type Prepared, toldKey } from "./prepare.ts";
import type { Staged, SyncOptions } from "./stage.ts";

/** What a sync's changes come to, and with it why nothing may be written. */
export interface Ahead {
  readonly foreseen: Foreseen | undefined;
  readonly stopped: Staged["stopped"];
}

/** Where changes come from, and what is planned for them. */
interface Looking {
  changes(state: State): Changes;
  plan(changes: readonly Change[], context: PlanContext): Promise<readonly Planned[]>;
}

/** Looks at all that is planned where the audience asks for it; a run of chosen rows concerns nobody else. */
export async function lookAhead(
  prepared: Prepared,
  state: State,
  staged: Staged,
  source: Looking,
  context: PlanContext,
  { allow = new Set(), only }: SyncOptions,
): Promise<Ahead> {
  const { audience } = prepared.compiled;
  const nothing = { foreseen: undefined, stopped: staged.stopped };
  if (audience === undefined || staged.stopped !== undefined || only !== undefined) return nothing;
  const { plan } = source;
  async function* planned(): AsyncGenerator<readonly Planned[]> {
    const changes = source.changes(state);
    for (const windows of [changes.removals(WINDOW), changes.moves(WINDOW), changes.changes(WINDOW)])
      for await (const window of windows) {
        context.signal.throwIfAborted();
        yield plan(window, context);
      }
  }
  const leaves = prepared.sync.mode === "remove";
  const foreseen = await audience.foresee(
    {
      entering: leaves ? 0 : staged.added,
      leaving: leaves ? staged.added : staged.removed,
      planned,
      known: () => state.records(),
    },
    context,
  );
  if (foreseen === undefined) return nothing;
  if (staged.strays !== undefined)
    return { foreseen, stopped: straysMoved(prepared, staged.strays, foreseen) };
  const stopped = allow.has("removed")
    ? undefined
    : (emptiedProblem(prepared, foreseen) ?? straysProblem(prepared, foreseen));
  return { foreseen, stopped };
}

/** A saved plan takes off just those whom it names; the guard was asked when it was made. */
function straysMoved({ sync }: Prepared, planned: readonly string[], { strays }: Foreseen): Ahead["stopped"] {
  const names = new Set(planned);
  const isSame = strays.length === planned.length && strays.every((record) => names.has(record));
  return isSame ? undefined : movedProblem(sync.name, "the members of the list that the model does not name");
}

/** After the commit. */
export async function endAudience(
  prepared: Prepared,
  state: State,
  context: WriteContext,
): Promise<readonly Membership[] | undefined> {
  const ended = await prepared.compiled.audience?.finish(() => state.records(), context);
  if (ended === undefined || ended.length === 0) return undefined;
  return ended.map(({ listed, ...membership }) => ({
    ...membership,
    listed: listed.map(({ key, ...one }) => (key ? { ...one, key: toldKey(prepared, key) } : one)),
  }));
}
