/**
 * Checks a sync against a table and makes its mapping: all that can be wrong is found here, before the first
 * write. Pure; the tables have been read before.
 */
import {
  type Column,
  didYouMean,
  type FieldLimit,
  type FieldSpec,
  type FieldWrite,
  type Problem,
} from "../../../src/sdk.ts";
import { type Attribute, demanded, isStatus } from "../table.ts";
import { coercerOf } from "../types/coercer.ts";
import { type StatePair, statePairOf } from "../types/state.ts";
import { isProblem, NULL } from "../types/value-problem.ts";
import { fileProperty } from "../write/files.ts";
import { type CompileInput, columnOf, type Findings } from "./input.ts";
import { mappingLimits } from "./limits.ts";
import { compileLookup } from "./lookup.ts";
import type { MappedField, Mapping, PlainField, TemplateSource } from "./mapping.ts";
import { compileMatch } from "./match.ts";
import { checkTable } from "./table.ts";
import { compileTemplate, ofTemplate } from "./template.ts";

export interface Compiled {
  readonly mapping: Mapping;
  readonly warnings: readonly string[];
  readonly limits: readonly FieldLimit[];
}

export function compileMapping(input: CompileInput): Compiled | readonly Problem[] {
  const problems: Problem[] = [];
  const warnings: string[] = [];
  const findings: Findings = {
    problem(code, path, message, remedy, field) {
      const place = input.sync.place(...path);
      problems.push({
        kind: "config",
        code,
        message,
        place,
        ...(remedy ? { remedy } : {}),
        ...(field === undefined ? {} : { field }),
      });
    },
    warn: (text) => warnings.push(text),
  };
  if (!checkTable(input, findings)) return problems;
  const fields: MappedField[] = [];
  for (const spec of input.sync.fields) {
    const field = compileField(spec, input, findings);
    if (field) fields.push(field);
  }
  const match = compileMatch(input, findings, fields);
  const pair = statePairOf(input.table);
  if (input.sync.onRemoved === "deactivate" && stateWrites(pair).deactivation.length === 0) {
    findings.problem(
      "mapping.no_deactivation",
      ["on_removed"],
      `${input.table.name} has no state 'inactive' that a record can be given.`,
      "Use on_removed: keep or delete.",
    );
  }
  if (problems.length > 0 || match === null) return problems;
  warnAboutRequired(input, findings);
  const isPaired = fields.some(({ field }) => field === pair?.state || field === pair?.reason);
  const { mode, onRemoved, rules, options } = input.sync;
  const mapping: Mapping = {
    table: input.table,
    match,
    fields,
    pair: isPaired ? pair : null,
    rules: { ...rules, mode, onRemoved },
    options,
    ...stateWrites(pair),
  };
  return { mapping, warnings, limits: mappingLimits(input, mapping) };
}

/** What makes a record inactive (state 1) and active again (state 0), where the table knows just these two. */
function stateWrites(pair: StatePair | null): Pick<Mapping, "deactivation" | "reactivation"> {
  const to = (value: string): FieldWrite[] => {
    const reason = pair?.states.get(value)?.reason;
    if (pair === null || pair.states.size !== 2 || reason === undefined) return [];
    return [
      { field: pair.state, property: pair.state, json: value },
      { field: pair.reason, property: pair.reason, json: String(reason) },
    ];
  };
  return { deactivation: to("1"), reactivation: to("0") };
}

