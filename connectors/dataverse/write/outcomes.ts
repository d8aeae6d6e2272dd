/** Replies about single records as outcomes. Pure. */
import type { Operation, Outcome, Problem, Reply } from "../../../src/sdk.ts";
import { keptId, nameOf, PARTITION } from "../elastic.ts";
import { errorOf, isFramed, verdictOf } from "../sender/problems.ts";
import { idOf } from "../url.ts";
import { createdIds } from "./bodies.ts";

type Taken = Extract<Outcome, { readonly status: "applied" | "unchanged" }>;

/** @param request the service's own id of the reply */
export function applied(operation: Operation, told?: string, request?: string): Outcome {
  const { change, record } = operation;
  const id = idOf(record) ?? (told === undefined ? undefined : keptId(told, partitionIn(operation)));
  // There is one for each row, and what is added to it later takes it room.
  const outcome: Writable<Taken> =
    request === undefined ? { status: "applied", change } : { status: "applied", change, request };
  if (id !== undefined) outcome.id = id;
  return withOwed(outcome, operation);
}

/** One that is still being put together: there is one for each row. */
type Writable<T> = { -readonly [Name in keyof T]: T[Name] };

/** The partition that a new record of an elastic table is put in, where its id is the server's. */
function partitionIn({ fields }: Operation): string | undefined {
  const json = fields.find(({ property }) => property === PARTITION)?.json;
  return json === undefined || json === "null" ? undefined : (JSON.parse(json) as string);
}

function withOwed(outcome: Writable<Taken>, { owed, later }: Operation): Outcome {
  if (owed.length > 0) outcome.owed = owed;
  if (later) outcome.later = true;
  return outcome;
}

/** Nothing differed but what is still owed: nothing was sent. */
export function unchanged(operation: Operation): Outcome {
  return withOwed({ status: "unchanged", change: operation.change }, operation);
}

export function rejected({ change }: Operation, problem: Problem): Outcome {
  return { status: "rejected", change, problem: { ...problem, kind: "rejected", refused: true } };
}

export function deferred({ change }: Operation, problem: Problem): Outcome {
  return { status: "deferred", change, problem: { ...problem, kind: "deferred" } };
}

/** What says that a request is too large: a gateway by its status, the service by its code. */
const TOO_LARGE = /^dataverse\.(http_413|0x8004418a)$/;
export const saysTooLarge = ({ code }: Problem): boolean => TOO_LARGE.test(code);

/** A row that is too large alone: the next run could send it in no smaller request. */
export const tooLarge = (operation: Operation, problem: Problem): Outcome =>
  rejected(operation, {
    ...problem,
    remedy:
      "Shorten the row's texts and pictures, or let more through at the gateway that stands before the service.",
  });

/**
 * The service's own id of the reply: of a whole reply `x-ms-service-request-id`, of a part of a batch `REQ_ID`
 * (observed; "Compose HTTP requests and handle errors" names the first).
 */
export const requestOf = ({ headers }: Reply): string | undefined =>
  headers["x-ms-service-request-id"] ?? headers.req_id;

export function answeredBy<T extends Outcome>(outcome: T, reply: Reply): T {
  const request = requestOf(reply);
  return request === undefined ? outcome : { ...outcome, request };
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

const IDS = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
/** How the service says in which table it has found no key. */
const TABLE_OF_KEY = /in (\w+) entity/;

/**
 * True when a refused update or removal says that its own record is gone, and not one that it points at, that custom
 * logic has looked for, or that it is sent on behalf of: the code alone does not tell them apart.
 */
export function isGone(operation: Operation, reply: Reply, table: string): boolean {
  if (operation.kind === "create" || operation.kind === "upsert") return false;
  const { code, message } = errorOf(reply);
  const said = message.toLowerCase();
  const binds = operation.fields.filter(
    ({ property, json }) => property.endsWith("@odata.bind") && json !== "null",
  );
  const own = ownIds(operation);
  if (code === "0x80040217") {
    const missing = said.match(IDS);
    if (missing === null) return binds.length === 0;
    return own === null ? said.includes(`${table} with id`) : missing.some((id) => own.includes(id));
  }
  if (code === "0x80060891") {
    const [, named] = TABLE_OF_KEY.exec(said) ?? [];
    return own === null && (named === undefined ? binds.length === 0 : named === table);
  }
  return code === "" && reply.status === 404 && isFramed(reply) && binds.length === 0;
}

/** The ids that an address names its record by, both ends of a tie; null where it names a key. */
function ownIds({ record, into }: Operation): readonly string[] | null {
  if (into !== undefined) return record.toLowerCase().match(IDS);
  const id = idOf(record);
  return id === null ? null : [nameOf(id).id];
}

/** A record with the id, or with the values of a key, is there ("Web service error codes"). */
const DUPLICATE: ReadonlySet<string> = new Set(["0x80040237", "0x80060892"]);

/** Of two upserts of a new record that go at once, one may find that the other has made it ("Upsert a table row"). */
const MAKING: ReadonlySet<Operation["kind"]> = new Set(["create", "upsert"]);
const REMOVALS: ReadonlySet<Operation["kind"]> = new Set(["delete", "deactivate", "remove_member"]);

export interface Unsettled {
  /** `twice`: what was to be made is there, by an echo of the request or as somebody else's. */
  readonly status: "gone" | "again" | "twice" | "everyone";
  readonly problem: Problem;
}

/** What a record's own reply means; `again` for what may succeed when it is sent once more. */
export function judged(operation: Operation, reply: Reply, table: string): Outcome | Unsettled {
  if (isDone(reply))
    return applied(
      operation,
      toldId(reply) ?? (operation.kind === "create" ? createdIds(reply)[0] : undefined),
    );
  const { fault, problem } = verdictOf(reply);
  // "Associate and disassociate table rows": a tie that is there is refused like a second record of one id.
  if (operation.kind === "add_member" && DUPLICATE.has(errorOf(reply).code)) return applied(operation);
  if (MAKING.has(operation.kind) && DUPLICATE.has(errorOf(reply).code)) return { status: "twice", problem };
  if (fault !== "everyone" && isGone(operation, reply, table)) {
    // What was to be removed is not there: nothing is left to do.
    const isRemoval = REMOVALS.has(operation.kind);
    return isRemoval ? applied(operation) : { status: "gone", problem };
  }
  if (fault === "row") return answeredBy(rejected(operation, problem), reply);
  return { status: fault === "everyone" ? "everyone" : "again", problem };
}
