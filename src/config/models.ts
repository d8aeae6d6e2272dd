/** From a checked model file to what the engine takes: defaults are in already, short forms are spelled out. */
import { isAbsolute, posix, resolve } from "node:path";
import { type Problem, SyncError } from "../core/errors.ts";
import {
  type AssociateSpec,
  type AudienceSpec,
  type FieldSpec,
  type Guard,
  type Limit,
  type Mode,
  type ModelSpec,
  NO_OPTIONS,
  type SyncSpec,
  type WriteOptions,
} from "../core/spec.ts";
import type { DbtRelations } from "./dbt.ts";
import { readText } from "./files.ts";
import type { Associate, Audience, AudienceName, Field, ModelFile, Sync } from "./generated/model.ts";
import type { Source } from "./yaml.ts";

/**
 * Reads the query, so it may throw `config.unreadable` and `config.wrong_value`, at the key `sql`; for a dbt model
 * what `dbt` throws, at the key `dbt`.
 */
export async function modelSpec(
  source: Source,
  file: ModelFile,
  warehouse: string,
  folder: string,
  dbt: DbtRelations,
): Promise<ModelSpec> {
  const queryFile = file.sql === undefined ? source.file : beside(source.file, file.sql);
  const query = async (): Promise<string> => {
    if (file.sql !== undefined) return readQuery(source, queryFile, folder);
    if (file.dbt === undefined) return `SELECT * FROM ${file.table}`;
    return `SELECT * FROM ${await dbt(file.dbt, source.place(["dbt"], "value"))}`;
  };
  return {
    name: file.model,
    warehouse,
    primaryKey: [file.primary_key].flat(),
    query: await query(),
    queryFile,
    timezone: file.timezone,
    file: source.file,
    syncs: file.syncs.map((sync, index) => syncSpec(source, file.model, sync, index)),
  };
}

function beside(file: string, name: string): string {
  return isAbsolute(name) ? name : posix.join(posix.dirname(file), name);
}

/** The text of a query, without the semicolon that would end it early when it becomes part of a larger one. */
async function readQuery(source: Source, name: string, folder: string): Promise<string> {
  const place = source.place(["sql"], "value");
  const query = (await readText(resolve(folder, name), name, place)).replace(/[;\s]+$/, "");
  if (query.trim() !== "") return query;
  const message = `"${name}" is empty.`;
  const problem: Problem = {
    kind: "config",
    code: "config.wrong_value",
    message,
    remedy: "Write a query into it.",
    place,
  };
  throw new SyncError(problem);
}

function syncSpec(source: Source, model: string, sync: Sync, index: number): SyncSpec {
  return {
    name: sync.sync,
    model,
    destination: sync.destination,
    object: sync.object ?? sync.audience?.member ?? sync.associate?.from.object ?? "",
    mode: sync.mode as Mode,
    match: Object.entries(sync.match ?? {}).map(([field, column]) => ({ field, column })),
    fields: Object.entries(sync.fields ?? {}).map(([field, from]) => fieldSpec(field, from)),
    onRemoved:
      sync.on_removed ??
      (sync.mode !== "mirror" ? "keep" : sync.audience || sync.associate ? "remove_member" : "delete"),
    ...(sync.associate ? { associate: associateSpec(sync.associate) } : {}),
    ...(sync.audience ? { audience: audienceSpec(sync.audience, sync.scope) } : {}),
    ...(sync.shared ? { shared: true } : {}),
    ...(sync.renamed_from === undefined ? {} : { renamedFrom: sync.renamed_from }),
    guard: guardSpec(sync.guard),
    options: optionsSpec(sync.options),
    rules: {
      onMissing: sync.on_missing,
      matchInactive: sync.match_inactive,
      onMany: sync.on_many,
      adopt: sync.adopt,
      ids: sync.ids,
    },
    place: (...path) => source.place(["syncs", index, ...path]),
  };
}

function associateSpec({ when_missing: whenMissing, ...associate }: Associate): AssociateSpec {
  return { ...associate, whenMissing };
}

function audienceSpec(audience: Audience, scope: Sync["scope"]): AudienceSpec {
  const { list, segment, create, when_missing: whenMissing } = audience;
  const name = list ?? segment ?? "";
  const { column, value = "", by } = typeof name === "string" ? { value: name } : (name as AudienceName);
  return {
    kind: list === undefined ? "segment" : "list",
    named: column === undefined ? { value } : { column },
    ...(by === undefined ? {} : { by }),
    create,
    scope,
    whenMissing,
  };
}

function optionsSpec(options: Sync["options"]): WriteOptions {
  if (options === undefined) return NO_OPTIONS;
  const { bypass_logic, bypass_plugins, solution, bypass_flows, detect_duplicates, impersonate, tag } =
    options;
  return {
    bypassLogic: bypass_logic,
    ...(bypass_plugins ? { bypassPlugins: true } : {}),
    ...(solution === undefined ? {} : { solution }),
    bypassFlows: bypass_flows,
    detectDuplicates: detect_duplicates,
    ...(impersonate === undefined ? {} : { impersonate }),
    ...(tag === undefined ? {} : { tag }),
  };
}

const DEFAULT_LIMIT = { share: "10%", rows: 50 };

function guardSpec(guard: Sync["guard"]): Guard {
  const limit = ({ share = DEFAULT_LIMIT.share, rows = DEFAULT_LIMIT.rows }): Limit => ({
    share: Number.parseFloat(share) / 100,
    rows,
  });
  return {
    removed: limit(guard?.removed ?? {}),
    ...(guard?.changed === undefined ? {} : { changed: limit(guard.changed) }),
  };
}

function fieldSpec(field: string, from: string | Field): FieldSpec {
  if (typeof from === "string") return { field, source: { column: from }, whenNull: "clear" };
  const {
    column,
    template,
    value = null,
    when_null: whenNull,
    write,
    truncate,
    lookup,
    file_name: fileName,
  } = from;
  const source = column !== undefined ? { column } : template !== undefined ? { template } : { value };
  const spec: FieldSpec = {
    field,
    source,
    whenNull,
    ...(write === "always" ? {} : { write }),
    ...(truncate ? { truncate } : {}),
    ...(fileName === undefined ? {} : { fileName }),
  };
  if (lookup === undefined) return spec;
  const { object, when_missing: whenMissing } = lookup;
  const isByKey = typeof object === "string" && typeof lookup.by === "object";
  if (!isByKey) return { ...spec, lookup: { object, by: lookup.by, whenMissing } };
  const by = Object.entries(lookup.by).map(([field, column]) => ({ field, column }));
  const columns = by.map(({ column }) => column);
  return { ...spec, source: { columns }, lookup: { object, by, whenMissing } };
}
