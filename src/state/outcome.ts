import type { Outcome } from "../core/change.ts";

/** An outcome as the journal keeps it: what the commit needs, and no value of the row. */
export interface OutcomeRow {
  readonly seq: number;
  /** `skipped`: there is no record and none is to be made; nothing is known of the row. */
  readonly status: Outcome["status"] | "skipped";
  readonly id?: string;
  /** Lines `f:FIELD`; `w:` first where the run's second wave can write them. */
  readonly owed?: string;
  /** Set on a rejected row that waits before it is tried again. */
  readonly waits?: true;
}

export function outcomeRow(outcome: Outcome): OutcomeRow {
  const { status } = outcome;
  const { seq } = outcome.change;
  if ("problem" in outcome) {
    const waits = status === "rejected" && outcome.problem.refused === true;
    return waits ? { seq, status, waits } : { seq, status };
  }
  if (outcome.absent) return { seq, status: "skipped" };
  const { id, owed = [], later } = outcome;
  const told = id === undefined ? { seq, status } : { seq, status, id };
  if (owed.length === 0) return told;
  return { ...told, owed: `${later ? "w:\n" : ""}${owed.map((field) => `f:${field}\n`).join("")}` };
}
