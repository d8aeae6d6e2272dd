/**
 * One run at a time, on however many machines: a lease in the sync's row of the table `syncs`, with a fencing token
 * that every later write names. Session locks would not survive a transaction pooler.
 */
import { createHash, randomBytes } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { fail } from "../core/errors.ts";
import type { StateEngine, Statement } from "../ports.ts";
import { takenOver } from "./settle.ts";

export interface Lease {
  readonly token: number;
  /** Renews the lease; writes no row when it was lost. */
  readonly renew: Statement;
  /** Renews the lease and tells whether it was still ours. */
  isHeld(): Promise<boolean>;
  /** Aborts when the lease is lost, or could not be renewed in time. */
  readonly lost: AbortSignal;
  release(): Promise<void>;
}

/**
 * Takes the lease if it is free, has run out, or is held by a process of this machine that is no more.
 *
 * @param mine the condition that finds the sync's row
 * @throws SyncError `state.locked` (kind `deferred`), naming the holder
 */
export async function acquireLease(engine: StateEngine, table: string, mine: string): Promise<Lease> {
  const { dialect, pace } = engine;
  const holder = `${hostname()} process ${process.pid} (${HERE}-${randomBytes(4).toString("hex")})`;
  const until = `${dialect.now} + ${pace.leaseMs}`;
  const take = (condition: string): Promise<readonly number[] | undefined> =>
    engine.transaction([
      {
        sql: `UPDATE ${table} SET token = token + 1, holder = ${dialect.literal(holder)}, expires = ${until} WHERE ${mine} AND ${condition}`,
        mustWrite: true,
      },
    ]);
  if ((await take(`expires < ${dialect.now}`)) === undefined) {
    const text = dialect.types.text;
    const [row] = await engine.rows(
      `SELECT holder, CAST(token AS ${text}), CAST(expires - ${dialect.now} AS ${text}) FROM ${table} WHERE ${mine}`,
    );
    const [other, token, left] = row ?? [];
    const isOver = other !== undefined && isDead(other ?? "") && token !== undefined;
    if (!isOver || (await take(`token = ${Number(token)}`)) === undefined) {
      throw locked(other, Number(left ?? 0));
    }
  }
  const [held] = await engine.rows(
    `SELECT CAST(token AS ${dialect.types.text}) FROM ${table} WHERE ${mine} AND holder = ${dialect.literal(holder)}`,
  );
  // Another took it between the two statements, because this process was paused for as long as a lease holds.
  if (held === undefined) throw takenOver();
  const token = Number(held[0]);
  const own = `${mine} AND token = ${token}`;
  const renew = { sql: `UPDATE ${table} SET expires = ${until} WHERE ${own}`, mustWrite: true };
  const loss = new AbortController();
  let renewed = Date.now();
  const timer = setInterval(() => {
    engine.transaction([renew]).then(
      (done) => {
        if (done === undefined) loss.abort();
        else renewed = Date.now();
      },
      () => {
        if (Date.now() - renewed > pace.leaseMs) loss.abort();
      },
    );
  }, pace.leaseMs / 3);
  timer.unref();
  return {
    token,
    renew,
    async isHeld() {
      const held = (await engine.transaction([renew])) !== undefined;
      if (!held) loss.abort();
      return held;
    },
    lost: loss.signal,
    async release() {
      clearInterval(timer);
      // A lease that cannot be given back runs out by itself.
      await engine.run(`UPDATE ${table} SET expires = 0 WHERE ${own}`).catch(() => {});
    },
  };
}

function locked(holder: string | null | undefined, leftMs: number): Error {
  return fail.deferred(
    "state.locked",
    `The state of this sync is in use by ${(holder ?? "another run").replace(/ \([0-9a-f-]+\)$/, "")}.`,
    `Two runs of one sync never overlap: wait for the other one to end. If it was killed, its lease runs out in ${Math.max(1, Math.ceil(leftMs / 1_000))} s.`,
  );
}

/** What tells this machine, and the process ids that are seen on it, from others of the same name. */
const HERE = createHash("sha256").update(placeOfProcesses()).digest("hex").slice(0, 8);

function placeOfProcesses(): string {
  try {
    return `${readFileSync("/proc/sys/kernel/random/boot_id", "utf8")} ${readlinkSync("/proc/self/ns/pid")}`;
  } catch {
    return hostname(); // no Linux: containers there run in a Linux of their own
  }
}

/** Whether the holder is a process of this machine that has ended. */
function isDead(holder: string): boolean {
  const [, host, pid, here] = /^(.*) process (\d+) \(([0-9a-f]{8})-/.exec(holder) ?? [];
  if (host !== hostname() || here !== HERE || Number(pid) === process.pid) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}
