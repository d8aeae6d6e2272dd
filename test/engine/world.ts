/** Lives through a history and holds the engine to what DESIGN promises. The oracle knows nothing of the engine. */
import type { Operation } from "../../src/core/change.ts";
import { noOperations } from "../../src/core/change.ts";
import type { ModelSpec } from "../../src/core/spec.ts";
import { planSyncs } from "../../src/sync/plan.ts";
import { type Prepared, prepare } from "../../src/sync/prepare.ts";
import type { SyncPlan, SyncRun } from "../../src/sync/report.ts";
import { runSync } from "../../src/sync/run.ts";
import type { SyncOptions } from "../../src/sync/stage.ts";
import {
  type FreeDestination,
  foldMatch,
  freeDestination,
  keyText,
  type StoredRecord,
} from "../support/free-destination.ts";
import { type FusedOptions, Killed } from "./fuse.ts";
import { fieldsOf, type History, type Mapping, queryOf, type Row, type Step, specOf } from "./history.ts";
import type { Site } from "./places.ts";

const signal = new AbortController().signal;

/** How often things happened, so that a property that tries nothing is seen. */
export type Tally = Record<string, number>;

function check(holds: boolean, what: string, ...seen: readonly unknown[]): asserts holds {
  if (!holds) throw new Error([what, ...seen.map((part) => JSON.stringify(part))].join(" "));
}

/** The rows that can be used: neither key nor match value null or another row's. */
export function usable(rows: readonly Row[]): Map<string, Row> {
  const alone = (values: readonly (string | null)[]) => (value: string | null) =>
    value !== null && values.filter((other) => other === value).length === 1;
  const key = alone(rows.map(({ id }) => id?.toString() ?? null));
  const match = alone(rows.map(({ code }) => (code === null ? null : foldMatch(code))));
  const good = rows.filter(
    ({ id, code }) => key(id?.toString() ?? null) && match(code === null ? null : foldMatch(code)),
  );
  return new Map(good.map((row) => [String(row.id), row]));
}

