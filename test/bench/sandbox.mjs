import { spawn } from "node:child_process";
import { once } from "node:events";
import { Agent, request } from "node:http";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { report } from "./measure.mjs";

const SERVER = fileURLToPath(new URL("./sandbox-server.mjs", import.meta.url));
const BATCH = 1000;
const REQUESTS = Number(process.env.BACKHAUL_BENCH_REQUESTS ?? 60);
const ROUNDS = 5;
/** The bare server does a round several times: what is measured for as long meets as many quiet moments. */
const PASSES = 3;

/**
 * Upserted rows a second of one core through UpsertMultiple of 1,000, against a server that only parses the same JSON.
 * What counts is the processor time of each server, all of its threads: garbage collection and compilation among them.
 * Whatever else the machine does only adds to it, so the least of the rounds is taken, of either server.
 */
export default async function sandbox() {
  const [subject, yardstick] = [await start("sandbox"), await start("bare")];
  try {
    const bodies = (round) => Array.from({ length: REQUESTS }, (_, at) => bodyOf(at * BATCH, round));
    // Both meet the same bodies in the same order; what the compiler learns in the first round is not measured.
    for (const server of [yardstick, subject]) await load(server, bodies(0));
    const rounds = { create: [], update: [] };
    for (let round = 1; round <= ROUNDS; round++) {
      for (const what of ["create", "update"]) {
        const from = what === "create" ? round * REQUESTS * BATCH : 0;
        const texts = Array.from({ length: REQUESTS }, (_, at) => bodyOf(from + at * BATCH, round));
        const bare = await load(yardstick, texts, PASSES);
        const real = await load(subject, texts);
        rounds[what].push({ bare, real });
      }
    }
    for (const [what, pairs] of Object.entries(rounds)) {
      const least = (server, measure) => Math.min(...pairs.map((pair) => pair[server][measure]));
      const [real, bare, wall] = [least("real", "cpu"), least("bare", "cpu"), least("real", "wall")];
      const rows = REQUESTS * BATCH;
      const each = (measure) => `${((measure * 1000) / rows).toFixed(1)} µs a row`;
      const speed = (measure) => Math.round((rows * 1000) / measure).toLocaleString("en-US");
      report(
        `upsert that ${what}s / bare server, processor time`,
        real / bare,
        3,
        `${each(real)}, bare ${each(bare)}: ${speed(real)} rows a second of one core (${speed(wall)} on the wall)`,
      );
      report("rows a second of one core: 30,000 over", (30_000 * real) / (rows * 1000), 1);
    }
  } finally {
    for (const server of [subject, yardstick]) server.child.stdin.end();
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
async function load(server, bodies, passes = 1) {
  const before = await server.cpu();
  const started = performance.now();
  let next = 0;
  const worker = async () => {
    while (next < bodies.length * passes) await post(server, bodies[next++ % bodies.length]);
  };
  await Promise.all([worker(), worker()]);
  const wall = performance.now() - started;
  return { wall: wall / passes, cpu: ((await server.cpu()) - before) / passes };
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
