import { type Audit, readAudit } from "./audit.ts";
import { resetCounters } from "./counters.ts";
import { canonical } from "./decimal.ts";
import { type Fault, setFaults } from "./faults.ts";
import { isObject, isText, type JsonObject, numberText, parseJson } from "./json.ts";
import type { Table } from "./schema.ts";
import type { Reference, Value } from "./store.ts";
import type { Column } from "./tables/column.ts";
import type { PluginRule, Session, World } from "./world.ts";
import { createRow } from "./write.ts";

/** The door for tests and demonstrations, `/sandbox/…`: never part of the Web API, no token needed. See README.md. */

export interface AdminReply {
  readonly status: number;
  /** JSON text, in pieces because a dump may be longer than a string can be. */
  readonly body: Iterable<string>;
}

export interface Administered {
  readonly world: World;
  readonly audit: Audit;
  readonly session: Session;
  /** Runs work whose rows stay out of counters and audit. */
  readonly quietly: <T>(work: () => T) => T;
}

const json = (value: unknown, status = 200): AdminReply => ({ status, body: [JSON.stringify(value)] });
const wrong = (message: string, status = 400): AdminReply => json({ error: message }, status);
const DONE: AdminReply = { status: 204, body: [] };

/** A seeded value in stored form: exact numbers as text, lookups as `{ table, id }`; nothing else is checked. */
function storedForm(column: Column, value: unknown): Value {
  if (value === null || value === undefined) return null;
  if (isObject(value))
    return { table: String(value.table), id: String(value.id).toLowerCase() } satisfies Reference;
  const digits = numberText(value);
  if (column.type === "decimal" || column.type === "money" || column.type === "bigint") {
    return canonical(digits ?? String(value)) ?? "0";
  }
  if (digits !== undefined) return Number(digits);
  return isText(value) || typeof value === "boolean" ? value : String(value);
}

function seed(admin: Administered, body: unknown): AdminReply {
  if (!isObject(body) || !Array.isArray(body.rows)) return wrong("Send { table, rows }.");
  const table = admin.world.schema.tables.get(String(body.table));
  if (!table) return wrong(`There is no table '${String(body.table)}'.`);
  const world: World = { ...admin.world, plugins: [] };
  const ids = admin.quietly(() =>
    world.store.transaction(() =>
      (body.rows as JsonObject[]).map((row) => {
        const written: Record<string, Value> = {};
        for (const [name, value] of Object.entries(row)) {
          const column = table.columns.get(name);
          if (!column) throw new Error(`${table.logicalName} has no column '${name}'.`);
          written[name] = storedForm(column, value);
        }
        return createRow(world, admin.session, table, written).id;
      }),
    ),
  );
  return json({ ids });
}

function* dumped(world: World, table: Table, columns: readonly string[] | undefined): Iterable<string> {
  yield `{"table":"${table.logicalName}","rows":[`;
  let first = true;
  for (const row of world.store.rows(table).values()) {
    const values = columns
      ? Object.fromEntries(columns.map((column) => [column, row.values[column] ?? null]))
      : row.values;
    yield `${first ? "" : ","}${JSON.stringify({ id: row.id, version: row.version, values })}`;
    first = false;
  }
  yield "]}";
}

function dump(admin: Administered, query: URLSearchParams): AdminReply {
  const table = admin.world.schema.tables.get(query.get("table") ?? "");
  if (!table) return wrong(`There is no table '${query.get("table") ?? ""}'.`);
  const columns = query.get("columns")?.split(",");
  return { status: 200, body: dumped(admin.world, table, columns) };
}

function overview(admin: Administered): AdminReply {
  const tables = [...admin.world.schema.tables.values()];
  return json({
    organizationId: admin.world.organization.id,
    tables: tables.map((table) => ({
      table: table.logicalName,
      set: table.set,
      rows: admin.world.store.rows(table).size,
    })),
  });
}

function replaceFaults(admin: Administered, body: unknown): AdminReply {
  const list = Array.isArray(body)
    ? body
    : isObject(body) && Array.isArray(body.faults)
      ? body.faults
      : undefined;
  if (!list?.every((item) => isObject(item) && isObject(item.on) && item.do !== undefined)) {
    return wrong("Send a list of { on: { kind?, table? }, do, times?, after?, retryAfter?, delay? }.");
  }
  setFaults(admin.world.faults, list as unknown as Fault[]);
  return DONE;
}

function replacePlugins(admin: Administered, body: unknown): AdminReply {
  if (!Array.isArray(body)) return wrong("Send a list of { table, column, equals, message?, on? }.");
  const rules = body as PluginRule[];
  admin.world.plugins.splice(0, Infinity, ...rules.map((rule) => ({ ...rule, equals: String(rule.equals) })));
  return DONE;
}

type Handler = (admin: Administered, query: URLSearchParams, body: unknown) => AdminReply;

const ROUTES: Readonly<Record<string, Handler>> = {
  "GET ": overview,
  "GET counters": (admin) => json(admin.world.counters),
  "POST counters": (admin) => {
    resetCounters(admin.world.counters);
    return DONE;
  },
  "DELETE counters": (admin) => {
    resetCounters(admin.world.counters);
    return DONE;
  },
  "GET dump": dump,
  "POST seed": (admin, _query, body) => seed(admin, body),
  "GET audit": (admin, query) =>
    json({
      entries: readAudit(
        admin.audit,
        Number(query.get("after") ?? 0),
        query.get("table"),
        Number(query.get("limit") ?? 10_000),
      ),
    }),
  "DELETE audit": (admin) => {
    admin.audit.entries.length = 0;
    return DONE;
  },
  "GET faults": (admin) =>
    json(admin.world.faults.armed.map(({ fault, left, passes }) => ({ ...fault, left, passes }))),
  "POST faults": (admin, _query, body) => replaceFaults(admin, body),
  "DELETE faults": (admin) => {
    setFaults(admin.world.faults, []);
    return DONE;
  },
  "GET plugins": (admin) => json(admin.world.plugins),
  "POST plugins": (admin, _query, body) => replacePlugins(admin, body),
  "DELETE plugins": (admin) => {
    admin.world.plugins.length = 0;
    return DONE;
  },
};

/** @param path what follows `/sandbox/` */
export function administer(admin: Administered, method: string, path: string, body: string): AdminReply {
  const url = new URL(path, "http://sandbox/");
  const handler = ROUTES[`${method} ${url.pathname.slice(1)}`];
  if (!handler) return wrong("There is no such thing here.", 404);
  try {
    return handler(admin, url.searchParams, body === "" ? undefined : parseJson(body));
  } catch (problem) {
    return wrong(problem instanceof Error ? problem.message : String(problem));
  }
}
