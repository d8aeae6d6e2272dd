/** The tables that dbt makes of its models, by its manifest ("Manifest JSON file", dbt's documentation of artifacts). */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { fail, type Place } from "../core/errors.ts";
import { nearest } from "../core/near.ts";

/**
 * The table of a dbt model as it is written in SQL. The manifest is read at the first call alone.
 *
 * @throws SyncError `dbt.no_manifest`, `dbt.unreadable`, `dbt.unknown_model`, `dbt.ambiguous`, `dbt.disabled`, `dbt.no_table`
 */
export type DbtRelations = (ref: string, place: Place) => Promise<string>;

/** As much of a node of the manifest as is looked at. */
export interface DbtNode {
  readonly resource_type: string;
  readonly name: string;
  readonly package_name: string;
  readonly version?: string | number | null;
  readonly latest_version?: string | number | null;
  readonly database?: string | null;
  readonly relation_name?: string | null;
  readonly columns?: Readonly<Record<string, unknown>>;
  readonly config?: { readonly materialized?: string; readonly unique_key?: unknown };
}

export interface DbtManifest {
  readonly metadata?: { readonly adapter_type?: string; readonly project_name?: string };
  readonly nodes: Readonly<Record<string, DbtNode>>;
  readonly disabled?: Readonly<Record<string, readonly DbtNode[]>>;
}

/** Where dbt writes it, from a Backhaul project in the dbt project or one folder below. */
const USUAL = ["target/manifest.json", "../target/manifest.json"];
const REFERABLE = new Set(["model", "seed", "snapshot"]);

/** The manifest's path: the one that is named, else the first of the usual ones that is there. */
export function findManifest(folder: string, named: string | undefined): string | undefined {
  if (named !== undefined) return resolve(folder, named);
  return USUAL.map((name) => join(folder, name)).find(existsSync);
}

/** @throws SyncError `dbt.unreadable` */
export async function readManifest(path: string, place?: Place): Promise<DbtManifest> {
  const damaged = (why: string) =>
    fail.config(
      "dbt.unreadable",
      `${path} is no manifest of dbt: ${why}.`,
      "Let dbt write it again: `dbt parse`.",
      place ? { place } : {},
    );
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw damaged(error.code === "ENOENT" ? "it is not there" : `it cannot be read (${error.code})`);
  });
  try {
    const manifest = JSON.parse(text) as DbtManifest;
    if (typeof manifest?.nodes === "object" && manifest.nodes !== null) return manifest;
  } catch (error) {
    throw damaged(error instanceof Error ? error.message : "it is not JSON");
  }
  throw damaged("it has no nodes");
}

export function dbtRelations(folder: string, named: string | undefined): DbtRelations {
  let reading: Promise<DbtManifest> | undefined;
  return async (ref, place) => {
    const path = findManifest(folder, named);
    if (path === undefined || !existsSync(path)) {
      throw fail.config(
        "dbt.no_manifest",
        `The dbt model "${ref}" cannot be found, because ${named === undefined ? "there is no target/manifest.json here or one folder up" : `there is no file ${named}`}.`,
        "Run `dbt parse` in the dbt project, and name its file by `dbt: { manifest: … }` in backhaul.yml.",
        { place },
      );
    }
    reading ??= readManifest(path, place);
    return relationOf(await reading, ref, relative(folder, path), place);
  };
}

/** Pure: the table of a model in a manifest. */
export function relationOf(manifest: DbtManifest, ref: string, file: string, place: Place): string {
  const problem = (code: string, message: string, remedy: string) =>
    fail.config(code, message, remedy, { place });
  const all = Object.values(manifest.nodes).filter((node) => REFERABLE.has(node.resource_type));
  const meant = all.filter((node) => isMeant(node, ref));
  const own = meant.filter((node) => node.package_name === manifest.metadata?.project_name);
  const found = own.length > 0 ? own : meant; // the project's own comes first, as in dbt's ref()
  if (found.length > 1) {
    throw problem(
      "dbt.ambiguous",
      `Several packages of the dbt project have a model "${ref}".`,
      `Name one: ${found.map((node) => `${node.package_name}.${node.name}`).join(", ")}.`,
    );
  }
  const [node] = found;
  if (node === undefined) {
    const isDisabled = Object.values(manifest.disabled ?? {})
      .flat()
      .some((other) => isMeant(other, ref));
    if (isDisabled)
      throw problem(
        "dbt.disabled",
        `The dbt model "${ref}" is disabled.`,
        "Enable it in dbt, or name another.",
      );
    const near = nearest(
      ref,
      all.flatMap(({ name, package_name }) => [name, `${package_name}.${name}`]),
    );
    throw problem(
      "dbt.unknown_model",
      `There is no model, seed or snapshot "${ref}" in ${file}.`,
      near
        ? `Did you mean "${near}"?`
        : "If it is new, let dbt write the manifest again: `dbt parse`, `dbt run` or `dbt build`.",
    );
  }
  if (!node.relation_name) {
    const how = node.config?.materialized ?? "unknown";
    throw problem(
      "dbt.no_table",
      `The dbt model "${ref}" has no table: it is ${how === "ephemeral" ? "ephemeral" : `materialized as ${how}`}.`,
      "Materialize it as a table or a view, or write a query of your own over it.",
    );
  }
  return node.relation_name;
}

/** `name` means the latest of several versions, `name.v2` that one; either may have a package in front. */
function isMeant(
  { name, package_name: pack, version, latest_version: latest }: DbtNode,
  ref: string,
): boolean {
  const names = [name, `${pack}.${name}`];
  if (version === undefined || version === null) return names.includes(ref);
  if (names.some((known) => `${known}.v${version}` === ref)) return true;
  return names.includes(ref) && String(version) === String(latest);
}
