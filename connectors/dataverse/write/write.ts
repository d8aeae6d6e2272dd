/** A stream of operations in, a stream of outcomes out. Memory is the gate's width times the batch's size. */
import {
  type Change,
  type Operation,
  type Outcome,
  type Planned,
  type Problem,
  SyncError,
  type WriteContext,
  type WriteOptions,
} from "../../../src/sdk.ts";
import { joined } from "../compile/joined.ts";
import type { Sessions } from "../elastic.ts";
import type { LaneOf } from "../sender/lanes.ts";
import type { Sender } from "../sender/sender.ts";
import type { Table } from "../table.ts";
import { type Batch, batches } from "./batching.ts";
import { mapConcurrent } from "./concurrent.ts";
import { hasFiles, sendFiles, withoutFiles } from "./files.ts";
import { deferred, rejected, unchanged } from "./outcomes.ts";
import { isBulk, LOOKING_MS, MOST_PARTS, type Settled, type SettleOptions, settle } from "./settle.ts";
import { stubMaker } from "./stubs.ts";

export interface WriterOptions {
  readonly table: Table;
  /** Tables that stubs are made in, by name. */
  readonly parents: ReadonlyMap<string, Table>;
  readonly options: WriteOptions;
  /** What becomes of a row whose record is not there, even when it was looked for again. */
  readonly missing: "defer" | "reject" | "skip";
  /** A gateway's path, in front of those of the service. */
  readonly prefix: string;
  readonly sender: Sender;
  readonly laneOf: LaneOf;
  /** Takes what reads of elastic tables have to bring. */
  readonly sessions: Sessions;
  /** Requests that may be in flight, as the gates know it. */
  readonly width: () => number;
  /** See `SettleOptions`. */
  readonly renamed?: SettleOptions["renamed"];
  /** Plans changes whole, because their records are gone. */
  readonly replan: (changes: readonly Change[]) => Promise<readonly Planned[]>;
}

/** Requests that stand ready at the gates, so that none waits for rows. */
const AHEAD = 2;

/**
 * Writes; each operation that was taken gets one outcome. What concerns every operation ends it: nothing more is
 * taken, what was taken and not sent is deferred, and the error is thrown after the last outcome.
 */
export async function* writeAll(
  operations: AsyncIterable<readonly Operation[]>,
  context: WriteContext,
  options: WriterOptions,
): AsyncGenerator<readonly Outcome[]> {
  let fatal: Problem | undefined;
  /** Ends what waits to be sent, not what is in flight. */
  const halt = new AbortController();
  const signal = AbortSignal.any([context.signal, halt.signal]);
  const settling: SettleOptions = {
    table: options.table,
    options: options.options,
    prefix: options.prefix,
    sender: options.sender,
    laneOf: options.laneOf,
    sessions: options.sessions,
    context: { ...context, signal },
    renamed: options.renamed,
    stop: (problem) => {
      fatal ??= problem;
      halt.abort();
    },
    stopped: () => fatal,
  };
  const { split, join } = joined();
  const early: Outcome[] = [];
  const makeStubs = stubMaker(settling, options.parents);
  const all = mapped(operations, async (group) => {
    const { ready, failed } = await makeStubs(group);
    early.push(...failed);
    return split(ready);
  });
  const { table, laneOf } = options;
  const sizeOf = (kind: Operation["kind"]) => sizeFor(table, kind, laneOf);
  const source = batches(all, sizeOf, () => signal.aborted);
  const width = () => options.width() + AHEAD;
  for await (const outcomes of mapConcurrent(source, width, (batch) => finish(batch, settling, options))) {
    const told = join(outcomes);
    const whole = early.length > 0 ? [...early.splice(0), ...told] : told;
    if (whole.length > 0) yield whole;
  }
  if (early.length > 0) yield early;
  if (fatal) throw new SyncError(fatal);
  if (context.signal.aborted) {
    throw new SyncError({ kind: "aborted", code: "aborted", message: "The run was interrupted." });
  }
}

/**
 * Operations of the next request. Where so many are bad that they go record by record anyway, as many as that takes at
 * once: requests that fail whole would never show that more of them may go together.
 */
