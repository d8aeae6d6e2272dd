/** A compiled sync: its mapping, what it reads and how it writes. */
import { createHash } from "node:crypto";
import {
  type Added,
  type Change,
  type CompiledSync,
  fail,
  type Planned,
  type Present,
  type SyncSpec,
} from "../../src/sdk.ts";
import type { Compiled } from "./compile.ts";
import type { MappedField, Mapping } from "./mapping.ts";
import { planAdded, planChange } from "./plan.ts";
import { openResolver, type Resolver } from "./resolve.ts";
import { openSender, type SenderOptions } from "./sender.ts";
import type { Service } from "./service.ts";
import { writeAll } from "./write.ts";

export interface CompiledOptions extends SenderOptions {
  readonly service: Service;
  readonly batchSize: number;
  readonly schemaVersion: string;
}

export function compiledSync(
  sync: SyncSpec,
  { mapping, warnings }: Compiled,
  options: CompiledOptions,
): CompiledSync {
  const { service, batchSize, schemaVersion } = options;
  const resolver = openResolver(service, mapping);
  const sender = openSender(service, options);
  return {
    object: mapping.table.name,
    schemaVersion,
    fields: mapping.fields.map((field) => ({
      field: field.field,
      columns: field.column === null ? [] : [field.column],
      fingerprint: fingerprintOf(field, sync),
    })),
    match: mapping.match.parts.map(({ column }) => column),
    warnings,
    requestsFor: ({ create, update, upsert }) =>
      Math.ceil((create + upsert) / batchSize) + Math.ceil(update / batchSize),
    async plan(changes, context) {
      const present = changes.map((change) => {
        if (change.kind !== "removed") return change;
        throw fail.bug("dataverse.removed", "A removed row reached a sync that keeps its records.");
      });
      const resolved = await resolver(present, context);
      return present.map((change) => planChange(mapping, change, resolved));
    },
    write: (operations, context) =>
      writeAll(operations, context, {
        table: mapping.table,
        byId: mapping.match.by === "id",
        sender,
        batchSize,
        width: () => service.gate.limit,
        replan: (changes, signal) => addWhole(mapping, resolver, changes, signal),
      }),
  };
}

/** Plans changes as if their rows were new; the operations still belong to the changes they came from. */
async function addWhole(
  mapping: Mapping,
  resolver: Resolver,
  changes: readonly Change[],
  signal: AbortSignal,
): Promise<Planned[]> {
  const present = changes.filter((change): change is Present => change.kind !== "removed");
  const added = present.map(({ seq, key, after }): Added => ({ kind: "added", seq, key, id: null, after }));
  const resolved = await resolver(added, { signal });
  return present.map((change, index) => {
    const planned = planAdded(mapping, added[index] as Added, resolved);
    return planned.status === "planned"
      ? { ...planned, operation: { ...planned.operation, change } }
      : { ...planned, change };
  });
}

/** Changes when the field is mapped differently, not when the table's metadata does. */
function fingerprintOf(field: MappedField, sync: SyncSpec): string {
  const spec = sync.fields.find((candidate) => candidate.field === field.field);
  const truncate = spec?.truncate ? [true] : [];
  const told = [field.property, spec?.source, spec?.whenNull, spec?.lookup, ...truncate];
  return createHash("sha256").update(JSON.stringify(told)).digest("hex").slice(0, 16);
}
