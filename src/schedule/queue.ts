/**
 * Workers on several machines that share a queue in PostgreSQL: graphile-worker's. A due time is taken up, and its job
 * added, in one transaction; the jobs of one sync stand in a queue of its own, so they run one after another.
 * graphile-worker itself gives back what a dead worker holds after four hours: here workers say that they live, and
 * the others give back what a silent one held.
 */
import { EventEmitter } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { Logger, type Runner, run, type TaskList, type WorkerEvents } from "graphile-worker";
import pg from "pg";
import { fail } from "../core/errors.ts";
import type { Log } from "../log/log.ts";
import { type Ended, INTERRUPTED } from "./child.ts";
import { type Clock, type Done, isHeld, type Watcher, WELL } from "./loop.ts";
import { change, type Entries, keyOf, marksIn, type Notebook } from "./notebook.ts";
import type { Due, Mark, Planner } from "./plan.ts";

export interface QueueOptions {
  readonly url: string;
  /** Schema of the queue's own tables; ours are in one of this name and `_schedule`. */
  readonly schema: string;
  readonly deadAfterMs: number;
  readonly project: string;
  readonly planner: Planner;
  readonly run: (sync: string, signal: AbortSignal) => Promise<Ended>;
  readonly parallel: number;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly log: Log;
  readonly once: boolean;
  readonly watcher: Watcher;
}

const TASK = "backhaul_sync";
const QUEUED = "queue";
const ATTEMPTS = 25;
/** What is not done is tried again after this time, in milliseconds; graphile-worker's own pauses grow to hours. */
const AGAIN_MS = 5_000;
/** A database that does not answer for so long is away, in milliseconds. */
const CONNECT_MS = 15_000;
const QUERY_MS = 60_000;

interface Payload {
  readonly project: string;
  readonly sync: string;
  readonly time: number;
}

export interface SharedNotebook extends Notebook {
  /** Writes a mark and adds the job of what is due, both or none. */
  enqueue(due: Due, mark: Mark, seen: number): Promise<boolean>;
  /** Adds the job anew, of a time that is taken up already, for whoever is free after a pause. */
  again(due: Due): Promise<void>;
  /** Says that these workers live, and gives back what silent ones hold. */
  beat(workers: readonly string[]): Promise<readonly string[]>;
  /** Gives back what workers hold. */
  release(workers: readonly string[]): Promise<void>;
  forget(workers: readonly string[]): Promise<void>;
}

