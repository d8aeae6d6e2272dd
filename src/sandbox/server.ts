import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { type Administered, administer } from "./admin.ts";
import { answer, refusalReply } from "./answer.ts";
import type { Call, Reply } from "./api.ts";
import { type Authority, discovery } from "./auth.ts";
import { runBatch } from "./batch.ts";
import { bump } from "./counters.ts";
import { errorBody, noRoute, Refusal, wrongMethod } from "./errors.ts";
import { Disruption, newEffects } from "./faults.ts";
import { randomId } from "./guid.ts";
import { TENANT_ID, userIdOf } from "./organization.ts";
import type { World } from "./world.ts";

export interface Service {
  readonly world: World;
  readonly authority: Authority;
  readonly administered: Omit<Administered, "session">;
  readonly parallelism: number;
  readonly largestBody: number;
  readonly tls: { readonly key: string; readonly cert: string } | undefined;
}

const API = /^\/api\/data\/v(9\.[0-2])(?:\/(.*))?$/s;
const TOKEN = /^\/([^/]+)\/oauth2\/v2\.0\/token$/;
const DISCOVERY = /^\/([^/]+)\/(?:v2\.0\/)?\.well-known\/openid-configuration$/;
/** Above the 32 768 characters of the longest URL, so that ours is the refusal and not Node's. */
const HEADER_SIZE = 128 * 1024;
const BAD_GATEWAY =
  "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>";

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly base: string;
  readonly path: string;
  readonly body: string;
}

/** The whole body as text, or undefined when it is larger than allowed; what is too much is read and dropped. */
async function readBody(
  request: IncomingMessage,
  limit: number,
): Promise<{ text: string | undefined; size: number }> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= limit) chunks.push(chunk);
  }
  return { text: size <= limit ? Buffer.concat(chunks).toString("utf8") : undefined, size };
}

function send(service: Service, response: ServerResponse, reply: Reply): void {
  const body = Buffer.from(reply.body);
  service.world.counters.bytes.sent += body.length;
  // A 204 or 304 has no body and no length.
  const length = reply.status === 204 || reply.status === 304 ? {} : { "Content-Length": body.length };
  response.writeHead(reply.status, { ...reply.headers, ...length });
  response.end(body);
}

const plainJson = (status: number, body: string): Reply => ({
  status,
  headers: { "Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store" },
  body,
});

/** What every reply of the Web API carries (page: compose-http-requests; send-parallel-requests; api-limits). */
function withServiceHeaders(service: Service, reply: Reply): Reply {
  const headers: Record<string, string> = {
    "Cache-Control": "no-cache",
    "OData-Version": "4.0",
    "x-ms-service-request-id": randomId(),
    REQ_ID: randomId(),
    "x-ms-dop-hint": String(service.parallelism),
    "x-ms-ratelimit-burst-remaining-xrm-requests": "5999",
    "x-ms-ratelimit-time-remaining-xrm-requests": "1,199.99",
    ...reply.headers,
  };
  return { ...reply, headers };
}

/** Page: authenticate-oauth. The reply tells where tokens come from. */
function unauthorized(base: string): Reply {
  const place = `Bearer authorization_uri=${base}/${TENANT_ID}/oauth2/authorize, resource_id=${base}/`;
  return { status: 401, headers: { "WWW-Authenticate": place }, body: "" };
}

async function serveApi(
  service: Service,
  exchange: Exchange,
  version: string,
  target: string,
): Promise<void> {
  const { world } = service;
  const { request, response, base } = exchange;
  const reply = (content: Reply) => send(service, response, withServiceHeaders(service, content));
  const headers = request.headers as Call["headers"];
  const user = service.authority.userOf(request.headers.authorization);
  if (!user) {
    bump(world.counters.requests, "unauthorized");
    bump(world.counters.refusals, "401");
    return reply(unauthorized(base));
  }
  const reference = { table: "systemuser", id: userIdOf(user.clientId) };
  if (!world.store.exists(reference)) {
    const status = world.rules.unknownUserStatus;
    const refusal = new Refusal(status, "0x80072560", "The user is not a member of the organization.");
    return reply(refusalReply(world, { headers }, refusal));
  }
  const call: Call = {
    method: request.method ?? "GET",
    target,
    headers,
    body: exchange.body,
    session: { user: reference, root: `${base}/api/data/v${version}/` },
    uri: base + exchange.path,
    inBatch: false,
  };
  const isBatch = target.split("?", 1)[0] === "$batch";
  const effects = newEffects(isBatch ? "batch" : undefined);
  let content: Reply;
  if (isBatch && call.method !== "POST") content = refusalReply(world, call, wrongMethod(call.method));
  else content = isBatch ? runBatch(world, call, effects) : answer(world, call, effects);
  bump(world.counters.requests, effects.kind ?? "unknown");
  if (effects.delay > 0) await sleep(effects.delay);
  if (effects.replyIsLost) throw new Disruption("reset");
  reply(content);
}

