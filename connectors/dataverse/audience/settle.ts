/** Brings one batch of members of one list to an end: every member is in, out, or has a problem of its own. */
import {
  type Problem,
  type Reply,
  SyncError,
  type WriteContext,
  type WriteOptions,
} from "../../../src/sdk.ts";
import { optionHeaders, tagged } from "../compile/options.ts";
import { type BatchPart, batchReply, batchRequest, isBatchReply } from "../sender/batch.ts";
import { errorOf, verdictOf } from "../sender/problems.ts";
import type { Refusal, Sender } from "../sender/sender.ts";
import type { Service } from "../sender/service.ts";
import type { Table } from "../table.ts";
import { inQueries, SERVICE_ROOT } from "../url.ts";
import { isBulkDone } from "../write/bodies.ts";
import { askedOf, stopOf } from "../write/for-all.ts";
import { closing } from "./closing.ts";
import type { Call, Entry, Keeper } from "./roster.ts";
import type { Kept } from "./rosters.ts";

export interface MemberSettling {
  readonly keeper: Keeper;
  /** The table of the members. */
  readonly table: Table;
  readonly options: WriteOptions;
  /** One list for each value of a column: what one of them refuses is no matter of the others. */
  readonly isSeveral: boolean;
  readonly sender: Sender;
  readonly service: Service;
  readonly context: WriteContext;
  /** Told of what concerns every operation; later ones are not sent any more. */
  readonly stop: (problem: Problem) => void;
  readonly stopped: () => Problem | undefined;
}

export type Result = "applied" | "unchanged" | Problem;

/** What became of a member, and the service's own id of the reply that says so. */
export interface Settled {
  readonly result: Result;
  readonly request?: string;
}

type Results = Map<string, Settled>;

function put(results: Results, id: string, result: Result, reply?: Reply): void {
  const request = reply?.headers["x-ms-service-request-id"] ?? reply?.headers.req_id;
  results.set(id, request === undefined ? { result } : { result, request });
}

/** Rounds of one `$batch` for members that met a passing fault. */
const MOST_ROUNDS = 4;
const MOST_PARTS = 1_000;
/** Halves of a call that may fail before the rest goes member by member. */
const MOST_FAILED_HALVES = 2;

/** What a member's own reply says although it refuses: that there is nothing to do. */
const DONE = { add: "0x80040237", remove: "0x80048458" } as const;
const MISSING = "0x80040217";

/** @returns what became of each member, by id */
export async function settleMembers(
  kind: "add" | "remove",
  kept: Kept,
  entries: readonly Entry[],
  all: MemberSettling,
): Promise<ReadonlyMap<string, Settled>> {
  const settling = all.isSeveral ? ofOneList(kept, all) : all;
  const results: Results = new Map();
  const ids = [...new Set(entries.map(({ id }) => id))];
  try {
    if (deferred(ids, results, settling)) return results;
    if (kind === "add") await add(kept, ids, results, settling);
    else await remove(kept, ids, results, settling);
  } catch (error) {
    // What had to be read on the way could not be: what was acknowledged stands.
    const problem = error instanceof SyncError ? error.problems[0] : undefined;
    if (problem === undefined) throw error;
    settling.stop(problem);
    for (const id of ids) if (!results.has(id)) put(results, id, { ...problem, kind: "deferred" });
  }
  // Nobody is sent for who was not seen to be out, or in: whatever the answer says, that is what has changed since.
  for (const [id, { result }] of results) {
    if (typeof result !== "string") continue;
    if (kind === "add") kept.added++;
    else {
      kept.removed++;
      kept.gone.add(id);
    }
    kept.presence.note(id, kind === "add");
  }
  return results;
}

/** Stops for one list what is the matter with it alone. */
function ofOneList(kept: Kept, { stop, stopped, ...all }: MemberSettling): MemberSettling {
  return {
    ...all,
    stop(problem) {
      const own = closing(problem, all.keeper, kept.roster);
      if (own === undefined) stop(problem);
      else kept.closed ??= own;
    },
    stopped: () => stopped() ?? kept.closed,
  };
}

async function add(
  kept: Kept,
  ids: readonly string[],
  results: Results,
  settling: MemberSettling,
): Promise<void> {
  const { keeper, context, stop } = settling;
  if (kept.roster.sleep !== "none") {
    kept.ready ??= keeper.ready(kept.roster, context).then((refused) => refused?.problem);
    const problem = await kept.ready;
    if (problem) {
      stop(problem);
      deferred(ids, results, settling);
      return;
    }
  }
  const state = { failedHalves: 0 };
  const call = (some: readonly string[]): Promise<Call | Problem> => keeper.add(kept.roster, some, context);
  const { addOne } = keeper;
  await bulk(ids, "whole", results, {
    ...settling,
    state,
    kind: "add",
    call,
    sieve: (some) => sieve(kept, some, results, settling),
    ...(addOne ? { part: (id: string) => addOne(kept.roster, id) } : {}),
  });
}

