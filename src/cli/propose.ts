/** Proposes a mapping of a model's columns to an object's fields, by names, types and values. Pure. */
import type { Column, Value } from "../core/value.ts";
import type { FieldDescription, ObjectDescription } from "../ports.ts";
import { type Fit, fitOf } from "./fit.ts";
import { alike, wordsOf } from "./words.ts";

export interface ProposedField {
  readonly field: string;
  readonly column: string;
  /** 0 to 1. */
  readonly confidence: number;
  readonly why: string;
  readonly lookup?: { readonly object: string; readonly by: string };
}

export interface Proposal {
  readonly match: readonly ProposedField[];
  readonly fields: readonly ProposedField[];
  readonly unmapped: readonly { readonly column: string; readonly why: string }[];
}

export interface ProposeInput {
  readonly columns: readonly Column[];
  readonly primaryKey: readonly string[];
  readonly rows: readonly (readonly Value[])[];
  readonly object: ObjectDescription;
  /** The objects that lookups may point at, by name. */
  readonly parents: ReadonlyMap<string, ObjectDescription>;
}

/** Below this a proposal would be a guess. */
const LEAST = 0.45;

export function propose(input: ProposeInput): Proposal {
  const match = matchOf(input);
  const taken = new Set(match.map(({ column }) => column));
  const written = new Set([...match.map(({ field }) => field), input.object.primaryId]);
  const candidates = input.columns
    .filter(({ name }) => !taken.has(name))
    .flatMap((column) => candidatesFor(column, input))
    .filter(({ field, confidence }) => !written.has(field) && confidence >= LEAST)
    .sort((a, b) => b.confidence - a.confidence || a.field.localeCompare(b.field));
  const fields: ProposedField[] = [];
  for (const candidate of candidates) {
    if (taken.has(candidate.column) || written.has(candidate.field)) continue;
    taken.add(candidate.column);
    written.add(candidate.field);
    fields.push(candidate);
  }
  const order = new Map(input.columns.map(({ name }, index) => [name, index]));
  fields.sort((a, b) => (order.get(a.column) ?? 0) - (order.get(b.column) ?? 0));
  const unmapped = input.columns
    .filter(({ name }) => !taken.has(name))
    .map(({ name, kind, sqlType }) => ({
      column: name,
      why: kind === undefined ? `${sqlType} cannot be sent` : "no field is like it",
    }));
  return { match, fields, unmapped };
}

function candidatesFor(column: Column, input: ProposeInput): ProposedField[] {
  if (column.kind === undefined) return [];
  const values = valuesOf(column, input);
  return input.object.fields
    .filter(({ creatable }) => creatable)
    .flatMap((field) =>
      field.targets ? lookupsFor(column, field, values, input) : plainFor(column, field, values),
    );
}

const valuesOf = (column: Column, { columns, rows }: ProposeInput): Value[] => {
  const index = columns.filter(({ kind }) => kind !== undefined).indexOf(column);
  return rows.map((row) => row[index] ?? null);
};

function plainFor(column: Column, field: FieldDescription, values: readonly Value[]): ProposedField[] {
  const fit = fitOf(field, column, values);
  const name = alike(column.name, field.name, field.displayName);
  const confidence = weighed(name, fit, field);
  if (confidence < LEAST) return [];
  return [{ field: field.name, column: column.name, confidence, why: because(field.displayName, fit) }];
}

function weighed(name: number, fit: Fit, field: FieldDescription): number {
  if (fit.type === 0) return 0;
  const share = fit.of === 0 ? 0.9 : fit.fits / fit.of;
  const hint = name > 0.2 ? lookHint(fit, field) : 0;
  return Math.min(0.99, Math.max(0, (name + hint) * (0.55 + 0.45 * fit.type) * share ** 2));
}

/** What values look like speaks for a field, or against it. */
function lookHint({ looks }: Fit, field: FieldDescription): number {
  if (looks === undefined) return 0;
  if (looks === "choice") return 0.25;
  const words = `${field.name} ${field.displayName}`.toLowerCase();
  const own = { email: /mail/, url: /web|url|site/, phone: /phone|fax|mobile|pager/ }[looks];
  if (own.test(words)) return 0.15;
  return looks === "phone" ? 0 : -0.3;
}

