/** Texts that may be lost at any time, as files of a folder of ours. */
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Cache } from "../define.ts";

/** @param folder makes the folder when something is first kept, and names it */
export function openCache(path: string, folder: () => string): Cache {
  const fileOf = (name: string): string => join(path, `${encodeURIComponent(name)}.json`);
  return {
    read: (name) => readFile(fileOf(name), "utf8").catch(() => undefined),
    async write(name, text) {
      try {
        const file = join(folder(), `${encodeURIComponent(name)}.json`);
        // Two commands may keep the same at the same time: a reader finds one of them whole.
        const draft = `${file}.${process.pid}`;
        try {
          await writeFile(draft, text, { mode: 0o600 });
          await rename(draft, file);
        } finally {
          await rm(draft, { force: true });
        }
      } catch {} // a folder that cannot be written, a full disk: it is read again
    },
  };
}
