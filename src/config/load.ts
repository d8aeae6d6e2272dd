/** Reads a project: its files, checked against the schemas and each other, with the defaults filled in. */
import { readdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Place } from "../core/errors.ts";
import { fail, type Problem, SyncError } from "../core/errors.ts";
import type { ScheduleSpec } from "../core/schedule.ts";
import type { ModelSpec } from "../core/spec.ts";
import { type Connection, connection } from "./connection.ts";
import { dbtRelations } from "./dbt.ts";
import { findModels, PROJECT_FILE, readText } from "./files.ts";
import type { ModelFile } from "./generated/model.ts";
import type { Alert, LocalState, ProjectFile, ProjectSchedule, WarehouseState } from "./generated/project.ts";
import { literalFindings } from "./literals.ts";
import { modelSpec } from "./models.ts";
import { findingsOf } from "./problems.ts";
import { duplicateFindings, nameFindings, sharedFindings } from "./references.ts";
import { alertFindings, quietFindings, scheduleFindings, scheduleSpec } from "./schedules.ts";
import { type Checker, type Checkers, type ConnectorSchemas, compileSchemas } from "./schema.ts";
import { unsupportedFindings } from "./unsupported.ts";
import { withDefaults } from "./walk.ts";
import { type Path, parseYaml, type Source } from "./yaml.ts";

export interface Project {
  readonly name: string;
  /** The project's folder, absolute. */
  readonly folder: string;
  /** In order of their files. */
  readonly models: readonly ModelSpec[];
  readonly warehouses: ReadonlyMap<string, Connection>;
  readonly destinations: ReadonlyMap<string, Connection>;
  /** Where the state of a warehouse's models is kept; the path of a local state is absolute. */
  stateOf(warehouse: string): LocalState | WarehouseState;
  /** What `state` says for the project as a whole. */
  readonly state: LocalState | WarehouseState;
  /** How schedules are run; its references stand as they are written. */
  readonly schedule: ProjectSchedule;
  /** The syncs that run by themselves. */
  readonly schedules: readonly ScheduleSpec[];
  /** Who is told; references stand as they are written. */
  readonly alerts: readonly Alert[];
  /** Where a key stands in `backhaul.yml`. */
  place(...path: Path): Place;
}

export interface LoadOptions {
  /** The schemas of the connectors that there are. */
  readonly schemas: ConnectorSchemas;
}

/** A parsed file; `file` is there when it fits its schema, with the defaults filled in. */
interface Loaded<T> {
  readonly source: Source;
  readonly file?: T;
}

/**
 * Loads the project in a folder. Throws one `config` error with every problem that can be found without asking
 * a warehouse or a destination. Opens nothing and replaces no reference.
 */
export async function loadProject(folder: string, { schemas }: LoadOptions): Promise<Project> {
  const root = resolve(folder);
  await requireProject(root, folder);
  const checkers = compileSchemas(schemas);
  const problems: Problem[] = [];
  const read = <T>(name: string, checker: Checker) =>
    attempt(problems, () => load<T>(root, name, checker, problems));
  const project = await read<ProjectFile>(PROJECT_FILE, checkers.project);
  const models: Loaded<ModelFile>[] = [];
  for (const name of await findModels(root)) {
    const model = await read<ModelFile>(name, checkers.model);
    if (model !== undefined) models.push(model);
  }
  const sources = models.map(({ source }) => source);
  const across = [
    ...duplicateFindings(sources),
    ...sharedFindings(sources),
    ...scheduleFindings(sources),
    ...sources.flatMap(quietFindings),
  ];
  if (project !== undefined)
    across.push(
      ...sources.flatMap((source) => nameFindings(source, project.source)),
      ...alertFindings(project.source, sources),
      ...quietFindings(project.source),
    );
  problems.push(...across.map(({ problem }) => problem));
  const only = Object.keys(project?.file?.warehouses ?? {})[0] ?? "";
  const specs: ModelSpec[] = [];
  const dbt = dbtRelations(root, project?.file?.dbt?.manifest);
  for (const { source, file } of models) {
    if (file === undefined) continue;
    const spec = await attempt(problems, () => modelSpec(source, file, file.warehouse ?? only, root, dbt));
    if (spec !== undefined) specs.push(spec);
  }
  if (problems.length > 0 || project?.file === undefined) throw new SyncError(problems.sort(byPlace));
  const schedules = models.flatMap(({ file }) =>
    (file?.syncs ?? []).flatMap(({ sync, schedule }) =>
      schedule === undefined ? [] : [scheduleSpec(sync, schedule, project.file!.schedule)],
    ),
  );
  return { ...assemble(root, project.source, project.file, specs, checkers), schedules };
}

