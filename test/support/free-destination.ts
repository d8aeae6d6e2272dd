/**
 * A destination that costs nothing: a map in memory behind the real contract. It takes whole upserts and partial
 * updates, remembers every write, and fails on command.
 */
import type { Operation, Outcome, Planned } from "../../src/core/change.ts";
import type { SyncSpec } from "../../src/core/spec.ts";
import type { Column, Value } from "../../src/core/value.ts";
import type { CompiledSync, Destination } from "../../src/ports.ts";

export type Fault = "ok" | "rejected" | "deferred" | "lost-before" | "lost-after" | "throw";

export interface FreeDestination extends Destination {
  /** Stored records by match value; each field's JSON fragment. */
  readonly records: Map<string, Map<string, string>>;
  /** Operations received, in order. */
  readonly received: { kind: string; key: string; fields: readonly string[] }[];
  /** What happens to the next operation; `lost-*` give no outcome, before or after the write. */
  fault: (operation: Operation) => Fault;
}

export function freeDestination(organization = "org-1"): FreeDestination {
  const counters = { reads: 0, writes: 0, retries: 0, throttled: 0, waited: 0 };
  const destination: FreeDestination = {
    records: new Map(),
    received: [],
    fault: () => "ok",
    counters,
    identify: async () => ({ organization, user: "user-1", url: "memory:" }),
    objects: async () => [],
    describe: async () => {
      throw new Error("not described");
    },
    compile: async (sync, columns) => compile(destination, counters, sync, columns),
    [Symbol.asyncDispose]: async () => {},
  };
  return destination;
}

function compile(
  destination: FreeDestination,
  counters: { writes: number },
  sync: SyncSpec,
  columns: readonly Column[],
): CompiledSync {
  const index = (name: string): number => columns.findIndex((column) => column.name === name);
  const fields = sync.fields.map(({ field, source }) => ({
    field,
    columns: "column" in source ? [index(source.column)] : [],
    fingerprint: JSON.stringify(source),
    json: (row: readonly Value[]): string =>
      JSON.stringify("column" in source ? row[index(source.column)] : source.value) ?? "null",
  }));
  const match = sync.match.map(({ column }) => index(column));
  const keyOf = (row: readonly Value[]): string => match.map((i) => row[i]).join("\u0000");

  const plan = (change: Parameters<CompiledSync["plan"]>[0][number]): Planned => {
    const record = keyOf(change.after);
    if (change.kind === "added") {
      const all = fields.map((f) => ({ field: f.field, property: f.field, json: f.json(change.after) }));
      return { status: "planned", operation: { kind: "upsert", change, record, fields: all, owed: [] } };
    }
    const touched = fields.filter(
      (f) => change.pending.includes(f.field) || f.json(change.before) !== f.json(change.after),
    );
    const moved = keyOf(change.before) !== record;
    if (touched.length === 0 && !moved) return { status: "unchanged", change };
    const writes = touched.map((f) => ({
      field: f.field,
      property: f.field,
      json: f.json(change.after),
      before: f.json(change.before),
    }));
    return { status: "planned", operation: { kind: "update", change, record, fields: writes, owed: [] } };
  };

  const store = (operation: Operation): void => {
    const { change } = operation;
    const from = change.kind === "changed" ? keyOf(change.before) : operation.record;
    const stored = destination.records.get(from) ?? new Map<string, string>();
    destination.records.delete(from);
    for (const { field, json } of operation.fields) stored.set(field, json);
    destination.records.set(operation.record, stored);
    destination.received.push({
      kind: operation.kind,
      key: operation.record,
      fields: operation.fields.map(({ field }) => field),
    });
  };

  return {
    object: sync.object,
    schemaVersion: "1",
    fields,
    match,
    warnings: [],
    plan: async (changes) => changes.map(plan),
    requestsFor: ({ create, update, upsert }) => Math.ceil((create + update + upsert) / 100),
    async *write(batches) {
      for await (const batch of batches) {
        counters.writes += 1;
        const outcomes: Outcome[] = [];
        for (const operation of batch) {
          const { change } = operation;
          const fault = destination.fault(operation);
          if (fault === "throw") throw new Error("the process dies here");
          if (fault === "ok" || fault === "lost-after") store(operation);
          if (fault === "ok") outcomes.push({ status: "applied", change });
          if (fault === "rejected" || fault === "deferred") {
            const problem = { kind: fault, code: `test.${fault}`, message: "On command." } as const;
            outcomes.push({ status: fault, change, problem });
          }
        }
        yield outcomes;
      }
    },
  };
}
