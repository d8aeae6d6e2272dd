/** What has to be read before changes can be planned. Pure. */
import type { Present, Value } from "../../src/sdk.ts";
import type { LookupField, Mapping, Parent } from "./mapping.ts";
import { type Found, foldedJson, foldedMatch, isAddressable, matchOf } from "./match.ts";
import { isProblem, NULL } from "./types/value-problem.ts";

export interface Needs {
  /** Parents to find, by the name of their cache; folded value to the value as JSON. */
  readonly parents: ReadonlyMap<
    string,
    { readonly parent: Parent; readonly values: ReadonlyMap<string, string> }
  >;
  /** Records to find by match values, folded to as they are. */
  readonly records: ReadonlyMap<string, Found>;
}

export function needsOf(mapping: Mapping, changes: readonly Present[]): Needs {
  const parents = new Map<string, { parent: Parent; values: Map<string, string> }>();
  const records = new Map<string, Found>();
  const lookups = mapping.fields.filter((field): field is LookupField => field.kind === "lookup");
  for (const change of changes) {
    const wanted = recordNeeded(mapping, change);
    if (wanted) records.set(foldedMatch(wanted), wanted);
    for (const field of lookups) {
      if (!isTouched(field, change)) continue;
      const json = parentValue(field, change.after);
      if (json === null || isProblem(json)) continue;
      const { parent } = field;
      const entry = parents.get(parent.ref) ?? { parent, values: new Map<string, string>() };
      parents.set(parent.ref, entry);
      entry.values.set(foldedJson(json), json);
    }
  }
  return { parents, records };
}

/** The match values that the record has to be looked up by, if any. */
function recordNeeded(mapping: Mapping, change: Present): Found | null {
  if (mapping.match.by === "id" || change.id !== null) return null;
  const after = matchOf(mapping, change.after);
  if (isProblem(after)) return null;
  if (change.kind === "added") return isAddressable(mapping, after) ? null : after;
  const before = matchOf(mapping, change.before);
  if (isProblem(before)) return isAddressable(mapping, after) ? null : after;
  return isSame(before, after) && isAddressable(mapping, after) ? null : before;
}

export function isSame(a: Found, b: Found): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index]);
}

/** True when a change concerns a field: new, its column changed, or still owed. */
export function isTouched(
  field: { readonly field: string; readonly column: number | null },
  change: Present,
): boolean {
  if (change.kind === "added") return true;
  return (
    change.pending.includes(field.field) || (field.column !== null && change.columns.includes(field.column))
  );
}

/** The value of a field in a row: the column's, or the constant. */
export function sourceValue(
  field: { readonly column: number | null; readonly constant: Value },
  row: readonly Value[],
): Value {
  return field.column === null ? field.constant : (row[field.column] ?? null);
}

/** The value that a parent is looked up by, as JSON; null for none. */
export function parentValue(field: LookupField, row: readonly Value[]) {
  const value = sourceValue(field, row);
  if (value === null) return null;
  const json = field.parent.part.coerce(value);
  if (isProblem(json))
    return { ...json, field: field.field, message: `${field.field} looks up ${json.message}` };
  return json === NULL ? null : json;
}
