/** Where the schedule remembers: small entries that several processes may read, and change one at a time. */
import type { Mark, Marks } from "./plan.ts";

export interface Entry {
  /** Counts the changes, from 1. */
  readonly version: number;
  readonly value: unknown;
}

export type Entries = ReadonlyMap<string, Entry>;

export interface Notebook extends AsyncDisposable {
  read(): Promise<Entries>;
  /** Writes an entry if its version is still the one that was seen, 0 for none; tells whether it did. */
  write(key: string, value: unknown, seen: number): Promise<boolean>;
}

/** Changes an entry, however many others do so at the same time. */
export async function change(
  notebook: Notebook,
  key: string,
  by: (value: unknown) => unknown,
): Promise<void> {
  for (;;) {
    const before = (await notebook.read()).get(key);
    if (await notebook.write(key, by(before?.value), before?.version ?? 0)) return;
  }
}

const SYNC = "sync ";
export const keyOf = (sync: string): string => `${SYNC}${sync}`;

export function marksIn(entries: Entries): Marks {
  return new Map(
    [...entries].flatMap(([key, { value }]) =>
      key.startsWith(SYNC) ? [[key.slice(SYNC.length), value as Mark] as const] : [],
    ),
  );
}
