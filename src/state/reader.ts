import type { Added, Changed } from "../core/change.ts";
import type { Value } from "../core/value.ts";
import type { StateOptions } from "./settle.ts";

/** Makes a change of a row as `readAdded` selects it. */
export function addedReader({ shape }: StateOptions): (row: readonly Value[]) => Added {
  return (row) => {
    const after = row.slice(2);
    const key = shape.key.map((i) => after[i] ?? null);
    return { kind: "added", seq: Number(row[0]), key, id: row[1] ?? null, after };
  };
}

/** Makes a change of a row as `readChanged` selects it. */
export function changedReader({ shape, fields }: StateOptions): (row: readonly Value[]) => Changed {
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

  return (row) => {
    const after = row.slice(4, 4 + width);
    return {
      kind: "changed",
      seq: Number(row[0]),
      key: shape.key.map((i) => after[i] ?? null),
      id: row[1] ?? null,
      after,
      before: row.slice(4 + width),
      columns: names(row[2]).map((name) => index.get(name)!),
      pending: pendingFields(names(row[3])),
    };
  };
}

const names = (json: Value | undefined): readonly string[] => (json ? (JSON.parse(json) as string[]) : []);
