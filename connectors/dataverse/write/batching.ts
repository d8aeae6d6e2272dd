/** Sorts a stream of operations into requests: by kind, of bounded count and size, each record once. */
import type { Operation } from "../../../src/sdk.ts";
import { LARGEST_BODY } from "../unverified.ts";
import { sizeOf } from "./bodies.ts";

export interface Batch {
  /** `none`: there is nothing to write. */
  readonly kind: Operation["kind"] | "none";
  readonly operations: readonly Operation[];
}

interface Lane {
  /** Operations that it takes. */
  readonly most: number;
  operations: Operation[];
  records: Set<string>;
  size: number;
}

/** Operations that are told of at once where nothing is to be sent. */
const MOST_UNSENT = 1000;

const emptyLane = (most: number): Lane => ({ most, operations: [], records: new Set(), size: 0 });

/**
 * Batches of the operations, in their order within a kind. `isStopped` is asked before each pull: what has been
 * pulled is still given out, so that every operation gets its outcome.
 */
export async function* batches(
  operations: AsyncIterable<readonly Operation[]>,
  most: (kind: Operation["kind"]) => number,
  isStopped: () => boolean,
): AsyncGenerator<Batch> {
  const lanes = new Map<Batch["kind"], Lane>();
  const mostOf = (kind: Batch["kind"]): number => (kind === "none" ? MOST_UNSENT : most(kind));
  if (isStopped()) return;
  for await (const group of operations) {
    for (const operation of group) {
      const kind = operation.fields.length === 0 && operation.kind === "update" ? "none" : operation.kind;
      let lane = lanes.get(kind) ?? emptyLane(mostOf(kind));
      const size = sizeOf(operation);
      const record = operation.record.toLowerCase();
      const isAgain = kind !== "create" && lane.records.has(record);
      const isFull = lane.operations.length >= lane.most || lane.size + size > LARGEST_BODY || isAgain;
      if (isFull && lane.operations.length > 0) {
        yield { kind, operations: lane.operations };
        lane = emptyLane(mostOf(kind));
      }
      if (lane.operations.length === 0) lanes.set(kind, lane);
      lane.operations.push(operation);
      lane.records.add(record);
      lane.size += size;
    }
    if (isStopped()) break;
  }
  for (const [kind, { operations: rest }] of lanes) {
    if (rest.length > 0) yield { kind, operations: rest };
  }
}
