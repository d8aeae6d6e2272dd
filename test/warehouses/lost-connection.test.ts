import { afterAll, beforeAll, expect, test } from "vitest";
import postgres from "../../connectors/postgres/index.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";

let server: TestPostgres;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

const open = () => postgres.open({ type: "postgres", port: 5432, url: server.url }, { folder: "." });
const RUNNING = "FROM pg_stat_activity WHERE application_name = 'backhaul' AND state = 'active'";

/** Reads on until it ends; says how many rows came. */
async function read(text: string, signal: AbortSignal, onRows: (rows: number) => unknown = () => {}) {
  await using warehouse = await open();
  const query = { text, file: "models/slow.sql" };
  const columns = await warehouse.columns(query, signal);
  if (warehouse.access.kind !== "stream") throw new Error("no stream");
  let rows = 0;
  for await (const batch of warehouse.access.rows(query, columns, { timezone: "UTC", signal })) {
    rows += batch.length;
    await onRows(rows);
  }
  return rows;
}

/** Waits until the server works on a query of ours. */
async function running(): Promise<void> {
  while ((await server.query(`SELECT pid ${RUNNING}`)).rows.length === 0) {
    await new Promise((done) => setTimeout(done, 20));
  }
}

// The first read is answered at once, the second one takes for ever.
const SLOW =
  "SELECT n AS id, CASE WHEN n > 6000 THEN pg_sleep(60)::text END AS s FROM generate_series(1, 9000) n";

test.each([
  ["before the first row", "SELECT 1 AS id, pg_sleep(60)::text AS s"],
  ["between rows", SLOW],
])(
  "a connection that the server ends %s is a connection error",
  async (_, text) => {
    let over = false;
    const ended = read(text, new AbortController().signal)
      .catch((error: unknown) => error)
      .finally(() => {
        over = true;
      });
    await running();
    // What was at work a moment ago may be between two statements now: once more, then.
    while (!over) {
      await server.query(`SELECT pg_terminate_backend(pid) ${RUNNING}`);
      await new Promise((done) => setTimeout(done, 50));
    }
    const error = await ended;
    expect(error, String(error)).toMatchObject({ problems: [{ kind: "connection" }] });
  },
  40_000,
);

test("a connection that ends while a batch is taken in is a connection error", async () => {
  const numbers = "SELECT n AS id FROM generate_series(1, 20000) n";
  const ended = read(numbers, new AbortController().signal, async (rows) => {
    if (rows > 5_000) return;
    await server.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'backhaul'",
    );
    await new Promise((done) => setTimeout(done, 200));
  }).catch((error: unknown) => error);
  expect(await ended).toMatchObject({ problems: [{ kind: "connection" }] });
}, 40_000);

test("an interrupt ends a read at once, on the server too", async () => {
  const abort = new AbortController();
  const ended = read(SLOW, abort.signal).catch((error: unknown) => error);
  await running();
  const at = Date.now();
  abort.abort();
  expect(await ended).toMatchObject({ name: "AbortError" });
  expect(Date.now() - at).toBeLessThan(5_000);
  await expect.poll(async () => (await server.query(`SELECT pid ${RUNNING}`)).rows.length).toBe(0);
}, 40_000);

test("a reader that stops early leaves a connection that serves on", async () => {
  await using warehouse = await open();
  const { signal } = new AbortController();
  const query = { text: "SELECT n AS id FROM generate_series(1, 20000) n", file: "t.sql" };
  const columns = await warehouse.columns(query, signal);
  if (warehouse.access.kind !== "stream") throw new Error("no stream");
  for await (const _ of warehouse.access.rows(query, columns, { timezone: "UTC", signal })) break;
  expect((await warehouse.check(signal)).version).toMatch(/^PostgreSQL/);
});
