/** Sorts a stream of operations into requests: by kind, of bounded count and size, each record once. */
import type { Operation } from "../../../src/sdk.ts";
import { MOST_ROWS } from "../sender/sizes.ts";
import { LARGEST_BODY } from "../unverified.ts";
import { sizeOf } from "./bodies.ts";

export interface Batch {
  /** `none`: there is nothing to write. */
  readonly kind: Operation["kind"] | "none";
  readonly operations: readonly Operation[];
}

interface Lane {
  readonly kind: Batch["kind"];
  /** Operations that it takes. */
  most: number;
  operations: Operation[];
  /** Records of the operations, case aside. */
  records: Set<string>;
  size: number;
}

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
  const mostOf = (kind: Batch["kind"]): number => (kind === "none" ? MOST_ROWS : most(kind));
  const laneOf = (kind: Batch["kind"]): Lane => {
    const known = lanes.get(kind);
    if (known !== undefined) return known;
    const lane = { kind, most: mostOf(kind), operations: [], records: new Set<string>(), size: 0 };
    lanes.set(kind, lane);
    return lane;
  };
  if (isStopped()) return;
  let lane: Lane | undefined;
  for await (const group of operations) {
    for (const operation of group) {
      const kind = operation.fields.length === 0 && operation.kind === "update" ? "none" : operation.kind;
      if (lane?.kind !== kind) lane = laneOf(kind);
      const size = sizeOf(operation);
      const { operations, records } = lane;
      const isFull = operations.length >= lane.most || lane.size + size > LARGEST_BODY;
      const record = kind === "create" ? undefined : operation.record.toLowerCase();
      const isAgain = record !== undefined && !isAdded(records, record);
      if (operations.length > 0 && (isFull || isAgain)) {
        yield { kind, operations };
        lane.most = mostOf(kind);
        lane.operations = [];
        records.clear();
        if (record !== undefined) records.add(record);
        lane.size = 0;
      }
      lane.operations.push(operation);
      lane.size += size;
    }
    if (isStopped()) break;
  }
  for (const [kind, { operations: rest }] of lanes) {
    if (rest.length > 0) yield { kind, operations: rest };
  }
}

/** Adds to a set; false where it was there already. `has` and `add` would look twice. */
function isAdded<T>(set: Set<T>, item: T): boolean {
  const { size } = set;
  return set.add(item).size > size;
}
