/**
 * Bodies of writes, put together from JSON fragments. Sources: "Use bulk operation messages", "UpsertMultiple
 * messages", "Execute batch operations using the Web API". Pure.
 */
import type { FieldWrite, Operation, Reply } from "../../../src/sdk.ts";
import { nameOf, PARTITION } from "../elastic.ts";
import type { BatchPart } from "../sender/batch.ts";
import { isElastic, type Table } from "../table.ts";
import { escaped } from "../types/value-problem.ts";
import { BULK_DETAILS } from "../unverified.ts";
import { idOf, pathOf, SERVICE_ROOT } from "../url.ts";

const BULK: Readonly<Partial<Record<Operation["kind"], string>>> = {
  create: "CreateMultiple",
  update: "UpdateMultiple",
  deactivate: "UpdateMultiple",
  upsert: "UpsertMultiple",
  delete: "DeleteMultiple",
};

/** Path of a bulk message. */
export function bulkPath(table: Table, kind: Operation["kind"]): string {
  const message = BULK[kind];
  return `${SERVICE_ROOT}${table.set}/Microsoft.Dynamics.CRM.${message}`;
}

/**
 * Every item says its type, and which record it is: by the primary id, or by a key's address.
 *
 * @param operations at least one
 */
export function bulkBody(table: Table, operations: readonly Operation[]): string {
  const head = `{"@odata.type":"Microsoft.Dynamics.CRM.${table.name}"`;
  const byKey = `${head},"@odata.id":"`;
  const nextByKey = `},\n${byKey}`; // whole, since each piece of a text costs
  let body = '{"Targets":[';
  for (let index = 0; index < operations.length; index++) {
    const operation = operations[index]!;
    const { kind, record } = operation;
    const id = idOf(record);
    if (id === null && kind !== "create") {
      body += index === 0 ? byKey : nextByKey;
      body += escaped(record);
      body += '"';
    } else {
      if (index > 0) body += "},\n";
      body += id === null ? head : `${head},${nameIn(table, id)}`;
    }
    body += properties(operation, id);
  }
  return `${body}}]}`;
}

/** What names a record in an item: the partition of an elastic one stands there as a property too. */
function nameIn(table: Table, kept: string): string {
  const { id, partition } = nameOf(kept);
  const place = partition === undefined ? "" : `,"${PARTITION}":${JSON.stringify(partition)}`;
  return `${JSON.stringify(table.primaryId)}:"${id}"${place}`;
}

/**
 * True for the replies that say a message was done: 204, or 200 with what it gives back, which names its context
 * ("Compose HTTP requests and handle errors"). An empty page in the service's place is none.
 */
export function isBulkDone({ status, headers, body }: Reply): boolean {
  if (status === 204) return true;
  if (status !== 200 || !/^application\/json\b/i.test(headers["content-type"] ?? "")) return false;
  try {
    const told = JSON.parse(body) as { readonly "@odata.context"?: unknown; readonly error?: unknown } | null;
    return typeof told?.["@odata.context"] === "string" && told.error === undefined;
  } catch {
    return false;
  }
}

/** True when a bulk message was done with so many records; `CreateMultiple` gives the id of each. */
export const isDoneFor = (kind: Operation["kind"], count: number, reply: Reply): boolean =>
  isBulkDone(reply) && (kind !== "create" || createdIds(reply).length === count);

/** Ids of new records in the order of the request ("CreateMultiple"); none where the reply does not say. */
export function createdIds({ body }: Reply): readonly string[] {
  try {
    const { Ids } = JSON.parse(body) as { Ids?: unknown };
    return Array.isArray(Ids) ? Ids.map((id) => String(id).toLowerCase()) : [];
  } catch {
    return [];
  }
}

/**
 * Which items of an elastic table's bulk message failed, by index; null where the reply does not tell. Source: "Bulk
 * operation messages", `Plugin.BulkApiErrorDetails`, whose name in the Web API is not settled.
 */
