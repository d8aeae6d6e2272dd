import { setTimeout as sleep } from "node:timers/promises";
import { generate } from "selfsigned";
import { describe, expect, test } from "vitest";
import { tokenSource } from "../../connectors/dataverse/auth/auth.ts";
import { openDataverse } from "../../connectors/dataverse/destination.ts";
import { noOperations } from "../../src/core/change.ts";
import { SyncError } from "../../src/core/errors.ts";
import {
  added,
  changed,
  compile,
  configOf,
  type MappingInput,
  openBench,
  running,
  tallied,
  write,
} from "./support/bench.ts";
import { startProxy } from "./support/proxy.ts";

const people: MappingInput = {
  columns: { id: "text", first: "text", last: "text" },
  match: { new_customerid: "id" },
  fields: { firstname: "first", lastname: "last" },
};
const notes: MappingInput = {
  object: "new_note",
  columns: { id: "text", text: "text" },
  match: { new_code: "id" },
  fields: { new_text: "text" },
};
const rows = (count: number, first = "Ann") =>
  Array.from({ length: count }, (_, index) => [`C-${index}`, first, `Last ${index}`]);

const sum = (counts: Record<string, number>) => Object.values(counts).reduce((all, count) => all + count, 0);

describe("one bad row costs one row", () => {
  test.each([1, 3])("%i bad among 1,000, in few extra requests", async (bad) => {
    await using bench = await openBench();
    await bench.plugins({
      table: "contact",
      column: "firstname",
      equals: "Bad",
      message: "Bad is not welcome.",
    });
    const compiled = await compile(bench, people);
    const positions = [617, 3, 998].slice(0, bad);
    const changes = rows(1000);
    for (const position of positions) changes[position]![1] = "Bad";
    await bench.resetCounters();
    const result = await write(compiled, added(changes));
    expect(result.error).toBeUndefined();
    expect(tallied(result)).toEqual({ applied: 1000 - bad, rejected: bad });
    for (const position of positions) {
      expect(result.outcomes.get(position + 1)).toMatchObject({
        status: "rejected",
        problem: {
          kind: "rejected",
          code: "dataverse.0x80040265",
          message: expect.stringContaining("Bad is not welcome."),
          remedy: expect.stringContaining("plug-in"),
        },
      });
    }
    const { requests } = await bench.counters();
    expect(
      sum(requests) - compiled.forecast([{ ...noOperations(), upsert: 1000 }]).requests,
    ).toBeLessThanOrEqual(20);
    expect((await bench.stored("contact", "new_customerid")).size).toBe(1000 - bad);
  });

  test("a row that another record's key stands against", async () => {
    await using bench = await openBench();
    const compiled = await compile(bench, people);
    await write(compiled, added(rows(2)));
    const ids = await bench.stored("contact", "new_customerid");
    const before = rows(2)[1]!;
    const result = await write(compiled, [
      changed(before, ["C-0", ...before.slice(1)], { id: String(ids.get("C-1")?.id) }),
    ]);
    expect(result.outcomes.get(1)).toMatchObject({
      status: "rejected",
      problem: { code: "dataverse.0x80060892" },
    });
  });
});

