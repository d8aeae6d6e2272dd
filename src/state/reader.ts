/** Changes of rows as the diff's queries select them. */
import type { Added, Changed, Removed } from "../core/change.ts";
import type { Value } from "../core/value.ts";
import type { Layout } from "./record.ts";

export type Row = readonly Value[];

/** Makes a change of a row as `readAdded` selects it. */
export function addedReader({ shape }: Layout): (row: Row) => Added {
  return (row) => {
    const after = row.slice(2);
    const key = shape.key.map((i) => after[i] ?? null);
    return { kind: "added", seq: Number(row[0]), key, id: row[1] ?? null, after };
  };
}

/** Makes a change of a row as `readRemoved` selects it. */
export function removedReader({ shape }: Layout): (row: Row) => Removed {
  return (row) => {
    const before = row.slice(3);
    const key = shape.key.map((i) => before[i] ?? null);
    return { kind: "removed", seq: Number(row[0]), key, id: row[1] ?? null, before, unsure: row[2] !== null };
  };
}

/** Makes a change of a row as `readChanged` selects it. */
export function changedReader({ shape, fields }: Layout): (row: Row) => Changed {
  const width = shape.columns.length;
  const index = new Map(shape.columns.map((column, i) => [column.name, i]));
  const known = new Set(fields.map(({ field }) => field));

  /** `f:FIELD` is owed by name; `c:COLUMN` is in doubt, and with it every field that depends on the column. */
  const pendingFields = (owed: readonly string[]): string[] => {
    const pending = new Set<string>();
    for (const item of owed) {
      const name = item.slice(2);
      if (item.startsWith("f:")) {
        if (known.has(name)) pending.add(name);
        continue;
      }
      const column = index.get(name);
      if (column === undefined) continue;
      for (const { field, columns } of fields) if (columns.includes(column)) pending.add(field);
    }
    return [...pending];
  };

  const isRematched = (owed: readonly string[]): boolean =>
    owed.some((line) => line.startsWith("c:") && shape.match.includes(index.get(line.slice(2)) ?? -1));

  return (row) => {
    const after = row.slice(4, 4 + width);
    return {
      kind: "changed",
      seq: Number(row[0]),
      key: shape.key.map((i) => after[i] ?? null),
      id: row[1] ?? null,
      after,
      before: row.slice(4 + width),
      columns: lines(row[2]).map((line) => index.get(line.slice(2))!),
      pending: pendingFields(lines(row[3])),
      revived: row[3]?.startsWith("x:") === true,
      doubted: row[3]?.startsWith("d:") === true,
      ...(isRematched(lines(row[3])) ? { rematch: true } : {}),
    };
  };
}

const lines = (text: Value | undefined): readonly string[] => (text ? text.split("\n").slice(0, -1) : []);
