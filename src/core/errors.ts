/**
 * The one error taxonomy. A kind is named after who acts: the user edits a file (`config`), mends access
 * (`connection`), allows a removal (`guard`), fixes data (`rejected`), waits (`deferred`), or reports a
 * defect of ours (`bug`).
 */
export type ErrorKind = "rejected" | "config" | "connection" | "guard" | "deferred" | "aborted" | "bug";

/** Exit codes of the command line; DESIGN: 130, 3, 2, 4, 5, 1 is the order of precedence. */
export const EXIT_CODE = {
  rejected: 1,
  config: 2,
  connection: 3,
  guard: 4,
  deferred: 5,
  bug: 70,
  aborted: 130,
} as const satisfies Record<ErrorKind, number>;

const PRECEDENCE: readonly ErrorKind[] = [
  "aborted",
  "bug",
  "connection",
  "config",
  "guard",
  "deferred",
  "rejected",
];

/** The exit code when several things went wrong: the first kind of the order of precedence; 0 for none. */
export function exitCodeOf(kinds: Iterable<ErrorKind>): number {
  const seen = new Set(kinds);
  const first = PRECEDENCE.find((kind) => seen.has(kind));
  return first === undefined ? 0 : EXIT_CODE[first];
}

/** Where in a file of the user's something stands; line and column count from 1. */
export interface Place {
  readonly file: string;
  readonly line?: number;
  readonly column?: number;
}

/** What went wrong, once: for a file, a field or a row. */
export interface Problem {
  readonly kind: ErrorKind;
  /** Stable and greppable, for example `mapping.unknown_field` or `dataverse.0x80060891`. */
  readonly code: string;
  /** One sentence: what happened. Never holds a secret. */
  readonly message: string;
  /** One sentence: what the user does about it. */
  readonly remedy?: string;
  readonly place?: Place;
  /** The destination's field, where one is to blame. */
  readonly field?: string;
  /**
   * Of a rejected row: true when the destination refused it, so that the next tries come at growing distances.
   * What is found here, or waits for a parent, costs no request and is looked at in every run.
   */
  readonly refused?: boolean;
}

/**
 * The only error class. Carries every problem found, so that a user mends all of them in one go; the first
 * one decides `kind`, `code` and the exit code. `cause` keeps the driver's own error for `DEBUG`.
 */
export class SyncError extends Error {
  readonly problems: readonly Problem[];

  constructor(problems: Problem | readonly Problem[], cause?: unknown) {
    const list: readonly Problem[] = Array.isArray(problems) ? problems : [problems as Problem];
    super(list.map(sentence).join("\n"), cause === undefined ? undefined : { cause });
    this.name = "SyncError";
    this.problems = list;
  }

  get kind(): ErrorKind {
    return this.problems[0]?.kind ?? "bug";
  }

  get code(): string {
    return this.problems[0]?.code ?? "bug";
  }
}

/** A problem as one paragraph of text: place, message, remedy. */
export function sentence(problem: Problem): string {
  const { place } = problem;
  const at = place
    ? `${place.file}${place.line === undefined ? "" : `:${place.line}:${place.column ?? 1}`}: `
    : "";
  return `${at}${problem.message}${problem.remedy ? ` ${problem.remedy}` : ""}`;
}

/** What went wrong first, where the end of something that it was the end of failed too. */
export function firstOf(error: unknown): unknown {
  const { name, suppressed } = (error ?? {}) as { readonly name?: unknown; readonly suppressed?: unknown };
  return name === "SuppressedError" && suppressed !== undefined ? firstOf(suppressed) : error;
}

/** Short forms for the places that throw. */
export const fail = {
  config: (code: string, message: string, remedy?: string, more: Partial<Problem> = {}): SyncError =>
    new SyncError({ kind: "config", code, message, ...(remedy ? { remedy } : {}), ...more }),
  connection: (code: string, message: string, remedy?: string, cause?: unknown): SyncError =>
    new SyncError({ kind: "connection", code, message, ...(remedy ? { remedy } : {}) }, cause),
  deferred: (code: string, message: string, remedy?: string, cause?: unknown): SyncError =>
    new SyncError({ kind: "deferred", code, message, ...(remedy ? { remedy } : {}) }, cause),
  bug: (code: string, message: string, cause?: unknown): SyncError =>
    new SyncError(
      { kind: "bug", code, message, remedy: "This is a defect of Backhaul: please report it." },
      cause,
    ),
};
