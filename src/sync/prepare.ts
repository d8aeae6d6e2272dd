import { join } from "node:path";
import { type Problem, SyncError } from "../core/errors.ts";
import { nearest } from "../core/near.ts";
import type { ModelSpec, SyncSpec } from "../core/spec.ts";
import type { Column } from "../core/value.ts";
import type { CompiledSync, Destination, Identity, Query, Warehouse } from "../ports.ts";
import type { StateOptions } from "../state/local.ts";
import type { Shape } from "../state/sql.ts";

/** The open connections of a command; each is opened on first use and shared by the syncs. */
export interface Connections {
  warehouse(name: string): Promise<Warehouse>;
  destination(name: string): Promise<Destination>;
}

/** A sync with everything it needs to be planned or run, checked against the warehouse and the destination. */
export interface Prepared {
  readonly model: ModelSpec;
  readonly sync: SyncSpec;
  readonly warehouse: Warehouse;
  readonly destination: Destination;
  readonly identity: Identity;
  readonly compiled: CompiledSync;
  readonly shape: Shape;
  /** The folder of the sync's state: it belongs to the organisation, the object and the sync. */
  readonly folder: string;
  readonly memoryLimit: string;
}

export interface StateLocation {
  /** Absolute path of the state's root folder. */
  readonly root: string;
  readonly memoryLimit: string;
}

/** Checks a sync's columns and mapping. Reads the warehouse's and the destination's schema; writes nothing. */
export async function prepare(
  model: ModelSpec,
  sync: SyncSpec,
  connections: Connections,
  state: StateLocation,
  signal: AbortSignal,
): Promise<Prepared> {
  const warehouse = await connections.warehouse(model.warehouse);
  const available = await warehouse.columns(queryOf(model), signal);
  const { columns, key } = mappedColumns(model, sync, available);
  const destination = await connections.destination(sync.destination);
  const identity = await destination.identify(signal);
  const compiled = await destination.compile(sync, columns, signal);
  return {
    model,
    sync,
    warehouse,
    destination,
    identity,
    compiled,
    shape: { columns, key, match: compiled.match },
    folder: join(state.root, "state", safe(identity.organization), safe(compiled.object), safe(sync.name)),
    memoryLimit: state.memoryLimit,
  };
}

export const queryOf = (model: ModelSpec): Query => ({ text: model.query, file: model.queryFile });

/** Names of files and folders are made of what every file system takes. */
const safe = (name: string): string => encodeURIComponent(name).replaceAll("*", "%2A").replaceAll(".", "%2E");

/** The columns that a sync needs, each once: the primary key, the match, the fields. */
function mappedColumns(
  model: ModelSpec,
  sync: SyncSpec,
  available: readonly Column[],
): { columns: Column[]; key: number[] } {
  const byName = new Map(available.map((column) => [column.name, column]));
  const problems: Problem[] = [];
  const columns: Column[] = [];
  const index = new Map<string, number>();

  const need = (name: string, ...path: (string | number)[]): void => {
    if (index.has(name)) return;
    const column = byName.get(name);
    const place = sync.place(...path);
    if (column === undefined) {
      const near = nearest(name, byName.keys());
      problems.push({
        kind: "config",
        code: "model.unknown_column",
        message: `The result of ${model.queryFile} has no column "${name}".`,
        remedy: near
          ? `Did you mean "${near}"?`
          : `It has ${[...byName.keys()].map((known) => `"${known}"`).join(", ")}.`,
        place,
      });
    } else if (column.kind === undefined) {
      problems.push({
        kind: "config",
        code: "model.unsupported_type",
        message: `Column "${name}" of ${model.queryFile} has the type ${column.sqlType}, which Backhaul cannot carry.`,
        remedy: "Cast it in the query, for example to text.",
        place,
      });
    }
    index.set(name, columns.length);
    columns.push(column ?? { name, kind: "text", sqlType: "unknown" });
  };

  for (const name of model.primaryKey) need(name);
  for (const { field, column } of sync.match) need(column, "match", field);
  for (const { field, source } of sync.fields) if ("column" in source) need(source.column, "fields", field);

  const folded = new Map<string, string>();
  for (const { name } of columns) {
    const twin = folded.get(name.toLowerCase());
    if (twin !== undefined) {
      problems.push({
        kind: "config",
        code: "model.columns_differ_by_case",
        message: `Columns "${twin}" and "${name}" of ${model.queryFile} differ only by case.`,
        remedy: "Give one of them another name in the query.",
        place: sync.place(),
      });
    }
    folded.set(name.toLowerCase(), name);
  }
  if (problems.length > 0) throw new SyncError(problems);
  return { columns, key: model.primaryKey.map((name) => index.get(name)!) };
}

/** What the state has to know of a sync. */
export function stateOptions({ folder, shape, compiled, sync, memoryLimit }: Prepared): StateOptions {
  const matching = sync.match.map(({ field, column }) => `${field} = ${column}`).join(", ");
  return { folder, shape, fields: compiled.fields, matching, memoryLimit };
}
