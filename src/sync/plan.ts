import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { allOf, noOperations, type Operation, type OperationKind, type Planned } from "../core/change.ts";
import type { PlanContext, WhichComes } from "../ports.ts";
import type { State } from "../state/state.ts";
import { lookAhead } from "./audience.ts";
import { anyOf, columnsOf, openLookahead, ownRows } from "./awaited.ts";
import { type Rejected, WINDOW, wavesOf } from "./moves.ts";
import { openForPlan } from "./open.ts";
import { cycleInWords, laterParents } from "./order.ts";
import { sectionOf, syncHead } from "./plan-check.ts";
import type { PlanWriter, RefusedKey } from "./plan-file.ts";
import { idSeedOf, type Prepared, toldKey } from "./prepare.ts";
import { rejectionLog, type SampleOperation, type SyncPlan } from "./report.ts";
import { sparedInWords } from "./spared.ts";
import { changesOf, isReread, type SyncOptions, stageAndDiff } from "./stage.ts";

const SAMPLES = 20;
/** Rows that are planned once more where something that they point at is rejected after them. */
const MOST_UNSURE = 10_000;
/** Removals are named one by one as far as somebody may read them, or asks for. */
const REMOVALS = 1_000;

export interface PlanOptions extends SyncOptions {
  /** Where the whole plan goes. */
  readonly writer?: PlanWriter;
  /** How many operations of each kind are shown, where that is more than usual, and which of their fields. */
  readonly samples?: { readonly limit?: number; readonly fields?: ReadonlySet<string> };
}

/**
 * Plans syncs in the given order, as a run would do them one after another; writes nothing. A later sync finds
 * the parents that an earlier one would create.
 */
export async function* planSyncs(order: readonly Prepared[], options: PlanOptions): AsyncGenerator<SyncPlan> {
  const scratch = mkdtempSync(join(tmpdir(), "backhaul-plan-"));
  const earlier: Promiser[] = [];
  try {
    for (const [i, prepared] of order.entries()) {
      const folder = mkdtempSync(join(scratch, `${i}-`));
      const state = await openForPlan(prepared, folder);
      const promiser = { prepared, state, rejected: new Set<number>() };
      const promised: WhichComes = (object, fields, values) => ask(earlier, object, fields, values);
      try {
        yield await planSync(promiser, promised, { ...options, later: laterParents(order, i) });
      } finally {
        earlier.push(promiser);
      }
    }
  } finally {
    for (const { state } of earlier) await state[Symbol.asyncDispose]();
    rmSync(scratch, { recursive: true, force: true });
  }
}

interface Promiser {
  readonly prepared: Prepared;
  readonly state: State;
  /** Changes (by seq) that the plan rejected, or that find no record and make none. */
  readonly rejected: Set<number>;
}

async function ask(
  earlier: readonly Promiser[],
  object: string,
  fields: readonly string[],
  values: readonly (readonly string[])[],
): Promise<readonly (readonly string[])[]> {
  const found: (readonly string[])[] = [];
  for (const { prepared, state, rejected } of earlier) {
    if (prepared.compiled.object !== object) continue;
    const columns = columnsOf(prepared, fields);
    if (columns !== undefined) found.push(...(await state.intendedValues(columns, values, rejected)));
  }
  return found;
}