export function failedItems({ body }: Reply): ReadonlySet<number> | null {
  try {
    const { error } = JSON.parse(body) as { error?: Record<string, unknown> };
    const name = Object.keys(error ?? {}).find((key) => key.endsWith(BULK_DETAILS));
    const details = name === undefined ? null : (JSON.parse(String(error?.[name])) as unknown);
    if (!Array.isArray(details)) return null;
    const failed = details
      .filter(({ StatusCode }) => !(StatusCode < 300))
      .map(({ RequestIndex }) => RequestIndex);
    return failed.length > 0 && failed.every(Number.isInteger) ? new Set(failed) : null;
  } catch {
    return null;
  }
}

/** One record's request inside a `$batch`; `If-Match: *` keeps an update from making a record. */
export function partOf(table: Table, operation: Operation): BatchPart {
  const { kind, record } = operation;
  // An address cannot hold every partition, a body can.
  if (isElastic(table))
    return { method: "POST", path: bulkPath(table, kind), body: bulkBody(table, [operation]) };
  if (operation.into !== undefined) return tiePart(operation, operation.into);
  if (kind === "delete") return { method: "DELETE", path: pathOf(record) };
  if (kind === "create") {
    const id = idOf(record);
    const identity = id === null ? "" : `${JSON.stringify(table.primaryId)}:"${id}"`;
    return {
      method: "POST",
      path: pathOf(table.set),
      body: identity === "" ? alone(operation) : `{${identity}${properties(operation, id)}}`,
    };
  }
  return {
    method: "PATCH",
    path: pathOf(record),
    headers: kind === "upsert" ? {} : { "If-Match": "*" },
    body: alone(operation),
  };
}

/** "Associate and disassociate table rows": what is added is named in the body, what is removed in the address. */
function tiePart(operation: Operation, into: string): BatchPart {
  const slash = into.lastIndexOf("/");
  const path = `${pathOf(into.slice(0, slash))}${into.slice(slash)}`;
  if (operation.kind === "remove_member")
    return { method: "DELETE", path: `${path}${operation.record.slice(into.length)}/$ref` };
  return { method: "POST", path: `${path}/$ref`, body: alone(operation) };
}

/** What an operation writes, and nothing else. */
const alone = (operation: Operation): string => `{${properties(operation, idOf(operation.record)).slice(1)}}`;

/** What an operation writes, with a comma before each property. */
function properties(operation: Operation, id: string | null): string {
  const hasPartition = id?.includes(",") === true;
  let text = "";
  /** Parties of several lists stand under one name. */
  let lists: Map<string, string[]> | undefined;
  for (const field of operation.fields) {
    const { property, json } = field;
    if (hasPartition && property === PARTITION) continue; // it names the record already
    if (!isParties(field)) text += leadOf(property) + json;
    else {
      lists ??= new Map();
      lists.set(property, [...(lists.get(property) ?? []), json.slice(1, -1)]);
    }
  }
  for (const [property, items] of lists ?? []) text += `${leadOf(property)}[${items.join(",")}]`;
  return text;
}

/** What stands before a value, by property: there are few, and each stands in every row. */
const LEADS = new Map<string, string>();

function leadOf(property: string): string {
  const known = LEADS.get(property);
  if (known !== undefined) return known;
  const lead = `,${JSON.stringify(property)}:`;
  LEADS.set(property, lead);
  return lead;
}

const isParties = ({ property, json }: FieldWrite): boolean =>
  property.endsWith("_activity_parties") && json.startsWith("[");

/** Whether an operation makes other records along with its own. */
export function hasParties({ fields }: Operation): boolean {
  for (const field of fields) if (isParties(field)) return true;
  return false;
}

/** About how many characters an operation takes in a body. */
export function sizeOf({ record, fields }: Operation): number {
  let size = record.length + 100;
  for (const { property, json } of fields) size += property.length + json.length + 6;
  return size;
}
