/**
 * A run as a process of its own. DuckDB's lock keeps processes apart, not the runs of one process; a run that dies of
 * its memory takes no other along; and what a run has held is given back when it ends.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Problem } from "../core/errors.ts";
import type { Log } from "../log/log.ts";
import type { SyncRun } from "../sync/report.ts";

/** What a run's `--json` tells, as far as the schedule looks into it. */
export type RunReport = Pick<
  SyncRun,
  | "run"
  | "sync"
  | "started"
  | "seconds"
  | "rows"
  | "applied"
  | "unchanged"
  | "deferred"
  | "waiting"
  | "rejections"
  | "requests"
  | "stopped"
>;

export interface Ended {
  /** The exit code; 70 for a process that told nothing, 137 and the like for a signal that ended it. */
  readonly exit: number;
  readonly run?: RunReport;
  /** Why there is no run, or what ended it early. */
  readonly problems: readonly Problem[];
}

export interface ChildOptions {
  /** Path of the command line's program. */
  readonly bin: string;
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export const INTERRUPTED = 130;

/** Runs a sync; ends it as Ctrl-C would when the signal aborts. Never throws. */
export function runAsChild(sync: string, { bin, folder, env, log, signal }: ChildOptions): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [bin, "run", sync, "--project", folder, "--json"], {
      // A session of its own: Ctrl-C reaches it through us. It sees by the channel when we are gone.
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      detached: true,
      env: { ...env, BACKHAUL_LOG_FORMAT: "json", BACKHAUL_LOG_LEVEL: levelOf(log) },
    });
    const stop = (): void => void child.kill("SIGTERM");
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    relay(child, log);
    let output = "";
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
    const done = (ended: Ended): void => {
      signal.removeEventListener("abort", stop);
      resolve(ended);
    };
    child.once("error", (error) =>
      done({ exit: 70, problems: [died(`could not be started: ${error.message}`)] }),
    );
    child.once("close", (code, killed) => {
      if (code === null) done({ exit: 137, problems: [died(`was ended by ${killed}`)] });
      else done(endedWith(code, reportIn(output)));
    });
  });
}

function levelOf(log: Log): string {
  return (["debug", "info", "warn", "error"] as const).find((level) => log.isLevelEnabled(level)) ?? "silent";
}

/** Node.js itself ends with 1 what it cannot load, or what throws: that is no run with rejected rows. */
function endedWith(exit: number, report: Omit<Ended, "exit">): Ended {
  if (exit > 1 || report.run !== undefined) return { exit, ...report };
  return { exit: 70, problems: [died(`ended with ${exit} and without a report`)] };
}

const died = (how: string): Problem => ({
  kind: "bug",
  code: "schedule.died",
  message: `The process of the run ${how}.`,
  remedy: "The next run goes on where it stopped. See whether the machine has run out of memory.",
});

/** Lines of the child's log become lines of ours. */
function relay(child: ChildProcess, log: Log): void {
  if (child.stderr === null) return;
  createInterface({ input: child.stderr }).on("line", (line) => {
    const entry = entryIn(line);
    if (entry === undefined) {
      if (line.trim() !== "") log.warn({ problem: line }, "said by a run");
      return;
    }
    const { level, time: _, msg, ...fields } = entry;
    const known = (["debug", "info", "warn", "error"] as const).find((one) => one === level) ?? "info";
    log[known](fields, String(msg ?? ""));
  });
}

function entryIn(line: string): Record<string, unknown> | undefined {
  try {
    const entry: unknown = JSON.parse(line);
    return typeof entry === "object" && entry !== null ? (entry as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function reportIn(output: string): Omit<Ended, "exit"> {
  const report = entryIn(output) as
    | {
        readonly runs?: readonly RunReport[];
        readonly notRun?: readonly { readonly problems?: readonly Problem[] }[];
        readonly error?: { readonly problems: readonly Problem[] };
      }
    | undefined;
  const run = report?.runs?.[0];
  const problems = [
    ...(report?.error?.problems ?? []),
    ...(report?.notRun ?? []).flatMap(({ problems = [] }) => problems),
    ...(run?.stopped ? [run.stopped] : []),
  ];
  return { ...(run ? { run } : {}), problems };
}
