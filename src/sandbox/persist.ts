import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readSync,
  renameSync,
  statSync,
  truncateSync,
  writeSync,
} from "node:fs";
import { isObject } from "./json.ts";
import { decode, encode, type Interned, type Item } from "./persist/format.ts";
import { lock } from "./persist/lock.ts";
import { type Row, valuesIn } from "./row.ts";
import type { Changes, KeptRow } from "./store.ts";

export { DataFileInUse } from "./persist/lock.ts";

/**
 * The data file: a first line that names the organisation, then one line per commit with the rows as they were left.
 * A line is written before the reply leaves; a last line that a kill tore is dropped at the next start.
 */

interface Head {
  readonly format: 2;
  readonly organizationId: string;
}

export interface Log {
  readonly organizationId: string;
  /** The rows of the last start, in order of creation; the store has them in a form of its own, so they are forgotten. */
  readonly take: () => Loaded["rows"];
  append(changes: readonly Changes[]): void;
  close(): void;
}

const CHUNK = 16 * 1024 * 1024;
const ROWS_PER_LINE = 500;
/** Above this share of rows that are overwritten or gone, a start writes the file anew. */
const MOST_WASTE = 0.5;

/** Lines of a file without holding it as one string, each with the offset where it ends; a torn last one is left out. */
function* completeLines(file: string): Iterable<readonly [text: string, end: number]> {
  const handle = openSync(file, "r");
  try {
    const chunk = Buffer.alloc(CHUNK);
    let rest: Buffer = Buffer.alloc(0);
    let offset = 0;
    for (;;) {
      const size = readSync(handle, chunk, 0, CHUNK, null);
      if (size === 0) return;
      let data = Buffer.concat([rest, chunk.subarray(0, size)]);
      for (let end = data.indexOf(10); end >= 0; end = data.indexOf(10)) {
        offset += end + 1;
        yield [data.toString("utf8", 0, end), offset];
        data = data.subarray(end + 1);
      }
      rest = Buffer.from(data);
    }
  } finally {
    closeSync(handle);
  }
}

interface Loaded {
  readonly organizationId: string | undefined;
  readonly rows: (readonly [table: string, row: KeptRow])[];
  /** Where the last whole line ends. */
  readonly end: number;
  /** Rows and deletions that were read to arrive at `rows`. */
  readonly items: number;
}

/** A file that cannot be read as a data file. */
export class DataFileProblem extends Error {}

const notOurs = (file: string) =>
  new DataFileProblem(`${file} is not a sandbox data file. Name another one.`);

function headOf(line: string): Head | undefined {
  try {
    const head: unknown = JSON.parse(line);
    const { format, organizationId } = isObject(head) ? head : {};
    return format === 2 && typeof organizationId === "string" ? { format, organizationId } : undefined;
  } catch {
    return undefined;
  }
}

function itemsOn(file: string, number: number, line: string, known: Interned): readonly Item[] {
  try {
    return [...decode(line, known)];
  } catch {
    throw new DataFileProblem(
      `Line ${number} of ${file} is damaged. Put a copy in its place, or name another data file.`,
    );
  }
}

function load(file: string): Loaded {
  const tables = new Map<string, Map<string, KeptRow>>();
  const known: Interned = new Map();
  let organizationId: string | undefined;
  let last = 0;
  let items = 0;
  let number = 0;
  for (const [line, end] of existsSync(file) ? completeLines(file) : []) {
    last = end;
    number += 1;
    if (organizationId === undefined) {
      organizationId = headOf(line)?.organizationId;
      if (organizationId === undefined) throw notOurs(file);
      continue;
    }
    for (const { table, id, row } of itemsOn(file, number, line, known)) {
      items += 1;
      let rows = tables.get(table);
      if (!rows) {
        rows = new Map();
        tables.set(table, rows);
      }
      if (row) rows.set(id, row);
      else rows.delete(id);
    }
  }
  // The head comes whole or not at all: what has none is somebody else's, however short.
  if (organizationId === undefined && existsSync(file) && statSync(file).size > 0) throw notOurs(file);
  const rows = [...tables].flatMap(([table, those]) =>
    [...those.values()].map((row) => [table, row] as const),
  );
  rows.sort((a, b) => a[1].order - b[1].order);
  return { organizationId, rows, end: last, items };
}

/** Writes the state as it is to a new file and puts that in the old one's place. */
function compact(file: string, organizationId: string, rows: Loaded["rows"]): void {
  const fresh = `${file}.new`;
  const handle = openSync(fresh, "w", 0o600);
  try {
    const head: Head = { format: 2, organizationId };
    writeAll(handle, `${JSON.stringify(head)}\n`);
    for (let at = 0; at < rows.length; at += ROWS_PER_LINE) {
      const some = rows.slice(at, at + ROWS_PER_LINE);
      writeAll(handle, encode(some.map(([table, row]) => ({ table, id: row.id, row }))));
    }
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  renameSync(fresh, file);
}

function writeAll(handle: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let written = 0; written < bytes.length; ) written += writeSync(handle, bytes, written);
}

/** Several changes of one row in one commit: its last state is what counts. */
function* lastStates(changes: readonly Changes[]): Iterable<Item> {
  const last = new Map<string, { readonly table: string; readonly row: Row; readonly isGone: boolean }>();
  for (const {
    table: { logicalName: table },
    operation,
    before,
    after,
  } of changes) {
    const isGone = operation === "delete";
    for (const row of isGone ? before : after) last.set(`${table}/${row.id}`, { table, row, isGone });
  }
  for (const { table, row, isGone } of last.values()) {
    const { id, version, order } = row;
    yield { table, id, row: isGone ? undefined : { id, version, order, values: valuesIn(row) } };
  }
}

/**
 * Opens or makes a data file.
 * @param newOrganizationId used when the file is new
 * @throws Error when another sandbox has it open, or when it is no data file
 */
export function openLog(file: string, newOrganizationId: string): Log {
  if (statSync(file, { throwIfNoEntry: false })?.isFile() === false) throw notOurs(file);
  const unlock = lock(file);
  try {
    const { rows, items, end, ...loaded } = load(file);
    const organizationId = loaded.organizationId ?? newOrganizationId;
    const isWasteful = items - rows.length > items * MOST_WASTE;
    if (loaded.organizationId === undefined || isWasteful) compact(file, organizationId, rows);
    else truncateSync(file, end); // whatever a kill tore
    const log = openSync(file, "a");
    return {
      organizationId,
      take: () => rows.splice(0),
      append: (changes) => writeAll(log, encode(lastStates(changes))),
      close() {
        closeSync(log);
        unlock();
      },
    };
  } catch (problem) {
    unlock();
    throw problem;
  }
}
