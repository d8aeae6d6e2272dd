/** How a row's values find its record: as an address, as a filter and as a folded text to compare by. Pure. */
import type { Problem, Value } from "../../src/sdk.ts";
import { plain } from "./decimal.ts";
import { addressOfId, keptId, PARTITION } from "./elastic.ts";
import type { KeyPart, Mapping } from "./mapping.ts";
import { isElastic } from "./table.ts";
import { isProblem, NULL, valueProblem } from "./types/value-problem.ts";
import { UNSAFE_IN_KEY } from "./unverified.ts";
import { addressById, addressByKey, folded, textLiteral } from "./url.ts";

/** The values that find a record, as JSON fragments in the order of the match's parts. */
export type Found = readonly string[];

export function matchOf({ match }: Mapping, row: readonly Value[]): Found | Problem {
  const values: string[] = [];
  for (const part of match.parts) {
    const value = row[part.column] ?? null;
    const json = value === null ? NULL : part.coerce(value);
    if (isProblem(json)) return json;
    if (json === NULL) {
      return valueProblem(
        "no_match",
        part.field,
        "it finds the record and is empty.",
        "Leave rows without a value out of the model.",
      );
    }
    values.push(json);
  }
  return values;
}

/** A value as an address or a filter spells it. */
export function literalOf(part: KeyPart, json: string): string {
  return part.isText ? textLiteral(JSON.parse(json) as string) : bare(json);
}

/** A value as plain text, for the list of an `In` filter. */
export function textOf(json: string): string {
  return json.startsWith('"') ? (JSON.parse(json) as string) : json;
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
  return keyText(found.map(foldedJson));
}

/**
 * The id that a match by id and partition tells, or by id alone, which is a partition of its own: on an elastic
 * table the two are known before a record is made.
 */
export function placeOf({ table, match }: Mapping, found: Found): string | null {
  const at = (name: string) => match.parts.findIndex(({ field }) => field === name);
  const [id, partition] = [found[at(table.primaryId)], found[at(PARTITION)]];
  if (!isElastic(table) || id === undefined) return null;
  return keptId(bare(id), partition === undefined ? null : textOf(partition));
}

/**
 * True when the values may stand in an address; on an elastic table never: a write that does not know its record is
 * an upsert, which erases there what it does not bring.
 */
export function isAddressable({ table, match }: Mapping, found: Found): boolean {
  if (match.by === "columns" || match.by === "none" || isElastic(table)) return false;
  return match.parts.every((part, index) => !part.isText || !UNSAFE_IN_KEY.test(textOf(found[index] ?? "")));
}

export function addressOf(mapping: Mapping, found: Found): string {
  const { table, match } = mapping;
  const place = placeOf(mapping, found);
  if (place !== null) return addressOfId(table, place);
  if (match.by === "id") return addressById(table.set, bare(found[0] ?? ""));
  return addressByKey(
    table.set,
    match.parts.map((part, index) => [part.field, literalOf(part, found[index] ?? "")] as const),
  );
}
