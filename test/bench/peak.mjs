/** Preloaded into a measured process: writes its peak resident memory in KB and its processor time in s when it ends. */
import { writeFileSync } from "node:fs";

const file = process.env.BACKHAUL_PEAK_FILE;
delete process.env.BACKHAUL_PEAK_FILE;
process.on("exit", () => {
  const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage();
  writeFileSync(file, JSON.stringify([maxRSS, (userCPUTime + systemCPUTime) / 1e6]));
});
