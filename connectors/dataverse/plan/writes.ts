/** What is written of a row: field by field, as the wire spells it. Pure. */
import type { Changed, FieldWrite, Problem, Stub, Value } from "../../../src/sdk.ts";
import type { Found, LookupField, MappedField, Mapping, PlainField } from "../compile/mapping.ts";
import { addressOfId } from "../elastic.ts";
import { bytesOf, kilobytes } from "../types/file.ts";
import { beginsRight, type Meant, type StatePair, withPair } from "../types/state.ts";
import { isProblem, NULL, valueProblem } from "../types/value-problem.ts";
import type { FileContent } from "../write/files.ts";
import { CURRENCY, type Held, heldJson, holds } from "./held.ts";
import { bindByKey, foldedMatch, isPromised, noParent, writeOfPart } from "./match.ts";
import { isTouched } from "./needs.ts";
import { parentOf, parentsOf, sourceValue, type WantedParent } from "./parent.ts";
import type { Resolved } from "./resolution.ts";

/** What of a match is written: the values that are not `before`. The primary id stands in the record's address. */
export function keyWrites(mapping: Mapping, after: Found, before: Found | null): FieldWrite[] {
  return mapping.match.parts.flatMap((part, index) => {
    const { field } = part;
    if (field === mapping.table.primaryId) return [];
    const json = after[index] ?? NULL;
    const old = before?.[index];
    if (old === json) return [];
    const was = old === undefined || isPromised([old]) ? {} : { before: writeOfPart(part, old).json };
    return [{ field, ...writeOfPart(part, json), ...was }];
  });
}

export interface Writes {
  readonly fields: readonly FieldWrite[];
  readonly owed: readonly string[];
  /** Of what is owed, what the run's second wave will write. */
  readonly later: readonly FieldWrite[];
  /** Parents that have to be made before. */
  readonly stubs: readonly Stub[];
}

/** What a row is written into. */
export interface Into {
  /** True when the record is there. */
  readonly isUpdate: boolean;
  /** True when the record is known to be absent. */
  readonly isNew?: boolean;
  /** The change of a row that was written before; null writes all that differs from `held`, or all. */
  readonly change: Changed | null;
  /** What the record holds, where it was read. */
  readonly held: Held | null;
}

const NONE: readonly never[] = [];

/** What to write of a row: everything, or what a change touches, short of what is there already. */
export function writesOf(
  mapping: Mapping,
  row: readonly Value[],
  resolved: Resolved,
  { isUpdate, isNew = false, change, held }: Into,
): Writes | Problem {
  const begins =
    isNew && mapping.pair ? beginsRight(mapping.pair, meantOf(mapping, mapping.pair, row)) : false;
  if (isProblem(begins)) return begins;
  const fields = new Array<FieldWrite>(mapping.fields.length); // most rows write all of them
  let count = 0;
  let rounds: boolean | undefined;
  let owed: readonly string[] = NONE;
  let later: readonly FieldWrite[] = NONE;
  let stubs: readonly Stub[] = NONE;
  for (const field of mapping.fields) {
    if (mapping.match.parts.some((part) => part.field === field.field)) {
      const stub = isUpdate ? undefined : stubIn(field, row, resolved);
      if (stub) stubs = [...stubs, stub];
      continue;
    }
    if (isUpdate && !field.updatable) continue;
    if (change && !isTouched(field, change)) continue;
    if (isUpdate && field.write === "create") continue;
    if (isUpdate && field.write === "if_empty" && !isEmpty(mapping, field, held)) continue;
    const result = writeOf(field, row, resolved, isUpdate);
    if (result === "skip") continue;
    if (isProblem(result)) return result;
    // A new record is in its first state by itself, and takes a reason that belongs to it.
    if (begins && field.field === mapping.pair?.state) continue;
    const stub = stubIn(field, row, resolved);
    if (stub) stubs = [...stubs, stub];
    if (begins && result !== "owed" && !("awaited" in result) && isReasonOnCreate(mapping, field.field)) {
      fields[count++] = result;
      continue;
    }
    // What a new record cannot be given is empty in it.
    if (isNew && !field.creatable && result !== "owed" && !("awaited" in result) && result.json === NULL)
      continue;
    if (result === "owed" || "awaited" in result || !(isUpdate || field.creatable)) {
      owed = [...owed, field.field];
      if (result !== "owed") later = [...later, "awaited" in result ? result.awaited : result];
      continue;
    }
    const pending = change?.pending.includes(field.field) ?? true;
    // What is owed was never written as the snapshot has it: what stands there is known only where it was read.
    const known = change && !pending ? beforeOf(field, change.before) : undefined;
    const before = held && pending ? heldJson(mapping, field, held) : known;
    if (!pending && isUnchanged(field, result, before, row, change?.before)) continue;
    if (held && !change && !isOfPair(mapping, field.field)) {
      rounds ??= held.decimals !== undefined && keepsCurrency(mapping, row, resolved, held);
      if (holds(mapping, field, result.json, held, rounds)) continue;
    }
    fields[count++] = before === undefined ? result : { ...result, before };
  }
  if (count < fields.length) fields.length = count;
  const second = isUpdate ? later : settledPair(mapping, later, row, null, null);
  if (isProblem(second)) return second;
  if (isNew) return { fields, owed, later: second, stubs };
  const settled = settledPair(mapping, fields, row, change, held);
  if (isProblem(settled)) return settled;
  const written = held && !change ? withoutHeldPair(mapping, settled, held) : settled;
  return { fields: written, owed, later: second, stubs };
}

