/** How a row's values find its record: as an address, as a filter and as a folded text to compare by. Pure. */
import type { Problem, Value } from "../../../src/sdk.ts";
import type { Found, KeyPart, LookupField, Mapping, MatchPart } from "../compile/mapping.ts";
import { plain } from "../decimal.ts";
import { addressOfId, keptId, PARTITION } from "../elastic.ts";
import { isElastic } from "../table.ts";
import { isProblem, NULL, quoted, valueProblem } from "../types/value-problem.ts";
import { UNSAFE_IN_KEY } from "../unverified.ts";
import { addressById, addressByKey, doubled, folded, textLiteral } from "../url.ts";
import { parentOf, type WantedParent } from "./parent.ts";
import type { Resolution, Resolved } from "./resolution.ts";
import { isSeveral, named } from "./several.ts";

export function matchOf(
  { match }: Mapping,
  row: readonly Value[],
  parents: Pick<Resolved, "parent"> = NOBODY,
): Found | Problem {
  const values = new Array<string>(match.parts.length); // of just that size: there is one for each row
  for (let index = 0; index < values.length; index++) {
    const part = match.parts[index]!;
    const value = row[part.column] ?? null;
    const json =
      value === null ? NULL : part.lookup ? idOfParent(part.lookup, row, parents) : part.coerce(value);
    if (isProblem(json)) return json;
    if (json === NULL) {
      return valueProblem(
        "no_match",
        part.field,
        "it finds the record and is empty.",
        "Leave rows without a value out of the model.",
      );
    }
    values[index] = json;
  }
  return values;
}

const NOBODY: Pick<Resolved, "parent"> = { parent: () => "missing" };

/** What stands for the id of a parent that an earlier sync will have made: the address that it will have. */
const PROMISED = "promised:";

/** The id of the record that a lookup in a key points at. */
function idOfParent(
  field: LookupField,
  row: readonly Value[],
  { parent: find }: Pick<Resolved, "parent">,
): string | Problem {
  const wanted = parentOf(field, row);
  if (wanted === null) return NULL;
  if (isProblem(wanted)) return wanted;
  const found = find(wanted.parent.ref, foldedMatch(wanted.found));
  if (typeof found === "object" && "id" in found) return JSON.stringify(found.id);
  if (found === "promised") return JSON.stringify(PROMISED + JSON.parse(bindByKey(wanted)));
  return noParent(field.field, wanted, found);
}

/** True for values that no record can have yet. */
export const isPromised = (found: Found): boolean => found.some((json) => json.startsWith(`"${PROMISED}`));

/** The property and the value by which a part of a key is written. */
export function writeOfPart(
  part: MatchPart,
  json: string,
): { readonly property: string; readonly json: string } {
  const parent = part.lookup?.parents[0];
  if (parent === undefined) return { property: part.field, json };
  const text = textOf(json);
  const address = text.startsWith(PROMISED)
    ? text.slice(PROMISED.length)
    : `/${addressOfId(parent.table, text)}`;
  return { property: parent.property, json: JSON.stringify(address) };
}

/** A parent by its key, as it is bound. */
export const bindByKey = (wanted: WantedParent): string => JSON.stringify(`/${addressOfParent(wanted)}`);

export function addressOfParent({ parent: { table, parts }, found }: WantedParent): string {
  const [first] = parts;
  if (parts.length === 1 && first?.field === table.primaryId)
    return addressById(table.set, textOf(found[0] ?? ""));
  return addressByKey(table.set, literalsOf(parts, found));
}

/** A parent in words: `account with accountnumber 'A-1'`. */
export function parentInWords({ parent: { table, parts }, found }: WantedParent): string {
  const told = parts.map(({ field }, index) => `${field} ${quoted(textOf(found[index] ?? ""))}`);
  return `${table.name} with ${told.join(" and ")}`;
}

