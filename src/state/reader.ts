import type { Change } from "../core/change.ts";
import type { Value } from "../core/value.ts";
import type { StateOptions } from "./settle.ts";

/** Makes changes of rows as `readChanges` selects them. */
export function changeReader({ shape, fields }: StateOptions): (row: readonly Value[]) => Change {
  const width = shape.columns.length;
  const index = new Map(shape.columns.map((column, i) => [column.name, i]));
  const known = new Set(fields.map(({ field }) => field));
  return (row) => {
    const seq = Number(row[0]);
    const after = row.slice(5, 5 + width);
    const key = shape.key.map((i) => after[i] ?? null);
    const id = row[2] ?? null;
    if (row[1] === "added") return { kind: "added", seq, key, id, after };
    const columns = ((JSON.parse(row[3] ?? "[]") as string[]) ?? []).map((name) => index.get(name)!);
    const pending = new Set<string>();
    for (const owed of JSON.parse(row[4] ?? "[]") as string[]) {
      const name = owed.slice(2);
      if (owed.startsWith("f:")) {
        if (known.has(name)) pending.add(name);
      } else {
        const column = index.get(name);
        for (const field of fields)
          if (column !== undefined && field.columns.includes(column)) pending.add(field.field);
      }
    }
    return {
      kind: "changed",
      seq,
      key,
      id,
      after,
      before: row.slice(5 + width),
      columns,
      pending: [...pending],
    };
  };
}
