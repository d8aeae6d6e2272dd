/**
 * The planner: what is due, from the schedules, what has been done of them, and the time. Pure, so that a year can be
 * lived through in a test, and every worker comes to the same answer.
 */
import type { ScheduleSpec } from "../core/schedule.ts";
import { quietOf, type Times, timesOf } from "./times.ts";

/** What is known of a sync's schedule; instants are milliseconds since 1970. */
export interface Mark {
  /** The newest time that was taken up: of its cron line, or the end of the sync that it came after. */
  readonly time: number;
  /** The schedule that the time belongs to. */
  readonly of: string;
  /** Who took the time up and has not ended it; left out when the run has ended. */
  readonly holder?: string;
  /** When the holder last said that it lives. */
  readonly seen?: number;
  /** When a run of the schedule last ended well. */
  readonly well?: number;
  /** When the schedule was first seen. */
  readonly began?: number;
  /** The schedule before this one, its newest time, and when it was left: two schedulers may have two versions of it. */
  readonly was?: { readonly of: string; readonly time: number; readonly at: number };
}

export type Marks = ReadonlyMap<string, Mark>;

export interface Due {
  readonly sync: string;
  readonly time: number;
  /** How late it is, in milliseconds. */
  readonly late: number;
  /** It was begun before and did not end. */
  readonly again: boolean;
}

export interface Now {
  readonly now: number;
  /** Syncs that run, or wait for their turn, already. */
  readonly busy: ReadonlySet<string>;
  /** Whether the one who took a time up has gone without ending it; asked of marks that have a holder. */
  readonly isGone: (mark: Mark) => boolean;
}

export interface Planner {
  readonly specs: readonly ScheduleSpec[];
  due(marks: Marks, now: Now): Due[];
  /** The next instant at which something may be due that is not due now; undefined where only an end of a run can change that. */
  next(marks: Marks, now: Now): number | undefined;
  /**
   * The mark of a sync whose schedule is seen for the first time, or is another than before: it begins now. With
   * `since`, what fell due since then is caught up. It begins now, too, where the clock has been put back behind what
   * was done: else nothing would be due until it has come there again.
   */
  begin(sync: string, known: Mark | undefined, now: number, since?: number): Mark | undefined;
}

/** For each sync those that come before it, where both fall due: in no circle. */
export type Before = ReadonlyMap<string, readonly string[]>;

interface Compiled {
  readonly spec: ScheduleSpec;
  readonly fingerprint: string;
  /** The first time after another. */
  following(time: number): number | undefined;
  /** The newest time whose start, jitter and all, has come. */
  latest(marks: Marks, now: number): { readonly time: number; readonly start: number } | undefined;
  /** When the first start after the latest one comes. */
  coming(now: number): number | undefined;
  readonly quiet: ReturnType<typeof quietOf>;
}

/** Schedulers with two versions of a schedule take turns within this time, in milliseconds. */
const TURNS_MS = 600_000;

/** Clocks of several machines differ by less than this, in milliseconds. */
const AHEAD_MS = 3_600_000;

