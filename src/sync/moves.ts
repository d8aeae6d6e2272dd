import type { Added, Change, Changed, Outcome, Planned } from "../core/change.ts";
import type { Problem } from "../core/errors.ts";
import type { Value } from "../core/value.ts";
import type { State } from "../state/state.ts";
import type { Prepared } from "./prepare.ts";
import { breakRings } from "./rings.ts";

/** Changes are planned in windows, so that what has to be read for them is read in bulk. */
export const WINDOW = 2_000;

type Windows = AsyncIterable<readonly Change[]>;

export interface WaveOptions {
  readonly size: number;
  /** Told of changes that cannot be written now. */
  readonly settle: (outcomes: readonly Rejected[]) => Promise<void>;
}

export type Rejected = Extract<Outcome, { readonly status: "rejected" | "deferred" }>;

/**
 * Changes to be written; known records that leave their values to others before they are written themselves; or such
 * ones that take their old values back, because the others could not be written. Of the last two nothing is
 * acknowledged.
 */
export type Wave =
  | { readonly kind: "write"; readonly windows: Windows }
  | { readonly kind: "park" | "return"; readonly changes: readonly Changed[] };

/**
 * Changes in waves, each to be written whole before the next: removals, which free their match values; records that
 * get a free match value, then those that wanted what these had, and so on; then the rest. Of known records that
 * exchange their values, one of each ring is parked before. A row whose match value another row's record still holds
 * is rejected: to write it would overwrite that record. The same for other values that one record alone may hold.
 *
 * Memory grows with the values that move, not with the changes.
 */
export interface Waves {
  all(options: WaveOptions): AsyncGenerator<Wave>;
  /** To be told of what became of the changes of a wave before the next one is taken. */
  release(results: readonly (Outcome | Planned)[]): void;
}

export type Changes = Pick<State, "removals" | "held" | "moves" | "changes">;

