/** Brings one batch to an end: every operation gets exactly one outcome, or is told to be gone. */
import {
  count,
  type Operation,
  type Outcome,
  type Problem,
  type Reply,
  type WriteContext,
  type WriteOptions,
} from "../../../src/sdk.ts";
import { optionHeaders, tagged } from "../compile/options.ts";
import { rememberSession, type Sessions } from "../elastic.ts";
import type { Renamed } from "../plan/reused.ts";
import { type BatchPart, batchReply, batchRequest, isBatchReply } from "../sender/batch.ts";
import type { Lane, LaneOf } from "../sender/lanes.ts";
import type { Refusal, Sender } from "../sender/sender.ts";
import { hasBulk, isElastic, type Table } from "../table.ts";
import { idOf, SERVICE_ROOT } from "../url.ts";
import { bulkBody, bulkPath, createdIds, failedItems, hasParties, isDoneFor, partOf } from "./bodies.ts";
import { afterMeeting, asUpdate, type Met } from "./echoes.ts";
import { askedOf, stopOf } from "./for-all.ts";
import { halvesOf, suspectsOf } from "./isolate.ts";
import { applied, deferred, judged, rejected, requestOf, saysTooLarge, tooLarge } from "./outcomes.ts";
import { paired } from "./pairing.ts";

/** Operations of one `$batch` ("Execute batch operations using the Web API"). */
export const MOST_PARTS = 1000;
/** Rounds of one `$batch` for records that met a passing fault. */
const MOST_ROUNDS = 4;
/** Halves of a bulk request that may fail before the rest is sent record by record. */
const MOST_FAILED_HALVES = 2;
/** Requests that look for bad records at once from which on there are many: they go record by record. */
const MANY_SEARCHES = 2;
/** Fewer records than this are sent record by record at once. */
const FEW = 8;
/** Milliseconds that a request may take which looks for records at fault: longer than others, so that they are few. */
export const LOOKING_MS = 60_000;
/** Attempts at parts of a request that a passing fault outlasted as a whole. */
const ATTEMPTS_IN_PART = 2;
/** Records of one `$batch` that, when all of them meet passing faults to the last round, make it the service's. */
const MANY = 20;

export interface Settled {
  readonly outcomes: Outcome[];
  /** Updates whose record is gone, and creates without an id of our own that met one: to be planned anew. */
  readonly gone: Operation[];
}

export interface SettleOptions {
  readonly table: Table;
  readonly options: WriteOptions;
  /** A gateway's path, in front of those of the service. */
  readonly prefix: string;
  readonly sender: Sender;
  readonly laneOf: LaneOf;
  readonly sessions: Sessions;
  readonly context: WriteContext;
  /** What to create in place of creates whose id another row's record has. */
  readonly renamed: Renamed | undefined;
  /** Set for what was planned anew: it is not a second time. */
  readonly isAnew?: true;
  /** Told of what concerns every operation; later ones are not sent any more. */
  readonly stop: (problem: Problem) => void;
  readonly stopped: () => Problem | undefined;
}

export async function settle(
  kind: Operation["kind"],
  operations: readonly Operation[],
  options: SettleOptions,
): Promise<Settled> {
  const settled: Settled = { outcomes: [], gone: [] };
  const settling = new Settling(kind, options, settled);
  const goTogether = isBulk(options.table, kind);
  // Records inside a record are made by single requests alone ("Create related table rows in one operation").
  const alone = goTogether ? operations.filter(hasParties) : operations;
  const rest = () => (alone.length === 0 ? operations : operations.filter((one) => !hasParties(one)));
  const together = goTogether ? rest() : [];
  if (together.length > 0) await settling.whole(together);
  if (alone.length > 0) await settling.parts(alone);
  return settled;
}

/** Whether operations of a kind have a message that takes many of them. */
export const isBulk = (table: Table, kind: Operation["kind"]): boolean =>
  isElastic(table) || (hasBulk(table) && kind !== "delete");

/** Asks for the fate of each row beside the error of an elastic table's bulk message ("Bulk operation messages"). */
const WITH_DETAILS = { prefer: 'odata.include-annotations="*"' };

