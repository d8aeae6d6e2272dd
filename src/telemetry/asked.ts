/** Whether the environment asks for telemetry: nothing of it is loaded otherwise. */
const ASKED = [
  "OTEL_EXPORTER_OTLP_ENDPOINT",
  "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
  "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
  "OTEL_TRACES_EXPORTER",
  "OTEL_METRICS_EXPORTER",
];

type Env = Readonly<Record<string, string | undefined>>;

export const wantsTelemetry = (env: Env): boolean =>
  env.OTEL_SDK_DISABLED?.toLowerCase() !== "true" && ASKED.some((name) => Boolean(env[name]));
