/** A table in the words of the contract, and finding one by any of its names. Pure. */
import { fail, near, type ObjectDescription, type ObjectSummary, type SyncError } from "../../src/sdk.ts";
import { isWritable } from "./compile.ts";
import { labelOf } from "./metadata/labels.ts";
import type { Json } from "./service.ts";
import { type Attribute, hasBulk, type Table } from "./table.ts";

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
    ...(shape.kind === "lookup" ? { targets: shape.targets } : {}),
    ...(shape.kind === "choice" || shape.kind === "boolean"
      ? { choices: shape.choices.map(({ value, label }) => ({ value, label })) }
      : {}),
  };
}

function limitsOf({ shape }: Attribute): string {
  switch (shape.kind) {
    case "text":
      return shape.longest === undefined ? "" : `at most ${shape.longest} characters`;
    case "whole":
      return `${shape.least} to ${shape.most}`;
    case "decimal": {
      const range =
        shape.least === undefined || shape.most === undefined ? "" : `${shape.least} to ${shape.most}, `;
      return range + (shape.decimals === null ? "decimals by currency" : `${shape.decimals} decimals`);
    }
    case "double":
      return shape.least === undefined || shape.most === undefined ? "" : `${shape.least} to ${shape.most}`;
    case "date":
      return "date only";
    case "moment":
      return "date and time, to the second";
    case "unsupported":
      return shape.why;
    default:
      return "";
  }
}
