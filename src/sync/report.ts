/** What a plan and a run tell about a sync: plain data, printed by the commands and returned under `--json`. */
import type { OperationCounts, OperationKind } from "../core/change.ts";
import type { Problem } from "../core/errors.ts";
import type { Value } from "../core/value.ts";
import type { Forecast, Membership } from "../ports.ts";
import type { Recovery } from "../state/state.ts";

/** A row that cannot be written as it is. */
export interface Rejection {
  readonly key: readonly Value[];
  readonly field?: string;
  readonly code: string;
  readonly message: string;
  readonly remedy?: string;
  /** The service's own id of the reply that refused it. */
  readonly request?: string;
}

export interface FieldChange {
  readonly field: string;
  /** JSON fragments; `before` is absent where the snapshot knows no value. */
  readonly before?: string;
  readonly after: string;
}

export interface SampleOperation {
  readonly kind: OperationKind;
  readonly key: readonly Value[];
  readonly record: string;
  /** What a person knows the record by, where the mapping tells it. */
  readonly name?: string;
  readonly fields: readonly FieldChange[];
}

/** Rejections, counted in full, listed up to a limit. */
export interface Rejections {
  readonly total: number;
  readonly byCode: Readonly<Record<string, number>>;
  readonly listed: readonly Rejection[];
}

export interface SyncPlan {
  readonly sync: string;
  readonly model: string;
  readonly destination: string;
  readonly organization: string;
  readonly object: string;
  /** Whose members the records are, for people: `the list VIP customers`. */
  readonly audience?: string;
  /** Rows of the model's result. */
  readonly rows: number;
  readonly operations: OperationCounts;
  /** Fields that would be written, with the number of operations that write each. */
  readonly fields: Readonly<Record<string, number>>;
  /** Of these, the updates alone. */
  readonly updates: Readonly<Record<string, number>>;
  readonly unchanged: number;
  /** Rows that were rejected before, are the same since, and are not due to be tried again. */
  readonly waiting: number;
  readonly rejections: Rejections;
  /** Write requests that the operations take, short of faults. */
  readonly requests: number;
  /** What else they take: seconds, and the share of what one window of the service's limits takes. */
  readonly forecast: Omit<Forecast, "requests">;
  readonly samples: readonly SampleOperation[];
  readonly recovery?: Recovery;
  readonly warnings: readonly string[];
  /** Why a run would stop before it writes. */
  readonly stopped?: Problem;
  /** Of a plan that would stop: rows whose records would be removed, were it let through. */
  readonly removals?: number;
}

/** How the writing went: what the service was asked for, what it made wait, and how that compares with the forecast. */
export interface Sending {
  /** Rows a second, of those written. */
  readonly rowsPerSecond: number;
  /** Requests by what they were. */
  readonly kinds: Readonly<Record<string, number>>;
  /** Milliseconds that requests waited before they went, by what for; those of requests that wait together are summed. */
  readonly waits: Readonly<Record<string, number>>;
  /** Requests sent again, by why. */
  readonly retries: Readonly<Record<string, number>>;
  /** Refusals by the limit that was reached. */
  readonly limits: Readonly<Record<string, number>>;
  /** Requests that looked for rows at fault among others, and the rows that they found. */
  readonly isolation: { readonly requests: number; readonly rows: number };
  /** How much of each limit is in use at the end, of what one window takes. */
  readonly load: Readonly<Record<string, number>>;
  readonly forecast: { readonly requests: number; readonly seconds: number };
  readonly actual: { readonly requests: number; readonly seconds: number };
}

export interface SyncRun {
  readonly run: string;
  readonly sync: string;
  readonly model: string;
  readonly destination: string;
  readonly organization: string;
  readonly object: string;
  /** Whose members the records are, for people: `the list VIP customers`. */
  readonly audience?: string;
  /** Lists whose members have changed, compared with what was intended. */
  readonly members?: readonly Membership[];
  readonly started: string;
  readonly seconds: number;
  readonly rows: number;
  readonly applied: number;
  readonly unchanged: number;
  readonly deferred: number;
  /** Rows that were rejected before, are the same since, and are not due to be tried again. */
  readonly waiting: number;
  readonly rejections: Rejections;
  readonly requests: {
    readonly reads: number;
    readonly writes: number;
    readonly retries: number;
    readonly throttled: number;
  };
  readonly sending: Sending;
  readonly recovery?: Recovery;
  readonly warnings: readonly string[];
  /** Rows that owe a field to rows of a sync that comes later in the same command. */
  readonly owing?: number;
  /** What ended the run early, or kept it from writing. */
  readonly stopped?: Problem;
}

/** Rejections that are listed one by one, at most, and more only where there are many reasons. */
export const LISTED = 100;

/** Of each reason at least so many are kept. */
const LEAST = 3;

/**
 * Collects rejections: counts all, and keeps those with the smallest keys, some of each reason; so a plan and the run after
 * it name the same rows in the same order, whichever batch comes back first.
 */
export function rejectionLog(write: (rejection: Rejection) => Promise<void> = async () => {}): {
  add(key: readonly Value[], problem: Problem, request?: string): Promise<void>;
  result(): Rejections;
} {
  const smallest = new Map<string, Rejection[]>();
  const byCode: Record<string, number> = {};
  let total = 0;
  return {
    async add(key, problem, request) {
      const rejection: Rejection = {
        key,
        ...(problem.field === undefined ? {} : { field: problem.field }),
        code: problem.code,
        message: problem.message,
        ...(problem.remedy === undefined ? {} : { remedy: problem.remedy }),
        ...(request === undefined ? {} : { request }),
      };
      total += 1;
      byCode[problem.code] = (byCode[problem.code] ?? 0) + 1;
      const known = smallest.get(problem.code) ?? [];
      smallest.set(problem.code, known);
      if (known.length < LISTED || inOrder(rejection, known.at(-1)!) < 0) {
        const at = known.findIndex((other) => inOrder(rejection, other) < 0);
        known.splice(at === -1 ? known.length : at, 0, rejection);
        if (known.length > LISTED) known.pop();
      }
      await write(rejection);
    },
    result() {
      const reasons = [...smallest.values()];
      const least = reasons.flatMap((known) => known.slice(0, LEAST));
      const rest = reasons.flatMap((known) => known.slice(LEAST)).sort(inOrder);
      const listed = [...least, ...rest.slice(0, Math.max(0, LISTED - least.length))].sort(inOrder);
      return { total, byCode, listed };
    },
  };
}

/** Numbers in keys count as numbers. */
const { compare } = new Intl.Collator("en", { numeric: true });

/** By key, then by what is said of it. */
export function inOrder(a: Rejection, b: Rejection): number {
  for (const [i, part] of a.key.entries()) {
    const order = compare(part ?? "", b.key[i] ?? "");
    if (order !== 0) return order;
  }
  return compare(a.code, b.code) || compare(a.message, b.message);
}
