import type { Reply } from "../api.ts";
import { Refusal } from "../errors.ts";

/** What may go wrong on demand: everything that a writer meets in the field. */

/** Replies in the service's own frame. Codes and texts: page web-service-error-codes; statuses: see `unverified.ts`. */
const REFUSALS = {
  "429": [
    429,
    "0x80072322",
    "Number of requests exceeded the limit of 6000 over time window of 300 seconds.",
  ],
  "429time": [
    429,
    "0x80072321",
    "Combined execution time of incoming requests exceeded limit of 1,200,000 milliseconds over time window of 300 seconds. Decrease number of concurrent requests or reduce the duration of requests and try again later.",
  ],
  "429concurrency": [429, "0x80072326", "Number of concurrent requests exceeded the limit of 52."],
  "500": [500, "0x80040216", "An unexpected error occurred."],
  "503": [503, "0x80048543", "The service is unavailable."],
  deadlock: ["sql", "0x80044150", "Generic SQL error."],
  sqlTimeout: ["sql", "0x80044151", "SQL timeout expired."],
  duplicate: [
    "duplicate",
    "0x80040333",
    "A record was not created or updated because a duplicate of the current record already exists.",
  ],
  plugin: [400, "0x80040265", "The plug-in refused the record."],
  solutionImport: [
    503,
    "0x80048543",
    "The operation timed out. This may be because a solution is currently being imported into this environment. Please try again after the solution import is completed. Solutions should be imported outside of working hours if possible.",
  ],
  solutionRunning: [
    400,
    "0x80071151",
    "The solution installation or removal failed due to the installation or removal of another solution at the same time. Please try again later.",
  ],
  databaseUpgrade: [
    503,
    "0x80048553",
    "Operation timed out because the database is being upgraded; retry later.",
  ],
  cascadeDelete: [
    503,
    "0x80048549",
    "Record is being deleted by an asynchronous cascade-delete job; wait for the job.",
  ],
  cascadeAssign: [
    503,
    "0x80048555",
    "Record is being handled by an asynchronous cascade-assign job; wait for the job.",
  ],
} as const satisfies Record<string, readonly [number | "sql" | "duplicate", string, string]>;

/** Replies of what stands before the service, without its frame. */
const GATEWAY_PAGES = {
  html502: [502, "Bad Gateway"],
  html503: [503, "Service Unavailable"],
  html504: [504, "Gateway Timeout"],
} as const;

/** Answers of no kind: the connection breaks, waits, or ends before its content. */
export const WIRE = [
  "resetBeforeCommit",
  "resetAfterCommit",
  "truncated",
  "cutMultipart",
  "slow",
  "trickle",
  "hang",
  "hangAfterCommit",
  "expiredToken",
] as const;

export type FaultName =
  | keyof typeof REFUSALS
  | keyof typeof GATEWAY_PAGES
  | "empty502"
  | (typeof WIRE)[number];
export type FaultAction =
  | FaultName
  | { readonly status: number; readonly code: string; readonly message: string };

export const FAULT_NAMES: readonly FaultName[] = [
  ...(Object.keys(REFUSALS) as (keyof typeof REFUSALS)[]),
  ...(Object.keys(GATEWAY_PAGES) as (keyof typeof GATEWAY_PAGES)[]),
  "empty502",
  ...WIRE,
];

/** The reply of a fault that has one, in the service's frame. */
export function refusalOf(
  action: FaultAction,
  retryAfter: number | undefined,
  statuses: { readonly sql: number; readonly duplicate: number },
): Refusal | undefined {
  const wait = (seconds: number | undefined) => ({
    headers: seconds === undefined ? {} : ({ "Retry-After": String(seconds) } as Record<string, string>),
  });
  if (typeof action === "object") {
    return new Refusal(action.status, action.code, action.message, wait(retryAfter));
  }
  if (!(action in REFUSALS)) return undefined;
  const [status, code, message] = REFUSALS[action as keyof typeof REFUSALS];
  const number = typeof status === "number" ? status : statuses[status];
  // Page: api-limits. A 429 says how long to wait; so does a 503 here.
  const seconds = retryAfter ?? (number === 429 || number === 503 ? 1 : undefined);
  return new Refusal(number, code, message, wait(seconds));
}

/** The page of a gateway, or nothing at all. */
export function gatewayReply(action: FaultAction): Reply | undefined {
  if (action === "empty502") return { status: 502, headers: {}, body: "" };
  if (typeof action !== "string" || !(action in GATEWAY_PAGES)) return undefined;
  const [status, reason] = GATEWAY_PAGES[action as keyof typeof GATEWAY_PAGES];
  const title = `${status} ${reason}`;
  return {
    status,
    headers: { "Content-Type": "text/html" },
    body: `<html><head><title>${title}</title></head><body><h1>${title}</h1></body></html>`,
  };
}
