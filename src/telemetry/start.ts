/**
 * OpenTelemetry's SDK, which is optional, loaded when its variables are set, and what is measured besides spans.
 * What it is told holds no value of a row: no query, no path of a request, no argument of a command.
 */
import { Console } from "node:console";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import {
  context,
  DiagLogLevel,
  diag,
  metrics,
  propagation,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";
import { inside, type Step, steps } from "./span.ts";

/** How long the last export may take, in milliseconds. */
const PATIENCE_MS = 5_000;

const LEVELS: Readonly<Record<string, DiagLogLevel | undefined>> = {
  error: DiagLogLevel.ERROR,
  warn: DiagLogLevel.WARN,
  info: DiagLogLevel.INFO,
  debug: DiagLogLevel.DEBUG,
  verbose: DiagLogLevel.VERBOSE,
  all: DiagLogLevel.ALL,
};

/**
 * Starts the SDK; when disposed, sends what is left. The SDK reads its own variables.
 *
 * @returns undefined when the package is not installed
 */
export async function startTelemetry(env: NodeJS.ProcessEnv): Promise<AsyncDisposable | undefined> {
  const sdk = await import("@opentelemetry/sdk-node").catch((error: { code?: string }) => {
    if (error.code === "ERR_MODULE_NOT_FOUND") return undefined;
    throw error;
  });
  if (sdk === undefined) return undefined;
  // What the SDK's specification says of variables that are not set.
  env.OTEL_METRICS_EXPORTER ??= "otlp";
  env.OTEL_LOGS_EXPORTER ??= "none";
  env.OTEL_SERVICE_NAME ??= "backhaul";
  const { NodeSDK, resources } = sdk;
  // What the SDK says, and its console exporters write, is no result: stdout may hold JSON.
  const aside = new Console(process.stderr, process.stderr);
  console.dir = aside.dir.bind(aside);
  const { OTEL_LOG_LEVEL: level = "" } = env;
  delete env.OTEL_LOG_LEVEL; // the SDK would write by a console of its own
  const logLevel = LEVELS[level.toLowerCase()];
  const say = (...args: unknown[]): void => aside.error(...args);
  if (logLevel !== undefined)
    diag.setLogger({ error: say, warn: say, info: say, debug: say, verbose: say }, { logLevel });
  const node = new NodeSDK({ instrumentations: [], resourceDetectors: [resources.envDetector] });
  node.start();
  if (level !== "") env.OTEL_LOG_LEVEL = level; // for the runs of a schedule
  const carrier = { traceparent: env.TRACEPARENT, tracestate: env.TRACESTATE };
  inside(propagation.extract(context.active(), carrier));
  const measuring = [measureSteps(), traceRequests()];
  return {
    async [Symbol.asyncDispose]() {
      for (const one of measuring) one[Symbol.dispose]();
      const late = new Promise<void>((done) => setTimeout(done, PATIENCE_MS).unref());
      await Promise.race([node.shutdown().catch(() => {}), late]);
    },
  };
}

const OUTCOMES = ["applied", "unchanged", "rejected", "deferred"] as const;

function measureSteps(): Disposable {
  const meter = metrics.getMeter("backhaul");
  const runs = meter.createCounter("backhaul.runs", { description: "Runs that ended." });
  const rows = meter.createCounter("backhaul.rows", { description: "Rows, by what became of them." });
  const took = meter.createHistogram("backhaul.step.duration", { unit: "s", description: "Time of a step." });
  const listen = (message: unknown): void => {
    const { name, state, attributes, ms = 0 } = message as Step;
    if (state === "begun") return;
    const sync = attributes["backhaul.sync"] ?? "";
    took.record(ms / 1_000, { "backhaul.step": name, "backhaul.sync": sync });
    if (name !== "run") return;
    const result = state === "failed" ? "failed" : (attributes["backhaul.stopped"] ?? "ok");
    runs.add(1, { "backhaul.sync": sync, "backhaul.result": result });
    for (const outcome of OUTCOMES) {
      const count = Number(attributes[`backhaul.${outcome}`] ?? 0);
      if (count > 0) rows.add(count, { "backhaul.sync": sync, "backhaul.outcome": outcome });
    }
  };
  steps.subscribe(listen);
  return { [Symbol.dispose]: () => void steps.unsubscribe(listen) };
}

interface HttpEvent {
  readonly request: { readonly origin?: string | URL; readonly method?: string };
  readonly response?: { readonly statusCode: number };
  readonly error?: { readonly code?: string; readonly name: string };
}

/** A span and a duration for each request that undici makes, by the channels it offers for that. */
function traceRequests(): Disposable {
  const tracer = trace.getTracer("backhaul");
  const took = metrics
    .getMeter("backhaul")
    .createHistogram("http.client.request.duration", { unit: "s", description: "Time of an HTTP request." });
  const open = new WeakMap<object, { readonly span: Span; readonly started: number; status?: number }>();
  const about = ({ origin, method = "GET" }: HttpEvent["request"]) => {
    const url = URL.canParse(String(origin)) ? new URL(String(origin)) : undefined;
    return { "http.request.method": method, ...(url ? { "server.address": url.hostname } : {}) };
  };
  const end = ({ request, error }: HttpEvent): void => {
    const one = open.get(request);
    if (one === undefined) return;
    open.delete(request);
    const { span, started, status } = one;
    const code = error ? (error.code ?? error.name) : undefined;
    const more = {
      ...(status === undefined ? {} : { "http.response.status_code": status }),
      ...(code === undefined ? {} : { "error.type": code }),
    };
    span.setAttributes(more);
    if (code !== undefined || (status ?? 0) >= 400) span.setStatus({ code: SpanStatusCode.ERROR });
    span.end();
    took.record((performance.now() - started) / 1_000, { ...about(request), ...more });
  };
  const listeners: readonly (readonly [string, (message: unknown) => void])[] = [
    [
      "undici:request:create",
      (message) => {
        const { request } = message as HttpEvent;
        const attributes = about(request);
        const span = tracer.startSpan(attributes["http.request.method"], {
          kind: SpanKind.CLIENT,
          attributes,
        });
        open.set(request, { span, started: performance.now() });
      },
    ],
    [
      "undici:request:headers",
      (message) => {
        const { request, response } = message as HttpEvent;
        const one = open.get(request);
        if (one !== undefined && response !== undefined) one.status = response.statusCode;
      },
    ],
    ["undici:request:trailers", (message) => end(message as HttpEvent)],
    ["undici:request:error", (message) => end(message as HttpEvent)],
  ];
  for (const [name, listener] of listeners) subscribe(name, listener);
  return {
    [Symbol.dispose]() {
      for (const [name, listener] of listeners) unsubscribe(name, listener);
    },
  };
}
