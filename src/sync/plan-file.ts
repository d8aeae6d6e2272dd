/**
 * A saved plan: JSON Lines, complete, for its owner alone. A head; for each sync its own head, the rows whose keys
 * cannot be used, and every change with what was planned for it, in three sections that are written one after
 * another; an end with the count of lines and their SHA-256. It is read as a stream and never held whole.
 */
import { createHash } from "node:crypto";
import { closeSync, createReadStream, openSync, renameSync, rmSync, writeSync } from "node:fs";
import type { Planned } from "../core/change.ts";
import { fail, type Problem, type SyncError } from "../core/errors.ts";
import type { Value } from "../core/value.ts";
import type { Allow } from "./guard.ts";
import type { Staged } from "./stage.ts";

const VERSION = 1;

/** What the file as a whole is about. */
export interface PlanHead {
  readonly project: string;
  readonly created: string;
  /** Guards that the plan was allowed to pass. */
  readonly allow: readonly Allow[];
}

/** What must not have moved when a sync's plan is applied, and what it counted. */
export interface SyncHead {
  readonly sync: string;
  readonly organization: string;
  readonly object: string;
  /** Fingerprints of the model, with its text, and of the sync's rules, mapping and columns. */
  readonly model: string;
  readonly mapping: string;
  /** Version of the destination's metadata. */
  readonly schemaVersion: string;
  /** Number that a run of the planned state has: the last run's and one. */
  readonly run: number;
  /** Which state it is, and which run of it has not ended. */
  readonly state: string;
  readonly columns: readonly string[];
  readonly staged: Staged;
}

export interface RefusedKey {
  readonly key: readonly Value[];
  readonly problem: Problem;
}

/** In the order in which they are written. */
export const SECTIONS = ["refused", "removals", "moves", "rest"] as const;
export type Section = (typeof SECTIONS)[number];

export interface SavedSync {
  readonly head: SyncHead;
  /** The lines of a section, in batches of at most `size`. */
  refused(): AsyncIterable<readonly RefusedKey[]>;
  planned(section: Exclude<Section, "refused">, size: number): AsyncIterable<readonly Planned[]>;
}

export interface SavedPlan {
  readonly head: PlanHead;
  readonly syncs: readonly SavedSync[];
}

/** Writes a plan's file; it is there, whole, when `end` was called. */
export interface PlanWriter extends Disposable {
  sync(head: SyncHead): void;
  refused(row: RefusedKey): void;
  planned(section: Exclude<Section, "refused">, planned: Planned): void;
  end(): void;
}

const BUFFERED = 262_144;

export function writePlan(path: string, head: PlanHead): PlanWriter {
  const partial = `${path}.part`;
  rmSync(partial, { force: true });
  const file = openSync(partial, "wx", 0o600);
  const hash = createHash("sha256");
  let isOpen = true;
  let text = "";
  let lines = 0;
  let at = -1;
  const flush = (): void => {
    const bytes = Buffer.from(text);
    hash.update(bytes);
    for (let from = 0; from < bytes.length; ) from += writeSync(file, bytes, from);
    text = "";
  };
  const put = (line: unknown): void => {
    text += `${JSON.stringify(line)}\n`;
    lines += 1;
    if (text.length > BUFFERED) flush();
  };
  const enter = (section: Section): void => {
    // A section that is over is not entered again: what comes late is written late.
    while (at < SECTIONS.indexOf(section)) put({ section: SECTIONS[++at] });
  };
  put({ plan: VERSION, ...head });
  return {
    sync(syncHead) {
      at = -1;
      put({ sync: syncHead });
    },
    refused(row) {
      enter("refused");
      put(row);
    },
    planned(section, planned) {
      enter(section);
      put(planned);
    },
    end() {
      flush();
      text = `${JSON.stringify({ end: { lines, sha256: hash.digest("hex") } })}\n`;
      const bytes = Buffer.from(text);
      for (let from = 0; from < bytes.length; ) from += writeSync(file, bytes, from);
      closeSync(file);
      isOpen = false;
      try {
        renameSync(partial, path);
      } catch (error) {
        rmSync(partial, { force: true });
        throw error;
      }
    },
    [Symbol.dispose]() {
      if (!isOpen) return;
      closeSync(file);
      rmSync(partial, { force: true });
    },
  };
}

interface Span {
  readonly start: number;
  end: number;
}