async function planSync(promiser: Promiser, promised: WhichComes, options: PlanOptions): Promise<SyncPlan> {
  const { prepared, state, rejected } = promiser;
  const { sync, compiled, identity } = prepared;
  const { writer, samples: { limit = 0, fields: only } = {} } = options;
  const rejections = rejectionLog();
  const refused: RefusedKey[] = [];
  const staged = await stageAndDiff(prepared, state, options, async (key, problem) => {
    if (writer) refused.push({ key, problem });
    await rejections.add(key, problem);
  });
  const context = {
    signal: options.signal,
    idSeed: idSeedOf(prepared, state),
    reread: isReread(options),
    promised,
  };
  const ahead = await lookAhead(
    prepared,
    state,
    staged,
    { changes: () => state, plan: compiled.plan },
    context,
    options,
  );
  await state.release();
  const { stopped = staged.stopped, foreseen } = ahead;
  const told = { ...staged, stopped, ...(foreseen ? { strays: foreseen.strays } : {}) };
  writer?.sync(syncHead(prepared, { run: state.record.run, state: state.basis }, told));
  for (const row of refused) writer?.refused(row);

  const operations = noOperations();
  /** The same by steps, each of which is written whole before the next; what waits for all of them is the last. */
  const steps: Record<OperationKind, number>[] = [];
  const second = noOperations();
  const fields: Record<string, number> = {};
  const updates: Record<string, number> = {};
  const samples = new Map<OperationKind, SampleOperation[]>();
  const keepSample = (operation: Operation): void => {
    const { kind, change } = operation;
    const list = samples.get(kind) ?? [];
    const most = Math.max(change.kind === "removed" ? REMOVALS : SAMPLES, limit);
    if (list.length >= most) return;
    const taken = sample(prepared, operation, only);
    // An update that touches none of the wanted fields shows nothing.
    if (only !== undefined && kind === "update" && taken.fields.length === 0) return;
    list.push(taken);
    samples.set(kind, list);
  };
  const { audience } = compiled;
  const strays = foreseen?.strays ?? [];
  const stubs = new Map<string, Set<string>>();
  const tally = (kind: OperationKind, step: Record<OperationKind, number>, times = 1): void => {
    operations[kind] += times;
    step[kind] += times;
  };
  const count = (operation: Operation, step: Record<OperationKind, number>): void => {
    for (const { object, record } of operation.stubs ?? [])
      stubs.set(object, (stubs.get(object) ?? new Set()).add(record));
    tally(operation.kind, step);
    for (const { field } of operation.fields) {
      fields[field] = (fields[field] ?? 0) + 1;
      if (operation.kind === "update") updates[field] = (updates[field] ?? 0) + 1;
    }
    keepSample(operation);
  };
  const countLater = (all: readonly Operation[]): void => {
    for (const operation of all) if (operation.later) count(laterOf(operation, operation.later), second);
  };
  let unchanged = staged.rows - staged.added - staged.changed - staged.waiting - rejections.result().total;
  let done = 0;
  if (stopped === undefined) {
    await using lookahead = openLookahead(options.later ?? [], options);
    const awaiting = { ...context, awaited: anyOf([ownRows(prepared, state, rejected), lookahead.ask]) };
    /** Operations that point at rows of which it is not known yet whether they are written. */
    const unsure: (Planned & { readonly status: "planned" })[] = [];
    for await (const planned of plannedWindows(state, prepared, awaiting)) {
      const step = steps[planned.step] ?? noOperations();
      steps[planned.step] = step;
      if (planned.kind === "park") {
        for (const item of planned.items) if (item.status === "planned") count(item.operation, step);
        continue;
      }
      for (const item of planned.items) {
        writer?.planned(sectionOf(prepared.layout, item), item);
        if (item.status === "unchanged") {
          unchanged += 1;
          if (item.absent) rejected.add(item.change.seq);
        } else if (item.status === "rejected") {
          rejected.add(item.change.seq);
          await rejections.add(toldKey(prepared, item.change.key), item.problem);
        } else {
          // A record that is written first, and then becomes a member.
          const { kind, into } = item.operation;
          if (into !== undefined && !isOfMembers(kind)) tally("add_member", step);
          const all = allOf(item.operation);
          for (const operation of all) if (isSent(operation)) count(operation, step);
          if (all.some(({ later }) => later !== undefined)) {
            if (unsure.length < MOST_UNSURE) unsure.push(item);
            else countLater(all);
          }
        }
      }
      done += planned.items.length;
      options.onProgress?.({ sync: sync.name, phase: "diff", done, total: changesOf(staged) });
    }
    for (let at = 0; at < unsure.length; at += WINDOW) {
      const some = unsure.slice(at, at + WINDOW);
      const isSure = rejected.size === 0;
      const settled = isSure
        ? some
        : await compiled.plan(
            some.map(({ operation }) => operation.change),
            awaiting,
          );
      for (const item of settled) {
        if (item.status === "planned") countLater(allOf(item.operation));
        else if (item.status === "rejected")
          await rejections.add(toldKey(prepared, item.change.key), item.problem);
      }
    }
  } else if (stopped.code === "guard.removed") {
    for await (const window of state.removals(Math.max(REMOVALS, limit))) {
      for (const item of await compiled.plan(window, context))
        if (item.status === "planned") keepSample(item.operation);
      break;
    }
  }
  if (stopped === undefined && strays.length > 0) {
    const end = noOperations();
    tally("remove_member", end, strays.length);
    steps.push(end);
  }
  const leaving = samples.get("remove_member") ?? [];
  for (const record of strays.slice(0, Math.max(REMOVALS, limit) - leaving.length))
    leaving.push({ kind: "remove_member", key: [], record, fields: [] });
  if (leaving.length > 0) samples.set("remove_member", leaving);
  const forecast = compiled.forecast(
    [...Object.values(steps), second],
    new Map([...stubs].map(([object, { size }]) => [object, size])),
  );
  return {
    sync: sync.name,
    model: prepared.model.name,
    destination: sync.destination,
    organization: identity.organization,
    object: compiled.object,
    rows: staged.rows,
    operations,
    fields,
    updates,
    unchanged,
    waiting: staged.waiting + staged.waitingRemoved,
    rejections: rejections.result(),
    requests: forecast.requests,
    forecast: { seconds: forecast.seconds, share: forecast.share },
    samples: await withNames(prepared, [...samples.values()].flat(), options.signal),
    ...(state.recovery ? { recovery: state.recovery } : {}),
    warnings: [
      ...compiled.warnings,
      ...cycleInWords(prepared, options.later ?? []),
      ...stubsInWords(stubs),
      ...sparedInWords(staged.spared),
    ],
    ...(audience ? { audience: audience.title } : {}),
    ...(stopped ? { stopped, removals: staged.removed + strays.length } : {}),
  };
}

