/** The Web API of one organisation: its headers, its paging, its batches of reads. */
import {
  type Answer,
  authorized,
  compose,
  type Gate,
  gated,
  isPassing,
  newTally,
  openGate,
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
  readonly origin: string;
  readonly tokens: TokenSource;
  readonly concurrency: number;
  readonly ca?: string | undefined;
  /** Milliseconds that a request may take. */
  readonly deadline?: number | undefined;
  /** Milliseconds that a request may wait for the service in all. */
  readonly patience?: number | undefined;
}

export interface Service extends AsyncDisposable {
  readonly origin: string;
  readonly gate: Gate;
  readonly tally: Tally;
  /** Reads JSON; the path starts at the host. Throws `connection`, `deferred` or `bug` errors. */
  get(path: string, signal: AbortSignal, headers?: Readonly<Record<string, string>>): Promise<Json>;
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
  readonly body: string;
  readonly onWait?: ((milliseconds: number, reason: string) => void) | undefined;
}

// biome-ignore lint/suspicious/noExplicitAny: JSON from outside; each reader checks what it takes
export type Json = any;

export function openService(options: ServiceOptions): Service {
  const tally = newTally();
  const gate = openGate({ start: START_WIDTH, cap: options.concurrency });
  const transport = openTransport(options.origin, {
    connections: options.concurrency,
    ca: options.ca,
    ...(options.deadline === undefined ? {} : { deadline: options.deadline }),
  });
  const send: Send = compose(
    [
      retryReads({ tally, ...(options.patience === undefined ? {} : { patience: options.patience }) }),
      authorized(options.tokens),
      gated(gate, { tally, hintHeader: HINT }),
    ],
    (request) => transport.send(request),
  );

  const read = async (
    path: string,
    signal: AbortSignal,
    headers: Readonly<Record<string, string>> = {},
    body?: string,
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
    throw readError(answer, options.origin);
  };
  const get = async (path: string, signal: AbortSignal, headers?: Readonly<Record<string, string>>) =>
    parsed(await read(path, signal, headers), options.origin);

  const pages = async function* (path: string, signal: AbortSignal): AsyncGenerator<readonly Json[]> {
    let next: string | undefined = path;
    while (next !== undefined) {
      const page: Json = await get(next, signal, { prefer: PAGE_SIZE });
      yield itemsOf<Json>(page, options.origin);
      next = nextOf(page);
    }
  };
  const service: Service = {
    origin: options.origin,
    gate,
    tally,
    get,
    pages,
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
            if (reply.status >= 300) throw readError(reply, options.origin);
            const page: Json = parsed(reply, options.origin);
            rows.push(...itemsOf<Json>(page, options.origin));
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
        if (failed >= BATCH_ATTEMPTS || signal.aborted) throw readError(faulty, options.origin);
        tally.retries++;
        await systemClock.sleep(waitBefore(failed, SCHEDULE, Math.random()), signal);
      }
    },
    write: (request, signal) =>
      send({
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

const nextOf = (page: Json): string | undefined =>
  typeof page?.["@odata.nextLink"] === "string" ? ownPath(page["@odata.nextLink"]) : undefined;

/** Only the configured organisation is ever called: of a link nothing but its path and query is used. */
export function ownPath(link: string): string {
  const url = new URL(link, "https://host.invalid");
  return url.pathname.startsWith("/api/data/")
    ? `${url.pathname}${url.search}`
    : `${SERVICE_ROOT}invalid-link`;
}

export function parsed(reply: Reply, origin: string): Json {
  try {
    return JSON.parse(reply.body);
  } catch {
    throw everyoneProblem("dataverse.no_json", `${origin} answered with something that is no JSON.`);
  }
}
