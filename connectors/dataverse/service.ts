/** The Web API of one organisation: its headers, its paging, its batches of reads. */
import {
  type Answer,
  isPassing,
  newTally,
  openTransport,
  type Reply,
  retryReads,
  SCHEDULE,
  type Send,
  SyncError,
  systemClock,
  type Tally,
  type TokenSource,
  waitBefore,
} from "../../src/sdk.ts";
import { batchReply, batchRequest, isBatchReply } from "./batch.ts";
import type { Endpoint } from "./hosts.ts";
import { openPool } from "./pool.ts";
import { everyoneProblem, itemsOf, notAnAnswer, readError } from "./problems.ts";
import { SERVICE_ROOT } from "./url.ts";

/** "Compose HTTP requests and handle errors". No cookie is ever kept: the affinity cookie would pin one server. */
const HEADERS: Readonly<Record<string, string>> = {
  accept: "application/json",
  "odata-version": "4.0",
  "odata-maxversion": "4.0",
  "user-agent": "backhaul",
};

/** The service advises how many requests to keep in flight ("Send parallel requests"). */
const HINT = "x-ms-dop-hint";
const START_WIDTH = 4;
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
}

export interface Service extends AsyncDisposable {
  /** The address that is called, with a gateway's path. */
  readonly origin: string;
  /** A gateway's path, in front of those of the service. */
  readonly prefix: string;
  /** Requests that may be in flight at once. */
  readonly width: number;
  /** Holds the application user back who got the answer. */
  pause(milliseconds: number, answer: Answer): void;
  readonly tally: Tally;
  /** Reads JSON as each application user. */
  getByUser(path: string, signal: AbortSignal): Promise<readonly Json[]>;
  /** Reads JSON; the path starts at the host. Throws `connection`, `deferred` or `bug` errors. */
  get(path: string, signal: AbortSignal, headers?: Readonly<Record<string, string>>): Promise<Json>;
  /** Reads JSON by an action that changes nothing. */
  ask(path: string, body: unknown, signal: AbortSignal): Promise<Json>;
  /** Reads a text that is no JSON. */
  text(path: string, signal: AbortSignal, accept: string): Promise<string>;
  /** Reads a collection to its end, page by page. */
  pages(path: string, signal: AbortSignal): AsyncGenerator<readonly Json[]>;
  /** All rows of several queries, many queries in one request; in any order. */
  queries(paths: readonly string[], signal: AbortSignal): Promise<readonly Json[]>;
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
  readonly onWait?: ((milliseconds: number, reason: string) => void) | undefined;
}

// biome-ignore lint/suspicious/noExplicitAny: JSON from outside; each reader checks what it takes
export type Json = any;

export function openService(options: ServiceOptions): Service {
  const { endpoint, tokens, concurrency } = options;
  const tally = newTally();
  const transport = openTransport(endpoint.origin, {
    connections: concurrency * tokens.length,
    ca: options.ca,
    ...(options.deadline === undefined ? {} : { deadline: options.deadline }),
  });
  const pool = openPool(
    { tokens, tally, hintHeader: HINT, start: START_WIDTH, cap: concurrency },
    ({ path, headers, ...request }) =>
      transport.send({
        ...request,
        path: endpoint.prefix + path,
        headers: { ...endpoint.headers, ...headers },
      }),
  );
  const { patience } = options;
  const retrying = retryReads({ tally, ...(patience === undefined ? {} : { patience }) });
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

  const pages = async function* (path: string, signal: AbortSignal): AsyncGenerator<readonly Json[]> {
    let next: string | undefined = path;
    while (next !== undefined) {
      const page: Json = await get(next, signal, { prefer: PAGE_SIZE });
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
    pause: pool.pause,
    tally,
    get,
    getByUser: (path, signal) =>
      Promise.all(
        pool.users.map(async (user) =>
          parsed(await read(path, signal, {}, undefined, retrying(user)), origin),
        ),
      ),
    pages,
    ask: async (path, body, signal) =>
      parsed(await read(path, signal, { "content-type": "application/json" }, JSON.stringify(body)), origin),
    text: async (path, signal, accept) => (await read(path, signal, { accept })).body,
    async queries(paths, signal) {
      const groups: string[][] = [];
      for (let from = 0; from < paths.length; from += QUERIES_PER_REQUEST)
        groups.push(paths.slice(from, from + QUERIES_PER_REQUEST));
      const rows: Json[] = [];
      await Promise.all(
        groups.map(async (group) => {
          const replies =
            group.length === 1
              ? [await read(group[0]!, signal, { prefer: PAGE_SIZE })]
              : await service.reads(group, signal, { Prefer: PAGE_SIZE });
          for (const reply of replies) {
            if (reply.status >= 300) throw readError(reply, origin);
            const page: Json = parsed(reply, origin);
            rows.push(...itemsOf<Json>(page, origin));
            const next = nextOf(page);
            if (next !== undefined) for await (const more of pages(next, signal)) rows.push(...more);
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
        tally.retries++;
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
        ...(request.onWait ? { onWait: request.onWait } : {}),
      }),
    [Symbol.asyncDispose]: () => transport[Symbol.asyncDispose](),
  };
  return service;
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

export function parsed(reply: Reply, origin: string): Json {
  try {
    return JSON.parse(reply.body);
  } catch {
    throw everyoneProblem("dataverse.no_json", `${origin} answered with something that is no JSON.`);
  }
}