describe("the service has its moods", () => {
  test("429 is waited for as long as it says, and counted", async () => {
    await using bench = await openBench();
    const compiled = await compile(bench, people);
    await bench.faults({ on: { kind: "upsertMultiple" }, do: "429", retryAfter: 1 });
    const started = performance.now();
    const result = await write(compiled, added(rows(1000)));
    expect(performance.now() - started).toBeGreaterThan(990);
    expect(tallied(result)).toEqual({ applied: 1000 });
    expect(bench.destination.counters).toMatchObject({ throttled: 1, retries: 1 });
    expect(bench.destination.counters.waited).toBeGreaterThan(900);
  });

  test("429 on a part of a batch repeats that part alone", async () => {
    await using bench = await openBench();
    const compiled = await compile(bench, notes);
    await bench.faults({ on: { kind: "upsert" }, do: "429", retryAfter: 1, after: 5, times: 3 });
    await bench.resetCounters();
    const result = await write(
      compiled,
      added(Array.from({ length: 20 }, (_, index) => [`N-${index}`, "x"])),
    );
    expect(tallied(result)).toEqual({ applied: 20 });
    const { requests, rows: written } = await bench.counters();
    expect(requests.batch).toBe(2);
    expect(written.new_note).toEqual({ create: 20 });
  });

  test.each(["503", "html502", "resetBeforeCommit", "resetAfterCommit"] as const)(
    "%s is repeated, without doubles",
    async (fault) => {
      await using bench = await openBench();
      const compiled = await compile(bench, people);
      await bench.faults(
        { on: { kind: "upsertMultiple" }, do: fault, retryAfter: 0, times: 2 },
        { on: { kind: "updateMultiple" }, do: fault, retryAfter: 0, times: 2 },
      );
      expect(tallied(await write(compiled, added(rows(700))))).toEqual({ applied: 700 });
      const update = rows(700).map((row, index) =>
        changed(row, [row[0]!, "Eve", row[2]!], { seq: index + 1 }),
      );
      expect(tallied(await write(compiled, update))).toEqual({ applied: 700 });
      const stored = await bench.stored("contact", "new_customerid");
      expect(stored.size).toBe(700);
      expect((await bench.stored("contact")).size).toBe(700);
      expect(new Set([...stored.values()].map((row) => row.firstname))).toEqual(new Set(["Eve"]));
      expect(bench.destination.counters.retries).toBe(4);
    },
  );

  test("a record made with an id of our own is made once, though the reply was lost", async () => {
    await using bench = await openBench();
    const compiled = await compile(bench, people);
    await bench.faults({ on: { kind: "upsertMultiple" }, do: "resetAfterCommit", times: 2 });
    expect(tallied(await write(compiled, added([["A/1", "Ann", "x"]])))).toEqual({ applied: 1 });
    expect((await bench.stored("contact")).size).toBe(1);
  });

  test("a deadlock is repeated; what stays is split, and the rest lands", async () => {
    await using bench = await openBench();
    const compiled = await compile(bench, people);
    const deadlock = { status: 500, code: "0x80044150", message: "Generic SQL error." };
    await bench.faults({ on: { kind: "upsertMultiple" }, do: deadlock, times: 6 });
    const result = await write(compiled, added(rows(400)));
    expect(tallied(result)).toEqual({ applied: 400 });
  });

  test("a request that takes too long is given up and repeated", async () => {
    await using bench = await openBench({}, { deadline: 300 });
    const compiled = await compile(bench, people);
    await bench.faults({ on: { kind: "upsertMultiple" }, do: "hang" });
    expect(tallied(await write(compiled, added(rows(3))))).toEqual({ applied: 3 });
  });

  test("a service that stays away ends the run; everything taken is deferred", async () => {
    await using bench = await openBench({}, { attemptsDown: 3 });
    const compiled = await compile(bench, people);
    await bench.faults({ on: { kind: "upsertMultiple" }, do: "503", retryAfter: 0, after: 1, times: 10_000 });
    const result = await write(compiled, added(rows(5000)), { window: 500 });
    expect(result.error?.kind).toBe("deferred");
    const counts = tallied(result);
    expect(counts.applied).toBeGreaterThan(0);
    expect(counts.rejected).toBeUndefined();
    expect(counts.deferred).toBeGreaterThan(0);
    expect((counts.applied ?? 0) + (counts.deferred ?? 0)).toBeLessThan(5000);
    expect((await bench.stored("contact")).size).toBe(counts.applied);
  });

  test("a missing privilege ends the run and says what to do", async () => {
    await using bench = await openBench();
    const compiled = await compile(bench, people);
    const denied = {
      status: 403,
      code: "0x80040220",
      message: "Principal user is missing prvCreateContact privilege.",
    };
    await bench.faults({ on: { kind: "upsertMultiple" }, do: denied, times: 10_000 });
    const result = await write(compiled, added(rows(3000)), { window: 500 });
    expect(result.error?.problems[0]).toMatchObject({
      kind: "connection",
      code: "dataverse.0x80040220",
      remedy: expect.stringContaining("security role"),
    });
    expect(Object.keys(tallied(result))).toEqual(["deferred"]);
  });

  test("an interruption sends nothing more and waits for what is in flight", async () => {
    await using bench = await openBench();
    const compiled = await compile(bench, people);
    await bench.faults({ on: { kind: "upsertMultiple" }, do: "slow", delay: 1500, times: 100 });
    await bench.resetCounters();
    const controller = new AbortController();
    const writing = write(compiled, added(rows(5000)), { signal: controller.signal, window: 500 });
    while (((await bench.counters()).requests.upsertMultiple ?? 0) === 0) await sleep(20);
    controller.abort();
    const result = await writing;
    expect(result.error?.kind).toBe("aborted");
    const { applied = 0, deferred = 0, ...others } = tallied(result);
    expect(others).toEqual({});
    expect(applied).toBeGreaterThan(0);
    expect(deferred).toBeGreaterThan(0);
    expect((await bench.stored("contact")).size).toBe(applied);
  });

  test("an interruption waits no longer than its grace for a service that is silent", async () => {
    await using bench = await openBench({}, { grace: 100 });
    const compiled = await compile(bench, people);
    await bench.faults({ on: { kind: "upsertMultiple" }, do: "hang", times: 100 });
    const controller = new AbortController();
    const ended = write(compiled, added(rows(1500)), { signal: controller.signal });
    await expect.poll(async () => (await bench.counters()).faults.hang ?? 0).toBeGreaterThan(0);
    controller.abort();
    const result = await ended;
    expect(result.error?.kind).toBe("aborted");
    expect(Object.keys(tallied(result))).toEqual(["deferred"]);
  }, 20_000);

  test("reads are repeated too", async () => {
    await using bench = await openBench();
    await bench.faults(
      { on: { kind: "metadata" }, do: "503", retryAfter: 0, times: 3 },
      { on: { kind: "whoAmI" }, do: "resetBeforeCommit" },
    );
    expect(await bench.destination.identify(running())).toMatchObject({
      organization: bench.sandbox.organizationId,
    });
    await bench.faults({ on: { kind: "metadata" }, do: "503", retryAfter: 0, after: 3, times: 12 });
    const faulty = await bench.destination.describe("contact", running());
    await using other = await openDataverse(configOf(bench.sandbox));
    await bench.faults();
    expect(faulty).toEqual(await other.describe("contact", running()));
  });
});

