import { Refusal } from "./errors.ts";
import { type Held, type Row, valueIn } from "./row.ts";
import type { Table } from "./schema.ts";
import type { World } from "./world.ts";

/**
 * Elastic tables (pages: elastic-tables; use-elastic-tables): a row is known by its primary key and its partition, an
 * upsert replaces it whole, and nothing is taken back.
 */

/** The name under which a row is kept: its id alone when its partition is its own. */
export const placeOf = (id: string, partition: string | undefined): string =>
  partition === undefined || partition === "" || partition === id ? id : `${id} ${partition}`;

/** The id that clients know. */
export const publicId = (table: Table, row: Row): string =>
  table.elastic ? String(valueIn(row, table.primaryId)) : row.id;

/** Where a new row goes, by the values that it is made of. */
export const newPlace = (row: Held, id: string): string =>
  placeOf(id, valueIn(row, "partitionid") as string | undefined);

/** Page: elastic-tables shows versions in this form. */
export const etagOf = (table: Table, version: number): string =>
  table.elastic
    ? `W/"e1015c6f-0000-0200-0000-${version.toString(16).padStart(8, "0")}0000"`
    : `W/"${version}"`;

/** The version inside an elastic etag, or undefined when the text is none. */
export function elasticVersion(text: string): number | undefined {
  const match = /^(?:W\/)?"?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-([0-9a-f]{8})0000"?$/i.exec(text);
  return match ? Number.parseInt(match[1] as string, 16) : undefined;
}

/** What a write answers, for reads that must see it. */
export const sessionToken = (world: World, table: Table): Record<string, string> =>
  table.elastic ? { "x-ms-session-token": `240:8#${world.store.version()}#7=-1` } : {};

export const noJoins = () => new Refusal(400, "0x80048d0b", "Link entities are not supported.");
