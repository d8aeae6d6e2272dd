/** Finding and reading the files of a project. */
import { readdir, readFile, stat } from "node:fs/promises";
import { join, posix } from "node:path";
import { type Place, type Problem, SyncError } from "../core/errors.ts";

const MOST_BYTES = 10 * 1024 * 1024;
const YAML = /\.ya?ml$/;
const SKIPPED = /^(\..*|node_modules|backhaul\.ya?ml)$/;

/** The file that makes a folder a project. */
export const PROJECT_FILE = "backhaul.yml";

/**
 * The text of a file: a regular one of at most 10 MB in UTF-8; a byte order mark is dropped. Throws
 * `config.unreadable` at `place`, which is the file itself unless another file names it.
 */
export async function readText(path: string, name: string, place: Place = { file: name }): Promise<string> {
  const found = await stat(path).catch((cause) => {
    throw unreadable(place, ...whyNot(name, cause), cause);
  });
  if (!found.isFile()) throw unreadable(place, `"${name}" is not a file.`, "Name a regular file.");
  if (found.size > MOST_BYTES)
    throw unreadable(place, `"${name}" is larger than 10 MB.`, "Check that it is the file you mean.");
  const bytes = await readFile(path).catch((cause) => {
    throw unreadable(place, ...whyNot(name, cause), cause);
  });
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw unreadable(place, `"${name}" is not text in UTF-8.`, "Save it in the encoding UTF-8.", cause);
  }
}

function unreadable(place: Place, message: string, remedy: string, cause?: unknown): SyncError {
  const problem: Problem = { kind: "config", code: "config.unreadable", message, remedy, place };
  return new SyncError(problem, cause);
}

function whyNot(name: string, cause: NodeJS.ErrnoException): [message: string, remedy: string] {
  // Who writes the query itself where its file is named.
  if (name.includes("\n") || /\bselect\s/i.test(name))
    return ["This is no name of a file.", "Write the query into a file of its own, and name that."];
  if (cause.code === "ENOENT" || cause.code === "ENOTDIR")
    return [`There is no file "${name}".`, "Correct its name, or create it."];
  if (cause.code === "EACCES" || cause.code === "EPERM")
    return [`"${name}" may not be read.`, "Allow this user to read it."];
  return [`"${name}" cannot be read (${cause.code ?? cause.message}).`, "Check the file and its disk."];
}

/**
 * The model files of a project, relative to its folder, in order of name: every YAML file below `models/`, and
 * those beside `backhaul.yml` in which a line starts with `model:` or `syncs:`, since other tools keep their
 * YAML there too. Dot folders and `node_modules` are passed over,
 * and so are the project files of others.
 */
export async function findModels(folder: string): Promise<string[]> {
  const beside = await yamlFiles(folder, "", false);
  const looks = await Promise.all(beside.map((file) => looksLikeModel(join(folder, file))));
  return [...beside.filter((_, i) => looks[i]), ...(await yamlFiles(folder, "models", true))].sort();
}

async function looksLikeModel(path: string): Promise<boolean> {
  const text = await readFile(path, "latin1").catch(() => "");
  return /^\uFEFF?(?:\u00EF\u00BB\u00BF)?["']?(model|syncs)["']?\s*:/m.test(text);
}

async function yamlFiles(folder: string, below: string, deep: boolean): Promise<string[]> {
  const entries = await readdir(join(folder, below), { withFileTypes: true }).catch((cause) => {
    if (cause.code === "ENOENT" || cause.code === "ENOTDIR") return [];
    throw unreadable({ file: below || "." }, ...whyNot(below || ".", cause), cause);
  });
  const found: string[] = [];
  for (const entry of entries) {
    if (SKIPPED.test(entry.name)) continue;
    const file = posix.join(below, entry.name);
    if (entry.isDirectory() && deep) found.push(...(await yamlFiles(folder, file, deep)));
    else if (YAML.test(entry.name) && (entry.isFile() || entry.isSymbolicLink())) found.push(file);
  }
  return found;
}
