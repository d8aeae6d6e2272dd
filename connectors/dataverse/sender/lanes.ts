/** What is remembered of each object and way of writing, for the length of a connection. */
import type { OperationKind } from "../../../src/sdk.ts";
import { ELASTIC_BATCH } from "../elastic.ts";
import { isElastic, type Table } from "../table.ts";
import type { Cost, Costs } from "./memory.ts";
import { LEAST_DEADLINE, newSizes, type Sizes, took, tooMany, WINDOW_SHARE, workOf } from "./sizes.ts";

export interface Lane {
  /** Rows of the next request. */
  readonly size: number;
  /** Rows that no request may have more of. */
  readonly most: number;
  /** Rows that a request may have which takes no longer than so many milliseconds. */
  rowsIn(milliseconds: number): number;
  /** The requests that so many rows will go in, when so many go at once. */
  sizesFor(rows: number, parallel: number): Iterable<number>;
  /** What a request of so many rows will take. */
  work(rows: number): { readonly expectedMs: number; readonly flatMs?: number };
  took(rows: number, milliseconds: number): void;
  tooMany(rows: number): void;
  /** So many rows were not done in the time that a request has, however often they were tried. */
  tooSlow(rows: number): void;
  /** Of so many rows so many were at fault. */
  found(rows: number, bad: number): void;
  /** A request that failed whole looks for bad rows until what is given back is called. */
  searches(): () => void;
  /** Requests that look for bad rows now. */
  readonly searching: number;
  /** True when so many rows together would hardly be without a bad one. */
  isSick(rows: number): boolean;
}

export type LaneOf = (table: Table, kind: OperationKind, way: "bulk" | "batch") => Lane;

/** Before anything was measured; people report about 20 milliseconds a row. */
const GUESS: Cost = { row: 20, own: 50 };
/** Bad rows expected in a request from which on it is not tried as a whole. */
const SICK = 2;
/** How much the last request counts among those before. */
const LAST = 0.3;

/**
 * @param windowMs over which the service sums up: no request is to be a large part of it
 * @param costs what was measured earlier, and where what is measured now is noted
 */
export function openLanes(most: number, windowMs: number, costs: Costs = new Map()): LaneOf {
  const longestMs = WINDOW_SHARE * windowMs;
  const lanes = new Map<string, Lane>();
  return (table, kind, way) => {
    const name = `${table.name} ${kind} ${way}`;
    const known = costs.get(name);
    const note = (cost: Cost) => void costs.set(name, cost);
    const lane =
      lanes.get(name) ??
      newLane(isElastic(table) ? Math.min(most, ELASTIC_BATCH) : most, longestMs, known, note);
    lanes.set(name, lane);
    return lane;
  };
}

function newLane(most: number, longestMs: number, known: Cost | undefined, note: (cost: Cost) => void): Lane {
  const guess = known ?? GUESS;
  let sizes: Sizes = newSizes(most, longestMs, known?.row);
  let badShare = 0;
  let searching = 0;
  return {
    get size() {
      return sizes.size;
    },
    get most() {
      return sizes.most;
    },
    rowsIn: (milliseconds) => Math.max(1, Math.floor(milliseconds / (sizes.rowMs ?? guess.row))),
    *sizesFor(rows, parallel) {
      let size = sizes.size;
      // Before anything is measured sizes grow with each round of requests.
      const largest = Math.min(most, sizes.rowMs === undefined ? longestMs / guess.row : size);
      for (let left = rows, at = 1; left > 0; at++) {
        yield Math.min(left, size);
        left -= size;
        if (at % parallel === 0) size = Math.max(size, Math.min(largest, 2 * size));
      }
    },
    work: (rows) => workOf(sizes, rows, guess.own + guess.row * rows),
    took(rows, milliseconds) {
      sizes = took(sizes, rows, milliseconds);
      const { fixedRows, rowMs } = sizes;
      if (rowMs !== undefined) note({ row: rowMs, own: fixedRows * rowMs });
    },
    tooMany(rows) {
      sizes = tooMany(sizes, rows);
    },
    tooSlow(rows) {
      // Where nothing was ever done that is all that is known; the next run begins with fewer.
      if (sizes.rowMs === undefined)
        note({ row: Math.max(guess.row, LEAST_DEADLINE / rows), own: guess.own });
    },
    found(rows, bad) {
      badShare += LAST * Math.min(1, rows / 20) * (bad / rows - badShare);
    },
    searches() {
      searching++;
      return () => void searching--;
    },
    get searching() {
      return searching;
    },
    isSick: (rows) => badShare * rows >= SICK,
  };
}
