/** What a record holds already, and whether that is what would be written. Pure. */

import type { Found, MappedField, Mapping, PlainField } from "../compile/mapping.ts";
import { plain, rounded } from "../decimal.ts";
import { nameColumns, nameOf } from "../elastic.ts";
import type { Shape, Table } from "../table.ts";
import { NULL } from "../types/value-problem.ts";
import { idOf } from "../url.ts";
import { foldedJson, foldedRead, readBy, textOf } from "./match.ts";

/** A record that was read: its id, and the mapped columns by the names they are read by. */
export interface Held {
  readonly id: string;
  readonly row: Readonly<Record<string, unknown>>;
  /** The record that was looked for was merged into this one, and keeps its key. */
  readonly isMaster?: true;
  /** Decimals of its currency, where they were asked for. */
  readonly decimals?: number;
}

/** The name that a column is read by; a lookup's value has one of its own ("Lookup properties"). */
function readName({ table }: Mapping, field: string): string | null {
  const attribute = table.attributes.get(field);
  if (attribute === undefined || !attribute.readable) return null;
  if (attribute.type === "PartyList") return null;
  // The picture itself would come as a thumbnail; whether there is one its id tells ("Image columns").
  if (attribute.shape.kind === "image")
    return table.attributes.get(`${field}id`)?.readable ? `${field}id` : null;
  return attribute.shape.kind === "lookup" ? `_${field}_value` : field;
}

const STATE = "statecode";
/** The column that says when a record was made. */
export const CREATED = "createdon";

/** The column that says which currency a record's amounts are in. */
export const CURRENCY = "transactioncurrencyid";
export const CURRENCY_READ = `_${CURRENCY}_value`;

/** Fields whose decimals are those of the record's currency. */
export function amountsOf({ table, fields }: Mapping): PlainField[] {
  if (table.attributes.get(CURRENCY)?.readable !== true) return [];
  return fields.filter((field): field is PlainField => {
    const shape = table.attributes.get(field.field)?.shape;
    return field.kind === "plain" && shape?.kind === "decimal" && shape.decimals === "currency";
  });
}

/** The columns to read of records that rows may belong to. */
export function heldColumns(mapping: Mapping): string[] {
  const { table, match, fields, pair, rules } = mapping;
  const names = [
    ...nameColumns(table),
    ...match.parts.map(({ field }) => readName(mapping, field)),
    ...fields.map(({ field }) => readName(mapping, field)),
    ...(pair === null ? [] : [pair.state, pair.reason]),
    ...(hasState(table) ? [STATE] : []),
    ...(rules.onMany === "first_created" ? [CREATED] : []),
    ...mergeColumns(table),
    ...(amountsOf(mapping).length > 0 ? [CURRENCY_READ] : []),
  ];
  return [...new Set(names.filter((name) => name !== null))];
}

const hasState = (table: Table): boolean => table.attributes.get(STATE)?.readable === true;

/** Of a record that was merged into another: that it was, and the other ("Merge table rows using the Web API": accounts, contacts, leads, cases). */
const MERGED = "merged";
const MASTER = "_masterid_value";

/** Whether records of a table can be merged. */
export const canMerge = ({ attributes }: Table): boolean =>
  attributes.get(MERGED)?.readable === true && attributes.get("masterid")?.readable === true;

/** The columns that tell whether a record was merged, and into which. */
export const mergeColumns = (table: Table): readonly string[] => (canMerge(table) ? [MERGED, MASTER] : []);

/** The id of the record that one was merged into. */
export function masterOf({ row }: Held): string | null {
  const master = row[MERGED] === true ? row[MASTER] : null;
  return typeof master === "string" ? master.toLowerCase() : null;
}

/** Whether a record is inactive, as far as its table has states: 0 is the active one. */
export function isInactive({ row }: Held): boolean {
  return typeof row[STATE] === "number" && row[STATE] !== 0;
}

/** A field's value in a record as JSON; undefined where it cannot be seen. */
export function heldJson(mapping: Mapping, { field }: MappedField, { row }: Held): string | undefined {
  const name = readName(mapping, field);
  if (name === null) return undefined;
  const value = row[name];
  if (value === undefined || value === null) return NULL;
  // A long number was read as its digits.
  return typeof value === "string" && isNumber(mapping, field) ? value : JSON.stringify(value);
}

const shapeOf = ({ table }: Mapping, field: string): Shape["kind"] | undefined =>
  table.attributes.get(field)?.shape.kind;

const isNumber = (mapping: Mapping, field: string): boolean =>
  ["whole", "decimal", "double"].includes(shapeOf(mapping, field) ?? "");

/** What a record has in the columns of a match; the wanted value where that is the same to the service, or unseen. */
export function heldMatch({ match }: Mapping, wanted: Found, { row }: Held): Found {
  return match.parts.map((part, index) => {
    const want = wanted[index] ?? NULL;
    const value = row[readBy(part)];
    if (value === undefined || foldedRead(value) === foldedJson(want)) return want;
    return JSON.stringify(value);
  });
}

/**
 * Whether a record holds a value already, compared as the column's type does; in doubt it does not.
 *
 * @param rounds whether amounts are compared as the record's currency keeps them
 */
export function holds(
  mapping: Mapping,
  field: MappedField,
  json: string,
  held: Held,
  rounds = false,
): boolean {
  const before = heldJson(mapping, field, held);
  if (before === undefined || json === NULL || before === NULL) return before === json;
  if (field.kind === "lookup") {
    const id = idOf(textOf(json).replace(/^\//, ""));
    return id !== null && nameOf(id).id === textOf(before).toLowerCase();
  }
  if (before === json) return true;
  if (field.kind === "plain" && field.file !== undefined) return false; // what the file holds is not read
  switch (shapeOf(mapping, field.field)) {
    case "moment":
      return Date.parse(textOf(json)) === Date.parse(textOf(before));
    case "double":
      return Number(json) === Number(before);
    case "decimal":
    case "whole":
      return plain(rounds ? asKept(mapping, field, json, held) : json) === plain(before);
    case "choices":
      return sorted(json) === sorted(before);
    case "id":
      return textOf(json).toLowerCase() === textOf(before).toLowerCase();
    default:
      return false;
  }
}

function asKept({ table }: Mapping, { field }: MappedField, json: string, { decimals }: Held): string {
  const shape = table.attributes.get(field)?.shape;
  if (decimals === undefined || shape?.kind !== "decimal" || shape.decimals !== "currency") return json;
  return rounded(plain(json) ?? json, decimals);
}

const sorted = (json: string): string => textOf(json).split(",").sort().join(",");
