/** Preloaded into a measured process: writes its peak resident memory in KB when it ends. */
import { writeFileSync } from "node:fs";

const file = process.env.BACKHAUL_PEAK_FILE;
delete process.env.BACKHAUL_PEAK_FILE;
process.on("exit", () => writeFileSync(file, String(process.resourceUsage().maxRSS)));
