import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Tests of the command line run what the package ships: the build has to be there. */
export default function setup(): void {
  const bin = fileURLToPath(new URL("../../dist/src/bin.js", import.meta.url));
  if (!existsSync(bin)) throw new Error("There is no build: run `npm run build` first; `npm test` does.");
}
