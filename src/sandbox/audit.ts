import { bump, type Counters } from "./counters.ts";
import { type Row, valueIn } from "./row.ts";
import type { Changes, Operation } from "./store.ts";

/** The order in which rows were written, as a debug channel for tests. */
export interface Audit {
  readonly commits: Commit[];
  /** Rows in `commits`. */
  size: number;
  next: number;
}

/** What one transaction changed. Kept as it came: entries are made when somebody asks for them. */
interface Commit {
  readonly at: string;
  readonly table: string;
  readonly operation: Operation;
  readonly columns: readonly string[];
  /** The sequence number of the first row; those of the others follow. */
  readonly first: number;
  /** As they were written, or as they were when they went. */
  readonly rows: readonly Row[];
}

/** Older commits are dropped: a log of everything would be a leak. */
const MOST_CHANGES = 100_000;

export const newAudit = (): Audit => ({ commits: [], size: 0, next: 1 });

/** Notes committed changes in the audit and the counters. */
export function note(audit: Audit, counters: Counters, changes: readonly Changes[], at: Date): void {
  const moment = at.toISOString();
  for (const { table, operation, written, before, after } of changes) {
    const rows = operation === "delete" ? before : after;
    if (rows.length === 0) continue;
    const name = table.logicalName;
    counters.rows[name] ??= {};
    bump(counters.rows[name] as Record<string, number>, operation, rows.length);
    audit.commits.push({ at: moment, table: name, operation, columns: written, first: audit.next, rows });
    audit.next += rows.length;
    audit.size += rows.length;
  }
  if (audit.size <= 2 * MOST_CHANGES) return;
  let gone = 0;
  while (audit.size > MOST_CHANGES && gone < audit.commits.length - 1) {
    audit.size -= (audit.commits[gone] as Commit).rows.length;
    gone += 1;
  }
  audit.commits.splice(0, gone);
}

export function forget(audit: Audit): void {
  audit.commits.length = 0;
  audit.size = 0;
}

/** Entries after a sequence number, with the values of the columns that were written. */
export function readAudit(audit: Audit, after: number, table: string | null, limit: number): unknown[] {
  const found: unknown[] = [];
  for (const { at, first, rows, columns, operation, ...commit } of audit.commits) {
    if (first + rows.length <= after || (table !== null && commit.table !== table)) continue;
    for (const [index, row] of rows.entries()) {
      if (found.length >= limit) return found;
      const sequence = first + index;
      if (sequence <= after) continue;
      const isGone = operation === "delete";
      const values = Object.fromEntries(
        columns.map((column) => [column, isGone ? null : (valueIn(row, column) ?? null)]),
      );
      found.push({ sequence, at, operation, table: commit.table, id: row.id, columns, values });
    }
  }
  return found;
}
