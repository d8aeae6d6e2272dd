import { join } from "node:path";

/** Names of files and folders are made of what every file system takes. */
export const folderName = (name: string): string =>
  encodeURIComponent(name).replaceAll("*", "%2A").replaceAll(".", "%2E");

/** The folder of a project's syncs below the root of the local state: `ORGANISATION/OBJECT/SYNC` lie in it. */
export const projectFolder = (root: string, project: string): string =>
  join(root, "state", folderName(project));