/** @throws SyncError `schedule.queue` when the database cannot be reached or used */
export async function openSharedNotebook(options: QueueOptions, pool: pg.Pool): Promise<SharedNotebook> {
  const { schema, project, deadAfterMs } = options;
  const ours = pg.escapeIdentifier(`${schema}_schedule`);
  const theirs = pg.escapeIdentifier(schema);
  const prefix = `${project}/`;
  // One at a time: PostgreSQL's IF NOT EXISTS is no guard against another that does the same.
  await pool
    .query(
      `BEGIN; SELECT pg_advisory_xact_lock(hashtext(${pg.escapeLiteral(`backhaul ${schema}`)}));
       CREATE SCHEMA IF NOT EXISTS ${ours};
       CREATE TABLE IF NOT EXISTS ${ours}.entries (item text PRIMARY KEY, version bigint NOT NULL, content jsonb NOT NULL);
       CREATE TABLE IF NOT EXISTS ${ours}.workers (id text PRIMARY KEY, seen timestamptz NOT NULL);
       COMMIT`,
    )
    .catch((error) => {
      throw unusable(error);
    });
  const put = async (
    client: pg.Pool | pg.PoolClient,
    key: string,
    value: unknown,
    seen: number,
  ): Promise<boolean> => {
    const given = [prefix + key, JSON.stringify(value), seen];
    const sql =
      seen === 0
        ? `INSERT INTO ${ours}.entries SELECT $1, $3::bigint + 1, $2 ON CONFLICT DO NOTHING`
        : `UPDATE ${ours}.entries SET version = version + 1, content = $2 WHERE item = $1 AND version = $3`;
    return (await client.query(sql, given)).rowCount === 1;
  };
  const addJob = async (client: pg.Pool | pg.PoolClient, due: Due, pauseMs: number): Promise<void> => {
    const payload: Payload = { project, sync: due.sync, time: due.time };
    const given = [TASK, JSON.stringify(payload), `${project}/${due.sync}`, ATTEMPTS, pauseMs];
    await client.query(
      `SELECT ${theirs}.add_job($1, payload := $2::json, queue_name := $3, job_key := $3, max_attempts := $4,
         run_at := now() + $5 * interval '1 millisecond')`,
      given,
    );
  };
  const release = async (workers: readonly string[]): Promise<void> => {
    await pool.query(`SELECT ${theirs}.force_unlock_workers($1::text[])`, [workers]);
  };
  return {
    async read(): Promise<Entries> {
      const sql = `SELECT item, version, content FROM ${ours}.entries WHERE starts_with(item, $1)`;
      const { rows } = await pool.query(sql, [prefix]);
      return new Map(
        rows.map(({ item, version, content }) => [
          String(item).slice(prefix.length),
          { version: Number(version), value: content },
        ]),
      );
    },
    write: (key, value, seen) => put(pool, key, value, seen),
    async enqueue(due, mark, seen) {
      const client = await pool.connect();
      try {
        await client.query("BEGIN");
        const taken = await put(client, keyOf(due.sync), mark, seen);
        if (taken) await addJob(client, due, 0);
        await client.query(taken ? "COMMIT" : "ROLLBACK");
        return taken;
      } catch (error) {
        await client.query("ROLLBACK").catch(() => {});
        throw error;
      } finally {
        client.release();
      }
    },
    again: (due) => addJob(pool, due, AGAIN_MS),
    async beat(workers) {
      await pool.query(
        `INSERT INTO ${ours}.workers SELECT unnest($1::text[]), now() ON CONFLICT (id) DO UPDATE SET seen = now()`,
        [workers],
      );
      const { rows } = await pool.query(
        `DELETE FROM ${ours}.workers WHERE seen < now() - $1 * interval '1 millisecond' RETURNING id`,
        [deadAfterMs],
      );
      // One that was killed before it first said that it lives is known by what it holds alone.
      const { rows: held } = await pool.query(
        `SELECT DISTINCT locked_by FROM ${theirs}.jobs
         WHERE task_identifier = $1 AND locked_at < now() - $2 * interval '1 millisecond'
           AND locked_by NOT IN (SELECT id FROM ${ours}.workers)`,
        [TASK, deadAfterMs],
      );
      const dead = [...new Set([...rows.map(({ id }) => id), ...held.map(({ locked_by: id }) => id)])].map(
        String,
      );
      if (dead.length > 0) await release(dead);
      return dead;
    },
    release,
    async forget(workers) {
      await pool.query(`DELETE FROM ${ours}.workers WHERE id = ANY($1::text[])`, [workers]);
    },
    async [Symbol.asyncDispose]() {},
  };
}

/** Pauses before another try, in milliseconds. */
const PAUSES_MS = [50, 200, 1_000, 3_000];

/** What must be written is tried again: a connection that the database has ended is found out by who uses it next. */
async function patiently(write: () => Promise<unknown>): Promise<void> {
  for (const pause of [...PAUSES_MS, undefined]) {
    try {
      await write();
      return;
    } catch (error) {
      if (pause === undefined) throw error;
      await sleep(pause);
    }
  }
}

