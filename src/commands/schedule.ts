import { Args, Flags } from "@oclif/core";
import { BaseCommand } from "../cli/base.ts";
import { acceptFlag } from "../cli/sync-flags.ts";
import { EXIT_CODE } from "../core/errors.ts";
import type { Ended, RunReport } from "../schedule/child.ts";
import type { Due } from "../schedule/plan.ts";

/** A run of the schedule, as `--once --json` tells it. */
export interface ScheduledRun extends Pick<Ended, "exit" | "problems"> {
  readonly sync: string;
  /** What it came to, where it was begun. */
  readonly run?: Pick<RunReport, (typeof TOLD)[number]> & { readonly rejected: number };
  /** The time that was due. */
  readonly due: string;
  /** How late it was taken up, in seconds. */
  readonly late: number;
}

const TOLD = ["run", "started", "seconds", "rows", "applied", "unchanged", "deferred", "waiting"] as const;

export default class Schedule extends BaseCommand {
  static override summary = "Run syncs by their schedules, until told to stop.";
  static override description =
    "Each run is a process of its own. SIGTERM or Ctrl-C ends what runs as it ends a run, with its state safe. With --once, runs what has fallen due since the last time and ends, for cron and pipelines; the exit code is that of `run`.";
  static override examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> --port 8080",
    "<%= config.bin %> <%= command.id %> --once --accept rejected --json",
  ];
  static override strict = false;
  static override args = {
    sync: Args.string({ description: "Syncs to run; all that have a schedule when none is named." }),
  };
  static override flags = {
    once: Flags.boolean({ summary: "Run what is due since the last time, and end." }),
    accept: acceptFlag,
    port: Flags.integer({
      summary: "Answer /health and /metrics on this port; 0 for any free one.",
      min: 0,
      max: 65_535,
    }),
    host: Flags.string({ summary: "Address that the health endpoint listens on." }),
  };

  async run(): Promise<{ runs: readonly ScheduledRun[] } | undefined> {
    const { argv, flags } = await this.parse(Schedule);
    const session = await this.open(flags.project);
    const { serve } = await import("../cli/serve-schedule.ts");
    const done = await serve(session, {
      names: argv as string[],
      once: flags.once,
      ...(flags.port === undefined ? {} : { port: flags.port }),
      ...(flags.host === undefined ? {} : { host: flags.host }),
      log: this.logger,
      signal: this.signal,
      onReady: (url) => {
        if (this.jsonEnabled() && !flags.once) this.logJson({ url });
      },
    });
    if (!flags.once) return undefined;
    const runs = done.map(({ due, exit, run, problems }) => ({
      ...told(due),
      exit,
      ...(run ? { run: shortened(run) } : {}),
      problems,
    }));
    const { exitOf } = await import("../cli/serve-schedule.ts");
    process.exitCode = exitOf(
      runs.map(({ exit }) => exit).filter((exit) => exit !== EXIT_CODE.rejected || !flags.accept),
      this.signal.aborted,
    );
    if (runs.length === 0) this.log("Nothing is due.");
    for (const { sync, exit, run } of runs) {
      this.log(
        `${sync}: exit ${exit}${run ? `, ${run.applied} rows written, ${run.rejected} rejected` : ""}`,
      );
    }
    return { runs };
  }
}

function shortened(run: RunReport): NonNullable<ScheduledRun["run"]> {
  const told = Object.fromEntries(TOLD.map((key) => [key, run[key]]));
  return { ...told, rejected: run.rejections.total } as NonNullable<ScheduledRun["run"]>;
}

const told = ({ sync, time, late }: Due): Pick<ScheduledRun, "sync" | "due" | "late"> => ({
  sync,
  due: new Date(time).toISOString(),
  late: Math.round(late / 1_000),
});
