/**
 * Parents that are not there and are made for the rows that name them: a record with what it is looked up
 * by, and nothing else. Its id is made of that, so that no value ever gets two. Pure.
 */
import type { FieldWrite, Stub } from "../../../src/sdk.ts";
import type { Found, Parent } from "../compile/mapping.ts";
import { type Attribute, demanded, type Table } from "../table.ts";
import { NULL } from "../types/value-problem.ts";
import { addressById } from "../url.ts";
import { idOfTexts } from "../uuid5.ts";
import { foldedJson, textOf } from "./match.ts";

/** @param project part of the ids: what one project makes is not taken for another's */
export function stubOf(
  { table, parts }: Parent,
  found: Found,
  project: string,
): Stub & { readonly id: string } {
  const keys = parts.map(({ field }, index) => ({ field, property: field, json: found[index] ?? NULL }));
  const isById = keys.length === 1 && keys[0]?.field === table.primaryId;
  const told = [...keys].sort((a, b) => (a.field < b.field ? -1 : 1));
  const id = isById
    ? textOf(found[0] ?? "").toLowerCase()
    : idOfTexts([
        project,
        "stub",
        table.name,
        ...told.flatMap(({ field, json }) => [field, foldedJson(json)]),
      ]);
  const key: readonly FieldWrite[] = isById ? [] : keys;
  const name = nameAttribute(
    table,
    keys.map(({ field }) => field),
  );
  const named: FieldWrite[] = name
    ? [
        {
          field: name.name,
          property: name.name,
          json: JSON.stringify(cut(found.map(textOf).join(" "), name)),
        },
      ]
    : [];
  return { object: table.name, record: addressById(table.set, id), fields: [...key, ...named], id };
}

/** The primary name, where a stub can have one: people see it, and most tables ask for it in their forms. */
function nameAttribute({ primaryName, attributes }: Table, keys: readonly string[]): Attribute | undefined {
  const name = primaryName === null ? undefined : attributes.get(primaryName);
  return name?.creatable && name.shape.kind === "text" && !keys.includes(name.name) ? name : undefined;
}

const cut = (text: string, { shape }: Attribute): string =>
  shape.kind === "text" && shape.longest !== undefined ? text.slice(0, shape.longest) : text;

/** Why no stub of a table can be made; undefined where one can. */
export function whyNoStub(
  table: Table,
  by: readonly Attribute[],
): { readonly why: string; readonly remedy: string } | undefined {
  const remedy = "Use when_missing: reject, skip or clear, or sync the parents themselves.";
  const unfit = by.find(
    ({ name, creatable, shape }) => (name !== table.primaryId && !creatable) || shape.kind === "lookup",
  );
  if (unfit !== undefined) return { why: `a new ${table.name} cannot be given '${unfit.name}'`, remedy };
  const keys = by.map(({ name }) => name);
  const open = demanded(table).filter(
    (attribute) => !keys.includes(attribute.name) && attribute !== nameAttribute(table, keys),
  );
  if (open.length === 0) return undefined;
  const names = open.map(({ name }) => `'${name}'`).join(", ");
  return { why: `${table.name} requires ${names}, which a stub does not have`, remedy };
}
