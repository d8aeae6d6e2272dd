import { AsyncLocalStorage } from "node:async_hooks";

/** What came of a request. A reply of any status is a reply; a failure is none at all. */

export interface Reply {
  readonly kind: "reply";
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Milliseconds from the request to the whole reply; not of replies inside a reply. */
  readonly tookMs?: number;
}

export type FailureReason =
  | "unknown_host"
  | "refused"
  | "tls"
  /** The proxy on the way lets nobody through who comes like this. */
  | "proxy"
  | "connect_timeout"
  | "timeout"
  | "reset"
  | "too_large"
  | "aborted";

export interface Failure {
  readonly kind: "failure";
  readonly reason: FailureReason;
  /** False when the request surely never reached the other side. */
  readonly sent: boolean;
  /** The driver's own code, for example `ECONNRESET`. */
  readonly detail: string;
}

export type Answer = Reply | Failure;

export interface Request {
  readonly method: "GET" | "POST" | "PATCH" | "PUT" | "DELETE";
  /** Path and query on the one origin. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text, or the bytes of a file. */
  readonly body?: string | Buffer;
  /** `read`: changes nothing over there and may be repeated by any layer. */
  readonly purpose: "read" | "write";
  readonly signal: AbortSignal;
  /** What it asks of the service, as far as that is known. */
  readonly work?: Work;
  /** Milliseconds until it must be answered whole, where that is less than the transport's own. */
  readonly deadline?: number;
  /** Told when a reply asked for a pause. */
  readonly onWait?: (milliseconds: number, reason: string) => void;
}

export interface Work {
  /** What it is, in the service's own words, such as `UpsertMultiple`. */
  readonly kind: string;
  /** Milliseconds that it will take by what is known. */
  readonly expectedMs: number;
  /** Milliseconds that it takes when the service has nothing else to do, where that was seen. */
  readonly flatMs?: number;
}

export type Send = (request: Request) => Promise<Answer>;

/** A concern around sending. Lists of layers are written outermost first. */
export type Layer = (next: Send) => Send;

export function compose(layers: readonly Layer[], send: Send): Send {
  return layers.reduceRight((next, layer) => layer(next), send);
}

/** Requests sent so far; the counters that a destination shows. */
export interface Tally {
  reads: number;
  writes: number;
  retries: number;
  throttled: number;
  /** Milliseconds that the service asked to wait. */
  waited: number;
  /**
   * What is counted beside: requests by what they were (`kind.UpsertMultiple`), milliseconds that requests waited
   * before they went (`wait.execution`; those of several slots are summed), requests sent again by why
   * (`cause.throttled`), refusals by the limit that was reached (`limit.requests`), requests that looked for rows at
   * fault and rows that they found (`isolation.requests`, `isolation.rows`).
   */
  [detail: Detail]: number;
}

export type Detail = `${"kind" | "wait" | "cause" | "limit" | "isolation"}.${string}`;

/** The tally of the work that is under way, beside those of the services it asks. */
const scope = new AsyncLocalStorage<Tally>();

const zero = (): Tally => ({ reads: 0, writes: 0, retries: 0, throttled: 0, waited: 0 });

/** What is added to it is added to the tally of the work that is under way too. */
export function newTally(): Tally {
  return new Proxy(zero(), {
    set(tally, property, value: number) {
      const name = property as Detail;
      const own = scope.getStore();
      if (own !== undefined) own[name] = (own[name] ?? 0) + value - (tally[name] ?? 0);
      tally[name] = value;
      return true;
    },
  });
}

export function count(tally: Tally, name: Detail, amount = 1): void {
  tally[name] = (tally[name] ?? 0) + amount;
}

/** Counts a request that is sent again. */
export function countRetry(tally: Tally, cause: string): void {
  tally.retries++;
  count(tally, `cause.${cause}`);
}

/** Does work, and counts the requests that it sends: not those of work beside it. */
export function tallied<T>(work: (tally: Readonly<Tally>) => Promise<T>): Promise<T> {
  const tally = zero();
  return scope.run(tally, () => work(tally));
}
