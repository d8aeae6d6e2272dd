/** Runs as text for a person, and what to do after them. Pure. */
import { type ErrorKind, type Problem, sentence } from "../core/errors.ts";
import type { Membership } from "../ports.ts";
import type { SyncPlan, SyncRun } from "../sync/report.ts";
import { count, counted, keyText, type Paint, shown, tableWithin, wrapped } from "./render.ts";
import type { NotRun, RunResults } from "./run-syncs.ts";
import { showRejections, waitingLine } from "./show-rejections.ts";

export interface RunView {
  readonly paint: Paint;
  /** Of a line, in columns of the terminal. */
  readonly width: number;
}

/** What a result means for the exit code. A row that waits is a rejected one, and so is a member who is not there. */
export function kindsOf(result: SyncPlan | SyncRun): ErrorKind[] {
  const { stopped, rejections, waiting } = result;
  const isOff = "members" in result && result.members?.some(({ differences }) => differences > 0);
  return [
    ...(stopped ? [stopped.kind] : []),
    ...(rejections.total + waiting > 0 || isOff ? (["rejected"] as const) : []),
  ];
}

/** @param wave is said behind the sync's name */
export function showRun(run: SyncRun, view: RunView, wave = ""): string {
  const { paint, width } = view;
  const { recovery, rejections, requests } = run;
  const lines: string[] = [];
  const say = (text: string, style?: "red" | "yellow"): void => {
    const all = wrapped(text, width, "  ", "    ");
    lines.push(...(style ? all.map((line) => paint(style, line)) : all));
  };
  if (recovery) {
    say(
      `run ${recovery.run} did not end: ${counted(recovery.acknowledged, "outcome")} recovered from its journal, ${counted(recovery.inDoubt, "change")} planned again`,
    );
  }
  for (const warning of run.warnings) say(`note: ${warning}`, "yellow");
  say(
    `${counted(run.applied, "row")} written, ${counted(run.unchanged, "row")} unchanged, ${count(rejections.total)} rejected, ${count(run.deferred)} deferred; ${counted(requests.reads + requests.writes, "request")} in ${run.seconds} s`,
  );
  for (const membership of run.members ?? [])
    for (const line of showDifferences(membership)) say(line, "red");
  if (run.waiting > 0) say(waitingLine(run.waiting), "red");
  if (rejections.total > 0) lines.push(...showRejections(rejections, view));
  if (run.stopped) say(`${endOf(run.stopped)}: ${sentence(run.stopped)}`, "red");
  const head = wrapped(`${run.sync}${wave}: ${run.model} → ${run.audience ?? run.object}`, width, "", "  ");
  return [...head.map((line) => paint("bold", line)), ...lines].join("\n");
}

const DIFFERENCES_SHOWN = 20;

/** Where a list does not have the members that it should have, who they are. */
function showDifferences({ audience, intended, found, differences, listed }: Membership): string[] {
  if (differences === 0) return [];
  return [
    `! ${audience} has ${counted(found, "member")}, and should have ${count(intended)}; ${counted(differences, "difference")} found`,
    ...listed
      .slice(0, DIFFERENCES_SHOWN)
      .map(({ what, key, record }) => `  ${what}: ${key ? `${shown(keyText(key), 40)}, ` : ""}${record}`),
  ];
}

const endOf = ({ kind }: Problem): string => (kind === "guard" ? "stopped" : "ended early");

export function showNotRun({ sync, after, problems }: NotRun, { paint, width }: RunView): string {
  const lines =
    after === undefined
      ? problems.flatMap((problem) => wrapped(`did not run: ${sentence(problem)}`, width, "  ", "    "))
      : wrapped(`did not run, because ${after} did not end well, which it depends on`, width, "  ", "    ");
  return [paint("bold", sync), ...lines.map((line) => paint("red", line))].join("\n");
}

/** After plans, of which some would stop: what lets them through. */
export function nextStepsOfPlans(plans: readonly SyncPlan[], { paint, width }: RunView): string[] {
  const commands = plans.flatMap(({ sync, stopped }) => {
    const allowed = allowedAfter(stopped);
    return allowed === undefined ? [] : [`backhaul run ${sync} --allow ${allowed}`];
  });
  if (commands.length === 0) return [];
  const text = "If what the guard would stop is right, let it through:";
  return [...wrapped(text, width, "", "  "), ...commands.map((command) => `  ${paint("bold", command)}`)];
}

/** What lets through what a guard has stopped, where something does. */
function allowedAfter(stopped: Problem | undefined): "removed" | "changed" | undefined {
  const guard = /^guard\.(removed|changed|emptied)$/.exec(stopped?.code ?? "")?.[1];
  return guard === undefined ? undefined : guard === "changed" ? guard : "removed";
}

/** What to do next, most urgent first, each command on a line of its own; nothing where all is well. */
export function nextSteps(
  { runs, notRun }: RunResults,
  isAborted: boolean,
  { paint, width }: RunView,
): string[] {
  const names = (chosen: readonly { readonly sync: string }[]): string =>
    [...new Set(chosen.map(({ sync }) => sync))].join(" ");
  const lines: string[] = [];
  const step = (text: string, ...commands: readonly string[]): void => {
    lines.push(
      ...wrapped(text, width, "", "  "),
      ...commands.map((command) => `  ${paint("bold", command)}`),
    );
  };
  if (isAborted) step("Interrupted; the state is safe. Go on by:", "backhaul run");
  for (const { sync, stopped } of runs) {
    const allowed = allowedAfter(stopped);
    if (allowed === undefined) continue;
    step(
      "Look at what the guard stopped; if it is right, let it through:",
      `backhaul plan ${sync}`,
      `backhaul run ${sync} --allow ${allowed}`,
    );
  }
  const rejected = runs.filter(({ rejections, waiting }) => rejections.total + waiting > 0);
  const [only] = rejected.length === 1 ? rejected : [];
  if (rejected.length > 0) {
    step("See why rows were rejected:", `backhaul rejects${only ? ` --sync ${only.sync}` : ""}`);
    step("Mend them; the next run looks again, or at once:", `backhaul retry ${names(rejected)}`);
  }
  const late = runs.filter(({ stopped }) => stopped?.kind === "deferred");
  if (late.length > 0) step("Deferred rows are safe; the next run goes on:", `backhaul run ${names(late)}`);
  if (notRun.some(({ after }) => after === undefined))
    step("When that is mended:", `backhaul run ${names(notRun)}`);
  return lines.length === 0 ? [] : ["", ...lines];
}

/** A line for each run; a sync's second one writes what it owed to syncs that came after it. */
export function summary(runs: readonly SyncRun[], width: number): string {
  const seen = new Set<string>();
  const nameOf = ({ sync }: SyncRun): string => {
    if (seen.has(sync)) return `${sync}${SECOND_WAVE}`;
    seen.add(sync);
    return sync;
  };
  return tableWithin(
    [
      ["sync", "rows", "written", "unchanged", "rejected", "waiting", "deferred", "requests", "seconds"],
      ...runs.map((run) => [
        nameOf(run),
        run.rows,
        run.applied,
        run.unchanged,
        run.rejections.total,
        run.waiting,
        run.deferred,
        run.requests.reads + run.requests.writes,
        run.seconds,
      ]),
    ],
    width,
  );
}

/** How it is told that a sync which has run already writes what it owed. */
export const SECOND_WAVE = " (second wave)";