/** Whether a record's amounts stay in the currency that they are in. */
function keepsCurrency(mapping: Mapping, row: readonly Value[], resolved: Resolved, held: Held): boolean {
  const field = mapping.fields.find((one) => one.field === CURRENCY);
  if (!field?.updatable || field.write === "create") return true;
  const result = writeOf(field, row, resolved, true);
  if (result === "skip") return true;
  return typeof result === "object" && "json" in result && holds(mapping, field, result.json, held);
}

/** The parent that has to be made before a row can point at it. */
function stubIn(field: MappedField, row: readonly Value[], resolved: Resolved): Stub | undefined {
  const wanted = field.kind === "lookup" ? parentOf(field, row) : null;
  if (wanted === null || isProblem(wanted)) return undefined;
  const found = resolved.parent(wanted.parent.ref, foldedMatch(wanted.found));
  return typeof found === "object" && "id" in found ? found.stub : undefined;
}

function isEmpty(mapping: Mapping, field: MappedField, held: Held | null): boolean {
  return held === null || heldJson(mapping, field, held) === NULL;
}

const isOfPair = ({ pair }: Mapping, field: string): boolean =>
  field === pair?.state || field === pair?.reason;

function isReasonOnCreate({ pair, table }: Mapping, field: string): boolean {
  return field === pair?.reason && table.attributes.get(field)?.creatable === true;
}

/** State and status reason are left out together, when both are there already. */
function withoutHeldPair(
  mapping: Mapping,
  writes: readonly FieldWrite[],
  { row }: Held,
): readonly FieldWrite[] {
  const ofPair = writes.filter(({ field }) => isOfPair(mapping, field));
  const isThere = ofPair.every(({ field, json }) => json === JSON.stringify(row[field] ?? null));
  return isThere ? writes.filter((write) => !ofPair.includes(write)) : writes;
}

/** State and status reason go together, whichever of them a change touches. */
function settledPair(
  mapping: Mapping,
  writes: readonly FieldWrite[],
  row: readonly Value[],
  change: Changed | null,
  held: Held | null,
): readonly FieldWrite[] | Problem {
  const { pair, fields } = mapping;
  if (pair === null) return writes;
  const reason = fields.find(({ field }) => field === pair.reason);
  const known =
    change && reason && !change.pending.includes(pair.reason) ? beforeOf(reason, change.before) : undefined;
  const there = held?.row[pair.reason];
  const before = known ?? (typeof there === "number" ? String(there) : undefined);
  return withPair(pair, writes, meantOf(mapping, pair, row), before);
}

/** What a row says of state and status reason. */
function meantOf({ fields }: Mapping, pair: StatePair, row: readonly Value[]): Meant {
  const meant = (name: string): string | undefined => {
    const field = fields.find((candidate) => candidate.field === name);
    const value = field?.kind === "plain" ? sourceValue(field, row) : null;
    const json = field?.kind === "plain" && value !== null ? field.coerce(value) : undefined;
    return typeof json === "string" && json !== NULL ? json : undefined;
  };
  return { state: meant(pair.state), reason: meant(pair.reason) };
}

function isUnchanged(
  field: MappedField,
  result: FieldWrite,
  before: string | undefined,
  row: readonly Value[],
  old: readonly Value[] | undefined,
): boolean {
  if (field.kind === "plain" || old === undefined) return before === result.json;
  const [a, b] = [parentOf(field, old), parentOf(field, row)];
  if (a === null || b === null) return a === b;
  if (isProblem(a) || isProblem(b)) return false;
  return a.parent === b.parent && foldedMatch(a.found) === foldedMatch(b.found);
}

/** What stood there before, as far as the row's old values tell. */
function beforeOf(field: MappedField, row: readonly Value[]): string | undefined {
  if (field.kind === "lookup") {
    const wanted = parentOf(field, row);
    if (wanted === null) return field.whenNull === "skip" ? undefined : NULL;
    return isProblem(wanted) ? undefined : bindByKey(wanted);
  }
  const json = plainJson(field, row);
  if (isProblem(json)) return undefined;
  return json === NULL && field.whenNull === "skip" ? undefined : json;
}

