/**
 * How many rows the next request of one object and message takes, from how long the last ones did: as many as the
 * service takes in one, short of a request that would last too long. A request costs something for itself and
 * something for each row; the two are told apart to foresee what the next one takes. Pure.
 */

export interface Sizes {
  /** Rows of the next request. */
  readonly size: number;
  /** The most rows that a request may have. */
  readonly most: number;
  /** Milliseconds that a request may take. */
  readonly longestMs: number;
  /** Milliseconds for a row, smoothed; undefined until the first reply. */
  readonly rowMs: number | undefined;
  /** The least of it that was seen lately: what a row takes when the service has nothing else to do. */
  readonly flatMs: number;
  /** What a request costs for itself, in rows. */
  readonly fixedRows: number;
  /** Weighted sums of rows and milliseconds, whose line tells the two costs apart. */
  readonly sums: Sums;
}

interface Sums {
  readonly weight: number;
  readonly n: number;
  readonly nn: number;
  readonly t: number;
  readonly nt: number;
}

/** "Use bulk operation messages": 100 to 1,000 rows; start with 100. */
export const FIRST_ROWS = 100;
export const MOST_ROWS = 1000;
/** The longest that a request is to take, as a share of a window: 10 seconds; a lock is held as long, and a plug-in may take 120. */
export const WINDOW_SHARE = 1 / 30;
/** What a request may cost for itself, as a share of it: rows are added until it is less, whatever they take ... */
const OWN_SHARE = 1 / 20;
/** ... up to so many milliseconds. */
const MOST_MS = 30_000;
/** A request that will take no longer may be any number of times as large as the last one; else it is twice as large. */
const LEAP_MS = 2_000;
/** No clock tells less apart. */
const TICK_MS = 0.001;
const SMOOTH = 0.2;
const FORGET = 0.99;
/** How much sizes must differ, relative to their mean, before their line says anything. */
const SPREAD = 0.02;

/** A silent request is given up after so many milliseconds at the earliest. */
export const LEAST_DEADLINE = 60_000;

/** @param rowMs what a row took in earlier commands; 0 where that is not known */
export function newSizes(most: number, longestMs: number, rowMs = 0): Sizes {
  return {
    size: Math.max(1, Math.min(FIRST_ROWS, most, Math.floor(longestMs / rowMs))),
    most,
    longestMs,
    rowMs: undefined,
    flatMs: Number.POSITIVE_INFINITY,
    fixedRows: 0,
    sums: { weight: 0, n: 0, nn: 0, t: 0, nt: 0 },
  };
}

/** What a request of so many rows will take, by what is known. */
export function workOf(
  { rowMs, flatMs, fixedRows }: Sizes,
  rows: number,
  otherwiseMs: number,
): { readonly expectedMs: number; readonly flatMs?: number } {
  if (rowMs === undefined) return { expectedMs: otherwiseMs };
  return { expectedMs: rowMs * (rows + fixedRows), flatMs: flatMs * (rows + fixedRows) };
}

/** A request of so many rows was done, in so many milliseconds. */
export function took(sizes: Sizes, rows: number, measured: number): Sizes {
  if (rows < 1 || !(measured > 0)) return sizes;
  const milliseconds = Math.max(TICK_MS, measured);
  const weight = 1 / milliseconds ** 2;
  const keep = (sum: number, more: number): number => sum * FORGET + weight * more;
  const sums: Sums = {
    weight: keep(sizes.sums.weight, 1),
    n: keep(sizes.sums.n, rows),
    nn: keep(sizes.sums.nn, rows * rows),
    t: keep(sizes.sums.t, milliseconds),
    nt: keep(sizes.sums.nt, rows * milliseconds),
  };
  const fixedRows = fixedOf(sums) ?? sizes.fixedRows;
  const sample = milliseconds / (rows + fixedRows);
  const rowMs = sizes.rowMs === undefined ? sample : sizes.rowMs + SMOOTH * (sample - sizes.rowMs);
  const flatMs = Math.min(sizes.flatMs * 1.003, rowMs);
  const next = { ...sizes, sums, fixedRows, rowMs, flatMs };
  return { ...next, size: sizeOf(next, rows) };
}

/** The service said that so many rows were too many. */
export function tooMany(sizes: Sizes, rows: number): Sizes {
  const most = Math.max(1, Math.floor(rows / 2));
  return { ...sizes, most: Math.min(sizes.most, most), size: Math.min(sizes.size, most) };
}

/** What a request costs for itself, in rows; undefined while all requests had about as many rows. */
function fixedOf({ weight, n, nn, t, nt }: Sums): number | undefined {
  const spread = weight * nn - n * n;
  if (spread < SPREAD * n * n) return undefined;
  const slope = (weight * nt - n * t) / spread;
  const own = (t - slope * n) / weight;
  if (slope <= 0) return MOST_ROWS;
  return Math.max(0, Math.min(MOST_ROWS, own / slope));
}

function sizeOf({ size, most, longestMs, rowMs = 0, fixedRows }: Sizes, rows: number): number {
  const within = (milliseconds: number): number => Math.floor(milliseconds / rowMs - fixedRows);
  // Where a request takes long for itself, few rows would make it hardly shorter.
  const worth = Math.min(fixedRows * (1 / OWN_SHARE - 1), within(MOST_MS));
  const wanted = Math.max(1, Math.min(most, Math.max(within(longestMs), Math.floor(worth))));
  if (wanted <= size || rows < 0.9 * size) return Math.min(size, wanted);
  return Math.min(wanted, Math.max(2 * size, within(LEAP_MS)));
}