/** Why nothing can be bound where one record was looked for. */
export function noParent(field: string, wanted: WantedParent, found: Resolution): Problem {
  const names = parentInWords(wanted);
  if (typeof found === "object" && isSeveral(found)) {
    return {
      kind: "rejected",
      code: "lookup.ambiguous",
      message: `${field}: there are several ${names}: ${named(found)}.`,
      remedy: "Merge the records that share the value.",
      field,
    };
  }
  return {
    kind: "rejected",
    code: "lookup.missing",
    message: `${field}: there is no ${names}.`,
    remedy: "Sync the parent first, correct the value, or set when_missing.",
    field,
  };
}

/** A value as an address or a filter spells it. */
export function literalOf(part: KeyPart, json: string): string {
  return part.isText ? textLiteral(textOf(json)) : bare(json);
}

/** The parts of a key by the names that they are read by, with their values. */
export const literalsOf = (
  parts: readonly KeyPart[],
  found: Found,
): readonly (readonly [name: string, literal: string])[] =>
  parts.map((part, index) => [readBy(part), literalOf(part, found[index] ?? "")]);

export const readBy = ({ field, read }: KeyPart): string => read ?? field;

/** A value as plain text, for the list of an `In` filter. */
export function textOf(json: string): string {
  if (!json.startsWith('"')) return json;
  return json.includes("\\") ? (JSON.parse(json) as string) : json.slice(1, -1);
}

function bare(json: string): string {
  return json.startsWith('"') ? json.slice(1, -1) : json;
}

/** A value as the service compares it. */
export function foldedJson(json: string): string {
  return folded(textOf(json));
}

/** The same for a value that was read back. */
export function foldedRead(value: unknown): string {
  return typeof value === "number" ? (plain(String(value)) ?? "") : folded(String(value ?? ""));
}

/** Folded values as one text, to look up by. */
export function keyText(values: readonly string[]): string {
  return values.length === 1 ? (values[0] ?? "") : JSON.stringify(values);
}

export function foldedMatch(found: Found): string {
  return found.length === 1 ? foldedJson(found[0]!) : keyText(found.map(foldedJson));
}

/**
 * The id that a match by id and partition tells, or by id alone, which is a partition of its own: on an elastic
 * table the two are known before a record is made.
 */
export function placeOf({ table, match }: Mapping, found: Found): string | null {
  if (!isElastic(table)) return null;
  const at = (name: string) => match.parts.findIndex(({ field }) => field === name);
  const [id, partition] = [found[at(table.primaryId)], found[at(PARTITION)]];
  if (id === undefined) return null;
  return keptId(bare(id), partition === undefined ? null : textOf(partition));
}

/**
 * True when the values may stand in an address; on an elastic table never: a write that does not know its record is
 * an upsert, which erases there what it does not bring.
 */
export function isAddressable({ table, match }: Mapping, found: Found): boolean {
  if (match.by === "columns" || match.by === "none" || isElastic(table)) return false;
  for (let index = 0; index < match.parts.length; index++)
    if (match.parts[index]!.isText && isUnsafe(found[index] ?? "")) return false;
  return true;
}

/** What JSON adds to a text may look unsafe, and takes nothing away that is. */
const isUnsafe = (json: string): boolean => UNSAFE_IN_KEY.test(json) && UNSAFE_IN_KEY.test(textOf(json));

export function addressOf(mapping: Mapping, found: Found): string {
  const { table, match } = mapping;
  const place = isElastic(table) ? placeOf(mapping, found) : null;
  if (place !== null) return addressOfId(table, place);
  if (match.by === "id") return addressById(table.set, bare(found[0] ?? ""));
  const { parts, frame } = match;
  let address = frame[0]!;
  for (let index = 0; index < parts.length; index++) {
    const json = found[index]!;
    address += (parts[index]!.isText ? doubled(textOf(json)) : bare(json)) + frame[index + 1]!;
  }
  return address;
}