/**
 * Reads a plan's heads and looks at every byte of it.
 *
 * @throws SyncError `plan.unreadable`, `plan.damaged` for a file that was cut short or edited
 */
export async function readPlan(path: string): Promise<SavedPlan> {
  const hash = createHash("sha256");
  const syncs: { head: SyncHead; spans: Map<Section, Span> }[] = [];
  let head: PlanHead | undefined;
  let end: { lines: number; sha256: string } | undefined;
  let span: Span | undefined;
  let count = 0;
  for await (const { line, offset } of linesOf(path)) {
    if (end !== undefined) throw damaged(path);
    if (count === 0) head = headOf(path, line);
    else if (startsWith(line, '{"sync":')) {
      if (span) span.end = offset;
      span = undefined;
      syncs.push({ head: parsed<{ sync: SyncHead }>(path, line).sync, spans: new Map() });
    } else if (startsWith(line, '{"section":')) {
      if (span) span.end = offset;
      span = { start: offset + line.length + 1, end: offset };
      syncs.at(-1)?.spans.set(parsed<{ section: Section }>(path, line).section, span);
    } else if (startsWith(line, '{"end":')) {
      if (span) span.end = offset;
      end = parsed<{ end: { lines: number; sha256: string } }>(path, line).end;
      continue;
    }
    hash.update(line).update("\n");
    count += 1;
  }
  if (head === undefined || end?.lines !== count || end.sha256 !== hash.digest("hex")) throw damaged(path);
  return { head, syncs: syncs.map(({ head, spans }) => savedSync(path, head, spans)) };
}

function savedSync(path: string, head: SyncHead, spans: ReadonlyMap<Section, Span>): SavedSync {
  async function* batches<T>(section: Section, size: number): AsyncGenerator<readonly T[]> {
    const span = spans.get(section);
    if (span === undefined || span.end <= span.start) return;
    let batch: T[] = [];
    for await (const { line } of linesOf(path, span)) {
      batch.push(parsed<T>(path, line));
      if (batch.length < size) continue;
      yield batch;
      batch = [];
    }
    if (batch.length > 0) yield batch;
  }
  return {
    head,
    refused: () => batches<RefusedKey>("refused", 1_000),
    planned: (section, size) => batches<Planned>(section, size),
  };
}

interface Line {
  readonly line: Buffer;
  readonly offset: number;
}

/** The lines of a file, or of a part of it that ends with a line; a last line without an end is damage. */
async function* linesOf(path: string, span?: Span): AsyncGenerator<Line> {
  const range = span ? { start: span.start, end: span.end - 1 } : {};
  let rest: Buffer[] = [];
  let offset = span?.start ?? 0;
  for await (const chunk of createReadStream(path, { ...range, highWaterMark: 262_144 })) {
    let from = 0;
    for (;;) {
      const to = (chunk as Buffer).indexOf(10, from);
      if (to < 0) break;
      const piece = (chunk as Buffer).subarray(from, to);
      const line = rest.length === 0 ? piece : Buffer.concat([...rest, piece]);
      yield { line, offset };
      offset += line.length + 1;
      rest = [];
      from = to + 1;
    }
    if (from < chunk.length) rest.push((chunk as Buffer).subarray(from));
  }
  if (rest.length > 0) throw damaged(path);
}

const startsWith = (line: Buffer, text: string): boolean =>
  line.length >= text.length && line.toString("latin1", 0, text.length) === text;

function parsed<T>(path: string, line: Buffer): T {
  try {
    return JSON.parse(line.toString("utf8")) as T;
  } catch {
    throw damaged(path);
  }
}

function headOf(path: string, line: Buffer): PlanHead {
  const { plan, ...head } = startsWith(line, '{"plan":')
    ? parsed<PlanHead & { plan: number }>(path, line)
    : { plan: undefined };
  if (plan === VERSION) return head as PlanHead;
  throw fail.config(
    "plan.unreadable",
    plan === undefined ? `${path} is not a saved plan.` : `${path} was saved by another version of Backhaul.`,
    "Save a new one by `backhaul plan --out FILE`.",
  );
}

const damaged = (path: string): SyncError =>
  fail.config(
    "plan.damaged",
    `${path} is not as it was saved: it was cut short or edited.`,
    "Save a new plan by `backhaul plan --out FILE`.",
  );
