/** Reads what planning needs: the ids of parents and of records, many per request. */
import type { Change, PlanContext } from "../../../src/sdk.ts";
import type { Found, KeyPart, Mapping, Parent } from "../compile/mapping.ts";
import { nameColumns, nameOf, PARTITION, readId, sessionHeaders } from "../elastic.ts";
import { Lru } from "../lru.ts";
import type { Service } from "../sender/service.ts";
import { isElastic, type Table } from "../table.ts";
import { inQueries, orQueries } from "../url.ts";
import { openCurrencies } from "./currency.ts";
import { canMerge, type Held, heldColumns, heldMatch, masterOf, mergeColumns } from "./held.ts";
import { foldedMatch, foldedRead, isPromised, keyText, literalsOf, readBy, textOf } from "./match.ts";
import { isSame, matchesOf, type Needs, needsOf } from "./needs.ts";
import { chosen, type Resolution, type Resolved } from "./resolution.ts";
import { stubOf } from "./stubs.ts";

/** Ids of parents that a run keeps, for each way to look one up. */
const CACHED = 200_000;

export type Resolver = (
  changes: readonly Change[],
  context: PlanContext,
) => Promise<Resolved & Pick<Needs, "matches">>;

/** A resolver for one sync. Found parents are kept for the run; missing ones may come, and are asked for again. */
export function openResolver(service: Service, mapping: Mapping): Resolver {
  const caches = new Map<string, Lru<string>>();
  const columns = heldColumns(mapping);
  const currencies = openCurrencies(service, mapping);
  return async (changes, context) => {
    const isReread = context.reread === true && mapping.rules.adopt;
    let needs = needsOf(mapping, changes, isReread);
    const parents = new Map<string, Map<string, Resolution>>();
    const work: Promise<void>[] = [];
    for (const [ref, { parent, values }] of needs.parents) {
      const cache = caches.get(ref) ?? new Lru<string>(CACHED);
      caches.set(ref, cache);
      const found = new Map<string, Resolution>();
      parents.set(ref, found);
      work.push(findParents(service, parent, values, { cache, found, context }));
    }
    const parent: Resolved["parent"] = (ref, value) => parents.get(ref)?.get(value) ?? "missing";
    if (mapping.match.parts.some(({ lookup }) => lookup !== undefined)) {
      await Promise.all(work);
      needs = needsOf(mapping, changes, isReread, { parent });
    }
    const records = new Map<string, Held[]>();
    const current = new Map<string, Held[]>();
    const { table, match } = mapping;
    const readRecords = (asked: readonly Found[]): Promise<void> =>
      read(
        service,
        table,
        match.parts,
        asked.filter((found) => !isPromised(found)),
        { columns, found: records, signal: context.signal },
      );
    const wanted = new Map(needs.records);
    work.push(readRecords([...wanted.values()]));
    const ids = [...needs.ids].map((id) => idFound(table, id));
    work.push(read(service, table, idParts(table), ids, { columns, found: current, signal: context.signal }));
    await Promise.all(work);
    const currentOf = (id: string): Held | undefined => current.get(foldedMatch(idFound(table, id)))?.[0];
    const isGone = (id: string): boolean => needs.ids.has(id) && currentOf(id) === undefined;
    if (needs.ids.size > 0) {
      const again = matchesOf(mapping, changes, needs.matches, (id, found) => {
        const held = currentOf(id);
        // One that is gone may have been made anew by others; where another has its key, that one may have been merged.
        if (held === undefined) return isGone(id);
        return isReread && canMerge(table) && !isSame(heldMatch(mapping, found, held), found);
      });
      for (const [key, found] of again) wanted.set(key, found);
      await readRecords([...again.values()]);
    }
    const survivor = await survivorsOf([...records.values(), ...current.values()].flat(), (asked, found) =>
      read(service, table, idParts(table), asked, { columns, found, signal: context.signal }),
    );
    const all = [...records.values(), ...current.values()].flat();
    const priced = await currencies(changes, all, context.signal);
    const isThere = ({ id }: Held): boolean => context.leaving?.has(id) !== true;
    return {
      parent,
      record(found) {
        const key = wanted.size === 0 ? undefined : foldedMatch(found);
        if (key === undefined || !wanted.has(key)) return "unread";
        const there = distinct(survivor, records.get(key)).filter(isThere);
        return chosen(there.map(priced), mapping.rules.onMany);
      },
      matches: needs.matches,
      current: (id) => {
        const held = currentOf(id);
        return held && priced(survivor(held));
      },
      isGone,
      isReread,
    };
  };
}

/** How often a record that others were merged into is merged itself; what goes round in circles ends too. */
const MOST_MERGES = 5;

type Survivor = (held: Held) => Held;

/** What records stand for: one that was merged into another for that one. */
async function survivorsOf(
  held: readonly Held[],
  find: (asked: readonly Found[], found: Map<string, Held[]>) => Promise<void>,
): Promise<Survivor> {
  const masters = new Map<string, Held>();
  let open = held;
  for (let depth = 0; depth < MOST_MERGES; depth++) {
    const ids = [...new Set(open.flatMap((one) => masterOf(one) ?? []))].filter((id) => !masters.has(id));
    if (ids.length === 0) break;
    const found = new Map<string, Held[]>();
    await find(
      ids.map((id) => [JSON.stringify(id)]),
      found,
    );
    open = [...found.values()].flat();
    for (const one of open) masters.set(one.id, one);
  }
  const survivor = (held: Held, merges: number): Held => {
    const master = masters.get(masterOf(held) ?? "");
    return master === undefined || merges >= MOST_MERGES
      ? held
      : survivor({ ...master, isMaster: true }, merges + 1);
  };
  return (held) => survivor(held, 0);
}

