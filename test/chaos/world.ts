/** Lives through a story: the engine and the connector over HTTP against a sandbox that fails, and a process that dies. */
import { subscribe } from "node:diagnostics_channel";
import { openDataverse } from "../../connectors/dataverse/destination.ts";
import { SyncError } from "../../src/core/errors.ts";
import type { ModelSpec } from "../../src/core/spec.ts";
import type { Cache } from "../../src/define.ts";
import type { FaultName } from "../../src/sandbox/faults/actions.ts";
import { type Sandbox, startSandbox } from "../../src/sandbox/index.ts";
import { prepare } from "../../src/sync/prepare.ts";
import type { SyncRun } from "../../src/sync/report.ts";
import { runSync } from "../../src/sync/run.ts";
import { configOf } from "../dataverse/support/bench.ts";
import { type FusedOptions, Killed } from "../engine/fuse.ts";
import type { Row } from "../engine/history.ts";
import { type Place, type Site, warehouseInDuckdb } from "../engine/places.ts";
import { check, hostile, judge, OTHER, rejects, type Stored, THEIRS } from "./oracle.ts";
import { codeOf, REFUSED, type Step, type Story, specOf, spellingOf } from "./story.ts";

/** How often things happened, so that chaos that does nothing is seen. */
export type Tally = Record<string, number>;

/** Milliseconds after which a run counts as one that never ends; far beyond what its deadlines and waits sum up to. */
const NEVER = 120_000;
/** Requests that a run of a few rows may take, whatever goes wrong. */
const MOST_REQUESTS = 400;

/** What is told of each request that leaves for an address. */
const listeners = new Map<string, () => void>();
subscribe("undici:request:create", (message) => {
  const { request } = message as { request: { origin: unknown; path: string } };
  if (request.path.startsWith("/api/")) listeners.get(String(request.origin))?.();
});

/** What stories that follow each other share, as they begin anew: a warehouse, an organisation and its definitions. */
export interface Ground extends AsyncDisposable {
  readonly place: Place;
  readonly sandbox: Sandbox;
  readonly cache: Cache;
  readonly token: string;
}

export async function openGround(): Promise<Ground> {
  const place = await warehouseInDuckdb();
  const sandbox = await startSandbox();
  const kept = new Map<string, string>();
  const form = new URLSearchParams({
    grant_type: "client_credentials",
    client_id: sandbox.clientId,
    client_secret: sandbox.clientSecret,
    scope: `${sandbox.url}/.default`,
  });
  const reply = await fetch(`${sandbox.url}/${sandbox.tenant}/oauth2/v2.0/token`, {
    method: "POST",
    body: form,
  });
  const { access_token: token } = (await reply.json()) as { access_token: string };
  return {
    place,
    sandbox,
    token,
    cache: {
      read: async (name) => kept.get(name),
      write: async (name, text) => void kept.set(name, text),
    },
    async [Symbol.asyncDispose]() {
      await sandbox.close();
      await place[Symbol.asyncDispose]();
    },
  };
}

