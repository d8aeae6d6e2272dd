/** The thin effect at the bottom: one pool of keep-alive HTTP/1.1 connections to one origin, through a proxy or not. */
import { type Dispatcher, Pool, ProxyAgent } from "undici";
import type { Answer, Failure, FailureReason, Reply, Request } from "./answer.ts";
import { proxyOf, proxyToken } from "./proxy.ts";

export interface TransportOptions {
  readonly connections: number;
  /** Milliseconds until a connection must stand. */
  readonly connectTimeout?: number;
  /** Milliseconds until a request must be answered whole. */
  readonly deadline?: number;
  /** Certificates to trust beside the system's, in PEM. */
  readonly ca?: string | undefined;
  /** Replies longer than this are refused, in bytes. */
  readonly largest?: number;
  /** Names the proxy, where there is one; that of the process unless told otherwise. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export interface Transport extends AsyncDisposable {
  readonly origin: string;
  send(request: Request): Promise<Answer>;
}

const CONNECT_TIMEOUT = 15_000;
const DEADLINE = 300_000;
const LARGEST = 256 * 1024 * 1024;

export function openTransport(origin: string, options: TransportOptions): Transport {
  const deadline = options.deadline ?? DEADLINE;
  const proxy = proxyOf(origin, options.env ?? process.env);
  const connect = {
    timeout: options.connectTimeout ?? CONNECT_TIMEOUT,
    ...(options.ca === undefined ? {} : { ca: options.ca }),
  };
  const common = {
    connections: options.connections,
    pipelining: 1,
    allowH2: false,
    keepAliveTimeout: 30_000,
    headersTimeout: deadline,
    bodyTimeout: deadline,
    maxResponseSize: options.largest ?? LARGEST,
  };
  const pool = proxy ? throughProxy(proxy, connect, common) : new Pool(origin, { ...common, connect });
  return {
    origin,
    async send(request) {
      const answer = await exchange(pool, origin, request, Math.min(deadline, request.deadline ?? deadline));
      if (answer.kind === "reply" || answer.reason === "aborted" || proxy === undefined) return answer;
      return { ...answer, detail: `${answer.detail}, by way of the proxy ${proxy.host}` };
    },
    [Symbol.asyncDispose]: async () => pool.destroy(),
  };
}

/** A tunnel for each connection: the proxy sees the host's name and nothing else. */
function throughProxy(proxy: URL, connect: { readonly timeout: number }, common: Pool.Options): Dispatcher {
  const token = proxyToken(proxy);
  return new ProxyAgent({
    ...common,
    uri: proxy.origin,
    requestTls: connect,
    proxyTls: connect,
    clientFactory: (address, options) => new Pool(address, { ...options, headersTimeout: connect.timeout }),
    ...(token === undefined ? {} : { token }),
  });
}

/**
 * One exchange under one deadline. The controller is ours and its listener is taken off again, because signals
 * made by `AbortSignal.any` stay reachable from a long-lived parent.
 */
async function exchange(
  pool: Dispatcher,
  origin: string,
  request: Request,
  deadline: number,
): Promise<Answer> {
  const { signal } = request;
  if (signal.aborted) return { kind: "failure", reason: "aborted", sent: false, detail: "aborted" };
  const controller = new AbortController();
  let stop = () => {};
  // The driver tells of an end only once a connection stands: nobody waits for that.
  const stopped = new Promise<never>((_, reject) => {
    stop = () => {
      controller.abort();
      reject(controller.signal.reason);
    };
  });
  const timer = setTimeout(stop, deadline);
  const started = performance.now();
  signal.addEventListener("abort", stop, { once: true });
  const whole = async (): Promise<Reply> => {
    const reply = await pool.request({
      origin,
      method: request.method,
      path: request.path,
      headers: { ...request.headers },
      body: typeof request.body === "string" ? Buffer.from(request.body) : (request.body ?? null),
      signal: controller.signal,
    });
    const body = await reply.body.text();
    const tookMs = performance.now() - started;
    return { kind: "reply", status: reply.statusCode, headers: flat(reply.headers), body, tookMs };
  };
  try {
    return await Promise.race([whole(), stopped]);
  } catch (error) {
    if (signal.aborted) return { kind: "failure", reason: "aborted", sent: true, detail: "aborted" };
    if (controller.signal.aborted)
      return { kind: "failure", reason: "timeout", sent: true, detail: "deadline" };
    return failureOf(error);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
  }
}

function flat(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) result[name.toLowerCase()] = Array.isArray(value) ? value.join(", ") : value;
  }
  return result;
}

const REASONS: Readonly<Record<string, readonly [FailureReason, sent: boolean]>> = {
  ENOTFOUND: ["unknown_host", false],
  EAI_AGAIN: ["unknown_host", false],
  ECONNREFUSED: ["refused", false],
  EHOSTUNREACH: ["refused", false],
  ENETUNREACH: ["refused", false],
  ETIMEDOUT: ["connect_timeout", false],
  UND_ERR_CONNECT_TIMEOUT: ["connect_timeout", false],
  UND_ERR_HEADERS_TIMEOUT: ["timeout", true],
  UND_ERR_BODY_TIMEOUT: ["timeout", true],
  UND_ERR_RES_EXCEEDED_MAX_SIZE: ["too_large", true],
};

/** Certificate faults have no common prefix; these are Node's and OpenSSL's. */
const TLS =
  /^(ERR_TLS_|ERR_SSL_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|EPROTO$|HOSTNAME_MISMATCH$|INVALID_CA$)/;

/** How the driver tells that a proxy made no tunnel, which has no code of its own. */
const NO_TUNNEL = /^Proxy response \((\d+)\)/;

/** What a driver's error means for the request. Whatever is unknown counts as sent: the cautious side. */
export function failureOf(error: unknown): Failure {
  const code = codeOf(error);
  const [, status] = NO_TUNNEL.exec(error instanceof Error ? error.message : "") ?? [];
  // With a status from 500 on the proxy does not get through either; with one below it does not want to.
  if (status !== undefined)
    return { kind: "failure", reason: status < "500" ? "proxy" : "refused", sent: false, detail: status };
  if (TLS.test(code)) return { kind: "failure", reason: "tls", sent: false, detail: code };
  const [reason, sent] = REASONS[code] ?? ["reset", true];
  return { kind: "failure", reason, sent, detail: code };
}

function codeOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0]);
  if (typeof error !== "object" || error === null) return "unknown";
  const { code, cause, name } = error as { code?: unknown; cause?: unknown; name?: unknown };
  if (typeof code === "string") return code;
  if (cause !== undefined && cause !== error) return codeOf(cause);
  return typeof name === "string" ? name : "unknown";
}
