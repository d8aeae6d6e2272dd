/** A table in the words of the contract, and finding one by any of its names. Pure. */
import { fail, near, type ObjectDescription, type ObjectSummary, type SyncError } from "../../src/sdk.ts";
import { isWritable } from "./compile/compile.ts";
import { labelOf } from "./metadata/labels.ts";
import type { Json } from "./sender/service.ts";
import { type Attribute, type Choice, hasBulk, type Table } from "./table.ts";
import { valueSchemaOf } from "./types/value-schema.ts";

/** Tables that rows can be written to, from the list of all. */
export function summariesOf(entities: readonly Json[]): ObjectSummary[] {
  return entities
    .filter((entity) => entity.EntitySetName && entity.IsIntersect !== true)
    .map((entity) => ({
      name: String(entity.LogicalName),
      displayName: labelOf(entity.DisplayName) || String(entity.LogicalName),
      collection: String(entity.EntitySetName),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The table meant by a logical name, a set's name or a display name. */
export function findObject(wanted: string, objects: readonly ObjectSummary[]): ObjectSummary | SyncError {
  const exact = objects.find(({ name }) => name === wanted);
  if (exact) return exact;
  const text = wanted.trim().toLowerCase();
  const found = objects.filter(
    ({ name, displayName, collection }) =>
      name === text || collection.toLowerCase() === text || displayName.toLowerCase() === text,
  );
  const [only, ...others] = found;
  if (only && others.length === 0) return only;
  if (only) {
    return fail.config(
      "object.ambiguous",
      `Several tables are called '${wanted}'.`,
      `Write ${found.map(({ name }) => `'${name}'`).join(" or ")}.`,
    );
  }
  const names = objects.flatMap(({ name, displayName, collection }) => [name, collection, displayName]);
  const close = near(wanted, names).map((name) => `'${name}'`);
  return fail.config(
    "object.unknown",
    `The organisation has no table '${wanted}'.`,
    close.length > 0 ? `Did you mean ${close.join(" or ")}?` : "List the tables with `backhaul schema`.",
  );
}

export function describeTable(table: Table): ObjectDescription {
  const attributes = [...table.attributes.values()].filter(
    (attribute) => attribute.of === null && (attribute.readable || isWritable(attribute)),
  );
  return {
    name: table.name,
    displayName: table.displayName,
    collection: table.set,
    primaryId: table.primaryId,
    primaryName: table.primaryName,
    fields: attributes.sort((a, b) => (a.name < b.name ? -1 : 1)).map(fieldOf),
    keys: table.keys,
    bulk: [
      ...(table.bulk.create ? ["CreateMultiple"] : []),
      ...(table.bulk.update ? ["UpdateMultiple"] : []),
      ...(hasBulk(table) ? ["UpsertMultiple"] : []),
    ],
  };
}

function fieldOf(attribute: Attribute): ObjectDescription["fields"][number] {
  const { shape } = attribute;
  const isSupported = shape.kind !== "unsupported";
  return {
    name: attribute.name,
    type: attribute.type.toLowerCase(),
    displayName: attribute.displayName,
    required: attribute.required === "system",
    creatable: attribute.creatable && isSupported,
    updatable: attribute.updatable && isSupported,
    limits: limitsOf(attribute),
    value: valueSchemaOf(attribute),
    ...(shape.kind === "lookup" ? { targets: shape.targets } : {}),
    ...("choices" in shape ? { choices: shape.choices.map(choiceOf) } : {}),
  };
}

function choiceOf({ value, label, labels }: Choice) {
  const others = [...new Set(labels)].filter((other) => other !== label);
  return { value, label, ...(others.length > 0 ? { labels: others } : {}) };
}

/** What a format means, where the type does not say it. */
const FORMATS: Readonly<Record<string, string>> = {
  Email: "an e-mail address",
  Url: "a web address",
  Phone: "a phone number",
  TickerSymbol: "a ticker symbol",
  PhoneticGuide: "a reading",
  RichText: "HTML",
  Json: "JSON",
  Duration: "minutes",
  TimeZone: "the code of a time zone",
  Language: "the code of a language",
  Locale: "the code of a language",
};

function limitsOf({ shape, secured }: Attribute): string {
  const format = "format" in shape && shape.format ? (FORMATS[shape.format] ?? shape.format) : "";
  return [format, ownLimits(shape), secured ? "secured" : ""].filter(Boolean).join(", ");
}

function ownLimits(shape: Attribute["shape"]): string {
  switch (shape.kind) {
    case "text":
      return shape.longest === undefined ? "" : `at most ${shape.longest} characters`;
    case "whole":
      return `${shape.least} to ${shape.most}`;
    case "decimal":
    case "double": {
      const { least, most, decimals } = shape;
      const range = least === undefined || most === undefined ? "" : `${least} to ${most}`;
      const digits = typeof decimals === "number" ? `${decimals} decimals` : `decimals by ${decimals}`;
      return [range, decimals === undefined ? "" : digits].filter(Boolean).join(", ");
    }
    case "choices":
      return "several, at most 150";
    case "date":
      return "date only";
    case "moment":
      if (shape.showsDateOnly && shape.isLocal) return "shown as a date, stored as a moment";
      return shape.isLocal ? "date and time, to the second" : "date and time without a zone, to the second";
    case "image":
      return `base64, at most ${Math.floor(shape.mostBytes / 1024)} KB`;
    case "file":
      return `base64, at most ${Math.floor(shape.mostBytes / 1024)} KB, by a request of its own`;
    case "unsupported":
      return shape.why;
    default:
      return "";
  }
}
