/**
 * Writes so many rows to a destination that costs nothing and prints rows a second, on the wall and of processor time.
 *
 * usage: node sender-free.mjs ours|client|bare SERVER ROWS
 */
import { DynamicsWebApi } from "dynamics-web-api";
import { Pool } from "undici";
import { bodyOf, changesOf, openSubject, tokenOf } from "./sender-subject.mjs";

const [what, place, rows] = process.argv.slice(2);
const server = JSON.parse(place);
const ROWS = Number(rows);
const token = await tokenOf(server);

/** From staged rows to acknowledged: plan, bodies, requests, an outcome for each row. */
async function ours() {
  const { destination, compile } = await openSubject(server);
  const compiled = await compile("contact");
  const context = { signal: new AbortController().signal, idSeed: ["bench", "contact", "people"] };
  async function* operations(count) {
    for (let from = 0; from < count; from += 2000) {
      const planned = await compiled.plan(changesOf(from, Math.min(2000, count - from)), context);
      yield planned.map(({ operation }) => operation);
    }
  }
  return async (count) => {
    let applied = 0;
    for await (const outcomes of compiled.write(operations(count), context))
      for (const { status } of outcomes) if (status === "applied") applied++;
    if (applied !== count) throw new Error(`${applied} of ${count} applied`);
    if (count === ROWS) await destination[Symbol.asyncDispose]();
  };
}

async function client() {
  // A client has one batch at a time: each worker one of its own.
  const clients = Array.from(
    { length: 4 },
    () =>
      new DynamicsWebApi({
        serverUrl: server.url,
        dataApi: { version: "9.2" },
        onTokenRefresh: async () => token,
      }),
  );
  return async (count) => {
    let next = 0;
    const worker = async (own) => {
      while (next < count) {
        const from = next;
        next += 100;
        own.startBatch();
        for (const { after } of changesOf(from, 100))
          own.update({
            collection: "contacts",
            key: `new_customerid='${after[0]}'`,
            data: { lastname: after[1] },
          });
        await own.executeBatch();
      }
    };
    await Promise.all(clients.map(worker));
  };
}

async function bare() {
  const pool = new Pool(server.url, { connections: 16 });
  const path = "/api/data/v9.2/contacts/Microsoft.Dynamics.CRM.UpsertMultiple";
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const bodies = Array.from({ length: 20 }, (_, n) => bodyOf("contact", n * 1000, 1000));
  return async (count) => {
    let next = 0;
    const worker = async () => {
      while (next < count) {
        const at = next;
        next += 1000;
        const reply = await pool.request({ path, method: "POST", headers, body: bodies[(at / 1000) % 20] });
        await reply.body.text();
      }
    };
    await Promise.all(Array.from({ length: 4 }, worker));
    if (count === ROWS) await pool.close();
  };
}

const run = await { ours, client, bare }[what]();
await run(ROWS / 10); // what the compiler learns is not measured
const cpu = process.cpuUsage();
const started = performance.now();
await run(ROWS);
const seconds = (performance.now() - started) / 1000;
const { user, system } = process.cpuUsage(cpu);
process.stdout.write(
  `${JSON.stringify({ wall: ROWS / seconds, core: ROWS / ((user + system) / 1e6) })}\n`,
  () => process.exit(0),
);
