/** A stream of operations on members in, a stream of outcomes out: many members in one request. */
import {
  type Operation,
  type Outcome,
  type Problem,
  SyncError,
  type WriteContext,
} from "../../../src/sdk.ts";
import { folded, idOf } from "../url.ts";
import { mapConcurrent } from "../write/concurrent.ts";
import type { Entry, Keeper } from "./roster.ts";
import { isKept, type Kept, type Rosters } from "./rosters.ts";
import { type MemberSettling, type Settled, settleMembers } from "./settle.ts";

export interface MemberWriter
  extends Pick<MemberSettling, "sender" | "service" | "table" | "options" | "isSeveral"> {
  readonly keeper: Keeper;
  readonly rosters: Rosters;
  /** The name of the list that a row means. */
  readonly nameOf: (change: Operation["change"]) => string;
  /** Writes the records themselves, where they are written too. */
  readonly records: (
    operations: AsyncIterable<readonly Operation[]>,
    context: WriteContext,
  ) => AsyncIterable<readonly Outcome[]>;
  /** The ids of records whose outcome told none. */
  readonly idsOf: (operations: readonly Operation[]) => Promise<ReadonlyMap<Operation, string>>;
}

/** What is handed on to be written, or has been settled already. */
type Item =
  | { readonly kind: "settled"; readonly outcomes: readonly Outcome[] }
  | { readonly kind: "add" | "remove"; readonly kept: Kept; readonly entries: readonly Due[] };

/** A membership that is due, and what has become of its record before. */
interface Due extends Entry {
  readonly operation: Operation;
  readonly record?: Outcome;
}

export async function* writeMembers(
  operations: AsyncIterable<readonly Operation[]>,
  context: WriteContext,
  writer: MemberWriter,
): AsyncGenerator<readonly Outcome[]> {
  const failure: { problem?: Problem } = {};
  const stop = (problem: Problem): void => {
    failure.problem ??= problem;
  };
  const stopped = (): Problem | undefined => failure.problem;
  const settling: MemberSettling = { ...writer, context, stop, stopped };
  const isStopped = (): boolean => failure.problem !== undefined || context.signal.aborted;
  const items = inLanes(recordsFirst(operations, context, writer, stop), writer, isStopped, context);
  const width = Math.max(1, writer.service.width);
  yield* mapConcurrent(
    items,
    () => writer.service.width || width,
    async (item) => {
      if (item.kind === "settled") return item.outcomes;
      const settled = await settleMembers(item.kind, item.kept, item.entries, settling);
      return item.entries.map((entry) => outcomeOf(entry, settled.get(entry.id)!));
    },
  );
  if (failure.problem) throw new SyncError(failure.problem);
  if (context.signal.aborted)
    throw new SyncError({ kind: "aborted", code: "aborted", message: "The run was interrupted." });
}

/** A row is written when its record and its membership are. */
function outcomeOf({ operation, id, record }: Due, { result, request }: Settled): Outcome {
  const { change } = operation;
  const told = request === undefined ? {} : { request };
  if (typeof result === "object") {
    const status = result.kind === "rejected" ? "rejected" : "deferred";
    return { status, change, problem: { ...result, kind: status }, ...told };
  }
  if (record === undefined || record.status === "rejected" || record.status === "deferred")
    return { status: result, change, id, ...told };
  return { ...record, status: record.status === "applied" ? "applied" : result, id, ...told };
}

/** Records, where they are written too; then the memberships that this makes due. */
async function* recordsFirst(
  operations: AsyncIterable<readonly Operation[]>,
  context: WriteContext,
  writer: MemberWriter,
  stop: (problem: Problem) => void,
): AsyncGenerator<{ readonly due: readonly Due[]; readonly outcomes: readonly Outcome[] }> {
  for await (const group of operations) {
    const due: Due[] = [];
    const records = new Map<Operation["change"], Operation>();
    for (const operation of group) {
      const { kind } = operation;
      if (kind === "add_member" || kind === "remove_member")
        due.push({ operation, id: idOf(operation.record) ?? "" });
      else records.set(operation.change, operation);
    }
    try {
      if (records.size > 0)
        for await (const outcomes of writer.records(only([...records.values()].map(alone)), context))
          yield await withMemberships(outcomes, records, writer);
    } catch (error) {
      const problem = error instanceof SyncError ? error.problems[0] : undefined;
      if (problem === undefined) throw error;
      stop(problem);
    }
    // A record that is to be made when this was planned is there now.
    const unknown = due.filter(({ id }) => id === "").map(({ operation }) => operation);
    let found: ReadonlyMap<Operation, string> = new Map();
    try {
      if (unknown.length > 0) found = await writer.idsOf(unknown);
    } catch (error) {
      const problem = error instanceof SyncError ? error.problems[0] : undefined;
      if (problem === undefined) throw error;
      stop(problem);
      yield { due: [], outcomes: due.map(({ operation: { change } }) => deferred(change, problem)) };
      continue;
    }
    const ready: Due[] = due.map((one) =>
      one.id !== "" ? one : { ...one, id: found.get(one.operation) ?? "" },
    );
    const lost = ready.filter(({ id }) => id === "");
    yield {
      due: ready.filter(({ id }) => id !== ""),
      outcomes: lost.map(({ operation }) => ({
        status: "rejected",
        change: operation.change,
        problem: gone(operation),
      })),
    };
  }
}

