/** What a process calls itself where others see that it holds something, and whether such a one still lives. */
import { createHash, randomBytes } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

/** What tells this machine, and the process ids that are seen on it, from others of the same name. */
const HERE = createHash("sha256").update(placeOfProcesses()).digest("hex").slice(0, 8);

/** What tells this process from an earlier one of the same number. */
const SELF = randomBytes(4).toString("hex");

function placeOfProcesses(): string {
  try {
    return `${readFileSync("/proc/sys/kernel/random/boot_id", "utf8")} ${readlinkSync("/proc/self/ns/pid")}`;
  } catch {
    return hostname(); // no Linux: containers there run in a Linux of their own
  }
}

/** `host process 123 (…)`, another one at each call: one process may hold several things. */
export const holderName = (): string =>
  `${hostname()} process ${process.pid} (${HERE}-${SELF}-${randomBytes(4).toString("hex")})`;

/** The name as a person reads it. */
export const shownHolder = (holder: string): string => holder.replace(/ \([0-9a-f-]+\)$/, "");

/** Whether the holder is a process of this machine that has ended. Of other machines nothing is known. */
export function isDead(holder: string): boolean {
  const [, host, pid, here, self] = /^(.*) process (\d+) \(([0-9a-f]{8})-([0-9a-f]{8})/.exec(holder) ?? [];
  if (host !== hostname() || here !== HERE) return false;
  if (Number(pid) === process.pid) return self !== SELF;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}
