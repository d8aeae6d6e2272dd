/**
 * Our sender against the service's limits in virtual time: lanes, controller, gates and retries are the ones that
 * run, limits, costs and headers are the sandbox's; only the wire between them is left out.
 */
import { openLanes } from "../../../connectors/dataverse/sender/lanes.ts";
import { openPool, type Pool } from "../../../connectors/dataverse/sender/pool.ts";
import { openSender } from "../../../connectors/dataverse/sender/sender.ts";
import { protectionIn, SIGNS, START_WIDTH } from "../../../connectors/dataverse/sender/service.ts";
import { newTally, type Send } from "../../../src/http/answer.ts";
import { type Ceiling, ceilingOf } from "../../../src/sandbox/limits/ceiling.ts";
import { type CostOptions, costOf, newCosts } from "../../../src/sandbox/limits/cost.ts";
import { enter, type LimitOptions, newProtection } from "../../../src/sandbox/limits/protection.ts";
import { contact } from "./tables.ts";
import { virtualTime } from "./virtual-time.ts";

export interface Protected {
  readonly limits?: LimitOptions;
  readonly costs: CostOptions;
  readonly servers: number;
  /** What each reply advises; it may change its mind. */
  readonly hint: () => number;
  /** Tables that are written at the same time. */
  readonly tables: readonly string[];
  /** Milliseconds on the wire, there and back. */
  readonly latencyMs?: number;
  /** So many more on either way at most: requests overtake each other. */
  readonly jitterMs?: number;
  /** Whether execution time counts from a request's start, as in the sandbox, or from its end. */
  readonly counts?: "start" | "end";
  readonly spread?: "turns" | "random";
  readonly windows?: number;
  readonly seed?: number;
  /** Processes that send as one user; each after the first begins a window later than the one before. */
  readonly processes?: number;
  /** Whether they tell each other what they use, every two seconds. */
  readonly tell?: boolean;
}

export interface Throughput {
  /** Work done in each window, as a share of what the limits allow. */
  readonly shares: readonly number[];
  /** The same for all windows but the first. */
  readonly share: number;
  /** After the first window. */
  readonly requests: number;
  readonly refused: number;
  readonly boundBy: Ceiling["boundBy"];
  /** What each process got done in the last window, as a share of all that was. */
  readonly parts: readonly number[];
}

/** Requests of one table that stand ready beyond those in flight, as the writer has it. */
const AHEAD = 2;
/** Processes that send as one user tell each other as often as this. */
const TOLD_MS = 2_000;

