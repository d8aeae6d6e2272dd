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
const LINE_EVERY_MS = 10_000;
const BAR = 24;

/** @param silent under `--json`: nothing is shown */
export function openProgress(stream: NodeJS.WriteStream, silent: boolean): ProgressLine {
  if (silent) return { update: () => {}, [Symbol.dispose]: () => {} };
  return stream.isTTY ? onTerminal(stream) : inLines(stream);
}

function onTerminal(stream: NodeJS.WriteStream): ProgressLine {
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
      const text = `${progress.sync}  ${line(progress, (now - started) / 1_000)}`;
      stream.write(`\r\u001b[2K${text.slice(0, Math.max(20, (stream.columns ?? 80) - 1))}`);
    },
    [Symbol.dispose]() {
      stream.write("\r\u001b[2K");
    },
  };
}

function inLines(stream: NodeJS.WriteStream): ProgressLine {
  let said = "";
  let last = 0;
  let started = 0;
  return {
    update(progress) {
      if (progress.waiting) {
        const seconds = Math.ceil(progress.waiting.milliseconds / 1_000);
        stream.write(`${progress.sync}: waiting ${seconds} s (${progress.waiting.reason})\n`);
      }
      const step = `${progress.sync} ${progress.phase}`;
      const now = Date.now();
      if (step === said) {
        if (now - last < LINE_EVERY_MS) return;
        last = now;
        stream.write(`${progress.sync}: ${line(progress, (now - started) / 1_000)}\n`);
        return;
      }
      said = step;
      last = started = now;
      const rows = progress.total === undefined ? "" : ` (${count(progress.total)} rows)`;
      stream.write(`${progress.sync}: ${PHASES[progress.phase]}${rows}\n`);
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
