/** Opens a sync's state where the project keeps it. */
import { openLocalPlanStore, openLocalStore } from "../state/local-store.ts";
import { openState, type State } from "../state/state.ts";
import { openWarehousePlanStore, openWarehouseStore } from "../state/warehouse-store.ts";
import { modeRules } from "./modes.ts";
import type { Prepared } from "./prepare.ts";

/** For a run: no other may use the state until it is disposed. */
export async function openForRun(prepared: Prepared): Promise<State> {
  const { place } = prepared;
  const store = place.kind === "local" ? await openLocalStore(place) : await openWarehouseStore(place);
  return openState(store, prepared.layout, prepared.sync.name, modeRules(prepared.sync).changed);
}

/** For a plan, which leaves the state as it is. @param scratch an empty folder that is the plan's alone */
export async function openForPlan(prepared: Prepared, scratch: string): Promise<State> {
  const { place } = prepared;
  const store =
    place.kind === "local" ? await openLocalPlanStore(place, scratch) : await openWarehousePlanStore(place);
  return openState(store, prepared.layout, prepared.sync.name, modeRules(prepared.sync).changed);
}
