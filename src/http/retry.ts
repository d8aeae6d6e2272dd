/** When to try again: pure arithmetic, no clock and no randomness of its own. */

export interface Schedule {
  /** Ceiling of the first wait, in milliseconds; it doubles with every attempt. */
  readonly base: number;
  /** The ceiling never grows beyond this. */
  readonly cap: number;
}

export const SCHEDULE: Schedule = { base: 500, cap: 30_000 };

/**
 * Milliseconds to wait before a further attempt, with full jitter: anything from nothing to a ceiling that
 * doubles with each failed attempt. What the service asked for is a floor; jitter comes on top of it, so that
 * slots that were stopped together do not start together.
 *
 * @param failed attempts that have failed so far, from 1
 * @param random a number from 0 up to, not including, 1
 */
export function waitBefore(failed: number, schedule: Schedule, random: number, asked = 0): number {
  const ceiling = Math.min(schedule.cap, schedule.base * 2 ** Math.min(failed - 1, 30));
  if (asked > 0) return Math.ceil(asked + random * Math.min(ceiling, asked / 4));
  return Math.floor(random * ceiling);
}

/** `Retry-After` in milliseconds: seconds, or a date (RFC 9110, 10.2.3). 0 for none or nonsense. */
export function retryAfter(header: string | undefined, now: number): number {
  if (header === undefined) return 0;
  const text = header.trim();
  if (/^\d+(\.\d+)?$/.test(text)) return Math.ceil(Number(text) * 1000);
  const at = Date.parse(text);
  return Number.isNaN(at) ? 0 : Math.max(0, at - now);
}
