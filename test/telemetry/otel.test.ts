/** OpenTelemetry, as its variables ask for it: what a real OTLP/HTTP receiver gets of a run. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { wantsTelemetry } from "../../src/telemetry/asked.ts";
import {
  backhaul,
  orderProject,
  type RunningSandbox,
  sandboxEnv,
  sandboxProcess,
  writeFiles,
} from "../support/cli.ts";
import { inDuckdb, temporaryFolder } from "../support/project.ts";

let sandbox: RunningSandbox;
beforeAll(async () => {
  sandbox = await sandboxProcess();
});
afterAll(() => sandbox[Symbol.asyncDispose]());

// biome-ignore lint/suspicious/noExplicitAny: OTLP in JSON; the test looks into it as it likes
type Otlp = any;

async function collector() {
  const received: { path: string; body: Otlp }[] = [];
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const raw = Buffer.concat(parts);
    const text = request.headers["content-encoding"] === "gzip" ? gunzipSync(raw) : raw;
    received.push({ path: request.url ?? "", body: JSON.parse(text.toString()) });
    response.writeHead(200, { "content-type": "application/json" }).end("{}");
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  onTestFinished(() => void server.close());
  return { received, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const plain = (value: Otlp): unknown => value.stringValue ?? Number(value.intValue ?? value.doubleValue);
const attributesOf = ({ attributes }: Otlp): Record<string, unknown> =>
  Object.fromEntries(attributes.map(({ key, value }: Otlp) => [key, plain(value)]));

test("nothing is loaded without its variables", () => {
  expect(wantsTelemetry({})).toBe(false);
  expect(wantsTelemetry({ OTEL_EXPORTER_OTLP_ENDPOINT: "" })).toBe(false);
  expect(wantsTelemetry({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://x", OTEL_SDK_DISABLED: "true" })).toBe(false);
  expect(wantsTelemetry({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://x" })).toBe(true);
});

test("a run is a trace of its steps, batches and requests, within the caller's, and is measured; no value of a row is told", async () => {
  using folder = temporaryFolder();
  const { received, url } = await collector();
  writeFiles(folder.path, orderProject());
  await inDuckdb(
    `${folder.path}/warehouse.duckdb`,
    "CREATE TABLE orders AS SELECT i AS id, 'Lovelace-' || i AS number, 'Ada' AS name, 1 AS amount FROM range(3) t(i)",
  );
  const parent = "4bf92f3577b34da6a3ce929d0e0e4736";
  const run = await backhaul(["run", "--project", folder.path, "--json"], {
    env: {
      ...sandboxEnv(sandbox),
      OTEL_EXPORTER_OTLP_ENDPOINT: url,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_SERVICE_NAME: "crm-sync",
      TRACEPARENT: `00-${parent}-00f067aa0ba902b7-01`,
    },
  });
  expect(run.code, run.stderr).toBe(0);
  const resources = received
    .filter(({ path }) => path === "/v1/traces")
    .flatMap(({ body }) => body.resourceSpans);
  expect(attributesOf(resources[0].resource)["service.name"]).toBe("crm-sync");
  const spans: Otlp[] = resources.flatMap(({ scopeSpans }: Otlp) =>
    scopeSpans.flatMap(({ spans }: Otlp) => spans),
  );
  const named = (name: string): Otlp => {
    const found = spans.find((span) => span.name === name);
    expect(found, name).toBeDefined();
    return found;
  };
  const whole = named("backhaul.run");
  expect(whole).toMatchObject({ traceId: parent, parentSpanId: "00f067aa0ba902b7" });
  expect(attributesOf(whole)).toMatchObject({
    "backhaul.run": run.json.runs[0].run,
    "backhaul.sync": "orders",
    "backhaul.rows": 3,
    "backhaul.applied": 3,
  });
  for (const name of ["backhaul.stage", "backhaul.diff", "backhaul.write", "backhaul.commit"])
    expect(named(name).parentSpanId, name).toBe(whole.spanId);
  const batch = named("backhaul.batch");
  expect(batch.traceId).toBe(parent);
  expect(attributesOf(batch)["backhaul.run"]).toBe(run.json.runs[0].run);
  const sent = spans.find((span) => span.parentSpanId === batch.spanId && span.name === "POST");
  expect(attributesOf(sent)).toMatchObject({
    "http.request.method": "POST",
    "http.response.status_code": 200,
  });

  const metrics: Otlp[] = received
    .filter(({ path }) => path === "/v1/metrics")
    .flatMap(({ body }) => body.resourceMetrics)
    .flatMap(({ scopeMetrics }: Otlp) => scopeMetrics.flatMap(({ metrics }: Otlp) => metrics));
  const points = (name: string): Otlp[] => {
    const metric = metrics.findLast((one) => one.name === name);
    expect(metric, name).toBeDefined();
    return (metric.sum ?? metric.histogram).dataPoints;
  };
  expect(attributesOf(points("backhaul.runs")[0])).toEqual({
    "backhaul.sync": "orders",
    "backhaul.result": "ok",
  });
  expect(points("backhaul.rows").map((point) => Number(point.asInt ?? point.asDouble))).toEqual([3]);
  expect(points("backhaul.step.duration").map((point) => attributesOf(point)["backhaul.step"])).toContain(
    "batch",
  );
  expect(points("http.client.request.duration").length).toBeGreaterThan(0);

  const all = JSON.stringify(received);
  for (const secret of ["Lovelace", "Ada", sandbox.client_secret]) expect(all).not.toContain(secret);
});

test("a receiver that is away costs a run nothing but its patience", async () => {
  using folder = temporaryFolder();
  writeFiles(folder.path, orderProject());
  await inDuckdb(
    `${folder.path}/warehouse.duckdb`,
    "CREATE TABLE orders AS SELECT 1 AS id, 'N-1' AS number, 'n' AS name, 1 AS amount",
  );
  const run = await backhaul(["run", "--project", folder.path, "--json"], {
    env: {
      ...sandboxEnv(sandbox),
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1",
      OTEL_METRICS_EXPORTER: "console",
      OTEL_LOG_LEVEL: "debug",
    },
  });
  expect(run.code).toBe(0);
  expect(run.stderr).toContain("backhaul.runs");
  expect(run.json.runs[0].applied).toBe(1);
});

test("a receiver that answers without an end does not keep the process", async () => {
  using folder = temporaryFolder();
  writeFiles(folder.path, orderProject());
  await inDuckdb(
    `${folder.path}/warehouse.duckdb`,
    "CREATE TABLE orders AS SELECT 1 AS id, 'N-1' AS number, 'n' AS name, 1 AS amount",
  );
  const dripping: NodeJS.Timeout[] = [];
  const server = createServer((_, response) => {
    response.writeHead(200);
    dripping.push(setInterval(() => response.write("{"), 200));
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  onTestFinished(() => {
    dripping.forEach(clearInterval);
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const run = await backhaul(["run", "--project", folder.path, "--json"], {
    env: { ...sandboxEnv(sandbox), OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` },
  });
  expect(run.code).toBe(0);
  expect(run.json.runs).toHaveLength(1);
});
