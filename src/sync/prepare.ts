import { join } from "node:path";
import { fail, type Problem, SyncError } from "../core/errors.ts";
import { nearest } from "../core/near.ts";
import { isKey, type ModelSpec, type SyncSpec } from "../core/spec.ts";
import { parseTemplate, type TemplateFault } from "../core/template.ts";
import type { Column, Value } from "../core/value.ts";
import type { CompiledSync, Destination, Identity, Query, Warehouse } from "../ports.ts";
import { folderName, projectFolder } from "../state/folders.ts";
import type { LocalPlace } from "../state/local-store.ts";
import type { Layout, State } from "../state/state.ts";
import type { Shape } from "../state/tables.ts";
import type { WarehousePlace } from "../state/warehouse-store.ts";

/** The open connections of a command; each is opened on first use and shared by the syncs. */
export interface Connections {
  warehouse(name: string): Promise<Warehouse>;
  destination(name: string): Promise<Destination>;
}

/** A sync with everything it needs to be planned or run, checked against the warehouse and the destination. */
export interface Prepared {
  readonly project: string;
  readonly model: ModelSpec;
  readonly sync: SyncSpec;
  readonly warehouse: Warehouse;
  readonly destination: Destination;
  readonly identity: Identity;
  readonly compiled: CompiledSync;
  readonly shape: Shape;
  readonly layout: Layout;
  /** Where the sync's state lies: it belongs to the organisation, the object and the sync. */
  readonly place: LocalPlace | WarehousePlace;
}

/** Where the project keeps its state. */
export type StateLocation = {
  /** The project's name: state and own ids belong to it. */
  readonly project: string;
} & (
  | {
      readonly kind: "local";
      /** Absolute path of the state's root folder. */
      readonly root: string;
      readonly memoryLimit: string;
      readonly retentionDays?: number;
    }
  | {
      readonly kind: "warehouse";
      readonly schema: string;
      readonly retentionDays: number;
    }
);

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
  const shape = { columns, key, match: compiled.match };
  const matching = sync.match.map(({ field, column }) => `${field} = ${column}`).join(", ");
  return {
    project: state.project,
    model,
    sync,
    warehouse,
    destination,
    identity,
    compiled,
    shape,
    layout: { shape, fields: compiled.fields, unique: compiled.unique ?? [], matching },
    place: placeOf(state, model, sync, warehouse, identity.organization, compiled.object),
  };
}

function placeOf(
  state: StateLocation,
  model: ModelSpec,
  sync: SyncSpec,
  warehouse: Warehouse,
  organization: string,
  object: string,
): LocalPlace | WarehousePlace {
  const { renamedFrom } = sync;
  if (state.kind === "local") {
    const folder = (name: string): string =>
      join(
        projectFolder(state.root, state.project),
        folderName(organization),
        folderName(object),
        folderName(name),
      );
    return {
      kind: "local",
      folder: folder(sync.name),
      ...(renamedFrom === undefined ? {} : { oldFolder: folder(renamedFrom) }),
      memoryLimit: state.memoryLimit,
      ...(state.retentionDays === undefined ? {} : { retentionDays: state.retentionDays }),
    };
  }
  const { engine } = warehouse;
  if (engine === undefined) {
    throw fail.config(
      "state.no_engine",
      `The warehouse ${model.warehouse} cannot hold state.`,
      "Write `state: { type: local }`.",
    );
  }
  const { project, schema, retentionDays } = state;
  const owner = { project, organization, object, sync: sync.name };
  return {
    kind: "warehouse",
    engine,
    schema,
    owner: renamedFrom === undefined ? owner : { ...owner, renamedFrom },
    retentionDays,
  };
}

export const queryOf = (model: ModelSpec): Query => ({ text: model.query, file: model.queryFile });

/** A column with the zone that its timestamps are read in, where they do not carry one. */
const inZone = (column: Column, zone: string): Column =>
  column.kind === "timestamp" && !column.zoned && zone !== "UTC" ? { ...column, zone } : column;

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
    if (available.filter((other) => other.name === name).length > 1) {
      problems.push({
        kind: "config",
        code: "model.column_double",
        message: `The result of ${model.queryFile} has several columns "${name}".`,
        remedy: "Name one of them otherwise in the query, or leave it out.",
        place,
      });
    }
    if (/[\r\n]/.test(name)) {
      problems.push({
        kind: "config",
        code: "model.column_name",
        message: `The name of column ${JSON.stringify(name)} of ${model.queryFile} has a line break.`,
        remedy: "Give it another name in the query.",
        place,
      });
    }
    index.set(name, columns.length);
    columns.push(column ? inZone(column, model.timezone) : { name, kind: "text", sqlType: "unknown" });
  };

  for (const name of model.primaryKey) need(name);
  for (const { field, column } of sync.match) need(column, "match", field);
  const listColumn =
    sync.audience && "column" in sync.audience.named ? sync.audience.named.column : undefined;
  if (listColumn !== undefined) need(listColumn, "audience");
  for (const end of ["from", "to"] as const)
    if (sync.associate) need(sync.associate[end].column, "associate", end, "column");
  for (const { field, source, lookup, fileName } of sync.fields) {
    if (fileName !== undefined) need(fileName, "fields", field, "file_name");
    if ("column" in source) need(source.column, "fields", field);
    if ("template" in source) {
      const parsed = parseTemplate(source.template);
      if ("why" in parsed) problems.push(badTemplate(sync, field, parsed));
      else for (const name of parsed.columns) need(name, "fields", field, "template");
    }
    if (lookup !== undefined && isKey(lookup.by))
      for (const part of lookup.by) need(part.column, "fields", field, "lookup", "by", part.field);
    if (typeof lookup?.object === "object") need(lookup.object.column, "fields", field, "lookup", "object");
  }

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
  return { columns, key: keyOf(model, sync).map((name) => index.get(name)!) };
}

/**
 * What tells a sync's rows apart. A row of an audience is a membership: of another list, or of another record, it is
 * another one, so that the old member leaves and the new one enters; so is an association. A row that writes its record too keeps the record.
 */
function keyOf({ primaryKey }: ModelSpec, { audience, associate, mode, match }: SyncSpec): readonly string[] {
  if (associate !== undefined)
    return [...new Set([...primaryKey, associate.from.column, associate.to.column])];
  if (audience === undefined) return primaryKey;
  const list = "column" in audience.named ? [audience.named.column] : [];
  const members = mode === "upsert" ? [] : match.map(({ column }) => column);
  return [...new Set([...primaryKey, ...list, ...members])];
}

function badTemplate(sync: SyncSpec, field: string, { why, line, column }: TemplateFault): Problem {
  const at = line === undefined ? "" : ` (line ${line}, column ${column ?? 1} of the template)`;
  return {
    kind: "config",
    code: "mapping.bad_template",
    message: `The template of '${field}' cannot be read: ${why}${at}.`,
    remedy: "Write it in Liquid, such as {{ title | capitalize }}.",
    place: sync.place("fields", field, "template"),
    field,
  };
}

/** The primary key of a row as the user knows it: of a membership, without its list and its member. */
export const toldKey = ({ model }: Pick<Prepared, "model">, key: readonly Value[]): readonly Value[] =>
  key.slice(0, model.primaryKey.length);

/** What ids of our own are made from, before the primary key (DESIGN 4.4). */
export const idSeedOf = ({ project, compiled }: Prepared, state: State): readonly string[] => [
  project,
  compiled.object,
  state.record.firstName,
];
