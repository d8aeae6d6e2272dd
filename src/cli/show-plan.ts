/** A plan as text for a person: what becomes of how many records, samples of each kind, why rows are rejected. Pure. */
import { OPERATION_KINDS, type OperationKind } from "../core/change.ts";
import { sentence } from "../core/errors.ts";
import type { SampleOperation, SyncPlan } from "../sync/report.ts";
import { count, counted, fitted, keyText, type Paint, padded, shown, wrapped } from "./render.ts";
import { showRejections, waitingLine } from "./show-rejections.ts";

const SAMPLES_PER_KIND = 3;
/** Who enters, unless somebody asks for more. */
const MEMBERS_SHOWN = 20;
/** Removals are named whatever the limit, as far as it is not above this. */
const REMOVALS_SHOWN = 100;

export interface PlanView {
  readonly paint: Paint;
  /** Of a line, in columns of the terminal. */
  readonly width: number;
  /** Samples of each kind; of removals a hundred at least. */
  readonly limit?: number | undefined;
}

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

/** What becomes of associations, which no list or segment holds. */
const TIES: Partial<Record<OperationKind, string>> = { add_member: "to make", remove_member: "to undo" };

export function showPlan(plan: SyncPlan, view: PlanView): string {
  const { paint, width } = view;
  const { operations, rejections, recovery, unchanged, waiting } = plan;
  const head = `${plan.sync}: ${plan.model} → ${plan.audience ?? plan.object} (${counted(plan.rows, "row")})`;
  const lines = wrapped(head, width, "", "  ").map((line) => paint("bold", line));
  if (recovery) {
    const text = `run ${recovery.run} did not end: ${counted(recovery.inDoubt, "change")} without an answer are planned again`;
    lines.push(...wrapped(text, width, "  ", "    "));
  }
  for (const warning of plan.warnings)
    lines.push(...wrapped(`note: ${warning}`, width, "  ", "    ").map((line) => paint("yellow", line)));
  if (plan.stopped) {
    const why = wrapped(`stopped: ${sentence(plan.stopped)}`, width, "  ", "    ");
    const removed = OPERATION_KINDS.flatMap((kind) => showSamples(plan, kind, view));
    // What to do is what one sees last, however many removals stand above it.
    const gap = removed.length > 0 ? [""] : [];
    return [...lines, ...removed, ...gap, ...why.map((line) => paint("red", line))].join("\n");
  }
  for (const kind of OPERATION_KINDS) {
    if (operations[kind] === 0) continue;
    const { sign, style, fate } = KINDS[kind];
    const fields = kind === "update" ? `: ${fieldCounts(plan)}` : "";
    const isTie = plan.audience === undefined && TIES[kind] !== undefined;
    const what = isTie ? `${counted(operations[kind], "association")} ${TIES[kind]}` : undefined;
    const text = `${sign} ${what ?? `${counted(operations[kind], "record")} ${fate}`}${fields}`;
    lines.push(...wrapped(text, width, "  ", "      ").map((line) => paint(style, line)));
  }
  if (unchanged > 0) lines.push(`  = ${counted(unchanged, "row")} unchanged`);
  if (rejections.total > 0) lines.push(paint("red", `  ! ${counted(rejections.total, "row")} rejected`));
  if (waiting > 0)
    lines.push(
      ...wrapped(`! ${waitingLine(waiting)}`, width, "  ", "    ").map((line) => paint("red", line)),
    );
  const writes = OPERATION_KINDS.some((kind) => operations[kind] > 0);
  lines.push(writes ? `  ${counted(plan.requests, "write request")}${longer(plan)}` : "  nothing to write");
  for (const kind of OPERATION_KINDS) lines.push(...showSamples(plan, kind, view));
  if (rejections.total > 0) lines.push("", ...showRejections(rejections, view));
  return lines.join("\n");
}

