/** A field that points at a record of another table. Pure. */
import { didYouMean, type FieldSpec } from "../../src/sdk.ts";
import type { CompileInput, Findings } from "./compile-input.ts";
import { keyPart } from "./compile-match.ts";
import type { LookupField, MappedField } from "./mapping.ts";
import { type Attribute, activeKeys, type Table } from "./table.ts";
import type { coercerOf } from "./types/coercer.ts";
import { isProblem } from "./types/value-problem.ts";

export interface LookupInput {
  readonly spec: FieldSpec;
  readonly attribute: Attribute;
  readonly base: Omit<LookupField, "kind" | "parent" | "whenMissing">;
  readonly kind: Parameters<typeof coercerOf>[1];
  readonly input: CompileInput;
  readonly findings: Findings;
}

export function compileLookup({
  spec,
  attribute,
  base,
  kind,
  input,
  findings,
}: LookupInput): MappedField | null {
  const { table } = input;
  const path = ["fields", spec.field];
  const refuse = (code: string, at: readonly string[], message: string, remedy: string) => {
    findings.problem(code, at, message, remedy, spec.field);
    return null;
  };
  const { shape } = attribute;
  if (shape.kind !== "lookup") {
    return refuse(
      "mapping.no_lookup_column",
      [...path, "lookup"],
      `'${spec.field}' (${attribute.type}) is no lookup column.`,
      "Take lookup out.",
    );
  }
  const { lookup } = spec;
  if (!lookup) {
    return refuse(
      "mapping.lookup_missing",
      path,
      `'${spec.field}' points at a record of ${shape.targets.join(" or ")}.`,
      `Add lookup: { object: ${shape.targets[0] ?? "…"}, by: … }.`,
    );
  }
  const parent = input.parents.get(lookup.object);
  const at = [...path, "lookup", "object"];
  if (parent === undefined || isProblem(parent)) {
    const { message = `There is no table '${lookup.object}'.`, remedy = "" } = parent ?? {};
    return refuse("mapping.unknown_object", at, message, remedy);
  }
  const property = table.navigations.find(
    (navigation) => navigation.field === spec.field && navigation.target === parent.name,
  )?.property;
  if (property === undefined || (shape.targets.length > 0 && !shape.targets.includes(parent.name))) {
    return refuse(
      "mapping.lookup_target",
      at,
      `'${spec.field}' does not point at ${parent.name}.`,
      `It points at ${shape.targets.join(" or ") || "nothing that can be bound"}.`,
    );
  }
  const by = findBy(parent, lookup.by);
  if ("why" in by) return refuse("mapping.lookup_by", [...path, "lookup", "by"], by.why, by.remedy);
  const part = keyPart(by.attribute, kind);
  if ("why" in part) {
    return refuse(
      "mapping.wrong_type",
      path,
      `'${spec.field}' is looked up by ${parent.name}.${lookup.by} (${by.attribute.type}): ${part.why}.`,
      "Cast it in the model's query.",
    );
  }
  return {
    ...base,
    kind: "lookup",
    property: `${property}@odata.bind`,
    parent: { ref: `${parent.name}.${lookup.by}`, table: parent, part: part.part },
    whenMissing: lookup.whenMissing,
  };
}

function findBy(parent: Table, by: string): { attribute: Attribute } | { why: string; remedy: string } {
  const attribute = parent.attributes.get(by);
  if (!attribute) {
    return {
      why: `${parent.name} has no column '${by}'.`,
      remedy: didYouMean(by, parent.attributes.keys()) || `Look it up by ${waysIn(parent)}.`,
    };
  }
  if (by === parent.primaryId) return { attribute };
  if (activeKeys(parent).some((key) => key.fields.length === 1 && key.fields[0] === by)) return { attribute };
  const inactive = parent.keys.find((key) => key.fields.length === 1 && key.fields[0] === by);
  return {
    why: inactive
      ? `The alternate key over ${parent.name}.${by} is not active (${inactive.status}).`
      : `${parent.name}.${by} is no alternate key.`,
    remedy: `Look it up by ${waysIn(parent)}, or define a key in Dynamics.`,
  };
}

function waysIn(parent: Table): string {
  const keys = activeKeys(parent).filter((key) => key.fields.length === 1);
  return [...keys.map((key) => `'${key.fields[0]}'`), `'${parent.primaryId}'`].join(" or ");
}
