/** The flags of `runs` and `rejects`, and where what they ask for lies. */
import { Flags } from "@oclif/core";
import { fail } from "../core/errors.ts";
import { runIdAt } from "../core/run-id.ts";
import { projectFolder } from "../state/folders.ts";
import type { HistoryFilter, HistoryReader } from "../state/history.ts";
import { fileHistory } from "../state/history-file.ts";
import { tableHistory } from "../state/history-table.ts";
import type { Session } from "./session.ts";

export const historyFlags = {
  sync: Flags.string({ char: "s", summary: "Of this sync alone." }),
  run: Flags.string({ summary: "Of the run with this id alone." }),
  since: Flags.string({ summary: "From then on: 30m, 12h, 7d, or a date such as 2026-11-21." }),
  limit: Flags.integer({ summary: "The newest so many.", min: 1 }),
};

interface Given {
  readonly sync?: string | undefined;
  readonly run?: string | undefined;
  readonly since?: string | undefined;
}

export function filterOf({ sync, run, since }: Given, limit: number | undefined): HistoryFilter {
  return {
    ...(sync === undefined ? {} : { sync }),
    ...(run === undefined ? {} : { run }),
    ...(since === undefined ? {} : { since: runIdAt(instantOf(since)) }),
    ...(limit === undefined ? {} : { limit }),
  };
}

const UNITS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

function instantOf(text: string): Date {
  const [, amount, unit] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  const time = unit === undefined ? new Date(text) : new Date(Date.now() - Number(amount) * UNITS[unit]!);
  if (!Number.isNaN(time.getTime())) return time;
  throw fail.config(
    "cli.usage",
    `--since takes no "${text}".`,
    "Write 30m, 12h or 7d, or a date such as 2026-11-21 or 2026-11-21T08:00Z.",
  );
}

/** The histories of the project's syncs: one for each place in which their state lies. */
async function readers(session: Session): Promise<HistoryReader[]> {
  const found = new Map<string, HistoryReader>();
  for (const { warehouse } of session.project.models) {
    const state = session.stateOf(warehouse);
    const name = state.kind === "local" ? state.root : `${warehouse} ${state.schema}`;
    if (found.has(name)) continue;
    if (state.kind === "local") found.set(name, fileHistory(projectFolder(state.root, state.project)));
    else {
      const { engine } = await session.warehouse(warehouse);
      if (engine !== undefined) found.set(name, tableHistory(engine, state.schema, state.project));
    }
  }
  return [...found.values()];
}

/** All entries of a kind, the oldest first in each place; or, with a limit, the newest of all. */
export async function* historyOf<T extends { readonly run: string }>(
  session: Session,
  filter: HistoryFilter,
  read: (reader: HistoryReader, filter: HistoryFilter) => AsyncIterable<T>,
  isWanted?: (entry: T) => boolean,
): AsyncGenerator<T> {
  const { limit, ...unlimited } = filter;
  let newest: T[] = [];
  for (const reader of await readers(session)) {
    // A limit counts what is wanted alone.
    for await (const entry of read(reader, isWanted ? unlimited : filter)) {
      if (isWanted?.(entry) === false) continue;
      if (limit === undefined) yield entry;
      else newest.push(entry);
      if (limit !== undefined && newest.length > 2 * limit + 1_000) newest = newestOf(newest, limit);
    }
  }
  if (limit !== undefined) yield* newestOf(newest, limit);
}

const newestOf = <T extends { readonly run: string }>(entries: readonly T[], limit: number): T[] =>
  entries.toSorted((a, b) => (a.run < b.run ? 1 : a.run > b.run ? -1 : 0)).slice(0, limit);
