/** Writes into the log what the engine tells of its steps. */
import { type Step, steps } from "../telemetry/span.ts";
import type { Log } from "./log.ts";

/** Until it is disposed. A run and its phases are told at the level `info`, batches at `debug`. */
export function logSteps(log: Log): Disposable {
  const listen = (message: unknown): void => {
    const { name, state, attributes, ms } = message as Step;
    const fields = Object.fromEntries(
      Object.entries(attributes).map(([key, value]) => [key.replace(/^backhaul\./, ""), value]),
    );
    const took = ms === undefined ? {} : { seconds: Math.round(ms / 10) / 100 };
    const level = state === "failed" ? "error" : name === "batch" ? "debug" : endLevel(name, state, fields);
    log[level]({ ...fields, ...took }, `${name} ${state}`);
  };
  steps.subscribe(listen);
  return { [Symbol.dispose]: () => void steps.unsubscribe(listen) };
}

function endLevel(
  name: Step["name"],
  state: Step["state"],
  fields: Readonly<Record<string, unknown>>,
): "debug" | "info" | "warn" {
  if (name === "run") return fields.stopped === undefined ? "info" : "warn";
  return state === "begun" ? "info" : "debug";
}
