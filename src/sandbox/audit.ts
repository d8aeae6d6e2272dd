import { bump, type Counters } from "./counters.ts";
import type { Change } from "./store.ts";

/** The order in which rows were written, as a debug channel for tests. */
export interface Audit {
  readonly commits: Commit[];
  /** Changes in `commits`. */
  size: number;
  next: number;
}

/** What one transaction changed. Kept as it came: entries are made when somebody asks for them. */
interface Commit {
  readonly first: number;
  readonly at: string;
  readonly changes: readonly Change[];
}

/** Older commits are dropped: a log of everything would be a leak. */
const MOST_CHANGES = 100_000;

export const newAudit = (): Audit => ({ commits: [], size: 0, next: 1 });

const operationOf = ({ before, after }: Change): "create" | "update" | "delete" =>
  after ? (before ? "update" : "create") : "delete";

const isLike = (a: Change, b: Change): boolean =>
  a.table === b.table &&
  (a.before === undefined) === (b.before === undefined) &&
  (a.after === undefined) === (b.after === undefined);

/** Notes committed changes in the audit and the counters. */
export function note(audit: Audit, counters: Counters, changes: readonly Change[], at: Date): void {
  for (let from = 0; from < changes.length; ) {
    // Neighbours are mostly alike: they are counted together.
    const first = changes[from] as Change;
    const operation = operationOf(first);
    let to = from + 1;
    while (to < changes.length && isLike(changes[to] as Change, first)) to += 1;
    const name = first.table.logicalName;
    counters.rows[name] ??= {};
    bump(counters.rows[name] as Record<string, number>, operation, to - from);
    from = to;
  }
  audit.commits.push({ first: audit.next, at: at.toISOString(), changes });
  audit.next += changes.length;
  audit.size += changes.length;
  if (audit.size <= 2 * MOST_CHANGES) return;
  let gone = 0;
  while (audit.size > MOST_CHANGES && gone < audit.commits.length - 1) {
    audit.size -= (audit.commits[gone] as Commit).changes.length;
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
  for (const { first, at, changes } of audit.commits) {
    if (first + changes.length <= after) continue;
    for (const [index, change] of changes.entries()) {
      if (found.length >= limit) return found;
      const sequence = first + index;
      const name = change.table.logicalName;
      if (sequence <= after || (table !== null && name !== table)) continue;
      const values = Object.fromEntries(
        change.written.map((column) => [column, change.after?.values[column] ?? null]),
      );
      const operation = operationOf(change);
      found.push({ sequence, at, operation, table: name, id: change.id, columns: change.written, values });
    }
  }
  return found;
}
