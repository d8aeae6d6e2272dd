/** Reads what planning needs: the ids of parents and of records, many per request. */
import type { PlanContext, Present } from "../../src/sdk.ts";
import { Lru } from "./lru.ts";
import type { KeyPart, Mapping, Parent } from "./mapping.ts";
import { type Found, foldedMatch, foldedRead, keyText, literalOf, textOf } from "./match.ts";
import { needsOf } from "./needs.ts";
import type { Resolution, Resolved } from "./plan.ts";
import type { Service } from "./service.ts";
import type { Table } from "./table.ts";
import { inQueries, orQueries } from "./url.ts";

/** Ids of parents that a run keeps, for each way to look one up. */
const CACHED = 200_000;

export type Resolver = (changes: readonly Present[], context: PlanContext) => Promise<Resolved>;

/** A resolver for one sync. Found parents are kept for the run; missing ones may come, and are asked for again. */
export function openResolver(service: Service, mapping: Mapping): Resolver {
  const caches = new Map<string, Lru<string>>();
  return async (changes, context) => {
    const needs = needsOf(mapping, changes);
    const parents = new Map<string, Map<string, Resolution>>();
    const work: Promise<void>[] = [];
    for (const [ref, { parent, values }] of needs.parents) {
      const cache = caches.get(ref) ?? new Lru<string>(CACHED);
      caches.set(ref, cache);
      const found = new Map<string, Resolution>();
      parents.set(ref, found);
      work.push(findParents(service, parent, values, { cache, found, context }));
    }
    const records = new Map<string, Resolution>();
    work.push(findRecords(service, mapping, needs.records, records, context.signal));
    await Promise.all(work);
    return {
      parent: (ref, value) => parents.get(ref)?.get(value) ?? "missing",
      record: (match) => records.get(match) ?? "missing",
    };
  };
}

async function findParents(
  service: Service,
  parent: Parent,
  values: ReadonlyMap<string, string>,
  to: { readonly cache: Lru<string>; readonly found: Map<string, Resolution>; readonly context: PlanContext },
): Promise<void> {
  const { cache, found, context } = to;
  const open = new Map<string, Found>();
  for (const [folded, json] of values) {
    const id = cache.get(folded);
    if (id === undefined) open.set(folded, [json]);
    else found.set(folded, { id });
  }
  await read(service, parent.table, [parent.part], [...open.values()], found, context.signal);
  const missing: string[] = [];
  for (const [folded, [json = ""]] of open) {
    const resolution = found.get(folded);
    if (typeof resolution === "object") cache.set(folded, resolution.id);
    else if (resolution === undefined) missing.push(textOf(json));
  }
  if (missing.length === 0 || !context.promised) return;
  const promised = await context.promised(parent.table.name, parent.part.field, missing);
  for (const text of promised) {
    const folded = foldedRead(text);
    if (!found.has(folded)) found.set(folded, "promised");
  }
}

async function findRecords(
  service: Service,
  mapping: Mapping,
  wanted: ReadonlyMap<string, Found>,
  found: Map<string, Resolution>,
  signal: AbortSignal,
): Promise<void> {
  await read(service, mapping.table, mapping.match.parts, [...wanted.values()], found, signal);
}

/** Reads the ids of records by the values of columns, all requests at once as far as the gate lets them. */
async function read(
  service: Service,
  table: Table,
  parts: readonly KeyPart[],
  wanted: readonly Found[],
  found: Map<string, Resolution>,
  signal: AbortSignal,
): Promise<void> {
  if (wanted.length === 0) return;
  const asked = new Set(wanted.map(foldedMatch));
  const rows = await Promise.all(queries(table, parts, wanted).map((query) => all(service, query, signal)));
  for (const row of rows.flat()) {
    const key = keyText(parts.map(({ field }) => foldedRead(row[field])));
    if (!asked.has(key)) continue;
    const id = String(row[table.primaryId]).toLowerCase();
    const other = found.get(key);
    found.set(
      key,
      other === undefined || (typeof other === "object" && other.id === id) ? { id } : "ambiguous",
    );
  }
}

function queries(table: Table, parts: readonly KeyPart[], wanted: readonly Found[]): string[] {
  const select = [...new Set([table.primaryId, ...parts.map(({ field }) => field)])];
  const [first] = parts;
  if (parts.length === 1 && first?.isListable) {
    const values = wanted.map(([json = ""]) => textOf(json));
    return inQueries({ set: table.set, select, property: first.field, values });
  }
  const terms = wanted.map((found) =>
    parts.map((part, index) => [part.field, literalOf(part, found[index] ?? "")] as const),
  );
  return orQueries({ set: table.set, select, terms });
}

async function all(service: Service, query: string, signal: AbortSignal): Promise<Record<string, unknown>[]> {
  const rows: Record<string, unknown>[] = [];
  for await (const page of service.pages(query, signal)) rows.push(...page);
  return rows;
}
