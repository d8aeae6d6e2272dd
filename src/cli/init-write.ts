/** Writes a new project into a folder; what is there stays as it is. */
import { existsSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { parseEnv } from "node:util";
import { type DbtNode, findManifest, readManifest } from "../config/dbt.ts";
import { fail } from "../core/errors.ts";
import { type Variables, variablesOf } from "./init-env.ts";
import {
  type DbtChoice,
  dbtModelYml,
  gitignore,
  namedVariables,
  type ProjectChoices,
  projectYml,
  type WarehouseType,
} from "./init-project.ts";
import { sampleCsv, sampleSql, sampleYml } from "./init-sample.ts";

/** What lies in and around the folder that the project goes into. */
export interface Surroundings {
  /** Where the project goes, absolute. */
  readonly folder: string;
  readonly name: string;
  /** The folder of the dbt project, absolute. */
  readonly dbt: string | undefined;
  /** Names of the variables in `.env`. */
  readonly known: readonly string[];
  /** What they are good for. */
  readonly variables: Variables;
}

export interface Choices {
  readonly name: string;
  readonly warehouse: WarehouseType;
  readonly url: string | undefined;
}

export interface Written {
  readonly folder: string;
  /** Relative to the folder, in order. */
  readonly created: readonly string[];
  /** Files that were there and stay as they are. */
  readonly kept: readonly string[];
  readonly dbt: {
    readonly manifest: string;
    readonly found: boolean;
    readonly models: readonly string[];
  } | null;
  /** Variables that the project names and that neither the environment nor `.env` has. */
  readonly missing: readonly string[];
}

const DBT_FILE = "dbt_project.yml";
/** Below dbt's own folder, since dbt keeps its YAML in models/ too. */
const BESIDE_DBT = "backhaul";
const MOST_DBT_MODELS = 3;
const SAMPLE = "customers";

/** @throws SyncError `init.exists` where a project is already */
export function look(given: string): Surroundings {
  const start = resolve(given);
  const isDbt = existsSync(join(start, DBT_FILE));
  const folder = isDbt ? join(start, BESIDE_DBT) : start;
  if (existsSync(join(folder, "backhaul.yml"))) {
    throw fail.config(
      "init.exists",
      `There is a project in ${folder} already: backhaul.yml is there.`,
      "Nothing was written. Name another folder by --project, or go on with `backhaul check`.",
    );
  }
  const parent = dirname(folder);
  const dbt = isDbt ? start : existsSync(join(parent, DBT_FILE)) ? parent : undefined;
  // Those that a command reads: beside the project, and in the dbt project that it belongs to.
  const env = {
    ...(dbt === undefined ? {} : variablesIn(join(dbt, ".env"))),
    ...variablesIn(join(folder, ".env")),
  };
  return {
    folder,
    name: projectName(isDbt ? start : folder),
    dbt,
    known: Object.keys(env),
    variables: variablesOf(env),
  };
}

/** A name that a project may have, of its folder's. */
export function projectName(folder: string): string {
  const name = basename(folder)
    .replace(/[^A-Za-z0-9_-]+/g, "_")
    .replace(/^[^A-Za-z]+/, "")
    .replace(/_+$/, "")
    .slice(0, 63);
  return name === "" ? "acme" : name;
}

function variablesIn(path: string): NodeJS.Dict<string> {
  try {
    return parseEnv(readFileSync(path, "utf8"));
  } catch {
    return {}; // there is none, or it may not be read: nothing depends on it
  }
}

export async function writeProject(
  { folder, dbt, known, variables }: Surroundings,
  { name, warehouse, url }: Choices,
  env: NodeJS.ProcessEnv,
): Promise<Written> {
  const modelSchema = schemaPath(join(folder, "models"), "model");
  const sample = sampleName((name) => isFree(folder, sampleFiles(name, modelSchema)));
  const manifest = dbt === undefined ? undefined : findManifest(dbt, "target/manifest.json")!;
  const models = manifest !== undefined && existsSync(manifest) ? await dbtModels(manifest, sample) : [];
  const [first] = models;
  const choices: ProjectChoices = {
    name,
    warehouse: first?.warehouse === "pg" ? "postgres" : first?.warehouse === "snow" ? "snowflake" : warehouse,
    dbtFile:
      first?.warehouse === "dbt_file"
        ? posix(relative(folder, join(dbt!, `${first.database}.duckdb`)))
        : undefined,
    url,
    variables,
    sample,
    schema: schemaPath(folder, "project"),
    manifest: manifest === undefined ? undefined : posix(relative(folder, manifest)),
  };
  const files: Record<string, string> = {
    "backhaul.yml": projectYml(choices),
    ...sampleFiles(sample, modelSchema),
    ".gitignore": gitignore,
  };
  for (const model of models) files[`models/${model.name}.yml`] = dbtModelYml(modelSchema, model);
  const created: string[] = [];
  const kept: string[] = [];
  mkdirSync(folder, { recursive: true });
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    (writeNew(join(folder, file), text) ? created : kept).push(file);
  }
  if (existsSync(join(folder, "warehouse.duckdb"))) kept.push("warehouse.duckdb");
  else {
    await emptyDatabase(join(folder, "warehouse.duckdb"));
    created.push("warehouse.duckdb");
  }
  return {
    folder,
    created,
    kept,
    dbt:
      choices.manifest === undefined
        ? null
        : {
            manifest: choices.manifest,
            found: existsSync(manifest!),
            models: models.map((model) => model.name),
          },
    missing: namedVariables(choices).filter((variable) => !known.includes(variable) && !env[variable]),
  };
}

