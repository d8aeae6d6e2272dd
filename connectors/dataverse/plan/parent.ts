/** Which parent a row names. Pure. */
import type { Problem, Value } from "../../../src/sdk.ts";
import type { LookupField, Parent } from "../compile/mapping.ts";
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
  /** The value that it is looked up by, as JSON. */
  readonly json: string;
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

/** The parent that a row names; null for none. */
export function parentOf(
  field: LookupField,
  row: readonly Value[],
  value: Value = sourceValue(field, row),
): WantedParent | null | Problem {
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
