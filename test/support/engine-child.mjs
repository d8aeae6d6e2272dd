/** Runs one sync with the built engine in a process of its own. Its job is JSON in the last argument. */
const job = JSON.parse(process.argv.at(-1));
const dist = new URL("../../dist/", import.meta.url);
const load = (path) => import(new URL(path, dist).href);
const { default: connector } = await load(`connectors/${job.warehouse.type}/index.js`);
const { prepare } = await load("src/sync/prepare.js");
const { runSync } = await load("src/sync/run.js");

const signal = new AbortController().signal;
const sync = { ...job.sync, place: () => ({ file: "models/people.yml" }) };
const tell = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

async function ask(path, call) {
  const reply = await fetch(`${job.destination}/${path}`, { method: "POST", body: JSON.stringify(call) });
  if (!reply.ok) throw new Error(await reply.text());
  return reply.json();
}

const served = {
  counters: { reads: 0, writes: 0, retries: 0, throttled: 0, waited: 0 },
  identify: async () => ({ organization: "org-1", user: "user-1", url: job.destination }),
  async compile(_sync, columns) {
    const target = { sync: job.sync, columns };
    return {
      ...(await ask("compile", target)),
      plan: (changes) => ask("plan", { ...target, changes }),
      forecast: () => ({ requests: 0, seconds: 0, share: {} }),
      async *write(batches, { signal: stop }) {
        for await (const batch of batches) {
          for (let at = 0; at < batch.length && !stop.aborted; at += job.batchSize) {
            const operations = batch.slice(at, at + job.batchSize);
            yield await ask("write", { ...target, operations });
          }
        }
      },
    };
  },
};

const destination =
  typeof job.destination === "string"
    ? served
    : await (await load("connectors/dataverse/destination.js")).openDataverse(
        job.destination.config,
        job.destination.options,
      );
const opened = await connector.open(job.warehouse, { folder: job.folder });
const { engine } = opened;
const warehouse = { ...opened, engine: { ...engine, pace: { ...engine.pace, ...job.pace } } };
const model = {
  primaryKey: ["id"],
  queryFile: "models/people.sql",
  timezone: "UTC",
  name: "people",
  ...job.model,
};
tell({ pid: process.pid });
if (job.waits) await new Promise((resolve) => process.stdin.once("data", resolve));
process.stdin.destroy();
for (let n = 0; n < job.runs; n++) {
  try {
    const connections = { warehouse: async () => warehouse, destination: async () => destination };
    const prepared = await prepare(model, sync, connections, job.location, signal);
    tell({ run: await runSync(prepared, { signal, allow: new Set(["removed", "changed"]) }) });
  } catch (error) {
    tell({ error: error.problems?.[0] ?? { message: error.stack } });
  }
}
await destination[Symbol.asyncDispose]?.();
await opened[Symbol.asyncDispose]();
