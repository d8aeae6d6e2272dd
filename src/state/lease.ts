/**
 * One run at a time, on however many machines: a lease in the sync's row of the table `syncs`, with a fencing token
 * that every later write names. Session locks would not survive a transaction pooler.
 */
import { fail } from "../core/errors.ts";
import type { StateEngine, Statement } from "../ports.ts";
import { holderName, isDead, shownHolder } from "./holder.ts";
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
  const holder = holderName();
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
      // With another token, so that a renewal which is still under way finds nothing to renew; in a transaction, which
      // DuckDB's engine tries again when that renewal was quicker. A lease that cannot be given back runs out by itself.
      const back = `UPDATE ${table} SET expires = 0, token = token + 1 WHERE ${own}`;
      await engine.transaction([{ sql: back }]).catch(() => {});
    },
  };
}

function locked(holder: string | null | undefined, leftMs: number): Error {
  return fail.deferred(
    "state.locked",
    `The state of this sync is in use by ${shownHolder(holder ?? "another run")}.`,
    `Two runs of one sync never overlap: wait for the other one to end. If it was killed, its lease runs out in ${Math.max(1, Math.ceil(leftMs / 1_000))} s.`,
  );
}
