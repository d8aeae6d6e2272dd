import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { ManyToMany, TableDescription } from "../tables/column.ts";
import { isJson } from "./column.ts";
import { tableOf } from "./table.ts";

/** Loads tables from replies of `EntityDefinitions`, one table or a list of them in each JSON file of a folder. */

export interface Descriptions {
  readonly tables: readonly TableDescription[];
  readonly links: readonly ManyToMany[];
}

/** Says which file is no table definition, and why. */
export class DefinitionProblem extends Error {}

function filesIn(folder: string): string[] {
  let entries: string[];
  try {
    entries = readdirSync(folder, { recursive: true }).map(String);
  } catch {
    throw new DefinitionProblem(`${folder}: there is no such folder of table definitions.`);
  }
  const files = entries.filter((name) => name.endsWith(".json")).sort();
  const found = files.map((name) => join(folder, name)).filter((file) => statSync(file).isFile());
  if (found.length === 0) throw new DefinitionProblem(`${folder}: no JSON file in it, so no table to load.`);
  return found;
}

function documentsIn(file: string): readonly unknown[] {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(file, "utf8").replace(/^\uFEFF/, ""));
  } catch (problem) {
    throw new DefinitionProblem(`${file}: this is not JSON: ${(problem as Error).message}`);
  }
  return isJson(content) && Array.isArray(content.value) ? content.value : [content];
}

/**
 * Reads every file of a folder and its subfolders.
 * @param known tables of the sandbox; a loaded one takes the place of its namesake
 * @throws Error that names the file and what is wrong with it
 */
export function loadDescriptions(folder: string, known: Descriptions): Descriptions {
  const bulk = new Map(known.tables.map((table) => [table.logicalName, table.bulk]));
  const tables = new Map(known.tables.map((table) => [table.logicalName, table]));
  const links = new Map(known.links.map((link) => [link.schemaName, link]));
  const from = new Map<string, string>();
  for (const file of filesIn(folder)) {
    for (const document of documentsIn(file)) {
      const read = isJson(document) ? tableOf(document, (name) => bulk.get(name)) : "this is no object";
      if (typeof read === "string")
        throw new DefinitionProblem(`${file}: this is no definition of a table: ${read}.`);
      const { logicalName, set } = read.table;
      const earlier = from.get(logicalName);
      if (earlier)
        throw new DefinitionProblem(`${file}: the table '${logicalName}' is defined in ${earlier} already.`);
      for (const other of tables.values()) {
        if (other.set === set && other.logicalName !== logicalName) {
          throw new DefinitionProblem(
            `${file}: the set '${set}' belongs to the table '${other.logicalName}' already.`,
          );
        }
      }
      from.set(logicalName, file);
      tables.set(logicalName, read.table);
      for (const link of read.links) if (!links.has(link.schemaName)) links.set(link.schemaName, link);
    }
  }
  return { tables: [...tables.values()], links: [...links.values()] };
}
