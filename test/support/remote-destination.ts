/** A free destination behind HTTP: it outlives the process that writes to it. */
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { Change, Operation } from "../../src/core/change.ts";
import type { SyncSpec } from "../../src/core/spec.ts";
import type { Column } from "../../src/core/value.ts";
import type { CompiledSync } from "../../src/ports.ts";
import type { FreeDestination } from "./free-destination.ts";

export interface RemoteDestination extends AsyncDisposable {
  readonly url: string;
  /** Milliseconds that each write takes, and what it waits for. */
  delay: number;
  /** Writes that come from now on wait until what it gives is called: a slow machine changes nothing in that. */
  hold(): () => void;
}

interface Call {
  readonly sync: SyncSpec;
  readonly columns: readonly Column[];
  readonly changes?: readonly Change[];
  readonly operations?: readonly Operation[];
}

/** Serves `compile`, `plan` and `write` as JSON; `test/support/engine-child.mjs` is the other end. */
export async function serveDestination(destination: FreeDestination): Promise<RemoteDestination> {
  const signal = new AbortController().signal;
  let held: Promise<void> | undefined;
  const remote = {
    delay: 0,
    hold() {
      const { promise, resolve } = withResolvers();
      held = promise;
      return () => {
        held = undefined;
        resolve();
      };
    },
  };
  const compiled = ({ sync, columns }: Call): Promise<CompiledSync> =>
    destination.compile(sync, columns, signal);
  const answer = async (path: string | undefined, call: Call): Promise<unknown> => {
    const target = await compiled(call);
    if (path === "/plan") return target.plan(call.changes ?? [], { signal, idSeed: [] });
    if (path !== "/write") return target;
    await held;
    if (remote.delay > 0) await new Promise((done) => setTimeout(done, remote.delay));
    async function* batches(): AsyncGenerator<readonly Operation[]> {
      yield call.operations ?? [];
    }
    const outcomes: unknown[] = [];
    for await (const batch of target.write(batches(), { signal, idSeed: [] })) outcomes.push(...batch);
    return outcomes;
  };
  const server = createServer((request, response) => {
    body(request)
      .then((text) => answer(request.url, JSON.parse(text) as Call))
      .then((result) => response.end(JSON.stringify(result)))
      .catch((error: unknown) => response.writeHead(500).end(String(error)));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return Object.assign(remote, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((done) => {
        server.closeAllConnections();
        server.close(() => done());
      }),
  });
}

function withResolvers(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

async function body(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString("utf8");
}
