/** Everything that is known of one row of a sync, from the model, the state and the history. */
import { type FieldSpec, isKey } from "../core/spec.ts";
import type { Value } from "../core/value.ts";
import type { ChangeEntry, HistoryFilter, HistoryReader, RejectEntry } from "../state/history.ts";
import { MOST_CHANGES } from "../state/history-file.ts";
import { type ExplainedRow, explainRow, type NextStep } from "../sync/explain.ts";
import type { Prepared } from "../sync/prepare.ts";
import { historyOf } from "./history.ts";
import type { Session } from "./session.ts";
import { fieldsNamed } from "./sync-flags.ts";

export interface ExplainedField {
  readonly field: string;
  /** The column; a constant has none. */
  readonly column?: string;
  /** What the mapping does, in words. */
  readonly mapping: string;
  /** The model's value now, and the one that was last acknowledged, where they are known. */
  readonly value?: Value;
  readonly known?: Value;
  /** What a run would write. */
  readonly plan?: { readonly before?: string; readonly after: string };
}

export interface Explanation {
  readonly sync: string;
  readonly model: string;
  readonly object: string;
  /** Whose members the records are, for people: `the list VIP customers`. */
  readonly audience?: string;
  /** Whether a row that is new takes its record off the audience. */
  readonly leaves?: true;
  readonly destination: string;
  readonly organization: string;
  readonly key: readonly Value[];
  /** Whether the model has the row. */
  readonly inModel: boolean;
  readonly record?: string;
  readonly fields: readonly ExplainedField[];
  readonly next: readonly NextStep[];
  /** Rows of the history that are about this key, the newest first. */
  readonly changes: readonly ChangeEntry[];
  readonly rejects: readonly RejectEntry[];
  /** What the history does not tell, and why. */
  readonly notes: readonly string[];
}

const MOST_TOLD = 20;

export async function explanationOf(
  session: Session,
  prepared: Prepared,
  key: readonly string[],
  named: string | undefined,
  signal: AbortSignal,
): Promise<Explanation> {
  const { sync, model, compiled, identity } = prepared;
  const only = named === undefined ? undefined : fieldsNamed(named, [prepared]);
  const row = await explainRow(prepared, key, signal);
  const fields = fieldsOf(prepared, row).filter(({ field }) => only === undefined || only.has(field));
  const columns = new Set(fields.flatMap(({ column }) => column ?? []));
  const isAbout = (entry: { readonly key: readonly Value[] }): boolean =>
    entry.key.length >= key.length && key.every((part, n) => part === entry.key[n]);
  const touches = (entry: ChangeEntry): boolean =>
    only === undefined ||
    entry.kind !== "changed" ||
    Object.keys(entry.columns ?? {}).some((column) => columns.has(column)) ||
    (entry.fields ?? []).some((field) => only.has(field));
  const filter = { sync: sync.name };
  const changes: ChangeEntry[] = [];
  for await (const entry of historyOf(session, filter, readChanges))
    if (isAbout(entry) && touches(entry)) changes.push(entry);
  const rejects: RejectEntry[] = [];
  const ofOrganization = ({ organization }: RejectEntry) => organization === identity.organization;
  for await (const entry of historyOf(session, filter, (reader, wanted) => reader.rejects(wanted)))
    if (isAbout(entry) && ofOrganization(entry) && (!only || !entry.field || only.has(entry.field)))
      rejects.push(entry);
  return {
    sync: sync.name,
    model: model.name,
    object: compiled.object,
    ...(compiled.audience ? { audience: compiled.audience.title } : {}),
    ...(compiled.audience && sync.mode === "remove" ? { leaves: true as const } : {}),
    destination: sync.destination,
    organization: identity.organization,
    key,
    inModel: row.row !== undefined,
    ...(row.record === undefined ? {} : { record: row.record }),
    fields,
    next: only === undefined ? row.next : row.next.map((step) => ofFields(step, only)),
    changes: newest(changes),
    rejects: newest(rejects),
    notes: await notesOf(session, prepared, changes, row),
  };
}

