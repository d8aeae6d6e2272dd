/** Sends one write until it is answered or the budget is spent. Every write of ours may be repeated. */
import {
  type Clock,
  type Reply,
  retryAfter,
  SCHEDULE,
  type Schedule,
  SyncError,
  step,
  systemClock,
  type WriteContext,
  waitBefore,
} from "../../src/sdk.ts";
import { type Fault, type Verdict, verdictOf, verdictOfFailure } from "./problems.ts";
import type { Service, WriteRequest } from "./service.ts";

export interface SenderOptions {
  /** Attempts at a fault of one request, such as a deadlock. */
  readonly attempts?: number | undefined;
  /** Attempts while the service is away. */
  readonly attemptsDown?: number | undefined;
  /** Longest time in milliseconds for one request with all its repetitions. */
  readonly patience?: number | undefined;
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
  send(request: Sending, context: WriteContext): Promise<Sent>;
  /** Waits before a further attempt at something; false when the budget is spent. */
  wait(failed: number, since: number, context: WriteContext, asked?: number): Promise<boolean>;
  /** Stops every slot of the user who sent it, because a part of a batch was told to wait. */
  hold(asked: number, reply: Reply, context: WriteContext): void;
  now(): number;
}

export function openSender(service: Service, options: SenderOptions): Sender {
  const {
    attempts = 4,
    attemptsDown = 8,
    patience = 600_000,
    schedule = SCHEDULE,
    clock = systemClock,
    random = Math.random,
  } = options;

  const most: Partial<Record<Fault, number>> = {
    throttled: Number.POSITIVE_INFINITY,
    down: attemptsDown,
    passing: attempts,
  };

  const wait: Sender["wait"] = async (failed, since, { signal, onWait }, asked = 0) => {
    const pause = waitBefore(failed, schedule, random(), asked);
    if (signal.aborted || clock.now() + pause - since > patience) return false;
    if (asked === 0) onWait?.(pause, "retrying");
    await clock.sleep(pause, signal);
    service.tally.retries++;
    return !signal.aborted;
  };

  const once = async (request: Sending, context: WriteContext): Promise<Sent> => {
    try {
      const answer = await service.write({ ...request, onWait: context.onWait }, context.signal);
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
    wait,
    hold(asked, reply, { onWait }) {
      service.tally.throttled++;
      if (asked === 0) return;
      service.pause(asked, reply);
      service.tally.waited += asked;
      onWait?.(asked, "throttled");
    },
    now: () => clock.now(),
    send: (request, context) => step("batch", {}, () => trying(request, context)),
  };

  async function trying(request: Sending, context: WriteContext): Promise<Sent> {
    const since = clock.now();
    for (let failed = 1; ; failed++) {
      const sent = await once(request, context);
      if (sent.kind === "reply" || context.signal.aborted) return sent;
      const usual = most[sent.fault] ?? 1;
      const fewer = sent.fault === "passing" ? (request.attempts ?? usual) : usual;
      if (failed >= Math.min(usual, fewer)) return sent;
      const asked = retryAfter(sent.reply?.headers["retry-after"], clock.now());
      if (!(await wait(failed, since, context, asked))) return sent;
    }
  }
}