function serveAdmin(service: Service, exchange: Exchange, path: string): void {
  const session = { user: { table: "systemuser", id: "" }, root: `${exchange.base}/api/data/v9.2/` };
  const writer = service.world.schema.tables.get("systemuser");
  const [first] = writer ? service.world.store.rows(writer).keys() : [];
  const admin = {
    ...service.administered,
    session: { ...session, user: { table: "systemuser", id: first ?? "" } },
  };
  const reply = administer(admin, exchange.request.method ?? "GET", path, exchange.body);
  exchange.response.writeHead(reply.status, { "Content-Type": "application/json; charset=utf-8" });
  for (const piece of reply.body) exchange.response.write(piece);
  exchange.response.end();
}

async function serve(service: Service, exchange: Exchange): Promise<void> {
  const { world } = service;
  const { request, response, base, path } = exchange;
  const plain = path.split("?", 1)[0] ?? path;
  if (plain === "/sandbox" || plain.startsWith("/sandbox/"))
    return serveAdmin(service, exchange, path.slice(9));
  const token = TOKEN.exec(plain);
  if (token && request.method === "POST") {
    bump(world.counters.requests, "token");
    const { status, body } = service.authority.token(base, token[1]!, exchange.body);
    return send(service, response, plainJson(status, body));
  }
  const document = DISCOVERY.exec(plain);
  if (document) return send(service, response, plainJson(200, discovery(base, document[1]!)));
  const api = API.exec(path.replace(/^(\/api\/data\/v9\.\d)(\?.*)?$/s, "$1/$2"));
  if (api) return serveApi(service, exchange, api[1]!, api[2] ?? "");
  bump(world.counters.requests, "unknown");
  const refusal = refusalReply(world, { headers: {} }, noRoute(base + path));
  send(service, response, withServiceHeaders(service, refusal));
}

function disrupt(service: Service, exchange: Exchange, problem: Disruption): void {
  if (problem.how === "hang") return; // answered by nobody, until the client or the sandbox gives up
  if (problem.how === "reset") {
    exchange.request.socket.resetAndDestroy();
    return;
  }
  send(service, exchange.response, {
    status: 502,
    headers: { "Content-Type": "text/html" },
    body: BAD_GATEWAY,
  });
}

async function handle(service: Service, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { counters } = service.world;
  counters.concurrency.now += 1;
  counters.concurrency.peak = Math.max(counters.concurrency.peak, counters.concurrency.now);
  response.once("close", () => {
    counters.concurrency.now -= 1;
  });
  const { text, size } = await readBody(request, service.largestBody);
  counters.bytes.received += size;
  const base = `${service.tls ? "https" : "http"}://${request.headers.host ?? "127.0.0.1"}`;
  const exchange = { request, response, base, path: request.url ?? "/", body: text ?? "" };
  if (text === undefined) {
    const refusal = new Refusal(413, "0x8004418a", "Request message length is too large.");
    return send(
      service,
      response,
      withServiceHeaders(service, refusalReply(service.world, { headers: {} }, refusal)),
    );
  }
  try {
    await serve(service, exchange);
  } catch (problem) {
    if (problem instanceof Disruption) return disrupt(service, exchange, problem);
    if (response.headersSent) return void request.socket.destroy();
    // A mistake of the sandbox itself: said as such, so that no test takes it for the service's word.
    const text = problem instanceof Error ? (problem.stack ?? problem.message) : String(problem);
    const refusal = new Refusal(500, "0x80040216", `sandbox: ${text}`);
    send(
      service,
      response,
      withServiceHeaders(service, refusalReply(service.world, { headers: {} }, refusal)),
    );
  }
}

/** What is no HTTP at all still gets an answer in the service's frame. */
function refuseGarbage(problem: Error & { code?: string }, socket: Socket): void {
  if (problem.code === "ECONNRESET" || !socket.writable) return void socket.destroy();
  const tooLong = problem.code === "HPE_HEADER_OVERFLOW";
  const body = errorBody(new Refusal(400, "", "Bad Request - Invalid request."), false);
  const head = `HTTP/1.1 ${tooLong ? "431 Request Header Fields Too Large" : "400 Bad Request"}`;
  const lines = [
    head,
    "Content-Type: application/json",
    `Content-Length: ${body.length}`,
    "Connection: close",
  ];
  socket.end(`${lines.join("\r\n")}\r\n\r\n${body}`);
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
  const server: Server = service.tls
    ? createTlsServer({ ...service.tls, maxHeaderSize: HEADER_SIZE }, listener)
    : createServer({ maxHeaderSize: HEADER_SIZE }, listener);
  server.keepAliveTimeout = 65_000;
  server.requestTimeout = 0;
  server.on("clientError", refuseGarbage);
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
