import { closeSync, existsSync, ftruncateSync, openSync, readSync, statSync } from "node:fs";
import { open } from "node:fs/promises";
import type { Outcome } from "../core/change.ts";
import { outcomeRow } from "./outcome.ts";
import type { Journal } from "./store.ts";

/** Local disk: an outcome is durable at most a second or 2,000 outcomes after it was appended. */
const FLUSH_AFTER_OUTCOMES = 2_000;
const FLUSH_AFTER_MS = 1_000;
/** A step is on its way to the disk while the next one gathers. */
const STEPS = 2;

/** Starts a run's journal, one JSON line per outcome after a header that names the run; an older one is replaced. */
export async function openJournal(path: string, run: string): Promise<Journal> {
  const file = await open(path, "w", 0o600);
  let lines = `${JSON.stringify({ run })}\n`;
  let waiting = 0;
  let writing: Promise<void> = Promise.resolve();
  let failure: unknown;
  const write = async (text: string): Promise<void> => {
    if (failure !== undefined) return; // it would stand behind a torn line
    await file.writeFile(text);
    await file.datasync();
  };
  const flush = (): Promise<void> => {
    const text = lines;
    lines = "";
    waiting = 0;
    if (text !== "") {
      writing = writing
        .then(() => write(text))
        .catch((error: unknown) => {
          failure ??= error;
        });
    }
    return writing;
  };
  const tell = (): void => {
    if (failure !== undefined) throw failure;
  };
  try {
    await flush();
    tell();
  } catch (error) {
    await file.close();
    throw error;
  }
  const timer = setInterval(() => void flush(), FLUSH_AFTER_MS);
  timer.unref();
  return {
    async append(outcomes) {
      tell();
      for (const outcome of outcomes) lines += journalLine(outcome);
      waiting += outcomes.length;
      if (waiting >= FLUSH_AFTER_OUTCOMES / STEPS) {
        const before = writing;
        void flush();
        await before;
      }
      tell();
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      try {
        await flush();
        tell();
      } finally {
        await file.close();
      }
    },
  };
}

function journalLine(outcome: Outcome): string {
  const { seq, status, id, owed, waits } = outcomeRow(outcome);
  let line = `{"seq":${seq},"status":"${status}"`;
  if (id !== undefined) line += `,"id":${JSON.stringify(id)}`;
  if (owed !== undefined) line += `,"owed":${JSON.stringify(owed)}`;
  if (waits) line += ',"waits":true';
  return `${line}}\n`;
}

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
