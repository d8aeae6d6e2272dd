/**
 * Parents that are not there and are made for the rows that name them: a record with the value that it is looked up
 * by, and nothing else. Its id is made of that value, so that no value ever gets two. Pure.
 */
import type { FieldWrite, Stub } from "../../../src/sdk.ts";
import type { Parent } from "../compile/mapping.ts";
import { type Attribute, demanded, type Table } from "../table.ts";
import { addressById } from "../url.ts";
import { idOfTexts } from "../uuid5.ts";
import { foldedJson, textOf } from "./match.ts";

/** @param project part of the ids: what one project makes is not taken for another's */
export function stubOf(
  { table, part }: Parent,
  json: string,
  project: string,
): Stub & { readonly id: string } {
  const isById = part.field === table.primaryId;
  const id = isById
    ? textOf(json).toLowerCase()
    : idOfTexts([project, "stub", table.name, part.field, foldedJson(json)]);
  const key: FieldWrite[] = isById ? [] : [{ field: part.field, property: part.field, json }];
  const name = nameAttribute(table, part.field);
  const named: FieldWrite[] = name
    ? [{ field: name.name, property: name.name, json: JSON.stringify(cut(textOf(json), name)) }]
    : [];
  return { object: table.name, record: addressById(table.set, id), fields: [...key, ...named], id };
}

/** The primary name, where a stub can have one: people see it, and most tables ask for it in their forms. */
function nameAttribute({ primaryName, attributes }: Table, field: string): Attribute | undefined {
  const name = primaryName === null ? undefined : attributes.get(primaryName);
  return name?.creatable && name.shape.kind === "text" && name.name !== field ? name : undefined;
}

const cut = (text: string, { shape }: Attribute): string =>
  shape.kind === "text" && shape.longest !== undefined ? text.slice(0, shape.longest) : text;

/** Why no stub of a table can be made; undefined where one can. */
export function whyNoStub(
  table: Table,
  by: Attribute,
): { readonly why: string; readonly remedy: string } | undefined {
  const remedy = "Use when_missing: reject, skip or clear, or sync the parents themselves.";
  if (by.name !== table.primaryId && !by.creatable)
    return { why: `a new ${table.name} cannot be given '${by.name}'`, remedy };
  const open = demanded(table).filter(
    (attribute) => attribute.name !== by.name && attribute !== nameAttribute(table, by.name),
  );
  if (open.length === 0) return undefined;
  const names = open.map(({ name }) => `'${name}'`).join(", ");
  return { why: `${table.name} requires ${names}, which a stub does not have`, remedy };
}