export function planner(specs: readonly ScheduleSpec[], before: Before = new Map()): Planner {
  const compiled = new Map(specs.map((spec) => [spec.sync, compile(spec)]));

  const dueOf = (
    { spec, latest, quiet }: Compiled,
    marks: Marks,
    { now, busy, isGone }: Now,
  ): Due | undefined => {
    const mark = marks.get(spec.sync);
    if (mark === undefined || busy.has(spec.sync)) return undefined;
    const found = latest(marks, now);
    const isNew = found !== undefined && found.time > mark.time;
    const again = mark.holder !== undefined && isGone(mark);
    if (mark.holder !== undefined && !again) return undefined;
    if (!isNew && !again) return undefined;
    const { time, start } = isNew ? found : { time: mark.time, start: startOf(spec, mark.time) };
    const late = Math.max(0, now - start);
    if (late > spec.lateMs || quiet.covers(now)) return undefined;
    return { sync: spec.sync, time, late, again };
  };

  /**
   * Whether one of those that come before has still to end since this one fell due. One that has ended since, however
   * it did, holds nobody up: not even where it is due again by then.
   */
  const isHeldUp = (
    { sync, time, again }: Due,
    due: ReadonlyMap<string, Due>,
    marks: Marks,
    now: Now,
  ): boolean => {
    const others = before.get(sync) ?? [];
    if (others.length === 0) return false;
    const last = marks.get(sync)!.time;
    const fell = again ? last : (compiled.get(sync)!.following(last) ?? time);
    return others.some((other) => {
      const mark = marks.get(other);
      if (mark === undefined) return false;
      const coming = due.get(other);
      // A late run that was due before this one fell due is not the one that it waits for.
      if (coming !== undefined) return coming.again || (mark.time < fell && coming.time >= fell);
      const runs = now.busy.has(other) || (mark.holder !== undefined && !now.isGone(mark));
      return runs && mark.time >= fell;
    });
  };

  return {
    specs,
    due(marks, now) {
      const found = [...compiled.values()].flatMap((one) => dueOf(one, marks, now) ?? []);
      const bySync = new Map(found.map((due) => [due.sync, due]));
      return found
        .filter((due) => !isHeldUp(due, bySync, marks, now))
        .sort((a, b) => b.late - a.late || (a.sync < b.sync ? -1 : 1));
    },
    next(marks, now) {
      const instants = [...compiled.values()].flatMap((one) => {
        const mark = marks.get(one.spec.sync);
        if (mark === undefined || now.busy.has(one.spec.sync) || dueOf(one, marks, now)) return [];
        const found = one.latest(marks, now.now);
        const waits = found !== undefined && found.time > mark.time && one.quiet.covers(now.now);
        const ends = waits ? one.quiet.end(now.now) : undefined;
        return [ends, one.coming(now.now)].filter((instant) => instant !== undefined);
      });
      return instants.length === 0 ? undefined : Math.min(...instants);
    },
    begin(sync, known, now, since = now) {
      const of = compiled.get(sync)?.fingerprint ?? "";
      const isAhead = (time: number | undefined): boolean => (time ?? 0) > now + AHEAD_MS;
      if (known?.of === of) {
        if (!isAhead(known.time) && !isAhead(known.well)) return undefined;
        const { well, began = now, ...rest } = known;
        const times = { time: Math.min(known.time, now), began: Math.min(began, now) };
        return { ...rest, ...times, ...(well === undefined ? {} : { well: Math.min(well, now) }) };
      }
      const { well, began = now, was } = known ?? {};
      const isOther = was?.of === of && now - was.at < TURNS_MS;
      return {
        time: isOther ? was.time : since,
        of,
        began,
        ...(well === undefined ? {} : { well }),
        ...(known === undefined ? {} : { was: { of: known.of, time: known.time, at: now } }),
      };
    },
  };
}

function compile(spec: ScheduleSpec): Compiled {
  const { trigger, timezone, sync } = spec;
  const quiet = quietOf(spec.quiet, timezone);
  if (trigger.kind === "after") {
    return {
      spec,
      quiet,
      fingerprint: `after ${[...trigger.syncs].sort().join(" ")}`,
      latest(marks) {
        const own = marks.get(sync)?.time ?? 0;
        const ends = trigger.syncs.map((other) => marks.get(other)?.well ?? 0);
        // Each must have ended since the last time; the last of them is the time.
        const time = Math.min(...ends) > own ? Math.max(...ends) : 0;
        return time > 0 ? { time, start: time } : undefined;
      },
      coming: () => undefined,
      following: () => undefined,
    };
  }
  const times = timesOf(trigger.cron, timezone);
  const start = (time: number): number => startOf(spec, time);
  return {
    spec,
    quiet,
    following: (time) => times.after(time),
    fingerprint: `cron ${trigger.cron.trim().replaceAll(/\s+/g, " ")} ${timezone}`,
    latest(_, now) {
      const time = latestStarted(times, start, now, trigger.jitterMs);
      return time === undefined ? undefined : { time, start: start(time) };
    },
    coming(now) {
      if (trigger.jitterMs === 0) return times.after(now);
      let coming: number | undefined;
      const from = now - trigger.jitterMs - 1;
      for (let time = times.after(from); time !== undefined; time = times.after(time)) {
        if (coming !== undefined && time >= coming) break;
        if (start(time) > now) coming = Math.min(coming ?? Number.POSITIVE_INFINITY, start(time));
      }
      return coming;
    },
  };
}

function latestStarted(
  times: Times,
  start: (time: number) => number,
  now: number,
  jitterMs: number,
): number | undefined {
  for (let time = times.atOrBefore(now); time !== undefined; time = times.atOrBefore(time - 1)) {
    if (start(time) <= now) return time;
    if (time < now - jitterMs) return undefined;
  }
  return undefined;
}

/** When a time's run starts: an offset within the jitter that is the same on every machine. */
export function startOf({ sync, trigger }: ScheduleSpec, time: number): number {
  if (trigger.kind === "after" || trigger.jitterMs === 0) return time;
  return time + (hash(`${sync} ${time}`) % trigger.jitterMs);
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value >>> 0;
}
