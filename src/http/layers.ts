/** Layers around sending that every HTTP connector can use. */
import { type Answer, countRetry, type FailureReason, type Layer, type Tally } from "./answer.ts";
import { type Clock, systemClock } from "./clock.ts";
import { retryAfter, SCHEDULE, type Schedule, waitBefore } from "./retry.ts";

/** Where a bearer token comes from. */
export interface TokenSource {
  /**
   * A token to send. `refused` is one that the service has just turned down: the answer is a fresh one, or the
   * same when there is no other. Throws `connection` errors.
   */
  token(signal: AbortSignal, refused?: string): Promise<string>;
}

/** What is shorter than this is no token, and may stand in a reply by chance. */
const SHORTEST = 16;

/** A token that a gateway's error page repeats would stand in messages, and in the history of rejected rows. */
function withoutToken(answer: Answer, token: string): Answer {
  if (answer.kind === "failure" || token.length < SHORTEST || !answer.body.includes(token)) return answer;
  return { ...answer, body: answer.body.replaceAll(token, "***") };
}

/** Puts the token on every request, and takes it out of every reply; after a 401 asks once for another. */
export function authorized(source: TokenSource): Layer {
  return (next) => async (request) => {
    const token = await source.token(request.signal);
    const send = async (bearer: string) =>
      withoutToken(
        await next({ ...request, headers: { ...request.headers, authorization: `Bearer ${bearer}` } }),
        bearer,
      );
    const answer = await send(token);
    if (answer.kind === "failure" || answer.status !== 401) return answer;
    const other = await source.token(request.signal, token);
    return other === token ? answer : send(other);
  };
}

/** A host that cannot be reached is a wrong name more often than a passing fault: say so soon. */
const UNSENT_ATTEMPTS = 3;

export interface RetryOptions {
  readonly tally: Tally;
  /** Attempts in all. */
  readonly attempts?: number;
  /** Longest time, in milliseconds, that one request may wait in all. */
  readonly patience?: number;
  readonly schedule?: Schedule;
  readonly clock?: Clock;
  readonly random?: () => number;
}

/** Repeats reads that met a fault of the network or the service. Writes pass: their sender decides by row. */
export function retryReads(options: RetryOptions): Layer {
  const {
    tally,
    attempts = 6,
    patience = 600_000,
    schedule = SCHEDULE,
    clock = systemClock,
    random = Math.random,
  } = options;
  return (next) => async (request) => {
    const started = clock.now();
    for (let failed = 1; ; failed++) {
      const answer = await next(request);
      const most = answer.kind === "failure" && !answer.sent ? Math.min(attempts, UNSENT_ATTEMPTS) : attempts;
      if (request.purpose === "write" || !isPassing(answer) || failed >= most) return answer;
      const asked = answer.kind === "reply" ? retryAfter(answer.headers["retry-after"], clock.now()) : 0;
      const wait = waitBefore(failed, schedule, random(), asked);
      if (clock.now() + wait - started > patience) return answer;
      await clock.sleep(wait, request.signal);
      if (request.signal.aborted) return answer;
      countRetry(tally, causeOf(answer));
    }
  };
}

const PASSING_STATUS: ReadonlySet<number> = new Set([429, 502, 503, 504]);

const LASTING: ReadonlySet<FailureReason> = new Set<FailureReason>(["aborted", "tls", "proxy", "too_large"]);

/** True for faults that may have gone when the request is sent again. */
export function isPassing(answer: Answer): boolean {
  if (answer.kind === "reply") return PASSING_STATUS.has(answer.status);
  return !LASTING.has(answer.reason);
}

/** Why a request is sent again, in a word. */
export const causeOf = (answer: Answer): string =>
  answer.kind === "failure" ? answer.reason : answer.status === 429 ? "throttled" : `http_${answer.status}`;
