/**
 * What takes its time, told to whoever listens: a span of OpenTelemetry, which costs nothing until its SDK is loaded,
 * and a message on a channel, from which the log and the metrics are made.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { channel } from "node:diagnostics_channel";
import { type Attributes, type Context, context, type Span, SpanStatusCode, trace } from "@opentelemetry/api";
import { firstOf } from "../core/errors.ts";

export type { Attributes };

/** A step that has begun or ended. */
export interface Step {
  readonly name: StepName;
  readonly state: "begun" | "ended" | "failed";
  /** What is known of it so far; names as OpenTelemetry writes them. */
  readonly attributes: Attributes;
  /** Milliseconds it took, once it is over. */
  readonly ms?: number;
}

/** `request` is told by the HTTP client itself. */
export type StepName = "run" | "stage" | "diff" | "write" | "batch" | "commit" | "wait";

export const steps = channel("backhaul:step");

/** What all steps inside of one have in common with it. */
const INHERITED = ["backhaul.run", "backhaul.sync"];
const around = new AsyncLocalStorage<Attributes>();

let outer: Context | undefined;

/** Makes steps that are in no other one part of a trace that was begun elsewhere. */
export function inside(given: Context): void {
  outer = given;
}

/** Does a step; `set` adds what is learned on the way. */
export async function step<T>(
  name: StepName,
  own: Attributes,
  work: (set: (more: Attributes) => void) => Promise<T>,
): Promise<T> {
  const attributes = { ...around.getStore(), ...own };
  const inherited = Object.fromEntries(INHERITED.map((key) => [key, attributes[key]]));
  const parent = trace.getSpan(context.active()) === undefined && outer ? outer : context.active();
  return trace
    .getTracer("backhaul")
    .startActiveSpan(`backhaul.${name}`, { attributes }, parent, async (span: Span) => {
      const all = { ...attributes };
      const set = (more: Attributes): void => {
        Object.assign(all, more);
        span.setAttributes(more);
      };
      const started = performance.now();
      tell({ name, state: "begun", attributes: all });
      try {
        const result = await around.run(inherited, () => work(set));
        tell({ name, state: "ended", attributes: all, ms: performance.now() - started });
        return result;
      } catch (error) {
        // The message may quote a row: its code says enough.
        const code = codeOf(error);
        span.setStatus({ code: SpanStatusCode.ERROR, message: code });
        set({ "error.type": code });
        tell({ name, state: "failed", attributes: all, ms: performance.now() - started });
        throw error;
      } finally {
        span.end();
      }
    });
}

/** Tells that a step waits, for so many milliseconds, because the service asks for it or is away. */
export function waits(ms: number, reason: string): void {
  const attributes = { ...around.getStore(), "backhaul.wait_seconds": ms / 1_000, "backhaul.reason": reason };
  tell({ name: "wait", state: "begun", attributes });
}

function tell(message: Step): void {
  if (steps.hasSubscribers) steps.publish(message);
}

function codeOf(thrown: unknown): string {
  const error = firstOf(thrown);
  if (typeof error !== "object" || error === null) return "unknown";
  const { code, name } = error as { code?: unknown; name?: unknown };
  // An abort's code is a number that nobody knows.
  return String(typeof code === "string" ? code : (name ?? "unknown"));
}
