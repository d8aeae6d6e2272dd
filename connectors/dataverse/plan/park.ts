/** Alternate keys that rows write, and how a record leaves its values of them to others for a while. Pure. */
import type { Changed, FieldWrite, Planned } from "../../../src/sdk.ts";
import type { Mapping } from "../compile/mapping.ts";
import { addressOfId } from "../elastic.ts";
import { activeKeys } from "../table.ts";
import { folded } from "../url.ts";
import { knownId } from "./needs.ts";

/** A key's columns, by the model's, with the fields that they are written to. */
interface Keyed {
  readonly parts: readonly { readonly field: string; readonly column: number }[];
  readonly isMatch: boolean;
}

function matched({ match }: Mapping): Keyed {
  return { parts: match.parts.map(({ field, column }) => ({ field, column })), isMatch: true };
}

/** Active keys beside the match all of whose parts come from columns of the model. */
function others(mapping: Mapping): Keyed[] {
  const { table, match, fields } = mapping;
  const inMatch = new Map(match.parts.map(({ field, column }) => [field, column]));
  const columnOf = (name: string): number | undefined => {
    const field = fields.find((one) => one.field === name && one.kind === "plain" && one.updatable);
    return inMatch.get(name) ?? field?.column ?? undefined;
  };
  return activeKeys(table).flatMap(({ fields: names }) => {
    const isMatch = names.length === inMatch.size && names.every((name) => inMatch.has(name));
    const parts = names.flatMap((field) => {
      const column = columnOf(field);
      return column === undefined ? [] : [{ field, column }];
    });
    return isMatch || parts.length < names.length ? [] : [{ parts, isMatch: false }];
  });
}

export function uniqueOf(mapping: Mapping): number[][] {
  return others(mapping).map(({ parts }) => parts.map(({ column }) => column));
}

/** Shortest text that holds enough of an id to be nobody else's. */
const SHORTEST = 20;

/** A value that no other record has: the record's own id. */
const parkedText = (id: string, longest: number): string =>
  `~${id.replaceAll(/[^0-9a-z]/gi, "").toLowerCase()}`.slice(0, longest);

/**
 * Gives a known record other values of the keys that it is about to leave. `unchanged` where no key is left: other
 * columns may be equal in several records.
 */
export function planParked(mapping: Mapping, change: Changed): Planned {
  const { table, match } = mapping;
  const id = knownId(mapping, change);
  const isLeft = ({ parts }: Keyed): boolean => parts.some(({ column }) => differs(change, column));
  const enforced = match.by === "key" ? [matched(mapping), ...others(mapping)] : others(mapping);
  const left = enforced.filter(isLeft);
  if (left.length === 0) return { status: "unchanged", change };
  if (id === null) return refused(change, "The id of the record is not known.");
  const fields = new Map<string, FieldWrite>();
  for (const { parts, isMatch } of left) {
    // What is not written again by the row itself would stay as it is parked.
    const part = parts.find(
      ({ field, column }) => (isMatch || differs(change, column)) && longestOf(mapping, field) >= SHORTEST,
    );
    const names = parts.map(({ field }) => field).join(" and ");
    if (part === undefined) {
      const why = `the key over ${names} has no text of ${SHORTEST} characters in which one could step aside`;
      return refused(change, `Rows exchange their values, and ${why}.`);
    }
    const { field } = part;
    const json = JSON.stringify(parkedText(id, longestOf(mapping, field)));
    fields.set(field, { field, property: field, json });
  }
  const record = addressOfId(table, id.toLowerCase());
  const operation = { kind: "update", change, record, fields: [...fields.values()], owed: [] } as const;
  return { status: "planned", operation };
}

function longestOf({ table }: Mapping, field: string): number {
  const attribute = table.attributes.get(field);
  if (attribute?.shape.kind !== "text" || !attribute.updatable) return 0;
  return attribute.shape.longest ?? Number.POSITIVE_INFINITY;
}

const differs = ({ before, after }: Changed, column: number): boolean =>
  folded(before[column] ?? "") !== folded(after[column] ?? "");

const refused = (change: Changed, message: string): Planned => ({
  status: "rejected",
  change,
  problem: { kind: "rejected", code: "match.taken", message },
});
