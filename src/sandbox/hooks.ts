import { LIST_HOOKS } from "./lists/membership.ts";
import { SEGMENT_HOOKS } from "./lists/segments.ts";
import { PARTY_HOOKS } from "./parties.ts";
import type { Hooks } from "./world.ts";

/** The tables whose writes the service itself has a hand in. */
export const HOOKS: ReadonlyMap<string, Hooks> = new Map<string, Hooks>([
  ...LIST_HOOKS,
  ...SEGMENT_HOOKS,
  ...PARTY_HOOKS,
]);
