/** A sum over the last so many milliseconds (page: api-limits, "a sliding window of five minutes"), in slots, so that its size does not depend on what happens. */
export interface Window {
  readonly slotMs: number;
  readonly slots: Float64Array;
  /** Number of the newest slot that was touched, counted since the epoch. */
  newest: number;
  sum: number;
}

const SLOTS = 300;

export const newWindow = (lengthMs: number): Window => ({
  slotMs: lengthMs / SLOTS,
  slots: new Float64Array(SLOTS),
  newest: 0,
  sum: 0,
});

/** Forgets what has slid out by now. */
function advance(window: Window, now: number): void {
  const current = Math.floor(now / window.slotMs);
  if (current <= window.newest) return;
  const passed = Math.min(current - window.newest, SLOTS);
  for (let at = 1; at <= passed; at++) {
    const slot = (current - passed + at) % SLOTS;
    window.sum -= window.slots[slot] as number;
    window.slots[slot] = 0;
  }
  if (passed === SLOTS) window.sum = 0;
  window.newest = current;
}

export function addTo(window: Window, now: number, amount: number): void {
  advance(window, now);
  const slot = window.newest % SLOTS;
  window.slots[slot] = (window.slots[slot] as number) + amount;
  window.sum += amount;
}

export function totalOf(window: Window, now: number): number {
  advance(window, now);
  return window.sum;
}

/** Milliseconds until enough has slid out for the sum to be below `limit`. */
export function waitBelow(window: Window, now: number, limit: number): number {
  advance(window, now);
  let sum = window.sum;
  for (let age = SLOTS - 1; age >= 0 && sum >= limit; age--) {
    sum -= window.slots[(window.newest - age + SLOTS) % SLOTS] as number;
    if (sum < limit) return (window.newest - age + SLOTS) * window.slotMs - now;
  }
  return 0;
}
