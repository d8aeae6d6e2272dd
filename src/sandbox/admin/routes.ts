import { forget, readAudit } from "../audit.ts";
import { resetCounters, shownCounters } from "../counters.ts";
import { setFaults, setRandom } from "../faults/list.ts";
import { parseJson } from "../json.ts";
import type { Service } from "../service.ts";
import { countIn } from "./check.ts";
import { dump, overview } from "./dump.ts";
import { listFaults, replaceDuplicates, replaceFaults, replacePlugins, setRandomFaults } from "./faults.ts";
import { dropMetadata, writeMetadata } from "./metadata.ts";
import { type Administered, type AdminReply, DONE, json, wrong } from "./reply.ts";
import { seed } from "./seed.ts";
import { dropLimits, readLimits, revokeTokens, writeLimits } from "./service.ts";
import { listUsers, writeColumns, writeRoles, writeUser } from "./users.ts";

/** The door for tests and demonstrations, `/sandbox/…`: never part of the Web API, no token needed. See README.md. */

interface Asked {
  readonly admin: Administered;
  readonly service: Service;
  readonly query: URLSearchParams;
  readonly body: unknown;
}

type Handler = (asked: Asked) => AdminReply;

const zero: Handler = ({ admin }) => {
  resetCounters(admin.world.counters);
  return DONE;
};

const ROUTES: Readonly<Record<string, Handler>> = {
  "GET ": ({ admin }) => overview(admin),
  "GET counters": ({ admin }) => json(shownCounters(admin.world.counters)),
  "POST counters": zero,
  "DELETE counters": zero,
  "GET dump": ({ admin, query }) => dump(admin, query),
  "POST seed": ({ admin, body }) => seed(admin, body),
  "GET audit": ({ admin, query }) => {
    const after = countIn(query, "after", 0);
    const limit = countIn(query, "limit", 10_000);
    const table = query.get("table");
    if (after === undefined || limit === undefined) return wrong("after and limit are whole numbers.");
    if (table !== null && !admin.world.schema.tables.has(table))
      return wrong(`There is no table '${table}'.`);
    return json({ entries: readAudit(admin.audit, after, table, limit) });
  },
  "DELETE audit": ({ admin }) => {
    forget(admin.audit);
    return DONE;
  },
  "GET faults": ({ admin }) => listFaults(admin),
  "POST faults": ({ admin, body }) => replaceFaults(admin, body),
  "DELETE faults": ({ admin }) => {
    setFaults(admin.world.faults, []);
    setRandom(admin.world.faults, undefined);
    return DONE;
  },
  "GET faults/random": ({ admin }) => json(admin.world.faults.random?.settings ?? null),
  "POST faults/random": ({ admin, body }) => setRandomFaults(admin, body),
  "DELETE faults/random": ({ admin }) => {
    setRandom(admin.world.faults, undefined);
    return DONE;
  },
  "GET plugins": ({ admin }) => json(admin.world.plugins),
  "POST plugins": ({ admin, body }) => replacePlugins(admin, body),
  "DELETE plugins": ({ admin }) => {
    admin.world.plugins.length = 0;
    return DONE;
  },
  "GET duplicates": ({ admin }) => json(admin.world.duplicates),
  "POST duplicates": ({ admin, body }) => replaceDuplicates(admin, body),
  "DELETE duplicates": ({ admin }) => {
    admin.world.duplicates.length = 0;
    return DONE;
  },
  "POST metadata": ({ admin, body }) => writeMetadata(admin.world, body),
  "DELETE metadata": ({ admin, query }) => dropMetadata(admin.world, query),
  "GET limits": ({ service, query }) => readLimits(service, query),
  "POST limits": ({ service, body }) => writeLimits(service, body),
  "DELETE limits": ({ service }) => dropLimits(service),
  "GET users": ({ service }) => listUsers(service),
  "POST users": ({ service, body }) => writeUser(service, body),
  "GET roles": ({ service }) => json([...service.world.security.roles.values()]),
  "POST roles": ({ service, body }) => writeRoles(service, body),
  "GET columns": ({ service: { world } }) =>
    json({ secured: [...world.security.secured], profiles: world.security.profiles }),
  "POST columns": ({ service, body }) => writeColumns(service, body),
  "DELETE tokens": ({ service, query }) => revokeTokens(service, query),
};

/** @param name what follows `/sandbox/`, without its query */
export function administer(
  admin: Administered,
  service: Service,
  method: string,
  name: string,
  query: URLSearchParams,
  body: string,
): AdminReply {
  const route = `${method} ${name}`;
  const handler = Object.hasOwn(ROUTES, route) ? ROUTES[route] : undefined;
  if (!handler) return wrong("There is no such thing here.", 404);
  try {
    return handler({ admin, service, query, body: body === "" ? undefined : parseJson(body) });
  } catch (problem) {
    return wrong(problem instanceof Error ? problem.message : String(problem));
  }
}