/** What records stand for, each once. */
const distinct = (survivor: Survivor, held: readonly Held[] = []): Held[] => [
  ...new Map(held.map(survivor).map((one) => [one.id, one])).values(),
];

/** What names a record, as what it is found by: the primary id, and the partition where there are any. */
const idParts = (table: Table): KeyPart[] =>
  nameColumns(table).map((field) => ({
    field,
    coerce: (value) => JSON.stringify(value),
    isText: field === PARTITION,
    isListable: field !== PARTITION,
  }));

function idFound(table: Table, kept: string): Found {
  const { id, partition = id } = nameOf(kept);
  return isElastic(table) ? [JSON.stringify(id), JSON.stringify(partition)] : [JSON.stringify(id)];
}

async function findParents(
  service: Service,
  parent: Parent,
  values: ReadonlyMap<string, Found>,
  to: { readonly cache: Lru<string>; readonly found: Map<string, Resolution>; readonly context: PlanContext },
): Promise<void> {
  const { cache, found, context } = to;
  const isRemoved = (id: string): boolean => context.removed?.has(id) === true;
  const open = new Map<string, Found>();
  for (const [folded, wanted] of values) {
    const id = cache.get(folded);
    if (id === undefined || isRemoved(id)) open.set(folded, wanted);
    else found.set(folded, { id });
  }
  const held = new Map<string, Held[]>();
  const { table } = parent;
  const columns = [...new Set([...nameColumns(table), ...parent.parts.map(readBy), ...mergeColumns(table)])];
  const { signal } = context;
  await read(service, table, parent.parts, [...open.values()], { columns, found: held, signal });
  const survivor = await survivorsOf([...held.values()].flat(), (asked, found) =>
    read(service, table, idParts(table), asked, { columns, found, signal }),
  );
  const missing = new Map<string, readonly string[]>();
  for (const [folded, wanted] of open) {
    const [one, ...others] = distinct(survivor, held.get(folded)).filter(({ id }) => !isRemoved(id));
    if (one === undefined) missing.set(folded, wanted.map(textOf));
    else if (others.length > 0) found.set(folded, { several: [one, ...others].map(({ id }) => id) });
    else {
      found.set(folded, { id: one.id });
      cache.set(folded, one.id);
    }
  }
  for (const kind of ["promised", "awaited"] as const) {
    if (missing.size === 0) break;
    const fields = parent.parts.map(({ field }) => field);
    for (const texts of (await context[kind]?.(parent.table.name, fields, [...missing.values()])) ?? []) {
      const folded = keyText(texts.map(foldedRead));
      if (missing.delete(folded)) found.set(folded, kind);
    }
  }
  if (!parent.makesStubs) return;
  const stubs = [...open].flatMap(([folded, wanted]) =>
    found.has(folded) ? [] : [[folded, stubOf(parent, wanted, context.idSeed[0] ?? "")] as const],
  );
  // One that was made before may have another key by now: it is the one that the value means, and its key is not ours.
  const made = new Map<string, Held[]>();
  const ids = stubs.map(([, { id }]) => idFound(table, id));
  await read(service, table, idParts(table), ids, { columns, found: made, signal });
  for (const [folded, { id, ...stub }] of stubs) {
    const [held] = made.get(foldedMatch(idFound(table, id))) ?? [];
    found.set(folded, held === undefined ? { id, stub } : { id: survivor(held).id });
  }
}

interface Reading {
  /** Columns to read, the primary id among them. */
  readonly columns: readonly string[];
  /** Takes the records, by the folded values that found them. */
  readonly found: Map<string, Held[]>;
  readonly signal: AbortSignal;
}

/** Reads records by the values of columns, many values in one query and many queries in one request. */
async function read(
  service: Service,
  table: Table,
  parts: readonly KeyPart[],
  wanted: readonly Found[],
  { columns, found, signal }: Reading,
): Promise<void> {
  if (wanted.length === 0) return;
  const asked = new Set(wanted.map(foldedMatch));
  const paths = queries(table, parts, wanted, columns);
  const headers = sessionHeaders(service.sessions, table);
  for (const row of await service.queries(paths, signal, headers)) {
    const key = keyText(parts.map((part) => foldedRead(row[readBy(part)])));
    if (!asked.has(key)) continue;
    const id = readId(table, row);
    const others = found.get(key) ?? [];
    if (!others.some((other) => other.id === id)) found.set(key, [...others, { id, row }]);
  }
}

function queries(
  table: Table,
  parts: readonly KeyPart[],
  wanted: readonly Found[],
  select: readonly string[],
): string[] {
  const [first] = parts;
  if (parts.length === 1 && first?.isListable) {
    const values = wanted.map(([json = ""]) => textOf(json));
    return inQueries({ set: table.set, select, property: first.field, values });
  }
  const terms = wanted.map((found) => literalsOf(parts, found));
  return orQueries({ set: table.set, select, terms });
}