export async function live(ground: Ground, options: FusedOptions, told: Story, tally: Tally): Promise<void> {
  options.fuse.disarm();
  options.journalOutcomes = told.journalOutcomes;
  const { sandbox } = ground;
  await using site = await ground.place.site(options);
  const count = (what: string, by = 1): void => {
    tally[what] = (tally[what] ?? 0) + by;
  };
  const admin = adminOf(sandbox);
  await empty(ground, admin);
  await furnish(told, admin);
  const models: (readonly Row[])[] = [];
  const run = async (step: Step): Promise<SyncRun | undefined> => {
    models.push(step.rows);
    await site.fill(step.rows);
    const { trouble } = step;
    if (trouble) await admin("POST", "faults/random", { ...trouble, retryAfter: 0.02, delay: 30 });
    const ended = await runOnce(told, step, site, ground, options, count).finally(() =>
      admin("DELETE", "faults"),
    );
    if (ended) afterRun(told, step, ended);
    return ended;
  };

  for (const step of told.steps) {
    const ended = await run(step);
    if (!step.trouble) check(ended !== undefined && isDone(ended), "a run in peace did not end well", ended);
  }
  for (const [what, times] of Object.entries((await admin("GET", "counters")).faults ?? {}))
    count(what, Number(times));
  await admin("POST", "counters");

  const peace = { rows: told.last, trouble: null, kill: null };
  const last = await run(peace);
  check(last !== undefined && isDone(last), "the run in peace left something open", last);
  const after = await storedOf(told, admin);
  judge(told, models, after);
  const codes = new Set(after.map(({ code }) => code));
  const { must, may } = rejects(told, told.last, (key) => codes.has(codeOf(told.match, Number(key))));
  const refused = rejectedKeys(last);
  check(
    [...must].every((key) => refused.has(key)),
    "a row was not rejected",
    [...must],
    last.rejections,
  );
  check(
    [...refused].every((key) => must.has(key) || may.has(key)),
    "a row was rejected that had not to be",
    last.rejections,
  );
  if (told.isRepeated) {
    const again = await run(peace);
    check(again?.applied === 0, "a second run has written", again);
    const stored = await storedOf(told, admin);
    check(JSON.stringify(stored) === JSON.stringify(after), "a second run has changed something", stored);
  }
  count(`${told.mode.mode} ${told.mode.onRemoved}`);
  count(`by ${told.match}`);
}

const isDone = (run: SyncRun): boolean => run.stopped === undefined && run.deferred === 0;

const rejectedKeys = ({ rejections }: SyncRun): Set<string> =>
  new Set(rejections.listed.map(({ key }) => key.join()));

/** Faults that blame the row, by the service's own word: the only excuse for a rejection that was not due. */
const BLAMING: Partial<Record<FaultName, string>> = {
  plugin: "dataverse.0x80040265",
  duplicate: "dataverse.0x80040333",
};

function afterRun(told: Story, { rows, trouble }: Step, run: SyncRun): void {
  const excuses = new Set((trouble?.kinds ?? []).map((kind) => BLAMING[kind]));
  const bad = hostile(rows);
  for (const { key, code, message } of run.rejections.listed) {
    if (excuses.has(code)) continue;
    const isMissing = (told.mode.mode === "update" || told.match === "id") && code === "record.not_found";
    const isTaken = told.mode.mode === "insert" && !told.adopt && told.strangers.includes(Number(key.join()));
    check(isMissing || isTaken || bad.has(key.join()), "a row was rejected for a fault", key, code, message);
  }
}

/** One run as a process of its own would do it; nothing when it died or could not go on. */
async function runOnce(
  told: Story,
  { kill, trouble }: Step,
  site: Site,
  { sandbox, cache }: Ground,
  { fuse }: FusedOptions,
  count: (what: string, by?: number) => void,
): Promise<SyncRun | undefined> {
  const process = new AbortController();
  const destination = await openDataverse(
    { ...configOf(sandbox), batch_size: told.batchSize },
    {
      schedule: { base: 2, cap: 10 },
      attemptsDown: 5,
      ...(told.isCold ? {} : { cache }),
      ...(trouble ? { deadline: 250, patience: 4000 } : {}),
      // A process that died waits for nobody.
      ...(kill ? { grace: 0 } : {}),
    },
  );
  let requests = 0;
  let isDead = false;
  listeners.set(sandbox.url, () => {
    requests += 1;
    if (kill?.by !== "request" || requests !== kill.at + 1) return;
    // The request leaves, and nobody is there for its answer.
    isDead = true;
    fuse.arm(0, "before");
    setImmediate(() => process.abort());
  });
  if (kill?.by === "statement") fuse.arm(kill.at, kill.torn < 0.5 ? "before" : "after");
  let timer: NodeJS.Timeout | undefined;
  const never = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`a run has not ended after ${requests} requests`)), NEVER);
  });
  try {
    const ended = await Promise.race([
      prepared(told, site, destination, process.signal).then((ready) =>
        runSync(ready, { signal: process.signal, retry: true, allow: new Set(["removed"] as const) }),
      ),
      never,
    ]);
    count(ended.stopped === undefined ? "runs to the end" : `stopped ${ended.stopped.code}`);
    return ended;
  } catch (error) {
    if (fuse.blown || isDead) return void count("kills");
    if (error instanceof Killed) throw new Error("a kill that nobody has ordered");
    if (!(error instanceof SyncError) || !trouble) throw error;
    check(error.kind !== "bug", "a fault was taken for a bug", error.problems);
    return void count(`threw ${error.problems[0]?.code}`);
  } finally {
    clearTimeout(timer);
    listeners.delete(sandbox.url);
    await destination[Symbol.asyncDispose]();
    if (fuse.blown || isDead) await site.bury(kill?.torn ?? 1);
    fuse.disarm();
    check(requests <= MOST_REQUESTS, "a run has sent too many requests", requests);
    if (requests > (mostRequests.seen ?? 0)) mostRequests.seen = requests;
  }
}

