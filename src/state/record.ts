/**
 * What the state knows of a sync as a whole: one row of the table `syncs`, whose column `state` is this record as
 * JSON. Changing that row is what makes a commit true: tables that no record names are leftovers.
 */
import { fail, type Problem, type SyncError } from "../core/errors.ts";
import type { Column } from "../core/value.ts";
import type { Dialect } from "../ports.ts";
import type { Shape } from "./tables.ts";

/** A field of the mapping: the columns it depends on and a fingerprint that changes with its mapping. */
export interface FieldShape {
  readonly field: string;
  readonly columns: readonly number[];
  readonly fingerprint: string;
}

/** A shape with what decides whether a snapshot still fits it. */
export interface Layout {
  readonly shape: Shape;
  readonly fields: readonly FieldShape[];
  /** Columns, beside those of the match, whose values one record alone may hold. */
  readonly unique?: readonly (readonly number[])[];
  /** How records are found, in words: `new_customerid = person_id`. */
  readonly matching: string;
}

export interface SyncRecord {
  readonly columns: readonly Column[];
  readonly key: readonly number[];
  readonly match: readonly number[];
  /** Fingerprint of each field's mapping. */
  readonly fields: Readonly<Record<string, string>>;
  readonly matching: string;
  /** The name the sync had first: state and own ids belong to it. */
  readonly firstName: string;
  /** Tells this state from one of the same sync that was forgotten before. */
  readonly born?: string;
  /** Name of the base table, without its prefix; a run that may replace it makes another. */
  readonly base: string;
  readonly baseRows: number;
  /** Grows when the columns change: part of the names of the small tables. */
  readonly generation: number;
  /** Fields that known rows owe as soon as the mode writes known rows again. */
  readonly owed?: readonly string[];
  /** Number of the last run that was begun. */
  readonly run: number;
  /** The run whose intents may lack outcomes. */
  readonly open: { readonly id: string; readonly number: number } | null;
}

/**
 * The record that a text holds.
 *
 * @param where names the state: `the schema backhaul`
 * @throws SyncError `state.unreadable` when it is none
 */
export function readRecord(text: string, where: string): SyncRecord {
  try {
    const record = JSON.parse(text) as SyncRecord;
    const isWhole = [record.columns, record.key, record.match].every(Array.isArray) && "open" in record;
    if (isWhole && Number.isInteger(record.run) && typeof record.base === "string") return record;
  } catch {
    // Said below.
  }
  throw damaged(where, "what it says of the sync as a whole cannot be read");
}

export const damaged = (where: string, what: string): SyncError =>
  fail.config(
    "state.unreadable",
    `The state in ${where} is damaged: ${what}.`,
    "Restore it from a backup, or run `backhaul reset` for this sync: the next run then starts from an empty snapshot, reads what is there, and writes only what differs.",
  );

export function newRecord(layout: Layout, firstName: string): SyncRecord {
  return { ...layoutPart(layout), firstName, base: "base_0", baseRows: 0, generation: 0, run: 0, open: null };
}

/** What a plan rests on beside the number of the last run: which state it is, and which run of it has not ended. */
export const basisOf = (record: SyncRecord | undefined): string =>
  record === undefined ? "" : `${record.born ?? ""} ${record.open?.id ?? ""}`.trim();

export function layoutPart({
  shape,
  fields,
  matching,
}: Layout): Pick<SyncRecord, "columns" | "key" | "match" | "fields" | "matching"> {
  return {
    ...shape,
    fields: Object.fromEntries(fields.map(({ field, fingerprint }) => [field, fingerprint])),
    matching,
  };
}

const keyNames = ({ columns, key }: Pick<SyncRecord, "columns" | "key">): string =>
  key.map((i) => columns[i]!.name).join(", ");

/** How rows and records are told apart now, where that is not as it was in the snapshot. */
export interface IdentityDrift {
  readonly primaryKey?: { readonly before: string; readonly now: string };
  readonly matching?: { readonly before: string; readonly now: string };
}

