/** Words for messages about the config. */
import { nearest } from "../core/near.ts";
import { redactAll } from "./redact.ts";
import { isMapping } from "./walk.ts";

/** `a sync`, `an audience` from a schema's title. */
export function article(title: string): string {
  return `${/^[aeio]/i.test(title) ? "an" : "a"} ${title}`;
}

/** `"a"`, `"a" or "b"`, `"a", "b" or "c"`. */
export function listed(words: readonly unknown[], joint = "or"): string {
  const quoted = words.map((word) => (typeof word === "string" ? `"${word}"` : String(word)));
  const last = quoted.pop() ?? "";
  return quoted.length === 0 ? last : `${quoted.join(", ")} ${joint} ${last}`;
}

/** What was probably meant, if anything is near. */
export function nearWord(word: string, allowed: readonly string[]): string | undefined {
  const near = nearest(word, allowed);
  return near === undefined ? undefined : `Did you mean "${near}"?`;
}

/** What was probably meant, or else all that is allowed. */
export function suggestion(word: string, allowed: readonly string[]): string {
  return (
    nearWord(word, allowed) ?? (allowed.length === 0 ? "There is none." : `Allowed: ${allowed.join(", ")}.`)
  );
}

const TYPES: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  integer: "a whole number",
  boolean: "true or false",
  object: "a mapping",
  array: "a list",
  null: "nothing",
};

/** A type of JSON Schema, as users call it. */
export function typeWord(type: string): string {
  return TYPES[type] ?? type;
}

/** What a value is, without its content. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (typeof value === "boolean") return String(value);
  if (Array.isArray(value)) return "a list";
  return isMapping(value) ? "a mapping" : typeWord(typeof value);
}

/** A key as users call it: `fields`, `primary_key[2]`. */
export function keyWord(path: readonly (string | number)[]): string {
  const last = path.findLastIndex((step) => typeof step === "string");
  return path
    .slice(Math.max(last, 0))
    .map((step) => (typeof step === "number" ? `[${step + 1}]` : step))
    .join("");
}

/** A found value, if it is short enough to show, with passwords in addresses left out. */
export function shown(value: unknown): string {
  if (typeof value !== "string") return typeof value === "number" ? String(value) : kindOf(value);
  const safe = redactAll(value, []);
  return `"${safe.length > 60 ? `${safe.slice(0, 60)}…` : safe}"`;
}

/** A value as YAML in one line. */
export function inYaml(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inYaml).join(", ")}]`;
  if (isMapping(value)) {
    const pairs = Object.entries(value).map(([key, inner]) => `${key}: ${inYaml(inner)}`);
    return `{ ${pairs.join(", ")} }`;
  }
  return typeof value === "string" && /[^\w./-]/.test(value) ? JSON.stringify(value) : String(value);
}
