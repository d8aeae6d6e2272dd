import { isUtf8 } from "node:buffer";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { Duplex } from "node:stream";
import { serveAdmin } from "./admin/serve.ts";
import { refusalReply } from "./answer.ts";
import type { Reply } from "./api.ts";
import { discovery } from "./auth.ts";
import { bump } from "./counters.ts";
import { errorBody, noRoute, payloadError, Refusal, wrongMethod } from "./errors.ts";
import { gatewayReply } from "./faults/actions.ts";
import { Disruption } from "./faults/run.ts";
import { sendCut } from "./faults/send.ts";
import { type Service, serveApi, unauthorized, withServiceHeaders } from "./service.ts";

const API = /^\/api\/data\/v(9\.[0-2])(?:\/(.*))?$/s;
const TOKEN = /^\/([^/]+)\/oauth2\/v2\.0\/token$/;
const DISCOVERY = /^\/([^/]+)\/(?:v2\.0\/)?\.well-known\/openid-configuration$/;
const ADMIN = /^\/sandbox(?:\/|\?|$)/;
/** Above the 32 768 characters of the longest URL, so that ours is the refusal and not Node's. */
const HEADER_SIZE = 128 * 1024;

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly base: string;
  readonly path: string;
  readonly body: string;
}

const tooLarge = () => new Refusal(413, "0x8004418a", "Request message length is too large.");
/** JSON is UTF-8 (RFC 8259, section 8.1). */
const noText = () =>
  payloadError("", "System.Text.DecoderFallbackException: Unable to translate bytes to Unicode.");

/** The whole body as text, or why there is none; what is too much is read and dropped. */
async function readBody(
  request: IncomingMessage,
  limit: number,
): Promise<{ text: string | Refusal; size: number }> {
  let chunks: Buffer[] = [];
  let size = 0;
  await new Promise<void>((resolve, reject) => {
    request.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size <= limit) chunks.push(chunk);
      else chunks = [];
    });
    request.once("end", resolve);
    request.once("error", reject);
    request.once("close", () => reject(new Error("the client went away")));
  });
  if (size > limit) return { text: tooLarge(), size };
  const [only] = chunks;
  const bytes = chunks.length === 1 && only ? only : Buffer.concat(chunks);
  // Files come as they are; latin1 keeps every byte.
  const type = request.headers["content-type"] ?? "";
  if (/^application\/octet-stream\b/i.test(type)) return { text: bytes.toString("latin1"), size };
  const isText = !/^(?:application\/json|multipart\/)/i.test(type) || isUtf8(bytes);
  return { text: isText ? bytes.toString("utf8") : noText(), size };
}

/** A 204 or 304 has no body and no length. */
const hasBody = (status: number): boolean => status !== 204 && status !== 304;

function send(service: Service, response: ServerResponse, reply: Reply): void {
  if (!hasBody(reply.status)) {
    response.writeHead(reply.status, reply.headers);
    response.end();
    return;
  }
  const body = Buffer.from(reply.body);
  service.world.counters.bytes.sent += body.length;
  response.writeHead(reply.status, { ...reply.headers, "Content-Length": body.length });
  response.end(body);
}

const plainJson = (status: number, body: string): Reply => ({
  status,
  headers: { "Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store" },
  body,
});

const refused = (service: Service, refusal: Refusal): Reply =>
  withServiceHeaders(service, refusalReply(service.world, { headers: {} }, refusal));

async function serve(service: Service, exchange: Exchange): Promise<void> {
  const { world } = service;
  const { request, response, base, path } = exchange;
  const plain = path.split("?", 1)[0] ?? path;
  const token = TOKEN.exec(plain);
  if (token && request.method === "POST") {
    bump(world.counters.requests, "token");
    const { status, body } = service.authority.token(base, token[1]!, exchange.body);
    return send(service, response, plainJson(status, body));
  }
  const document = DISCOVERY.exec(plain);
  if (document) return send(service, response, plainJson(200, discovery(base, document[1]!)));
  const api = API.exec(path.replace(/^(\/api\/data\/v9\.\d)(\?.*)?$/s, "$1/$2"));
  if (!api) {
    bump(world.counters.requests, "unknown");
    return send(service, response, refused(service, noRoute(base + path)));
  }
  const { reply, fate } = await serveApi(service, { ...exchange, version: api[1]!, target: api[2] ?? "" });
  if (fate === "whole") return send(service, response, reply);
  sendCut(response, reply, fate);
}

/** Does to the connection what a fault asks for. */
function disrupt(service: Service, exchange: Exchange, problem: Disruption): void {
  const { request, response, base } = exchange;
  switch (problem.how) {
    case "hang":
      return; // answered by nobody, until the client or the sandbox gives up
    case "reset":
      request.socket.resetAndDestroy();
      return;
    case "expiredToken":
      service.authority.revoke(request.headers.authorization);
      send(service, response, unauthorized(service, base));
      return;
    case "gateway": {
      const reply = problem.fault && gatewayReply(problem.fault.do);
      send(service, response, reply ?? { status: 502, headers: {}, body: "" });
    }
  }
}