class Settling {
  readonly #kind: Operation["kind"];
  readonly #options: SettleOptions;
  readonly #settled: Settled;
  /** How rows go together, and one by one. */
  readonly #lane: Lane;
  readonly #single: Lane;
  /** A passing fault outlasted a whole request: its parts are sent to find out whether a record is at fault. */
  #isSearching = false;
  /** A request failed because of what is in it: further ones are for finding out what. */
  #isIsolating = false;
  /** Creates that met a record, by what updates the record with our own id, with what the service said. */
  readonly #echoes = new Map<Operation, Met>();

  constructor(kind: Operation["kind"], options: SettleOptions, settled: Settled) {
    this.#kind = kind;
    this.#options = options;
    this.#settled = settled;
    this.#lane = options.laneOf(options.table, kind, "bulk");
    this.#single = options.laneOf(options.table, kind, "batch");
  }

  /** Operations that have not been sent yet, in one bulk request where that may succeed. */
  async whole(operations: readonly Operation[]): Promise<void> {
    const { tally } = this.#options.sender;
    const isSick = this.#lane.isSick(operations.length);
    const refusal = isSick ? undefined : await this.#bulk(operations);
    if (isSick) await this.parts(operations);
    else if (refusal) await this.#isolate(operations, refusal);
    if (this.#options.stopped()) return;
    const bad = this.#bad();
    if (this.#isIsolating) count(tally, "isolation.rows", bad);
    this.#lane.found(operations.length, bad);
  }

  #bad(): number {
    const { outcomes, gone } = this.#settled;
    return gone.length + outcomes.filter(({ status }) => status === "rejected").length;
  }

  /** One bulk request: settles the operations, or tells the refusal that is about what is in it. */
  async #bulk(operations: readonly Operation[]): Promise<Refusal | undefined> {
    const { table, options, sender, context } = this.#options;
    if (this.#deferIfStopped(operations)) return undefined;
    if (this.#isIsolating) count(sender.tally, "isolation.requests");
    const path = bulkPath(table, this.#kind);
    const sent = await sender.send(
      {
        method: "POST",
        path: tagged(path, options),
        headers: { ...optionHeaders(options), ...(isElastic(table) ? WITH_DETAILS : {}) },
        body: bulkBody(table, operations),
        work: { kind: path.slice(path.lastIndexOf(".") + 1), ...this.#lane.work(operations.length) },
        accepts: (reply) =>
          isDoneFor(this.#kind, operations.length, reply) ||
          (isElastic(table) && failedItems(reply) !== null),
        ...this.#attempts(),
      },
      context,
    );
    if (sent.kind === "reply") rememberSession(this.#options.sessions, table, sent.reply);
    const failed = sent.kind === "reply" && isElastic(table) ? failedItems(sent.reply) : null;
    if (failed !== null) {
      // Each row for itself: the others are done, and what is wrong with these each says alone.
      const isFailed = (_: Operation, index: number): boolean => failed.has(index);
      const done = operations.filter((operation, index) => !isFailed(operation, index));
      for (const operation of done) this.#settled.outcomes.push(applied(operation));
      this.#isIsolating = true;
      await this.parts(operations.filter(isFailed));
      return undefined;
    }
    if (sent.kind === "reply") {
      this.#lane.took(operations.length, sent.reply.tookMs ?? 0);
      const ids = this.#kind === "create" ? createdIds(sent.reply) : [];
      const request = requestOf(sent.reply);
      operations.forEach((operation, index) => {
        this.#settled.outcomes.push(applied(operation, ids[index], request));
      });
      return undefined;
    }
    if (sent.problem.code === "dataverse.timeout") this.#lane.tooSlow(operations.length);
    if (this.#stopIfForAll(operations, sent)) return undefined;
    if (sent.fault === "smaller") this.#lane.tooMany(operations.length);
    return sent;
  }

  /**
   * A bulk request fails whole. Records that the refusal names are taken out; else halves are sent, and what is left
   * when two have failed goes record by record: few requests for one bad record, and few for many.
   */
  async #isolate(operations: readonly Operation[], refusal: Refusal): Promise<void> {
    this.#isIsolating = true;
    const found = this.#lane.searches();
    try {
      await this.#search(operations, refusal);
    } finally {
      found();
    }
  }

  async #search(operations: readonly Operation[], refusal: Refusal): Promise<void> {
    const named = refusal.fault === "row" ? suspectsOf(operations, refusal.problem.message) : [];
    if (named.length > 0 && named.length < operations.length) {
      const rest = operations.filter((operation) => !named.includes(operation));
      await this.parts(named);
      const further = await this.#bulk(rest);
      if (further) await this.#split(rest, further);
    } else await this.#split(operations, refusal);
  }

  async #split(operations: readonly Operation[], refusal: Refusal): Promise<void> {
    const isSick = this.#lane.isSick(operations.length) || this.#lane.searching >= MANY_SEARCHES;
    if (operations.length <= FEW || (isSick && refusal.fault === "row")) return this.parts(operations);
    if (refusal.fault === "passing") this.#isSearching = true;
    const untried = halvesOf(operations);
    const left: Operation[] = [];
    let failed = 0;
    for (let tried = 1; untried.length > 0; tried++) {
      const half = untried.shift()!;
      const further = await this.#bulk(half);
      if (!further) continue;
      failed++;
      if (failed < MOST_FAILED_HALVES && further.fault !== "passing") {
        untried.push(...halvesOf(half));
        continue;
      }
      left.push(...half);
      // Both halves of the whole: there are many, and no use in looking for parts without any.
      if (failed === tried) left.push(...untried.splice(0).flat());
    }
    if (left.length > 0) await this.parts(left);
  }

  /** Record by record, many in one request. */
  async parts(operations: readonly Operation[]): Promise<void> {
    const most = this.#isIsolating ? this.#single.rowsIn(LOOKING_MS) : operations.length;
    for (let from = 0; from < operations.length; from += Math.min(most, MOST_PARTS)) {
      await this.#batch(operations.slice(from, from + Math.min(most, MOST_PARTS)));
    }
  }

  async #batch(operations: readonly Operation[]): Promise<void> {
    const { sender, context } = this.#options;
    const since = sender.now();
    let pending = operations;
    for (let round = 1; ; round++) {
      if (this.#deferIfStopped(pending)) return;
      if (this.#isIsolating) count(sender.tally, "isolation.requests");
      const batch = batchRequest(pending.map((operation) => this.#part(operation)));
      const sent = await sender.send(
        {
          method: "POST",
          path: `${SERVICE_ROOT}$batch`,
          headers: batch.headers,
          body: batch.body,
          work: { kind: "$batch", ...this.#single.work(pending.length) },
          accepts: isBatchReply,
          ...this.#attempts(),
        },
        context,
      );
      if (sent.kind === "refused") return this.#refusedBatch(pending, sent);
      const parts = batchReply(sent.reply);
      if (parts.length === pending.length) this.#single.took(parts.length, sent.reply.tookMs ?? 0);
      const known = this.#echoes.size;
      const again = this.#take(pending, paired(pending, parts, sent.reply.status));
      await this.#settleEchoes(known);
      if (again.length === 0) return;
      pending = again.map(({ operation }) => operation);
      const asked = askedOf(parts, sender.now());
      if (asked !== undefined) sender.hold(asked, sent.reply, context);
      const isAllowed = round < MOST_ROUNDS || asked !== undefined; // throttling ends when the patience does
      if (isAllowed && (await sender.wait(round, since, context, asked))) continue;
      for (const { operation, problem } of again) this.#settled.outcomes.push(deferred(operation, problem));
      const [first] = again;
      if (first && again.length === operations.length && again.length >= MANY)
        this.#options.stop(first.problem);
      return;
    }
  }

  /** A record's own request; its options stand with it, since a batch's own headers may not count for its parts. */
  #part(operation: Operation): BatchPart {
    const { table, options } = this.#options;
    const part = partOf(table, operation);
    return {
      ...part,
      path: tagged(part.path, options),
      headers: { ...part.headers, ...optionHeaders(options) },
    };
  }

  /** Takes what the parts say; gives back the operations that are worth another attempt. */
  #take(pending: readonly Operation[], parts: readonly (Reply | undefined)[]) {
    const { isAnew, table, stop } = this.#options;
    const again: { operation: Operation; problem: Problem }[] = [];
    pending.forEach((operation, index) => {
      const part = parts[index];
      if (!part) {
        again.push({ operation, problem: UNANSWERED });
        return;
      }
      rememberSession(this.#options.sessions, table, part);
      const result = judged(operation, part, table.name);
      switch (result.status) {
        case "gone": {
          const twice = this.#echoes.get(operation);
          if (twice) this.#settled.outcomes.push(rejected(operation, twice.problem));
          else this.#settled.gone.push(operation);
          break;
        }
        case "twice":
          if (operation.kind !== "create" || idOf(operation.record) !== null)
            this.#echoes.set(asUpdate(table, operation), { create: operation, problem: result.problem });
          // A new record whose id is the server's is told by what is read of it, once.
          else if (!isAnew) this.#settled.gone.push(operation);
          else this.#settled.outcomes.push(rejected(operation, result.problem));
          break;
        case "again":
          again.push({ operation, problem: result.problem });
          break;
        case "everyone":
          stop(result.problem);
          this.#settled.outcomes.push(deferred(operation, result.problem));
          break;
        default:
          this.#settled.outcomes.push(result);
      }
    });
    return again;
  }

  /**
   * A create that met a record is no success by itself (DESIGN 4.4): if the record has the id of our own, it was an
   * echo of the request and is given the row's values; if it has not, the record is somebody else's. An upsert that
   * met one was overtaken by another that made it, its own echo maybe; if the record does not have its key, it is
   * somebody else's too.
   */
  async #settleEchoes(known: number): Promise<void> {
    const met = [...this.#echoes].slice(known);
    const { next, taken } = await afterMeeting(met, this.#options);
    for (const { create, problem } of taken) this.#settled.outcomes.push(rejected(create, problem));
    if (next.length > 0) await this.parts(next);
  }

  /**
   * The whole `$batch` was refused: too large, too slow, or one request in it breaks its frame. A fault of one
   * record stands in its part: what passes neither for the whole nor for one alone is the service's.
   */
  async #refusedBatch(operations: readonly Operation[], refusal: Refusal): Promise<void> {
    if (refusal.problem.code === "dataverse.timeout") this.#single.tooSlow(operations.length);
    if (this.#stopIfForAll(operations, refusal)) return;
    if (refusal.fault === "smaller") this.#single.tooMany(operations.length);
    const isAlone = operations.length === 1 && refusal.fault === "smaller";
    const isTooLarge = saysTooLarge(refusal.problem);
    if (refusal.fault === "passing" || (isAlone && refusal.reply && !isTooLarge)) {
      this.#options.stop(refusal.problem);
      this.#deferIfStopped(operations);
      return;
    }
    if (operations.length > 1) {
      const middle = Math.ceil(operations.length / 2);
      await this.#batch(operations.slice(0, middle));
      await this.#batch(operations.slice(middle));
      return;
    }
    for (const operation of operations) {
      const { fault, problem } = refusal;
      // What does not go through alone will not do so in the next run either.
      if (isTooLarge) this.#settled.outcomes.push(tooLarge(operation, problem));
      else this.#settled.outcomes.push((fault === "row" ? rejected : deferred)(operation, problem));
    }
  }

  #attempts(): { readonly attempts?: number } {
    return this.#isSearching ? { attempts: ATTEMPTS_IN_PART } : {};
  }

  #deferIfStopped(operations: readonly Operation[]): boolean {
    const { stopped } = this.#options;
    const problem = stopped();
    if (!problem) return false;
    for (const operation of operations) this.#settled.outcomes.push(deferred(operation, problem));
    return true;
  }

  #stopIfForAll(operations: readonly Operation[], refusal: Refusal): boolean {
    const { context, stop } = this.#options;
    const problem = stopOf(refusal, context.signal);
    if (problem === undefined) return false;
    stop(problem);
    return this.#deferIfStopped(operations);
  }
}

const UNANSWERED: Problem = {
  kind: "deferred",
  code: "dataverse.unanswered",
  message: "Dataverse answered the batch without a word on this record.",
  remedy: "Nothing to do: the next run tries again.",
};
