/**
 * A destination that costs nothing: a list in memory behind the real contract. Like the real service it finds
 * records by id or by match value (case and trailing spaces do not count), keeps match values unique, makes a record
 * whole when the one to update is gone, remembers every write, and fails on command.
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

/**
 * `rejected` is found before sending, `refused` by the service; `lost-*` give no outcome, before or after the write;
 * `owed` leaves the last field out; `throw` ends the process.
 */
export type Fault =
  | "ok"
  | "owed"
  | "rejected"
  | "refused"
  | "deferred"
  | "lost-before"
  | "lost-after"
  | "throw";

export interface StoredRecord {
  readonly id: string;
  /** The match value as it was written. */
  match: string;
  readonly fields: Map<string, string>;
  active: boolean;
  /** Whether it was made by a sync: it carries an id of our own. */
  made: boolean;
  /** Primary key of the row that wrote it last; absent in a record that no sync has written. */
  owner?: string;
}

export interface Received {
  readonly kind: OperationKind;
  readonly key: string;
  readonly fields: readonly string[];
}

export interface FreeDestination extends Destination {
  readonly records: StoredRecord[];
  /** The record with a match value. */
  find(match: string): StoredRecord | undefined;
  /** A record that somebody else has made. */
  seed(match: string, fields: Readonly<Record<string, string>>): StoredRecord;
  /** Operations received, in order. */
  readonly received: Received[];
  /** What happens to the next operation. */
  fault: (operation: Operation) => Fault;
  /** Told of a record just before it is deleted or deactivated. */
  onRemoval: (record: StoredRecord, operation: Operation) => void;
  /** Whether outcomes tell the record's id. */
  tellsIds: boolean;
  /** Operations of one request. */
  batchSize: number;
}

export const foldMatch = (match: string): string => match.replace(/ +$/, "").toLowerCase();
export const keyText = (key: readonly Value[]): string => key.join("\u0000");

