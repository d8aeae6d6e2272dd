/** Replies about single records as outcomes. Pure. */
import type { Operation, Outcome, Problem, Reply } from "../../src/sdk.ts";
import { errorOf, isFramed, verdictOf } from "./problems.ts";
import { idOf } from "./url.ts";

export function applied(operation: Operation, told?: string): Outcome {
  const id = idOf(operation.record) ?? told;
  return {
    status: "applied",
    change: operation.change,
    ...(id === undefined ? {} : { id }),
    ...(operation.owed.length > 0 ? { owed: operation.owed } : {}),
  };
}

/** Nothing differed but what is still owed: nothing was sent. */
export function unchanged({ change, owed }: Operation): Outcome {
  return { status: "unchanged", change, ...(owed.length > 0 ? { owed } : {}) };
}

export function rejected({ change }: Operation, problem: Problem): Outcome {
  return { status: "rejected", change, problem: { ...problem, kind: "rejected" } };
}

export function deferred({ change }: Operation, problem: Problem): Outcome {
  return { status: "deferred", change, problem: { ...problem, kind: "deferred" } };
}

/** True for the replies to a single record's write that say it was done. */
function isDone({ status, headers }: Reply): boolean {
  return (
    status === 204 || ((status === 200 || status === 201) && !/html/i.test(headers["content-type"] ?? ""))
  );
}

const ENTITY_ID = /\(([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\)$/i;

/** The id that a reply tells; after an upsert by key the service repeats the key instead ("Upsert a table row"). */
export function toldId(reply: Reply): string | undefined {
  return ENTITY_ID.exec(reply.headers["odata-entityid"] ?? "")?.[1]?.toLowerCase();
}

/**
 * True when a refused update says that its own record is gone, and not one that it points at: the status alone
 * does not tell the two apart.
 */
export function isGone(operation: Operation, reply: Reply, table: string): boolean {
  if (operation.kind !== "update") return false;
  const { code, message } = errorOf(reply);
  const said = message.toLowerCase();
  const binds = operation.fields.filter(
    ({ property, json }) => property.endsWith("@odata.bind") && json !== "null",
  );
  const id = idOf(operation.record);
  if (code === "0x80040217")
    return id === null ? binds.length === 0 : said.includes(id) || binds.length === 0;
  if (code === "0x80060891")
    return id === null && (binds.length === 0 || said.includes(`in ${table} entity`));
  return code === "" && reply.status === 404 && isFramed(reply) && binds.length === 0;
}

export interface Unsettled {
  readonly status: "gone" | "again" | "everyone";
  readonly problem: Problem;
}

/** What a record's own reply means; `again` for what may succeed when it is sent once more. */
export function judged(operation: Operation, reply: Reply, table: string): Outcome | Unsettled {
  if (isDone(reply)) return applied(operation, toldId(reply));
  const { fault, problem } = verdictOf(reply);
  if (isGone(operation, reply, table)) return { status: "gone", problem };
  if (fault === "row") return rejected(operation, problem);
  return { status: fault === "everyone" ? "everyone" : "again", problem };
}
