/** Choices and yes-no columns: by label in any language, or by number. */

import { near } from "../../../src/sdk.ts";
import { plain } from "../decimal.ts";
import type { Choice } from "../table.ts";
import type { Coercer } from "./value-problem.ts";
import { NULL, quoted, valueProblem } from "./value-problem.ts";

/** Labels, folded, with the value they stand for; null for a label that two values share. */
function labelled(choices: readonly Choice[]): Map<string, number | null> {
  const values = new Map<string, number | null>();
  for (const { value, labels } of choices) {
    for (const label of labels) {
      const key = fold(label);
      const other = values.get(key);
      values.set(key, other === undefined || other === value ? value : null);
    }
  }
  return values;
}

function fold(label: string): string {
  return label.trim().toLowerCase();
}

function unknown(field: string, value: string, choices: readonly Choice[]) {
  const labels = choices.map(({ label }) => label);
  const close = near(value, labels);
  const shown = close.length > 0 ? close : labels.slice(0, 8);
  const remedy =
    shown.length === 0
      ? "Give the choice's number."
      : `Use one of its labels, such as ${shown.map((label) => `'${label}'`).join(", ")}, or a number.`;
  return valueProblem("unknown_choice", field, `${quoted(value)} is none of the column's choices.`, remedy);
}

function ambiguous(field: string, value: string) {
  return valueProblem(
    "ambiguous_choice",
    field,
    `${quoted(value)} is the label of several choices.`,
    "Give the choice's number.",
  );
}

export function choiceCoercer(field: string, choices: readonly Choice[]): Coercer {
  const labels = labelled(choices);
  const values = new Set(choices.map(({ value }) => value));
  return (value) => {
    const text = fold(value);
    if (text === "") return NULL;
    const found = labels.get(text);
    if (found !== undefined) return found === null ? ambiguous(field, value) : String(found);
    const number = plain(text);
    if (number === null || !Number.isSafeInteger(Number(number))) return unknown(field, value, choices);
    return values.size === 0 || values.has(Number(number)) ? number : unknown(field, value, choices);
  };
}

const WORDS: ReadonlyMap<string, string> = new Map([
  ["true", "true"],
  ["false", "false"],
]);

export function booleanCoercer(field: string, choices: readonly Choice[]): Coercer {
  const labels = labelled(choices);
  return (value) => {
    const text = fold(value);
    if (text === "") return NULL;
    const word = WORDS.get(text);
    if (word !== undefined) return word;
    const found = labels.get(text);
    if (found === null) return ambiguous(field, value);
    const number = found ?? plain(text);
    if (Number(number) === 1 && number !== null) return "true";
    if (Number(number) === 0 && number !== null) return "false";
    return unknown(field, value, choices);
  };
}