test("a service that takes connections and says nothing is told with what to look at", async () => {
  await using bench = await openBench({}, { deadline: 100, patience: 300 });
  await bench.faults({ on: { kind: "whoAmI" }, do: "hang", times: 100 });
  expect((await refusal(bench.destination.identify(running()))).problems).toMatchObject([
    { kind: "connection", code: "dataverse.timeout", remedy: expect.stringContaining("Check url") },
  ]);
});

async function refusal(asking: Promise<unknown>): Promise<SyncError> {
  const error = await asking.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof SyncError)) throw new Error(`no SyncError: ${String(error)}`);
  return error;
}

test("a batch's reply that lost its end: what is not answered is sent again", async () => {
  await using bench = await openBench();
  await using proxy = await startProxy(bench.sandbox.url, (path, body, count) => {
    if (!path.endsWith("$batch") || !body.includes("HTTP/1.1 204") || count > 1) return body;
    const delimiter = body.slice(0, body.indexOf("\r\n"));
    return body.split(delimiter).slice(0, 8).join(delimiter) + delimiter;
  });
  const config = configOf(bench.sandbox);
  await using tokens = tokenSource(config.auth, new URL(config.url), { authority: config.url });
  const token = await tokens.token(running());
  await using destination = await openDataverse({
    ...config,
    auth: { type: "bearer", token },
    url: proxy.url,
  });
  const compiled = await compile({ ...bench, destination }, notes);
  await bench.resetCounters();
  const result = await write(compiled, added(Array.from({ length: 20 }, (_, index) => [`N-${index}`, "x"])));
  expect(tallied(result)).toEqual({ applied: 20 });
  const { operations, rows: written } = await bench.counters();
  expect(operations.upsert).toBe(20 + 13);
  expect(written.new_note?.create).toBe(20);
});

