/** Sends one write until it is answered or the budget is spent. Every write of ours may be repeated. */
import {
  type Clock,
  count,
  countRetry,
  type Problem,
  type Reply,
  retryAfter,
  SCHEDULE,
  type Schedule,
  SyncError,
  step,
  systemClock,
  type Tally,
  type WriteContext,
  waitBefore,
} from "../../../src/sdk.ts";
import { type Fault, type Verdict, verdictOf, verdictOfFailure } from "./problems.ts";
import type { Service, WriteRequest } from "./service.ts";
import { LEAST_DEADLINE } from "./sizes.ts";

export interface SenderOptions {
  /** Attempts at a fault of one request, such as a deadlock. */
  readonly attempts?: number | undefined;
  /** Attempts while the service is away. */
  readonly attemptsDown?: number | undefined;
  /** Longest time in milliseconds for one request with all its repetitions. */
  readonly patience?: number | undefined;
  /** Requests of a run that may be sent again although few were done. */
  readonly budget?: number | undefined;
  readonly schedule?: Schedule | undefined;
  readonly clock?: Clock;
  readonly random?: () => number;
}

/** A write, and which replies say that it was done; any other of success is not the service's. */
export interface Sending extends WriteRequest {
  readonly accepts: (reply: Reply) => boolean;
  /** Attempts at a passing fault, where they are fewer than usual. */
  readonly attempts?: number;
}

export type Sent =
  | { readonly kind: "reply"; readonly reply: Reply }
  | ({ readonly kind: "refused" } & Refusal);

export interface Refusal extends Verdict {
  /** The refusing reply, where there was one. */
  readonly reply?: Reply;
}

export interface Sender {
  readonly tally: Tally;
  send(request: Sending, context: WriteContext): Promise<Sent>;
  /** Waits before a further attempt at something; false when the budget is spent. */
  wait(failed: number, since: number, context: WriteContext, asked?: number, why?: string): Promise<boolean>;
  /** Stops every slot of the user who sent it, because a part of a batch was told to wait. */
  hold(asked: number, reply: Reply, context: WriteContext): void;
  now(): number;
}

/** Requests that may be sent again for each that was done, beside the budget. */
const RETRIES_PER_DONE = 1;
const BUDGET = 100;
/** A silent request is given up after so much longer than was expected. */
const MUCH_LONGER = 20;

export function openSender(
  service: Pick<Service, "origin" | "pause" | "tally" | "write">,
  options: SenderOptions,
): Sender {
  const {
    attempts = 4,
    attemptsDown = 8,
    patience = 600_000,
    budget = BUDGET,
    schedule = SCHEDULE,
    clock = systemClock,
    random = Math.random,
  } = options;
  const { tally } = service;
  let done = 0;
  let spent = 0;

  const most: Partial<Record<Fault, number>> = {
    throttled: Number.POSITIVE_INFINITY,
    down: attemptsDown,
    passing: attempts,
  };

  const wait: Sender["wait"] = async (failed, since, { signal, onWait }, asked = 0, why = "part") => {
    const pause = waitBefore(failed, schedule, random(), asked);
    if (signal.aborted || clock.now() + pause - since > patience) return false;
    if (asked === 0) onWait?.(pause, "retrying");
    const started = clock.now();
    await clock.sleep(pause, signal);
    count(tally, "wait.retrying", clock.now() - started);
    if (signal.aborted) return false;
    countRetry(tally, why);
    return true;
  };

  const once = async (request: Sending, deadline: number, context: WriteContext): Promise<Sent> => {
    try {
      const answer = await service.write({ ...request, deadline, onWait: context.onWait }, context.signal);
      if (answer.kind === "failure") return { kind: "refused", ...verdictOfFailure(answer, service.origin) };
      if (request.accepts(answer)) return { kind: "reply", reply: answer };
      return { kind: "refused", ...verdictOf(answer), reply: answer };
    } catch (error) {
      const problem = error instanceof SyncError ? error.problems[0] : undefined;
      if (problem === undefined) throw error;
      return { kind: "refused", fault: "everyone", problem };
    }
  };

  return {
    tally,
    wait,
    hold(asked, reply, { onWait }) {
      tally.throttled++;
      if (asked === 0) return;
      service.pause(asked, reply);
      tally.waited += asked;
      onWait?.(asked, "throttled");
    },
    now: () => clock.now(),
    send: (request, context) => step("batch", {}, () => trying(request, context)),
  };

  async function trying(request: Sending, context: WriteContext): Promise<Sent> {
    const since = clock.now();
    let deadline = Math.max(LEAST_DEADLINE, MUCH_LONGER * (request.work?.expectedMs ?? 0));
    for (let failed = 1; ; failed++) {
      const sent = await once(request, deadline, context);
      if (sent.kind === "reply") done++;
      if (sent.kind === "reply" || context.signal.aborted) return sent;
      const usual = most[sent.fault] ?? 1;
      const fewer = sent.fault === "passing" ? (request.attempts ?? usual) : usual;
      if (failed >= Math.min(usual, fewer)) return sent;
      if (sent.fault !== "throttled" && ++spent > budget + RETRIES_PER_DONE * done)
        return { ...sent, fault: "down", problem: spentOn(sent.problem) };
      if (sent.problem.code === "dataverse.timeout") deadline *= 2;
      const asked = retryAfter(sent.reply?.headers["retry-after"], clock.now());
      if (!(await wait(failed, since, context, asked, sent.problem.code))) return sent;
    }
  }
}

/** More was sent again than done: the service is in no state to be written to. */
const spentOn = (last: Problem): Problem => ({
  kind: "deferred",
  code: "dataverse.retries_spent",
  message: `Too many requests had to be sent again; the last one because: ${last.message}`,
  remedy: "Nothing is lost: the next run goes on. If it happens again, look at the service's health.",
});