export async function throughput(options: Protected): Promise<Throughput> {
  const {
    servers,
    tables,
    latencyMs = 20,
    jitterMs = 0,
    counts = "start",
    spread = "turns",
    windows = 6,
    processes = 1,
  } = options;
  const time = virtualTime();
  const protection = newProtection(options.limits ?? {});
  const limits = protection.limits!;
  const { windowMs } = limits;
  const costs = newCosts(options.costs);
  const draw = randomFrom(options.seed ?? 1);
  const stop = new AbortController();
  const { signal } = stop;
  const tally = newTally();
  const seen = Array.from({ length: windows }, () => ({ work: 0, requests: 0, refused: 0 }));
  const now = () => seen[Math.min(windows - 1, Math.floor(time.now() / windowMs))]!;

  let turn = 0;
  const wire: Send = async ({ path }) => {
    const [table, rows] = path.split(" ") as [string, string];
    const sentAt = time.now();
    await time.sleep(latencyMs / 2 + jitterMs * draw(), signal);
    const server = spread === "turns" ? turn++ % servers : Math.floor(draw() * servers);
    const pass = enter(protection, "user", server, time.now);
    const reply = async (status: number, headers: Readonly<Record<string, string>>, body = "") => {
      const lower = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]);
      await time.sleep(latencyMs / 2 + jitterMs * draw(), signal);
      return {
        kind: "reply" as const,
        status,
        headers: { ...Object.fromEntries(lower), "x-ms-dop-hint": String(options.hint()) },
        body,
        tookMs: time.now() - sentAt,
      };
    };
    now().requests++;
    if ("refused" in pass) {
      now().refused++;
      const { code, message, headers } = pass.refused;
      const body = JSON.stringify({ error: { code, message } });
      return reply(429, { ...pass.headers(), ...headers }, body);
    }
    const work = costs.request + costOf(costs, "upsertMultiple", table, Number(rows));
    if (counts === "start") pass.spend(work);
    await time.sleep(work, signal);
    if (counts === "end") pass.spend(work);
    pass.leave();
    return reply(204, pass.headers());
  };

  const pools: Pool[] = [];
  const lastParts = Array.from({ length: processes }, () => 0);
  /** One process with everything that it has for itself. */
  const begin = (process: number): void => {
    const tokens = [{ token: async () => "token" }];
    const pool = openPool(
      {
        tokens,
        tally,
        signs: SIGNS,
        windowMs,
        start: START_WIDTH,
        cap: 128,
        documented: protectionIn(windowMs),
        clock: time,
      },
      wire,
    );
    pools.push(pool);
    const service = {
      origin: "https://virtual.crm.dynamics.com",
      tally,
      pause: pool.pause,
      write: (
        request: { readonly method: "POST" | "PATCH" | "DELETE"; readonly path: string },
        abort: AbortSignal,
      ) => pool.send({ ...request, purpose: "write", signal: abort }),
    };
    const sender = openSender(service, { clock: time, random: draw });
    const laneOf = openLanes(1000, windowMs);

    for (const name of tables) {
      const { executionMs } = ceilingOf(limits, costs, servers, "upsertMultiple", 1000, name);
      const lane = laneOf({ ...contact, name }, "upsert", "bulk");
      let running = 0;
      const one = async () => {
        const rows = lane.size;
        const sent = await sender.send(
          {
            method: "POST",
            path: `${name} ${rows}`,
            body: "",
            work: { kind: "UpsertMultiple", ...lane.work(rows) },
            accepts: ({ status }) => status < 300,
          },
          { signal, idSeed: [] },
        );
        if (sent.kind !== "reply" || signal.aborted) return;
        lane.took(rows, sent.reply.tookMs ?? 0);
        const work = (rows * executionMs) / 1000;
        now().work += work;
        if (now() === seen.at(-1)) lastParts[process]! += work;
      };
      const pump = () => {
        for (; !signal.aborted && running < pool.limit + AHEAD; running++)
          void one().finally(() => {
            running--;
            pump();
          });
      };
      pump();
    }
  };
  const tellEachOther = async (): Promise<void> => {
    while (!signal.aborted) {
      const uses = pools.map(({ gates }) => gates[0]!.use());
      for (const [at, { gates }] of pools.entries())
        gates[0]!.others(uses.filter((_, other) => other !== at));
      await time.sleep(TOLD_MS, signal);
    }
  };
  for (let process = 0; process < processes; process++)
    void time.sleep(process * windowMs, signal).then(() => signal.aborted || begin(process));
  if (options.tell) void tellEachOther();
  await time.runTo(windows * windowMs);
  stop.abort();
  await new Promise(setImmediate);

  const { boundBy, executionMs, requestsPerSecond } = ceilingOf(
    limits,
    costs,
    servers,
    "upsertMultiple",
    1000,
    tables[0],
  );
  const given = (requestsPerSecond * executionMs * windowMs) / 1000;
  const shares = seen.map(({ work }) => work / given);
  const later = seen.slice(1);
  return {
    shares,
    share: shares.slice(1).reduce((sum, one) => sum + one, 0) / (windows - 1),
    requests: later.reduce((sum, { requests }) => sum + requests, 0),
    refused: later.reduce((sum, { refused }) => sum + refused, 0),
    boundBy,
    parts: lastParts.map((work) => work / lastParts.reduce((sum, one) => sum + one, 0)),
  };
}

/** The same numbers each time. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
