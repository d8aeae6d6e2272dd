/** What rows took in earlier commands: what a forecast goes by before anything was measured. */
import { createHash } from "node:crypto";
import type { Cache } from "../../../src/sdk.ts";
import { isLoopback } from "../config.ts";
import type { Json } from "./service.ts";

/** Milliseconds that a row takes, and a request for itself. */
export interface Cost {
  readonly row: number;
  readonly own: number;
}

/** By object and way of writing. */
export type Costs = Map<string, Cost>;

/** A sandbox has another port at each start. */
function fileOf(origin: string): string {
  const { hostname } = new URL(origin);
  const place = isLoopback(hostname) ? hostname : origin;
  return `${createHash("sha256").update(place).digest("hex").slice(0, 16)}-costs`;
}

export async function recallCosts(cache: Cache | undefined, origin: string): Promise<Costs> {
  const costs: Costs = new Map();
  try {
    const kept: Json = JSON.parse((await cache?.read(fileOf(origin))) ?? "{}");
    for (const [name, { row, own }] of Object.entries<Json>(kept))
      if (row > 0 && own >= 0) costs.set(name, { row, own });
  } catch {
    // What cannot be read is measured again.
  }
  return costs;
}

export async function keepCosts(cache: Cache | undefined, origin: string, costs: Costs): Promise<void> {
  if (costs.size > 0) await cache?.write(fileOf(origin), JSON.stringify(Object.fromEntries(costs)));
}
