/**
 * The schedule's notebook beside the local state: a file for each version of an entry, the highest one counts. A
 * version is made by a hard link, which the file system gives to one process alone; a crash leaves whole files.
 */
import { randomBytes } from "node:crypto";
import { link, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fail } from "../core/errors.ts";
import type { Entries, Entry, Notebook } from "./notebook.ts";

const NAME = /^(.+)@(\d+)\.json$/;

function parsed(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw fail.config(
      "schedule.note_damaged",
      `${file} holds no JSON: a note of the schedule is damaged.`,
      "Take the file away: what it told is as if it had never been done.",
    );
  }
}

export function fileNotebook(folder: string): Notebook {
  const versions = async (): Promise<Map<string, number[]>> => {
    const found = new Map<string, number[]>();
    const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return [];
      throw error;
    });
    for (const name of names) {
      const [, key, version] = NAME.exec(name) ?? [];
      if (key !== undefined) found.set(key, [...(found.get(key) ?? []), Number(version)]);
    }
    return found;
  };
  const path = (name: string, version: number): string => join(folder, `${name}@${version}.json`);

  return {
    async read(): Promise<Entries> {
      const entries = new Map<string, Entry>();
      for (const [name, list] of await versions()) {
        const version = Math.max(...list);
        const text = await readFile(path(name, version), "utf8").catch((error: NodeJS.ErrnoException) => {
          if (error.code === "ENOENT") return undefined;
          throw error;
        });
        // Gone: another process has just written the next one.
        if (text === undefined) return this.read();
        entries.set(decodeURIComponent(name), { version, value: parsed(text, path(name, version)) });
      }
      return entries;
    },
    async write(key, value, seen) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const name = encodeURIComponent(key).replaceAll("*", "%2A");
      if (Math.max(0, ...((await versions()).get(name) ?? [])) !== seen) return false;
      const draft = join(folder, `draft-${randomBytes(8).toString("hex")}`);
      const wanted = path(name, seen + 1);
      try {
        // On the disk before it has its name: what a power failure leaves is whole too.
        await writeFile(draft, JSON.stringify(value), { mode: 0o600, flush: true });
        await link(draft, wanted);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
        throw error;
      } finally {
        await rm(draft, { force: true });
      }
      const all = (await versions()).get(name) ?? [];
      // Others have gone on meanwhile, and put away what was in the way of ours.
      const isLate = Math.max(...all) > seen + 1;
      const old = isLate ? [seen + 1] : all.filter((version) => version <= seen);
      for (const version of old) await rm(path(name, version), { force: true });
      return !isLate;
    },
    async [Symbol.asyncDispose]() {},
  };
}
