/** A sum over the last so many milliseconds, in slots, so that its size does not depend on what happens. Pure. */
export interface Window {
  readonly lengthMs: number;
  /** Number of the newest slot that was touched, counted from the clock's zero. */
  readonly newest: number;
  readonly slots: Float64Array;
  /** Of all slots. */
  readonly sum: number;
}

/** Whatever is younger than the length is in one of them: nothing slides out here before it does at the service. */
const PARTS = 100;
const SLOTS = PARTS + 1;

export const newWindow = (lengthMs: number): Window => ({
  lengthMs,
  newest: 0,
  slots: new Float64Array(SLOTS),
  sum: 0,
});

const slotAt = ({ lengthMs }: Window, at: number): number => Math.floor((at * PARTS) / lengthMs);

/** The window with an amount more, or less, at a moment; where that has slid out or is still to come, at the nearest that has not. */
export function added(window: Window, now: number, at: number, amount: number): Window {
  const newest = Math.max(window.newest, slotAt(window, now));
  const slots = window.slots.slice();
  let sum = totalOf(window, now);
  for (let n = Math.max(window.newest + 1, newest - SLOTS + 1); n <= newest; n++) slots[n % SLOTS] = 0;
  const slot = Math.min(newest, Math.max(slotAt(window, at), newest - SLOTS + 1)) % SLOTS;
  const change = Math.max(amount, -(slots[slot] as number));
  slots[slot] = (slots[slot] as number) + change;
  sum += change;
  return { ...window, newest, slots, sum };
}

/** What the last `lengthMs` before `now` hold. */
export function totalOf(window: Window, now: number): number {
  const { newest, slots, sum } = window;
  const passed = slotAt(window, now) - newest;
  if (passed <= 0) return sum;
  if (passed >= SLOTS) return 0;
  let left = sum;
  for (let n = 1; n <= passed; n++) left -= slots[(newest + n) % SLOTS] as number;
  return Math.max(0, left);
}

/** The moment at which the sum will be below a limit if nothing is added. */
export function belowAt(window: Window, now: number, limit: number): number {
  let sum = totalOf(window, now);
  if (sum < limit) return now;
  const oldest = Math.max(window.newest, slotAt(window, now)) - SLOTS + 1;
  for (let slot = Math.max(0, oldest); slot <= window.newest; slot++) {
    sum -= window.slots[slot % SLOTS] as number;
    if (sum < limit) return ((slot + SLOTS) * window.lengthMs) / PARTS;
  }
  return now + (window.lengthMs * SLOTS) / PARTS;
}
