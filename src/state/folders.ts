import { existsSync, mkdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";

/** Names of files and folders are made of what every file system takes. */
export const folderName = (name: string): string =>
  encodeURIComponent(name).replaceAll("*", "%2A").replaceAll(".", "%2E");

/** The folder of a project's syncs below the root of the local state: `ORGANISATION/OBJECT/SYNC` lie in it. */
export const projectFolder = (root: string, project: string): string =>
  join(root, "state", folderName(project));

/**
 * Makes a folder for its owner alone, and those above it that are not there. Not by Node's `recursive`, which goes on
 * for ever where a folder is there and takes none, such as `/proc` (seen in Node 20).
 */
export function makeFolder(path: string): void {
  const missing: string[] = [];
  for (let at = path; !existsSync(at); at = dirname(at)) missing.unshift(at);
  for (const folder of missing) {
    try {
      mkdirSync(folder, { mode: 0o700 });
    } catch (error) {
      // Another process may have made it since.
      if (!existsSync(folder)) throw error;
    }
  }
  if (!statSync(path).isDirectory()) mkdirSync(path); // says that a file is in the way
}
