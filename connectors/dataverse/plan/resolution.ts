/** Where the values of rows lead in the destination. Pure. */
import type { Rules, Stub } from "../../../src/sdk.ts";
import type { Found } from "../compile/mapping.ts";
import { CREATED, type Held, isInactive } from "./held.ts";
import type { Several } from "./several.ts";

/**
 * Where a parent's value leads: to one record, to several, to none, to one that an earlier sync will have written
 * (`promised`), or to one that the same run writes, but maybe later (`awaited`). A `stub` has to be made before.
 */
export type Resolution =
  | { readonly id: string; readonly stub?: Stub }
  | Several
  | "missing"
  | "promised"
  | "awaited";

/** Several records that all are meant. */
export interface Many {
  readonly many: readonly Held[];
}

/** Where a match leads; `unread` when nobody asked. */
export type Match = Held | Many | Several | "missing" | "unread";

export interface Resolved {
  parent(ref: string, value: string): Resolution;
  record(found: Found): Match;
  /** A record by its id, where its values had to be known. */
  current(id: string): Held | undefined;
  /** True of a record that was looked for by its id and is not there. */
  isGone(id: string): boolean;
  /** True when every record that a row is known to have was read. */
  readonly isReread: boolean;
}

export const isMany = (found: Match): found is Many => typeof found === "object" && "many" in found;

/** Of the records that a match finds, the one that is meant, or those: active ones before inactive ones. */
export function chosen(found: readonly Held[], onMany: Rules["onMany"]): Match {
  const [first, ...others] = found;
  if (first === undefined) return "missing";
  if (others.length === 0) return first;
  const active = found.filter((held) => !isInactive(held));
  if (active.length === 1) return active[0]!;
  const meant = active.length > 0 ? active : found;
  if (onMany === "all") return { many: meant };
  if (onMany === "first_created") return [...meant].sort(byCreation)[0]!;
  return { several: found.map(({ id }) => id) };
}

const byCreation = (a: Held, b: Held): number =>
  String(a.row[CREATED]).localeCompare(String(b.row[CREATED])) || a.id.localeCompare(b.id);
