/**
 * A destination that costs nothing: a map in memory behind the real contract. It takes whole upserts and partial
 * updates, remembers every write, and fails on command.
 */
import type {
  Change,
  FieldWrite,
  Operation,
  OperationKind,
  Outcome,
  Planned,
} from "../../src/core/change.ts";
import type { SyncSpec } from "../../src/core/spec.ts";
import type { Column, Value } from "../../src/core/value.ts";
import type { CompiledSync, Destination } from "../../src/ports.ts";

/** `rejected` is found before sending, `refused` by the service. */
export type Fault = "ok" | "rejected" | "refused" | "deferred" | "lost-before" | "lost-after" | "throw";

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

  const plan = (change: Change): Planned => {
    const planned = (kind: OperationKind, record: string, writes: readonly FieldWrite[]): Planned => ({
      status: "planned",
      operation: { kind, change, record, fields: writes, owed: [] },
    });
    if (change.kind === "removed")
      return planned(sync.onRemoved === "deactivate" ? "deactivate" : "delete", keyOf(change.before), []);
    const record = keyOf(change.after);
    if (change.kind === "added") {
      const all = fields.map((f) => ({ field: f.field, property: f.field, json: f.json(change.after) }));
      const kinds = { insert: "create", update: "update", upsert: "upsert", mirror: "upsert" } as const;
      return planned(kinds[sync.mode], record, all);
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
    return planned("update", record, writes);
  };

  /** Gives the reason of a refusal, as the real service would have one. */
  const store = (operation: Operation): string | undefined => {
    const { change, kind, record } = operation;
    const { records } = destination;
    destination.received.push({ kind, key: record, fields: operation.fields.map(({ field }) => field) });
    if (kind === "delete") {
      records.delete(record);
      return undefined;
    }
    const from = change.kind === "changed" ? keyOf(change.before) : record;
    const stored = records.get(from);
    if (kind === "deactivate") {
      stored?.set("statecode", "1");
      return undefined;
    }
    const owner = `"${change.key.join("\u0000")}"`;
    // A create carries an id of our own, made of the key: its echo is known, somebody else's record is not touched.
    if (kind === "create" && stored !== undefined && stored.get("id") !== owner) return "taken";
    if (kind === "update" && stored === undefined && sync.mode === "update") return "not found";
    if (from !== record && records.has(record)) return "taken";
    const next = stored ?? new Map<string, string>(kind === "create" ? [["id", owner]] : []);
    for (const { field, json } of operation.fields) next.set(field, json);
    next.delete("statecode");
    records.delete(from);
    records.set(record, next);
    return undefined;
  };

  return {
    object: sync.object,
    schemaVersion: "1",
    fields,
    match,
    warnings: [],
    plan: async (changes) => changes.map(plan),
    requestsFor: (counts) => Math.ceil(Object.values(counts).reduce((a, b) => a + b, 0) / 100),
    async *write(batches) {
      for await (const batch of batches) {
        counters.writes += 1;
        const outcomes: Outcome[] = [];
        for (const operation of batch) {
          const { change } = operation;
          const fault = destination.fault(operation);
          if (fault === "throw") throw new Error("the process dies here");
          const refusal = fault === "ok" || fault === "lost-after" ? store(operation) : undefined;
          const rejected = (code: string, refused: boolean): Outcome => ({
            status: "rejected",
            change,
            problem: { kind: "rejected", code, message: "On command.", refused },
          });
          if (fault === "ok")
            outcomes.push(
              refusal === undefined ? { status: "applied", change } : rejected(`test.${refusal}`, false),
            );
          if (fault === "rejected") outcomes.push(rejected("test.rejected", false));
          if (fault === "refused") outcomes.push(rejected("test.refused", true));
          if (fault === "deferred")
            outcomes.push({
              status: "deferred",
              change,
              problem: { kind: "deferred", code: "test.deferred", message: "On command." },
            });
        }
        yield outcomes;
      }
    },
  };
}
