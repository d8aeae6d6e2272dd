/** One pass from changes to a committed snapshot. */
import {
  type Change,
  type Changed,
  noOperations,
  type Operation,
  type Outcome,
  type Planned,
} from "../core/change.ts";
import { type Problem, SyncError } from "../core/errors.ts";
import type { Value } from "../core/value.ts";
import type { Membership, PlanContext, RequestCounters } from "../ports.ts";
import { type State, takenOver } from "../state/state.ts";
import { step, waits } from "../telemetry/span.ts";
import { endAudience, lookAhead } from "./audience.ts";
import { anyOf, fieldsAwaiting, openLookahead, ownRows } from "./awaited.ts";
import { type Changes, WINDOW, wavesOf } from "./moves.ts";
import { openForRun, openSharing } from "./open.ts";
import { cycleInWords } from "./order.ts";
import { idSeedOf, type Prepared, toldKey } from "./prepare.ts";
import { rejectionLog, type SyncRun } from "./report.ts";
import { newRunId } from "./run-id.ts";
import { sendingOf } from "./sending.ts";
import { sparedInWords } from "./spared.ts";
import { changesOf, isReread, type Staged, type SyncOptions } from "./stage.ts";
import { changeEntry } from "./written.ts";

/** Where a run's changes come from: the model, or a saved plan. */
export interface Source {
  /** Makes the table of changes, tells what cannot be used, and counts. */
  stage(
    state: State,
    options: SyncOptions,
    reject: (key: readonly Value[], problem: Problem) => Promise<void>,
  ): Promise<Staged>;
  /** The changes, as `stage` has left them. */
  changes(state: State): Changes;
  plan(changes: readonly Change[], context: PlanContext): Promise<readonly Planned[]>;
}

/** What a run left for later, beside its result. */
export interface Wave {
  readonly result: SyncRun;
  /** Whether all changes were given to the destination. */
  readonly ended: boolean;
  /** Rows that owe fields to rows of the sync itself, or a second request of their own, by what became of them. */
  readonly again: { readonly applied: number; readonly unchanged: number };
}

/**
 * What the destination acknowledged is committed however the run ends; a run that is stopped or loses the
 * destination says so in `stopped`.
 */
export function writeWave(
  prepared: Prepared,
  options: SyncOptions,
  source: Source,
  wave: "first" | "second",
): Promise<Wave> {
  const { destination } = prepared;
  if (destination.counting)
    return destination.counting((own) => writeCounted(prepared, options, source, wave, () => own));
  const before = { ...destination.counters };
  return writeCounted(prepared, options, source, wave, () => {
    const earlier: Readonly<Record<string, number>> = before;
    const own = Object.entries(destination.counters).map(([name, count]) => [
      name,
      count - (earlier[name] ?? 0),
    ]);
    return Object.fromEntries(own) as RequestCounters;
  });
}

/** Tells the log and the traces of a run from its beginning to its end. */
function writeCounted(
  prepared: Prepared,
  options: SyncOptions,
  source: Source,
  wave: "first" | "second",
  counters: () => RequestCounters,
): Promise<Wave> {
  const { sync, model, compiled } = prepared;
  const started = new Date();
  const run = newRunId(started);
  const attributes = {
    "backhaul.run": run,
    "backhaul.sync": sync.name,
    "backhaul.model": model.name,
    "backhaul.object": compiled.object,
  };
  return step("run", attributes, async (set) => {
    const written = await writeStaged(prepared, options, source, wave, { run, started, counters });
    const { rows, applied, unchanged, deferred, rejections, waiting, stopped, requests } = written.result;
    set({
      "backhaul.rows": rows,
      "backhaul.applied": applied,
      "backhaul.unchanged": unchanged,
      "backhaul.deferred": deferred,
      "backhaul.rejected": rejections.total,
      "backhaul.waiting": waiting,
      "backhaul.requests": requests.reads + requests.writes,
      "backhaul.throttled": requests.throttled,
      ...(stopped ? { "backhaul.stopped": stopped.code } : {}),
    });
    return written;
  });
}

/** Shorter waits are no news for the log. */
const WORTH_TELLING_MS = 1_000;

interface Begun {
  readonly run: string;
  readonly started: Date;
  readonly counters: () => RequestCounters;
}

