import { describe, expect, test } from "vitest";
import type { LimitOptions } from "../../src/sandbox/index.ts";
import { openWire, tokenFor, type Wire } from "./client.ts";

const START = Date.parse("2025-03-01T10:00:00Z");

/** A sandbox whose clock stands until told. */
async function withLimits(limits: LimitOptions, more: object = {}) {
  let time = START;
  const wire = await openWire({ limits, now: () => new Date(time), tokenLifetime: 1e9, ...more });
  return Object.assign(wire, {
    pass(seconds: number) {
      time += seconds * 1000;
    },
  });
}

const ping = (wire: Wire, headers: Record<string, string> = {}) =>
  wire.call("GET", "WhoAmI", undefined, headers);
const statuses = async (times: number, run: () => Promise<{ status: number }>): Promise<number[]> => {
  const seen: number[] = [];
  for (let at = 0; at < times; at++) seen.push((await run()).status);
  return seen;
};

describe("the three limits", () => {
  test("requests: refused in the documented words, let in again when the window has slid", async () => {
    await using wire = await withLimits({ requests: 3 });
    expect(await statuses(3, () => ping(wire))).toEqual([200, 200, 200]);
    const refused = await ping(wire);
    expect([refused.status, refused.json]).toEqual([
      429,
      {
        error: {
          code: "0x80072322",
          message: "Number of requests exceeded the limit of 3 over time window of 300 seconds.",
        },
      },
    ]);
    expect(refused.headers).toMatchObject({
      "retry-after": "300",
      "content-type": "application/json; odata.metadata=minimal",
      "odata-version": "4.0",
      "x-ms-ratelimit-burst-remaining-xrm-requests": "0",
    });
    wire.pass(299);
    expect((await ping(wire)).status).toBe(429);
    wire.pass(20);
    expect((await ping(wire)).status).toBe(200);
  });

  test("the window slides: what is old frees what was used, bit by bit", async () => {
    await using wire = await withLimits({ requests: 2 });
    await ping(wire);
    wire.pass(200);
    await ping(wire);
    expect((await ping(wire)).headers["retry-after"]).toBe("100");
    wire.pass(101);
    expect(await statuses(2, () => ping(wire))).toEqual([200, 429]);
  });

  test("execution time: the sum of what the cost model says", async () => {
    await using wire = await withLimits(
      { executionSeconds: 1 },
      { costs: { request: 0, kinds: { create: { base: 300, row: 100 } }, tables: { contact: 2 } } },
    );
    await wire.call("POST", "accounts", { name: "a" });
    const second = await wire.call("POST", "accounts", { name: "b" });
    expect(second.headers["x-ms-ratelimit-time-remaining-xrm-requests"]).toBe("0.20");
    await wire.call("POST", "contacts", { lastname: "c" });
    const refused = await wire.call("POST", "accounts", { name: "d" });
    expect(refused.json.error).toEqual({
      code: "0x80072321",
      message:
        "Combined execution time of incoming requests exceeded limit of 1,000 milliseconds over time window of 300 seconds. " +
        "Decrease number of concurrent requests or reduce the duration of requests and try again later.",
    });
    const { usage } = (await wire.admin("GET", "limits")).json;
    expect(usage).toMatchObject([{ server: 0, requests: 3, executionMs: 1600 }]);
  });

  test("a bulk message is one request whose rows count; so is a batch with its parts", async () => {
    await using wire = await withLimits(
      {},
      {
        costs: {
          request: 1,
          kinds: {
            createMultiple: { base: 10, row: 2 },
            batch: { base: 100, row: 0 },
            create: { base: 20, row: 0 },
          },
        },
      },
    );
    const Targets = [1, 2, 3].map((at) => ({
      "@odata.type": "Microsoft.Dynamics.CRM.account",
      name: String(at),
    }));
    await wire.call("POST", "accounts/Microsoft.Dynamics.CRM.CreateMultiple", { Targets });
    const part = `--b1\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\nPOST /api/data/v9.2/accounts HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{"name":"x"}\r\n`;
    expect((await wire.batch(`${part}${part}--b1--\r\n`)).status).toBe(200);
    const { usage } = (await wire.admin("GET", "limits")).json;
    expect(usage).toMatchObject([{ requests: 2, executionMs: 1 + 16 + (1 + 100 + 40) }]);
  });

  test("concurrency: only when replies really take their time", async () => {
    await using wire = await openWire({
      limits: { concurrency: 3, delays: true },
      costs: { request: 0, kinds: { whoAmI: { base: 200, row: 0 } } },
    });
    const before = performance.now();
    const answers = await Promise.all(Array.from({ length: 5 }, () => ping(wire)));
    expect(performance.now() - before).toBeGreaterThan(190);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 200, 429, 429]);
    const refused = answers.find(({ status }) => status === 429);
    expect(refused?.json.error).toEqual({
      code: "0x80072326",
      message: "Number of concurrent requests exceeded the limit of 3.",
    });
    expect(Number(refused?.headers["retry-after"])).toBeGreaterThanOrEqual(1);
    expect((await ping(wire)).status).toBe(200);
  });

  test("a client that keeps pressing waits longer; one that was already under way does not", async () => {
    await using wire = await withLimits({ requests: 1 });
    await ping(wire);
    wire.pass(200);
    const first = Number((await ping(wire)).headers["retry-after"]);
    expect(first).toBe(100);
    const stragglers = await Promise.all([ping(wire), ping(wire)]);
    expect(stragglers.map(({ headers }) => Number(headers["retry-after"]))).toEqual([first, first]);
    let last = first;
    let elapsed = 0;
    for (let at = 0; at < 5; at++) {
      wire.pass(4);
      elapsed += 4;
      const wait = Number((await ping(wire)).headers["retry-after"]);
      expect(elapsed + wait).toBeGreaterThan(last);
      last = elapsed + wait;
    }
    expect(last).toBeGreaterThan(first);
  });

  test("the factor shrinks window and contents, and the texts say so", async () => {
    await using wire = await withLimits({ factor: 1000 });
    expect(await statuses(7, () => ping(wire))).toEqual([200, 200, 200, 200, 200, 200, 429]);
    const refused = await ping(wire);
    expect(refused.json.error.message).toContain("limit of 6 over time window of 0.3 seconds");
    expect(refused.headers["retry-after"]).toBe("1");
    wire.pass(1);
    expect((await ping(wire)).status).toBe(200);
  });
});

