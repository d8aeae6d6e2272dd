/** Why rows of a mapping would be rejected, as data, in the order in which planning looks. Pure. */
import type { FieldLimit, FieldSpec } from "../../../src/sdk.ts";
import { isByValue } from "../plan/parent.ts";
import type { Attribute } from "../table.ts";
import { blankOf, limitsOf } from "../types/limits.ts";
import type { CompileInput } from "./input.ts";
import type { LookupField, MappedField, Mapping } from "./mapping.ts";

export function mappingLimits({ sync, columns }: CompileInput, mapping: Mapping): FieldLimit[] {
  const { table, match, fields, rules, pair } = mapping;
  const kindOf = (column: number) => columns[column]?.kind ?? "text";
  const isUpdate = rules.mode === "update" || match.by === "id";
  const keys = new Set(match.parts.map(({ field }) => field));
  const limits: FieldLimit[] = [];

  /** What the values of a column are held to, where they become values of an attribute. */
  function values(field: string, column: number, attribute: Attribute, spec?: FieldSpec): void {
    const blank = blankOf(attribute.shape);
    const { zone } = columns[column] ?? {};
    for (const limit of limitsOf(attribute, kindOf(column), { truncate: spec?.truncate, zone })) {
      limits.push({ ...limit, field, column, blank });
    }
  }
  function elsewhere(code: string, field: string, says: string): void {
    limits.push({ field, column: null, blank: "white", code, says, test: { kind: "elsewhere" } });
  }
  function present(code: string, field: string, column: number | null, blank: FieldLimit["blank"]): void {
    limits.push({ field, column, blank, code, says: "empty", test: { kind: "present" } });
  }

  for (const { field, column } of match.parts) {
    const attribute = table.attributes.get(field);
    if (attribute === undefined) continue;
    values(field, column, attribute);
    present("value.no_match", field, column, blankOf(attribute.shape));
  }
  const written = fields.filter(
    ({ field, updatable, write }) => !keys.has(field) && !(isUpdate && (!updatable || write === "create")),
  );
  for (const field of written) fieldLimits(field);
  const mapped = (name: string | undefined): boolean => written.some(({ field }) => field === name);
  if (pair && mapped(pair.reason)) {
    if (mapped(pair.state)) elsewhere("value.state_and_reason", pair.reason, "reasons of another state");
    elsewhere("value.no_transition", pair.reason, "transitions that the table does not allow");
  }
  const [first] = match.parts;
  if (first && match.by === "columns" && rules.onMany === "reject")
    elsewhere("match.ambiguous", first.field, "values that several records have");
  if (first && isUpdate && rules.onMissing === "reject")
    elsewhere("record.not_found", first.field, "values that no record has");
  return limits;

  function fieldLimits(field: MappedField): void {
    const spec = sync.fields.find((candidate) => candidate.field === field.field);
    const attribute = table.attributes.get(field.field);
    if (attribute === undefined) return;
    let blank = blankOf(attribute.shape);
    // The texts themselves are made row by row, here.
    if (field.template !== undefined) {
      elsewhere("value.template", field.field, "what a template makes of a row");
      return;
    }
    if (field.kind === "plain") {
      if (field.column !== null) values(field.field, field.column, attribute, spec);
    } else blank = lookupLimits(field, blank);
    if (!field.required || field.whenNull === "skip") return;
    if (field.kind === "lookup" && !isByValue(field)) {
      for (const { column } of field.parents[0]?.parts ?? [])
        present("value.required", field.field, column, blank);
      return;
    }
    if (field.column !== null || field.constant === null)
      present("value.required", field.field, field.column, blank);
  }

  function lookupLimits(
    { field, column, parents, objectColumn, whenMissing }: LookupField,
    blank: FieldLimit["blank"],
  ): FieldLimit["blank"] {
    const [parent] = parents;
    if (objectColumn !== null)
      elsewhere("value.unknown_object", field, "names of objects, and values for each");
    if (whenMissing === "reject") elsewhere("lookup.missing", field, "parents that are not there");
    elsewhere("lookup.ambiguous", field, "values that several parents have");
    if (parent === undefined || objectColumn !== null) return blank;
    for (const part of parent.parts) {
      const attribute = parent.table.attributes.get(part.field);
      const from = part.column ?? column;
      if (attribute === undefined || from === null) continue;
      values(field, from, attribute);
      blank = blankOf(attribute.shape);
    }
    return blank;
  }
}
