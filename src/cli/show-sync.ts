/** Plans, runs and rejections as text for a person. Pure. */
import { OPERATION_KINDS, type OperationKind } from "../core/change.ts";
import { type ErrorKind, sentence } from "../core/errors.ts";
import type { Rejections, SampleOperation, SyncPlan, SyncRun } from "../sync/report.ts";
import { counted, type Paint, shown, table } from "./render.ts";

const SAMPLES_PER_KIND = 3;
const REMOVALS_SHOWN = 20;
const REJECTIONS_SHOWN = 20;

interface KindWords {
  readonly sign: "+" | "~" | "-";
  readonly style: "green" | "yellow" | "red";
  /** What becomes of the records. */
  readonly fate: string;
}

const KINDS: Readonly<Record<OperationKind, KindWords>> = {
  create: { sign: "+", style: "green", fate: "to create" },
  upsert: { sign: "+", style: "green", fate: "to create or update (not in the snapshot)" },
  update: { sign: "~", style: "yellow", fate: "to update" },
  add_member: { sign: "+", style: "green", fate: "to enter" },
  remove_member: { sign: "-", style: "red", fate: "to leave" },
  deactivate: { sign: "-", style: "red", fate: "to deactivate" },
  delete: { sign: "-", style: "red", fate: "to delete" },
};

/** What a result means for the exit code. A row that waits for its next try is a rejected one. */
export function kindsOf({ stopped, rejections, waiting }: SyncPlan | SyncRun): ErrorKind[] {
  return [
    ...(stopped ? [stopped.kind] : []),
    ...(rejections.total + waiting > 0 ? (["rejected"] as const) : []),
  ];
}

export function showPlan(plan: SyncPlan, paint: Paint): string {
  const { operations, rejections, recovery } = plan;
  const lines = [
    `${paint("bold", `${plan.sync}: ${plan.model} → ${plan.object}`)} (${counted(plan.rows, "row")})`,
    ...(recovery
      ? [
          `  run ${recovery.run} did not end: ${counted(recovery.inDoubt, "change")} without an answer are planned again`,
        ]
      : []),
    ...plan.warnings.map((warning) => paint("yellow", `  note: ${warning}`)),
  ];
  if (plan.stopped) {
    const removed = OPERATION_KINDS.flatMap((kind) => showSamples(plan, kind, paint));
    return [...lines, paint("red", `  stopped: ${sentence(plan.stopped)}`), ...removed].join("\n");
  }
  for (const kind of OPERATION_KINDS) {
    if (operations[kind] === 0) continue;
    const { sign, style, fate } = KINDS[kind];
    const fields = kind === "update" ? `: ${fieldCounts(plan)}` : "";
    lines.push(paint(style, `  ${sign} ${counted(operations[kind], "record")} ${fate}${fields}`));
  }
  if (plan.unchanged > 0) lines.push(`  = ${counted(plan.unchanged, "row")} unchanged`);
  if (rejections.total > 0) lines.push(paint("red", `  ! ${counted(rejections.total, "row")} rejected`));
  if (plan.waiting > 0) lines.push(paint("red", `  ! ${waitingLine(plan.waiting)}`));
  const writes = OPERATION_KINDS.some((kind) => operations[kind] > 0);
  lines.push(writes ? `  ${counted(plan.requests, "write request")}` : "  nothing to write");
  for (const kind of OPERATION_KINDS) lines.push(...showSamples(plan, kind, paint));
  if (rejections.total > 0) lines.push("", ...showRejections(rejections, paint));
  return lines.join("\n");
}

const waitingLine = (rows: number): string =>
  `${counted(rows, "row")} rejected before, the same since: tried again later, or at once by \`backhaul retry\``;