/** Reads one file and checks it by itself. */
async function load<T>(
  root: string,
  name: string,
  checker: Checker,
  problems: Problem[],
): Promise<Loaded<T>> {
  const isProject = name === PROJECT_FILE;
  const source = parseYaml(await readText(join(root, name), name), name);
  const unsupported = unsupportedFindings(source, isProject);
  const known = new Set(unsupported.map(({ path }) => JSON.stringify(path)));
  const wrong = findingsOf(checker, source.data, source).filter(
    ({ path }) => !known.has(JSON.stringify(path)),
  );
  const found = [...unsupported, ...wrong, ...literalFindings(source, checker.schema, isProject)];
  problems.push(...found.map(({ problem }) => problem));
  return found.length > 0 ? { source } : { source, file: withDefaults<T>(checker.schema, source.data) };
}

function assemble(
  folder: string,
  source: Source,
  file: ProjectFile,
  models: readonly ModelSpec[],
  checkers: Checkers,
): Omit<Project, "schedules"> {
  const connections = (kind: keyof ConnectorSchemas): ReadonlyMap<string, Connection> =>
    new Map(
      Object.entries(file[kind]).map(([name, config]) => {
        const checker = checkers.connector(kind, config.type);
        return [name, connection(source, [kind, name], config, checker)];
      }),
    );
  const state =
    file.state.type === "local" ? { ...file.state, path: resolve(folder, file.state.path) } : file.state;
  const own = new Map<string, WarehouseState>();
  for (const [name, config] of Object.entries(file.warehouses)) {
    if ("state" in config) own.set(name, config.state as WarehouseState);
    delete (config as { state?: unknown }).state;
  }
  return {
    name: file.project,
    folder,
    models,
    warehouses: connections("warehouses"),
    destinations: connections("destinations"),
    state,
    stateOf: (warehouse) => own.get(warehouse) ?? state,
    schedule: file.schedule,
    alerts: file.alerts,
    place: (...path) => source.place(path),
  };
}

/** A folder in this one that holds a project; beside a dbt project it is `backhaul`. */
async function projectBelow(root: string): Promise<string | undefined> {
  const entries = await readdir(root, { withFileTypes: true }).catch(() => []);
  for (const { name } of entries.filter((entry) => entry.isDirectory()))
    if (await stat(join(root, name, PROJECT_FILE)).then(Boolean, () => false)) return name;
  return undefined;
}

async function requireProject(root: string, folder: string): Promise<void> {
  const isThere = (name: string) => stat(join(root, name)).then(Boolean, () => false);
  if (await isThere(PROJECT_FILE)) return;
  const below = await projectBelow(root);
  const remedy = (await isThere("backhaul.yaml"))
    ? "Rename backhaul.yaml to backhaul.yml."
    : below !== undefined
      ? `There is one in ${below}: say --project ${join(folder, below)}.`
      : "Run `backhaul init` there, or name the project's folder with --project.";
  throw fail.config("config.no_project", `There is no ${PROJECT_FILE} in "${folder}".`, remedy);
}

/** Runs a step and collects the problems it throws, so that the next one can report its own. */
async function attempt<T>(problems: Problem[], step: () => Promise<T>): Promise<T | undefined> {
  try {
    return await step();
  } catch (error) {
    if (!(error instanceof SyncError)) throw error;
    problems.push(...error.problems);
    return undefined;
  }
}

/** `backhaul.yml` first, then file by file from top to bottom. */
function byPlace(a: Problem, b: Problem): number {
  const [left, right] = [a.place, b.place];
  if (left === undefined || right === undefined) return 0;
  if (left.file !== right.file) {
    if (left.file === PROJECT_FILE || right.file === PROJECT_FILE) return left.file === PROJECT_FILE ? -1 : 1;
    return left.file < right.file ? -1 : 1;
  }
  return (left.line ?? 0) - (right.line ?? 0) || (left.column ?? 0) - (right.column ?? 0);
}