export function wavesOf(state: Changes, { shape, sync, compiled }: Prepared): Waves {
  const sets = [shape.match, ...(compiled.unique ?? [])];
  /** Values that records hold although their rows want others, and the changes that would free them. */
  const held = new Map<string, number>();
  const folded = (row: readonly Value[]): string =>
    JSON.stringify(row.map((part) => part?.replace(/ +$/, "").toLowerCase() ?? null));
  /** The value of each set; none where a part is null, beside the match. */
  const valuesOf = (row: readonly Value[]): readonly (string | null)[] =>
    sets.map((columns, set) => {
      const parts = columns.map((i) => row[i] ?? null);
      return set > 0 && parts.includes(null) ? null : `${set}:${folded(parts)}`;
    });
  /** The match value in any case; of other sets what the row does not hold yet. */
  const wantedBy = (change: Changed | Added): readonly string[] => {
    const before = change.kind === "changed" ? valuesOf(change.before) : [];
    return valuesOf(change.after).flatMap((value, set) =>
      value === null || (set > 0 && value === before[set]) ? [] : [value],
    );
  };
  const leftBy = ({ before, after }: Changed): readonly string[] => {
    const wanted = valuesOf(after);
    return valuesOf(before).flatMap((value, set) => (value === null || value === wanted[set] ? [] : [value]));
  };
  const movesMatch = ({ before, after }: Changed): boolean => valuesOf(before)[0] !== valuesOf(after)[0];
  /** What gives a parked record its old values back. */
  const asBefore = (change: Changed): Changed => {
    const wanted = valuesOf(change.after);
    const left = valuesOf(change.before).flatMap((value, set) => (value === wanted[set] ? [] : sets[set]!));
    const pending = compiled.fields.filter(({ columns }) => columns.some((i) => left.includes(i)));
    return { ...change, after: change.before, columns: [], pending: pending.map(({ field }) => field) };
  };
  const holders = (change: Changed | Added): readonly number[] =>
    wantedBy(change).flatMap((value) => {
      const holder = held.get(value);
      return holder === undefined || holder === change.seq ? [] : [holder];
    });
  const isTaken = (change: Changed | Added): boolean => holders(change).length > 0;

  const refuse = (
    changes: readonly (Changed | Added)[],
    reasons: ReadonlyMap<number, string> = new Map(),
  ): Rejected[] =>
    changes.map((change) => ({
      status: "rejected",
      change,
      problem: taken(change, reasons.get(change.seq)),
    }));
  const taken = (change: Changed | Added, reason = ""): Problem => {
    const value = wantedBy(change).find((wanted) => (held.get(wanted) ?? change.seq) !== change.seq);
    const columns = sets[Number(value?.split(":", 1)[0] ?? 0)] ?? shape.match;
    const told = columns.map((i) => `"${change.after[i]}"`).join(", ");
    return {
      kind: "rejected",
      code: "match.taken",
      message: `The match value ${told} still belongs to the ${sync.object} of another row, which could not be given its new one.${reason === "" ? "" : ` ${reason}`}`,
      remedy:
        "Mend that row first; this one gets in by itself in the next run. Rows that exchange their match values need a step in between.",
    };
  };

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
  const inRing = new Map<number, readonly string[]>();

  /**
   * Rows in doubt that want each other's match values. Whatever of their records is there was made by the run that
   * got no answer: each is written whole under its new value, and it does not matter which record it gets.
   */
  const ringOf = (late: readonly Changed[]): readonly Changed[] => {
    let ring = late.filter(({ doubted }) => doubted === true);
    for (;;) {
      const seqs = new Set(ring.map(({ seq }) => seq));
      const closed = ring.filter((change) => holders(change).some((holder) => seqs.has(holder)));
      if (closed.length === ring.length) return ring;
      ring = closed;
    }
  };
  const asAdded = ({ seq, key, after }: Changed): Added => ({ kind: "added", seq, key, id: null, after });

  let late: Changed[] = [];
  /** Values that records have got from others, and what became of records that stepped aside for it. */
  const given = new Set<string>();
  const aside = new Map<number, "parking" | "parked" | "returning" | "returned">();
  return {
    async *all({ size, settle }) {
      yield { kind: "write", windows: state.removals(size) };
      for await (const batch of state.held()) for (const row of batch) held.set(`0:${folded(row)}`, 0);
      for await (const window of state.moves(size))
        for (const change of window) for (const value of leftBy(change)) held.set(value, change.seq);
      const inTurn = async function* (): AsyncGenerator<Wave> {
        for (;;) {
          const free = late.filter((change) => !isTaken(change));
          if (free.length === 0) return;
          late = late.filter(isTaken);
          yield { kind: "write", windows: inWindows(free, size) };
        }
      };
      yield {
        kind: "write",
        windows: untaken<Changed>(state.moves(size), async (more) => void late.push(...more)),
      };
      yield* inTurn();
      const ring = ringOf(late);
      late = late.filter((change) => !ring.includes(change));
      for (const change of ring) inRing.set(change.seq, leftBy(change));
      if (ring.length > 0) yield { kind: "write", windows: inWindows(ring.map(asAdded), size) };
      yield* inTurn();
      const reasons = new Map<number, string>();
      for (;;) {
        const parked = new Set(breakRings(late, holders, compiled, reasons));
        if (parked.size === 0) break;
        late = late.map((change) =>
          parked.has(change) && !change.rematch && movesMatch(change) ? { ...change, rematch: true } : change,
        );
        const seqs = new Set([...parked].map(({ seq }) => seq));
        for (const seq of seqs) aside.set(seq, "parking");
        yield { kind: "park", changes: late.filter(({ seq }) => seqs.has(seq)) };
        yield* inTurn();
      }
      const back = late.filter(
        (change) => aside.has(change.seq) && leftBy(change).every((value) => !given.has(value)),
      );
      if (back.length > 0) {
        const changes = back.map(asBefore);
        for (const { seq } of changes) aside.set(seq, "returning");
        yield { kind: "return", changes };
      }
      const isStuck = ({ seq }: Changed): boolean => (aside.get(seq) ?? "returned") !== "returned";
      const stuck = late
        .filter(isStuck)
        .map((change) => ({ status: "deferred", change, problem: STUCK }) as const);
      late = late.filter((change) => !isStuck(change));
      if (stuck.length > 0) await settle(stuck);
      if (late.length > 0) await settle(refuse(late, reasons));
      yield { kind: "write", windows: untaken<Added>(state.changes(size), (more) => settle(refuse(more))) };
    },
    release(results) {
      if (held.size + late.length + inRing.size + aside.size === 0) return; // nobody waits for anything
      for (const result of results) {
        const { status } = result;
        const change = status === "planned" ? result.operation.change : result.change;
        if (status === "rejected" || status === "deferred") {
          late = late.filter(({ seq }) => seq !== change.seq);
          continue;
        }
        const values = change.kind === "changed" ? leftBy(change) : (inRing.get(change.seq) ?? []);
        const step = aside.get(change.seq);
        if (step === "parking") aside.set(change.seq, "parked");
        else if (step === "returning") aside.set(change.seq, "returned");
        else {
          if (change.kind !== "removed" && values.length > 0)
            for (const value of wantedBy(change)) given.add(value);
          aside.delete(change.seq);
        }
        for (const value of values) if (held.get(value) === change.seq) held.delete(value);
      }
    },
  };
}

const STUCK: Problem = {
  kind: "deferred",
  code: "match.parked",
  message:
    "The record holds a temporary match value: another row holds the new one, and a third has got the old one.",
  remedy: "Mend the rows that were rejected beside it; this one gets its value by itself in the next run.",
};

async function* inWindows(changes: readonly Change[], size: number): AsyncGenerator<readonly Change[]> {
  for (let at = 0; at < changes.length; at += size) yield changes.slice(at, at + size);
}