function showSamples(
  { samples, operations, stopped }: SyncPlan,
  kind: OperationKind,
  paint: Paint,
): string[] {
  const all = samples.filter((sample) => sample.kind === kind);
  const first = all.slice(0, KINDS[kind].sign === "-" ? REMOVALS_SHOWN : SAMPLES_PER_KIND);
  const left = (stopped ? all.length : operations[kind]) - first.length;
  const lines = first.flatMap((sample) => {
    const isFirst = sample === first[0];
    // Removals are one line each, and stand together.
    return [...(isFirst || KINDS[kind].sign !== "-" ? [""] : []), ...showSample(sample, paint)];
  });
  if (first.length > 0 && left > 0) lines.push(`    … and ${left.toLocaleString("en-US")} more`);
  return lines;
}

/** The fields with the most updates first. */
function fieldCounts({ fields, operations }: SyncPlan): string {
  if (operations.create + operations.upsert > 0) return counted(Object.keys(fields).length, "field");
  return Object.entries(fields)
    .sort(([, a], [, b]) => b - a)
    .map(([field, n]) => `${field} (${n.toLocaleString("en-US")})`)
    .join(", ");
}

function showSample({ kind, key, record, fields }: SampleOperation, paint: Paint): string[] {
  const { sign, style } = KINDS[kind];
  if (sign === "-") return [paint(style, `  - ${shown(keyText(key), 40)}: ${record}`)];
  const width = Math.max(...fields.map(({ field }) => field.length));
  return [
    paint(style, `  ${sign} ${record}`),
    ...fields.map(({ field, before, after }) => {
      const values = kind === "update" ? `${shown(before)} → ${shown(after)}` : shown(after);
      return `      ${field.padEnd(width)}  ${values}`;
    }),
  ];
}

const keyText = (key: readonly (string | null)[]): string => key.map((part) => part ?? "null").join(", ");

export function showRejections({ total, byCode, listed }: Rejections, paint: Paint): string[] {
  const codes = Object.entries(byCode).map(([code, n]) => `${code} (${n})`);
  const first = listed.slice(0, REJECTIONS_SHOWN);
  return [
    paint("red", `  Rejected: ${codes.join(", ")}`),
    ...first.map(
      ({ key, message, remedy }) => `    ${shown(keyText(key), 40)}: ${message}${remedy ? ` ${remedy}` : ""}`,
    ),
    ...(total > first.length ? [`    … and ${(total - first.length).toLocaleString("en-US")} more`] : []),
  ];
}

export function showRun(run: SyncRun, paint: Paint): string {
  const { recovery, rejections, requests } = run;
  const lines = [
    ...(recovery
      ? [
          `  run ${recovery.run} did not end: ${counted(recovery.acknowledged, "outcome")} recovered from its journal, ${counted(recovery.inDoubt, "change")} planned again`,
        ]
      : []),
    ...run.warnings.map((warning) => paint("yellow", `  note: ${warning}`)),
    `  ${counted(run.applied, "row")} written, ${counted(run.unchanged, "row")} unchanged, ${rejections.total.toLocaleString("en-US")} rejected, ${run.deferred.toLocaleString("en-US")} deferred; ${counted(requests.reads + requests.writes, "request")} in ${run.seconds} s`,
  ];
  if (run.waiting > 0) lines.push(paint("red", `  ${waitingLine(run.waiting)}`));
  if (rejections.total > 0) lines.push(...showRejections(rejections, paint));
  if (run.stopped)
    lines.push(
      paint("red", `  ${run.stopped.kind === "guard" ? "stopped" : "ended early"}: ${sentence(run.stopped)}`),
    );
  return [paint("bold", `${run.sync}: ${run.model} → ${run.object}`), ...lines].join("\n");
}

export function summary(runs: readonly SyncRun[]): string {
  return table([
    ["sync", "rows", "written", "unchanged", "rejected", "waiting", "deferred", "requests", "seconds"],
    ...runs.map((run) => [
      run.sync,
      run.rows,
      run.applied,
      run.unchanged,
      run.rejections.total,
      run.waiting,
      run.deferred,
      run.requests.reads + run.requests.writes,
      run.seconds,
    ]),
  ]);
}
