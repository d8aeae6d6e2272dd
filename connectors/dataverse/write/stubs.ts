/** Makes parents that rows point at, before the rows are sent. */
import { type Added, allOf, type Operation, type Outcome, type Stub } from "../../../src/sdk.ts";
import type { Table } from "../table.ts";
import { deferred, rejected } from "./outcomes.ts";
import { isBulk, type SettleOptions, settle } from "./settle.ts";

export interface Made {
  /** Operations whose parents are there. */
  readonly ready: readonly Operation[];
  /** What became of those whose parents could not be made. */
  readonly failed: readonly Outcome[];
}

/** Each stub is made once; one that was made before, by a run that was killed, is known by its id. */
export function stubMaker(
  settling: SettleOptions,
  tables: ReadonlyMap<string, Table>,
): (operations: readonly Operation[]) => Promise<Made> {
  const made = new Set<string>();
  return async (operations) => {
    const wanted = new Map<string, Stub>();
    for (const operation of operations)
      for (const stub of stubsOf(operation)) if (!made.has(stub.record)) wanted.set(stub.record, stub);
    if (wanted.size === 0) return { ready: operations, failed: [] };
    const problems = new Map<string, Outcome>();
    for (const [object, table] of tables) {
      const stubs = [...wanted.values()].filter((stub) => stub.object === object);
      const lane = settling.laneOf(table, "create", isBulk(table, "create") ? "bulk" : "batch");
      for (let from = 0, size = lane.size; from < stubs.length; from += size, size = lane.size) {
        const creates = stubs.slice(from, from + size).map(createOf);
        const { outcomes } = await settle("create", creates, { ...settling, table, renamed: undefined });
        const told = new Map(outcomes.map((outcome) => [outcome.change, outcome]));
        for (const { record, change } of creates) {
          const outcome = told.get(change);
          if (outcome === undefined || "problem" in outcome) {
            if (outcome !== undefined) problems.set(record, outcome);
          } else made.add(record);
        }
      }
    }
    const failed = operations.flatMap((operation) => {
      const stub = stubsOf(operation).find(({ record }) => !made.has(record));
      return stub === undefined ? [] : [failure(operation, stub, problems.get(stub.record))];
    });
    const lost = new Set(failed.map(({ change }) => change));
    return { ready: operations.filter(({ change }) => !lost.has(change)), failed };
  };
}

const NONE: readonly Stub[] = [];
const stubsOf = (operation: Operation): readonly Stub[] =>
  operation.also === undefined
    ? (operation.stubs ?? NONE)
    : allOf(operation).flatMap(({ stubs = NONE }) => stubs);

function createOf({ record, fields }: Stub): Operation {
  const change: Added = { kind: "added", seq: 0, key: [], id: null, after: [] };
  return { kind: "create", change, record, fields, owed: [] };
}

function failure(operation: Operation, { object }: Stub, outcome: Outcome | undefined): Outcome {
  const problem =
    outcome && "problem" in outcome
      ? outcome.problem
      : ({ kind: "deferred", code: "lookup.no_stub", message: "It got no answer." } as const);
  const told = {
    ...problem,
    message: `The ${object} that the row points at could not be made: ${problem.message}`,
  };
  return (outcome?.status === "rejected" ? rejected : deferred)(operation, told);
}
