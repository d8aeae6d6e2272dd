/** Forgetting a sync's state. */
import { contentsOf, count, recover, shapeOf, tablesOf } from "./settle.ts";
import type { Store } from "./store.ts";
import { current } from "./tables.ts";

/** Rows of the snapshot, once an unfinished run is settled; `undefined` where there is no state. */
export async function knownRows(store: Store): Promise<number | undefined> {
  const found = await store.load();
  if (found === undefined) return undefined;
  const { record } = await recover(store, found);
  const { engine } = store;
  const tables = tablesOf(store, record, record.run);
  const contents = await contentsOf(engine, tables);
  return count(engine, `${current(engine.dialect, shapeOf(record), tables, contents)} s`);
}