/** A field's value as JSON; a file's with its name. */
function plainJson(field: PlainField, row: readonly Value[]): string | Problem {
  const value = sourceValue(field, row);
  const json = value === null ? NULL : field.coerce(value);
  if (field.file === undefined || isProblem(json) || json === NULL) return json;
  const { column, name } = field.file;
  const own = column === null ? name : (row[column] ?? "").trim() || name;
  return `{"name":${JSON.stringify(own)},"base64":${json}}`;
}

/** A reference to a record that the same run writes, but maybe later: it is left out now. */
interface Awaited {
  readonly awaited: FieldWrite;
}

function writeOf(
  field: MappedField,
  row: readonly Value[],
  resolved: Resolved,
  isUpdate: boolean,
): FieldWrite | Problem | Awaited | "skip" | "owed" {
  const { whenNull, property } = field;
  const json = field.kind === "lookup" ? bound(field, row, resolved, isUpdate) : plainJson(field, row);
  if (isProblem(json) || json === "owed") return json;
  if (json === "awaited") {
    const shown = shownOf(field, row);
    return { awaited: { field: field.field, property, json: shown.shown ?? NULL, ...shown } };
  }
  if (json !== NULL && json !== "clear") {
    const write = { field: field.field, property, json };
    return field.kind === "plain" && field.file === undefined ? write : { ...write, ...shownOf(field, row) };
  }
  const isNobody = field.kind === "lookup" && field.party !== undefined;
  if (json === NULL && (whenNull === "skip" || isNobody)) return "skip";
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

/** A parent is bound by id, under the property of its object, and shown by key. */
function shownOf(field: MappedField, row: readonly Value[]): Partial<FieldWrite> {
  if (field.kind === "plain") return field.file === undefined ? {} : fileShown(field, row);
  if (field.party !== undefined) return { shown: JSON.stringify(sourceValue(field, row)) };
  const wanted = parentOf(field, row);
  if (wanted === null || isProblem(wanted)) return {};
  return { property: wanted.parent.property, shown: bindByKey(wanted) };
}

/** A file is shown by its name and size. */
function fileShown(field: PlainField, row: readonly Value[]): Partial<FieldWrite> {
  const json = plainJson(field, row);
  if (isProblem(json) || json === NULL) return {};
  const { name, base64 } = JSON.parse(json) as FileContent;
  return { shown: JSON.stringify(`${name} (${kilobytes(bytesOf(base64))} KB)`) };
}

/**
 * What to bind, as JSON; `owed` or `clear` for a missing parent that the mapping puts up with, `awaited` for one that
 * is still to be written, where the record can do without until then.
 */
function bound(
  field: LookupField,
  row: readonly Value[],
  resolved: Resolved,
  isUpdate: boolean,
): string | Problem {
  if (field.party !== undefined) return partiesJson(field, row, resolved, field.party);
  const wanted = parentOf(field, row);
  if (wanted === null) return NULL;
  return isProblem(wanted) ? wanted : boundOne(field, wanted, resolved, isUpdate);
}

/** The parties of a new activity; one that is not there is left out where the mapping puts up with it. */
function partiesJson(
  field: LookupField,
  row: readonly Value[],
  resolved: Resolved,
  party: number,
): string | Problem {
  const items: string[] = [];
  for (const wanted of parentsOf(field, row)) {
    const json = isProblem(wanted) ? wanted : boundOne(field, wanted, resolved, false);
    if (isProblem(json)) return json;
    if (isProblem(wanted) || json === "owed" || json === "clear") continue;
    items.push(`{${JSON.stringify(wanted.parent.property)}:${json},"participationtypemask":${party}}`);
  }
  return items.length === 0 ? NULL : `[${items.join(",")}]`;
}

function boundOne(
  field: LookupField,
  wanted: WantedParent,
  resolved: Resolved,
  isUpdate: boolean,
): string | Problem {
  const { whenMissing } = field;
  const { parent } = wanted;
  let found = resolved.parent(parent.ref, foldedMatch(wanted.found));
  if (typeof found === "object" && "id" in found)
    return JSON.stringify(`/${addressOfId(parent.table, found.id)}`);
  if (found === "promised") return bindByKey(wanted);
  if (found === "awaited" && field.updatable && (isUpdate || !field.required)) return "awaited";
  if (found === "awaited") found = "missing";
  if (found === "missing" && whenMissing === "skip") return "owed";
  if (found === "missing" && whenMissing === "clear") return "clear";
  return noParent(field.field, wanted, found);
}