function sizeFor(table: Table, kind: Operation["kind"], laneOf: LaneOf): number {
  const single = laneOf(table, kind, "batch");
  if (!isBulk(table, kind)) return single.size;
  const lane = laneOf(table, kind, "bulk");
  if (!lane.isSick(lane.size)) return lane.size;
  return Math.max(lane.size, Math.min(lane.most, single.rowsIn(LOOKING_MS), MOST_PARTS));
}

async function* mapped<T>(source: AsyncIterable<T>, map: (item: T) => Promise<T>): AsyncGenerator<T> {
  for await (const item of source) yield await map(item);
}

async function finish(
  { kind, operations, turn, end }: Batch,
  settling: SettleOptions,
  options: WriterOptions,
): Promise<readonly Outcome[]> {
  if (kind === "none") return operations.map(unchanged);
  await turn;
  try {
    const { outcomes, gone } = await settleAll(kind, operations, settling);
    return gone.length === 0 ? outcomes : [...outcomes, ...(await addAgain(gone, settling, options))];
  } finally {
    end();
  }
}

/** Rows first, then the files of the records that are there. */
async function settleAll(
  kind: Operation["kind"],
  operations: readonly Operation[],
  settling: SettleOptions,
): Promise<Settled> {
  const filed = operations.filter(hasFiles);
  if (filed.length === 0) return settle(kind, operations, settling);
  const rows = operations.map(withoutFiles).filter(({ fields }, index) => {
    return fields.length > 0 || !hasFiles(operations[index]!);
  });
  const settled = rows.length === 0 ? { outcomes: [], gone: [] } : await settle(kind, rows, settling);
  const lost = new Set(settled.gone.map(({ change }) => change));
  const told = new Map(settled.outcomes.map((outcome) => [outcome.change, outcome]));
  const ready = filed.filter(({ change }) => {
    const status = told.get(change)?.status;
    return !lost.has(change) && (status === undefined || status === "applied");
  });
  const sent = await sendFiles(ready, settling);
  const again = new Set([...sent.gone, ...sent.outcomes].map((one) => one.change));
  return {
    outcomes: [...settled.outcomes.filter(({ change }) => !again.has(change)), ...sent.outcomes],
    gone: [...settled.gone, ...sent.gone],
  };
}

/**
 * Records that vanished are added again, whole, and so are rows whose create met a record that may be its own echo; what
 * is gone for a second time is left to the next run.
 */
async function addAgain(
  gone: readonly Operation[],
  settling: SettleOptions,
  { replan, missing, parents }: WriterOptions,
): Promise<Outcome[]> {
  const makeStubs = stubMaker(settling, parents);
  const problem = settling.stopped();
  if (problem) return gone.map((operation) => deferred(operation, problem));
  let planned: readonly Planned[];
  try {
    planned = await replan([...new Set(gone.map(({ change }) => change))]);
  } catch (error) {
    const first = error instanceof SyncError ? error.problems[0] : undefined;
    if (first === undefined) throw error;
    settling.stop(first);
    return gone.map((operation) => deferred(operation, first));
  }
  const outcomes: Outcome[] = [];
  const again = new Map<Operation["kind"], Operation[]>();
  const { split, join } = joined();
  for (const plan of planned) {
    if (plan.status === "planned") {
      const { ready, failed } = await makeStubs([plan.operation]);
      outcomes.push(...failed);
      for (const operation of split(ready))
        again.set(operation.kind, [...(again.get(operation.kind) ?? []), operation]);
    } else outcomes.push(plan);
  }
  for (const [kind, operations] of again) {
    const settled = await settleAll(kind, operations, { ...settling, isAnew: true });
    outcomes.push(
      ...join([...settled.outcomes, ...settled.gone.map((operation) => goneTwice(operation, missing))]),
    );
  }
  // Several records of one change may be gone; each of them is answered.
  const told = new Map(outcomes.map((outcome) => [outcome.change, outcome]));
  return gone.flatMap(({ change }) => told.get(change) ?? []);
}

function goneTwice(operation: Operation, missing: WriterOptions["missing"]): Outcome {
  if (missing === "skip") return { status: "unchanged", change: operation.change, absent: true };
  const gone = { code: "record.not_found", message: `There is no record ${operation.record}.` };
  if (missing === "defer")
    return deferred(operation, { ...gone, kind: "deferred", remedy: "The next run looks for it again." });
  const remedy = "Leave the row out, set on_missing: skip, or use a mode and a match that make records.";
  return rejected(operation, { ...gone, kind: "rejected", remedy });
}