/** The record's own write: what it joins afterwards is no part of it. */
function alone({ into: _, ...operation }: Operation): Operation {
  return operation;
}

const deferred = (change: Operation["change"], problem: Problem): Outcome => ({
  status: "deferred",
  change,
  problem: { ...problem, kind: "deferred" },
});

async function* only<T>(item: T): AsyncGenerator<T> {
  yield item;
}

/** Sorts outcomes of records into those whose row is done and those whose membership is due. */
async function withMemberships(
  outcomes: readonly Outcome[],
  records: ReadonlyMap<Operation["change"], Operation>,
  writer: MemberWriter,
): Promise<{ readonly due: readonly Due[]; readonly outcomes: readonly Outcome[] }> {
  const done: Outcome[] = [];
  const due: Due[] = [];
  const unknown: { operation: Operation; record: Outcome }[] = [];
  for (const record of outcomes) {
    const operation = records.get(record.change);
    const isWritten = record.status === "applied" || record.status === "unchanged";
    if (operation?.into === undefined || !isWritten || record.absent) done.push(record);
    else if (record.id !== undefined) due.push({ operation, id: record.id.toLowerCase(), record });
    else unknown.push({ operation, record });
  }
  const ids = unknown.length > 0 ? await writer.idsOf(unknown.map(({ operation }) => operation)) : new Map();
  for (const { operation, record } of unknown) {
    const id = ids.get(operation);
    if (id === undefined) done.push(deferred(record.change, gone(operation)));
    else due.push({ operation, id, record });
  }
  return { due, outcomes: done };
}

const gone = ({ record }: Operation): Problem => ({
  kind: "rejected",
  code: "member.not_found",
  message: `There is no record ${record}, so it cannot become a member.`,
  remedy: "Sync the record first, or leave the row out.",
});

/** A saved plan names lists that nobody has looked up since: those that are no more what they were cost their rows. */
async function lostLists(
  due: readonly Due[],
  { keeper, rosters, nameOf }: MemberWriter,
  { signal }: WriteContext,
): Promise<ReadonlyMap<Due, Outcome>> {
  const lost = new Map<Due, Outcome>();
  const isKnown = ({ operation: { into } }: Due): boolean => into !== undefined && rosters.all.has(into);
  const open = due.filter((one) => !isKnown(one));
  if (open.length === 0) return lost;
  const name = ({ operation: { change } }: Due): string => nameOf(change);
  const found = await rosters.named(open.map(name), signal);
  for (const one of open) {
    if (isKnown(one)) continue;
    const list = found.get(folded(name(one)));
    const problem: Problem = list !== undefined && !isKept(list) ? list : replaced(keeper.word, name(one));
    const { change } = one.operation;
    lost.set(one, { status: "rejected", change, problem: { ...problem, kind: "rejected" } });
  }
  return lost;
}

const replaced = (word: string, name: string): Problem => ({
  kind: "rejected",
  code: "audience.not_found",
  message: `The ${word} "${name}" that the plan was made for is there no more; another has its name.`,
  remedy: "Run or plan again.",
});

/** Batches for one list and one direction each, as large as a call may be. */
async function* inLanes(
  sources: AsyncIterable<{ readonly due: readonly Due[]; readonly outcomes: readonly Outcome[] }>,
  writer: MemberWriter,
  isStopped: () => boolean,
  context: WriteContext,
): AsyncGenerator<Item> {
  const { keeper, rosters } = writer;
  const lanes = new Map<string, { kind: "add" | "remove"; kept: Kept; entries: Due[] }>();
  if (isStopped()) return;
  for await (const { due, outcomes } of sources) {
    if (outcomes.length > 0) yield { kind: "settled", outcomes };
    const lost = await lostLists(due, writer, context);
    if (lost.size > 0) yield { kind: "settled", outcomes: [...lost.values()] };
    for (const one of due) {
      if (lost.has(one)) continue;
      const kind = one.operation.kind === "remove_member" ? "remove" : "add";
      const name = `${kind} ${one.operation.into}`;
      const lane = lanes.get(name) ?? { kind, kept: rosters.at(one.operation.into!), entries: [] };
      lanes.set(name, lane);
      lane.entries.push(one);
      if (lane.entries.length < keeper.most) continue;
      yield lane;
      lanes.delete(name);
    }
    if (isStopped()) break;
  }
  for (const lane of lanes.values()) yield lane;
}