function compileField(spec: FieldSpec, input: CompileInput, findings: Findings): MappedField | null {
  const { table, sync } = input;
  const path = ["fields", spec.field];
  const attribute = table.attributes.get(spec.field);
  if (!attribute) {
    const names = [...table.attributes.values()].filter(isWritable).map(({ name }) => name);
    const bound = table.navigations.find(({ property }) => property === spec.field);
    const remedy = bound
      ? `Write the column's name, '${bound.field}', with a lookup.`
      : didYouMean(spec.field, names);
    findings.problem(
      "mapping.unknown_field",
      path,
      `${table.name} has no column '${spec.field}'.`,
      remedy,
      spec.field,
    );
    return null;
  }
  const match = sync.match.find(({ field }) => field === spec.field);
  if (match && !namesOf(spec).includes(match.column)) {
    findings.problem(
      "mapping.match_field",
      path,
      `'${spec.field}' finds the record by the column '${match.column}' and cannot be written from something else.`,
      "Take it out of fields: what the match holds is written with the record.",
      spec.field,
    );
    return null;
  }
  if (
    !isWritable(attribute) ||
    attribute.shape.kind === "unsupported" ||
    (!match && spec.field === table.primaryId)
  ) {
    findings.problem(
      "mapping.not_writable",
      path,
      `'${spec.field}' cannot be written: ${whyNot(attribute)}.`,
      "Take it out of fields.",
      spec.field,
    );
    return null;
  }
  const source = sourceOf(spec, input, findings);
  if (!source) return null;
  if (!attribute.updatable && !match) {
    findings.warn(`${table.name}.${spec.field} can be set when a record is created, not changed later.`);
  }
  const creatable = attribute.creatable && !isStatus(attribute);
  if (!creatable) {
    const what = isStatus(attribute) ? "a state other than the first" : "it";
    findings.warn(
      `${table.name}.${spec.field} cannot be set on a new record: a second request of the run writes ${what}.`,
    );
  }
  const isFile = attribute.shape.kind === "file";
  if (spec.fileName !== undefined && !isFile) {
    findings.problem(
      "mapping.no_file_column",
      [...path, "file_name"],
      `'${spec.field}' (${attribute.type}) is no file column.`,
      "Take file_name out.",
      spec.field,
    );
    return null;
  }
  const { template } = source;
  const base = {
    field: spec.field,
    ...(template === undefined ? {} : { template }),
    property: isFile ? fileProperty(spec.field) : spec.field,
    column: source.column,
    constant: source.constant,
    whenNull: spec.whenNull,
    required: attribute.required === "system" || isStatus(attribute),
    creatable,
    updatable: attribute.updatable,
    write: spec.write ?? ("always" as const),
  };
  if (attribute.shape.kind === "lookup" || spec.lookup) {
    return compileLookup({ spec, attribute, base, kind: source.kind, zone: source.zone, input, findings });
  }
  const { truncate } = spec;
  const plain = coercerOf(attribute, source.kind, { truncate, zone: source.zone });
  const made = template && "coerce" in plain ? { coerce: ofTemplate(spec.field, plain.coerce) } : plain;
  if ("why" in made) {
    findings.problem(
      "mapping.wrong_type",
      path,
      `'${spec.field}' (${attribute.type}) cannot be written from ${source.name}: ${made.why}.`,
      spec.truncate && attribute.shape.kind !== "text"
        ? "Take truncate out."
        : "Cast it in the model's query.",
      spec.field,
    );
    return null;
  }
  if (attribute.shape.kind === "moment" && attribute.shape.showsDateOnly && attribute.shape.isLocal) {
    findings.warn(
      `${table.name}.${spec.field} shows a date but stores a moment: its day depends on the reader's zone.`,
    );
  }
  const named = isFile ? fileNameOf(spec, input, findings) : undefined;
  if (named === null) return null;
  const file = named === undefined ? {} : { file: named };
  if (template !== undefined || source.column !== null)
    return { ...base, kind: "plain", coerce: made.coerce, ...file };
  const json = source.constant === null ? NULL : made.coerce(source.constant);
  if (isProblem(json)) {
    findings.problem(json.code, path, json.message, json.remedy, spec.field);
    return null;
  }
  if (json === NULL && base.required && spec.whenNull === "clear") {
    const message = `'${spec.field}' may not be empty, and the constant is: every row would be rejected.`;
    findings.problem(
      "value.required",
      path,
      message,
      "Give it a value, or take it out of fields.",
      spec.field,
    );
    return null;
  }
  const constant = json === NULL ? null : source.constant;
  return { ...base, kind: "plain", constant, coerce: () => json, ...file };
}

/** The columns that a field's value is made from, where it is one of them or what they find together. */
const namesOf = ({ source }: FieldSpec): readonly string[] =>
  "column" in source ? [source.column] : "columns" in source ? source.columns : [];

/** What files of a column are called: by a column of the model, else after the column itself. */
function fileNameOf(spec: FieldSpec, input: CompileInput, findings: Findings): PlainField["file"] | null {
  const name = spec.field;
  if (spec.fileName === undefined) return { column: null, name };
  const found = columnOf(spec.fileName, ["fields", spec.field, "file_name"], input, findings);
  return found && { column: found.column, name };
}

/** A column that a row may set: created or updated, supported, and not part of another column. */
export function isWritable({ creatable, updatable }: Attribute): boolean {
  return creatable || updatable;
}

function whyNot(attribute: Attribute): string {
  if (attribute.shape.kind === "unsupported") return attribute.shape.why;
  if (attribute.of !== null) return `it belongs to '${attribute.of}'`;
  if (attribute.shape.kind === "id") return "the primary id is set by a match";
  return "the platform keeps it";
}

interface Source {
  readonly column: number | null;
  readonly constant: string | null;
  readonly template?: TemplateSource;
  readonly kind: NonNullable<Column["kind"]>;
  readonly zone?: string;
  /** For messages. */
  readonly name: string;
}

function sourceOf(spec: FieldSpec, input: CompileInput, findings: Findings): Source | null {
  if ("value" in spec.source) {
    const { value } = spec.source;
    const kind = typeof value === "boolean" ? "boolean" : typeof value === "number" ? "decimal" : "text";
    return {
      column: null,
      constant: value === null ? null : String(value),
      kind: kind === "decimal" && Number.isInteger(value) ? "integer" : kind,
      name: `the constant ${JSON.stringify(value)}`,
    };
  }
  if ("template" in spec.source) {
    const template = compileTemplate(
      spec.source.template,
      ["fields", spec.field, "template"],
      input,
      findings,
    );
    return template && { column: null, constant: null, template, kind: "text", name: "a template" };
  }
  if ("columns" in spec.source)
    return {
      column: null,
      constant: null,
      kind: "text",
      name: `the columns ${spec.source.columns.join(", ")}`,
    };
  const found = columnOf(spec.source.column, ["fields", spec.field], input, findings);
  return found && { ...found, constant: null, name: `the column '${spec.source.column}' (${found.sqlType})` };
}

/** The platform enforces `SystemRequired` alone; a plug-in may still fill such a column in. */
function warnAboutRequired({ sync, table }: CompileInput, findings: Findings): void {
  const mapped = new Set([...sync.fields, ...sync.match].map(({ field }) => field));
  const open = demanded(table).filter(({ name }) => !mapped.has(name));
  if (open.length === 0) return;
  const names = open.map(({ name }) => `'${name}'`).join(", ");
  findings.warn(`${table.name} requires ${names}, which no field sets: new records may be refused.`);
}
