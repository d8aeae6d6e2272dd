import { Refusal } from "./errors.ts";
import { type Row, valueIn } from "./row.ts";
import type { Dependent, Table } from "./schema.ts";
import type { World } from "./world.ts";

/** Page: compose-http-requests lists 405 for this; the text is the code's own. */
const blocked = () =>
  new Refusal(
    405,
    "0x80040227",
    "The object you tried to delete is associated with another object and cannot be deleted.",
  );

/** Rows of `dependent` that point at a row of `target`. */
export function referring(world: World, target: Table, id: string, dependent: Dependent): Row[] {
  const table = world.schema.tables.get(dependent.table) as Table;
  const points = (row: Row): boolean => {
    const value = valueIn(row, dependent.column);
    if (value === null || value === undefined) return false;
    return typeof value === "object"
      ? value.id === id && value.table === target.logicalName
      : String(value) === id;
  };
  if (!dependent.indexed) return [...world.store.rows(table).values()].filter(points);
  return [...world.store.referrers(table, dependent.column, id)]
    .map((other) => world.store.get(table, other))
    .filter((row) => row !== undefined && points(row)) as Row[];
}

/**
 * Deletes a row and what goes with it (page: configure-entity-relationship-cascading-behavior): rows of restricting
 * relationships block it, rows of cascading ones follow. Lookups of all others read as null from then on.
 */
export function deleteRow(world: World, table: Table, row: Row): void {
  const dependents = world.schema.dependents.get(table.logicalName) ?? [];
  const strong = dependents.filter(({ rule }) => rule === "Cascade" || rule === "Restrict");
  const hooks = world.hooks.get(table.logicalName);
  if (strong.length === 0 && !hooks?.deleting) {
    world.store.remove(table, row);
    return;
  }
  world.store.transaction(() => {
    hooks?.deleting?.(world, row);
    for (const dependent of strong) {
      if (dependent.rule !== "Restrict") continue;
      if (referring(world, table, row.id, dependent).length > 0) throw blocked();
    }
    // Gone before its followers, so that a circle of cascades ends.
    world.store.remove(table, row);
    for (const dependent of strong) {
      if (dependent.rule !== "Cascade") continue;
      const other = world.schema.tables.get(dependent.table) as Table;
      for (const follower of referring(world, table, row.id, dependent)) {
        const present = world.store.get(other, follower.id);
        if (present) deleteRow(world, other, present);
      }
    }
  });
}