async function remove(
  kept: Kept,
  ids: readonly string[],
  results: Results,
  settling: MemberSettling,
): Promise<void> {
  const removal = await settling.keeper.removal(kept.roster, ids, settling.context);
  if ("message" in removal) {
    settling.stop(removal);
    deferred(ids, results, settling);
    return;
  }
  const { present, gone, calls, part } = removal;
  for (const id of ids) if (!present.has(id)) put(results, id, "unchanged");
  if (gone !== undefined) put(results, gone, "applied");
  const open = ids.filter((id) => !results.has(id));
  if (open.length === 0) return;
  if (calls !== undefined) {
    for (const { ids: some, ...call } of calls(open)) {
      const again = async (): Promise<Call> => call;
      const state = { failedHalves: 0 };
      await bulk(some, "whole", results, { ...settling, state, kind: "remove", call: again });
    }
  } else if (part !== undefined) {
    for (let from = 0; from < open.length; from += MOST_PARTS)
      await parts(open.slice(from, from + MOST_PARTS), results, { ...settling, kind: "remove", part });
  }
}

interface Bulk extends MemberSettling {
  readonly kind: "add" | "remove";
  readonly state: { failedHalves: number };
  readonly call: (ids: readonly string[]) => Promise<Call | Problem>;
  /** Settles those of whom it can be told why they fail; gives the others. */
  readonly sieve?: (ids: readonly string[]) => Promise<readonly string[]>;
  readonly part?: (id: string) => BatchPart;
}

/** One request for all. It fails whole: then it is found out who is to blame, and the others are sent again. */
async function bulk(
  ids: readonly string[],
  step: "whole" | "sieved" | "half",
  results: Results,
  options: Bulk,
): Promise<void> {
  const { sender, context, state } = options;
  if (ids.length === 0 || deferred(ids, results, options)) return;
  const call = await options.call(ids);
  if ("message" in call) {
    options.stop(call);
    deferred(ids, results, options);
    return;
  }
  const sent = await sender.send(
    {
      method: "POST",
      path: tagged(call.path, options.options),
      headers: optionHeaders(options.options),
      body: call.body,
      accepts: isBulkDone,
    },
    context,
  );
  if (sent.kind === "reply") {
    for (const id of ids) put(results, id, "applied", sent.reply);
    return;
  }
  if (stopIfForAll(ids, sent, results, options)) return;
  if (step === "whole" && options.sieve && sent.fault === "row") {
    const left = await options.sieve(ids);
    if (left.length < ids.length) return bulk(left, "sieved", results, options);
  }
  if (step === "half") state.failedHalves++;
  if (ids.length === 1 && options.part === undefined) {
    put(results, ids[0]!, asResult(sent), sent.reply);
    return;
  }
  if (options.part && (ids.length === 1 || state.failedHalves >= MOST_FAILED_HALVES))
    return parts(ids, results, { ...options, part: options.part });
  const middle = Math.ceil(ids.length / 2);
  await bulk(ids.slice(0, middle), "half", results, options);
  await bulk(ids.slice(middle), "half", results, options);
}

/** Who of the members is in already, is not there at all, or is inactive. */
async function sieve(
  kept: Kept,
  ids: readonly string[],
  results: Results,
  { keeper, service, table, context }: MemberSettling,
): Promise<readonly string[]> {
  const present = await keeper.among?.(kept.roster, ids, context.signal);
  const hasState = table.attributes.get("statecode")?.readable === true;
  const select = [table.primaryId, ...(hasState ? ["statecode"] : [])];
  const paths = inQueries({ set: table.set, select, property: table.primaryId, values: ids });
  const rows = await service.queries(paths, context.signal);
  const states = new Map(rows.map((row) => [String(row[table.primaryId]).toLowerCase(), row.statecode]));
  for (const id of ids) {
    if (present?.has(id)) put(results, id, "unchanged");
    else if (!states.has(id)) put(results, id, notThere(table, id));
    else if (hasState && states.get(id) !== 0) put(results, id, inactive(table, id));
  }
  return ids.filter((id) => !results.has(id));
}

const notThere = (table: Table, id: string): Problem => ({
  kind: "rejected",
  code: "member.not_found",
  message: `There is no ${table.name} ${id}, so it cannot become a member.`,
  remedy: "Leave the row out, or correct the id.",
});

