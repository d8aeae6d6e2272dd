/** The lists or segments of a sync, as its rows name them, each found once. */
import type { AudienceSpec, Problem } from "../../../src/sdk.ts";
import { folded } from "../url.ts";
import { openPresence, type Presence } from "./presence.ts";
import { isRoster, type Keeper, type Roster } from "./roster.ts";

/** A list or a segment, who is in it, and what a run has done to it. */
export interface Kept {
  readonly roster: Roster;
  readonly presence: Presence;
  /** Resolves when it is there and takes members. */
  ready?: Promise<Problem | undefined>;
  /** Members that a run has added and taken off. */
  added: number;
  removed: number;
  /** Members that no row speaks of and that have to leave. */
  strays: readonly string[];
  /** Why it takes no changes any more, where that came up while the run was at work. */
  closed?: Problem;
  /** Ids of those taken off, so that one who is still there is told. */
  readonly gone: Set<string>;
}

export interface Rosters {
  /** What values name, folded. */
  named(values: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, Kept | Problem>>;
  /** What has been named so far. */
  readonly all: ReadonlyMap<string, Kept>;
  /** By its address. */
  at(address: string): Kept;
}

export const isKept = (found: Kept | Problem): found is Kept => "roster" in found;

export function openRosters(keeper: Keeper): Rosters {
  const known = new Map<string, Kept | Problem>();
  const all = new Map<string, Kept>();
  const keep = (roster: Roster): Kept => {
    const kept = all.get(roster.address) ?? {
      roster,
      presence: openPresence(keeper, roster),
      added: 0,
      removed: 0,
      strays: [],
      gone: new Set<string>(),
    };
    all.set(roster.address, kept);
    return kept;
  };
  return {
    all,
    at: (address) => all.get(address)!,
    async named(values, signal) {
      const open = [...new Map(values.map((value) => [folded(value), value])).entries()].filter(
        ([name]) => !known.has(name),
      );
      if (open.length > 0) {
        const found = await keeper.find(
          open.map(([, value]) => value),
          signal,
        );
        for (const [name, one] of found) known.set(name, isRoster(one) ? keep(one) : one);
      }
      return known;
    },
  };
}

/** The name of the audience, for people. */
export function titleOf(audience: AudienceSpec): string {
  const { kind, named } = audience;
  return "column" in named ? `the ${kind}s by ${named.column}` : `the ${kind} ${named.value}`;
}
