/** The health endpoint: `/health` for probes, `/metrics` for Prometheus. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fail } from "../core/errors.ts";
import { isHeld, type Watcher } from "./loop.ts";
import type { Metrics } from "./metrics.ts";

export interface Health extends AsyncDisposable, Omit<Required<Watcher>, "opened" | "settled"> {
  readonly url: string;
  /** It says from now on that it is going to stop. */
  stopping(): void;
}

/** The notebook has not been read for this long, in milliseconds: something is wrong with it, or with us. */
const STALE_MS = 120_000;

export interface HealthOptions {
  readonly port: number;
  readonly host: string;
  readonly metrics: Metrics;
  readonly now: () => number;
}

/** @throws SyncError `schedule.port_taken` */
export async function openHealth({ port, host, metrics, now }: HealthOptions): Promise<Health> {
  let isStopping = false;
  let looked = now();
  let next: number | undefined;
  const running = new Set<string>();
  const last: Record<string, { readonly exit: number; readonly ended: string; readonly run?: string }> = {};

  const server = createServer((request, response) => {
    const path = request.url?.split("?")[0];
    const send = (status: number, type: string, body: string): void => {
      response.writeHead(status, { "content-type": type, "cache-control": "no-store" }).end(body);
    };
    if (request.method !== "GET" && request.method !== "HEAD") send(405, "text/plain", "GET alone\n");
    else if (path === "/metrics")
      metrics.text().then(
        (text) => send(200, metrics.contentType, text),
        () => send(500, "text/plain", "no metrics\n"),
      );
    else if (path === "/health") {
      const isStale = now() - looked > STALE_MS;
      const status = isStopping ? "stopping" : isStale ? "stale" : "ok";
      const body = {
        status,
        looked: new Date(looked).toISOString(),
        ...(next === undefined ? {} : { next: new Date(next).toISOString() }),
        running: [...running].sort(),
        last,
      };
      send(status === "ok" ? 200 : 503, "application/json", `${JSON.stringify(body)}\n`);
    } else send(404, "text/plain", "/health or /metrics\n");
  });
  await new Promise<void>((ready, refuse) => {
    server.once("error", (error: NodeJS.ErrnoException) =>
      refuse(
        fail.connection(
          "schedule.port_taken",
          `The health endpoint cannot listen on ${host}, port ${port} (${error.code}).`,
          "Name another port with --port, or another address with --host, or by schedule.health in backhaul.yml.",
        ),
      ),
    );
    server.listen(port, host, ready);
  });
  const address = server.address() as AddressInfo;
  const name = address.family === "IPv6" ? `[${address.address}]` : address.address;

  return {
    url: `http://${name}:${address.port}`,
    stopping: () => {
      isStopping = true;
    },
    looked(_, at, coming) {
      looked = at;
      next = coming;
    },
    began: ({ sync }) => void running.add(sync),
    ended(done) {
      const { due, exit, run } = done;
      running.delete(due.sync);
      if (isHeld(done)) return;
      last[due.sync] = { exit, ended: new Date(now()).toISOString(), ...(run ? { run: run.run } : {}) };
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}