const inactive = (table: Table, id: string): Problem => ({
  kind: "rejected",
  code: "member.inactive",
  message: `The ${table.name} ${id} is inactive; a list takes active records alone.`,
  remedy: "Reactivate it, or leave the row out.",
});

interface Parts extends MemberSettling {
  readonly kind: "add" | "remove";
  readonly part: (id: string) => BatchPart;
}

/** Member by member, many in one request; what meets a passing fault is sent again. */
async function parts(ids: readonly string[], results: Results, options: Parts): Promise<void> {
  const { sender, context, kind } = options;
  const since = sender.now();
  let pending = ids;
  for (let round = 1; ; round++) {
    if (deferred(pending, results, options)) return;
    const batch = batchRequest(pending.map((id) => withOptions(options.part(id), options.options)));
    const sent = await sender.send(
      {
        method: "POST",
        path: `${SERVICE_ROOT}$batch`,
        headers: batch.headers,
        body: batch.body,
        accepts: isBatchReply,
      },
      context,
    );
    if (sent.kind === "refused") {
      if (stopIfForAll(pending, sent, results, options)) return;
      if (pending.length === 1) put(results, pending[0]!, asResult(sent), sent.reply);
      else {
        const middle = Math.ceil(pending.length / 2);
        await parts(pending.slice(0, middle), results, options);
        await parts(pending.slice(middle), results, options);
      }
      return;
    }
    const replies = batchReply(sent.reply);
    const again: { id: string; problem: Problem }[] = [];
    pending.forEach((id, index) => {
      const reply = replies.length <= pending.length ? replies[index] : undefined;
      const result = judged(kind, reply);
      if (result.kind === "done") put(results, id, result.result, reply);
      else if (result.kind === "everyone") {
        options.stop(result.problem);
        put(results, id, undone(options.stopped() ?? result.problem));
      } else again.push({ id, problem: result.problem });
    });
    if (again.length === 0) return;
    pending = again.map(({ id }) => id);
    const asked = askedOf(replies, sender.now());
    if (asked !== undefined) sender.hold(asked, sent.reply, context);
    const isAllowed = round < MOST_ROUNDS || asked !== undefined;
    if (isAllowed && (await sender.wait(round, since, context, asked))) continue;
    for (const { id, problem } of again) put(results, id, { ...problem, kind: "deferred" });
    return;
  }
}

function withOptions(part: BatchPart, options: WriteOptions): BatchPart {
  return {
    ...part,
    path: tagged(part.path, options),
    headers: { ...part.headers, ...optionHeaders(options) },
  };
}

type Judged =
  | { readonly kind: "done"; readonly result: Result }
  | { readonly kind: "again" | "everyone"; readonly problem: Problem };

function judged(kind: "add" | "remove", reply: Reply | undefined): Judged {
  if (reply === undefined) return { kind: "again", problem: UNANSWERED };
  if (reply.status < 300) return { kind: "done", result: "applied" };
  const { code } = errorOf(reply);
  // A member that has left meanwhile, or whose membership went with its record.
  if (code === DONE[kind] || (kind === "remove" && code === MISSING))
    return { kind: "done", result: "unchanged" };
  const { fault, problem } = verdictOf(reply);
  if (fault === "row") return { kind: "done", result: { ...problem, kind: "rejected", refused: true } };
  return { kind: fault === "everyone" ? "everyone" : "again", problem };
}

const asResult = ({ fault, problem }: Refusal): Problem =>
  fault === "row" ? { ...problem, kind: "rejected", refused: true } : { ...problem, kind: "deferred" };

function deferred(ids: readonly string[], results: Results, { stopped }: MemberSettling): boolean {
  const problem = stopped();
  if (!problem) return false;
  for (const id of ids) put(results, id, undone(problem));
  return true;
}

/** What is wrong with a list is wrong with its rows; anything else says nothing against them. */
const undone = (problem: Problem): Problem =>
  problem.kind === "rejected" ? problem : { ...problem, kind: "deferred" };

function stopIfForAll(
  ids: readonly string[],
  refusal: Refusal,
  results: Results,
  options: MemberSettling,
): boolean {
  const problem = stopOf(refusal, options.context.signal);
  if (problem === undefined) return false;
  options.stop(problem);
  return deferred(ids, results, options);
}

const UNANSWERED: Problem = {
  kind: "deferred",
  code: "dataverse.unanswered",
  message: "Dataverse answered the batch without a word on this member.",
  remedy: "Nothing to do: the next run tries again.",
};