describe("who may not enter is told why", () => {
  test("a wrong secret, never shown", async () => {
    await using bench = await openBench();
    const config = configOf(bench.sandbox);
    const auth = { ...config.auth, client_secret: "wrong-but-secret" } as NonNullable<typeof config.auth>;
    await using destination = await openDataverse({ ...config, auth });
    const error = await refusal(destination.identify(running()));
    expect(error.problems[0]).toMatchObject({ kind: "connection", code: "auth.AADSTS7000215" });
    expect(JSON.stringify([error.message, error.stack, error.problems])).not.toContain("wrong-but-secret");
  });

  test("a bearer token that is none", async () => {
    await using bench = await openBench({}, { config: { auth: { type: "bearer", token: "s3cr3t" } } });
    const error = await refusal(bench.destination.identify(running()));
    expect(error.kind).toBe("connection");
    expect(error.message).toContain("401");
    expect(JSON.stringify([error.message, error.stack, error.problems])).not.toContain("s3cr3t");
  });

  test("a user that the organisation does not know", async () => {
    await using bench = await openBench({
      users: [{ clientId: "11111111-1111-4111-8111-111111111111", clientSecret: "x-secret", member: false }],
    });
    const config = configOf(bench.sandbox);
    await using destination = await openDataverse({
      ...config,
      auth: {
        type: "client_secret",
        tenant: bench.sandbox.tenant,
        client_id: "11111111-1111-4111-8111-111111111111",
        client_secret: "x-secret",
      },
    });
    expect((await refusal(destination.identify(running()))).problems[0]).toMatchObject({
      kind: "connection",
      code: "dataverse.0x80072560",
      remedy: expect.stringContaining("application user"),
    });
  });

  test("nobody listens there", async () => {
    await using destination = await openDataverse({
      type: "dataverse",
      url: "http://127.0.0.1:1",
      auth: { type: "bearer", token: "t" },
    });
    expect((await refusal(destination.identify(running()))).problems[0]).toMatchObject({
      kind: "connection",
      code: "dataverse.refused",
      remedy: expect.stringContaining("url"),
    });
  });

  test("plain http elsewhere", async () => {
    const opening = openDataverse({
      type: "dataverse",
      url: "http://contoso.example",
      auth: { type: "bearer", token: "t" },
    });
    expect((await refusal(opening)).kind).toBe("config");
  });
});

test("a token that expires in the middle is replaced once", async () => {
  const clock = { offset: 0 };
  await using bench = await openBench({ now: () => new Date(Date.now() + clock.offset) });
  const compiled = await compile(bench, people);
  clock.offset = 2 * 3600 * 1000;
  await bench.resetCounters();
  expect(tallied(await write(compiled, added(rows(2000))))).toEqual({ applied: 2000 });
  expect((await bench.stored("contact")).size).toBe(2000);
});

test("https, with a certificate that is trusted and one that is not", async () => {
  const pems = await generate([{ name: "commonName", value: "127.0.0.1" }], {
    extensions: [
      { name: "subjectAltName", altNames: [{ type: 7, ip: "127.0.0.1" }] },
      { name: "basicConstraints", cA: true },
    ],
  });
  await using bench = await openBench({ tls: { key: pems.private, cert: pems.cert } }, { ca: pems.cert });
  expect(await bench.destination.identify(running())).toMatchObject({
    organization: bench.sandbox.organizationId,
  });
  const compiled = await compile(bench, people);
  expect(tallied(await write(compiled, added(rows(10))))).toEqual({ applied: 10 });
  await using stranger = await openDataverse({
    ...configOf(bench.sandbox),
    auth: { type: "bearer", token: "t" },
  });
  expect((await refusal(stranger.identify(running()))).problems[0]).toMatchObject({
    kind: "connection",
    code: "dataverse.tls",
    remedy: expect.stringContaining("NODE_EXTRA_CA_CERTS"),
  });
});
