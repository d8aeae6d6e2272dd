/** Choices and yes-no columns: by label in any language, or by number. */

import { near } from "../../../src/sdk.ts";
import { isWhole, plain } from "../decimal.ts";
import type { Choice } from "../table.ts";
import type { Coercer } from "./value-problem.ts";
import { NULL, quoted, valueProblem } from "./value-problem.ts";

/** Labels, folded, with the value they stand for; null for a label that two values share. */
export function labelled(choices: readonly Choice[]): Map<string, number | null> {
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
  const find = finder(field, choices);
  return (value) => (fold(value) === "" ? NULL : find(value));
}

/** The number of the choice that a label or a number stands for, or what is wrong with it. */
function finder(field: string, choices: readonly Choice[]): Coercer {
  const labels = labelled(choices);
  const values = new Set(choices.map(({ value }) => value));
  return (value) => {
    const text = fold(value);
    const found = labels.get(text);
    if (found !== undefined) return found === null ? ambiguous(field, value) : String(found);
    const number = plain(text);
    if (number === null || !isWhole(number) || !Number.isSafeInteger(Number(number)))
      return unknown(field, value, choices);
    return values.size === 0 || values.has(Number(number)) ? number : unknown(field, value, choices);
  };
}

/** "Choices columns": a column holds no more. */
const MOST_CHOICES = 150;

/**
 * Several choices: one label or number, a list with semicolons, commas or line breaks between them, or a JSON list.
 * The order and repetitions do not count; what is written is sorted.
 */
export function choicesCoercer(field: string, choices: readonly Choice[]): Coercer {
  const find = finder(field, choices);
  return (value) => {
    const texts = itemsOf(value, (text) => typeof find(text) === "string");
    const found = new Set<number>();
    for (const text of texts) {
      const one = find(text);
      if (typeof one !== "string") return one;
      found.add(Number(one));
    }
    if (found.size === 0) return NULL;
    if (found.size <= MOST_CHOICES) return `"${[...found].sort((a, b) => a - b).join(",")}"`;
    return valueProblem(
      "too_many_choices",
      field,
      `${quoted(value)} names ${found.size} choices; a column takes ${MOST_CHOICES}.`,
      "Name fewer in the model.",
    );
  };
}

/** The items of a list; a label that holds a separator itself is found before the text is taken apart. */
function itemsOf(value: string, isKnown: (text: string) => boolean): string[] {
  const text = value.trim();
  if (text.startsWith("[")) {
    try {
      const list: unknown = JSON.parse(text);
      if (Array.isArray(list)) return present(list.map(String));
    } catch {} // a text that begins with a bracket
  }
  if (text !== "" && isKnown(text)) return [text];
  const parts = present(text.split(/[;\n]/));
  return parts.flatMap((part) => (isKnown(part) ? [part] : present(part.split(","))));
}

const present = (texts: readonly string[]): string[] => texts.filter((text) => text.trim() !== "");

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
    const number = found === undefined ? plain(text) : String(found);
    if (number === "1") return "true";
    if (number === "0") return "false";
    return unknown(field, value, choices);
  };
}
