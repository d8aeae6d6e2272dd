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
  const row = { seq: outcome.change.seq, status: outcome.status };
  if ("problem" in outcome) {
    const waits = outcome.status === "rejected" && outcome.problem.refused === true;
    return waits ? { ...row, waits } : row;
  }
  if (outcome.absent) return { ...row, status: "skipped" };
  const { id, owed = [], later } = outcome;
  if (id === undefined && owed.length === 0) return row;
  return {
    ...row,
    ...(id === undefined ? {} : { id }),
    ...(owed.length === 0
      ? {}
      : { owed: `${later ? "w:\n" : ""}${owed.map((field) => `f:${field}\n`).join("")}` }),
  };
}
