/** An object of the destination for a person: what a mapping can write first, the rest in short. Pure. */
import type { FieldDescription, ObjectDescription, ObjectSummary } from "../ports.ts";
import { type Paint, shown, table } from "./render.ts";

export function showObjects(objects: readonly ObjectSummary[]): string {
  return table([
    ["object", "entity set", "name"],
    ...objects.map(({ name, collection, displayName }) => [name, collection, displayName]),
  ]);
}

export function showObject(object: ObjectDescription, paint: Paint): string {
  const writable = object.fields.filter(({ creatable, updatable }) => creatable || updatable);
  const others = object.fields.filter(({ creatable, updatable }) => !creatable && !updatable);
  return [
    paint("bold", `${object.displayName}: ${object.name}, entity set ${object.collection}`),
    `  primary id ${object.primaryId}${object.primaryName ? `, primary name ${object.primaryName}` : ""}`,
    `  bulk messages ${object.bulk.join(", ") || "none"}`,
    ...section(paint, "Alternate keys", keys(object)),
    ...section(paint, "Fields that can be written", fields(writable)),
    ...section(
      paint,
      "Choices",
      writable.flatMap((field) => choices(field)),
    ),
    ...section(
      paint,
      "Fields that are read only",
      wrapped(others.map(({ name, type }) => `${name} (${type})`)),
    ),
  ].join("\n");
}

function section(paint: Paint, title: string, lines: readonly string[]): string[] {
  return ["", paint("bold", title), ...(lines.length > 0 ? lines : ["none"]).map((line) => `  ${line}`)];
}

function keys({ keys: all }: ObjectDescription): string[] {
  if (all.length === 0) return [];
  const rows = all.map(({ name, fields: of, status }) => [
    of.join(" + "),
    KEY_STATUS[status] ?? status,
    name,
  ]);
  return table([["fields", "index", "key"], ...rows]).split("\n");
}

const KEY_STATUS: Readonly<Record<string, string>> = {
  Active: "active",
  Pending: "not built yet",
  InProgress: "being built",
  Failed: "failed: mend duplicates and reactivate it",
};

function fields(all: readonly FieldDescription[]): string[] {
  if (all.length === 0) return [];
  const rows = all.map((field) => [
    field.name,
    field.type,
    field.creatable ? (field.updatable ? "always" : "on create") : "on update",
    field.required ? "yes" : "",
    shown([field.limits, pointsAt(field), inChoices(field)].filter(Boolean).join("; "), 70),
    shown(field.displayName, 40),
  ]);
  return table([["field", "type", "written", "required", "takes", "name"], ...rows]).split("\n");
}

const pointsAt = ({ targets = [] }: FieldDescription): string =>
  targets.length === 0
    ? ""
    : `a record of ${targets.length > 4 ? `${targets.length} objects` : targets.join(" or ")}`;

/** Few and short ones stand in the row; all of them follow below. */
const inChoices = ({ choices: all = [] }: FieldDescription): string =>
  all.length === 0 ? "" : all.map(({ label, value }) => label || value).join(", ");

function choices({ name, choices: all = [] }: FieldDescription): string[] {
  if (all.length === 0) return [];
  const [first = "", ...rest] = wrapped(all.map(({ value, label }) => `${value} ${label}`));
  return [`${name}: ${first}`, ...rest.map((line) => `    ${line}`)];
}

const WIDTH = 100;

/** Words as lines of about the same length, with commas between them. */
function wrapped(words: readonly string[]): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of words) {
    if (line !== "" && line.length + word.length > WIDTH) {
      lines.push(`${line},`);
      line = "";
    }
    line = line === "" ? word : `${line}, ${word}`;
  }
  return line === "" ? lines : [...lines, line];
}