/** The most requests that a run has sent. */
export const mostRequests: { seen?: number } = {};

function prepared(
  told: Story,
  { warehouse, location, table }: Site,
  destination: Awaited<ReturnType<typeof openDataverse>>,
  signal: AbortSignal,
) {
  const sync = specOf(told);
  const model: ModelSpec = {
    name: "people",
    warehouse: "local",
    primaryKey: ["id"],
    query: `SELECT id, code, name, amount FROM ${table}`,
    queryFile: "models/people.sql",
    timezone: "UTC",
    file: "models/people.yml",
    syncs: [sync],
  };
  const connections = { warehouse: async () => warehouse, destination: async () => destination };
  return prepare(model, sync, connections, location, signal);
}

type Admin = (
  method: string,
  path: string,
  body?: unknown,
) => Promise<Record<string, Record<string, unknown>>>;

function adminOf({ url }: Sandbox): Admin {
  return async (method, path, body) => {
    const response = await fetch(`${url}/sandbox/${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === "" ? {} : JSON.parse(text);
  };
}

/** Takes what an earlier story has left. */
async function empty({ sandbox, token }: Ground, admin: Admin): Promise<void> {
  for (const [table, set] of [
    ["contact", "contacts"],
    ["new_note", "new_notes"],
  ]) {
    const { rows } = (await admin("GET", `dump?table=${table}`)) as unknown as { rows: { id: string }[] };
    for (const { id } of rows) {
      const { status } = await fetch(`${sandbox.url}/api/data/v9.2/${set}(${id})`, {
        method: "DELETE",
        headers: { authorization: `Bearer ${token}` },
      });
      if (status !== 204) throw new Error(`${table} ${id} stays: ${status}`);
    }
  }
}

/** The organisation before the first run: records of somebody else's, and a plug-in. */
async function furnish(told: Story, admin: Admin): Promise<void> {
  const { object, match, strangers } = told;
  const { identity, name } = spellingOf(told);
  const other = match === "id" ? {} : { [identity]: OTHER };
  const theirs = strangers.map((key) => ({ [identity]: codeOf(match, key), [name]: THEIRS }));
  await admin("POST", "seed", { table: object, rows: [{ ...other, [name]: THEIRS }, ...theirs] });
  await admin("POST", "plugins", [{ table: object, column: name, equals: REFUSED }]);
}

async function storedOf(told: Story, admin: Admin): Promise<Stored[]> {
  const { object, match, strangers } = told;
  const { identity, name, amount } = spellingOf(told);
  const { rows } = (await admin("GET", `dump?table=${object}`)) as unknown as {
    rows: { id: string; values: Record<string, unknown> }[];
  };
  const known = new Set(strangers.map((key) => codeOf(match, key)));
  return rows.map(({ id, values }) => ({
    code: match !== "id" ? String(values[identity] ?? "") : known.has(id) ? id : OTHER,
    name: (values[name] as string | undefined) ?? null,
    amount: (values[amount] as number | undefined) ?? null,
    active: values.statecode === 0,
  }));
}
