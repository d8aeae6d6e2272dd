import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpus, loadavg } from "node:os";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { report } from "./measure.mjs";
import { openSubject, operationsOf, postOf } from "./sender-subject.mjs";

const SERVER = fileURLToPath(new URL("./sender-server.mjs", import.meta.url));
const FREE = fileURLToPath(new URL("./sender-free.mjs", import.meta.url));
const number = (name, otherwise) => Number(process.env[`BACKHAUL_BENCH_${name}`] ?? otherwise);
const list = (name, otherwise) => (process.env[`BACKHAUL_BENCH_${name}`] ?? otherwise).split(",");
/** Windows of each case, the first of which is not measured; and the cases that go at the same time. */
const WINDOWS = number("WINDOWS", 4);
const AT_ONCE = number("AT_ONCE", 1);
/**
 * Time runs faster: windows of 300 seconds and what a request costs shrink alike, requests in a window stay 6,000. As
 * much faster as makes so many rows a second, which this machine is to carry without being busy, but windows are never
 * shorter than 10 seconds.
 */
const RATE = number("RATE", 20_000);
const SHORTEST = 10;
const SERVERS = list("SERVERS", "1,2,4").map(Number);
const HINTS = list("HINTS", "1,4,10,50").map(Number);
const TABLES = list("TABLES", "cheap,costly,mixed");
const LIES = list("LIES", "no,yes").map((word) => word === "yes");
/** Times that each is measured against a destination that costs nothing. */
const ROUNDS = number("ROUNDS", 3);
const PARTS = list("PARTS", "limits,fixed,free");

/** Requests at once that each server bears where the hint lies. */
const BORNE = 6;
/** How much more than usual a row of each table costs. */
const COSTS = { contact: 1, account: 5 };
const OBJECTS = { cheap: ["contact"], costly: ["account"], mixed: ["contact", "account"] };

/**
 * Against the sandbox's service protection: what a user gets done after the first window, as a share of the ceiling
 * that follows from the sandbox's own limits and costs. Then against a destination that costs nothing.
 */
export default async function sender() {
  const load = () => `load ${loadavg()[0].toFixed(1)} on ${cpus().length} cores`;
  const results = [];
  if (PARTS.includes("limits")) {
    const cases = TABLES.flatMap((table) =>
      SERVERS.flatMap((servers) => [
        ...HINTS.filter(() => LIES.includes(false)).map((hint) => ({ table, servers, hint })),
        ...(LIES.includes(true) ? [{ table, servers, hint: 50, borne: BORNE }] : []),
      ]),
    );
    process.stdout.write(`${cases.length} cases of ${WINDOWS} windows, ${AT_ONCE} at once, ${load()}\n`);
    const started = performance.now();
    await inTurn(cases, async (one) => results.push(await measure(one)));
    const minutes = (performance.now() - started) / 60_000;
    process.stdout.write(`${cases.length} cases in ${minutes.toFixed(1)} minutes, ${load()}\n`);
    const shares = results.map(({ share }) => share).sort((a, b) => a - b);
    const sum = (name) => results.reduce((all, one) => all + one[name], 0);
    atLeast("worst case / ceiling", shares[0], 0.9);
    atLeast("median / ceiling", shares[Math.floor(shares.length / 2)], 0.95);
    report("refused of 200 requests after the first window", (200 * sum("throttled")) / sum("requests"), 1);
  }
  if (PARTS.includes("fixed")) {
    process.stdout.write(`the yardstick: five requests at once, of 100 rows and of 1,000, ${load()}\n`);
    const fixed = TABLES.flatMap((table) =>
      SERVERS.flatMap((servers) => [100, 1000].map((rows) => ({ table, servers, hint: 4, rows }))),
    );
    await inTurn(fixed, measure);
  }
  if (PARTS.includes("free")) await free(load);
}

function atLeast(name, figure, limit) {
  const verdict = figure >= limit ? `ok (at least ${limit})` : `MISSED (at least ${limit})`;
  process.stdout.write(`${name.padEnd(58)} ${figure.toFixed(2).padStart(9)}  ${verdict}\n`);
}

