/** Runs and rejected rows of the past as text. Pure. */

import type { Problem } from "../core/errors.ts";
import { sentence } from "../core/errors.ts";
import type { RejectEntry, RunEntry } from "../state/history.ts";
import { keyText, type Paint, shown, tableWithin, wrapped } from "./render.ts";

interface View {
  readonly paint: Paint;
  /** Of a line, in columns of the terminal. */
  readonly width: number;
}

export function showRuns(runs: readonly RunEntry[], { paint, width }: View): string {
  if (runs.length === 0) return "No run that ended is known.";
  const number = (value: unknown): number => Number(value ?? 0);
  const text = tableWithin(
    [
      ["run", "sync", "rows", "written", "unchanged", "rejected", "waiting", "deferred", "seconds", "end"],
      ...runs.map((run) => [
        run.run,
        run.sync,
        number(run.rows),
        number(run.applied),
        number(run.unchanged),
        number(run.rejected),
        number(run.waiting),
        number(run.deferred),
        number(run.seconds),
        (run.stopped as Problem | undefined)?.code ?? "done",
      ]),
    ],
    width,
  );
  const [last] = runs;
  const stopped = last?.stopped as Problem | undefined;
  if (stopped === undefined) return text;
  const why = wrapped(`${last!.sync}, last run: ${sentence(stopped)}`, width, "", "  ");
  return [text, "", ...why.map((line) => paint("red", line))].join("\n");
}

export function showRejects(rejects: readonly RejectEntry[], { paint, width }: View): string {
  if (rejects.length === 0) return "No rejected row is known.";
  const lines: string[] = [];
  let head = "";
  for (const { run, sync, object, key, code, message, remedy } of rejects) {
    const next = `${sync} → ${object}, run ${run}`;
    if (next !== head) lines.push(...(head === "" ? [] : [""]), paint("bold", next));
    head = next;
    const text = `${shown(message, 600)}${remedy ? ` ${remedy}` : ""}`;
    lines.push(
      `  ${paint("red", shown(keyText(key), 40))}  ${paint("dim", code)}`,
      ...wrapped(text, width, "      ", "      "),
    );
  }
  return lines.join("\n");
}

const COLUMNS = [
  "run",
  "sync",
  "organization",
  "object",
  "key",
  "field",
  "code",
  "message",
  "remedy",
  "request",
] as const;

export const csvHead = COLUMNS.join(",");

/** A line of CSV (RFC 4180); a key of several columns is a JSON list. */
export function csvLine(reject: RejectEntry): string {
  const cell = (column: (typeof COLUMNS)[number]): string => {
    const { key } = reject;
    const value = column !== "key" ? reject[column] : key.length === 1 ? key[0] : JSON.stringify(key);
    const text = value ?? "";
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return COLUMNS.map(cell).join(",");
}
