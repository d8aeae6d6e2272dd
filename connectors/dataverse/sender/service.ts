/** The Web API of one organisation: its headers, its paging, its batches of reads. */
import {
  type Answer,
  causeOf,
  countRetry,
  type Gate,
  isPassing,
  newTally,
  openTransport,
  type Problem,
  type Reply,
  retryReads,
  SCHEDULE,
  type Schedule,
  type Send,
  type Signs,
  SyncError,
  systemClock,
  type Tally,
  type TokenSource,
  type Work,
  waitBefore,
} from "../../../src/sdk.ts";
import type { Sessions } from "../elastic.ts";
import { TIME_LEFT_MS } from "../unverified.ts";
import { SERVICE_ROOT } from "../url.ts";
import { batchReply, batchRequest, isBatchReply } from "./batch.ts";
import type { Endpoint } from "./hosts.ts";
import { parsedExactly } from "./json.ts";
import { openPool } from "./pool.ts";
import { everyoneProblem, itemsOf, limitOf, notAnAnswer, readError } from "./problems.ts";

/** "Compose HTTP requests and handle errors". No cookie is ever kept: the affinity cookie would pin one server. */
const HEADERS: Readonly<Record<string, string>> = {
  accept: "application/json",
  "odata-version": "4.0",
  "odata-maxversion": "4.0",
  "user-agent": "backhaul",
};

/**
 * The service advises how many requests to keep in flight ("Send parallel requests"), and says what is left of two
 * limits on the web server that answered ("Service protection API limits").
 */
export const SIGNS: Signs = {
  hint: "x-ms-dop-hint",
  left: ({ headers }) => ({
    ...amountIn("requests", headers["x-ms-ratelimit-burst-remaining-xrm-requests"], 1),
    ...amountIn("execution", headers["x-ms-ratelimit-time-remaining-xrm-requests"], TIME_LEFT_MS),
  }),
  limit: limitOf,
};
export const START_WIDTH = 4;

/** "Service protection API limits", each for one user on one web server. */
export const PROTECTION = { windowMs: 300_000, requests: 6000, executionMs: 1_200_000, concurrency: 52 };

/** What one server takes of one user within a window of another length, at the same rates. */
export const protectionIn = (
  windowMs: number,
): { readonly requests: number; readonly execution: number } => ({
  requests: (PROTECTION.requests * windowMs) / PROTECTION.windowMs,
  execution: (PROTECTION.executionMs * windowMs) / PROTECTION.windowMs,
});

function amountIn(name: string, text: string | undefined, unit: number): Record<string, number> {
  const amount = unit * Number(text?.replaceAll(",", ""));
  return text === undefined || text.trim() === "" || !Number.isFinite(amount)
    ? {}
    : { [name]: Math.max(0, amount) };
}
/** Attempts at a batch of reads of which some met a passing fault. */
const BATCH_ATTEMPTS = 4;

export interface ServiceOptions {
  readonly endpoint: Endpoint;
  /** Of each application user. */
  readonly tokens: readonly TokenSource[];
  /** Requests in flight of each application user. */
  readonly concurrency: number;
  readonly ca?: string | undefined;
  /** Milliseconds that a request may take. */
  readonly deadline?: number | undefined;
  /** Milliseconds that a request may wait for the service in all. */
  readonly patience?: number | undefined;
  /** Milliseconds over which the service sums up what a user does; where time is shrunk, other than documented. */
  readonly windowMs?: number | undefined;
  /** Milliseconds that writes in flight are waited for when the run is interrupted. */
  readonly grace?: number | undefined;
  readonly schedule?: Schedule | undefined;
}

export interface Service extends AsyncDisposable {
  /** The address that is called, with a gateway's path. */
  readonly origin: string;
  /** A gateway's path, in front of those of the service. */
  readonly prefix: string;
  /** Requests that may be in flight at once. */
  readonly width: number;
  /** What each application user's limits look like. */
  readonly gates: readonly Gate[];
  /** Holds the application user back who got the answer. */
  pause(milliseconds: number, answer: Answer): void;
  readonly tally: Tally;
  /** Reads a little JSON as each application user. */
  getByUser(path: string, signal: AbortSignal): Promise<readonly Json[]>;
  /** Reads JSON; the path starts at the host. Throws `connection`, `deferred` or `bug` errors. */
  get(path: string, signal: AbortSignal, headers?: Readonly<Record<string, string>>): Promise<Json>;
  /** Reads JSON by an action that changes nothing. */
  ask(path: string, body: unknown, signal: AbortSignal): Promise<Json>;
  /** Reads a text that is no JSON. */
  text(path: string, signal: AbortSignal, accept: string): Promise<string>;
  /** Reads a collection to its end, page by page. */
  pages(
    path: string,
    signal: AbortSignal,
    headers?: Readonly<Record<string, string>>,
  ): AsyncGenerator<readonly Json[]>;
  /** What reads of elastic tables have to bring. */
  readonly sessions: Sessions;
  /** All rows of several queries, many queries in one request, each with the headers; in any order. */
  queries(
    paths: readonly string[],
    signal: AbortSignal,
    headers?: Readonly<Record<string, string>>,
  ): Promise<readonly Json[]>;
  /** Reads several things in one request, each with the headers; the replies stand in the order of the paths. */
  reads(
    paths: readonly string[],
    signal: AbortSignal,
    headers?: Readonly<Record<string, string>>,
  ): Promise<readonly Reply[]>;
  /** Sends a write as it is, once. */
  write(request: WriteRequest, signal: AbortSignal): Promise<Answer>;
}

