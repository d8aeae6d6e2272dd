import { KINDS, type Kind } from "../api.ts";
import { isObject } from "../json.ts";
import { ceilingOf, usageOf } from "../limits/ceiling.ts";
import { type CostOptions, setCosts } from "../limits/cost.ts";
import { type LimitOptions, limitsOf, setLimits } from "../limits/protection.ts";
import type { Service } from "../service.ts";
import type { World } from "../world.ts";
import { amount, type Check, count, flag, oneOf, record, shape } from "./check.ts";
import { type AdminReply, DONE, json, wrong } from "./reply.ts";

/** Limits, costs, manners and tokens: what belongs to the service around the organisation. */

/** `GET limits?kind=upsertMultiple&rows=1000&table=contact`: the ceiling for one user, limits on or off. */
export function readLimits(service: Service, query: URLSearchParams): AdminReply {
  const { protection, farm, world } = service;
  const limits = protection.limits ?? limitsOf({});
  const kind = (query.get("kind") ?? "upsertMultiple") as Kind;
  const rows = Number(query.get("rows") ?? 1000);
  if (!(kind in world.costs.kinds) || !(rows >= 1))
    return wrong("Ask for a kind of operation, and 1 or more rows.");
  return json({
    on: protection.limits !== undefined,
    limits,
    servers: farm.size,
    hint: service.manners.hint,
    latency: service.manners.latency,
    costs: world.costs,
    ceiling: {
      kind,
      rows,
      ...ceilingOf(limits, world.costs, farm.size, kind, rows, query.get("table") ?? undefined),
    },
    usage: usageOf(protection, world.now().getTime()),
  });
}

const isCost = shape({}, { base: amount, row: amount });
const isPositive: Check = (value) => amount(value) && value !== 0;

const isLimits = ({ schema }: World): Check =>
  shape(
    {},
    {
      requests: (value) => count(value) && value !== 0,
      executionSeconds: amount,
      concurrency: amount,
      windowSeconds: isPositive,
      factor: isPositive,
      delays: flag,
      hint: amount,
      latency: amount,
      costs: shape(
        {},
        {
          request: amount,
          kinds: record(oneOf(KINDS), isCost),
          tables: record(oneOf(schema.tables.keys()), amount),
        },
      ),
    },
  );

/** `POST limits`: sets the limits anew; `costs`, `hint` and `latency` beside them change what is named. */
export function writeLimits(service: Service, body: unknown): AdminReply {
  if (!isObject(body) || !isLimits(service.world)(body)) {
    return wrong(
      "Send { requests?, executionSeconds?, concurrency?, windowSeconds?, factor?, delays?, costs?, hint?, latency? }.",
    );
  }
  const { costs, hint, latency, ...limits } = body;
  if (isObject(costs)) setCosts(service.world.costs, costs as CostOptions);
  if (typeof hint === "number") service.manners.hint = hint;
  if (typeof latency === "number") service.manners.latency = latency;
  setLimits(service.protection, limits as LimitOptions);
  return DONE;
}

/** `DELETE limits`: none from now on. */
export function dropLimits(service: Service): AdminReply {
  setLimits(service.protection, undefined);
  return DONE;
}

/** `DELETE tokens?client=…`: ends tokens before their time. */
export function revokeTokens(service: Service, query: URLSearchParams): AdminReply {
  const clientId = query.get("client");
  service.authority.revoke(clientId === null ? undefined : { clientId });
  return DONE;
}
