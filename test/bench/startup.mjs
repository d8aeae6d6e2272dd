import { fileURLToPath } from "node:url";
import { BIN, measured, median, report } from "./measure.mjs";

/** `backhaul --help` against `node -e 0`. */
export default async function startup() {
  const nothing = fileURLToPath(new URL("./nothing.mjs", import.meta.url));
  await measured(BIN, ["--help"]);
  const yardstick = await median(9, () => measured(nothing, []));
  const help = await median(9, () => measured(BIN, ["--help"]));
  report("backhaul --help / node with an empty file", help.seconds / yardstick.seconds, 3);
}