export async function live(
  site: Site,
  options: FusedOptions,
  { mode, steps, last, ...history }: History,
  tally: Tally,
): Promise<void> {
  const destination = freeDestination();
  destination.tellsIds = history.tellsIds;
  destination.batchSize = history.batchSize;
  options.journalOutcomes = history.journalOutcomes;
  const seeds = history.seeds.map((match) => destination.seed(match, { name: '"theirs"' }));
  const count = (what: string): void => {
    tally[what] = (tally[what] ?? 0) + 1;
  };

  const owes = steps.some(({ faults }) => faults.includes("owed"));
  let rows: readonly Row[] = [];
  /** Keys whose record was sent a new match value, without an answer, while its id was unknown. */
  const movedInDoubt = new Set<string>();
  let movedNow = new Set<string>();
  const versions = new Map<string, Set<string>>();
  destination.onRemoval = (record, { change, kind }) => {
    const key = keyText(change.key);
    check(
      kind === (mode.onRemoved === "deactivate" ? "deactivate" : "delete"),
      "a removal of the wrong kind",
      kind,
    );
    check(!rows.some(({ id }) => String(id) === key), "a row that is in the model was removed", key);
    check(record.owner !== undefined, "a record that the sync has not written was removed", record.match);
    for (const [claimer, row] of usable(rows)) {
      if (foldMatch(row.code!) !== foldMatch(record.match)) continue;
      const own = destination.records.some(
        (other) => other !== record && other.owner === claimer && other.active,
      );
      const told = !isUnsure(claimer) && !isMovedUntold(record);
      check(own || !told, "a record was removed that a row of the model claims", record.match);
    }
  };
  const prepared = (mapping: Mapping, guarded: boolean): Promise<Prepared> =>
    preparedAt(site, destination, specOf("people", mode, mapping, guarded), mapping);

  for (const step of steps) {
    rows = step.rows;
    await site.fill(rows);
    remember(rows, step.mapping);
    const wanted: SyncOptions = { signal };
    const setup = await prepared(step.mapping, step.guarded);
    const expected = step.planned ? await planLeavingAll(setup, wanted) : undefined;
    movedNow = new Set();
    let next = 0;
    destination.fault = (operation) => {
      const fault = step.faults[next++] ?? "ok";
      const key = keyText(operation.change.key);
      if (isBlindMove(operation)) movedNow.add(key);
      return fault;
    };
    const before = destination.received.length;
    const run = await runOrDie(setup, step, wanted);
    if (run === "killed") count("kills");
    else if (run === undefined) count("throws");
    else if (run.stopped?.kind === "guard") {
      count("guard stops");
      check(destination.received.length === before, "a stopped run has sent something");
    }
    for (const key of movedNow) movedInDoubt.add(key);
    if (run === undefined || run === "killed") continue;
    if (expected !== undefined && step.faults.every((fault) => fault === "ok")) {
      count("plans");
      samePlan(expected, run, before);
    }
    if (run.stopped === undefined && step.faults.every((fault) => fault === "ok"))
      for (const key of movedNow) movedInDoubt.delete(key);
  }

  rows = last.rows;
  await site.fill(rows);
  remember(rows, last.mapping);
  destination.fault = () => "ok";
  const clean: SyncOptions = { signal, retry: true, allow: new Set(["removed", "changed"] as const) };
  const setup = await prepared(last.mapping, false);
  const expected = await planLeavingAll(setup, clean);
  const sent = destination.received.length;
  const run = await runSync(setup, clean);
  samePlan(expected, run, sent);
  check(run.stopped === undefined, "the clean run was stopped", run.stopped);
  check(run.deferred === 0, "the clean run left something open", run);
  equalsModel(run);
  const stored = JSON.stringify(destination.records, (_, value) =>
    value instanceof Map ? [...value] : value,
  );
  const again = await planLeavingAll(setup, clean);
  const refusals = Object.keys(run.rejections.byCode).filter(
    (code) => !/^(key|match)\.(null|double)$/.test(code),
  );
  if (refusals.length === 0) {
    count("settled");
    const left = Object.values(again.operations).reduce((a, b) => a + b, 0);
    check(left === 0, "the plan after a clean run is not empty", again.operations);
  } else {
    for (const code of refusals) count(`left ${code}`);
    await runSync(setup, clean);
    const now = JSON.stringify(destination.records, (_, value) =>
      value instanceof Map ? [...value] : value,
    );
    check(now === stored, "a second clean run has changed the destination");
  }

  function remember(model: readonly Row[], mapping: Mapping): void {
    for (const row of model) {
      const values = versions.get(String(row.id)) ?? new Set();
      for (const [field, json] of Object.entries(fieldsOf(row, mapping))) values.add(`${field}=${json}`);
      versions.set(String(row.id), values);
    }
  }

  async function runOrDie(
    setup: Prepared,
    step: Step,
    wanted: SyncOptions,
  ): Promise<SyncRun | "killed" | undefined> {
    if (step.kill) options.fuse.arm(step.kill.at, step.kill.when);
    try {
      return await runSync(setup, wanted);
    } catch (error) {
      if (options.fuse.blown) {
        await site.bury(step.kill!.torn);
        return "killed";
      }
      if (error instanceof Killed || (error as Error).message === "the process dies here") return undefined;
      throw error;
    } finally {
      if (options.fuse.blown) await site.bury(step.kill?.torn ?? 1);
      options.fuse.disarm();
    }
  }

  async function planLeavingAll(setup: Prepared, wanted: SyncOptions): Promise<SyncPlan> {
    const before = await site.picture();
    const received = destination.received.length;
    let plan: SyncPlan | undefined;
    for await (plan of planSyncs([setup], wanted));
    check(destination.received.length === received, "a plan has sent something");
    const after = await site.picture();
    check(madeNothing(before, after), "a plan has changed the state", before, after);
    return plan!;
  }

  function samePlan(plan: SyncPlan, run: SyncRun, before: number): void {
    check(plan.stopped?.code === run.stopped?.code, "plan and run disagree whether to stop", plan, run);
    const operations = noOperations();
    for (const { kind } of destination.received.slice(before)) operations[kind] += 1;
    const refused = Object.keys(run.rejections.byCode).some((code) => code.startsWith("test."));
    if (!refused)
      check(
        JSON.stringify(plan.operations) === JSON.stringify(operations),
        "the plan said",
        plan,
        "the run sent",
        operations,
        run,
      );
    check(plan.waiting <= run.waiting, "fewer wait than the plan said");
  }

  function isBlindMove({ change }: Operation): boolean {
    if (change.kind !== "changed" || change.id !== null) return false;
    return foldMatch(change.before[1] ?? "") !== foldMatch(change.after[1] ?? "");
  }

  function equalsModel(run: SyncRun): void {
    const good = usable(rows);
    const present = new Set(rows.map(({ id }) => String(id)));
    const rejected = new Set(run.rejections.listed.map(({ key }) => keyText(key)));
    for (const code of Object.keys(run.rejections.byCode)) {
      const known = /^(key|match)\.(null|double)$|^test\.taken$|^match\.taken$/.test(code);
      check(known || (code === "test.not found" && mode.mode === "update"), "rejected for no reason", code);
    }
    const owned = new Map<string, StoredRecord[]>();
    for (const record of destination.records)
      if (record.owner !== undefined && record.active)
        owned.set(record.owner, [...(owned.get(record.owner) ?? []), record]);

    for (const [key, row] of good) {
      const record = destination.find(row.code!);
      if (rejected.has(key)) {
        check(
          isBlocked(key, record, rejected),
          "a row that nothing keeps out was rejected",
          row,
          run.rejections.listed,
        );
        continue;
      }
      const want = fieldsOf(row, last.mapping);
      if (mode.mode === "insert") {
        const own = owned.get(key);
        check(own?.length === 1, "a row was not inserted once", row, own);
        for (const [field, json] of own![0]!.fields)
          check(
            versions.get(key)!.has(`${field}=${json}`),
            "inserted what the model never held",
            row,
            field,
            json,
          );
        continue;
      }
      check(record !== undefined, "a row was lost", row);
      check(record.active, "a row's record is inactive", row);
      check(record.owner === key, "another row's record", row, record);
      for (const [field, json] of Object.entries(want))
        check(
          record.fields.get(field) === json,
          "a field differs",
          row,
          field,
          record.fields.get(field),
          json,
        );
      check(
        owned.get(key)!.length === 1 || movedInDoubt.has(key),
        "a record is doubled",
        key,
        owned.get(key),
      );
    }

    const matches = destination.records.map(({ match }) => foldMatch(match));
    check(new Set(matches).size === matches.length, "two records have one match value", matches);
    const kinds = new Set(destination.received.map(({ kind }) => kind));
    if (mode.mode === "insert")
      check(
        [...kinds].every((kind) => kind === "create" || (kind === "update" && owes)),
        "insert sent",
        [...kinds],
      );
    if (mode.mode === "update") {
      check(
        [...kinds].every((kind) => kind === "update"),
        "update sent",
        [...kinds],
      );
      check(destination.records.length === seeds.length, "update made or lost a record");
    }
    if (mode.onRemoved === "keep")
      check(!kinds.has("delete") && !kinds.has("deactivate"), "keep has removed");
    for (const seed of seeds) {
      if (seed.owner !== undefined) continue;
      check(destination.records.includes(seed) && seed.active, "somebody else's record is gone", seed.match);
      check(seed.fields.get("name") === '"theirs"', "somebody else's record was written", seed.match);
    }
    if (mode.onRemoved !== "keep")
      for (const record of destination.records)
        if (record.active && record.owner !== undefined)
          check(
            present.has(record.owner) ||
              movedInDoubt.has(record.owner) ||
              isWanted(record.match) ||
              isUntold(record) ||
              isKeptByItsOldValue(record),
            "a record of a row that has left is still there",
            record,
          );
  }

  /** Whether a run that may have written the row's record got no answer. */
  function isUnsure(key: string): boolean {
    return (
      movedInDoubt.has(key) ||
      steps.some(
        ({ rows: earlier, faults, kill }) =>
          (kill || faults.some((fault) => /lost|throw|deferred/.test(fault))) &&
          earlier.some(({ id }) => String(id) === key),
      )
    );
  }

  /** A record of somebody else's that was written without an answer, and then meant to hold something else. */
  function isUntold(record: StoredRecord): boolean {
    return !record.made && record.owner !== undefined && isUnsure(record.owner);
  }

  /** Other match values of a record's row, where the last one may have been written without an answer. */
  function othersInDoubt({ owner, match }: StoredRecord): string[] {
    if (owner === undefined || !isUnsure(owner)) return [];
    const versions = steps.flatMap(({ rows: earlier }) => earlier.filter(({ id }) => String(id) === owner));
    return versions.flatMap(({ code }) =>
      code === null || foldMatch(code) === foldMatch(match) ? [] : [code],
    );
  }

  /** A record that was given its match value without an answer: it is known by the one that it had. */
  function isMovedUntold(record: StoredRecord): boolean {
    return othersInDoubt(record).length > 0;
  }

  /** The same, while a row of the model wants the one that it had. */
  function isKeptByItsOldValue(record: StoredRecord): boolean {
    return othersInDoubt(record).some(isWanted);
  }

  /** Whether a row of the model, usable or not, has a match value. */
  function isWanted(match: string): boolean {
    return rows.some(({ code }) => code !== null && foldMatch(code) === foldMatch(match));
  }

  /**
   * Whether a row that now wants another match value may have written the one that this row wants, and is not told.
   * Where ids are told, it holds that value only while it is kept out of its new one itself.
   */
  function isHeldInDoubt(key: string, rejected: ReadonlySet<string>): boolean {
    const codeOf = (of: readonly Row[], id: string): string | null | undefined =>
      of.find((row) => String(row.id) === id)?.code;
    const wanted = foldMatch(codeOf(rows, key) ?? "");
    return steps.some(({ rows: earlier }) =>
      earlier.some(({ id, code }) => {
        const other = String(id);
        if (other === key || code === null || foldMatch(code) !== wanted || !isUnsure(other)) return false;
        if (history.tellsIds && !rejected.has(other)) return false;
        return codeOf(rows, other) !== undefined && foldMatch(codeOf(rows, other) ?? "") !== wanted;
      }),
    );
  }

  /** What may keep a usable row out: its match value is another record's that nothing of this run frees. */
  function isBlocked(key: string, holder: StoredRecord | undefined, rejected: ReadonlySet<string>): boolean {
    if (mode.mode === "update" && holder === undefined) return true;
    // A record of unknown id may have its new value already: it is not told from another one, and left alone.
    if (movedInDoubt.size > 0) return true;
    if (isHeldInDoubt(key, rejected)) return true;
    return holder !== undefined && holder.owner !== key;
  }
}

/** A plan may make the registry of an empty state, nothing else. */
function madeNothing(before: string, after: string): boolean {
  return before === after || (before === "" && after === "syncs: []");
}

async function preparedAt(
  { warehouse, location, table }: Site,
  destination: FreeDestination,
  sync: ReturnType<typeof specOf>,
  mapping: Mapping,
): Promise<Prepared> {
  const model: ModelSpec = {
    name: "people",
    warehouse: "local",
    primaryKey: ["id"],
    query: queryOf(mapping, table),
    queryFile: "models/people.sql",
    timezone: "UTC",
    file: "models/people.yml",
    syncs: [sync],
  };
  const connections = { warehouse: async () => warehouse, destination: async () => destination };
  return prepare(model, sync, connections, location, signal);
}
