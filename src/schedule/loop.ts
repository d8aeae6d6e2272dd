/** One process that takes up what is due and runs it, until it is told to stop, or nothing is due any more. */
import type { Problem } from "../core/errors.ts";
import type { Log } from "../log/log.ts";
import { type Ended, INTERRUPTED } from "./child.ts";
import { change, type Entries, keyOf, marksIn, type Notebook } from "./notebook.ts";
import type { Due, Mark, Marks, Planner } from "./plan.ts";

export interface Clock {
  now(): number;
  /** Resolves after so many milliseconds, or when the signal aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

export interface Done extends Ended {
  readonly due: Due;
  readonly seconds: number;
}

/** What others are told while the loop goes on. */
export interface Watcher {
  /** Where the schedule remembers, before anything else is told. */
  opened?(notebook: Notebook): void;
  /** The notebook has been read: what stands in it, and when something is due next. */
  looked?(marks: Marks, now: number, next: number | undefined): void;
  began?(due: Due): void;
  ended?(done: Done): Promise<void> | void;
  /** Before the notebook is closed. */
  settled?(signal: AbortSignal): Promise<void>;
}

export interface LoopOptions {
  readonly planner: Planner;
  readonly notebook: Notebook;
  readonly run: (sync: string, signal: AbortSignal) => Promise<Ended>;
  /** How many run at once. */
  readonly parallel: number;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly log: Log;
  /** Names this process in the notebook. */
  readonly holder: string;
  /** Whether a holder is known to be no more. */
  readonly isDead: (holder: string) => boolean;
  /** Ends when nothing is due; a schedule that is seen for the first time is due at once. */
  readonly once?: boolean;
  readonly watcher?: Watcher;
}

/** Other processes change the notebook too: it is looked into as often as this, in milliseconds. */
const LOOK_MS = 15_000;

/** Who holds something says so again after this time, and is given up when he has not for so long, in milliseconds. */
const BEAT_MS = 30_000;
const SILENT_MS = 180_000;

/** One who was stopped before he could end what he took up. */
export const STOPPED = "stopped";

/** Another run holds the sync, one by hand or one whose scheduler was killed: what is due is due again, after a while. */
const HELD = "state.locked";
const HELD_MS = 5_000;

export const isHeld = ({ problems }: Pick<Ended, "problems">): boolean =>
  problems.some(({ code }) => code === HELD);

/** Exit codes of runs after which those that come after it may start. */
export const WELL: ReadonlySet<number> = new Set([0, 1]);

/** @returns what was run, in the order of its ends */
export async function runSchedule(options: LoopOptions): Promise<readonly Done[]> {
  const { planner, notebook, parallel, signal, clock, log, holder, watcher } = options;
  /** Asked of syncs that are not busy here: what this process holds of them, it has failed to give back. */
  const isGone = ({ holder: other = STOPPED, seen = 0 }: Mark): boolean =>
    other === STOPPED ||
    other === holder ||
    options.isDead(other) ||
    Math.abs(clock.now() - seen) > SILENT_MS;
  const held = new Set<string>();
  const busy = new Map<string, Promise<void>>();
  const waiting: Due[] = [];
  const done: Done[] = [];
  let running = 0;
  let wake = (): void => {};

  const start = async (due: Due): Promise<void> => {
    const began = clock.now();
    watcher?.began?.(due);
    log.info({ sync: due.sync, due: new Date(due.time).toISOString(), late: seconds(due.late) }, "due");
    const ended = await options.run(due.sync, signal);
    const result: Done = { ...ended, due, seconds: seconds(clock.now() - began) };
    done.push(result);
    const isTaken = isHeld(ended);
    if (isTaken && options.once) held.add(due.sync);
    if (isTaken && !options.once) {
      await watcher?.ended?.(result);
      tell(log, result);
      await clock.sleep(HELD_MS, signal);
      return giveBack(due);
    }
    const noting =
      isTaken || ended.exit === INTERRUPTED
        ? giveBack(due)
        : change(notebook, keyOf(due.sync), (value) => {
            const { holder: _, seen: __, ...mark } = value as Mark;
            const well = Math.max(clock.now(), (mark.well ?? 0) + 1);
            return WELL.has(ended.exit) ? { ...mark, well } : mark;
          });
    // Told, too, where it cannot be noted.
    const failed = await noting.then(
      () => undefined,
      (error: unknown) => ({ error }),
    );
    tell(log, result);
    await watcher?.ended?.(result);
    if (failed) throw failed.error;
  };

  const giveBack = (due: Due): Promise<void> =>
    change(notebook, keyOf(due.sync), (value) => ({ ...(value as Mark), holder: STOPPED }));

  /** Says that this process still lives, of all that it holds. */
  const beat = async (entries: Entries, now: number): Promise<void> => {
    for (const sync of busy.keys()) {
      const { version, value } = entries.get(keyOf(sync)) ?? { version: 0, value: undefined };
      const mark = value as Mark | undefined;
      if (mark?.holder === holder && Math.abs(now - (mark.seen ?? 0)) >= BEAT_MS)
        await notebook.write(keyOf(sync), { ...mark, seen: now }, version);
    }
  };

  const fill = (): void => {
    while (running < parallel && waiting.length > 0) {
      const due = waiting.shift()!;
      running += 1;
      const work = (signal.aborted ? giveBack(due) : start(due))
        .catch((error) =>
          log.error({ sync: due.sync, problem: String(error) }, "the schedule cannot be written"),
        )
        .finally(() => {
          running -= 1;
          busy.delete(due.sync);
          fill();
          wake();
        });
      busy.set(due.sync, work);
    }
  };

  /** Takes up what is due; gives when to look again. */
  const look = async (): Promise<number> => {
    const entries = await notebook.read();
    const now = clock.now();
    for (const { sync } of planner.specs) {
      const entry = entries.get(keyOf(sync));
      const mark = planner.begin(sync, entry?.value as Mark | undefined, now, options.once ? 0 : now);
      if (mark !== undefined && !busy.has(sync)) await notebook.write(keyOf(sync), mark, entry?.version ?? 0);
    }
    await beat(entries, now);
    const known = await notebook.read();
    const marks = marksIn(known);
    // One that another run holds is due again, for whoever comes next.
    const state = { now, busy: new Set([...busy.keys(), ...held]), isGone };
    for (const due of planner.due(marks, state)) {
      const { version } = known.get(keyOf(due.sync))!;
      const taken = await notebook.write(
        keyOf(due.sync),
        { ...marks.get(due.sync), time: due.time, holder, seen: now },
        version,
      );
      if (!taken) continue; // another process was quicker
      busy.set(due.sync, Promise.resolve());
      waiting.push(due);
    }
    const next = planner.next(marks, { ...state, busy: new Set([...busy.keys(), ...held]) });
    watcher?.looked?.(marks, now, next);
    fill();
    return Math.min(next ?? Number.POSITIVE_INFINITY, now + LOOK_MS);
  };

  // One listener for all turns: signals made of a long-lived one pile up.
  signal.addEventListener("abort", () => wake(), { once: true });
  watcher?.opened?.(notebook);
  while (!signal.aborted) {
    const woken = new AbortController();
    wake = () => woken.abort();
    let until = clock.now() + LOOK_MS;
    try {
      until = await look();
    } catch (error) {
      if (options.once) throw error;
      log.error({ problem: problemText(error) }, "the schedule cannot be read; it is tried again");
    }
    if (options.once && busy.size === 0) break;
    if (signal.aborted) break;
    await clock.sleep(Math.max(0, until - clock.now()), woken.signal);
  }
  fill();
  while (busy.size > 0) await Promise.all(busy.values());
  await watcher?.settled?.(signal);
  return done;
}

const seconds = (ms: number): number => Math.round(ms / 10) / 100;

/** A file is named outside of quotes, which the log takes for values. */
function problemText(error: unknown): string {
  const { path, code, message = String(error) } = error as Partial<NodeJS.ErrnoException>;
  return path === undefined || code === undefined ? message : `${path}: ${code}`;
}

function tell(log: Log, { due, exit, run, problems, seconds: took }: Done): void {
  const [first] = problems as readonly Problem[];
  const fields = {
    sync: due.sync,
    ...(run ? { run: run.run, applied: run.applied, rejected: run.rejections.total } : {}),
    exit,
    seconds: took,
    ...(first ? { code: first.code, problem: first.message, remedy: first.remedy ?? "" } : {}),
  };
  if (exit === 0) log.info(fields, "done");
  else if (exit === 1 || exit === INTERRUPTED)
    log.warn(fields, exit === 1 ? "done, with rejected rows" : "interrupted");
  else log.error(fields, "failed");
}
