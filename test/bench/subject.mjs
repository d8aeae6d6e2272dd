/**
 * One run of one sync, in a process of its own, into a destination that costs nothing. Prints what became of the
 * rows, the seconds of each phase, and the most memory that V8 held.
 *
 * usage: node subject.mjs PLACE local|warehouse
 */
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { prepare } from "../../dist/src/sync/prepare.js";
import { runSync } from "../../dist/src/sync/run.js";
import { COLUMNS, ENGINES, MODEL } from "./engines.mjs";

// as src/bin.ts does
for (const flag of [
  "--heap-growing-percent=30",
  "--incremental-marking-soft-trigger=20",
  "--incremental-marking-hard-trigger=25",
])
  setFlagsFromString(flag);

const place = JSON.parse(process.argv[2]);
const warehouse = await ENGINES[place.engine].warehouse(place);
const signal = new AbortController().signal;
const fields = COLUMNS.slice(2);
const sync = {
  name: "people",
  model: "people",
  destination: "nowhere",
  object: "contact",
  mode: "upsert",
  onRemoved: "keep",
  match: [{ field: "new_customerid", column: "number" }],
  fields: fields.map((name) => ({ field: name, source: { column: name }, whenNull: "clear" })),
  guard: { removed: { share: 0.1, rows: 50 } },
  place: () => ({ file: "models/people.yml" }),
};
const model = {
  name: "people",
  warehouse: "local",
  primaryKey: ["id"],
  query: MODEL,
  queryFile: "models/people.sql",
  timezone: "UTC",
  file: "models/people.yml",
  syncs: [sync],
};
const destination = {
  counters: { reads: 0, writes: 0, retries: 0, throttled: 0, waited: 0 },
  identify: async () => ({ organization: "org", user: "user", url: "nowhere:" }),
  compile: async (_sync, columns) => ({
    object: "contact",
    schemaVersion: "1",
    fields: fields.map((field) => ({
      field,
      columns: [columns.findIndex(({ name }) => name === field)],
      fingerprint: field,
    })),
    match: [columns.findIndex(({ name }) => name === "number")],
    warnings: [],
    plan: async (changes) =>
      changes.map((change) => ({
        status: "planned",
        operation: { kind: "upsert", change, record: "", fields: [], owed: [] },
      })),
    forecast: () => ({ requests: 0, seconds: 0, share: {} }),
    async *write(batches) {
      for await (const batch of batches) yield batch.map(({ change }) => ({ status: "applied", change }));
    },
  }),
  [Symbol.asyncDispose]: async () => {},
};

const state =
  process.argv[3] === "local"
    ? { kind: "local", root: join(place.folder, `state-${place.engine}`), memoryLimit: "192MB" }
    : { kind: "warehouse", project: "bench", schema: "backhaul", retentionDays: 90 };

const phases = {};
let phase;
let since = performance.now();
const enter = (next) => {
  const now = performance.now();
  if (phase !== undefined) phases[phase] = (phases[phase] ?? 0) + (now - since) / 1000;
  [phase, since] = [next, now];
};
let heap = 0;
const sample = () => {
  const { heapTotal, external } = process.memoryUsage();
  heap = Math.max(heap, heapTotal + external);
};
const timer = setInterval(sample, 20);

enter("open");
const connections = { warehouse: async () => warehouse, destination: async () => destination };
const prepared = await prepare(model, sync, connections, state, signal);
const result = await runSync(prepared, {
  signal,
  onProgress: (progress) => {
    if (progress.phase !== phase) enter(progress.phase);
  },
});
enter("close");
await warehouse[Symbol.asyncDispose]();
enter("done");
clearInterval(timer);
sample();
const { rows, applied, unchanged, stopped } = result;
process.stdout.write(
  JSON.stringify({ rows, applied, unchanged, stopped, phases, heap: Math.round(heap / 2 ** 20) }),
);
