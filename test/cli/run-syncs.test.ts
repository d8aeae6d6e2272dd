/** Several syncs of one command: what waits for what, what runs beside it, and what a failure stops. */
import { expect, test } from "vitest";
import { runSyncs } from "../../src/cli/run-syncs.ts";
import { exitCodeOf, fail, type Problem } from "../../src/core/errors.ts";
import { newTally, tallied } from "../../src/http/answer.ts";
import type { Prepared } from "../../src/sync/prepare.ts";
import type { SyncRun } from "../../src/sync/report.ts";

const sync = (
  name: string,
  object: string,
  parents: string[] = [],
  destination = "crm",
): { prepared: Prepared } => ({
  prepared: {
    sync: { name, destination, fields: [], match: [], mode: "upsert" },
    model: { name },
    compiled: { object, parents, fields: [], warnings: [] },
    shape: { columns: [], key: [], match: [] },
  } as unknown as Prepared,
});
const ended = (name: string, stopped?: Problem): SyncRun => ({
  run: `r-${name}`,
  sync: name,
  model: name,
  destination: "crm",
  organization: "o",
  object: name,
  started: "2026-11-21T00:00:00.000Z",
  seconds: 0,
  rows: 1,
  applied: 1,
  unchanged: 0,
  deferred: 0,
  waiting: 0,
  rejections: { total: 0, byCode: {}, listed: [] },
  requests: { reads: 0, writes: 0, retries: 0, throttled: 0 },
  sending: {
    rowsPerSecond: 0,
    kinds: {},
    waits: {},
    retries: {},
    limits: {},
    isolation: { requests: 0, rows: 0 },
    load: {},
    forecast: { requests: 0, seconds: 0 },
    actual: { requests: 0, seconds: 0 },
  },
  warnings: [],
  ...(stopped ? { stopped } : {}),
});
const problem = (kind: Problem["kind"], code: string): Problem => ({ kind, code, message: "It is so." });

/** Runs the syncs with a script of how each ends; tells the order of begins and ends. */
async function play(
  order: { prepared: Prepared }[],
  script: Record<string, Problem | "throws">,
  parallel = 4,
) {
  const told: string[] = [];
  const shown = { signal: new AbortController().signal, silent: true, log: () => {} };
  const result = await runSyncs(
    order,
    shown,
    async ({ prepared }) => {
      const { name } = prepared.sync;
      told.push(`+${name}`);
      await new Promise((done) => setTimeout(done, 5));
      told.push(`-${name}`);
      const end = script[name];
      if (end === "throws") throw fail.deferred("state.locked", "Another run holds it.");
      return ended(name, end);
    },
    parallel,
  );
  return { told, ...result };
}

const company = () => [
  sync("accounts", "account"),
  sync("contacts", "contact", ["account"]),
  sync("orders", "order", ["contact"]),
  sync("products", "product"),
];

test("what needs nothing runs beside the others; a child begins when its parents have ended", async () => {
  const { told, runs, notRun } = await play(company(), {});
  expect(told.slice(0, 2)).toEqual(["+accounts", "+products"]);
  expect(told.indexOf("+contacts")).toBeGreaterThan(told.indexOf("-accounts"));
  expect(told.indexOf("+orders")).toBeGreaterThan(told.indexOf("-contacts"));
  expect([runs.map((run) => run.sync), notRun]).toEqual([["accounts", "contacts", "orders", "products"], []]);
});

test("two syncs of one object never run beside each other, and one slot is one at a time", async () => {
  const { told } = await play([sync("a", "contact"), sync("b", "contact")], {});
  expect(told).toEqual(["+a", "-a", "+b", "-b"]);
  const single = await play([sync("a", "account"), sync("b", "contact")], {}, 1);
  expect(single.told).toEqual(["+a", "-a", "+b", "-b"]);
});

test.each([
  ["a guard", problem("guard", "guard.removed"), 4],
  ["an error of its config", problem("config", "model.query_failed"), 2],
  ["a lock", "throws" as const, 5],
])("%s stops what depends on it, and nothing else", async (_, end, exit) => {
  const { runs, notRun, kinds } = await play(company(), { accounts: end });
  expect(runs.map((run) => run.sync)).toEqual(end === "throws" ? ["products"] : ["accounts", "products"]);
  const skipped = notRun.filter(({ after }) => after !== undefined);
  expect(skipped.map((item) => [item.sync, item.after])).toEqual([
    ["contacts", "accounts"],
    ["orders", "contacts"],
  ]);
  expect(exitCodeOf(kinds)).toBe(exit);
});

test("rows that are deferred stop no child; a destination that is out of reach stops all of its syncs", async () => {
  const late = await play(company(), { accounts: problem("deferred", "dataverse.timeout") });
  expect([late.runs.length, exitCodeOf(late.kinds)]).toEqual([4, 5]);
  const order = [
    sync("accounts", "account"),
    sync("products", "product"),
    sync("people", "contact", [], "other"),
  ];
  const away = await play(order, { accounts: problem("connection", "dataverse.tls") }, 1);
  expect(away.runs.map((run) => run.sync)).toEqual(["accounts", "people"]);
  expect([away.notRun.map((item) => item.sync), exitCodeOf(away.kinds)]).toEqual([["products"], 3]);
});

test("when nothing could be begun it is an error, as for one sync", async () => {
  await expect(play([sync("a", "account")], { a: "throws" })).rejects.toMatchObject({ code: "state.locked" });
});

test("requests are counted for the work that sends them, whatever goes on beside it", async () => {
  const service = newTally();
  const work = (times: number) =>
    tallied(async (tally) => {
      for (let i = 0; i < times; i += 1) {
        await new Promise((done) => setTimeout(done, 1));
        service.writes++;
      }
      return tally.writes;
    });
  expect(await Promise.all([work(3), work(5)])).toEqual([3, 5]);
  expect({ ...service }).toMatchObject({ writes: 8 });
});
