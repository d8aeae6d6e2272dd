/** The life of a row as text for a person. Pure. */
import { sentence } from "../core/errors.ts";
import type { Value } from "../core/value.ts";
import type { ChangeEntry, RejectEntry } from "../state/history.ts";
import type { NextStep } from "../sync/explain.ts";
import type { Explanation } from "./explanation.ts";
import { fitted, keyText, type Paint, padded, shown, wrapped } from "./render.ts";

interface View {
  readonly paint: Paint;
  readonly width: number;
}

export function showExplanation(explanation: Explanation, view: View): string {
  const { paint } = view;
  const { sync, key, model, object, audience = object, inModel, record, next, notes } = explanation;
  const isKnown = inModel || explanation.fields.some(({ known }) => known !== undefined);
  const lines = [
    paint("bold", `${sync} ${shown(keyText(key), 60)}: ${model} → ${audience}`),
    `  record ${record ?? "not known yet"}`,
    "",
    ...(isKnown
      ? [
          paint(
            "bold",
            inModel
              ? "The row, as the model has it now"
              : "The model has no such row now; what was last written",
          ),
          ...fieldLines(explanation, view),
        ]
      : [paint("bold", "The model has no such row, and none was written")]),
    "",
    paint("bold", "A run would"),
    ...next.flatMap((step) => stepLines(step, view)),
    "",
    paint("bold", "What has been"),
    ...historyLines(explanation, view),
    ...notes.flatMap((note) => wrapped(note, view.width, "  ", "  ")),
  ];
  return lines.join("\n");
}

const valueText = (value: Value | undefined): string =>
  value === undefined ? "" : value === null ? "null" : shown(value, 400);

/** Field, column, value, and how it is mapped; the value that was last written below, where it is another. */
function fieldLines({ fields, inModel }: Explanation, { width }: View): string[] {
  const names = Math.max(0, ...fields.map(({ field }) => field.length));
  const columns = Math.max(0, ...fields.map(({ column = "" }) => column.length));
  const room = Math.max(16, width - names - columns - 6);
  return fields.flatMap(({ field, column = "", mapping, value, known }) => {
    const now = inModel ? value : known;
    const text = [valueText(now), ...(mapping === "" ? [] : [`(${mapping})`])]
      .filter((part) => part !== "")
      .join("  ");
    const [first = "", ...rest] = wrapped(text, room, "", "  ");
    const indent = " ".repeat(names + columns + 6);
    const before =
      inModel && known !== undefined && known !== value
        ? [`${indent}${fitted(`was ${valueText(known)}`, room).text}`]
        : [];
    return [
      `  ${padded(field, names)}  ${padded(column, columns)}  ${fitted(first, room).text}`,
      ...rest.map((line) => `${indent}${fitted(line, room).text}`),
      ...before,
    ];
  });
}

function stepLines(step: NextStep, { paint, width }: View): string[] {
  if (step.status === "nothing" || step.status === "unknown")
    return wrapped(`${step.status === "nothing" ? "write nothing. " : ""}${step.why}`, width, "  ", "    ");
  if (step.status === "rejected" || step.status === "waiting") {
    const why = step.problem ? `: ${sentence(step.problem)}` : "";
    const what =
      step.status === "rejected"
        ? "reject it"
        : `leave it until its next try is due, since it was refused before and is the same; \`backhaul retry\` tries at once`;
    return wrapped(`${what}${why}`, width, "  ", "    ").map((line) => paint("red", line));
  }
  const names = Math.max(0, ...("fields" in step ? step.fields.map(({ field }) => field.length) : []));
  if (!("fields" in step)) return [];
  return [
    fitted(`  ${step.status.replace("_", " ")} ${step.record}`, width).text,
    ...step.fields.map(({ field, before, after }) => {
      const change =
        step.status === "update" ? `${shown(before, 200)} → ${shown(after, 200)}` : shown(after, 400);
      return fitted(`    ${padded(field, names)}  ${change}`, width).text;
    }),
  ];
}

/** Writes and rejections in one list, the newest first. */
function historyLines(explanation: Explanation, { paint, width }: View): string[] {
  const { changes, rejects } = explanation;
  const words = wordsOf(explanation);
  const events = [
    ...changes.map((entry) => ({ run: entry.run, lines: changeLines(entry, words, width) })),
    ...rejects.map((entry) => ({
      run: entry.run,
      lines: rejectLines(entry, width).map((line) => paint("red", line)),
    })),
  ].sort((a, b) => (a.run < b.run ? 1 : a.run > b.run ? -1 : 0));
  return events.length === 0
    ? ["  no write and no rejection of this row is known"]
    : events.flatMap(({ lines }) => lines);
}

type Words = Readonly<Record<ChangeEntry["kind"], string>>;

const WORDS: Words = { added: "written as a new row", changed: "changed", removed: "removed" };

/** What became of a row whose record is a member of something. */
function wordsOf({ audience, leaves }: Explanation): Words {
  if (audience === undefined) return WORDS;
  return {
    added: `${leaves ? "taken off" : "entered"} ${audience}: the model had the row`,
    changed: `added to ${audience} again`,
    removed: `taken off ${audience}: the row had left the model`,
  };
}

function changeLines(
  { run, at, kind, columns = {}, fields = [], request }: ChangeEntry,
  words: Words,
  width: number,
): string[] {
  const changed = Object.entries(columns).map(
    ([column, [before, after]]) => `${column} ${valueText(before)} → ${valueText(after)}`,
  );
  const why = [...changed, ...(fields.length > 0 ? [`owed or mapped anew: ${fields.join(", ")}`] : [])].join(
    "; ",
  );
  const text = `${at.slice(0, 19).replace("T", " ")}Z  ${words[kind]}${why === "" ? "" : `: ${why}`}`;
  const source = `run ${run}${request === undefined ? "" : `, request ${request}`}`;
  return [...wrapped(text, width, "  ", "      "), ...wrapped(source, width, "      ", "      ")];
}

/** A run's id begins with the time at which it was begun. */
const timeOf = (run: string): string =>
  run.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d).*$/, "$1-$2-$3 $4:$5:$6Z");

function rejectLines({ run, code, message, remedy, request }: RejectEntry, width: number): string[] {
  const text = `${timeOf(run)}  rejected: ${shown(message, 600)}${remedy ? ` ${remedy}` : ""}`;
  const source = `${code}, run ${run}${request === undefined ? "" : `, request ${request}`}`;
  return [...wrapped(text, width, "  ", "      "), ...wrapped(source, width, "      ", "      ")];
}
