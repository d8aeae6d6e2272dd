import type { Column } from "../../src/core/value.ts";
import type { Warehouse } from "../../src/ports.ts";
import { openLocalStore } from "../../src/state/local-store.ts";
import { openState, type State } from "../../src/state/state.ts";
import { openWarehouseStore } from "../../src/state/warehouse-store.ts";

export const EVERYTHING = { changed: true, removed: true, full: false, retry: false };

const layout = (columns: readonly Column[]) => ({
  shape: { columns, key: [0], match: [0] },
  fields: [],
  matching: "id",
});

/** Local state of a sync whose first column is its primary key and its match. */
export async function localState(folder: string, columns: readonly Column[]): Promise<State> {
  const store = await openLocalStore({ kind: "local", folder, memoryLimit: "256MB" });
  return openState(store, layout(columns), "sync", true);
}

/** The same in the warehouse itself. */
export async function warehouseState(
  { engine }: Warehouse,
  schema: string,
  columns: readonly Column[],
): Promise<State> {
  if (engine === undefined) throw new Error("The warehouse holds no state.");
  const owner = { project: "test", organization: "org", object: "contact", sync: "sync" };
  const store = await openWarehouseStore({ kind: "warehouse", engine, schema, owner, retentionDays: 90 });
  return openState(store, layout(columns), "sync", true);
}