export interface WriteRequest {
  readonly method: "POST" | "PATCH" | "DELETE";
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
  readonly work?: Work;
  /** Milliseconds that it may take. */
  readonly deadline?: number;
  readonly onWait?: ((milliseconds: number, reason: string) => void) | undefined;
}

// biome-ignore lint/suspicious/noExplicitAny: JSON from outside; each reader checks what it takes
export type Json = any;

export function openService(options: ServiceOptions): Service {
  const { endpoint, tokens, concurrency, windowMs = PROTECTION.windowMs, grace = GRACE } = options;
  const { patience = PATIENCE, schedule = SCHEDULE } = options;
  const tally = newTally();
  const transport = openTransport(endpoint.origin, {
    connections: concurrency * tokens.length,
    ca: options.ca,
    ...(options.deadline === undefined ? {} : { deadline: options.deadline }),
  });
  const pool = openPool(
    {
      tokens,
      tally,
      signs: SIGNS,
      windowMs,
      start: START_WIDTH,
      cap: concurrency,
      patience: 2 * patience,
      documented: protectionIn(windowMs),
    },
    async ({ path, headers, signal, ...request }) => {
      using late = request.purpose === "write" ? delayed(signal, grace) : undefined;
      return await transport.send({
        ...request,
        signal: late?.signal ?? signal,
        path: endpoint.prefix + path,
        headers: { ...endpoint.headers, ...headers },
      });
    },
  );
  const retrying = retryReads({ tally, schedule, patience });
  const anyone = retrying(pool.send);
  const origin = endpoint.origin + endpoint.prefix;

  const read = async (
    path: string,
    signal: AbortSignal,
    headers: Readonly<Record<string, string>> = {},
    body?: string,
    send: Send = anyone,
  ): Promise<Reply> => {
    const answer = await send({
      method: body === undefined ? "GET" : "POST",
      path,
      headers: { ...HEADERS, "if-none-match": "null", ...headers },
      ...(body === undefined ? {} : { body }),
      purpose: "read",
      signal,
    });
    if (answer.kind === "reply" && answer.status < 300) return answer;
    throw readError(answer, origin);
  };
  const get = async (path: string, signal: AbortSignal, headers?: Readonly<Record<string, string>>) =>
    parsed(await read(path, signal, headers), origin);

  const pages: Service["pages"] = async function* (path, signal, headers = {}) {
    let next: string | undefined = path;
    while (next !== undefined) {
      const page: Json = rowsOf(await read(next, signal, { ...headers, prefer: PAGE_SIZE }), origin);
      yield itemsOf<Json>(page, origin);
      next = nextOf(page);
    }
  };
  const nextOf = (page: Json): string | undefined =>
    typeof page?.["@odata.nextLink"] === "string"
      ? ownPath(page["@odata.nextLink"], endpoint.prefix)
      : undefined;
  const service: Service = {
    origin,
    prefix: endpoint.prefix,
    get width() {
      return pool.limit;
    },
    gates: pool.gates,
    pause: pool.pause,
    tally,
    get,
    getByUser: (path, signal) =>
      Promise.all(
        pool.users.map(async (user, index) => {
          const soon: Send = (request) => user({ ...request, deadline: FIRST_DEADLINE });
          try {
            return parsed(await read(path, signal, {}, undefined, retrying(soon)), origin);
          } catch (error) {
            throw pool.users.length > 1 ? namingUser(error, index) : error;
          }
        }),
      ),
    pages,
    ask: async (path, body, signal) =>
      parsed(await read(path, signal, { "content-type": "application/json" }, JSON.stringify(body)), origin),
    text: async (path, signal, accept) => (await read(path, signal, { accept })).body,
    sessions: new Map(),
    async queries(paths, signal, headers = {}) {
      const groups: string[][] = [];
      for (let from = 0; from < paths.length; from += QUERIES_PER_REQUEST)
        groups.push(paths.slice(from, from + QUERIES_PER_REQUEST));
      const rows: Json[] = [];
      await Promise.all(
        groups.map(async (group) => {
          const replies =
            group.length === 1
              ? [await read(group[0]!, signal, { ...headers, prefer: PAGE_SIZE })]
              : await service.reads(group, signal, { ...headers, Prefer: PAGE_SIZE });
          for (const reply of replies) {
            if (reply.status >= 300) throw readError(reply, origin);
            const page: Json = rowsOf(reply, origin);
            rows.push(...itemsOf<Json>(page, origin));
            const next = nextOf(page);
            if (next !== undefined) for await (const more of pages(next, signal, headers)) rows.push(...more);
          }
        }),
      );
      return rows;
    },
    async reads(paths, signal, headers = {}) {
      const batch = batchRequest(paths.map((path) => ({ method: "GET" as const, path, headers })));
      for (let failed = 1; ; failed++) {
        const reply = await read(`${SERVICE_ROOT}$batch`, signal, batch.headers, batch.body);
        if (!isBatchReply(reply)) throw new SyncError(notAnAnswer(reply).problem);
        const parts = batchReply(reply);
        const faulty =
          parts.find(isPassing) ?? (parts.length !== paths.length ? { ...reply, status: 500 } : undefined);
        if (!faulty) return parts;
        if (failed >= BATCH_ATTEMPTS || signal.aborted) throw readError(faulty, origin);
        countRetry(tally, causeOf(faulty));
        await systemClock.sleep(waitBefore(failed, SCHEDULE, Math.random()), signal);
      }
    },
    write: (request, signal) =>
      pool.send({
        method: request.method,
        path: request.path,
        headers: { ...HEADERS, "content-type": "application/json", ...request.headers },
        body: request.body,
        purpose: "write",
        signal,
        ...(request.work ? { work: request.work } : {}),
        ...(request.deadline === undefined ? {} : { deadline: request.deadline }),
        ...(request.onWait ? { onWait: request.onWait } : {}),
      }),
    [Symbol.asyncDispose]: () => transport[Symbol.asyncDispose](),
  };
  return service;
}

