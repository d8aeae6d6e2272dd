/** Plans, runs and rejections as text for a person. Pure. */

import { sentence } from "../core/errors.ts";
import type { Rejections, SampleOperation, SyncPlan, SyncRun } from "../sync/report.ts";
import { counted, type Paint, shown, table } from "./render.ts";

const SAMPLES_PER_KIND = 3;
const REJECTIONS_SHOWN = 20;

export function showPlan(plan: SyncPlan, paint: Paint): string {
  const { operations, rejections, recovery } = plan;
  const writes = operations.create + operations.update + operations.upsert;
  const lines = [
    `${paint("bold", `${plan.sync}: ${plan.model} → ${plan.object}`)} (${counted(plan.rows, "row")})`,
    ...(recovery
      ? [
          `  run ${recovery.run} did not end: ${counted(recovery.inDoubt, "change")} without an answer are planned again`,
        ]
      : []),
    ...plan.warnings.map((warning) => paint("yellow", `  note: ${warning}`)),
  ];
  if (plan.stopped) return [...lines, paint("red", `  stopped: ${sentence(plan.stopped)}`)].join("\n");
  if (operations.create > 0)
    lines.push(paint("green", `  + ${counted(operations.create, "record")} to create`));
  if (operations.upsert > 0) {
    lines.push(
      paint("green", `  + ${counted(operations.upsert, "record")} to create or update (not in the snapshot)`),
    );
  }
  if (operations.update > 0) {
    lines.push(
      paint("yellow", `  ~ ${counted(operations.update, "record")} to update: ${fieldCounts(plan)}`),
    );
  }
  if (plan.unchanged > 0) lines.push(`  = ${counted(plan.unchanged, "row")} unchanged`);
  if (rejections.total > 0) lines.push(paint("red", `  ! ${counted(rejections.total, "row")} rejected`));
  if (writes === 0) lines.push("  nothing to write");
  else lines.push(`  ${counted(plan.requests, "write request")}`);
  for (const kind of ["create", "upsert", "update"] as const) {
    const samples = plan.samples.filter((sample) => sample.kind === kind).slice(0, SAMPLES_PER_KIND);
    for (const sample of samples) lines.push("", ...showSample(sample, paint));
    const left = operations[kind] - samples.length;
    if (samples.length > 0 && left > 0) lines.push(`    … and ${left.toLocaleString("en-US")} more`);
  }
  if (rejections.total > 0) lines.push("", ...showRejections(rejections, paint));
  return lines.join("\n");
}

/** The fields with the most updates first. */
function fieldCounts({ fields, operations }: SyncPlan): string {
  if (operations.create + operations.upsert > 0) return counted(Object.keys(fields).length, "field");
  return Object.entries(fields)
    .sort(([, a], [, b]) => b - a)
    .map(([field, n]) => `${field} (${n.toLocaleString("en-US")})`)
    .join(", ");
}

function showSample({ kind, record, fields }: SampleOperation, paint: Paint): string[] {
  const width = Math.max(...fields.map(({ field }) => field.length));
  const head = kind === "update" ? paint("yellow", `  ~ ${record}`) : paint("green", `  + ${record}`);
  return [
    head,
    ...fields.map(({ field, before, after }) => {
      const values = kind === "update" ? `${shown(before)} → ${shown(after)}` : shown(after);
      return `      ${field.padEnd(width)}  ${values}`;
    }),
  ];
}

export function showRejections({ total, byCode, listed }: Rejections, paint: Paint): string[] {
  const codes = Object.entries(byCode).map(([code, n]) => `${code} (${n})`);
  const first = listed.slice(0, REJECTIONS_SHOWN);
  return [
    paint("red", `  Rejected: ${codes.join(", ")}`),
    ...first.map(({ key, message, remedy }) => {
      const name = key.map((part) => part ?? "null").join(", ");
      return `    ${shown(name, 40)}: ${message}${remedy ? ` ${remedy}` : ""}`;
    }),
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
  if (rejections.total > 0) lines.push(...showRejections(rejections, paint));
  if (run.stopped)
    lines.push(
      paint("red", `  ${run.stopped.kind === "guard" ? "stopped" : "ended early"}: ${sentence(run.stopped)}`),
    );
  return [paint("bold", `${run.sync}: ${run.model} → ${run.object}`), ...lines].join("\n");
}

export function summary(runs: readonly SyncRun[]): string {
  return table([
    ["sync", "rows", "written", "unchanged", "rejected", "deferred", "requests", "seconds"],
    ...runs.map((run) => [
      run.sync,
      run.rows,
      run.applied,
      run.unchanged,
      run.rejections.total,
      run.deferred,
      run.requests.reads + run.requests.writes,
      run.seconds,
    ]),
  ]);
}