/** How long it takes and how much of the limits, where it takes longer than anybody waits for. */
function longer({ forecast: { seconds, share } }: SyncPlan): string {
  if (seconds < 60) return "";
  const most = Math.max(0, ...Object.values(share));
  return `, about ${counted(Math.ceil(seconds / 60), "minute")}; ${Math.ceil(100 * most)} % of what one window of the service's limits takes`;
}

/** The fields with the most updates first. */
const fieldCounts = ({ updates }: SyncPlan): string =>
  Object.entries(updates)
    .sort(([, a], [, b]) => b - a)
    .map(([field, n]) => `${field} (${count(n)})`)
    .join(", ");

function showSamples(
  { samples, operations, removals }: SyncPlan,
  kind: OperationKind,
  view: PlanView,
): string[] {
  const isRemoval = KINDS[kind].sign === "-";
  const isOneLine = isRemoval || kind === "add_member";
  const all = samples.filter((sample) => sample.kind === kind);
  const limit = isRemoval
    ? Math.max(REMOVALS_SHOWN, view.limit ?? 0)
    : (view.limit ?? (isOneLine ? MEMBERS_SHOWN : SAMPLES_PER_KIND));
  const first = all.slice(0, limit);
  if (first.length === 0) return [];
  const total = removals === undefined ? operations[kind] : isRemoval ? removals : all.length;
  const left = total - first.length;
  const how = isRemoval ? `: --limit ${total} names them all` : "";
  const more = left > 0 ? wrapped(`… and ${count(left)} more${how}`, view.width, "    ", "      ") : [];
  // Removals are one line each, and stand together; so do members who enter.
  if (isOneLine) return ["", ...showLines(first, kind, view), ...more];
  return [...first.flatMap((sample) => ["", ...showSample(sample, view)]), ...more];
}

function showLines(
  samples: readonly SampleOperation[],
  kind: OperationKind,
  { paint, width }: PlanView,
): string[] {
  const { sign, style } = KINDS[kind];
  const cells = samples.map(({ key, name = "", record }) => [
    shown(keyText(key), 40),
    shown(name, 40),
    record,
  ]);
  const widths = [0, 1].map((i) => Math.max(...cells.map((row) => fitted(row[i]!, 40).width)));
  return cells.map(([key = "", name = "", record = ""]) => {
    const parts = [padded(key, widths[0]!), ...(widths[1]! > 0 ? [padded(name, widths[1]!)] : []), record];
    return paint(style, fitted(`  ${sign} ${parts.join("  ")}`, width).text);
  });
}

/** The record, and its fields below: the old values stand under each other, and the new ones. */
function showSample(
  { kind, key, name, record, fields }: SampleOperation,
  { paint, width }: PlanView,
): string[] {
  const { sign, style } = KINDS[kind];
  const head = [shown(keyText(key), 40), ...(name ? [shown(name, 40)] : []), record].join("  ");
  const lines = [paint(style, fitted(`  ${sign} ${head}`, width).text)];
  const names = Math.max(0, ...fields.map(({ field }) => field.length));
  const room = Math.max(20, width - 6 - names - 2);
  if (kind !== "update") {
    return [
      ...lines,
      ...fields.map(
        ({ field, after }) =>
          `      ${padded(field, names)}  ${paint("green", fitted(shown(after, 4_000), room).text)}`,
      ),
    ];
  }
  const values = fields.map(({ before, after }) => [shown(before, 4_000), shown(after, 4_000)] as const);
  const widest = (side: 0 | 1): number =>
    Math.max(0, ...values.map((pair) => fitted(pair[side], room).width));
  // Each side takes what the other leaves, and at least half.
  const half = Math.floor((room - 3) / 2);
  const olds = Math.min(widest(0), Math.max(half, room - 3 - widest(1)));
  return [
    ...lines,
    ...fields.map(({ field }, i) => {
      const [old, now] = values[i]!;
      const before = padded(fitted(old, olds).text, olds);
      const after = fitted(now, room - 3 - olds).text;
      return `      ${padded(field, names)}  ${paint("red", before)} ${paint("dim", "→")} ${paint("green", after)}`;
    }),
  ];
}
