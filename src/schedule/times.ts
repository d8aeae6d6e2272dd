/** Instants and wall clocks: when a cron line fires, and whether an instant lies in quiet hours. Pure. */
import { Cron } from "croner";
import { isQuiet, type QuietHours } from "../core/schedule.ts";

/**
 * The times of a cron line in a zone. A line with one hour fires once a day: where the clock is put forward over it, as
 * soon as the hour is over that does not exist; where the clock is put back, at the first of the two (so croner). A line
 * with several hours leaves out an hour that does not exist, and one that comes twice counts once. A line that says `*`
 * or a step of it for the hour goes by elapsed time.
 */
export interface Times {
  /** The last time at or before an instant. */
  atOrBefore(instant: number): number | undefined;
  /** The first time after an instant. */
  after(instant: number): number | undefined;
}

const SECOND = 1_000;
const MINUTE = 60_000;
const QUARTER = 15 * MINUTE;
const DAY = 86_400_000;

export function timesOf(cron: string, timezone: string): Times {
  const line = new Cron(cron, { timezone, paused: true });
  const offset = offsetsOf(timezone);
  const isElapsed = cron.trim().split(/\s+/)[1]?.startsWith("*") ?? false;
  /** The wall clock has shown this time before: clocks are put back by two hours at most, and by half an hour at least. */
  const isSecond = (time: number): boolean =>
    !isElapsed &&
    [2, 4, 8].some((quarters) => offset(time - quarters * QUARTER) - offset(time) === quarters * QUARTER);
  const previous = (before: number): number | undefined => {
    let time = line.previousRuns(1, new Date(before))[0]?.getTime();
    while (time !== undefined && isSecond(time)) time = line.previousRuns(1, new Date(time))[0]?.getTime();
    return time;
  };
  const next = (after: number): number | undefined => {
    let time = line.nextRun(new Date(after))?.getTime();
    while (time !== undefined && isSecond(time)) time = line.nextRun(new Date(time))?.getTime();
    return time;
  };
  /** Two times without another between them: most questions are about one pair. */
  let pair: { readonly from: number; readonly to: number } | undefined;
  const around = (instant: number): typeof pair => {
    if (pair !== undefined && pair.from <= instant && instant < pair.to) return pair;
    const from = pair?.to === instant ? instant : previous(Math.floor(instant / SECOND) * SECOND + SECOND);
    const to = next(instant);
    if (from === undefined || to === undefined) return undefined;
    pair = { from, to };
    return pair;
  };
  return {
    atOrBefore: (instant) =>
      around(instant)?.from ?? previous(Math.floor(instant / SECOND) * SECOND + SECOND),
    after: (instant) => around(instant)?.to ?? next(instant),
  };
}

export interface Quiet {
  covers(instant: number): boolean;
  /** The first instant at or after one that is not quiet; undefined where it is always quiet. */
  end(instant: number): number | undefined;
}

export function quietOf(hours: readonly QuietHours[], timezone: string): Quiet {
  if (hours.length === 0) return { covers: () => false, end: (instant) => instant };
  const offset = offsetsOf(timezone);
  const covers = (instant: number): boolean => {
    const local = instant + offset(instant);
    const day = (Math.floor(local / DAY) + 4) % 7; // 1970 began on a Thursday
    const now = Math.floor((local % DAY) / MINUTE);
    return isQuiet(hours, day, now);
  };
  return {
    covers,
    end(instant) {
      if (!covers(instant)) return instant;
      // Quiet hours begin and end with a minute of the wall clock, and so of every zone of today.
      const start = Math.floor(instant / MINUTE) * MINUTE;
      for (let at = start + MINUTE; at <= start + 8 * DAY; at += MINUTE) if (!covers(at)) return at;
      return undefined;
    },
  };
}

/** What a zone's clock is ahead of UTC, in milliseconds; it changes with a quarter of an hour alone. */
function offsetsOf(timezone: string): (instant: number) => number {
  const clock = new Intl.DateTimeFormat("en-US", {
    timeZone: timezone,
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    hourCycle: "h23",
  });
  const known = new Map<number, number>();
  return (instant) => {
    const quarter = Math.floor(instant / QUARTER) * QUARTER;
    const cached = known.get(quarter);
    if (cached !== undefined) return cached;
    const part = Object.fromEntries(
      clock.formatToParts(quarter).map(({ type, value }) => [type, Number(value)]),
    );
    const local = Date.UTC(part.year!, part.month! - 1, part.day!, part.hour!, part.minute!);
    if (known.size > 5_000) known.clear();
    known.set(quarter, local - quarter);
    return local - quarter;
  };
}
