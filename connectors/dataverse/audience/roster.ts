/** What has members: a marketing list or a segment, and the calls that read and change who they are. */
import type { Operation, Problem, WriteContext } from "../../../src/sdk.ts";
import type { BatchPart } from "../sender/batch.ts";
import type { Refusal } from "../sender/sender.ts";

export interface Roster {
  readonly id: string;
  /** Its name, for people. */
  readonly title: string;
  /** `lists(…)`. */
  readonly address: string;
  /** Members that it had when it was found; null where it does not say. */
  readonly count: number | null;
  /** Not there yet, or put to rest by us: made, or woken, before its first member comes. */
  readonly sleep: "none" | "new" | "retired";
  /** Made by a sync, as its id tells. */
  readonly isOwn: boolean;
}

/** A body to post, for many members at once. */
export interface Call {
  readonly path: string;
  readonly body: string;
}

/** Whom one request concerns. */
export interface Entry {
  /** Absent for a member that no row speaks of. */
  readonly operation?: Operation;
  /** The member's id. */
  readonly id: string;
}

/** How members are taken off; what there was to prove has been proven. */
export interface Removal {
  /** Those of the members that are there. */
  readonly present: ReadonlySet<string>;
  /** The one whose removal was the proof. */
  readonly gone?: string;
  /** Calls for many members, with the members of each; absent where they go one by one. */
  readonly calls?: (ids: readonly string[]) => readonly (Call & { readonly ids: readonly string[] })[];
  readonly part?: (id: string) => BatchPart;
}

/** The calls of one kind of audience. All ids are in lower case. */
export interface Keeper {
  /** `list` or `segment`, for people. */
  readonly word: string;
  /** Finds what values name, folded; a problem where it cannot be used. */
  find(names: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, Roster | Problem>>;
  /** Makes or wakes what `sleep` says. */
  ready(roster: Roster, context: WriteContext): Promise<Refusal | undefined>;
  /** Requests that reading all members takes, about. */
  pages(roster: Roster): number;
  everyone(roster: Roster, signal: AbortSignal): AsyncGenerator<readonly string[]>;
  /** Those of the ids that are members; absent where only all of them can be read. */
  readonly among?: (
    roster: Roster,
    ids: readonly string[],
    signal: AbortSignal,
  ) => Promise<ReadonlySet<string>>;
  /** Members that there are now. */
  count(roster: Roster, signal: AbortSignal): Promise<number>;
  /** Members of one call. */
  readonly most: number;
  /** One request for up to `most` members. */
  add(roster: Roster, ids: readonly string[], context: WriteContext): Promise<Call | Problem>;
  /** The same for one member, where one by one is possible. */
  readonly addOne?: (roster: Roster, id: string) => BatchPart;
  /** How members are taken off; proves what is not certain by removing one of them. */
  removal(roster: Roster, ids: readonly string[], context: WriteContext): Promise<Removal | Problem>;
  /** After the last change of a run. @param changed whether members came or went */
  close(roster: Roster, changed: boolean, context: WriteContext): Promise<Problem | undefined>;
}

/** A row whose value says nothing. */
export const unnamed = (word: string): Problem => ({
  kind: "config",
  code: "audience.name",
  message: `The name of the ${word} is empty.`,
  remedy: `Name one, or leave the row out.`,
});

export const isRoster = (found: Roster | Problem): found is Roster => "address" in found;
