import type { Prepared } from "./prepare.ts";

type Sync = Pick<Prepared, "sync"> & { readonly compiled: Pick<Prepared["compiled"], "object" | "parents"> };

/**
 * The syncs of an order that write an object which the one at an index looks up, but come after it: they look each
 * other up, along some way. What it owes them is written once they are done.
 */
export function laterParents<T extends Sync>(order: readonly T[], index: number): T[] {
  const item = order[index]!;
  return order
    .slice(index + 1)
    .filter(
      ({ sync, compiled }) =>
        sync.destination === item.sync.destination && item.compiled.parents.includes(compiled.object),
    );
}

/** What a plan and a run say of a sync that comes before some of its parents. */
export function cycleInWords({ sync }: Sync, later: readonly Sync[]): string[] {
  if (later.length === 0) return [];
  const names = later.map((other) => other.sync.name).join(", ");
  return [
    `${sync.name} and ${names} look each other up: ${sync.name} is written first, and its references to what ${names} ${later.length === 1 ? "adds" : "add"} in a second wave.`,
  ];
}

/**
 * Syncs in the order of their lookups: a sync that writes an object comes before those that look it up. Syncs
 * that look each other up keep their given order.
 */
export function inOrderOfLookups<T extends Sync>(syncs: readonly T[]): T[] {
  const done = new Set<T>();
  const order: T[] = [];
  const visit = (item: T, path: ReadonlySet<T>): void => {
    if (done.has(item) || path.has(item)) return;
    for (const other of syncs) {
      const writesParent =
        item.compiled.parents.includes(other.compiled.object) &&
        other.sync.destination === item.sync.destination;
      if (other !== item && writesParent) visit(other, new Set([...path, item]));
    }
    if (!done.has(item)) {
      done.add(item);
      order.push(item);
    }
  };
  for (const item of syncs) visit(item, new Set());
  return order;
}

/**
 * For each sync of an order, the earlier ones that it has to wait for: those that write what it looks up, and those
 * of the same object, since each of two might make the same record.
 */
export function waitsFor<T extends Sync>(order: readonly T[]): ReadonlyMap<T, readonly T[]> {
  return new Map(
    order.map((item, i) => [
      item,
      order
        .slice(0, i)
        .filter(
          (other) =>
            other.sync.destination === item.sync.destination &&
            (other.compiled.object === item.compiled.object ||
              item.compiled.parents.includes(other.compiled.object)),
        ),
    ]),
  );
}
