/**
 * Sorts a stream of operations into requests: by kind, of bounded count and size, each record once. Operations on one
 * record keep their order, whatever their kinds and however many requests go at once.
 */
import type { Operation } from "../../../src/sdk.ts";
import { MOST_ROWS } from "../sender/sizes.ts";
import { LARGEST_BODY } from "../unverified.ts";
import { sizeOf } from "./bodies.ts";

export interface Batch {
  /** `none`: there is nothing to write. */
  readonly kind: Operation["kind"] | "none";
  readonly operations: readonly Operation[];
  /** Resolves once the batches before it that write one of its records have ended; absent where there are none. */
  readonly turn?: Promise<unknown>;
  /** To be called once its operations are settled: what waits for its records may go. */
  end(): void;
}

interface Lane {
  readonly kind: Batch["kind"];
  /** Operations that it takes. */
  most: number;
  open: Open | undefined;
}

/** A batch from its first operation to its end. */
interface Open {
  readonly lane: Lane;
  readonly operations: Operation[];
  /** Records of the operations, folded. */
  readonly records: string[];
  /** Batches that write one of them, and came first. */
  readonly after: Set<Open>;
  readonly ended: Promise<void>;
  readonly end: () => void;
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
  /** Batches that have not ended, with the records that they write, and the last one of each that several write. */
  const opens = new Set<Open>();
  const taken = new Set<string>();
  const last = new Map<string, Open>();
  const mostOf = (kind: Batch["kind"]): number => (kind === "none" ? MOST_ROWS : most(kind));
  const laneOf = (kind: Batch["kind"]): Lane => {
    const known = lanes.get(kind);
    if (known !== undefined) return known;
    const lane: Lane = { kind, most: mostOf(kind), open: undefined };
    lanes.set(kind, lane);
    return lane;
  };
  const writerOf = (record: string): Open | undefined =>
    last.get(record) ?? [...opens].find(({ records }) => records.includes(record));
  const given = (open: Open): Batch => {
    const { lane, after, records } = open;
    lane.open = undefined;
    lane.most = mostOf(lane.kind);
    return {
      kind: lane.kind,
      operations: open.operations,
      ...(after.size > 0 ? { turn: Promise.all([...after].map(({ ended }) => ended)) } : {}),
      end() {
        for (const record of records) {
          if (last.size > 0 && (last.get(record) ?? open) !== open) continue;
          last.delete(record);
          taken.delete(record);
        }
        opens.delete(open);
        open.end();
      },
    };
  };
  if (isStopped()) return;
  let lane: Lane | undefined;
  for await (const group of operations) {
    for (const operation of group) {
      const kind = operation.fields.length === 0 && operation.kind === "update" ? "none" : operation.kind;
      if (lane?.kind !== kind) lane = laneOf(kind);
      const size = sizeOf(operation);
      const record = kind === "create" || kind === "none" ? undefined : foldedRecord(operation);
      const writer = record === undefined || isAdded(taken, record) ? undefined : writerOf(record);
      if (writer !== undefined && writer.lane.open === writer) yield given(writer);
      let { open } = lane;
      if (open !== undefined && (open.operations.length >= lane.most || open.size + size > LARGEST_BODY)) {
        yield given(open);
        open = undefined;
      }
      if (open === undefined) {
        open = lane.open = opened(lane);
        opens.add(open);
      }
      if (record !== undefined) open.records.push(record);
      if (record !== undefined && writer !== undefined) {
        taken.add(record); // it may have ended meanwhile
        last.set(record, open);
        open.after.add(writer);
      }
      open.operations.push(operation);
      open.size += size;
    }
    if (isStopped()) break;
  }
  for (const { open } of lanes.values()) if (open !== undefined) yield given(open);
}

function opened(lane: Lane): Open {
  let end = (): void => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  return { lane, operations: [], records: [], after: new Set(), ended, end, size: 0 };
}

/** Adds to a set; false where it was there already. `has` and `add` would look twice. */
function isAdded<T>(set: Set<T>, item: T): boolean {
  const { size } = set;
  return set.add(item).size > size;
}

/** A record's address as the service compares it: case does not count, nor do spaces at the end of a key's text. */
function foldedRecord({ record }: Operation): string {
  const lower = record.toLowerCase();
  return lower.includes(" '") ? lower.replace(/ +'/g, "'") : lower;
}
