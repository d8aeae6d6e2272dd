/** What of a reply concerns more than the records that it is about: the same for records and for members. Pure. */
import { type Problem, type Reply, retryAfter } from "../../../src/sdk.ts";
import { type Fault, isFramed } from "../sender/problems.ts";
import type { Refusal } from "../sender/sender.ts";

const CONCERNS_ALL: ReadonlySet<Fault> = new Set<Fault>(["everyone", "throttled", "down"]);

/** Why nothing more is to be sent after a refusal; undefined where it is about its own records alone. */
export function stopOf({ fault, problem, reply }: Refusal, signal: AbortSignal): Problem | undefined {
  if (signal.aborted) return INTERRUPTED;
  const isOfAll = CONCERNS_ALL.has(fault) || (fault === "passing" && reply && !isFramed(reply));
  return isOfAll ? problem : undefined;
}

/** How long the throttled parts of a batch ask to wait, in milliseconds; undefined where none is throttled. */
export function askedOf(parts: readonly Reply[], now: number): number | undefined {
  const throttled = parts.filter(({ status }) => status === 429);
  if (throttled.length === 0) return undefined;
  return Math.max(0, ...throttled.map(({ headers }) => retryAfter(headers["retry-after"], now)));
}

const INTERRUPTED: Problem = {
  kind: "aborted",
  code: "aborted",
  message: "The run was interrupted before Dataverse answered.",
  remedy: "Run again: the next run goes on.",
};