async function writeStaged(
  prepared: Prepared,
  options: SyncOptions,
  source: Source,
  wave: "first" | "second",
  { run, started, counters }: Begun,
): Promise<Wave> {
  const { sync, compiled, identity } = prepared;
  await using state = await openForRun(prepared);
  const { history } = state;
  const rejections = rejectionLog((rejection) => history.reject({ run, ...rejection }));
  const staged = await source.stage(state, options, rejections.add);
  const refused = rejections.result().total;

  const total = changesOf(staged);
  const { waiting } = staged;
  const own = new Set(fieldsAwaiting(prepared, new Set([compiled.object])));
  const rejected = new Set<number>();
  const again = { applied: 0, unchanged: 0 };
  let owing = 0;
  let ended = false;
  const counts = {
    applied: 0,
    // Of chosen rows alone nothing can be said of the others.
    unchanged: options.only ? 0 : staged.rows - staged.added - staged.changed - waiting - refused,
    deferred: 0,
    waiting: options.only ? 0 : waiting + staged.waitingRemoved,
  };
  const context = { signal: options.signal, idSeed: idSeedOf(prepared, state), reread: isReread(options) };
  const foreseen =
    wave === "first"
      ? await lookAhead(prepared, state, staged, source, context, options).catch((error: unknown) => ({
          stopped: problemOf(error, options.signal),
        }))
      : staged;
  let stopped: Problem | undefined = foreseen.stopped;
  let members: readonly Membership[] | undefined;
  let firstDeferred: Problem | undefined;
  const hasReleased = Object.keys(staged.spared.released).length > 0;
  const forecast = compiled.forecast([
    { ...noOperations(), upsert: staged.added, update: staged.changed, delete: staged.removed },
  ]);
  let seconds = 0;
  if (stopped === undefined && (total > 0 || hasReleased)) {
    const since = performance.now();
    let done = 0;
    const tell = (more: { waiting?: { milliseconds: number; reason: string } } = {}): void =>
      options.onProgress?.({
        sync: sync.name,
        phase: "write",
        done,
        total,
        rejected: rejections.result().total,
        ...more,
      });
    await using _shared = await openSharing(prepared, options.signal);
    await using ahead = openLookahead(options.later ?? [], options);
    const awaited = anyOf([...(wave === "first" ? [ownRows(prepared, state, rejected)] : []), ahead.ask]);
    const written = await step("write", { "backhaul.changes": total }, () =>
      writeChanges(prepared, state, run, source, {
        ...options,
        awaited,
        onWait: (milliseconds, reason) => {
          tell({ waiting: { milliseconds, reason } });
          if (milliseconds >= WORTH_TELLING_MS) waits(milliseconds, reason);
        },
        async onOutcomes(outcomes) {
          for (const outcome of outcomes) {
            if (outcome.status === "rejected") {
              rejected.add(outcome.change.seq);
              await rejections.add(toldKey(prepared, outcome.change.key), outcome.problem, outcome.request);
              continue;
            }
            counts[outcome.status] += 1;
            if (outcome.status === "applied") history.change(() => changeEntry(prepared, run, outcome));
            if ("problem" in outcome) firstDeferred ??= outcome.problem;
            else if (outcome.later) {
              const { owed = [] } = outcome;
              if (owed.some((field) => own.has(field))) again[outcome.status] += 1;
              if (wave === "second" || owed.some((field) => !own.has(field))) owing += 1;
            }
          }
          done += outcomes.length;
          tell();
        },
      }),
    );
    ended = written === undefined;
    seconds = (performance.now() - since) / 1000;
    const unanswered = total - done;
    counts.deferred += unanswered;
    stopped = written ?? unansweredProblem(unanswered, total);
    if (stopped?.kind === "aborted") stopped = interrupted(unanswered);
    options.onProgress?.({ sync: sync.name, phase: "commit" });
    if (!state.lost.aborted) await step("commit", {}, () => state.commit());
  } else await state.end();
  if (wave === "first" && stopped === undefined && options.only === undefined && !state.lost.aborted) {
    try {
      members = await endAudience(prepared, state, context);
    } catch (error) {
      stopped = problemOf(error, options.signal);
    }
  }
  stopped ??= firstDeferred && { ...firstDeferred, kind: "deferred" };

  const counted = counters();
  const { reads, writes, retries, throttled } = counted;
  const result: SyncRun = {
    run,
    sync: sync.name,
    model: prepared.model.name,
    destination: sync.destination,
    organization: identity.organization,
    object: compiled.object,
    ...(compiled.audience ? { audience: compiled.audience.title } : {}),
    ...(members ? { members } : {}),
    started: started.toISOString(),
    seconds: Math.round((Date.now() - started.getTime()) / 10) / 100,
    rows: staged.rows,
    ...counts,
    rejections: rejections.result(),
    requests: { reads, writes, retries, throttled },
    sending: sendingOf({
      counters: counted,
      load: prepared.destination.load ?? {},
      rows: counts.applied,
      seconds,
      forecast,
    }),
    ...(state.recovery ? { recovery: state.recovery } : {}),
    warnings: [
      ...compiled.warnings,
      ...cycleInWords(prepared, options.later ?? []),
      ...sparedInWords(staged.spared),
    ],
    ...(owing > 0 ? { owing } : {}),
    ...(stopped ? { stopped } : {}),
  };
  const { rejections: listed, ...rest } = result;
  await history.end({ ...rest, rejected: listed.total, rejectedByCode: listed.byCode });
  return { result, ended, again };
}

