/**
 * The schedule's notebook beside the local state: a file for each version of an entry, the highest one counts. A
 * version is made by a hard link, which the file system gives to one process alone; a crash leaves whole files.
 */
import { randomBytes } from "node:crypto";
import { link, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Entries, Entry, Notebook } from "./notebook.ts";

const NAME = /^(.+)@(\d+)\.json$/;

export function fileNotebook(folder: string): Notebook {
  const versions = async (): Promise<Map<string, number[]>> => {
    const found = new Map<string, number[]>();
    for (const name of await readdir(folder).catch(() => [])) {
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
        const text = await readFile(path(name, version), "utf8").catch(() => undefined);
        // Gone: another process has just written the next one.
        if (text === undefined) return this.read();
        entries.set(decodeURIComponent(name), { version, value: JSON.parse(text) });
      }
      return entries;
    },
    async write(key, value, seen) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const name = encodeURIComponent(key).replaceAll("*", "%2A");
      if (Math.max(0, ...((await versions()).get(name) ?? [])) !== seen) return false;
      const draft = join(folder, `draft-${randomBytes(8).toString("hex")}`);
      const wanted = path(name, seen + 1);
      await writeFile(draft, JSON.stringify(value), { mode: 0o600 });
      try {
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
