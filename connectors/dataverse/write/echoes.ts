/** What becomes of creates that met a record. */
import { type Operation, type Problem, SyncError } from "../../../src/sdk.ts";
import type { Table } from "../table.ts";
import type { SettleOptions } from "./settle.ts";

/** A create that met a record, with what the service said. */
export interface Met {
  readonly create: Operation;
  readonly problem: Problem;
}

/**
 * What is sent next: updates of the records with our own ids, or creates under another id where a record is another
 * row's by now; and the creates whose other id is taken too.
 */
export async function afterMeeting(
  met: readonly (readonly [echo: Operation, Met])[],
  { context, renamed, stop }: SettleOptions,
): Promise<{ readonly next: readonly Operation[]; readonly taken: readonly Met[] }> {
  const creates = met.flatMap(([, { create }]) => (create.kind === "create" ? create : []));
  let others: ReadonlyMap<Operation, Operation | null> = new Map();
  try {
    if (creates.length > 0 && renamed) others = await renamed(creates, context.idSeed, context.signal);
  } catch (error) {
    const problem = error instanceof SyncError ? error.problems[0] : undefined;
    if (problem === undefined) throw error;
    stop(problem);
  }
  const next = met.flatMap(([echo, { create }]) => {
    const other = others.get(create);
    return other === undefined ? echo : (other ?? []);
  });
  return { next, taken: met.flatMap(([, one]) => (others.get(one.create) === null ? one : [])) };
}

/** What a create writes, as an update of the record with its id: without the columns that only new ones take. */
export function asUpdate(table: Table, operation: Operation): Operation {
  const isUpdatable = ({ field }: { readonly field: string }): boolean =>
    table.attributes.get(field)?.updatable === true;
  return { ...operation, kind: "update", fields: operation.fields.filter(isUpdatable) };
}
