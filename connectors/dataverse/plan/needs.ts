/** What has to be read before changes can be planned. Pure. */
import type { Change, Changed, Present, Problem, Value } from "../../../src/sdk.ts";
import type { Found, LookupField, MappedField, Mapping, Parent } from "../compile/mapping.ts";
import { isProblem } from "../types/value-problem.ts";
import { canMerge } from "./held.ts";
import { foldedMatch, isAddressable, matchOf, placeOf, textOf } from "./match.ts";
import { parentsOf } from "./parent.ts";
import type { Resolved } from "./resolution.ts";

export interface Needs {
  /** How each change's row is matched, in the order of the changes. */
  readonly matches: readonly (Found | Problem)[];
  /** Parents to find, by the name of their cache; folded values to the values as they are. */
  readonly parents: ReadonlyMap<
    string,
    { readonly parent: Parent; readonly values: ReadonlyMap<string, Found> }
  >;
  /** Records to find by match values, folded to as they are. */
  readonly records: ReadonlyMap<string, Found>;
  /** Records to read by their ids. */
  readonly ids: ReadonlySet<string>;
}

/**
 * @param reread whether records that are known are read too
 * @param found parents that are known already: a match may need them
 */
export function needsOf(
  mapping: Mapping,
  changes: readonly Change[],
  reread: boolean,
  found?: Pick<Resolved, "parent">,
): Needs {
  const parents = new Map<string, { parent: Parent; values: Map<string, Found> }>();
  const records = new Map<string, Found>();
  const ids = new Set<string>();
  const matches = new Array<Found | Problem>(changes.length);
  const lookups = mapping.fields.filter((field): field is LookupField => field.kind === "lookup");
  const matched = mapping.match.parts.flatMap(({ lookup }) => lookup ?? []);
  const want = (field: LookupField, row: readonly Value[]): void => {
    for (const wanted of parentsOf(field, row)) {
      if (isProblem(wanted)) continue;
      const { parent, found } = wanted;
      const entry = parents.get(parent.ref) ?? { parent, values: new Map<string, Found>() };
      parents.set(parent.ref, entry);
      const folded = foldedMatch(found);
      if (!entry.values.has(folded)) entry.values.set(folded, found);
    }
  };
  for (let index = 0; index < changes.length; index++) {
    const change = changes[index]!;
    const match = matchOf(mapping, change.kind === "removed" ? change.before : change.after, found);
    matches[index] = match;
    const needed = isProblem(match) ? NOTHING : recordNeeded(mapping, change, match, reread, found);
    for (const field of matched) {
      if (change.kind !== "added") want(field, change.before);
      if (change.kind !== "removed") want(field, change.after);
    }
    if (typeof needed === "string") ids.add(needed);
    else for (const found of needed) records.set(foldedMatch(found), found);
    if (change.kind === "removed") continue;
    for (const field of lookups) {
      if (isTouched(field, change)) want(field, change.after);
    }
  }
  return { matches, parents, records, ids };
}

/** The id that the record has to be read by, or the match values; none where nothing has to be known. */
const NOTHING: readonly Found[] = [];

function recordNeeded(
  mapping: Mapping,
  change: Change,
  found: Found,
  reread: boolean,
  parents?: Pick<Resolved, "parent">,
): readonly Found[] | string {
  const { match, rules } = mapping;
  if (match.by === "none") return NOTHING;
  const mayBeMerged = rules.adopt && canMerge(mapping.table);
  const wantsValues = change.kind !== "removed" && (reread || mayBeMerged || hasIfEmpty(mapping, change));
  if (change.kind === "added" || (change.kind === "changed" && change.revived))
    return rules.adopt || wantsValues || !isAddressable(mapping, found) ? [found] : NOTHING;
  // A row that names another record now is planned as if it were new.
  if (change.kind === "changed" && isMoved(mapping, change, found, parents))
    return rules.adopt || wantsValues || !isAddressable(mapping, found) ? [found] : NOTHING;
  const id = match.by === "id" ? textOf(found[0] ?? "") : knownId(mapping, change);
  if (id !== null) return wantsValues ? id : [];
  if (change.kind === "removed") return change.unsure || isAddressable(mapping, found) ? [] : [found];
  const before = matchOf(mapping, change.before, parents);
  if (isProblem(before)) return rules.adopt || !isAddressable(mapping, found) ? [found] : [];
  if (!isSame(before, found)) return [before, found];
  return isAddressable(mapping, found) && !wantsValues ? [] : [found];
}

/** True when the match itself names a row's record, by its id or its place, and it is another one than before. */
export function isMoved(
  mapping: Mapping,
  { before }: Changed,
  found: Found,
  parents?: Pick<Resolved, "parent">,
): boolean {
  if (mapping.match.by !== "id" && placeOf(mapping, found) === null) return false;
  const old = matchOf(mapping, before, parents);
  return isProblem(old) || !isSame(old, found);
}

/** The matches of rows whose records are to be looked for by them, although their ids are known. */
export function matchesOf(
  mapping: Mapping,
  changes: readonly Change[],
  found: Needs["matches"],
  isWanted: (id: string, match: Found) => boolean,
): ReadonlyMap<string, Found> {
  const wanted = new Map<string, Found>();
  for (const [index, change] of changes.entries()) {
    const match = found[index];
    if (match === undefined || isProblem(match) || change.kind === "removed") continue;
    const id = mapping.match.by === "id" ? textOf(match[0] ?? "") : knownId(mapping, change);
    if (id !== null && isWanted(id, match)) wanted.set(foldedMatch(match), match);
  }
  return wanted;
}

/** The id that the snapshot remembers; one record does not stand for the many that a row may be written to. */
export function knownId({ rules }: Mapping, { id }: Change): string | null {
  return rules.onMany === "all" ? null : id;
}

function hasIfEmpty({ fields }: Mapping, change: Present): boolean {
  for (const field of fields) if (field.write === "if_empty" && isTouched(field, change)) return true;
  return false;
}

export function isSame(a: Found, b: Found): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index]);
}

/** The columns of the model that a field depends on. */
export function columnsOf(field: MappedField): readonly number[] {
  const columns = [
    field.column,
    ...(field.kind === "lookup"
      ? [field.objectColumn, ...field.parents.flatMap(({ parts }) => parts.map(({ column }) => column))]
      : [field.file?.column ?? null]),
    ...(field.template?.columns ?? []),
  ];
  return [...new Set(columns.filter((column) => column !== null))];
}

/** True when a change concerns a field: new, its column changed, or still owed. */
export function isTouched(field: MappedField, change: Present): boolean {
  if (change.kind === "added") return true;
  return (
    change.pending.includes(field.field) || columnsOf(field).some((column) => change.columns.includes(column))
  );
}
