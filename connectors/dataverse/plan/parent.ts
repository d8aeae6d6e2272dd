/** Which parent a row names. Pure. */
import type { Problem, Value } from "../../../src/sdk.ts";
import type { Found, LookupField, Parent } from "../compile/mapping.ts";
import { isProblem, NULL, quoted, valueProblem } from "../types/value-problem.ts";

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
  /** The values that it is looked up by. */
  readonly found: Found;
}

/** All that a row names: one record, or the parties of a list. */
export function parentsOf(field: LookupField, row: readonly Value[]): readonly (WantedParent | Problem)[] {
  if (field.party === undefined) return [parentOf(field, row)].filter((one) => one !== null);
  const text = sourceValue(field, row)?.trim() ?? "";
  return itemsIn(text).flatMap((value) => parentOf(field, row, value) ?? []);
}

/** A JSON list, or values with semicolons between them. */
function itemsIn(text: string): readonly string[] {
  if (text.startsWith("[")) {
    try {
      const list: unknown = JSON.parse(text);
      if (Array.isArray(list)) return [...new Set(list.map(String))];
    } catch {} // a text that begins with a bracket
  }
  return [...new Set(text.split(";").map((item) => item.trim()))].filter((item) => item !== "");
}

/** The parent that a row names; null for none, also where one column of several is empty. */
export function parentOf(
  field: LookupField,
  row: readonly Value[],
  value: Value = sourceValue(field, row),
): WantedParent | null | Problem {
  if (value === null && isByValue(field)) return null;
  const parent = objectOf(field, row);
  if (isProblem(parent)) return parent;
  const found: string[] = [];
  for (const part of parent.parts) {
    const own = part.column === null ? value : (row[part.column] ?? null);
    const json = own === null ? NULL : part.coerce(own);
    if (isProblem(json))
      return { ...json, field: field.field, message: `${field.field} looks up ${json.message}` };
    if (json === NULL) return null;
    found.push(json);
  }
  return { parent, found };
}

/** Whether the field's own value says which record is meant, and not columns of a key. */
export const isByValue = ({ parents }: LookupField): boolean => parents[0]?.parts[0]?.column === null;

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
