/** What is told of a sync: conditions that hold or do not, and messages when that changes. Pure. */
import { EXIT_CODE, type Problem } from "../core/errors.ts";
import { milliseconds } from "../core/schedule.ts";

export const CONDITIONS = ["failed", "guard", "rejected", "duration", "freshness", "volume"] as const;
export type Condition = (typeof CONDITIONS)[number];

/** What an alert asks for; conditions that are left out are not watched. */
export interface When {
  readonly failed: boolean;
  readonly guard: boolean;
  readonly recovered: boolean;
  readonly rejected?: string;
  readonly duration?: string;
  readonly freshness?: string;
  readonly volume?: string;
}

export interface Counts {
  readonly run: string;
  readonly rows: number;
  readonly applied: number;
  readonly deferred: number;
  readonly waiting: number;
  readonly rejected: number;
}

/** A run that has ended. */
export interface Facts {
  readonly exit: number;
  readonly seconds: number;
  readonly counts?: Counts;
  readonly problems: readonly Problem[];
  /** The rows that earlier runs had, the newest last. */
  readonly usual: readonly number[];
}

export interface Finding {
  readonly condition: Condition;
  readonly holds: boolean;
  /** Why it holds, without a value of a row. */
  readonly detail: string;
}

const FEWEST_RUNS = 5;

/** What a run says of each condition that is watched; nothing of those it cannot tell. */
export function findingsOf(when: When, facts: Facts): Finding[] {
  const { exit, seconds, counts, problems, usual } = facts;
  if (exit === EXIT_CODE.aborted || problems.some(({ code }) => code === "state.locked")) return [];
  const ran = exit === 0 || exit === EXIT_CODE.rejected;
  const stopped = exit === EXIT_CODE.guard;
  const found: Finding[] = [];
  const add = (condition: Condition, holds: boolean, detail: string): void =>
    void found.push({ condition, holds, detail });

  // One that a guard stopped neither failed nor runs again.
  if (when.failed && !stopped) add("failed", !ran, codesOf(problems) || `exit code ${exit}`);
  if (when.guard && (ran || stopped)) add("guard", stopped, codesOf(problems));
  if (when.duration !== undefined && (ran || counts)) {
    const limit = milliseconds(when.duration) / 1_000;
    add("duration", seconds > limit, `${Math.round(seconds)} s, more than ${when.duration}`);
  }
  if (!ran || counts === undefined) return found;
  const { rows, rejected, waiting } = counts;
  if (when.rejected !== undefined) {
    const share = rows === 0 ? 0 : (100 * (rejected + waiting)) / rows;
    add(
      "rejected",
      share > Number.parseFloat(when.rejected),
      `${rejected + waiting} of ${rows} rows, ${share.toFixed(1)} %, more than ${when.rejected}`,
    );
  }
  if (when.volume !== undefined && usual.length >= FEWEST_RUNS) {
    const middle = median(usual);
    const most = (middle * Number.parseFloat(when.volume)) / 100;
    add("volume", Math.abs(rows - middle) > most, `${rows} rows, usually about ${middle}`);
  }
  return found;
}

/** Whether the last good end, or the beginning where there is none, is too long ago. */
export function freshnessOf(when: When, last: number, now: number): Finding[] {
  if (when.freshness === undefined) return [];
  const age = now - last;
  const detail = `no run has ended well since ${new Date(last).toISOString()}, more than ${when.freshness}`;
  return [{ condition: "freshness", holds: age > milliseconds(when.freshness), detail }];
}

/** The rows of the last runs with another one. */
export const remembered = (usual: readonly number[], rows: number): readonly number[] =>
  [...usual, rows].slice(-20);

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

const codesOf = (problems: readonly Problem[]): string =>
  [...new Set(problems.map(({ code }) => code))].slice(0, 3).join(", ");

/** A change of state, as it is told. */
export interface Message {
  readonly project: string;
  readonly sync: string;
  readonly condition: Condition;
  /** `begun` when the condition has come to hold, `over` when it holds no more. */
  readonly state: "begun" | "over";
  readonly severity: "error" | "warning" | "ok";
  /** One sentence for a person. */
  readonly text: string;
  readonly at: string;
  readonly seconds?: number;
  readonly counts?: Counts;
}

const BEGUN: Readonly<Record<Condition, string>> = {
  failed: "failed",
  guard: "was stopped by its guard, nothing was written",
  rejected: "has many rejected rows",
  duration: "took long",
  freshness: "is not fresh",
  volume: "has an unusual number of rows",
};

const OVER: Readonly<Record<Condition, string>> = {
  failed: "runs again",
  guard: "is no longer stopped by its guard",
  rejected: "has few rejected rows again",
  duration: "is quick again",
  freshness: "is fresh again",
  volume: "has its usual number of rows again",
};

export function messageOf(
  { condition, holds, detail }: Finding,
  about: Pick<Message, "project" | "sync" | "at" | "counts" | "seconds">,
): Message {
  const name = `${about.project}: ${about.sync}`;
  const serious = condition === "failed" || condition === "guard";
  return {
    ...about,
    condition,
    state: holds ? "begun" : "over",
    severity: holds ? (serious ? "error" : "warning") : "ok",
    text: holds ? `${name} ${BEGUN[condition]} (${detail}).` : `${name} ${OVER[condition]}.`,
  };
}
