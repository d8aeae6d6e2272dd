/** How a sync finds its records: by exactly one active alternate key, or by the primary id. Pure. */
import { didYouMean } from "../../../src/sdk.ts";
import { nameColumns } from "../elastic.ts";
import { CREATED } from "../plan/held.ts";
import { type Attribute, activeKeys, isElastic, type Table } from "../table.ts";
import { coercerOf } from "../types/coercer.ts";
import { type CompileInput, columnOf, type Findings } from "./input.ts";
import type { KeyPart, LookupField, MappedField, Mapping, MatchPart } from "./mapping.ts";

/** @param mapped the fields: a lookup in a key finds its record as the field of the same name says */
export function compileMatch(
  input: CompileInput,
  findings: Findings,
  mapped: readonly MappedField[],
): Mapping["match"] | null {
  const { sync, table } = input;
  const fields = sync.match.map(({ field }) => field);
  if (fields.length === 0 && sync.mode === "insert") return matchBy(table, "none", []);
  if (fields.length === 0) {
    findings.problem(
      "mapping.no_match",
      [],
      `The sync does not say how a row finds its record in ${table.name}.`,
      `Add match with ${keysInWords(table)}.`,
    );
    return null;
  }
  const isPlace = isElastic(table) && sameFields(nameColumns(table), fields);
  const isKey = isPlace || activeKeys(table).some((key) => sameFields(key.fields, fields));
  const by = fields.length === 1 && fields[0] === table.primaryId ? "id" : isKey ? "key" : "columns";
  if (by === "columns" && !canLookUp(fields, input)) {
    refuseMatch(fields, input, findings);
    return null;
  }
  checkMany(by, input, findings);
  const parts = sync.match.map(({ field, column }) => matchPart(field, column, input, findings, mapped));
  return parts.every((part) => part !== null) ? matchBy(table, by, parts) : null;
}

