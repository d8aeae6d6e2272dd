/** What has to be read before changes can be planned. Pure. */
import type { Change, Present, Problem, Value } from "../../src/sdk.ts";
import type { LookupField, Mapping, Parent } from "./mapping.ts";
import { type Found, foldedJson, foldedMatch, isAddressable, matchOf, textOf } from "./match.ts";
import { isProblem, NULL, quoted, valueProblem } from "./types/value-problem.ts";

export interface Needs {
  /** Parents to find, by the name of their cache; folded value to the value as JSON. */
  readonly parents: ReadonlyMap<
    string,
    { readonly parent: Parent; readonly values: ReadonlyMap<string, string> }
  >;
  /** Records to find by match values, folded to as they are. */
  readonly records: ReadonlyMap<string, Found>;
  /** Records to read by their ids. */
  readonly ids: ReadonlySet<string>;
}

/** @param reread whether records that are known are read too */
export function needsOf(mapping: Mapping, changes: readonly Change[], reread: boolean): Needs {
  const parents = new Map<string, { parent: Parent; values: Map<string, string> }>();
  const records = new Map<string, Found>();
  const ids = new Set<string>();
  const lookups = mapping.fields.filter((field): field is LookupField => field.kind === "lookup");
  for (const change of changes) {
    const needed = recordNeeded(mapping, change, reread);
    if (typeof needed === "string") ids.add(needed);
    else for (const found of needed) records.set(foldedMatch(found), found);
    if (change.kind === "removed") continue;
    for (const field of lookups) {
      if (!isTouched(field, change)) continue;
      const wanted = parentOf(field, change.after);
      if (wanted === null || isProblem(wanted)) continue;
      const { parent, json } = wanted;
      const entry = parents.get(parent.ref) ?? { parent, values: new Map<string, string>() };
      parents.set(parent.ref, entry);
      entry.values.set(foldedJson(json), json);
    }
  }
  return { parents, records, ids };
}

/** The id that the record has to be read by, or the match values; none where nothing has to be known. */
function recordNeeded(mapping: Mapping, change: Change, reread: boolean): readonly Found[] | string {
  const { match, rules } = mapping;
  if (match.by === "none") return [];
  const found = matchOf(mapping, change.kind === "removed" ? change.before : change.after);
  if (isProblem(found)) return [];
  const wantsValues = change.kind !== "removed" && (reread || hasIfEmpty(mapping, change));
  if (change.kind === "added" || (change.kind === "changed" && change.revived))
    return rules.adopt || wantsValues || !isAddressable(mapping, found) ? [found] : [];
  const id = match.by === "id" ? textOf(found[0] ?? "") : knownId(mapping, change);
  if (id !== null) return wantsValues ? id : [];
  if (change.kind === "removed") return change.unsure || isAddressable(mapping, found) ? [] : [found];
  const before = matchOf(mapping, change.before);
  if (isProblem(before)) return rules.adopt || !isAddressable(mapping, found) ? [found] : [];
  if (!isSame(before, found)) return [before, found];
  return isAddressable(mapping, found) && !wantsValues ? [] : [found];
}

/** The matches of rows whose records have these ids. */
export function matchesOf(
  mapping: Mapping,
  changes: readonly Change[],
  ids: ReadonlySet<string>,
): ReadonlyMap<string, Found> {
  const matches = new Map<string, Found>();
  for (const change of changes) {
    if (change.kind === "removed") continue;
    const found = matchOf(mapping, change.after);
    if (isProblem(found)) continue;
    const id = mapping.match.by === "id" ? textOf(found[0] ?? "") : knownId(mapping, change);
    if (id !== null && ids.has(id)) matches.set(foldedMatch(found), found);
  }
  return matches;
}

/** The id that the snapshot remembers; one record does not stand for the many that a row may be written to. */
export function knownId({ rules }: Mapping, { id }: Change): string | null {
  return rules.onMany === "all" ? null : id;
}

function hasIfEmpty({ fields }: Mapping, change: Present): boolean {
  return fields.some((field) => field.write === "if_empty" && isTouched(field, change));
}

export function isSame(a: Found, b: Found): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index]);
}

/** True when a change concerns a field: new, its column changed, or still owed. */
export function isTouched(
  field: {
    readonly field: string;
    readonly column: number | null;
    readonly objectColumn?: number | null;
    readonly file?: { readonly column: number | null };
    readonly template?: { readonly columns: readonly number[] };
  },
  change: Present,
): boolean {
  if (change.kind === "added") return true;
  const columns = [
    field.column,
    field.objectColumn ?? null,
    field.file?.column ?? null,
    ...(field.template?.columns ?? []),
  ];
  return (
    change.pending.includes(field.field) ||
    columns.some((column) => column !== null && change.columns.includes(column))
  );
}

/** The value of a field in a row: the column's, the template's text, or the constant. */
export function sourceValue(
  field: Pick<LookupField, "column" | "constant" | "template">,
  row: readonly Value[],
): Value {
  if (field.template !== undefined) return field.template.render(row);
  return field.column === null ? field.constant : (row[field.column] ?? null);
}

export interface WantedParent {
  readonly parent: Parent;
  /** The value that it is looked up by, as JSON. */
  readonly json: string;
}

/** The parent that a row names; null for none. */
export function parentOf(field: LookupField, row: readonly Value[]): WantedParent | null | Problem {
  const value = sourceValue(field, row);
  if (value === null) return null;
  const parent = objectOf(field, row);
  if (isProblem(parent)) return parent;
  const json = parent.part.coerce(value);
  if (isProblem(json))
    return { ...json, field: field.field, message: `${field.field} looks up ${json.message}` };
  return json === NULL ? null : { parent, json };
}

/** The object that a row names, by logical name, entity set or display name. */
function objectOf({ field, parents, objectColumn }: LookupField, row: readonly Value[]): Parent | Problem {
  if (objectColumn === null) return parents[0]!;
  const name = row[objectColumn]?.trim().toLowerCase() ?? "";
  const found = parents.find(({ table }) =>
    [table.name, table.set, table.displayName].some((known) => known.toLowerCase() === name),
  );
  if (found !== undefined) return found;
  const known = parents.map(({ table }) => table.name).join(" or ");
  const what =
    name === ""
      ? "the row does not say which object it looks in"
      : `${quoted(name)} is no object that it points at`;
  return valueProblem("unknown_object", field, `${what}.`, `Name ${known} in the column of lookup.object.`);
}
