import type { Kind } from "../api.ts";

/**
 * How long the service would have worked on a request. Microsoft states no such figures: these are ours, of the size
 * that people report from ordinary environments, and every one can be set (README.md, "Service protection").
 */
export interface Cost {
  /** Milliseconds for the operation. */
  readonly base: number;
  /** Milliseconds for each row that it writes or returns. */
  readonly row: number;
}

export interface CostModel {
  /** Milliseconds for the HTTP request around one or many operations. */
  request: number;
  kinds: Record<Kind, Cost>;
  /** Tables that cost more or less than others, by logical name; plug-ins and many indexes make a table slow. */
  tables: Record<string, number>;
}

export interface CostOptions {
  readonly request?: number;
  readonly kinds?: { readonly [kind in Kind]?: Partial<Cost> };
  readonly tables?: Readonly<Record<string, number>>;
}

/** For a single row the base holds everything but the row itself; a bulk message shares one base among its rows. */
const KINDS: Record<string, Cost> = {
  read: { base: 20, row: 0.1 },
  metadata: { base: 100, row: 0 },
  whoAmI: { base: 5, row: 0 },
  create: { base: 40, row: 10 },
  update: { base: 40, row: 10 },
  upsert: { base: 50, row: 12 },
  delete: { base: 40, row: 10 },
  associate: { base: 40, row: 10 },
  disassociate: { base: 40, row: 10 },
  createMultiple: { base: 50, row: 5 },
  updateMultiple: { base: 50, row: 6 },
  upsertMultiple: { base: 60, row: 8 },
  deleteMultiple: { base: 50, row: 5 },
  // The batch itself; its operations are counted one by one.
  batch: { base: 10, row: 0 },
};
/** Whatever else a client may call. */
const OTHER: Cost = { base: 50, row: 1 };

export function newCosts(options: CostOptions = {}): CostModel {
  const costs: CostModel = { request: 5, kinds: { ...KINDS } as CostModel["kinds"], tables: {} };
  setCosts(costs, options);
  return costs;
}

export function setCosts(costs: CostModel, options: CostOptions): void {
  if (options.request !== undefined) costs.request = options.request;
  for (const [kind, cost] of Object.entries(options.kinds ?? {})) {
    costs.kinds[kind as Kind] = { ...(costs.kinds[kind as Kind] ?? OTHER), ...cost };
  }
  Object.assign(costs.tables, options.tables);
}

/** Milliseconds of one operation. */
export function costOf(costs: CostModel, kind: Kind, table: string | undefined, rows: number): number {
  const { base, row } = costs.kinds[kind] ?? OTHER;
  return (base + row * rows) * ((table !== undefined && costs.tables[table]) || 1);
}
