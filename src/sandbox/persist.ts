import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import type { Change, Row, Value } from "./store.ts";

/**
 * The data file: a first line that names the organisation, then one line per commit with the rows as they were left.
 * A line is written before the reply leaves; a last line that a kill tore is dropped at the next start.
 */

interface Head {
  readonly format: 1;
  readonly organizationId: string;
}
type Entry = readonly [table: string, id: string, row: Omit<Row, "id"> | null];

export interface Log {
  readonly organizationId: string;
  /** The rows of the last start, in order of creation. */
  readonly rows: readonly (readonly [table: string, row: Row])[];
  append(changes: readonly Change[]): void;
  close(): void;
}

const CHUNK = 16 * 1024 * 1024;
const ROWS_PER_LINE = 500;

/** Lines of a file without holding it as one string; the part after the last line end is torn. */
function* completeLines(file: string): Iterable<string> {
  const handle = openSync(file, "r");
  try {
    const chunk = Buffer.alloc(CHUNK);
    let rest: Buffer = Buffer.alloc(0);
    for (;;) {
      const size = readSync(handle, chunk, 0, CHUNK, null);
      if (size === 0) return;
      let data = Buffer.concat([rest, chunk.subarray(0, size)]);
      for (let end = data.indexOf(10); end >= 0; end = data.indexOf(10)) {
        yield data.toString("utf8", 0, end);
        data = data.subarray(end + 1);
      }
      rest = Buffer.from(data);
    }
  } finally {
    closeSync(handle);
  }
}

/** When a process began, from the kernel where it tells: a reused pid is another process. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}

function isRunning(pid: number, started: string | undefined): boolean {
  try {
    process.kill(pid, 0);
  } catch (problem) {
    if ((problem as NodeJS.ErrnoException).code !== "EPERM") return false;
  }
  return started === undefined || startOf(pid) === started;
}

/** Another sandbox has the data file open. */
export class DataFileInUse extends Error {
  readonly holder: number;
  constructor(file: string, holder: number) {
    super(`${file} is in use by the sandbox with process id ${holder}. Stop it, or name another data file.`);
    this.holder = holder;
  }
}

/** Two sandboxes on one file would each overwrite what the other promised. */
function lock(file: string): () => void {
  const path = `${file}.lock`;
  const content = `${process.pid} ${startOf(process.pid) ?? ""}`;
  for (let attempt = 0; ; attempt++) {
    try {
      writeFileSync(path, content, { flag: "wx", mode: 0o600 });
      return () => rmSync(path, { force: true });
    } catch (problem) {
      if ((problem as NodeJS.ErrnoException).code !== "EEXIST" || attempt > 2) throw problem;
    }
    const [pid = "", started] = existsSync(path) ? readFileSync(path, "utf8").split(" ") : [];
    if (isRunning(Number(pid), started || undefined)) {
      throw new DataFileInUse(file, Number(pid));
    }
    rmSync(path, { force: true });
  }
}

function load(file: string): { organizationId: string | undefined; rows: Map<string, [string, Row]> } {
  const rows = new Map<string, [string, Row]>();
  let organizationId: string | undefined;
  if (!existsSync(file)) return { organizationId, rows };
  for (const line of completeLines(file)) {
    const parsed: unknown = JSON.parse(line);
    if (organizationId === undefined) {
      const head = parsed as Head;
      if (head.format !== 1) throw new Error(`${file} is not a sandbox data file. Name another one.`);
      organizationId = head.organizationId;
      continue;
    }
    for (const [table, id, row] of parsed as Entry[]) {
      const key = `${table}/${id}`;
      if (row === null) rows.delete(key);
      else rows.set(key, [table, { id, ...row }]);
    }
  }
  return { organizationId, rows };
}

/** What a row does not hold reads as null, so nulls need not be kept. */
function entry(table: string, row: Row): Entry {
  const values: Record<string, Value> = {};
  for (const name in row.values) {
    const value = row.values[name];
    if (value !== null && value !== undefined) values[name] = value;
  }
  return [table, row.id, { version: row.version, order: row.order, values }];
}

/** Writes the state as it is to a new file and puts that in the old one's place. */
function compact(file: string, organizationId: string, rows: readonly (readonly [string, Row])[]): void {
  const fresh = `${file}.new`;
  const handle = openSync(fresh, "w", 0o600);
  try {
    const head: Head = { format: 1, organizationId };
    writeSync(handle, `${JSON.stringify(head)}\n`);
    for (let at = 0; at < rows.length; at += ROWS_PER_LINE) {
      const lines = rows.slice(at, at + ROWS_PER_LINE).map(([table, row]) => entry(table, row));
      writeSync(handle, `${JSON.stringify(lines)}\n`);
    }
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  renameSync(fresh, file);
}

/**
 * Opens or makes a data file.
 * @param newOrganizationId used when the file is new
 * @throws Error when another sandbox has it open, or when it is no data file
 */
export function openLog(file: string, newOrganizationId: string): Log {
  const unlock = lock(file);
  try {
    const loaded = load(file);
    const organizationId = loaded.organizationId ?? newOrganizationId;
    const rows = [...loaded.rows.values()].sort((a, b) => a[1].order - b[1].order);
    compact(file, organizationId, rows);
    const handle = openSync(file, "a");
    return {
      organizationId,
      rows,
      append(changes) {
        // Several changes of one row in one commit: its last state is what counts.
        const last = new Map<string, Entry>();
        for (const { table, id, after } of changes) {
          last.set(
            `${table.logicalName}/${id}`,
            after ? entry(table.logicalName, after) : [table.logicalName, id, null],
          );
        }
        const line = Buffer.from(`${JSON.stringify([...last.values()])}\n`);
        for (let written = 0; written < line.length; ) written += writeSync(handle, line, written);
      },
      close() {
        closeSync(handle);
        unlock();
      },
    };
  } catch (problem) {
    unlock();
    throw problem;
  }
}
