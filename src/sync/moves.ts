import type { Added, Change, Changed, Outcome, Planned } from "../core/change.ts";
import type { Problem } from "../core/errors.ts";
import type { Value } from "../core/value.ts";
import type { State } from "../state/state.ts";
import type { Prepared } from "./prepare.ts";

/** Changes are planned in windows, so that what has to be read for them is read in bulk. */
export const WINDOW = 2_000;

type Windows = AsyncIterable<readonly Change[]>;

export interface WaveOptions {
  readonly size: number;
  /** Told of changes that cannot be written now. */
  readonly settle: (outcomes: readonly Rejected[]) => Promise<void>;
}

export type Rejected = Extract<Planned, { readonly status: "rejected" }>;

/**
 * Changes in waves, each to be written whole before the next: removals, which free their match values; records that
 * get a free match value, then those that wanted what these had, and so on; then the rest. A row whose match value
 * another row's record still holds is rejected: to write it would overwrite that record.
 *
 * Memory grows with the match values that move, not with the changes.
 */
export interface Waves {
  all(options: WaveOptions): AsyncGenerator<Windows>;
  /** To be told of what became of the changes of a wave before the next one is taken. */
  release(results: readonly (Outcome | Planned)[]): void;
}

export type Changes = Pick<State, "removals" | "held" | "moves" | "changes">;

export function wavesOf(state: Changes, { shape, sync }: Prepared): Waves {
  /** Match values that records hold although their rows want another one, and the changes that would free them. */
  const held = new Map<string, number>();
  const folded = (row: readonly Value[]): string =>
    JSON.stringify(row.map((part) => part?.replace(/ +$/, "").toLowerCase() ?? null));
  const matchOf = (row: readonly Value[]): string => folded(shape.match.map((i) => row[i] ?? null));
  const isTaken = (change: Changed | Added): boolean => {
    const holder = held.get(matchOf(change.after));
    return holder !== undefined && holder !== change.seq;
  };

  const refuse = (changes: readonly (Changed | Added)[]): Rejected[] =>
    changes.map((change) => ({
      status: "rejected",
      change,
      problem: taken(change.after),
    }));
  const taken = (after: readonly Value[]): Problem => ({
    kind: "rejected",
    code: "match.taken",
    message: `The match value ${shape.match.map((i) => `"${after[i]}"`).join(", ")} still belongs to the ${sync.object} of another row, which could not be given its new one.`,
    remedy:
      "Mend that row first; this one gets in by itself in the next run. Rows that exchange their match values need a step in between.",
  });

  async function* untaken<T extends Changed | Added>(
    windows: AsyncIterable<readonly Change[]>,
    late: (taken: readonly T[]) => Promise<void>,
  ): AsyncGenerator<readonly Change[]> {
    for await (const window of windows) {
      const out =
        held.size === 0 ? [] : window.filter((change) => change.kind !== "removed" && isTaken(change));
      if (out.length === 0) yield window;
      else {
        await late(out as unknown as readonly T[]);
        yield window.filter((change) => !out.includes(change));
      }
    }
  }

  /** Old match values of rows that are written as new ones. */
  const inRing = new Map<number, string>();

  /**
   * Rows in doubt that want each other's match values. Whatever of their records is there was made by the run that
   * got no answer: each is written whole under its new value, and it does not matter which record it gets.
   */
  const ringOf = (late: readonly Changed[]): readonly Changed[] => {
    let ring = late.filter(({ doubted }) => doubted === true);
    for (;;) {
      const seqs = new Set(ring.map(({ seq }) => seq));
      const closed = ring.filter(({ after }) => seqs.has(held.get(matchOf(after)) ?? 0));
      if (closed.length === ring.length) return ring;
      ring = closed;
    }
  };
  const asAdded = ({ seq, key, after }: Changed): Added => ({ kind: "added", seq, key, id: null, after });

  return {
    async *all({ size, settle }) {
      yield state.removals(size);
      for await (const batch of state.held()) for (const row of batch) held.set(folded(row), 0);
      for await (const window of state.moves(size))
        for (const { before, seq } of window) held.set(matchOf(before), seq);
      let late: Changed[] = [];
      const inTurn = async function* (): AsyncGenerator<Windows> {
        for (;;) {
          const free = late.filter((change) => !isTaken(change));
          if (free.length === 0) return;
          late = late.filter(isTaken);
          yield inWindows(free, size);
        }
      };
      yield untaken<Changed>(state.moves(size), async (more) => void late.push(...more));
      yield* inTurn();
      const ring = ringOf(late);
      late = late.filter((change) => !ring.includes(change));
      for (const { seq, before } of ring) inRing.set(seq, matchOf(before));
      if (ring.length > 0) yield inWindows(ring.map(asAdded), size);
      yield* inTurn();
      if (late.length > 0) await settle(refuse(late));
      yield untaken<Added>(state.changes(size), (more) => settle(refuse(more)));
    },
    release(results) {
      for (const result of results) {
        const { status } = result;
        if (status === "rejected" || status === "deferred") continue;
        const change = status === "planned" ? result.operation.change : result.change;
        const value = change.kind === "changed" ? matchOf(change.before) : inRing.get(change.seq);
        if (value === undefined) continue;
        if (held.get(value) === change.seq) held.delete(value);
      }
    },
  };
}

async function* inWindows(changes: readonly Change[], size: number): AsyncGenerator<readonly Change[]> {
  for (let at = 0; at < changes.length; at += size) yield changes.slice(at, at + size);
}