/** Plans, adds jobs, and works on them with the others, until told to stop. */
export async function runQueue(options: QueueOptions): Promise<readonly Done[]> {
  const { planner, parallel, signal, clock, log, watcher, schema, deadAfterMs, once } = options;
  const pool = new pg.Pool({
    connectionString: options.url,
    max: parallel + 4,
    keepAlive: true,
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: QUERY_MS,
  });
  // A connection that is lost is told by the next query.
  pool.on("error", () => {});
  pool.on("connect", (client) => client.on("error", () => {}));
  const workers = new Set<string>();
  const done: Done[] = [];
  let busy = 0;
  let runner: Runner | undefined;
  let wake = (): void => {};
  // What graphile-worker cannot write down of a job while the database is away, it throws where nobody waits, and the
  // job stays with this process, which lives.
  let isLost = false;
  const onLeft = (error: unknown): void => {
    isLost = true;
    log.error({ problem: (error as Error)?.message ?? String(error) }, "the queue cannot be reached");
  };
  process.on("unhandledRejection", onLeft);
  let isOver = false;
  const events: WorkerEvents = new EventEmitter();
  // Jobs are held by pools, of which there is one in each process.
  events.on("pool:create", ({ workerPool }) => void workers.add(workerPool.id));
  try {
    const notebook = await openSharedNotebook(options, pool);
    watcher.opened?.(notebook);
    const tasks: TaskList = {
      [TASK]: async (given) => {
        const { sync, time } = given as Payload;
        // Another version of the project may have queued it.
        if (!planner.specs.some((spec) => spec.sync === sync))
          throw new Error(`no schedule for ${sync} here`);
        const due: Due = { sync, time, late: Math.max(0, clock.now() - time), again: false };
        busy += 1;
        try {
          await work(due);
        } finally {
          busy -= 1;
          // What comes after it may be due.
          wake();
        }
      },
    };
    const work = async (due: Due): Promise<void> => {
      const { sync } = due;
      const began = clock.now();
      watcher.began?.(due);
      log.info({ sync, due: new Date(due.time).toISOString() }, "due");
      const ended = await options.run(sync, signal);
      const result: Done = { ...ended, due, seconds: Math.round((clock.now() - began) / 10) / 100 };
      const isUndone = ended.exit === INTERRUPTED || isHeld(ended);
      if (!isUndone) {
        done.push(result);
        const end = (value: unknown): Mark => {
          const { holder: _, ...mark } = value as Mark;
          return WELL.has(ended.exit) ? { ...mark, well: Math.max(clock.now(), (mark.well ?? 0) + 1) } : mark;
        };
        await patiently(() => change(notebook, keyOf(sync), end));
      }
      const { run: report, exit } = ended;
      const [problem] = ended.problems;
      const fields = { sync, exit, ...(report ? { run: report.run, applied: report.applied } : {}) };
      if (isUndone) log.warn({ ...fields, code: problem?.code ?? "interrupted" }, "left to the queue");
      else if (WELL.has(exit)) log.info(fields, "done");
      else log.error({ ...fields, code: problem?.code, problem: problem?.message }, "failed");
      await watcher.ended?.(result);
      // The queue gives it to whoever is free, this one or another.
      if (isUndone) await patiently(() => notebook.again(due));
    };

    runner = await run({
      pgPool: pool,
      schema,
      concurrency: parallel,
      pollInterval: 1_000,
      noHandleSignals: true,
      parsedCronItems: [],
      taskList: tasks,
      events,
      logger: new Logger(() => (level, message) => log.debug({ problem: message }, `queue: ${level}`)),
    }).catch((error) => {
      throw unusable(error);
    });
    const over = (): void => {
      isOver = true;
      wake();
    };
    runner.promise.then(over, over);
    const look = async (): Promise<number> => {
      for (const dead of await notebook.beat([...workers]))
        log.warn({ worker: dead }, "a worker is gone; its runs go on elsewhere");
      if (isLost && busy === 0) {
        await notebook.release([...workers]);
        isLost = false;
      }
      const entries = await notebook.read();
      const now = clock.now();
      for (const { sync } of planner.specs) {
        const entry = entries.get(keyOf(sync));
        const mark = planner.begin(sync, entry?.value as Mark | undefined, now, once ? 0 : now);
        if (mark !== undefined) await notebook.write(keyOf(sync), mark, entry?.version ?? 0);
      }
      const known = await notebook.read();
      const marks = marksIn(known);
      const state = { now, busy: new Set<string>(), isGone: () => false };
      for (const due of planner.due(marks, state)) {
        const mark = { ...marks.get(due.sync)!, time: due.time, holder: QUEUED };
        await notebook.enqueue(due, mark, known.get(keyOf(due.sync))!.version);
      }
      const next = planner.next(marks, state);
      watcher.looked?.(marks, now, next);
      if (once && busy === 0 && ![...marksIn(await notebook.read()).values()].some(({ holder }) => holder))
        return 0;
      return Math.min(next ?? Number.POSITIVE_INFINITY, now + deadAfterMs / 4, now + (once ? 500 : 15_000));
    };
    signal.addEventListener("abort", () => wake(), { once: true });
    while (!signal.aborted && !isOver) {
      const woken = new AbortController();
      wake = () => woken.abort();
      let until = clock.now() + deadAfterMs / 4;
      try {
        until = await look();
      } catch (error) {
        if (once) throw error;
        isLost = true;
        log.error({ problem: (error as Error).message }, "the queue cannot be reached; it is tried again");
      }
      if (until === 0) break;
      await clock.sleep(Math.max(50, until - clock.now()), woken.signal);
    }
    // Planning alone would look like health: who restarts this process starts the workers too.
    if (isOver && !signal.aborted) throw unusable(new Error("its workers have ended"));
    // Runs end as they do when interrupted; their jobs are left to the others.
    await runner.stop().catch(() => {});
    runner = undefined;
    while (busy > 0) await clock.sleep(50, new AbortController().signal);
    await watcher.settled?.(signal);
    // A database that is away gives up by itself whom it does not hear of.
    await notebook.forget([...workers]).catch(() => {});
    return done;
  } finally {
    await runner?.stop().catch(() => {});
    await pool.end();
    process.off("unhandledRejection", onLeft);
  }
}

function unusable(error: unknown): Error {
  const { code, message } = error as { code?: string; message: string };
  return fail.connection(
    "schedule.queue",
    `The database of the queue cannot be used (${code ?? message}).`,
    "See schedule.queue in backhaul.yml: the url, and a user that may create schemas and tables.",
    error,
  );
}