async function inTurn(cases, work) {
  let next = 0;
  const worker = async () => {
    while (next < cases.length) await work(cases[next++]);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

async function measure({ table, servers, hint, borne, rows }) {
  const server = await start([JSON.stringify({ servers, parallelism: hint, costs: { tables: COSTS } })]);
  try {
    const objects = OBJECTS[table];
    const limits = `${server.sandbox}/sandbox/limits`;
    const ask = async (object) =>
      (await fetch(`${limits}?kind=upsertMultiple&rows=1000&table=${object}`)).json();
    const { costs } = await ask(objects[0]);
    const ceilings = await Promise.all(objects.map(ask));
    const rate = ceilings.reduce((sum, { ceiling }) => sum + ceiling.rowsPerSecond, 0) / objects.length;
    const factor = Math.min(300 / SHORTEST, Math.max(1, RATE / rate));
    await post(limits, { ...faster(costs, factor), ...(borne ? { concurrency: borne } : {}) });

    /** Seconds of execution that a row costs at best, and that the servers give in a second. */
    const each = {};
    let given = 0;
    let boundBy = "";
    for (const object of objects) {
      const { ceiling } = await ask(object);
      each[object] = ceiling.executionMs / 1e6;
      given = (ceiling.requestsPerSecond * ceiling.executionMs) / 1000;
      boundBy = ceiling.boundBy;
    }
    const window = 300 / factor;
    const done = await (rows === undefined ? send : sendFixed)(server, objects, window, rows);
    const seconds = window * (WINDOWS - 1);
    const share =
      objects.reduce((sum, object) => sum + done.rows[object] * each[object], 0) / (given * seconds);
    const all = objects.reduce((sum, object) => sum + done.rows[object], 0);
    const how = rows === undefined ? `hint ${hint}${borne ? `, ${borne} borne` : ""}` : `5 × ${rows}`;
    report(
      `${table}, ${servers} server${servers > 1 ? "s" : ""}, ${how}`,
      share,
      undefined,
      `bound by ${boundBy}, windows of ${Math.round(window)} s, ${Math.round(all / seconds)} rows/s, ` +
        `${done.throttled} of ${done.requests} refused`,
    );
    return { share, ...done };
  } finally {
    server.child.stdin.end();
  }
}

/** The limits and costs of a world in which all goes so many times as fast. */
function faster(costs, factor) {
  const less = (milliseconds) => Number((milliseconds / factor).toFixed(6));
  const kinds = Object.entries(costs.kinds).map(([kind, { base, row }]) => [
    kind,
    { base: less(base), row: less(row) },
  ]);
  return {
    factor: Number(factor.toFixed(6)),
    requests: 6000,
    delays: true,
    costs: { request: less(costs.request), kinds: Object.fromEntries(kinds) },
  };
}

async function post(url, body) {
  const headers = { "content-type": "application/json" };
  const reply = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  if (!reply.ok) throw new Error(await reply.text());
}

/** What our sender gets done from the end of the first window to the end of the last. */
async function send(server, objects, window) {
  const subject = await openSubject(server, { windowMs: window * 1000 });
  const controller = new AbortController();
  const rows = Object.fromEntries(objects.map((object) => [object, 0]));
  let isCounting = false;
  const writing = objects.map(async (object) => {
    const compiled = await subject.compile(object);
    const context = { signal: controller.signal, idSeed: ["bench"] };
    for await (const outcomes of compiled.write(operationsOf(object, controller.signal), context))
      if (isCounting) rows[object] += outcomes.filter(({ status }) => status === "applied").length;
  });
  const ended = Promise.allSettled(writing);
  await sleep(window * 1000);
  isCounting = true;
  const before = { ...subject.destination.counters };
  await sleep(window * 1000 * (WINDOWS - 1));
  isCounting = false;
  const after = { ...subject.destination.counters };
  controller.abort();
  const failed = (await ended).find(({ reason }) => reason !== undefined && reason.kind !== "aborted");
  await subject.destination[Symbol.asyncDispose]();
  if (failed) throw failed.reason;
  return { rows, throttled: after.throttled - before.throttled, requests: after.writes - before.writes };
}

/** The yardstick: five requests at once, of so many rows, which wait as they are told. */
async function sendFixed(server, objects, window, size) {
  const send = await postOf(server);
  const rows = Object.fromEntries(objects.map((object) => [object, 0]));
  const counts = { throttled: 0, requests: 0 };
  const started = performance.now();
  const passed = () => (performance.now() - started) / 1000;
  const end = window * WINDOWS;
  let waitUntil = 0;
  let next = 0;
  const worker = async () => {
    while (passed() < end) {
      if (waitUntil > performance.now()) await sleep(waitUntil - performance.now());
      const object = objects[next++ % objects.length];
      const reply = await send(object, next * size, size);
      const counts1 = passed() > window && passed() < end;
      if (counts1) counts.requests++;
      if (reply.status === 429) {
        if (counts1) counts.throttled++;
        waitUntil = performance.now() + 1000 * Number(reply.headers.get("retry-after"));
      } else if (counts1) rows[object] += size;
    }
  };
  await Promise.all(Array.from({ length: 5 }, worker));
  return { rows, ...counts };
}

/**
 * Rows a second of one core, beside a well-known client and a bare loop of prepared bodies: in turn, several times,
 * the medians. The server has the other core: what counts where it costs nothing is the time of our own processor.
 */
async function free(load) {
  const rows = number("SENDER_ROWS", 200_000);
  for (const [kind, latency] of [
    ["free", 0],
    ["reads", 0],
    ["free", 200],
  ]) {
    const cost = kind === "free" ? "that costs nothing" : "that reads the JSON of its requests and drops it";
    process.stdout.write(`a destination ${cost}, ${latency} ms a request, ${load()}\n`);
    const subjects = latency === 0 ? ["client", "bare", "ours"] : ["bare", "ours"];
    const told = Object.fromEntries(subjects.map((what) => [what, []]));
    for (let round = 0; round < ROUNDS; round++)
      for (const what of subjects) told[what].push(await rateOf(what, kind, latency, rows));
    const rates = {};
    for (const what of subjects) {
      const of = (name) => median(told[what].map((one) => one[name]));
      rates[what] = { wall: of("wall"), core: of("core") };
      process.stdout.write(
        `  ${what.padEnd(8)} ${count(of("wall"))} rows/s on the wall, ${count(of("core"))} per second of processor\n`,
      );
    }
    const share = (name, of) => rates.ours[name] / rates[of][name];
    if (kind === "reads") {
      atLeast("ours / dynamics-web-api, wall", share("wall", "client"), 1.2);
      atLeast("ours / bare loop of UpsertMultiple of 1,000, wall", share("wall", "bare"), 0.5);
    } else if (latency === 0) {
      atLeast("ours / dynamics-web-api, $batch of 100, 4 at once, processor", share("core", "client"), 1.2);
      atLeast("ours / bare loop of UpsertMultiple of 1,000, processor", share("core", "bare"), 0.5);
      report("the same on the wall: the client", share("wall", "client"));
      report("the same on the wall: the bare loop", share("wall", "bare"));
    } else atLeast("ours / bare loop at 200 ms a request, wall", share("wall", "bare"), 1);
  }
}

async function rateOf(what, kind, latency, rows) {
  const server = await start([kind, String(latency)]);
  const child = spawn(
    "taskset",
    ["--cpu-list", "1", process.execPath, FREE, what, JSON.stringify(server.ready), String(rows)],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const [line] = await once(createInterface({ input: child.stdout }), "line");
  server.child.stdin.end();
  return JSON.parse(line);
}

const median = (figures) => figures.toSorted((a, b) => a - b)[Math.floor(figures.length / 2)];
const count = (rate) => Math.round(rate).toLocaleString("en-US").padStart(9);
const sleep = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

async function start(args) {
  const child = spawn(process.execPath, [SERVER, ...args], { stdio: ["pipe", "pipe", "inherit"] });
  const [line] = await once(createInterface({ input: child.stdout }), "line");
  const ready = JSON.parse(line);
  return { ...ready, ready, child };
}