function because(label: string, fit: Fit): string {
  const looks = {
    email: ", e-mail addresses",
    url: ", web addresses",
    phone: ", phone numbers",
    choice: ", labels of the choice",
  };
  const told = fit.looks === undefined ? "" : looks[fit.looks];
  return fit.of === 0
    ? `${label}; no values to look at`
    : `${label}; ${fit.fits} of ${fit.of} values fit${told}`;
}

/** A column that holds the key of another object's records. */
function lookupsFor(
  column: Column,
  field: FieldDescription,
  values: readonly Value[],
  { object, parents }: ProposeInput,
): ProposedField[] {
  return (field.targets ?? []).flatMap((target) => {
    const parent = parents.get(target);
    if (!parent) return [];
    return waysIn(parent).flatMap((by): ProposedField[] => {
      const fit = fitOf(by, column, values);
      const name = Math.max(
        alike(column.name, by.name, by.displayName),
        alike(column.name, `${parent.name}${by.name}`, `${parent.displayName} ${by.displayName}`),
        alike(column.name, field.name, field.displayName) * 0.8,
      );
      // A field of the object's own with the same name is meant rather than a record of the same kind.
      const own = target === object.name ? 0.75 : 1;
      const confidence = weighed(name, fit, by) * 0.9 * own * fieldHint(column, field);
      if (confidence < LEAST) return [];
      const why = `${field.displayName}, looked up by ${parent.displayName}'s ${by.displayName}; ${fit.fits} of ${fit.of} values fit`;
      return [
        { field: field.name, column: column.name, confidence, why, lookup: { object: target, by: by.name } },
      ];
    });
  });
}

/** Of several lookups to one object the parent, or the one that shares a word with the column. */
function fieldHint(column: Column, field: FieldDescription): number {
  const words = wordsOf(`${field.name} ${field.displayName}`);
  const shares = wordsOf(column.name).some((word) => word.length > 3 && words.includes(word));
  return /parent|customer/.test(field.name) || shares ? 1 : 0.8;
}

/** Fields that find one record: the single-field alternate keys that are active. */
function waysIn(parent: ObjectDescription): FieldDescription[] {
  const names = parent.keys
    .filter(({ fields, status }) => fields.length === 1 && status === "Active")
    .map(({ fields }) => fields[0]);
  return parent.fields.filter(({ name }) => names.includes(name));
}

/** The way to find a record by the model's primary key: the alternate key that is most like it, or the id. */
function matchOf(input: ProposeInput): ProposedField[] {
  const { object, primaryKey } = input;
  const columns = primaryKey.map((name) => input.columns.find((column) => column.name === name));
  const ways = [
    ...object.keys.filter(({ status }) => status === "Active").map(({ fields }) => fields),
    [object.primaryId],
  ].filter((fields) => fields.length === primaryKey.length);
  const scored = ways.flatMap((fields) => {
    const parts = pairs(fields, columns, input, ways.length <= 2);
    return parts ? [{ parts, score: Math.min(...parts.map(({ confidence }) => confidence)) }] : [];
  });
  return scored.sort((a, b) => b.score - a.score)[0]?.parts ?? [];
}

/** Each field with the column that is most like it, if the values fit. */
function pairs(
  fields: readonly string[],
  columns: readonly (Column | undefined)[],
  input: ProposeInput,
  isOnly: boolean,
): ProposedField[] | undefined {
  const open = columns.filter((column): column is Column => column?.kind !== undefined);
  const parts: ProposedField[] = [];
  for (const name of fields) {
    const field = input.object.fields.find((candidate) => candidate.name === name);
    const isId = name === input.object.primaryId;
    const best = open
      .map((column) => {
        const fit = field && fitOf(field, column, valuesOf(column, input));
        if (!field || !fit || fit.type === 0 || (isId && column.kind !== "uuid")) return undefined;
        const like = alike(column.name, field.name, field.displayName);
        // The key of a model and the only key of an object belong together, whatever they are called.
        const confidence = weighed(isOnly ? Math.max(like, 0.6) : like, fit, field);
        const why = `${because(field.displayName, fit)}${isId ? "; the id never makes a record" : ""}`;
        return { field: name, column: column.name, confidence, why };
      })
      .filter((part) => part !== undefined && part.confidence >= LEAST)
      .sort((a, b) => (b?.confidence ?? 0) - (a?.confidence ?? 0))[0];
    if (!best) return undefined;
    parts.push(best);
    open.splice(
      open.findIndex((column) => column.name === best.column),
      1,
    );
  }
  return parts;
}
