/** Makes an operation of a change, once everything that had to be read is known. Pure. */
import type { Added, Change, Changed, FieldWrite, Planned, Present, Problem, Value } from "../../src/sdk.ts";
import type { LookupField, MappedField, Mapping } from "./mapping.ts";
import {
  addressOf,
  type Found,
  foldedJson,
  foldedMatch,
  isAddressable,
  literalOf,
  matchOf,
  textOf,
} from "./match.ts";
import { isSame, isTouched, parentValue, sourceValue } from "./needs.ts";
import { withPair } from "./types/state.ts";
import { isProblem, NULL, quoted, valueProblem } from "./types/value-problem.ts";
import { addressById, addressByKey } from "./url.ts";
import { idOfTexts } from "./uuid5.ts";

/** Where a value leads: to one record, to several, to none, or to one that an earlier sync will write. */
export type Resolution = { readonly id: string } | "ambiguous" | "missing" | "promised";

export interface Resolved {
  parent(ref: string, value: string): Resolution;
  record(match: string): Resolution;
}

export function planChange(mapping: Mapping, change: Present, resolved: Resolved): Planned {
  return change.kind === "added"
    ? planAdded(mapping, change, resolved)
    : planChanged(mapping, change, resolved);
}

function rejected(change: Change, problem: Problem): Planned {
  return { status: "rejected", change, problem };
}

/** The whole mapped row, as an upsert by key; by id only what exists is updated. */
export function planAdded(mapping: Mapping, change: Added | Changed, resolved: Resolved): Planned {
  const found = matchOf(mapping, change.after);
  if (isProblem(found)) return rejected(change, found);
  const target = targetOf(mapping, found, resolved);
  if (isProblem(target)) return rejected(change, target);
  const writes = writesOf(mapping, change.after, null, resolved, target.kind === "update");
  if (isProblem(writes)) return rejected(change, writes);
  const fields = target.withKey ? [...keyWrites(mapping, found, null), ...writes.fields] : writes.fields;
  return {
    status: "planned",
    operation: { kind: target.kind, change, record: target.record, fields, owed: writes.owed },
  };
}

interface Target {
  readonly kind: "update" | "upsert";
  readonly record: string;
  /** The key's columns have to stand in the body, because the address does not hold them. */
  readonly withKey: boolean;
}

function targetOf(mapping: Mapping, found: Found, resolved: Resolved): Target | Problem {
  const { table } = mapping;
  if (mapping.match.by === "id") return { kind: "update", record: addressOf(mapping, found), withKey: false };
  if (isAddressable(mapping, found)) {
    return { kind: "upsert", record: addressOf(mapping, found), withKey: false };
  }
  // A value that no address can hold: the record was looked up, and is made with an id of our own if there is none.
  const text = foldedMatch(found);
  const record = resolved.record(text);
  if (record === "ambiguous") return ambiguousMatch(mapping, found);
  if (typeof record === "object") {
    return { kind: "update", record: addressById(table.set, record.id), withKey: false };
  }
  const id = idOfTexts([table.name, ...mapping.match.parts.map(({ field }) => field), text]);
  return { kind: "upsert", record: addressById(table.set, id), withKey: true };
}

function ambiguousMatch(mapping: Mapping, found: Found): Problem {
  const field = mapping.match.parts[0]?.field ?? "";
  const value = found.map(textOf).join(", ");
  return {
    kind: "rejected",
    code: "match.ambiguous",
    message: `${field}: ${quoted(value)} finds several records in ${mapping.table.name}.`,
    remedy: "Merge the records that share the value.",
    field,
  };
}

/** Only what differs, as an update; a record that is known to be gone is added again. */
function planChanged(mapping: Mapping, change: Changed, resolved: Resolved): Planned {
  const after = matchOf(mapping, change.after);
  if (isProblem(after)) return rejected(change, after);
  const before = matchOf(mapping, change.before);
  const moved = isProblem(before) || !isSame(before, after);
  if (mapping.match.by === "id" && moved) return planAdded(mapping, change, resolved);
  const record = recordOf(mapping, change, isProblem(before) ? null : before, after, resolved);
  if (record === null) return planAdded(mapping, change, resolved);
  if (isProblem(record)) return rejected(change, record);
  const writes = writesOf(mapping, change.after, change, resolved, true);
  if (isProblem(writes)) return rejected(change, writes);
  const keys = moved ? keyWrites(mapping, after, isProblem(before) ? null : before) : [];
  const fields = [...keys, ...writes.fields];
  if (fields.length === 0 && writes.owed.length === 0) return { status: "unchanged", change };
  return { status: "planned", operation: { kind: "update", change, record, fields, owed: writes.owed } };
}

/** The address of a changed row's record: by id where it is known, else by a key that has not changed. */
function recordOf(
  mapping: Mapping,
  change: Changed,
  before: Found | null,
  after: Found,
  resolved: Resolved,
): string | null | Problem {
  const { table } = mapping;
  if (mapping.match.by === "id") return addressOf(mapping, after);
  if (change.id !== null) return addressById(table.set, change.id.toLowerCase());
  if (before === null) return null;
  if (isSame(before, after) && isAddressable(mapping, after)) return addressOf(mapping, after);
  const record = resolved.record(foldedMatch(before));
  if (record === "ambiguous") return ambiguousMatch(mapping, before);
  return typeof record === "object" ? addressById(table.set, record.id) : null;
}

function keyWrites(mapping: Mapping, after: Found, before: Found | null): FieldWrite[] {
  return mapping.match.parts.flatMap(({ field }, index) => {
    const json = after[index] ?? NULL;
    const old = before?.[index];
    if (old === json) return [];
    return [{ field, property: field, json, ...(old === undefined ? {} : { before: old }) }];
  });
}

