/** The history of a sync: append-only JSON Lines beside its state, readable at any time. */
import { appendFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Rejection, SyncRun } from "./report.ts";

/** A run's id: sorts by time, unique on every machine for all that matters. */
export function newRunId(now: Date = new Date()): string {
  const time = now.toISOString().replaceAll(/[-:.]/g, "");
  return `${time}-${Math.random().toString(36).slice(2, 8).padEnd(6, "0")}`;
}

export interface History {
  reject(rejection: Rejection): void;
  end(run: SyncRun): void;
}

const BUFFERED = 500;

/** Appends to `rejects.jsonl` and `runs.jsonl` in the sync's folder. */
export function openHistory(folder: string, run: string): History {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  let lines: string[] = [];
  const append = (name: string, text: string): void =>
    appendFileSync(join(folder, name), text, { mode: 0o600 });
  const flush = (): void => {
    if (lines.length > 0) append("rejects.jsonl", lines.join(""));
    lines = [];
  };
  return {
    reject(rejection) {
      lines.push(`${JSON.stringify({ run, ...rejection })}\n`);
      if (lines.length >= BUFFERED) flush();
    },
    end(result) {
      flush();
      const { rejections, ...rest } = result;
      append(
        "runs.jsonl",
        `${JSON.stringify({ ...rest, rejected: rejections.total, rejectedByCode: rejections.byCode })}\n`,
      );
    },
  };
}
