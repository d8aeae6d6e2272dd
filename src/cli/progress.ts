import type { Progress } from "../sync/stage.ts";
import { count } from "./render.ts";

/** Shows how far a sync is: one line that rewrites itself on a terminal, a line per phase elsewhere. */
export interface ProgressLine extends Disposable {
  update(progress: Progress): void;
}

const PHASES = {
  stage: "running the model",
  diff: "comparing",
  write: "writing",
  commit: "committing",
} as const;
const EVERY_MS = 100;
const BAR = 24;

/** @param silent under `--json`: nothing is shown */
export function openProgress(label: string, stream: NodeJS.WriteStream, silent: boolean): ProgressLine {
  if (silent) return { update: () => {}, [Symbol.dispose]: () => {} };
  return stream.isTTY ? onTerminal(label, stream) : inLines(label, stream);
}

function onTerminal(label: string, stream: NodeJS.WriteStream): ProgressLine {
  let last = 0;
  let phase = "";
  let started = Date.now();
  return {
    update(progress) {
      const now = Date.now();
      if (progress.phase !== phase) {
        phase = progress.phase;
        started = now;
      } else if (now - last < EVERY_MS && progress.done !== progress.total) return;
      last = now;
      const text = `${label}  ${line(progress, (now - started) / 1_000)}`;
      stream.write(`\r\u001b[2K${text.slice(0, Math.max(20, (stream.columns ?? 80) - 1))}`);
    },
    [Symbol.dispose]() {
      stream.write("\r\u001b[2K");
    },
  };
}

function inLines(label: string, stream: NodeJS.WriteStream): ProgressLine {
  let phase = "";
  return {
    update(progress) {
      if (progress.waiting) {
        const seconds = Math.ceil(progress.waiting.milliseconds / 1_000);
        stream.write(`${label}: waiting ${seconds} s (${progress.waiting.reason})\n`);
      }
      if (progress.phase === phase) return;
      phase = progress.phase;
      const rows = progress.total === undefined ? "" : ` (${count(progress.total)} rows)`;
      stream.write(`${label}: ${PHASES[progress.phase]}${rows}\n`);
    },
    [Symbol.dispose]() {},
  };
}

/** The text of a progress line: bar, rows, rows a second, time left, rejected so far, why it waits. */
export function line({ phase, done, total, rejected, waiting }: Progress, seconds: number): string {
  const parts: string[] = [PHASES[phase]];
  if (done !== undefined && total !== undefined && total > 0) {
    const filled = Math.round((Math.min(done, total) / total) * BAR);
    parts.push(`${"█".repeat(filled)}${"░".repeat(BAR - filled)} ${count(done)}/${count(total)}`);
    if (seconds >= 1 && done > 0) {
      const rate = done / seconds;
      parts.push(`${count(Math.round(rate))}/s`);
      if (done < total) parts.push(`${Math.ceil((total - done) / rate)} s left`);
    }
  } else if (done !== undefined) parts.push(`${count(done)} rows`);
  if (rejected) parts.push(`${count(rejected)} rejected`);
  if (waiting) parts.push(`waiting ${Math.ceil(waiting.milliseconds / 1_000)} s: ${waiting.reason}`);
  return parts.join("  ");
}
