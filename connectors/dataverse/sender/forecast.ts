/** What a load will take, from the same figures that the sender goes by. Pure but for the lanes, which it asks. */
import {
  type Forecast,
  OPERATION_KINDS,
  type OperationCounts,
  type OperationKind,
} from "../../../src/sdk.ts";
import type { Table } from "../table.ts";
import { isBulk } from "../write/settle.ts";
import type { LaneOf } from "./lanes.ts";
import { PROTECTION } from "./service.ts";

/** Requests of one user at once, before anybody has measured. */
const PARALLEL = 4;

/**
 * @param steps operations by kind; each step is written whole before the next
 * @param users application users that share the load
 * @param stubs records that are made before, by table
 */
export function forecastOf(
  table: Table,
  steps: readonly OperationCounts[],
  laneOf: LaneOf,
  users: number,
  stubs: readonly (readonly [Table, number])[] = [],
): Forecast {
  let requests = 0;
  let executionMs = 0;
  const add = (into: Table, kind: OperationKind, count: number): void => {
    const lane = laneOf(into, kind, isBulk(into, kind) ? "bulk" : "batch");
    for (const rows of lane.sizesFor(count, PARALLEL * users)) {
      requests++;
      executionMs += lane.work(rows).expectedMs;
    }
  };
  for (const operations of steps) for (const kind of OPERATION_KINDS) add(table, kind, operations[kind]);
  for (const [parent, count] of stubs) add(parent, "create", count);
  const share = {
    requests: rounded(requests / (PROTECTION.requests * users)),
    execution: rounded(executionMs / (PROTECTION.executionMs * users)),
  };
  // What one window takes goes as fast as it can; the rest at the pace of the windows that follow.
  const windows = Math.max(share.requests, share.execution);
  const first = Math.min(1, 1 / windows) * (executionMs / (Math.min(requests, PARALLEL * users) || 1));
  const later = Math.max(0, windows - 1) * PROTECTION.windowMs;
  return {
    requests,
    seconds: rounded((Math.max(first, later > 0 ? PROTECTION.windowMs : 0) + later) / 1000),
    share,
  };
}

const rounded = (amount: number): number => Math.round(amount * 1000) / 1000;