describe("who is counted where", () => {
  const other = { clientId: "7c0d9f0e-31fc-4a47-9b53-5a2f7a3c11dd", clientSecret: "s" };

  test("each user by himself", async () => {
    await using wire = await withLimits({ requests: 1 }, { users: [other] });
    const form = { client_id: other.clientId, client_secret: other.clientSecret };
    const token = (await tokenFor(wire.sandbox, form)).json.access_token;
    expect(await statuses(2, () => ping(wire))).toEqual([200, 429]);
    expect((await ping(wire, { Authorization: `Bearer ${token}` })).status).toBe(200);
  });

  test("each server by itself; a client without cookies is spread, one that keeps the cookie stays", async () => {
    await using wire = await withLimits({ requests: 2 }, { servers: 3 });
    expect(await statuses(7, () => ping(wire))).toEqual([200, 200, 200, 200, 200, 200, 429]);
    await wire.admin("POST", "limits", { requests: 2 });
    const cookie = String((await ping(wire)).headers["set-cookie"]).split(";")[0] as string;
    expect(cookie).toMatch(/^ARRAffinity=[0-9a-f]{32}$/);
    expect(await statuses(3, () => ping(wire, { Cookie: cookie }))).toEqual([200, 429, 429]);
    expect((await ping(wire)).status).toBe(200);
  });

  test("nobody when the limits are off, as they are at first", async () => {
    await using wire = await openWire();
    const answer = await ping(wire);
    expect(answer.headers["x-ms-ratelimit-burst-remaining-xrm-requests"]).toBe("5999");
    expect(answer.headers["set-cookie"]).toBeUndefined();
    await wire.admin("POST", "limits", { requests: 1, hint: 99, latency: 40 });
    const before = performance.now();
    const counted = await ping(wire);
    expect(performance.now() - before).toBeGreaterThan(38);
    expect(counted.headers["x-ms-dop-hint"]).toBe("99");
    expect((await ping(wire)).status).toBe(429);
    await wire.admin("DELETE", "limits");
    expect((await ping(wire)).status).toBe(200);
  });
});

test("the ceiling follows from the limits and the cost model", async () => {
  await using wire = await openWire({
    limits: true,
    servers: 2,
    costs: { request: 0, kinds: { upsertMultiple: { base: 100, row: 1 } }, tables: { contact: 2 } },
  });
  const ask = async (query: string) => (await wire.admin("GET", `limits?${query}`)).json.ceiling;
  // 1200 s of work in 300 s make 4 s a second and server; 900 rows cost 1 s.
  expect(await ask("kind=upsertMultiple&rows=900")).toMatchObject({
    rowsPerSecond: 7200,
    requestsPerSecond: 8,
    executionMs: 1000,
    boundBy: "execution",
    parallelism: 8,
  });
  expect((await ask("kind=upsertMultiple&rows=900&table=contact")).rowsPerSecond).toBe(3600);
  await wire.admin("POST", "limits", { costs: { kinds: { upsertMultiple: { base: 0, row: 0.001 } } } });
  expect(await ask("kind=upsertMultiple&rows=900")).toMatchObject({
    rowsPerSecond: 36_000,
    boundBy: "requests",
  });
  await wire.admin("POST", "limits", {
    concurrency: 1,
    costs: { kinds: { upsertMultiple: { base: 1000, row: 0 } } },
  });
  expect(await ask("kind=upsertMultiple&rows=100")).toMatchObject({
    rowsPerSecond: 200,
    boundBy: "concurrency",
    parallelism: 2,
  });
  expect((await wire.admin("GET", "limits?kind=nonsense")).status).toBe(400);
});
