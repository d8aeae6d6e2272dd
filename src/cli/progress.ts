import { logSettings } from "../log/log.ts";
import type { Progress } from "../sync/stage.ts";
import { count, fitted, widthOf } from "./render.ts";

/** Shows how far syncs are: a line for each that rewrites itself on a terminal, a line per phase elsewhere. */
export interface ProgressLines extends Disposable {
  update(progress: Progress): void;
  /** The sync is over; what is shown of the others makes way for what is printed next. */
  end(sync: string): void;
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
const LEAST_BAR = 4;
/** A rate is that of the last so many milliseconds: it tells what happens now, not what has been. */
const WINDOW_MS = 15_000;

/** @param silent under `--json`: nothing is shown */
export function openProgress(
  stream: NodeJS.WriteStream,
  silent: boolean,
  now: () => number = Date.now,
): ProgressLines {
  // Where the log is JSON it tells the phases.
  if (silent || logSettings(process.env, stream, false).format === "json")
    return { update: () => {}, end: () => {}, [Symbol.dispose]: () => {} };
  return stream.isTTY ? onTerminal(stream, now) : inLines(stream, now);
}

/** What a sync has told in its phase. */
interface Told {
  progress: Progress;
  /** When the service lets it go on; 0 while it does not wait. */
  waitsUntil: number;
  readonly pace: Pace;
}

function onTerminal(stream: NodeJS.WriteStream, now: () => number): ProgressLines {
  const told = new Map<string, Told>();
  let shown = 0;
  let last = 0;
  const clear = (): void => {
    if (shown > 0) stream.write(`\r${"\u001b[1A\u001b[2K".repeat(shown - 1)}\u001b[2K`);
    shown = 0;
  };
  const draw = (): void => {
    clear();
    const width = widthOf(stream) - 1;
    const lines = [...told].map(([sync, item]) => {
      const left = item.waitsUntil - now();
      const waiting = left > 0 ? { waiting: { ...item.progress.waiting!, milliseconds: left } } : {};
      const { waiting: _, ...rest } = item.progress;
      const room = width - sync.length - 2;
      return fitted(`${sync}  ${line({ ...rest, ...waiting }, item.pace.rate(now()), room)}`, width).text;
    });
    // Each line but the last ends: the cursor stays on the last one.
    stream.write(lines.join("\n"));
    shown = lines.length;
    last = now();
  };
  return {
    update(progress) {
      const before = told.get(progress.sync);
      const isNew = before?.progress.phase !== progress.phase;
      const item = tell(before, progress, now());
      told.set(progress.sync, item);
      const isWhole = progress.done !== undefined && progress.done === progress.total;
      if (isNew || isWhole || now() - last >= EVERY_MS) draw();
    },
    end(sync) {
      told.delete(sync);
      clear();
    },
    [Symbol.dispose]: clear,
  };
}

function inLines(stream: NodeJS.WriteStream, now: () => number): ProgressLines {
  const told = new Map<string, Told & { said: number }>();
  return {
    update(progress) {
      const { sync, phase, total, waiting } = progress;
      if (waiting) {
        const seconds = Math.ceil(waiting.milliseconds / 1_000);
        stream.write(`${sync}: waiting ${seconds} s (${waiting.reason})\n`);
      }
      const before = told.get(sync);
      const isNew = before?.progress.phase !== phase;
      const item = Object.assign(tell(before, progress, now()), { said: isNew ? now() : before.said });
      told.set(sync, item);
      if (isNew) {
        const rows = total === undefined ? "" : ` (${count(total)} rows)`;
        stream.write(`${sync}: ${PHASES[phase]}${rows}\n`);
      } else if (now() - item.said >= LINE_EVERY_MS) {
        item.said = now();
        stream.write(`${sync}: ${line(progress, item.pace.rate(now()))}\n`);
      }
    },
    end: (sync) => void told.delete(sync),
    [Symbol.dispose]() {},
  };
}

function tell(before: Told | undefined, progress: Progress, at: number): Told {
  const isSame = before?.progress.phase === progress.phase;
  const pace = isSame ? before.pace : openPace(at);
  pace.add(at, progress.done ?? 0);
  const waitsUntil = progress.waiting ? at + progress.waiting.milliseconds : isSame ? before.waitsUntil : 0;
  // Why it waits is remembered for as long as it does.
  const waiting = progress.waiting ?? (waitsUntil > at ? before?.progress.waiting : undefined);
  return { progress: { ...progress, ...(waiting ? { waiting } : {}) }, waitsUntil, pace };
}

interface Pace {
  add(at: number, done: number): void;
  /** Rows a second of late; `undefined` while too little is known. */
  rate(at: number): number | undefined;
}

function openPace(start: number): Pace {
  const points: { at: number; done: number }[] = [];
  return {
    add(at, done) {
      if (points.length === 0) points.push({ at: start, done });
      else points.push({ at, done });
      while (points.length > 2 && points[1]!.at < at - WINDOW_MS) points.shift();
    },
    rate(at) {
      const [first] = points;
      const newest = points.at(-1);
      if (first === undefined || newest === undefined || at - first.at < 1_000) return undefined;
      const rate = (newest.done - first.done) / ((at - first.at) / 1_000);
      return rate > 0 ? rate : undefined;
    },
  };
}

/**
 * The text of a progress line: bar, rows of rows, rows a second, time left, rejected so far, why it waits.
 *
 * @param room columns; the bar is as long as the words leave, and left out where that is nearly nothing
 */
export function line(
  { phase, done, total, rejected, waiting }: Progress,
  rate: number | undefined,
  room = Number.POSITIVE_INFINITY,
): string {
  const parts: string[] = [PHASES[phase]];
  let share: number | undefined;
  if (done !== undefined && total !== undefined && total > 0) {
    share = Math.min(done, total) / total;
    parts.push(`${count(done)}/${count(total)}`);
    if (rate !== undefined) {
      parts.push(`${count(Math.max(1, Math.round(rate)))}/s`);
      if (done < total) parts.push(`${duration((total - done) / rate)} left`);
    }
  } else if (done !== undefined) parts.push(`${count(done)} rows`);
  if (rejected) parts.push(`${count(rejected)} rejected`);
  if (waiting) parts.push(`waiting ${Math.ceil(waiting.milliseconds / 1_000)} s: ${waiting.reason}`);
  const text = parts.join("  ");
  const bar = Math.min(BAR, room - text.length - 1);
  if (share === undefined || bar < LEAST_BAR) return text;
  const filled = Math.round(share * bar);
  return [parts[0], `${"█".repeat(filled)}${"░".repeat(bar - filled)} ${parts.slice(1).join("  ")}`].join(
    "  ",
  );
}

/** `40 s`, `12 min`, `3 h 20 min` */
export function duration(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