/** The sample's usual name, or the first other one that is free. */
function sampleName(isFree: (name: string) => boolean): string {
  for (let n = 0; ; n++) {
    const name = n === 0 ? SAMPLE : `sample_${SAMPLE}${n === 1 ? "" : `_${n}`}`;
    if (isFree(name)) return name;
  }
}

const sampleFiles = (name: string, schema: string): Record<string, string> => ({
  [`models/${name}.yml`]: sampleYml(name, schema),
  [`models/${name}.sql`]: sampleSql(name),
  [`data/${name}.csv`]: sampleCsv,
});

/** Whether none of the files is there with another text: the sample would be half somebody else's. */
const isFree = (folder: string, files: Readonly<Record<string, string>>): boolean =>
  Object.entries(files).every(([file, text]) => {
    const path = join(folder, file);
    return !existsSync(path) || readFileSync(path, "utf8") === text;
  });

/** False where a file is there: it is never overwritten. */
function writeNew(path: string, text: string): boolean {
  try {
    writeFileSync(path, text, { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

async function emptyDatabase(path: string): Promise<void> {
  const { DuckDBInstance } = await import("@duckdb/node-api");
  const instance = await DuckDBInstance.create(path);
  const connection = await instance.connect();
  await connection.run("CHECKPOINT");
  connection.closeSync();
  instance.closeSync();
}

/** The warehouse of the new project that a dbt adapter's tables lie in. */
const ADAPTERS: Readonly<Record<string, DbtChoice["warehouse"]>> = {
  duckdb: "dbt_file",
  postgres: "pg",
  redshift: "pg",
  snowflake: "snow",
};

/** The first tables of the dbt project itself, as models to start from. */
async function dbtModels(path: string, sample: string): Promise<DbtChoice[]> {
  const { nodes, metadata } = await readManifest(path);
  const warehouse = ADAPTERS[metadata?.adapter_type ?? ""];
  if (warehouse === undefined) return [];
  const own = Object.values(nodes).filter(
    ({ resource_type: type, relation_name: table, package_name: pack }) =>
      type === "model" && table && (metadata?.project_name ?? pack) === pack,
  );
  // One of a name: a model has a node for each of its versions.
  return [...new Map(own.map((node) => [node.name, node])).values()]
    .slice(0, MOST_DBT_MODELS)
    .map((node) => ({
      name: node.name === sample ? `dbt_${node.name}` : node.name,
      ref: node.name,
      warehouse,
      database: node.database ?? "dev",
      ...keyOf(node),
    }));
}

/** dbt's own unique key, else a column that is named like one. */
function keyOf({ name, columns, config }: DbtNode): { key: string; isGuess: boolean } {
  const unique = config?.unique_key;
  if (typeof unique === "string") return { key: unique, isGuess: false };
  const names = Object.keys(columns ?? {});
  const singular = name.replace(/^(dim|fct|stg|mart)_/, "").replace(/s$/, "");
  const likely = names.find((column) => [`${singular}_id`, `${singular}_key`, "id"].includes(column));
  return { key: likely ?? names.find((column) => /(^|_)(id|key)$/.test(column)) ?? "id", isGuess: true };
}

const posix = (path: string): string => path.split(sep).join("/");

/** From a folder to a schema in this package, as editors follow it. */
function schemaPath(folder: string, name: "project" | "model"): string {
  const shipped = fileURLToPath(new URL(`../../spec/editor/${name}.schema.json`, import.meta.url));
  // A folder is made first of all where it is not there; its real place is what `..` starts from.
  const real = (path: string): string =>
    existsSync(path) ? realpathSync(path) : join(real(dirname(path)), basename(path));
  return posix(relative(real(folder), shipped));
}
