/** What the history keeps of a row that was written. Pure. */
import type { Outcome } from "../core/change.ts";
import type { ChangeEntry } from "../state/history.ts";
import { type Prepared, toldKey } from "./prepare.ts";

type Written = Extract<Outcome, { readonly status: "applied" | "unchanged" }>;

export function changeEntry(
  prepared: Prepared,
  run: string,
  { change, id, request }: Pick<Written, "change" | "id" | "request">,
): ChangeEntry {
  const { shape } = prepared;
  const record = id ?? change.id ?? undefined;
  return {
    run,
    at: new Date().toISOString(),
    key: toldKey(prepared, change.key),
    kind: change.kind,
    ...(change.kind === "changed"
      ? {
          columns: Object.fromEntries(
            change.columns.map((i) => [
              shape.columns[i]!.name,
              [change.before[i] ?? null, change.after[i] ?? null],
            ]),
          ),
          ...(change.pending.length > 0 ? { fields: change.pending } : {}),
        }
      : {}),
    ...(record === undefined ? {} : { id: record }),
    ...(request === undefined ? {} : { request }),
  };
}