const newest = <T extends { readonly run: string }>(entries: readonly T[]): T[] =>
  entries.toSorted((a, b) => (a.run < b.run ? 1 : a.run > b.run ? -1 : 0)).slice(0, MOST_TOLD);

async function* readChanges(reader: HistoryReader, filter: HistoryFilter): AsyncGenerator<ChangeEntry> {
  if (reader.changes) yield* reader.changes(filter);
}

const ofFields = (step: NextStep, only: ReadonlySet<string>): NextStep =>
  "fields" in step ? { ...step, fields: step.fields.filter(({ field }) => only.has(field)) } : step;

function fieldsOf({ sync }: Prepared, { row, known, next }: ExplainedRow): ExplainedField[] {
  const plans = new Map(
    next.flatMap((step) =>
      "fields" in step ? step.fields.map((change) => [change.field, change] as const) : [],
    ),
  );
  const matched = sync.match
    .filter(({ field }) => !sync.fields.some((spec) => spec.field === field))
    .map(({ field, column }) => ({ field, column, mapping: "finds the record" }));
  const mapped = sync.fields.map((spec) => ({
    field: spec.field,
    ...("column" in spec.source ? { column: spec.source.column } : {}),
    mapping: mappingInWords(spec),
  }));
  return [...matched, ...mapped].map((field) => {
    const plan = plans.get(field.field);
    const value = "column" in field && field.column ? row?.[field.column] : undefined;
    const before = "column" in field && field.column ? known?.[field.column] : undefined;
    return {
      ...field,
      ...(value === undefined ? {} : { value }),
      ...(before === undefined ? {} : { known: before }),
      ...(plan === undefined ? {} : { plan: withoutField(plan) }),
    };
  });
}

const withoutField = ({ before, after }: { readonly before?: string; readonly after: string }) => ({
  ...(before === undefined ? {} : { before }),
  after,
});

/** How a field gets its value, in words. */
export function mappingInWords({ source, whenNull, write, truncate, lookup }: FieldSpec): string {
  const from =
    "column" in source || "columns" in source
      ? ""
      : "value" in source
        ? `the constant ${JSON.stringify(source.value)}`
        : "made of the row";
  const object =
    lookup && (typeof lookup.object === "string" ? lookup.object : `the object in ${lookup.object.column}`);
  const by = lookup && fieldsInWords(lookup.by);
  const parts = [
    ...(from === "" ? [] : [from]),
    ...(lookup ? [`the ${object} with this ${by}; where there is none: ${lookup.whenMissing}`] : []),
    ...(("column" in source || "columns" in source) && whenNull === "skip"
      ? ["a null leaves the field alone"]
      : []),
    ...(write === "create" ? ["on new records alone"] : write === "if_empty" ? ["while it is empty"] : []),
    ...(truncate ? ["cut where it is too long"] : []),
  ];
  return parts.join("; ");
}

function fieldsInWords(by: NonNullable<FieldSpec["lookup"]>["by"]): string {
  if (typeof by === "string") return by;
  return isKey(by) ? by.map(({ field }) => field).join(" and ") : Object.values(by).join(" or ");
}

/** What the history cannot tell is said, not left out. */
async function notesOf(
  session: Session,
  { sync, model }: Prepared,
  changes: readonly ChangeEntry[],
  { known, record }: ExplainedRow,
): Promise<string[]> {
  const isKnown = known !== undefined || record !== undefined;
  if (!isKnown || changes.some(({ kind }) => kind === "added")) return [];
  if (session.stateOf(model.warehouse).kind === "warehouse")
    return [
      "When a row was written is not kept where the state lies in the warehouse; the records' own modifiedon tells.",
    ];
  for await (const run of historyOf(session, { sync: sync.name }, (reader, wanted) => reader.runs(wanted)))
    if (Number(run.applied ?? 0) > MOST_CHANGES)
      return [
        `Run ${run.run} wrote ${Number(run.applied).toLocaleString("en-US")} rows; of a run the first ${MOST_CHANGES.toLocaleString("en-US")} are kept one by one, so this row may have been written by it.`,
      ];
  return [
    "The row was taken into the state before the history that is kept begins, or was right already when it was first seen.",
  ];
}
