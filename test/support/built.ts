import { chmodSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Tests of the command line run what the package ships: the build has to be there. */
export default function setup(): () => void {
  const bin = fileURLToPath(new URL("../../dist/src/bin.js", import.meta.url));
  if (!existsSync(bin)) throw new Error("There is no build: run `npm run build` first; `npm test` does.");
  // Where the first PostgreSQL that a test starts leaves the files of a new one for the next.
  const folder = mkdtempSync(join(tmpdir(), "backhaul-initdb-"));
  chmodSync(folder, 0o755);
  process.env.BACKHAUL_TEST_POSTGRES = folder;
  return () => rmSync(folder, { recursive: true, force: true });
}
