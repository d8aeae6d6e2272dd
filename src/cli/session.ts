/** A command's hold on the project: its config, its secrets, its open connections. */
import { accessSync, constants, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseEnv } from "node:util";
import { loadProject, type Project } from "../config/load.ts";
import { openSecrets } from "../config/secrets.ts";
import { fail } from "../core/errors.ts";
import { nearest } from "../core/near.ts";
import type { ModelSpec, SyncSpec } from "../core/spec.ts";
import type { Destination, Warehouse } from "../ports.ts";
import { destinations, schemas, warehouses } from "../registry.ts";
import { makeFolder } from "../state/folders.ts";
import type { Connections, StateLocation } from "../sync/prepare.ts";
import { openCache } from "./cache.ts";

export interface Session extends AsyncDisposable, Connections {
  readonly project: Project;
  /** Where the state of a warehouse's models is kept. */
  stateOf(warehouse: string): StateLocation;
  /** The named syncs, or all, each with its model. Throws `config` for a name that is not there. */
  syncs(names: readonly string[]): readonly { readonly model: ModelSpec; readonly sync: SyncSpec }[];
  redact(text: string): string;
  /** A part of backhaul.yml with its references replaced; the path says where it stands. Not to be shown. */
  resolve<T>(config: T, ...path: readonly (string | number)[]): T;
  /** Makes the folder of the state, ignored by git; a plan or a check needs none. */
  /**
   * Makes the folder of a local state. @param use `read`: one that is there need not be writable
   *
   * @throws SyncError `state.folder`
   */
  makeStateFolder(use: "read" | "write"): void;
}

const MEMORY_LIMIT = "192MB";

export async function openSession(folder: string, env: NodeJS.ProcessEnv): Promise<Session> {
  const root = resolve(folder);
  const project = await loadProject(root, { schemas });
  const secrets = openSecrets({ ...dbtEnv(root), ...dotenv(root), ...env }, root);
  const { state } = project;
  const ours = state.type === "local" ? state.path : join(root, ".backhaul");
  const cache = openCache(join(ours, "cache"), () => ownFolder(join(ownFolder(ours), "cache")));
  const opened = new Map<string, Promise<Warehouse | Destination>>();
  const closing: AsyncDisposable[] = [];

  const once = <T extends Warehouse | Destination>(key: string, open: () => Promise<T>): Promise<T> => {
    const known = opened.get(key) as Promise<T> | undefined;
    if (known !== undefined) return known;
    const opening = open().then((connection) => {
      closing.push(connection);
      return connection;
    });
    opened.set(key, opening);
    return opening;
  };

  return {
    project,
    stateOf(warehouse) {
      const own = project.stateOf(warehouse);
      if (own.type === "local") requireReadable(own.path);
      const retentionDays = Number.parseInt(own.retention, 10);
      return own.type === "local"
        ? {
            project: project.name,
            kind: "local",
            root: own.path,
            memoryLimit: own.memory_limit ?? MEMORY_LIMIT,
            retentionDays,
          }
        : { project: project.name, kind: "warehouse", schema: own.schema, retentionDays };
    },
    redact: secrets.redact,
    resolve: (config, ...path) => secrets.resolve(config, (...inner) => project.place(...path, ...inner)),
    makeStateFolder: (use) => {
      if (state.type === "local") usableFolder(state.path, use);
    },
    syncs: (names) => chosen(project, names),
    warehouse: (name) =>
      once(`warehouse ${name}`, async () => {
        const connection = named(project.warehouses, name, "warehouse");
        const definition = await warehouses[connection.type]!();
        return definition.open(connection.resolve(secrets), { folder: root });
      }),
    destination: (name) =>
      once(`destination ${name}`, async () => {
        const connection = named(project.destinations, name, "destination");
        const definition = await destinations[connection.type]!();
        const config = connection.resolve(secrets);
        if (!("url" in config) || config.url !== "sandbox")
          return definition.open(config, { folder: root, cache });
        const { runningSandbox } = await import("./sandbox.ts");
        const sandbox = await runningSandbox(join(ownFolder(join(root, ".backhaul")), "sandbox"));
        closing.push(sandbox);
        return definition.open({ ...config, ...sandbox.config }, { folder: root, cache });
      }),
    async [Symbol.asyncDispose]() {
      for (const connection of closing.reverse()) await connection[Symbol.asyncDispose]();
    },
  };
}

/** A project that stands beside a dbt project's models has that one's `.env` too. */
const dbtEnv = (folder: string): NodeJS.Dict<string> =>
  existsSync(join(folder, "../dbt_project.yml")) ? dotenv(join(folder, "..")) : {};

/**
 * State that another user has made, for himself alone, is not an empty one.
 *
 * @throws the system's own error, with its path
 */
function requireReadable(root: string): void {
  for (const folder of [root, join(root, "state")]) {
    try {
      accessSync(folder, constants.R_OK | constants.X_OK);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
}

/** The variables of `.env` beside backhaul.yml, for references alone; the environment's own come first. */
function dotenv(folder: string): NodeJS.Dict<string> {
  const file = join(folder, ".env");
  if (!existsSync(file)) return {};
  try {
    return parseEnv(readFileSync(file, "utf8"));
  } catch (error) {
    throw fail.config(
      "config.unreadable",
      `".env" cannot be read (${(error as NodeJS.ErrnoException).code ?? "it is no list of NAME=value"}).`,
      "Let this user read it, or take it away.",
      { place: { file: ".env" } },
    );
  }
}

function named<T>(all: ReadonlyMap<string, T>, name: string, what: string): T {
  const found = all.get(name);
  if (found !== undefined) return found;
  const near = nearest(name, all.keys());
  throw fail.config(
    `cli.unknown_${what}`,
    `There is no ${what} "${name}" in backhaul.yml.`,
    near ? `Did you mean "${near}"?` : `It has ${[...all.keys()].join(", ")}.`,
  );
}

function chosen(project: Project, names: readonly string[]): { model: ModelSpec; sync: SyncSpec }[] {
  const all = project.models.flatMap((model) => model.syncs.map((sync) => ({ model, sync })));
  if (all.length === 0) {
    throw fail.config(
      "project.no_syncs",
      "The project has no syncs.",
      "Add a model file with syncs below models/.",
    );
  }
  if (names.length === 0) return all;
  return names.map((name) => {
    const found = all.find(({ sync }) => sync.name === name);
    if (found !== undefined) return found;
    const known = all.map(({ sync }) => sync.name);
    const near = nearest(name, known);
    throw fail.config(
      "cli.unknown_sync",
      `There is no sync "${name}" in this project.`,
      near ? `Did you mean "${near}"?` : `It has ${known.join(", ")}.`,
    );
  });
}

function usableFolder(path: string, use: "read" | "write"): void {
  try {
    if (use === "write" || !existsSync(path)) ownFolder(path);
    readdirSync(path);
    if (use === "write") accessSync(path, constants.W_OK);
  } catch (error) {
    const { message } = error as NodeJS.ErrnoException;
    throw fail.config(
      "state.folder",
      `The state cannot be kept in ${path}: ${/^E[A-Z]+: (.*?), \w+/.exec(message)?.[1] ?? message}.`,
      "Name a folder by state.path in backhaul.yml that this user may make, read and write.",
    );
  }
}

/** A folder of ours beside the user's files: for its owner alone, and ignored by git. */
export function ownFolder(path: string): string {
  makeFolder(path);
  const ignore = join(path, ".gitignore");
  if (!existsSync(ignore)) writeFileSync(ignore, "*\n");
  return path;
}
