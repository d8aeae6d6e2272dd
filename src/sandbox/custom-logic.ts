import { Refusal } from "./errors.ts";
import { parseFilter } from "./filter.ts";
import { compilePredicate, type Predicate } from "./predicate.ts";
import { draftOf, newDraft, put, Row, type Value, type Values, valueIn, valuesIn } from "./row.ts";
import type { Table } from "./schema.ts";
import { fold } from "./shelf.ts";
import type { Session, World } from "./world.ts";
import { valueFor, valuesFor, type Written } from "./written.ts";

/** What an organisation adds to the service: plug-ins that refuse rows, and rules that detect duplicates. */

/** A plug-in that refuses single rows. */
export interface PluginRule {
  readonly table: string;
  /** The written value that is refused, compared as text. */
  readonly column?: string;
  readonly equals?: string;
  /** Or an OData filter over the row as it would be. */
  readonly filter?: string;
  readonly message?: string;
  /** 0x80040265 when left out. */
  readonly code?: string;
  readonly on?: "create" | "update";
}

/** Rows of a table that agree in these columns are duplicates (page: optional-parameters, duplicate detection). */
export interface DuplicateRule {
  readonly table: string;
  readonly columns: readonly string[];
}

const compiled = new WeakMap<PluginRule, Predicate>();

function predicateOf(world: World, table: Table, rule: PluginRule, filter: string): Predicate {
  let predicate = compiled.get(rule);
  if (!predicate) {
    predicate = compilePredicate(world, table, parseFilter(filter, new Map()));
    compiled.set(rule, predicate);
  }
  return predicate;
}

/** @throws Refusal when the rule names no table or its filter cannot be read */
export function checkPluginRule(world: World, rule: PluginRule): void {
  const table = world.schema.tables.get(rule.table);
  if (!table) throw new Error(`There is no table '${rule.table}'.`);
  if (rule.column !== undefined && !table.columns.has(rule.column)) {
    throw new Error(`${rule.table} has no column '${rule.column}'.`);
  }
  if (rule.filter !== undefined) predicateOf(world, table, rule, rule.filter);
  else if (rule.column === undefined || rule.equals === undefined) {
    throw new Error("A plug-in needs column and equals, or filter.");
  }
}

/** Page: web-service-error-codes, IsvAborted: what a plug-in that throws looks like. */
export function runPlugins(
  world: World,
  session: Session,
  table: Table,
  written: Written,
  before: Row | undefined,
): void {
  if (world.plugins.length === 0 || session.bypassesPlugins) return;
  const operation = before ? "update" : "create";
  for (const rule of world.plugins) {
    if (rule.table !== table.logicalName || (rule.on && rule.on !== operation)) continue;
    if (!refuses(world, table, rule, written, before)) continue;
    throw new Refusal(
      400,
      rule.code ?? "0x80040265",
      rule.message ?? `${table.label}: ${rule.column ?? "the record"} was refused by a plug-in.`,
    );
  }
}

function refuses(
  world: World,
  table: Table,
  rule: PluginRule,
  written: Written,
  before: Row | undefined,
): boolean {
  if (rule.filter !== undefined) {
    const draft = before ? draftOf(before) : newDraft(world.store.layout(table));
    for (const column of written.columns.names) put(draft, column, valueFor(written, column) ?? null);
    const row = new Row(before?.id ?? "", before?.version ?? 0, before?.order ?? 0, -1, draft);
    return predicateOf(world, table, rule, rule.filter).test(row);
  }
  const value = valueFor(written, rule.column ?? "");
  if (value === undefined || value === null) return false;
  return (typeof value === "object" ? value.id : String(value)) === String(rule.equals);
}

const keyOf = (
  world: World,
  rule: DuplicateRule,
  valueAt: (column: string) => Value | undefined,
): string | undefined => {
  const parts = rule.columns.map(valueAt);
  if (parts.some((part) => part === null || part === undefined)) return undefined;
  return parts
    .map((part) => (typeof part === "object" ? part?.id : fold(world.rules, String(part))))
    .join("\u0000");
};

/** Runs only where the request asks for it with `MSCRM.SuppressDuplicateDetection: false`. */
export function detectDuplicates(
  world: World,
  session: Session,
  table: Table,
  written: Written,
  before: Row | undefined,
): void {
  if (!session.detectsDuplicates) return;
  const values: Values = { ...(before && valuesIn(before)), ...valuesFor(written) };
  for (const rule of world.duplicates) {
    if (rule.table !== table.logicalName) continue;
    const key = keyOf(world, rule, (column) => values[column]);
    if (key === undefined) continue;
    for (const row of world.store.rows(table).values()) {
      if (row.id === before?.id || keyOf(world, rule, (column) => valueIn(row, column)) !== key) continue;
      throw new Refusal(
        world.rules.duplicateDetectionStatus,
        "0x80040333",
        "A record was not created or updated because a duplicate of the current record already exists.",
      );
    }
  }
}
