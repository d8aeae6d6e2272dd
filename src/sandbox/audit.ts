import { bump, type Counters } from "./counters.ts";
import type { Change, Values } from "./store.ts";

/** The order in which rows were written, as a debug channel for tests. */
export interface AuditEntry {
  readonly sequence: number;
  readonly at: string;
  readonly operation: "create" | "update" | "delete";
  readonly table: string;
  readonly id: string;
  readonly columns: readonly string[];
  readonly values: Values | undefined;
}

export interface Audit {
  readonly entries: AuditEntry[];
  next: number;
}

/** Older entries are dropped: a log of everything would be a leak. */
const MOST_ENTRIES = 100_000;

export const newAudit = (): Audit => ({ entries: [], next: 1 });

/** Notes committed changes in the audit and the counters. */
export function note(audit: Audit, counters: Counters, changes: readonly Change[], at: Date): void {
  const time = at.toISOString();
  for (const { table, id, before, after, written } of changes) {
    const operation = after ? (before ? "update" : "create") : "delete";
    counters.rows[table.logicalName] ??= {};
    bump(counters.rows[table.logicalName]!, operation);
    audit.entries.push({
      sequence: audit.next++,
      at: time,
      operation,
      table: table.logicalName,
      id,
      columns: written,
      values: after?.values,
    });
  }
  if (audit.entries.length > 2 * MOST_ENTRIES) audit.entries.splice(0, audit.entries.length - MOST_ENTRIES);
}

/** Entries after a sequence number, with the values of the columns that were written. */
export function readAudit(audit: Audit, after: number, table: string | null, limit: number): unknown[] {
  const found: unknown[] = [];
  for (const entry of audit.entries) {
    if (found.length >= limit) break;
    if (entry.sequence <= after || (table !== null && entry.table !== table)) continue;
    const { values, columns, ...rest } = entry;
    const written = Object.fromEntries(columns.map((column) => [column, values?.[column] ?? null]));
    found.push({ ...rest, columns, values: written });
  }
  return found;
}