interface WriteOptions extends SyncOptions {
  readonly awaited: NonNullable<PlanContext["awaited"]>;
  readonly onWait: (milliseconds: number, reason: string) => void;
  readonly onOutcomes: (outcomes: readonly Outcome[]) => Promise<void>;
}

/**
 * Writes the table of changes in the order that match values ask for. Every outcome goes to the journal.
 *
 * @returns what ended the writing early
 */
async function writeChanges(
  prepared: Prepared,
  state: State,
  run: string,
  source: Source,
  options: WriteOptions,
): Promise<Problem | undefined> {
  const signal = AbortSignal.any([options.signal, state.lost]);
  const waves = wavesOf(source.changes(state), prepared);
  const idSeed = idSeedOf(prepared, state);
  const failure: { problem?: Problem } = {};
  try {
    await using journal = await state.begin(run);
    const settle = async (outcomes: readonly Outcome[]): Promise<void> => {
      await journal.append(outcomes);
      waves.release(outcomes);
      await options.onOutcomes(outcomes);
    };
    const write = async (windows: AsyncIterable<readonly Change[]>): Promise<void> => {
      const { onWait, awaited } = options;
      const planned = operations(
        windows,
        source,
        { signal, idSeed, reread: isReread(options), awaited },
        settle,
      );
      for await (const batch of prepared.compiled.write(planned, { signal, onWait, idSeed }))
        await settle(batch);
    };
    /** Nothing of it is acknowledged: a kill leaves the rows in doubt, and the next run settles them. */
    const stepAside = async (kind: "park" | "return", changes: readonly Changed[]): Promise<void> => {
      const results =
        kind === "return"
          ? await prepared.compiled.plan(changes, { signal, idSeed })
          : changes.flatMap((change) => prepared.compiled.park?.(change) ?? []);
      const take = async (some: readonly (Planned | Outcome)[]): Promise<void> => {
        const failed = some.filter((one): one is Outcome => "problem" in one);
        if (failed.length > 0) await settle(failed);
        waves.release(some.filter((one) => !("problem" in one)));
      };
      await take(results.filter(({ status }) => status !== "planned"));
      const writes = results.flatMap((one) => (one.status === "planned" ? [one.operation] : []));
      const { onWait } = options;
      for await (const batch of prepared.compiled.write(inOne(writes), { signal, onWait, idSeed }))
        await take(batch);
    };
    try {
      for await (const wave of waves.all({ size: WINDOW, settle }))
        await (wave.kind === "write" ? write(wave.windows) : stepAside(wave.kind, wave.changes));
    } catch (error) {
      failure.problem = problemOf(error, signal);
    }
  } catch (error) {
    if (!state.lost.aborted) throw error;
  }
  if (state.lost.aborted) return takenOver().problems[0];
  if (options.signal.aborted) return interrupted(0);
  return failure.problem;
}

async function* inOne<T>(items: readonly T[]): AsyncGenerator<readonly T[]> {
  if (items.length > 0) yield items;
}

/** Plans window by window as the writer asks for more; what needs no writing is settled on the way. */
async function* operations(
  windows: AsyncIterable<readonly Change[]>,
  source: Source,
  context: PlanContext,
  settle: (outcomes: readonly Outcome[]) => Promise<void>,
): AsyncGenerator<readonly Operation[]> {
  for await (const window of windows) {
    if (context.signal.aborted) return;
    const toWrite: Operation[] = [];
    const settled: Outcome[] = [];
    for (const planned of await source.plan(window, context)) {
      if (planned.status === "planned") toWrite.push(planned.operation);
      else settled.push(planned);
    }
    if (settled.length > 0) await settle(settled);
    if (toWrite.length > 0) yield toWrite;
  }
}

function problemOf(error: unknown, signal: AbortSignal): Problem {
  if (error instanceof SyncError) return error.problems[0]!;
  if (signal.aborted) return interrupted(0);
  throw error;
}

function unansweredProblem(unanswered: number, total: number): Problem | undefined {
  if (unanswered === 0) return undefined;
  return {
    kind: "bug",
    code: "destination.outcome_missing",
    message: `${unanswered} of ${total} operations got no outcome.`,
    remedy: "This is a defect of Backhaul: please report it. The next run writes them again.",
  };
}

function interrupted(left: number): Problem {
  return {
    kind: "aborted",
    code: "run.interrupted",
    message: `The run was interrupted${left > 0 ? ` with ${left} changes left` : ""}; what was acknowledged is kept.`,
    remedy: "The next run goes on where this one stopped.",
  };
}
