/** Tells the alerts of runs that no schedule has begun: `run --alert`, under the scheduler of somebody else. */
import { watchAlerts } from "../alerts/watch.ts";
import { exitCodeOf } from "../core/errors.ts";
import type { Log } from "../log/log.ts";
import type { Ended } from "../schedule/child.ts";
import { alertings } from "./alerts.ts";
import { explain } from "./errors.ts";
import type { RunResults } from "./run-syncs.ts";
import { openNotebook } from "./schedule.ts";
import type { Session } from "./session.ts";
import { kindsOf } from "./show-sync.ts";

interface AlertRuns {
  readonly session: Session;
  /** The syncs that are run; all where none is named. */
  readonly names: readonly string[];
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** Runs, and tells what has changed since the last time; what is remembered lies where the schedule's notes do. */
export async function withAlerts(
  { session, names, log, signal }: AlertRuns,
  run: () => Promise<RunResults>,
): Promise<RunResults> {
  const syncs = session.syncs(names).map(({ sync }) => sync.name);
  const tell = async (ends: ReadonlyMap<string, Ended>): Promise<void> => {
    const alerts = watchAlerts({
      project: session.project.name,
      alerts: alertings(session, syncs, signal),
      log,
      redact: session.redact,
      now: Date.now,
    });
    await using notebook = await openNotebook(session, syncs[0]!);
    alerts.opened(notebook);
    for (const [sync, ended] of ends) {
      const due = { sync, time: Date.now(), late: 0, again: false };
      await alerts.ended({ ...ended, due, seconds: ended.run?.seconds ?? 0 });
    }
    await alerts.settled(signal);
  };
  const told = (ends: ReadonlyMap<string, Ended>): Promise<void> =>
    tell(ends).catch((error: Error) =>
      log.error({ problem: session.redact(error.message) }, "alerts cannot be told"),
    );
  try {
    const results = await run();
    await told(endsOf(results));
    return results;
  } catch (error) {
    await told(new Map(syncs.map((sync) => [sync, explain(error)])));
    throw error;
  }
}

/** How each sync ended; a second wave is part of the run that owed it. One that waited for another has no end. */
function endsOf({ runs, notRun }: RunResults): ReadonlyMap<string, Ended> {
  const ends = new Map<string, Ended>();
  for (const run of runs) {
    const all = runs.filter(({ sync }) => sync === run.sync);
    ends.set(run.sync, {
      run: all[0]!,
      exit: exitCodeOf(all.flatMap(kindsOf)),
      problems: all.flatMap(({ stopped }) => stopped ?? []),
    });
  }
  for (const { sync, after, problems } of notRun)
    if (after === undefined) ends.set(sync, { exit: exitCodeOf(problems.map(({ kind }) => kind)), problems });
  return ends;
}
