import {
  closeSync,
  existsSync,
  fdatasyncSync,
  ftruncateSync,
  openSync,
  readSync,
  statSync,
  writeSync,
} from "node:fs";
import type { Outcome } from "../core/change.ts";
import { outcomeRow } from "./outcome.ts";
import type { Journal } from "./store.ts";

/** Local disk: an outcome is durable at most a second or 2,000 outcomes after it was appended. */
const FLUSH_AFTER_OUTCOMES = 2_000;
const FLUSH_AFTER_MS = 1_000;

/** Starts a run's journal, one JSON line per outcome after a header that names the run; an older one is replaced. */
export function openJournal(path: string, run: string): Journal {
  const file = openSync(path, "w", 0o600);
  let lines = `${JSON.stringify({ run })}\n`;
  let waiting = 0;
  let failure: unknown;
  const flush = (): void => {
    if (failure !== undefined) throw failure;
    if (lines === "") return;
    try {
      const bytes = Buffer.from(lines);
      for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
      fdatasyncSync(file);
    } catch (error) {
      failure = error; // what follows would stand behind a torn line
      throw error;
    }
    lines = "";
    waiting = 0;
  };
  flush();
  const timer = setInterval(() => {
    try {
      flush();
    } catch {
      // kept in `failure`: the next append tells it to the run
    }
  }, FLUSH_AFTER_MS);
  timer.unref();
  return {
    async append(outcomes) {
      if (failure !== undefined) throw failure;
      for (const outcome of outcomes) lines += journalLine(outcome);
      waiting += outcomes.length;
      if (waiting >= FLUSH_AFTER_OUTCOMES) flush();
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      try {
        if (failure === undefined) flush();
      } finally {
        closeSync(file);
      }
    },
  };
}

const journalLine = (outcome: Outcome): string => `${JSON.stringify(outcomeRow(outcome))}\n`;

/**
 * Readies a journal that a killed run left: cuts off a torn last line.
 *
 * @returns the run that wrote it; `undefined` when there is none or not even its header is whole
 */
export function reopenJournal(path: string): string | undefined {
  if (!existsSync(path)) return undefined;
  const file = openSync(path, "r+");
  try {
    const size = statSync(path).size;
    const end = lastLineEnd(file, size);
    if (end < size) ftruncateSync(file, end);
    const header = Buffer.alloc(Math.min(end, 4_096));
    readSync(file, header, 0, header.length, 0);
    const line = header.toString("utf8").split("\n", 1)[0] ?? "";
    try {
      const parsed: unknown = JSON.parse(line);
      const run = (parsed as { run?: unknown } | null)?.run;
      return typeof run === "string" ? run : undefined;
    } catch {
      return undefined;
    }
  } finally {
    closeSync(file);
  }
}

/** Offset just behind the last line feed; 0 when there is none. */
function lastLineEnd(file: number, size: number): number {
  const block = Buffer.alloc(65_536);
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - block.length);
    const length = readSync(file, block, 0, end - start, start);
    const found = block.subarray(0, length).lastIndexOf(10);
    if (found >= 0) return start + found + 1;
    end = start;
  }
  return 0;
}
