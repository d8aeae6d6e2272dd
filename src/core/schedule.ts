/** When syncs run by themselves, as the planner sees it: defaults filled in, times as numbers. */

export type Trigger =
  | { readonly kind: "cron"; readonly cron: string; readonly jitterMs: number }
  /** When each of these syncs has ended well since the last time. */
  | { readonly kind: "after"; readonly syncs: readonly string[] };

export interface ScheduleSpec {
  readonly sync: string;
  readonly trigger: Trigger;
  /** IANA zone of the cron line and of the quiet hours. */
  readonly timezone: string;
  readonly quiet: readonly QuietHours[];
  /** How late a start may be, in milliseconds; Infinity where any start is made up for. */
  readonly lateMs: number;
}

/** Hours of the wall clock in which nothing starts. They end on the next day where `to` is not after `from`. */
export interface QuietHours {
  /** Days on which they begin, 0 for Sunday; all where it is left out. */
  readonly days?: readonly number[];
  /** Minutes since midnight. */
  readonly from: number;
  /** Minutes since midnight, at most 1440. */
  readonly to: number;
}

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `90s`, `5m`, `2h`, `1d` in milliseconds. */
export function milliseconds(duration: string): number {
  return Number.parseInt(duration, 10) * (UNITS[duration.at(-1) ?? ""] ?? Number.NaN);
}

/** A start that is this late is still on time. */
export const PROMPT_MS = 60_000;

/** `always`, `never` or a duration as the lateness that is allowed. */
export function lateness(catchUp: string): number {
  if (catchUp === "always") return Number.POSITIVE_INFINITY;
  return catchUp === "never" ? PROMPT_MS : Math.max(PROMPT_MS, milliseconds(catchUp));
}

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/** `22:00-06:00`, `Sat-Sun 00:00-24:00`; the text has been checked. */
export function quietHours(text: string): QuietHours {
  const [, first, last, from = "", to = ""] =
    /^(?:(\w{3})(?:-(\w{3}))? )?([\d:]+)-([\d:]+)$/.exec(text) ?? [];
  const minutes = (time: string): number => Number(time.slice(0, 2)) * 60 + Number(time.slice(3));
  const hours = { from: minutes(from), to: minutes(to) };
  if (first === undefined) return hours;
  const [start, end] = [DAYS.indexOf(first), DAYS.indexOf(last ?? first)];
  const days = Array.from({ length: ((end - start + 7) % 7) + 1 }, (_, i) => (start + i) % 7);
  return { ...hours, days };
}

/** Whether a minute of a day (0 is Sunday) lies in one of the hours; those that end before they begin go over midnight. */
export function isQuiet(hours: readonly QuietHours[], day: number, minute: number): boolean {
  const yesterday = (day + 6) % 7;
  return hours.some(({ days, from, to }) => {
    const begins = (on: number): boolean => days === undefined || days.includes(on);
    if (from < to) return begins(day) && from <= minute && minute < to;
    return (begins(day) && from <= minute) || (begins(yesterday) && minute < to);
  });
}

/** Whether no minute of the week is left in which a run may begin. */
export function isAlwaysQuiet(hours: readonly QuietHours[]): boolean {
  for (let minute = 0; minute < 7 * 1_440; minute++)
    if (!isQuiet(hours, Math.floor(minute / 1_440), minute % 1_440)) return false;
  return true;
}
