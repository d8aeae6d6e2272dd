import type { Reply } from "../api.ts";
import { deleteRow } from "../cascade.ts";
import { moment } from "../dates.ts";
import { Refusal, requireWritable } from "../errors.ts";
import { isObject, type JsonObject } from "../json.ts";
import { type Handler, type Invocation, invalidParameter, replyWith } from "../messages/invocation.ts";
import { draftOf, put, type Row, type Value, type Values } from "../row.ts";
import type { Table } from "../schema.ts";
import { requireRight } from "../security/check.ts";
import type { World } from "../world.ts";
import { compileCriteria, readCriteria } from "./criteria.ts";

/**
 * The asynchronous deletion (page: delete-data-bulk): the reply names a job, the rows go afterwards, and the job's row
 * in `asyncoperations` tells how far it is.
 */

const WAITING = { statecode: 0, statuscode: 0 } as const;
const RUNNING = { statecode: 2, statuscode: 20 } as const;
const SUCCEEDED = { statecode: 3, statuscode: 30 } as const;
const FAILED = { statecode: 3, statuscode: 31 } as const;
const BULK_DELETE = 13;
/** Rows between two looks at the clock, so that a job does not hold up requests (the real one takes 1000 a page). */
const ROWS_AT_ONCE = 1000;

const named = (world: World, name: string): Table => world.schema.tables.get(name) as Table;

interface Query {
  readonly table: Table;
  readonly test: (row: Row) => boolean;
}

function readQuery({ world, session }: Invocation, body: unknown): Query {
  const name = isObject(body) ? String(body.EntityName ?? "") : "";
  const table = world.schema.tables.get(name);
  if (!table) {
    throw new Refusal(400, "0x80041102", `The entity with a name = '${name}' was not found.`);
  }
  requireWritable(world.rules, table, "DELETE");
  requireRight(world, session, table, "read");
  requireRight(world, session, table, "delete");
  return { table, test: compileCriteria(world, table, readCriteria((body as JsonObject).Criteria)) };
}

/** Changes a row without a trace of a user: the service itself does it. */
function settle(world: World, table: string, id: string, values: Record<string, Value>): void {
  const row = world.store.get(named(world, table), id);
  if (!row) return;
  const modifiedon = moment(world.now());
  const draft = draftOf(row);
  for (const column in values) put(draft, column, values[column] as Value);
  put(draft, "modifiedon", modifiedon);
  world.store.replace(named(world, table), row, draft, []);
}

function make(world: World, table: string, user: Values, values: Record<string, Value>): string {
  const target = named(world, table);
  const id = world.store.newId();
  const now = moment(world.now());
  const stamps = { createdon: now, modifiedon: now };
  world.store.insert(target, id, { ...user, [target.primaryId]: id, ...stamps, ...values }, []);
  return id;
}

const soon = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Deletes what the queries find, a page at a time; a row that cannot go is counted and left. */
async function work(world: World, queries: readonly Query[], job: string, operation: string): Promise<void> {
  let gone = 0;
  let kept = 0;
  settle(world, "asyncoperation", job, { ...RUNNING, startedon: moment(world.now()) });
  settle(world, "bulkdeleteoperation", operation, RUNNING);
  for (const { table, test } of queries) {
    const ids = [...world.store.rows(table).keys()];
    for (let at = 0; at < ids.length; at += ROWS_AT_ONCE) {
      await soon();
      for (const id of ids.slice(at, at + ROWS_AT_ONCE)) {
        // It may have changed or gone since the job began.
        const present = world.store.get(table, id);
        if (!present || !test(present)) continue;
        try {
          deleteRow(world, table, present);
          gone += 1;
        } catch (problem) {
          if (!(problem instanceof Refusal)) throw problem;
          kept += 1;
        }
      }
    }
  }
  const counts = { successcount: gone, failurecount: kept };
  const end = kept > 0 ? FAILED : SUCCEEDED;
  settle(world, "bulkdeleteoperation", operation, { ...end, ...counts });
  settle(world, "asyncoperation", job, { ...end, completedon: moment(world.now()) });
}

function bulkDelete(invocation: Invocation): Reply {
  const { world, session, parameters } = invocation;
  const queries = (parameters.QuerySet as unknown[]).map((query) => readQuery(invocation, query));
  if (queries.length === 0) throw invalidParameter(invocation, "QuerySet");
  const name = String(parameters.JobName);
  const start = new Date(String(parameters.StartDateTime));
  const recurs = parameters.RecurrencePattern !== "";
  const postponed = parameters.RunNow !== true && start.getTime() > world.now().getTime();
  const user = { createdby: session.user, modifiedby: session.user };
  const owner = { ownerid: session.user, owninguser: session.user };
  const [job, operation] = world.store.transaction(() => {
    const state = postponed ? { statecode: 1, statuscode: 10 } : WAITING;
    const made = make(
      world,
      "asyncoperation",
      { ...user, ...owner },
      {
        ...state,
        name,
        operationtype: BULK_DELETE,
        postponeuntil: postponed ? moment(start) : null,
        recurrencepattern: recurs ? String(parameters.RecurrencePattern) : null,
      },
    );
    const detail = make(world, "bulkdeleteoperation", user, {
      ...state,
      name,
      asyncoperationid: { table: "asyncoperation", id: made },
      successcount: 0,
      failurecount: 0,
      isrecurring: recurs,
      nextrun: postponed ? moment(start) : null,
    });
    return [made, detail] as const;
  });
  // A job for later waits in its row; this service does not live long enough to keep a calendar.
  // A sandbox that closes meanwhile takes its jobs with it.
  if (!postponed) setImmediate(() => work(world, queries, job, operation).catch(() => undefined));
  return replyWith(invocation, { JobId: job });
}

export const JOB_ACTIONS: Readonly<Record<string, Handler>> = { BulkDelete: bulkDelete };