interface Writes {
  readonly fields: readonly FieldWrite[];
  readonly owed: readonly string[];
}

/** What to write of a row: everything, or what a change touches and really differs. */
function writesOf(
  mapping: Mapping,
  row: readonly Value[],
  change: Changed | null,
  resolved: Resolved,
  isUpdate: boolean,
): Writes | Problem {
  const fields: FieldWrite[] = [];
  const owed: string[] = [];
  const keys = new Set(mapping.match.parts.map(({ field }) => field));
  for (const field of mapping.fields) {
    if (keys.has(field.field) || (isUpdate && !field.updatable)) continue;
    if (change && !isTouched(field, change)) continue;
    const result = writeOf(field, row, resolved);
    if (result === "skip") continue;
    if (isProblem(result)) return result;
    if (result === "owed" || !(isUpdate || field.creatable)) {
      owed.push(field.field);
      continue;
    }
    const before = change ? beforeOf(field, change.before) : undefined;
    const pending = change?.pending.includes(field.field) ?? true;
    if (!pending && isUnchanged(field, result, before, row, change?.before)) continue;
    fields.push({ ...result, ...(before === undefined ? {} : { before }) });
  }
  const settled = settledPair(mapping, fields, row, change);
  return isProblem(settled) ? settled : { fields: settled, owed };
}

/** State and status reason go together, whichever of them a change touches. */
function settledPair(
  { pair, fields }: Mapping,
  writes: readonly FieldWrite[],
  row: readonly Value[],
  change: Changed | null,
): readonly FieldWrite[] | Problem {
  if (pair === null) return writes;
  const meant = (name: string): string | undefined => {
    const field = fields.find((candidate) => candidate.field === name);
    const value = field?.kind === "plain" ? sourceValue(field, row) : null;
    const json = field?.kind === "plain" && value !== null ? field.coerce(value) : undefined;
    return typeof json === "string" && json !== NULL ? json : undefined;
  };
  const reason = fields.find(({ field }) => field === pair.reason);
  const before =
    change && reason && !change.pending.includes(pair.reason) ? beforeOf(reason, change.before) : undefined;
  return withPair(pair, writes, { state: meant(pair.state), reason: meant(pair.reason) }, before);
}

function isUnchanged(
  field: MappedField,
  result: FieldWrite,
  before: string | undefined,
  row: readonly Value[],
  old: readonly Value[] | undefined,
): boolean {
  if (field.kind === "plain" || old === undefined) return before === result.json;
  const [a, b] = [parentValue(field, old), parentValue(field, row)];
  if (a === null || b === null) return a === b;
  return !isProblem(a) && !isProblem(b) && foldedJson(a) === foldedJson(b);
}

/** What stood there before, as far as the row's old values tell. */
function beforeOf(field: MappedField, row: readonly Value[]): string | undefined {
  if (field.kind === "lookup") {
    const json = parentValue(field, row);
    if (json === null) return field.whenNull === "skip" ? undefined : NULL;
    return isProblem(json) ? undefined : bindByKey(field, json);
  }
  const value = sourceValue(field, row);
  const json = value === null ? NULL : field.coerce(value);
  if (isProblem(json)) return undefined;
  return json === NULL && field.whenNull === "skip" ? undefined : json;
}

function writeOf(
  field: MappedField,
  row: readonly Value[],
  resolved: Resolved,
): FieldWrite | Problem | "skip" | "owed" {
  const { whenNull, property } = field;
  const value = sourceValue(field, row);
  const json =
    field.kind === "lookup" ? bound(field, row, resolved) : value === null ? NULL : field.coerce(value);
  if (isProblem(json) || json === "owed") return json;
  if (json !== NULL && json !== "clear")
    return { field: field.field, property, json, ...shownOf(field, row) };
  if (json === NULL && whenNull === "skip") return "skip";
  if (field.required) {
    return valueProblem(
      "required",
      field.field,
      "it may not be empty.",
      "Give a value, or use when_null: skip.",
    );
  }
  return { field: field.field, property, json: NULL };
}

/** A parent is bound by id and shown by key. */
function shownOf(field: MappedField, row: readonly Value[]): { readonly shown?: string } {
  if (field.kind === "plain") return {};
  const json = parentValue(field, row);
  return json === null || isProblem(json) ? {} : { shown: bindByKey(field, json) };
}

/** What to bind, as JSON; `owed` or `clear` for a missing parent that the mapping puts up with. */
function bound(field: LookupField, row: readonly Value[], resolved: Resolved): string | Problem {
  const { parent, whenMissing } = field;
  const json = parentValue(field, row);
  if (json === null) return NULL;
  if (isProblem(json)) return json;
  const found = resolved.parent(parent.ref, foldedJson(json));
  if (typeof found === "object") return JSON.stringify(`/${addressById(parent.table.set, found.id)}`);
  if (found === "promised") return bindByKey(field, json);
  if (found === "missing" && whenMissing === "skip") return "owed";
  if (found === "missing" && whenMissing === "clear") return "clear";
  const names = `${parent.table.name} with ${parent.part.field} ${quoted(textOf(json))}`;
  return {
    kind: "rejected",
    code: `lookup.${found}`,
    message:
      found === "missing"
        ? `${field.field}: there is no ${names}.`
        : `${field.field}: there are several ${names}.`,
    remedy:
      found === "missing"
        ? "Sync the parent first, correct the value, or set when_missing."
        : "Merge the records that share the value.",
    field: field.field,
  };
}

function bindByKey({ parent }: LookupField, json: string): string {
  const { table, part } = parent;
  if (part.field === table.primaryId) return JSON.stringify(`/${addressById(table.set, textOf(json))}`);
  return JSON.stringify(`/${addressByKey(table.set, [[part.field, literalOf(part, json)]])}`);
}