/** A match with the frame of its addresses: `contacts(region='`, `',number=`, `)`. */
export function matchBy(
  { set }: Table,
  by: Mapping["match"]["by"],
  parts: readonly MatchPart[],
): Mapping["match"] {
  const quote = (part: MatchPart | undefined): string => (part?.isText ? "'" : "");
  const frame = parts.map(
    (part, index) =>
      `${index === 0 ? `${set}(` : `${quote(parts[index - 1])},`}${part.read ?? part.field}=${quote(part)}`,
  );
  return { by, parts, frame: [...frame, `${quote(parts.at(-1))})`] };
}

/** What `on_many` asks for has to be possible: no record may be removed that no run has remembered. */
function checkMany(by: Mapping["match"]["by"], { sync, table }: CompileInput, findings: Findings): void {
  const { onMany } = sync.rules;
  if (onMany === "reject") return;
  if (by !== "columns") {
    const what = by === "id" ? "the primary id" : "an alternate key";
    findings.warn(`on_many has no effect: the match is ${what}, which one record has at most.`);
  } else if (onMany === "all" && sync.onRemoved !== "keep") {
    findings.problem(
      "mapping.many_removed",
      ["on_many"],
      "With on_many: all no run remembers which records it wrote, so that none could be removed.",
      "Use on_removed: keep in the mode upsert, or on_many: first_created.",
    );
  } else if (onMany === "first_created" && table.attributes.get(CREATED)?.readable !== true) {
    findings.problem(
      "mapping.no_creation",
      ["on_many"],
      `${table.name} does not tell when a record was created.`,
      "Use on_many: all or reject.",
    );
  }
}

/** Columns without a key find records by a query, which has to be allowed and possible. */
function canLookUp(fields: readonly string[], { sync, table }: CompileInput): boolean {
  if (!sync.rules.adopt || table.keys.some((key) => sameFields(key.fields, fields))) return false;
  return fields.every((field) => table.attributes.get(field)?.readable === true);
}

function matchPart(
  field: string,
  name: string,
  input: CompileInput,
  findings: Findings,
  mapped: readonly MappedField[],
): MatchPart | null {
  const path = ["match", field];
  const attribute = input.table.attributes.get(field);
  const column = columnOf(name, path, input, findings);
  if (!attribute || !column) return null;
  if (attribute.shape.kind === "lookup") {
    const lookup = mapped.find((one): one is LookupField => one.kind === "lookup" && one.field === field);
    if (lookup && lookup.objectColumn === null) return lookupPart(lookup, column.column);
    // A field that is there and wrong has told its own problem.
    if (lookup || !input.sync.fields.some((one) => one.field === field)) {
      findings.problem(
        "mapping.key_lookup",
        path,
        `'${field}' points at a record, and the match does not say at which one a value does.`,
        `Add it to fields, with one object: ${field}: { column: ${name}, lookup: { object: ${attribute.shape.targets[0] ?? "…"}, by: … } }.`,
        field,
      );
    }
    return null;
  }
  const made = keyPart(attribute, column.kind, column.zone);
  if ("why" in made) {
    findings.problem(
      "mapping.wrong_type",
      path,
      `'${field}' (${attribute.type}) cannot be matched by the column '${name}' (${column.sqlType}): ${made.why}.`,
      "Cast it in the model's query.",
      field,
    );
    return null;
  }
  return { ...made.part, column: column.column };
}

/** A lookup as part of a key: the id of the record that it points at ("Use an alternate key to reference a record"). */
function lookupPart(lookup: LookupField, column: number): MatchPart {
  const { field } = lookup;
  const coerce = (value: string): string => JSON.stringify(value);
  return { field, read: `_${field}_value`, coerce, isText: false, isListable: false, column, lookup };
}

/** A part of a key that values of a kind can be compared with. */
export function keyPart(
  attribute: Attribute,
  kind: Parameters<typeof coercerOf>[1],
  zone?: string,
): { readonly part: KeyPart } | { readonly why: string } {
  if (attribute.shape.kind === "lookup")
    return { why: "it is a lookup itself; name a column of text or numbers" };
  if (["choices", "image", "file"].includes(attribute.shape.kind))
    return { why: "no record is found by such a column; name a column of text or numbers" };
  const made = coercerOf(attribute, kind, { zone });
  if ("why" in made) return made;
  const { kind: shape } = attribute.shape;
  return {
    part: {
      field: attribute.name,
      coerce: made.coerce,
      isText: shape === "text",
      isListable: ["text", "id", "whole", "choice"].includes(shape),
    },
  };
}

/** The same, where a lookup may be a part of the key: its value is the id of the record that it points at. */
export function partOfKey(
  attribute: Attribute,
  kind: Parameters<typeof coercerOf>[1],
  zone?: string,
): ReturnType<typeof keyPart> {
  if (attribute.shape.kind !== "lookup") return keyPart(attribute, kind, zone);
  const made = keyPart({ ...attribute, shape: { kind: "id" } }, kind);
  const read = `_${attribute.name}_value`;
  return "why" in made ? made : { part: { ...made.part, read, isListable: false } };
}

function refuseMatch(fields: readonly string[], { table }: CompileInput, findings: Findings): void {
  for (const field of fields) {
    if (table.attributes.has(field)) continue;
    findings.problem(
      "mapping.unknown_field",
      ["match", field],
      `${table.name} has no column '${field}'.`,
      didYouMean(field, table.attributes.keys()),
      field,
    );
    return;
  }
  const inactive = table.keys.find((key) => key.status !== "Active" && sameFields(key.fields, fields));
  const names = fields.map((field) => `'${field}'`).join(" and ");
  if (inactive) {
    findings.problem(
      "mapping.inactive_key",
      ["match"],
      `The alternate key '${inactive.name}' of ${table.name} over ${names} is not active (${inactive.status}).`,
      inactive.status === "Failed"
        ? "Mend duplicate values in Dynamics and reactivate the key."
        : "Wait until its index is built.",
    );
    return;
  }
  findings.problem(
    "mapping.no_key",
    ["match"],
    `${table.name} has no alternate key over ${names}.`,
    `Match by ${keysInWords(table)}, or define such a key in Dynamics.`,
  );
}

/** The ways to match a table, and what keeps the others from working. */
export function keysInWords(table: Table): string {
  const active = activeKeys(table).map((key) => key.fields.map((field) => `'${field}'`).join(" with "));
  const inactive = table.keys
    .filter((key) => key.status !== "Active")
    .map((key) => `${key.fields.map((field) => `'${field}'`).join(" with ")} is ${key.status}`);
  const ways = [...active, `the primary id '${table.primaryId}'`].join(", ");
  return inactive.length === 0 ? ways : `${ways} (the key over ${inactive.join(", ")})`;
}

function sameFields(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && new Set(a).size === new Set([...a, ...b]).size;
}
