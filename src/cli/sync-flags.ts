/** The flags that plan and run share: what is planned with them is what runs with them. */
import { Flags } from "@oclif/core";
import type { Allow, Allowed } from "../sync/guard.ts";

export const syncFlags = {
  allow: Flags.option({
    options: ["removed", "changed"] as const,
    multiple: true,
    multipleNonGreedy: true,
    summary: "Let more rows be removed, or changed, than the guard allows. May be repeated.",
  })(),
  full: Flags.boolean({
    summary: "Write every row again, whole; what has left the model is still removed.",
  }),
};

export const allowedBy = (allow: readonly Allow[] | undefined): Allowed => new Set(allow);