export function identityDrift(record: SyncRecord, { shape, matching }: Layout): IdentityDrift {
  const keys = { before: keyNames(record), now: keyNames(shape) };
  const matches = { before: record.matching, now: matching };
  if (keys.before === keys.now) Object.assign(keys, retypedParts(record, shape, "key"));
  if (matches.before === matches.now) Object.assign(matches, retypedParts(record, shape, "match"));
  return {
    ...(keys.before === keys.now ? {} : { primaryKey: keys }),
    ...(matches.before === matches.now ? {} : { matching: matches }),
  };
}

/** What a value's canonical text depends on: values of another sort are other keys, even where they look alike. */
function sortOf({ kind, scale }: Column): string {
  if (kind === "uuid") return "text";
  if (kind === "decimal") return scale === 0 ? "integer" : `decimal ${scale ?? ""}`;
  return kind ?? "";
}

/** The parts of a key or a match whose columns have values of another sort now; nothing where there are none. */
function retypedParts(
  record: SyncRecord,
  shape: Shape,
  which: "key" | "match",
): { readonly before?: string; readonly now?: string } {
  const before = new Map(record.columns.map((column) => [column.name, column]));
  const pairs = shape[which].flatMap((i) => {
    const now = shape.columns[i]!;
    const old = before.get(now.name);
    return old !== undefined && sortOf(old) !== sortOf(now) ? [{ old, now }] : [];
  });
  if (pairs.length === 0) return {};
  const spelled = (side: "old" | "now"): string =>
    pairs.map((pair) => `${pair[side].name} (${pair[side].sqlType})`).join(", ");
  return { before: spelled("old"), now: spelled("now") };
}

/** A snapshot whose rows or records cannot be told apart any more is of no use. */
export function identityProblems({ primaryKey, matching }: IdentityDrift): Problem[] {
  return [
    ...(primaryKey
      ? [
          {
            kind: "config" as const,
            code: "state.primary_key_changed",
            message: `The model's primary key was ${primaryKey.before} in the last run and is ${primaryKey.now} now, so rows cannot be told apart any more.`,
            remedy:
              "Name the old primary key again, cast it to its old type, or run `backhaul reset` for this sync to start from an empty snapshot.",
          },
        ]
      : []),
    ...(matching
      ? [
          {
            kind: "config" as const,
            code: "state.match_changed",
            message: `The sync found its records by ${matching.before} in the last run and by ${matching.now} now, so the records it has written cannot be told from others.`,
            remedy:
              "Name the old match again, cast it to its old type, or run `backhaul reset` for this sync to start from an empty snapshot.",
          },
        ]
      : []),
  ];
}

/** How a layout differs from the one that the snapshot has. */
export interface Drift extends IdentityDrift {
  /** Whether columns came, went or changed their stored type. */
  readonly columns: boolean;
  /** Fields that are new, mapped anew, or whose column has another type: every known row owes them. */
  readonly anew: readonly string[];
  /** Whether anything differs at all. */
  readonly any: boolean;
}

export function driftOf(dialect: Dialect, record: SyncRecord, layout: Layout): Drift {
  const { shape, fields } = layout;
  const spelled = (columns: readonly Column[]): string =>
    JSON.stringify(columns.map((column) => [column.name, dialect.storedType(column)]));
  const before = new Map(record.columns.map((column) => [column.name, dialect.storedType(column)]));
  const retyped = (i: number): boolean => {
    const column = shape.columns[i]!;
    const type = before.get(column.name);
    return type !== undefined && type !== dialect.storedType(column);
  };
  const anew = fields.filter(
    (field) => record.fields[field.field] !== field.fingerprint || field.columns.some(retyped),
  );
  const columns = spelled(record.columns) !== spelled(shape.columns);
  const identity = identityDrift(record, layout);
  return {
    ...identity,
    columns,
    anew: anew.map(({ field }) => field),
    any:
      columns ||
      anew.length > 0 ||
      Object.keys(identity).length > 0 ||
      Object.keys(record.fields).length !== fields.length,
  };
}
