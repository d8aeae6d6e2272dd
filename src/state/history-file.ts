/** The history of a sync on this machine: append-only JSON Lines beside its state, readable at any time. */
import {
  appendFileSync,
  closeSync,
  createReadStream,
  existsSync,
  fstatSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { runIdAt } from "../core/run-id.ts";
import { makeFolder } from "./folders.ts";
import type { ChangeEntry, HistoryFilter, HistoryReader, RejectEntry, RunEntry } from "./history.ts";
import type { History } from "./store.ts";

const BUFFERED = 500;
const DAY_MS = 86_400_000;
const FILES = { runs: "runs.jsonl", rejects: "rejects.jsonl", changes: "changes.jsonl" } as const;
/** Where the older half of the changes goes, once there are many. */
const OLDER_CHANGES = "changes.old.jsonl";
const MOST_CHANGES_BYTES = 32 * 1024 * 1024;
/** Rows of one run that are kept: a first load says little of each row, and would cost as much as all runs after it. */
export const MOST_CHANGES = 10_000;

function isTorn(path: string): boolean {
  if (!existsSync(path)) return false;
  const file = openSync(path, "r");
  try {
    const { size } = fstatSync(file);
    const last = Buffer.alloc(1);
    return size > 0 && readSync(file, last, 0, 1, size - 1) === 1 && last[0] !== 10;
  } finally {
    closeSync(file);
  }
}

/** Appends to `rejects.jsonl`, `changes.jsonl` and `runs.jsonl` in the sync's folder; the end of a run drops what is older. */
export function openFileHistory(folder: string, retentionDays: number): History {
  let lines: string[] = [];
  const append = (name: string, text: string): void => {
    makeFolder(folder);
    const file = join(folder, name);
    // A line that a crash has torn must not swallow the next one.
    appendFileSync(file, isTorn(file) ? `\n${text}` : text, { mode: 0o600 });
  };
  let changes: string[] = [];
  let kept = 0;
  const flushChanges = (): void => {
    if (changes.length > 0) append(FILES.changes, changes.join(""));
    changes = [];
  };
  const flush = (): void => {
    if (lines.length > 0) append(FILES.rejects, lines.join(""));
    lines = [];
  };
  return {
    async reject(entry) {
      lines.push(`${JSON.stringify(entry)}\n`);
      if (lines.length >= BUFFERED) flush();
    },
    change(entry) {
      kept += 1;
      if (kept > MOST_CHANGES) return;
      changes.push(`${JSON.stringify(entry())}\n`);
      if (changes.length >= BUFFERED) flushChanges();
    },
    async end(run) {
      flush();
      flushChanges();
      kept = 0;
      const file = join(folder, FILES.changes);
      if (existsSync(file) && statSync(file).size > MOST_CHANGES_BYTES)
        renameSync(file, join(folder, OLDER_CHANGES));
      append(FILES.runs, `${JSON.stringify(run)}\n`);
      const oldest = runIdAt(new Date(Date.now() - retentionDays * DAY_MS));
      for (const name of Object.values(FILES)) await dropBefore(join(folder, name), oldest);
    },
  };
}

/** Lines stand in the order of their runs: where the first is young enough, nothing is to be done. */
async function dropBefore(path: string, oldest: string): Promise<void> {
  if (!existsSync(path) || runOf(firstBytes(path)) >= oldest) return;
  const partial = `${path}.part`;
  rmSync(partial, { force: true });
  const file = openSync(partial, "wx", 0o600);
  try {
    for await (const line of linesOf(path)) if (runOf(line) >= oldest) writeSync(file, `${line}\n`);
  } finally {
    closeSync(file);
  }
  renameSync(partial, path);
}

function firstBytes(path: string): string {
  const file = openSync(path, "r");
  const bytes = Buffer.alloc(128);
  try {
    return bytes.toString("utf8", 0, readSync(file, bytes, 0, bytes.length, 0));
  } finally {
    closeSync(file);
  }
}

/** Both kinds of line begin with the run. */
const runOf = (line: string): string => /^\{"run":"([^"]+)"/.exec(line)?.[1] ?? "";

const linesOf = (path: string) =>
  createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY });

/** Reads the histories of all syncs of a project, below its folder. */
export function fileHistory(root: string): HistoryReader {
  return {
    async *changes(filter) {
      for (const name of [OLDER_CHANGES, FILES.changes]) yield* entries<ChangeEntry>(root, name, filter);
    },
    runs: (filter) => entries<RunEntry>(root, FILES.runs, filter),
    rejects: (filter) => entries<RejectEntry>(root, FILES.rejects, filter),
  };
}

async function* entries<T extends { readonly run: string }>(
  root: string,
  name: string,
  { sync, run, since = "", limit }: HistoryFilter,
): AsyncGenerator<T> {
  let newest: T[] = [];
  for (const { path, ...owner } of await syncFolders(root)) {
    const file = join(path, name);
    if ((sync !== undefined && owner.sync !== sync) || !existsSync(file)) continue;
    for await (const line of linesOf(file)) {
      const id = runOf(line);
      if (id < since || (run !== undefined && id !== run)) continue;
      const entry = entryIn<T>(line);
      if (entry === undefined) continue;
      if (limit === undefined) yield { ...entry, ...owner };
      else newest.push({ ...entry, ...owner });
      if (limit !== undefined && newest.length > 2 * limit + 1_000) newest = newestOf(newest, limit);
    }
  }
  if (limit !== undefined) yield* newestOf(newest, limit);
}

const newestOf = <T extends { readonly run: string }>(items: readonly T[], limit: number): T[] =>
  items.toSorted((a, b) => (a.run < b.run ? 1 : a.run > b.run ? -1 : 0)).slice(0, limit);

/** A line that a crash has torn says nothing, and neither does one that names no run. */
function entryIn<T extends { readonly run: string }>(line: string): T | undefined {
  try {
    const entry = JSON.parse(line) as T | null;
    return typeof entry?.run === "string" ? entry : undefined;
  } catch {
    return undefined;
  }
}

interface SyncFolder {
  readonly path: string;
  readonly organization: string;
  readonly object: string;
  readonly sync: string;
}

async function syncFolders(root: string): Promise<SyncFolder[]> {
  const inside = async (path: string): Promise<string[]> =>
    (await readdir(path, { withFileTypes: true }).catch(() => []))
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
      .sort();
  const found: SyncFolder[] = [];
  for (const organization of await inside(root))
    for (const object of await inside(join(root, organization)))
      for (const sync of await inside(join(root, organization, object))) {
        const [a = "", b = "", c = ""] = [organization, object, sync].map(decodeURIComponent);
        found.push({ path: join(root, organization, object, sync), organization: a, object: b, sync: c });
      }
  return found;
}
