/** Opens a sync's state where the project keeps it. */
import type { Problem } from "../core/errors.ts";
import { openLocalPlanStore, openLocalStore, peekLocalRecord } from "../state/local-store.ts";
import type { SyncRecord } from "../state/record.ts";
import { shareUsers } from "../state/sharing.ts";
import { openState, type State, type Store } from "../state/state.ts";
import { openWarehousePlanStore, openWarehouseStore, peekWarehouseRecord } from "../state/warehouse-store.ts";
import { modeRules } from "./modes.ts";
import type { Prepared } from "./prepare.ts";

/** For a run: no other may use the state until it is disposed. */
export async function openForRun(prepared: Prepared): Promise<State> {
  return openState(
    await openStore(prepared),
    prepared.layout,
    prepared.sync.name,
    modeRules(prepared.sync).changed,
  );
}

/** The place alone, held for this command: whatever shape the snapshot in it has. */
export function openStore({ place }: Prepared): Promise<Store> {
  return place.kind === "local" ? openLocalStore(place) : openWarehouseStore(place);
}

/** What the state knows of the sync, as it lies; changes nothing. */
export function peekRecord({ place }: Prepared): Promise<SyncRecord | undefined> {
  return place.kind === "local" ? peekLocalRecord(place) : peekWarehouseRecord(place);
}

/** The rights that a state in the warehouse needs and its user lacks. Asks the catalog alone; writes nothing. */
export async function missingRights({ place, model }: Prepared): Promise<Problem[]> {
  if (place.kind === "local") return [];
  const { engine, schema } = place;
  const query = engine.dialect.missingRights?.(schema);
  if (query === undefined) return [];
  // A catalog that cannot be asked says nothing of rights; what else ails the warehouse shows in the next question.
  const lacking = await engine.rows(query).catch(() => []);
  return lacking.map(([right]) => ({
    kind: "connection",
    code: "state.missing_right",
    message: `The warehouse ${model.warehouse} lets its user keep no state in the schema ${schema}: it lacks ${right}.`,
    remedy: "Grant it, or write `state: { type: local }`.",
  }));
}

/** For a plan, which leaves the state as it is. @param scratch an empty folder that is the plan's alone */
export async function openForPlan(prepared: Prepared, scratch: string): Promise<State> {
  const { place } = prepared;
  const store =
    place.kind === "local" ? await openLocalPlanStore(place, scratch) : await openWarehousePlanStore(place);
  return openState(store, prepared.layout, prepared.sync.name, modeRules(prepared.sync).changed);
}

/** While it lasts, processes that share the state share the limits of the users whom they send as. */
export async function openSharing(
  { destination, place }: Prepared,
  signal: AbortSignal,
): Promise<AsyncDisposable> {
  const isAlone = place.kind === "local" || place.engine.exclusive === true;
  const users = isAlone ? [] : ((await destination.users?.(signal)) ?? []);
  return place.kind === "local" || users.length === 0
    ? { [Symbol.asyncDispose]: async () => {} }
    : shareUsers(place, users);
}
