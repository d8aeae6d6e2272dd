/** Who is a member, read in as few requests as may be, and kept up with what is written. */
import type { Keeper, Roster } from "./roster.ts";

/** Pages of members that are kept in memory; of a longer list only those are asked for that matter. */
const MOST_PAGES = 50;

export interface Presence {
  /** Those of the ids that are members. */
  of(ids: readonly string[], signal: AbortSignal): Promise<ReadonlySet<string>>;
  everyone(signal: AbortSignal): Promise<ReadonlySet<string>>;
  note(id: string, isMember: boolean): void;
}

/**
 * Asks for the ids at hand until that has cost as much as to read all members; then reads all of them. So it costs at
 * most twice what it would have cost to know beforehand.
 */
export function openPresence(keeper: Keeper, roster: Roster): Presence {
  const pages = keeper.pages(roster);
  let known = pages === 0 ? new Set<string>() : undefined;
  let all = known && Promise.resolve(known);
  let asked = 0;

  const readAll = async (signal: AbortSignal): Promise<Set<string>> => {
    const members = new Set<string>();
    for await (const page of keeper.everyone(roster, signal)) for (const id of page) members.add(id);
    return members;
  };
  const everyone = async (signal: AbortSignal): Promise<ReadonlySet<string>> => {
    all ??= readAll(signal);
    known = await all.catch((error: unknown) => {
      all = undefined;
      throw error;
    });
    return known;
  };
  return {
    everyone,
    async of(ids, signal) {
      const { among } = keeper;
      if (ids.length === 0) return new Set();
      if (all === undefined && among && (asked < pages || pages > MOST_PAGES)) {
        asked++;
        return among(roster, ids, signal);
      }
      const members = await everyone(signal);
      return new Set(ids.filter((id) => members.has(id)));
    },
    note(id, isMember) {
      if (isMember) known?.add(id);
      else known?.delete(id);
    },
  };
}
