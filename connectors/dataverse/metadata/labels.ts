/** Parts of definitions as they come. Pure. */
import type { Json } from "../sender/service.ts";

/** The label in the user's language, else in any. */
export function labelOf(label: Json): string {
  return String(label?.UserLocalizedLabel?.Label ?? label?.LocalizedLabels?.[0]?.Label ?? "");
}

export function list(value: unknown): Json[] {
  return Array.isArray(value) ? value : [];
}
