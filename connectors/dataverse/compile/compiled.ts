/** A compiled sync: its mapping, what it reads and how it writes. */
import { createHash } from "node:crypto";
import type {
  Added,
  Change,
  CompiledSync,
  PlanContext,
  Planned,
  Present,
  SyncSpec,
} from "../../../src/sdk.ts";
import { columnsOf } from "../plan/needs.ts";
import { planParked, uniqueOf } from "../plan/park.ts";
import { planAdded, planChange } from "../plan/plan.ts";
import { openResolver, type Resolver } from "../plan/resolve.ts";
import { openRenamed } from "../plan/reused.ts";
import { forecastOf } from "../sender/forecast.ts";
import type { LaneOf } from "../sender/lanes.ts";
import { openSender, type SenderOptions } from "../sender/sender.ts";
import type { Service } from "../sender/service.ts";
import type { Table } from "../table.ts";
import { writeAll } from "../write/write.ts";
import type { Compiled } from "./compile.ts";
import type { MappedField, Mapping } from "./mapping.ts";

export interface CompiledOptions extends SenderOptions {
  readonly service: Service;
  readonly laneOf: LaneOf;
  readonly schemaVersion: string;
}

export function compiledSync(
  sync: SyncSpec,
  { mapping, warnings, limits }: Compiled,
  options: CompiledOptions,
): CompiledSync {
  const { service, laneOf, schemaVersion } = options;
  const resolver = openResolver(service, mapping);
  const sender = openSender(service, options);
  const renamed = openRenamed(service, mapping);
  return {
    object: mapping.table.name,
    schemaVersion,
    fields: mapping.fields.map((field) => ({
      field: field.field,
      columns: columnsOf(field),
      fingerprint: fingerprintOf(field, sync),
      awaits: awaitedBy(mapping, field),
    })),
    parents: [
      ...new Set(
        mapping.fields.flatMap((field) =>
          field.kind === "lookup" ? field.parents.map(({ table }) => table.name) : [],
        ),
      ),
    ],
    match: mapping.match.parts.map(({ column }) => column),
    unique: uniqueOf(mapping),
    park: (change) => planParked(mapping, change),
    names: nameColumns(mapping),
    warnings,
    limits,
    forecast(steps, stubs = new Map()) {
      const made = [...parentTables(mapping).values()].map(
        (table) => [table, stubs.get(table.name) ?? 0] as const,
      );
      return forecastOf(mapping.table, steps, laneOf, service.gates.length, made);
    },
    async plan(changes, context) {
      const resolved = await resolver(changes, context);
      const { matches } = resolved;
      return changes.map((change, index) =>
        planChange(mapping, change, resolved, context.idSeed, matches[index]),
      );
    },
    write: (operations, context) =>
      writeAll(operations, context, {
        table: mapping.table,
        parents: parentTables(mapping),
        options: mapping.options,
        missing: missingOf(mapping),
        prefix: service.prefix,
        sender,
        laneOf,
        sessions: service.sessions,
        width: () => service.width,
        renamed,
        replan: (changes) => addWhole(mapping, resolver, changes, context),
      }),
  };
}

/** The columns that a record's primary name comes from; a person's full name is made of the two others. */
function nameColumns({ table, fields }: Mapping): number[] {
  const of = (name: string | null): number[] =>
    fields.flatMap(({ field, column }) => (field === name && column !== null ? [column] : []));
  const own = of(table.primaryName);
  return own.length > 0 ? own : [...of("firstname"), ...of("lastname")];
}

const parentTables = ({ fields }: Mapping): ReadonlyMap<string, Table> =>
  new Map(
    fields
      .flatMap((field) => (field.kind === "lookup" ? field.parents : []))
      .map(({ table }) => [table.name, table]),
  );

/** The objects whose records have to be there before a field can be written. */
function awaitedBy({ table }: Mapping, field: MappedField): readonly string[] {
  const parents = field.kind === "lookup" ? field.parents.map((parent) => parent.table.name) : [];
  return field.creatable ? parents : [...parents, table.name];
}

function missingOf({ match, rules }: Mapping): "defer" | "reject" | "skip" {
  const makes = match.by !== "id" && rules.mode !== "update";
  return makes ? "defer" : rules.onMissing;
}

/** Plans changes as if their rows were new; the operations still belong to the changes they came from. */
async function addWhole(
  mapping: Mapping,
  resolver: Resolver,
  changes: readonly Change[],
  context: PlanContext,
): Promise<Planned[]> {
  const present = changes.filter((change): change is Present => change.kind !== "removed");
  const added = present.map(({ seq, key, after }): Added => ({ kind: "added", seq, key, id: null, after }));
  const resolved = await resolver(added, context);
  return present.map((change, index) => {
    const planned = planAdded(mapping, added[index] as Added, resolved, context.idSeed);
    if (planned.status !== "planned") return { ...planned, change };
    const { also, ...operation } = planned.operation;
    const others = also?.map((other) => ({ ...other, change }));
    return { ...planned, operation: { ...operation, change, ...(others ? { also: others } : {}) } };
  });
}

/** Changes when the field is mapped differently, not when the table's metadata does. */
function fingerprintOf(field: MappedField, sync: SyncSpec): string {
  const spec = sync.fields.find((candidate) => candidate.field === field.field);
  const truncate = spec?.truncate ? [true] : [];
  const fileName = spec?.fileName === undefined ? [] : [spec.fileName];
  const told = [field.property, spec?.source, spec?.whenNull, spec?.lookup, ...truncate, ...fileName];
  return createHash("sha256").update(JSON.stringify(told)).digest("hex").slice(0, 16);
}
