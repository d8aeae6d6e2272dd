/** A proposed sync as YAML that can be pasted into a model's file, with the confidence of each line. Pure. */
import { stringify } from "yaml";
import type { Proposal, ProposedField } from "./propose.ts";
import { shown } from "./render.ts";

export interface ProposedSync extends Proposal {
  readonly sync: string;
  readonly destination: string;
  readonly object: string;
  /** The model's file has a list of syncs to add to. */
  readonly hasSyncs: boolean;
  /** What may match a record, in words. */
  readonly ways: string;
}

export function mappingYaml(proposed: ProposedSync): string {
  const { sync, destination, object, match, fields, unmapped, hasSyncs, ways } = proposed;
  const lines: (readonly [text: string, note?: string])[] = [
    [hasSyncs ? "# One more item for the list of syncs." : "syncs:"],
    [`  - sync: ${scalar(sync)}`],
    [`    destination: ${scalar(destination)}`],
    [`    object: ${scalar(object)}`],
    ["    mode: upsert"],
    ...matchLines(match, ways),
    ["    fields:"],
    ...fields.map((field) => [`      ${scalar(field.field)}: ${sourceOf(field)}`, noteOf(field)] as const),
    ...unmapped.map(({ column, why }) => [`      # ${comment(column)}: ${comment(why)}`] as const),
  ];
  const noted = lines.filter(([text, note]) => note && text.length <= 60);
  const width = Math.max(0, ...noted.map(([text]) => text.length));
  return `${lines.map(([text, note]) => (note ? `${text.padEnd(width)} # ${note}` : text)).join("\n")}\n`;
}

function matchLines(match: readonly ProposedField[], ways: string): (readonly [string, string?])[] {
  if (match.length === 0) return [[`    # match: the primary key is like none of ${comment(ways)}`]];
  const parts = match.map(({ field, column }) => `${scalar(field)}: ${scalar(column)}`).join(", ");
  return [[`    match: { ${parts} }`, match.map(noteOf).join("; ")]];
}

const noteOf = ({ confidence, why }: ProposedField): string =>
  `${Math.round(confidence * 100)} %: ${comment(why)}`;

function sourceOf({ column, lookup }: ProposedField): string {
  if (!lookup) return scalar(column);
  return `{ column: ${scalar(column)}, lookup: { object: ${scalar(lookup.object)}, by: ${scalar(lookup.by)} } }`;
}

/** A word as YAML spells it inside a flow mapping. */
function scalar(text: string): string {
  const plain = stringify(text, { lineWidth: 0 }).trimEnd();
  return /[,[\]{}\n]/.test(text) && !/^["']/.test(plain) ? JSON.stringify(text) : plain;
}

/** Text that stays in its line. */
const comment = (text: string): string => shown(text, 120);