export function freeDestination(organization = "org-1"): FreeDestination {
  const counters = { reads: 0, writes: 0, retries: 0, throttled: 0, waited: 0 };
  const records: StoredRecord[] = [];
  let made = 0;
  const destination: FreeDestination = {
    records,
    find: (match) => records.find((record) => foldMatch(record.match) === foldMatch(match)),
    seed(match, fields) {
      made += 1;
      const record = {
        id: `id-${made}`,
        match,
        fields: new Map(Object.entries(fields)),
        active: true,
        made: false,
      };
      records.push(record);
      return record;
    },
    received: [],
    fault: () => "ok",
    onRemoval: () => {},
    tellsIds: false,
    batchSize: 2_000,
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

interface Stored {
  readonly record?: StoredRecord;
  /** Why the service refuses. */
  readonly refusal?: string;
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
      JSON.stringify(
        "column" in source
          ? row[index(source.column)]
          : "columns" in source
            ? source.columns.map((column) => row[index(column)])
            : "value" in source
              ? source.value
              : source.template,
      ) ?? "null",
  }));
  const match = sync.match.map(({ column }) => index(column));
  const matchOf = (row: readonly Value[]): string => match.map((i) => row[i]).join("\u0000");
  const whole = (row: readonly Value[]): FieldWrite[] =>
    fields.map((f) => ({ field: f.field, property: f.field, json: f.json(row) }));
  const { records } = destination;

  const plan = (change: Change): Planned => {
    const planned = (kind: OperationKind, record: string, writes: readonly FieldWrite[]): Planned => ({
      status: "planned",
      operation: { kind, change, record, fields: writes, owed: [] },
    });
    if (change.kind === "removed")
      return planned(sync.onRemoved === "deactivate" ? "deactivate" : "delete", matchOf(change.before), []);
    const record = matchOf(change.after);
    if (change.kind === "added") {
      const kinds = { insert: "create", update: "update" } as const;
      const kind = sync.mode === "insert" || sync.mode === "update" ? kinds[sync.mode] : "upsert";
      return planned(kind, record, whole(change.after));
    }
    const touched = fields.filter(
      (f) => change.pending.includes(f.field) || f.json(change.before) !== f.json(change.after),
    );
    const moved = foldMatch(matchOf(change.before)) !== foldMatch(record);
    if (touched.length === 0 && !moved && !change.revived && !change.rematch)
      return { status: "unchanged", change };
    const writes = touched.map((f) => ({
      field: f.field,
      property: f.field,
      json: f.json(change.after),
      before: f.json(change.before),
    }));
    return planned("update", record, writes);
  };

  const write = (record: StoredRecord, { change, record: key }: Operation, writes: readonly FieldWrite[]) => {
    for (const { field, json } of writes) record.fields.set(field, json);
    record.match = key;
    record.owner = keyText(change.key);
    return { record };
  };

  const remove = (operation: Operation & { readonly change: { readonly kind: "removed" } }): Stored => {
    const { change, kind } = operation;
    const record = addressed(change.id, change.before);
    if (record === undefined) return {};
    const holdsWhatWasSent = whole(change.before).every(
      ({ field, json }) => record.fields.get(field) === json,
    );
    if (change.unsure && !record.made && !holdsWhatWasSent) return {};
    destination.onRemoval(record, operation);
    if (kind === "delete") records.splice(records.indexOf(record), 1);
    else record.active = false;
    return {};
  };

  const addressed = (id: string | null, row: readonly Value[]): StoredRecord | undefined =>
    id === null ? destination.find(matchOf(row)) : records.find((record) => record.id === id);

  const make = (operation: Operation, writes: readonly FieldWrite[]): Stored =>
    write(Object.assign(destination.seed(operation.record, {}), { made: true }), operation, writes);

  const store = (operation: Operation, writes: readonly FieldWrite[]): Stored => {
    const { change, kind, record: key } = operation;
    destination.received.push({ kind, key, fields: operation.fields.map(({ field }) => field) });
    if (change.kind === "removed") return remove({ ...operation, change });
    const holder = destination.find(key);
    if (kind === "create") {
      // A create carries an id of our own, made of the key: its echo is known, somebody else's record is not touched.
      const own = records.find((record) => record.owner === keyText(change.key));
      if (holder !== undefined && holder !== own) return { refusal: "taken" };
      return own === undefined ? make(operation, writes) : write(own, operation, writes);
    }
    if (kind === "upsert") {
      if (holder === undefined) return make(operation, writes);
      holder.active = true;
      return write(holder, operation, writes);
    }
    const record = addressed(change.id, change.kind === "changed" ? change.before : change.after);
    if (record === undefined) {
      if (sync.mode === "update") return { refusal: "not found" };
      // An update never makes a hollow record: what is gone is added again, whole.
      if (holder === undefined) return make(operation, whole(change.after));
      holder.active = true;
      return write(holder, operation, whole(change.after));
    }
    if (holder !== undefined && holder !== record) return { refusal: "taken" };
    if (change.kind === "changed" && change.revived) record.active = true;
    return write(record, operation, writes);
  };

  const answer = (operation: Operation): Outcome | undefined => {
    const { change } = operation;
    const fault = destination.fault(operation);
    const rejected = (code: string, refused: boolean): Outcome => ({
      status: "rejected",
      change,
      problem: { kind: "rejected", code, message: "On command.", refused },
    });
    switch (fault) {
      case "throw":
        throw new Error("the process dies here");
      case "lost-before":
        return undefined;
      case "rejected":
      case "refused":
        return rejected(`test.${fault}`, fault === "refused");
      case "deferred":
        return {
          status: "deferred",
          change,
          problem: { kind: "deferred", code: "test.deferred", message: "On command." },
        };
      default: {
        const left = fault === "owed" ? operation.fields.slice(-1).map(({ field }) => field) : [];
        const writes = operation.fields.filter(({ field }) => !left.includes(field));
        const { record, refusal } = store(operation, writes);
        if (fault === "lost-after") return undefined;
        if (refusal !== undefined) return rejected(`test.${refusal}`, false);
        const id = destination.tellsIds && record !== undefined ? { id: record.id } : {};
        return { status: "applied", change, ...id, ...(left.length > 0 ? { owed: left } : {}) };
      }
    }
  };

  return {
    object: sync.object,
    schemaVersion: "1",
    parents: [],
    fields,
    match,
    warnings: [],
    plan: async (changes) => changes.map(plan),
    park: (change) =>
      change.id === null
        ? {
            status: "rejected",
            change,
            problem: { kind: "rejected", code: "test.unknown", message: "No id." },
          }
        : {
            status: "planned",
            operation: { kind: "update", change, record: `parked ${change.id}`, fields: [], owed: [] },
          },
    forecast: (steps) => ({
      requests: steps.reduce(
        (requests, counts) => requests + Math.ceil(Object.values(counts).reduce((a, b) => a + b, 0) / 100),
        0,
      ),
      seconds: 0,
      share: {},
    }),
    async *write(batches) {
      for await (const batch of batches) {
        for (let at = 0; at < batch.length; at += destination.batchSize) {
          counters.writes += 1;
          const outcomes = batch.slice(at, at + destination.batchSize).map(answer);
          yield outcomes.filter((outcome) => outcome !== undefined);
        }
      }
    },
  };
}