const isOfMembers = (kind: OperationKind): boolean => kind === "add_member" || kind === "remove_member";

/** Who enters and who leaves, by name. */
async function withNames(
  { compiled }: Prepared,
  samples: readonly SampleOperation[],
  signal: AbortSignal,
): Promise<readonly SampleOperation[]> {
  const records = samples.filter(({ kind }) => isOfMembers(kind)).map(({ record }) => record);
  if (compiled.audience === undefined || records.length === 0) return samples;
  const names = await compiled.audience.names(records, signal);
  return samples.map((sample) => {
    const name = names.get(sample.record);
    return name === undefined ? sample : { ...sample, name };
  });
}

/** What becomes of changes, or how records step aside for others before. */
interface PlannedWindow {
  readonly kind: "changes" | "park";
  /** From 0: windows of one step are written together. */
  readonly step: number;
  readonly items: readonly Planned[];
}

async function* plannedWindows(
  state: State,
  prepared: Prepared,
  context: PlanContext,
): AsyncGenerator<PlannedWindow> {
  const waves = wavesOf(state, prepared);
  const leaving = new Set<string>();
  const removed = new Set<string>();
  const pointsAtItself = prepared.compiled.parents.includes(prepared.compiled.object);
  const refused: Planned[] = [];
  const settle = async (outcomes: readonly Rejected[]): Promise<void> => {
    for (const { change, problem } of outcomes) refused.push({ status: "rejected", change, problem });
  };
  let step = -1;
  for await (const wave of waves.all({ size: WINDOW, settle })) {
    step++;
    if (wave.kind !== "write") {
      const items = wave.changes.flatMap((change) => prepared.compiled.park?.(change) ?? []);
      waves.release(items);
      yield { kind: "park", step, items };
      continue;
    }
    for await (const window of wave.windows) {
      context.signal.throwIfAborted();
      const planned = await prepared.compiled.plan(window, { ...context, leaving, removed });
      waves.release(planned);
      for (const item of planned) {
        const { change } = item.status === "planned" ? item.operation : item;
        if (item.status !== "rejected" && change.id !== null && sectionOf(prepared.layout, item) === "moves")
          leaving.add(change.id.toLowerCase());
        if (
          pointsAtItself &&
          change.id !== null &&
          item.status === "planned" &&
          item.operation.kind === "delete"
        )
          removed.add(change.id.toLowerCase());
      }
      yield { kind: "changes", step, items: [...refused.splice(0), ...planned] };
    }
    if (refused.length > 0) yield { kind: "changes", step, items: refused.splice(0) };
  }
}

const stubsInWords = (stubs: ReadonlyMap<string, ReadonlySet<string>>): string[] =>
  [...stubs].map(
    ([object, { size }]) =>
      `${size === 1 ? `1 record of ${object} is` : `${size} records of ${object} are`} made because rows point at ${size === 1 ? "it" : "them"} (when_missing: create).`,
  );

/** Whether something is sent of an operation: not where all of it is owed. */
const isSent = ({ kind, fields, owed }: Operation): boolean =>
  kind !== "update" || fields.length > 0 || owed.length === 0;

/** What the second wave writes of an operation. */
const laterOf = (operation: Operation, fields: NonNullable<Operation["later"]>): Operation => ({
  ...operation,
  kind: "update",
  fields,
  stubs: [],
});

function sample(
  { compiled, model }: Prepared,
  { kind, change, record, fields }: Operation,
  only: ReadonlySet<string> | undefined,
): SampleOperation {
  const row = change.kind === "removed" ? change.before : change.after;
  const name = (compiled.names ?? []).flatMap((i) => row[i] ?? []).join(" ");
  return {
    kind,
    key: toldKey({ model }, change.key),
    record,
    ...(name === "" ? {} : { name }),
    fields: fields
      .filter(({ field }) => only === undefined || only.has(field))
      .map(({ field, before, json, shown }) => ({
        field,
        ...(before === undefined ? {} : { before }),
        after: shown ?? json,
      })),
  };
}
