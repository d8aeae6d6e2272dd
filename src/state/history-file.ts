/** The history of a sync on this machine: append-only JSON Lines beside its state, readable at any time. */
import { appendFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { History } from "./store.ts";

const BUFFERED = 500;

/** Appends to `rejects.jsonl` and `runs.jsonl` in the sync's folder. */
export function openFileHistory(folder: string): History {
  let lines: string[] = [];
  const append = (name: string, text: string): void => {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    appendFileSync(join(folder, name), text, { mode: 0o600 });
  };
  const flush = (): void => {
    if (lines.length > 0) append("rejects.jsonl", lines.join(""));
    lines = [];
  };
  return {
    async reject(entry) {
      lines.push(`${JSON.stringify(entry)}\n`);
      if (lines.length >= BUFFERED) flush();
    },
    async end(run) {
      flush();
      append("runs.jsonl", `${JSON.stringify(run)}\n`);
    },
  };
}
