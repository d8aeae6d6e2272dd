/**
 * How records of elastic tables are named: by id and partition ("Use elastic tables"). A record that was given no
 * partition is known by its id alone, as everywhere else. Outside of addresses the two are one text, `id,partition`,
 * which is what the snapshot keeps as the record's id. Pure.
 */
import type { Reply } from "../../src/sdk.ts";
import { isElastic, type Table } from "./table.ts";
import { addressById, addressByKey, textLiteral } from "./url.ts";

export const PARTITION = "partitionid";

/** "Bulk operation messages" recommends no more for elastic tables. */
export const ELASTIC_BATCH = 100;

/** The columns that name a record. */
export function nameColumns(table: Table): readonly string[] {
  return isElastic(table) ? [table.primaryId, PARTITION] : [table.primaryId];
}

/** The id of a record as it is kept. */
export function keptId(id: string, partition?: string | null): string {
  const plain = id.toLowerCase();
  return partition === undefined || partition === null || partition === "" || partition === plain
    ? plain
    : `${plain},${partition}`;
}

/** The id of a record that was read. */
export function readId(table: Table, row: Readonly<Record<string, unknown>>): string {
  const partition = isElastic(table) ? row[PARTITION] : undefined;
  return keptId(String(row[table.primaryId]), typeof partition === "string" ? partition : undefined);
}

/**
 * The token that the last write of each elastic table was answered with, by the table's name: a read that does not bring
 * it may be answered as if the write had not been ("Use elastic tables using code"). Deletes tell none. No page says how
 * tokens of several partitions would go with one read: the last one does.
 */
export type Sessions = Map<string, string>;

export function rememberSession(sessions: Sessions, table: Table, { headers }: Reply): void {
  const token = isElastic(table) ? headers["x-ms-session-token"] : undefined;
  if (token !== undefined) sessions.set(table.name, token);
}

export function sessionHeaders(sessions: Sessions, table: Table): Readonly<Record<string, string>> {
  const token = sessions.get(table.name);
  return token === undefined ? {} : { "MSCRM.SessionToken": token };
}

export interface RecordName {
  readonly id: string;
  readonly partition?: string;
}

/** A kept id taken apart. */
export function nameOf(kept: string): RecordName {
  const comma = kept.indexOf(",");
  if (comma < 0) return { id: kept.toLowerCase() };
  return { id: kept.slice(0, comma).toLowerCase(), partition: kept.slice(comma + 1) };
}

/** The address of a record by its kept id. */
export function addressOfId(table: Table, kept: string): string {
  const { id, partition } = nameOf(kept);
  if (partition === undefined) return addressById(table.set, id);
  return addressByKey(table.set, [
    [table.primaryId, id],
    [PARTITION, textLiteral(partition)],
  ]);
}
