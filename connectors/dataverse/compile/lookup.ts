/** A field that points at a record of another table. Pure. */
import { didYouMean, type FieldSpec, isKey } from "../../../src/sdk.ts";
import { whyNoStub } from "../plan/stubs.ts";
import { type Attribute, activeKeys, type Table } from "../table.ts";
import type { coercerOf } from "../types/coercer.ts";
import { isProblem } from "../types/value-problem.ts";
import { type CompileInput, columnOf, type Findings } from "./input.ts";
import type { LookupField, MappedField, Parent, ParentPart } from "./mapping.ts";
import { keyPart, partOfKey } from "./match.ts";

export interface LookupInput {
  readonly spec: FieldSpec;
  readonly attribute: Attribute;
  readonly base: Omit<LookupField, "kind" | "parents" | "objectColumn" | "whenMissing">;
  readonly kind: Parameters<typeof coercerOf>[1];
  readonly zone?: string | undefined;
  readonly input: CompileInput;
  readonly findings: Findings;
}

export function compileLookup({
  spec,
  attribute,
  base,
  kind,
  zone,
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
  const party = attribute.type === "PartyList" ? partyOf(spec.field) : undefined;
  if (party === null) {
    return refuse(
      "mapping.not_writable",
      path,
      `'${spec.field}' cannot be written: it is a list of parties whose part is not known.`,
      "Take it out of fields.",
    );
  }
  if (party !== undefined && !input.sync.rules.adopt && input.sync.mode !== "insert") {
    return refuse(
      "mapping.parties",
      path,
      `'${spec.field}' is written with a new ${table.name} alone, and without adoption a write does not know whether it makes one.`,
      "Take adopt: false out, or use mode: insert.",
    );
  }
  if (party !== undefined && isKey(lookup.by)) {
    return refuse(
      "mapping.lookup_by",
      [...path, "lookup", "by"],
      `'${spec.field}' takes several values in one column, and the columns of a key have one each.`,
      "Look its parties up by one field.",
    );
  }
  const at = [...path, "lookup", "object"];
  const parents: Parent[] = [];
  for (const name of typeof lookup.object === "string" ? [lookup.object] : shape.targets) {
    const parent = input.parents.get(name);
    if (parent === undefined || isProblem(parent)) {
      const { message = `There is no table '${name}'.`, remedy = "" } = parent ?? {};
      return refuse("mapping.unknown_object", at, message, remedy);
    }
    const by = byOf(lookup.by, parent.name);
    const isOneOfMany = typeof lookup.object !== "string";
    // One mapping may be for some of the objects that a column points at.
    if (by.length === 0 || (isOneOfMany && by.some(({ field }) => !parent.attributes.has(field)))) continue;
    const bound = table.navigations.find(
      (navigation) => navigation.field === spec.field && navigation.target === parent.name,
    )?.property;
    const property = party === undefined ? bound : `partyid_${parent.name}`;
    if (property === undefined || (shape.targets.length > 0 && !shape.targets.includes(parent.name))) {
      return refuse(
        "mapping.lookup_target",
        at,
        `'${spec.field}' does not point at ${parent.name}.`,
        `It points at ${shape.targets.join(" or ") || "nothing that can be bound"}.`,
      );
    }
    const parts: ParentPart[] = [];
    for (const { field, column } of by) {
      const at = [...path, "lookup", "by", ...(column === null ? [] : [field])];
      const found = findBy(parent, field);
      if ("why" in found) return refuse("mapping.lookup_by", at, found.why, found.remedy);
      const own = column === null ? { kind, zone, column: null } : columnOf(column, at, input, findings);
      if (own === null) return null;
      const made =
        column === null
          ? keyPart(found.attribute, own.kind, own.zone)
          : partOfKey(found.attribute, own.kind, own.zone);
      if ("why" in made) {
        return refuse(
          "mapping.wrong_type",
          path,
          `'${spec.field}' is looked up by ${parent.name}.${field} (${found.attribute.type}): ${made.why}.`,
          "Cast it in the model's query.",
        );
      }
      parts.push({ ...made.part, column: own.column });
    }
    const makesStubs = lookup.whenMissing === "create";
    const keys = parts.flatMap(({ field }) => parent.attributes.get(field) ?? []);
    const noStub = makesStubs ? whyNoStub(parent, keys) : undefined;
    if (noStub)
      return refuse("mapping.no_stub", [...path, "lookup", "when_missing"], `${noStub.why}.`, noStub.remedy);
    const ref = `${parent.name}.${parts.map(({ field }) => field).join(",")}${makesStubs ? "+" : ""}`;
    parents.push({
      ref,
      table: parent,
      parts,
      property: `${property}@odata.bind`,
      ...(makesStubs ? { makesStubs } : {}),
    });
  }
  const [first] = parents;
  if (first === undefined) {
    const by = typeof lookup.by === "string" ? lookup.by : Object.values(lookup.by).join("' or '");
    return refuse(
      "mapping.lookup_by",
      [...path, "lookup", "by"],
      `None of ${shape.targets.join(", ")} has the column '${by}'.`,
      "Name a column for each object: by: { account: accountnumber, contact: … }.",
    );
  }
  const objectColumn =
    typeof lookup.object === "string" ? null : columnOf(lookup.object.column, at, input, findings);
  if (objectColumn === null && typeof lookup.object !== "string") return null;
  return {
    ...base,
    kind: "lookup",
    ...(party === undefined ? {} : { party }),
    property: party === undefined ? first.property : `${table.name}_activity_parties`,
    parents,
    objectColumn: objectColumn?.column ?? null,
    whenMissing: lookup.whenMissing,
  };
}

/** `participationtypemask` by the list's name ("Activity party table/entity reference"). */
const PARTIES: Readonly<Record<string, number>> = {
  from: 1,
  to: 2,
  cc: 3,
  bcc: 4,
  requiredattendees: 5,
  optionalattendees: 6,
  organizer: 7,
  resources: 10,
  customers: 11,
  partner: 12,
  partners: 12,
};

const partyOf = (field: string): number | null => PARTIES[field] ?? null;

/** What finds a record of an object: its fields, with the columns that hold their values, or the lookup's own value. */
function byOf(
  by: NonNullable<FieldSpec["lookup"]>["by"],
  object: string,
): readonly { readonly field: string; readonly column: string | null }[] {
  if (isKey(by)) return by;
  const field = typeof by === "string" ? by : by[object];
  return field === undefined ? [] : [{ field, column: null }];
}

function findBy(parent: Table, by: string): { attribute: Attribute } | { why: string; remedy: string } {
  const attribute = parent.attributes.get(by);
  if (!attribute) {
    return {
      why: `${parent.name} has no column '${by}'.`,
      remedy: didYouMean(by, parent.attributes.keys()) || `Look it up by ${waysIn(parent)}.`,
    };
  }
  if (attribute.readable) return { attribute };
  return {
    why: `${parent.name}.${by} cannot be read, so nothing can be looked up by it.`,
    remedy: `Look it up by ${waysIn(parent)}.`,
  };
}

function waysIn(parent: Table): string {
  const keys = activeKeys(parent).filter((key) => key.fields.length === 1);
  return [...keys.map((key) => `'${key.fields[0]}'`), `'${parent.primaryId}'`].join(" or ");
}
