import { spawn } from "node:child_process";
import { once } from "node:events";
import { Agent, request } from "node:http";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { report } from "./measure.mjs";

const SERVER = fileURLToPath(new URL("./sandbox-server.mjs", import.meta.url));
const BATCH = 1000;
const REQUESTS = Number(process.env.BACKHAUL_BENCH_REQUESTS ?? 60);
/** Fresh pairs of servers: how the compiler and the collector fall out differs from one process to the next. */
const PAIRS = 3;
const ROUNDS = 5;

/**
 * Upserted rows a second of one core through UpsertMultiple of 1,000, against a server that only parses the same JSON.
 * What counts is the processor time of each server, all of its threads: garbage collection and compilation among them.
 * Both meet the same bodies in the same order, one right after the other and each first in turn, so that whatever else
 * the machine does falls on both; the figure is the middle of the rounds' ratios.
 */
export default async function sandbox() {
  const rounds = { create: [], update: [] };
  for (let pair = 0; pair < PAIRS; pair++) await measurePair(rounds);
  for (const [what, all] of Object.entries(rounds)) {
    const middle = (figure) => median(all.map(figure));
    const rows = REQUESTS * BATCH;
    const each = (server) => `${((middle((round) => round[server].cpu) * 1000) / rows).toFixed(1)} µs a row`;
    const speed = (measure) =>
      Math.round((rows * 1000) / middle(({ real }) => real[measure])).toLocaleString("en-US");
    const ratios = all.map(ratio).sort((a, b) => a - b);
    report(
      `upsert that ${what}s / bare server, processor time`,
      median(ratios),
      3,
      `${ratios[0].toFixed(2)} to ${ratios.at(-1).toFixed(2)} in ${all.length} rounds; ${each("real")}, bare ${each("bare")}: ` +
        `${speed("cpu")} rows a second of one core (${speed("wall")} on the wall)`,
    );
    report(
      "rows a second of one core: 30,000 over",
      (30_000 * middle(({ real }) => real.cpu)) / (rows * 1000),
      1,
    );
  }
}

const ratio = ({ real, bare }) => real.cpu / bare.cpu;

function median(figures) {
  const sorted = figures.toSorted((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
}

/** @param rounds what each round measured is added to it, by what the round does: `{bare, real}` */
async function measurePair(rounds) {
  const servers = { bare: await start("bare"), real: await start("sandbox") };
  const bodies = (from, salt) => Array.from({ length: REQUESTS }, (_, at) => bodyOf(from + at * BATCH, salt));
  try {
    // What the compiler learns from the first rows that are new, and the first that are there, is not measured.
    for (const salt of ["new", "old"])
      for (const server of Object.values(servers)) await load(server, bodies(0, salt));
    for (let round = 1; round <= ROUNDS; round++) {
      for (const what of ["create", "update"]) {
        const texts = bodies(what === "create" ? round * REQUESTS * BATCH : 0, round);
        const measured = {};
        for (const name of round % 2 === 0 ? ["bare", "real"] : ["real", "bare"]) {
          measured[name] = await load(servers[name], texts);
        }
        rounds[what].push(measured);
      }
    }
  } finally {
    for (const server of Object.values(servers)) server.child.stdin.end();
  }
}

async function start(what) {
  const child = spawn(process.execPath, [SERVER, what], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout });
  const next = async () => (await once(lines, "line"))[0];
  const ready = JSON.parse(await next());
  const cpu = async () => {
    child.stdin.write("cpu\n");
    return Number(await next());
  };
  const agent = new Agent({ keepAlive: true, maxSockets: 2 });
  return { ...ready, child, cpu, agent };
}

/** @returns milliseconds for all bodies once, on the wall and of processor time */
async function load(server, bodies) {
  const before = await server.cpu();
  const started = performance.now();
  let next = 0;
  const worker = async () => {
    while (next < bodies.length) await post(server, bodies[next++]);
  };
  await Promise.all([worker(), worker()]);
  const wall = performance.now() - started;
  return { wall, cpu: (await server.cpu()) - before };
}

function post({ port, token, agent }, body) {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        agent,
        host: "127.0.0.1",
        port,
        method: "POST",
        path: "/api/data/v9.2/contacts/Microsoft.Dynamics.CRM.UpsertMultiple",
        headers: {
          Authorization: `Bearer ${token}`,
          "Content-Type": "application/json",
          "Content-Length": body.length,
        },
      },
      (incoming) => {
        incoming.resume();
        if (incoming.statusCode !== 204) reject(new Error(`status ${incoming.statusCode}`));
        incoming.on("end", resolve);
      },
    );
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

/** A thousand rows of ten columns: text, numbers, an amount, a date, a moment and a choice. */
function bodyOf(from, salt) {
  const Targets = Array.from({ length: BATCH }, (_, at) => {
    const id = from + at;
    return {
      "@odata.type": "Microsoft.Dynamics.CRM.contact",
      "@odata.id": `contacts(new_customerid='C-${String(id).padStart(9, "0")}')`,
      firstname: `First${id % 5000}`,
      lastname: `Last${id % 90000} ${salt}`,
      emailaddress1: `user${id}@example.com`,
      address1_city: `City ${id % 700}`,
      creditlimit: (id % 1_000_000) / 100,
      new_score: (id % 10_000) / 100,
      birthdate: `19${50 + (id % 50)}-0${1 + (id % 9)}-1${id % 10}`,
      new_lastpurchaseon: `2024-0${1 + (id % 9)}-1${id % 10}T10:00:00Z`,
      numberofchildren: id % 7,
    };
  });
  return Buffer.from(JSON.stringify({ Targets }));
}
