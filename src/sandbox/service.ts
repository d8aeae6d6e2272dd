import type { IncomingMessage } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { Administered } from "./admin/reply.ts";
import { answer, refusalReply } from "./answer.ts";
import type { Call, Reply } from "./api.ts";
import type { Authority } from "./auth.ts";
import { runBatch } from "./batch.ts";
import { bump } from "./counters.ts";
import { moment } from "./dates.ts";
import { Refusal, wrongMethod } from "./errors.ts";
import { Disruption, type Effects, newEffects } from "./faults/run.ts";
import { randomId } from "./guid.ts";
import { enter, type Pass, type Protection } from "./limits/protection.ts";
import { affinityCookie, type ServerFarm, serverFor } from "./limits/servers.ts";
import { type SandboxUser, TENANT_ID, userIdOf } from "./organization.ts";
import { accessOf } from "./security/access.ts";
import { requireMember, sessionFor } from "./security/session.ts";
import type { Session, World } from "./world.ts";

/** Everything behind one host name: the organisation, its users, its web servers and their limits. */
export interface Service {
  readonly world: World;
  /** Everybody whom Entra knows; the token endpoint reads it at each request. */
  readonly users: SandboxUser[];
  /** Makes one of them a user of the organisation. */
  readonly join: (user: SandboxUser) => void;
  readonly authority: Authority;
  readonly protection: Protection;
  readonly farm: ServerFarm;
  readonly administered: Omit<Administered, "session">;
  /** What replies say and how long they travel; may be changed while it runs. */
  readonly manners: {
    /** `x-ms-dop-hint`: advice, true or not. */
    hint: number;
    /** Milliseconds before each reply leaves, beside any execution time. */
    latency: number;
  };
  readonly largestBody: number;
  readonly tls: { readonly key: string; readonly cert: string } | undefined;
}

/** One HTTP request to the Web API, its body read. */
export interface ApiRequest {
  readonly request: IncomingMessage;
  readonly base: string;
  readonly path: string;
  readonly body: string;
  readonly version: string;
  /** Path and query below the service root. */
  readonly target: string;
}

/** A reply and what becomes of it on its way. */
export interface Outgoing {
  readonly reply: Reply;
  readonly fate: Effects["reply"];
}

/** What every reply of the Web API carries (page: compose-http-requests; send-parallel-requests; api-limits). */
export function withServiceHeaders(service: Service, reply: Reply): Reply {
  const headers: Record<string, string> = {
    "Cache-Control": "no-cache",
    "OData-Version": "4.0",
    "x-ms-service-request-id": randomId(),
    REQ_ID: randomId(),
    "x-ms-dop-hint": String(service.manners.hint),
    "x-ms-ratelimit-burst-remaining-xrm-requests": "5999",
    "x-ms-ratelimit-time-remaining-xrm-requests": "1,199.99",
    ...reply.headers,
  };
  return { ...reply, headers };
}

/** Page: authenticate-oauth. The reply tells where tokens come from. */
export function unauthorized(service: Service, base: string): Reply {
  bump(service.world.counters.requests, "unauthorized");
  bump(service.world.counters.refusals, "401");
  const place = `Bearer authorization_uri=${base}/${TENANT_ID}/oauth2/authorize, resource_id=${base}/`;
  return withServiceHeaders(service, { status: 401, headers: { "WWW-Authenticate": place }, body: "" });
}

/** Whose limits a request uses up. */
function throttledUser(world: World, call: Call): string {
  if (world.rules.throttledUser === "caller") return call.session.user.id;
  try {
    return sessionFor(world, call.session, call.headers).user.id;
  } catch {
    return call.session.user.id; // the refusal comes when the operation runs
  }
}

/** Answers one request to the Web API, as late as its execution time and the latency say. */
export async function serveApi(service: Service, incoming: ApiRequest): Promise<Outgoing> {
  const { world, farm, protection } = service;
  const { request, base } = incoming;
  const application = service.authority.userOf(request.headers.authorization);
  if (!application) return { reply: unauthorized(service, base), fate: "whole" };
  const user = { table: "systemuser", id: userIdOf(application.clientId) };
  const headers = request.headers as Call["headers"];
  const session: Session = {
    user,
    access: accessOf(world, user),
    root: `${base}/api/data/v${incoming.version}/`,
    moment: moment(world.now()),
  };
  const call: Call = {
    method: request.method ?? "GET",
    target: incoming.target,
    headers,
    body: incoming.body,
    session,
    uri: base + incoming.path,
    inBatch: false,
  };
  const server = serverFor(farm, request.headers.cookie, world.rules.affinityCookie);
  const pass = enter(protection, throttledUser(world, call), server, () => world.now().getTime());
  const cookie =
    farm.size === 1
      ? {}
      : { "Set-Cookie": affinityCookie(world.rules.affinityCookie, server, service.tls !== undefined) };
  const finish = (reply: Reply): Reply => {
    const more = { ...pass.headers(), ...cookie };
    return withServiceHeaders(service, { ...reply, headers: { ...more, ...reply.headers } });
  };
  if ("refused" in pass) {
    bump(world.counters.requests, "throttled");
    const reply = finish(refusalReply(world, call, pass.refused));
    if (service.manners.latency > 0) await sleep(service.manners.latency);
    return { reply, fate: "whole" };
  }
  try {
    return await run(service, call, pass, finish);
  } finally {
    pass.leave();
  }
}

async function run(
  service: Service,
  call: Call,
  pass: Pass,
  finish: (reply: Reply) => Reply,
): Promise<Outgoing> {
  const { world, protection, manners } = service;
  const isBatch = call.target.split("?", 1)[0] === "$batch";
  const effects = newEffects(world, isBatch ? "batch" : undefined);
  let reply: Reply;
  try {
    requireMember(world, call.session.user);
    if (isBatch && call.method !== "POST") throw wrongMethod(call.method);
    reply = isBatch ? runBatch(world, call, effects) : answer(world, call, effects);
  } catch (problem) {
    if (!(problem instanceof Refusal)) throw problem;
    reply = refusalReply(world, call, problem);
  } finally {
    bump(world.counters.requests, effects.kind ?? "unknown");
    pass.spend(world.costs.request + effects.executionMs);
  }
  const work = protection.limits?.delays ? world.costs.request + effects.executionMs : 0;
  const wait = work + effects.delay + manners.latency;
  if (wait > 0) await sleep(wait);
  if (effects.reply === "reset") throw new Disruption("reset");
  if (effects.reply === "hang") throw new Disruption("hang");
  return { reply: finish(reply), fate: effects.reply };
}