const ABSOLUTE = /^https?:\/\/([^/?]*)(.*)$/is;
/** A name, an IPv4 address, or an IPv6 address in brackets, and perhaps a port. */
const HOST = /^(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i;

/**
 * Which host a request names and what it asks of it: the request line may hold both (RFC 9112, section 3.2.2).
 * Undefined when the host cannot be one, as it would be repeated in every link, or when there are two (section 3.2).
 */
function addressOf(request: IncomingMessage): { readonly host: string; readonly path: string } | undefined {
  const { rawHeaders } = request;
  const hosts = rawHeaders.filter((name, at) => at % 2 === 0 && name.toLowerCase() === "host");
  if (hosts.length > 1) return undefined;
  const [, authority, rest = ""] = ABSOLUTE.exec(request.url ?? "/") ?? [];
  const path = authority === undefined ? (request.url ?? "/") : rest.startsWith("/") ? rest : `/${rest}`;
  const usual = request.httpVersion === "1.0" ? "127.0.0.1" : "";
  const host = authority ?? request.headers.host ?? usual;
  return HOST.test(host) ? { host, path } : undefined;
}

async function handle(service: Service, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { counters } = service.world;
  const address = addressOf(request);
  if (!address) {
    bump(counters.requests, "unknown");
    const refusal = new Refusal(400, "", "Bad Request - Invalid Hostname");
    return send(service, response, refused(service, refusal));
  }
  const { path } = address;
  const base = `${service.tls ? "https" : "http"}://${address.host}`;
  if (ADMIN.test(path)) return serveAdmin(service, request, response, base, path);
  counters.concurrency.now += 1;
  counters.concurrency.peak = Math.max(counters.concurrency.peak, counters.concurrency.now);
  response.once("close", () => {
    counters.concurrency.now -= 1;
  });
  const { text, size } = await readBody(request, service.largestBody);
  counters.bytes.received += size;
  if (text instanceof Refusal) return send(service, response, refused(service, text));
  const exchange = { request, response, base, path, body: text };
  try {
    await serve(service, exchange);
  } catch (problem) {
    if (problem instanceof Disruption) return disrupt(service, exchange, problem);
    if (response.headersSent) return void request.socket.destroy();
    // A mistake of the sandbox itself: said as such, so that no test takes it for the service's word.
    const text = problem instanceof Error ? (problem.stack ?? problem.message) : String(problem);
    send(service, response, refused(service, new Refusal(500, "0x80040216", `sandbox: ${text}`)));
  }
}

/** An answer in the service's frame on a connection that speaks no HTTP, or not any more. */
function endWith(socket: Duplex, head: string, refusal: Refusal): void {
  const body = errorBody(refusal);
  const lines = [
    `HTTP/1.1 ${head}`,
    "Content-Type: application/json",
    `Content-Length: ${body.length}`,
    "Connection: close",
  ];
  socket.end(`${lines.join("\r\n")}\r\n\r\n${body}`);
}

/** What is no HTTP at all. */
function refuseGarbage(problem: Error & { code?: string }, socket: Duplex): void {
  if (problem.code === "ECONNRESET" || !socket.writable) return void socket.destroy();
  const tooLong = problem.code === "HPE_HEADER_OVERFLOW";
  const head = tooLong ? "431 Request Header Fields Too Large" : "400 Bad Request";
  endWith(socket, head, new Refusal(400, "", "Bad Request - Invalid request."));
}

/** The service is no proxy: there is nothing to connect to (RFC 9110, section 9.3.6). */
function refuseTunnel(_request: IncomingMessage, socket: Duplex): void {
  socket.on("error", () => socket.destroy());
  endWith(socket, "405 Method Not Allowed", wrongMethod("CONNECT"));
}

export interface Listening {
  readonly port: number;
  readonly close: () => Promise<void>;
}

/** Listens on this machine alone. */
export async function listen(service: Service, port: number): Promise<Listening> {
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    handle(service, request, response).catch(() => request.socket.destroy());
  };
  // A request without Host comes through, so that ours is the refusal.
  const manners = { maxHeaderSize: HEADER_SIZE, requireHostHeader: false };
  const server: Server = service.tls
    ? createTlsServer({ ...service.tls, ...manners }, listener)
    : createServer(manners, listener);
  server.on("checkExpectation", (_request: IncomingMessage, response: ServerResponse) => {
    send(service, response, refused(service, new Refusal(417, "", "The expectation is not supported.")));
  });
  server.keepAliveTimeout = 65_000;
  server.requestTimeout = 0;
  server.on("clientError", refuseGarbage);
  server.on("connect", refuseTunnel);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      server.off("error", reject);
      resolve();
    });
  });
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : port,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