/** Milliseconds in which the first question is answered: who waits for it sees nothing yet. */
const FIRST_DEADLINE = 30_000;

/** Milliseconds that the service is waited for. */
const PATIENCE = 600_000;

/** Milliseconds that a write in flight has left once the run is interrupted: an answer spares the next run its doubt. */
const GRACE = 30_000;

/** A signal that aborts so many milliseconds after another one. */
function delayed(signal: AbortSignal, milliseconds: number): { signal: AbortSignal } & Disposable {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const start = () => {
    timer = setTimeout(() => controller.abort(), milliseconds);
  };
  if (signal.aborted) start();
  else signal.addEventListener("abort", start, { once: true });
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      clearTimeout(timer);
      signal.removeEventListener("abort", start);
    },
  };
}

/** Of several users one may be refused: the service does not say which. */
function namingUser(error: unknown, index: number): unknown {
  if (!(error instanceof SyncError)) return error;
  const place = index === 0 ? "auth" : `users[${index - 1}]`;
  const named = (problem: Problem): Problem =>
    // The token service's refusals name them already.
    problem.code.startsWith("dataverse.") ? { ...problem, message: `${place}: ${problem.message}` } : problem;
  return new SyncError(error.problems.map(named));
}

const PAGE_SIZE = "odata.maxpagesize=5000";
/** Queries of one `$batch`: it is answered as a whole, so that its answer has to stay of moderate size. */
const QUERIES_PER_REQUEST = 20;

/**
 * Only what the config names is ever called: of a link nothing but its path and query is used. It starts at the
 * service, or, where a gateway writes its own addresses into answers, at the gateway's path.
 */
export function ownPath(link: string, prefix = ""): string {
  const { pathname, search } = new URL(link, "https://host.invalid");
  const path = pathname.startsWith(`${prefix}/api/data/`) ? pathname.slice(prefix.length) : pathname;
  return path.startsWith("/api/data/") ? path + search : `${SERVICE_ROOT}invalid-link`;
}

export const parsed = (reply: Reply, origin: string): Json => parsedBy(JSON.parse, reply, origin);

/** Of rows: long numbers stay what they are, as texts. */
const rowsOf = (reply: Reply, origin: string): Json => parsedBy(parsedExactly, reply, origin);

function parsedBy(parse: (text: string) => Json, reply: Reply, origin: string): Json {
  try {
    return parse(reply.body);
  } catch {
    throw everyoneProblem("dataverse.no_json", `${origin} answered with something that is no JSON.`);
  }
}
