import { createServer, type RequestListener } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { describe, expect, test } from "vitest";
import { type Answer, compose, newTally, type Request } from "../../src/http/answer.ts";
import { systemClock } from "../../src/http/clock.ts";
import { gated, openGate } from "../../src/http/gate.ts";
import { authorized, retryReads } from "../../src/http/layers.ts";
import { openTransport, type Transport, type TransportOptions } from "../../src/http/transport.ts";
import { startTokenServer } from "./support/token-server.ts";

const { signal } = new AbortController();
const get = (more: Partial<Request> = {}): Request => ({
  method: "GET",
  path: "/x",
  purpose: "read",
  signal,
  ...more,
});

interface Bench extends AsyncDisposable {
  readonly transport: Transport;
  readonly sockets: Set<Socket>;
}

async function bench(listener: RequestListener, options: Partial<TransportOptions> = {}): Promise<Bench> {
  const sockets = new Set<Socket>();
  const server = createServer(listener).on("connection", (socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const transport = openTransport(`http://127.0.0.1:${port}`, { connections: 4, ...options });
  return {
    transport,
    sockets,
    [Symbol.asyncDispose]: async () => {
      await transport[Symbol.asyncDispose]();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function failureFrom(origin: string) {
  await using transport = openTransport(origin, { connections: 1 });
  return await transport.send(get()); // awaited, so that the transport lives as long
}

describe("a request that is not answered", () => {
  test("because nobody listens", async () => {
    expect(await failureFrom("http://127.0.0.1:1")).toEqual({
      kind: "failure",
      reason: "refused",
      sent: false,
      detail: "ECONNREFUSED",
    });
  });

  test("because the host has no address", async () => {
    expect(await failureFrom("http://contoso.invalid")).toMatchObject({
      reason: "unknown_host",
      sent: false,
    });
  });

  test("because the certificate is not trusted", async () => {
    await using server = await startTokenServer("https");
    expect(await failureFrom(server.origin)).toMatchObject({ reason: "tls", sent: false });
  });

  test("because the connection was reset: it may have been carried out", async () => {
    await using bed = await bench((request) => request.socket.resetAndDestroy());
    expect(await bed.transport.send(get())).toMatchObject({ reason: "reset", sent: true });
  });

  test("because the reply was cut off", async () => {
    await using bed = await bench((request, response) => {
      response.writeHead(200, { "content-length": "100" });
      response.write("half");
      setTimeout(() => request.socket.destroy(), 20);
    });
    expect(await bed.transport.send(get())).toMatchObject({ kind: "failure", reason: "reset", sent: true });
  });

  test("before the deadline", async () => {
    await using bed = await bench(() => {}, { deadline: 200 });
    const started = performance.now();
    expect(await bed.transport.send(get())).toMatchObject({ reason: "timeout", sent: true });
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  test("because the caller stopped", async () => {
    await using bed = await bench(() => {});
    const controller = new AbortController();
    const asking = bed.transport.send(get({ signal: controller.signal }));
    setTimeout(() => controller.abort(), 50);
    expect(await asking).toMatchObject({ reason: "aborted" });
    expect(await bed.transport.send(get({ signal: controller.signal }))).toMatchObject({
      reason: "aborted",
      sent: false,
    });
  });
});

test("a connection is kept, a cookie is not", async () => {
  const cookies: unknown[] = [];
  await using bed = await bench((request, response) => {
    cookies.push(request.headers.cookie);
    response.setHeader("set-cookie", "ARRAffinity=1");
    response.end(request.method);
  });
  for (let times = 0; times < 9; times++) await bed.transport.send(get());
  const answer = await bed.transport.send(get({ method: "POST", body: "ä", purpose: "write" }));
  expect(answer).toMatchObject({ kind: "reply", status: 200, body: "POST" });
  expect(new Set(cookies)).toEqual(new Set([undefined]));
  expect(bed.sockets.size).toBeLessThanOrEqual(2);
});

describe("layers", () => {
  const schedule = { base: 4, cap: 8 };

  /** A server that answers from a list, and everything around it. */
  async function layered(replies: (readonly [status: number, headers?: Record<string, string>])[]) {
    const tokens: unknown[] = [];
    const bed = await bench((request, response) => {
      tokens.push(request.headers.authorization);
      const [status, headers = {}] = replies[Math.min(tokens.length, replies.length) - 1] ?? [500];
      response.writeHead(status, headers).end();
    });
    const tally = newTally();
    const gate = openGate({ windowMs: 300_000, start: 2, most: 8, patience: 60_000 });
    let issued = 1;
    const source = {
      token: async (_signal: AbortSignal, refused?: string) => {
        if (refused === `t${issued}`) issued++;
        return `t${issued}`;
      },
    };
    const send = compose(
      [
        retryReads({ tally, schedule, attempts: 4 }),
        authorized(source),
        gated(gate, { tally, signs: { hint: "x-hint" } }),
      ],
      (request) => bed.transport.send(request),
    );
    return { send, tally, gate, tokens, [Symbol.asyncDispose]: () => bed[Symbol.asyncDispose]() };
  }

  const status = (answer: Answer) => (answer.kind === "reply" ? answer.status : answer.reason);

  test("reads are repeated until they succeed, and no longer than allowed", async () => {
    await using ok = await layered([[503], [502], [200]]);
    expect(status(await ok.send(get()))).toBe(200);
    expect(ok.tally).toMatchObject({ reads: 3, retries: 2 });
    await using never = await layered([[504]]);
    expect(status(await never.send(get()))).toBe(504);
    expect(never.tally).toMatchObject({ reads: 4, retries: 3 });
  });

  test("a token that a reply repeats is taken out of it", async () => {
    const token = "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.secret";
    await using bed = await bench((request, response) => {
      response.writeHead(403).end(`Denied for ${request.headers.authorization}.`);
    });
    const send = compose([authorized({ token: async () => token })], (request) =>
      bed.transport.send(request),
    );
    expect(await send(get())).toMatchObject({ status: 403, body: "Denied for Bearer ***." });
  });

  test("writes are sent once", async () => {
    await using bed = await layered([[503], [200]]);
    expect(status(await bed.send(get({ method: "POST", body: "{}", purpose: "write" })))).toBe(503);
    expect(bed.tally).toMatchObject({ reads: 0, writes: 1, retries: 0 });
  });

  test("what will not change is not repeated", async () => {
    await using bed = await layered([[404]]);
    expect(status(await bed.send(get()))).toBe(404);
    expect(bed.tally.reads).toBe(1);
  });

  test("a refused token is replaced once", async () => {
    await using ok = await layered([[401], [200]]);
    expect(status(await ok.send(get()))).toBe(200);
    expect(ok.tokens).toEqual(["Bearer t1", "Bearer t2"]);
    await using never = await layered([[401]]);
    expect(status(await never.send(get()))).toBe(401);
    expect(never.tokens).toHaveLength(2);
  });

  test("Retry-After stops every request, also those that it was not said to", async () => {
    await using bed = await layered([[429, { "retry-after": "1" }], [200]]);
    const waits: number[] = [];
    const onWait = (milliseconds: number) => waits.push(milliseconds);
    const started = systemClock.now();
    expect(status(await bed.send(get({ purpose: "write", method: "POST", onWait })))).toBe(429);
    expect(systemClock.now() - started).toBeLessThan(900);
    await Promise.all([bed.send(get()), bed.send(get()), bed.send(get())]);
    expect(systemClock.now() - started).toBeGreaterThanOrEqual(1000);
    expect(waits).toEqual([1000]);
    expect(bed.tally).toMatchObject({ throttled: 1, reads: 3 });
    expect(bed.tally.waited).toBeGreaterThan(900);
    expect(bed.tally.waited).toBeLessThanOrEqual(1000);
  });

  test.each(["86400", "9".repeat(400)])(
    "nobody waits for %s seconds, and each is told why",
    async (seconds) => {
      await using bed = await layered([[429, { "retry-after": seconds, "x-say": "full" }]]);
      await using slow = await bench(() => {});
      const { signal: own } = new AbortController();
      expect(status(await bed.send(get({ purpose: "write", method: "POST" })))).toBe(429);
      const later = await bed.send(get({ purpose: "write", method: "POST", signal: own }));
      expect(later).toMatchObject({ kind: "reply", status: 429, headers: { "x-say": "full" } });
      expect(status(await bed.send(get()))).toBe(429);
      expect(bed.tokens).toHaveLength(1);
      expect(bed.tally).toMatchObject({ reads: 0, writes: 1, throttled: 1 });
      // Who stood at the gate when it was closed neither.
      const gate = openGate({ windowMs: 300_000, start: 1, most: 1, patience: 60_000 });
      const send = compose([gated(gate, { tally: newTally() })], (request) => slow.transport.send(request));
      void send(get());
      const waiting = send(get());
      gate.pause(Number(seconds) * 1000);
      expect(await waiting).toMatchObject({ kind: "reply", status: 429 });
    },
  );

  test("the service's advice on parallel requests is taken, within the cap", async () => {
    await using bed = await layered([
      [200, { "x-hint": "5" }],
      [200, { "x-hint": "99" }],
    ]);
    await bed.send(get());
    expect(bed.gate.limit).toBe(5);
    await bed.send(get());
    expect(bed.gate.limit).toBe(5); // later hints are no reason to leap
    await using lying = await layered([[200, { "x-hint": "99" }]]);
    await lying.send(get());
    expect(lying.gate.limit).toBe(8);
  });
});
