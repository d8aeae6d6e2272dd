import { moment } from "../dates.ts";
import { randomId } from "../guid.ts";
import { type Row, valueIn } from "../row.ts";
import type { Table } from "../schema.ts";
import type { Column } from "../tables/column.ts";
import type { Session, World } from "../world.ts";
import { updateRow } from "../write.ts";
import { writing } from "../written.ts";
import { requireSize } from "./size.ts";

/** Where the bytes of files and images are (pages: file-attributes; image-attributes). */

export const CHUNK = 4 * 1024 * 1024;

/** An upload under way; the session token in its address names it. */
export interface Upload {
  readonly table: Table;
  readonly id: string;
  readonly column: Column;
  readonly name: string;
  readonly parts: Map<string, Buffer>;
}

/** Uploads that nobody ends are forgotten when many newer ones have begun. */
const MOST_UPLOADS = 100;

/** @returns the token that names the upload from now on */
export function openUpload(world: World, upload: Omit<Upload, "parts">): string {
  const token = randomId();
  world.uploads.set(token, { ...upload, parts: new Map() });
  const [oldest] = world.uploads.keys();
  if (world.uploads.size > MOST_UPLOADS && oldest !== undefined) world.uploads.delete(oldest);
  return token;
}

/** Bytes of all uploads under way together; whoever has been at it longest makes room. */
const MOST_BYTES = 256 * 1024 * 1024;

export const sizeOf = ({ parts }: Upload): number =>
  [...parts.values()].reduce((sum, part) => sum + part.length, 0);

/** Keeps one part of an upload; others that began earlier are forgotten when all of them hold too much. */
export function keepPart({ uploads }: World, upload: Upload, name: string, bytes: Buffer): void {
  upload.parts.set(name, bytes);
  let held = [...uploads.values()].reduce((sum, one) => sum + sizeOf(one), 0);
  for (const [token, one] of uploads) {
    if (held <= MOST_BYTES) return;
    if (one === upload) continue;
    held -= sizeOf(one);
    uploads.delete(token);
  }
}

export interface Content {
  readonly name: string;
  readonly mime: string;
  readonly bytes: Buffer;
}

const attachments = (world: World): Table => world.schema.tables.get("fileattachment") as Table;

/** Puts bytes into a column; the file that was there goes. */
export function putContent(
  world: World,
  session: Session,
  table: Table,
  row: Row,
  column: Column,
  content: Content,
): string {
  if (column.type === "image") {
    const name = column.logicalName;
    const picture = writing({ [name]: content.bytes.toString("base64") });
    const made = world.store.transaction(() => updateRow(world, session, table, row, picture));
    return String(valueIn(made, `${name}id`));
  }
  requireSize(column, content.bytes.length, false);
  const files = attachments(world);
  const id = world.store.newId();
  const now = moment(world.now());
  world.store.transaction(() => {
    dropContent(world, row, column);
    const file = {
      fileattachmentid: id,
      filename: content.name,
      mimetype: content.mime,
      regardingfieldname: column.logicalName,
      filesizeinbytes: String(content.bytes.length),
      body: content.bytes.toString("base64"),
      createdon: now,
      modifiedon: now,
    };
    world.store.insert(files, id, file, []);
    const named = `${column.logicalName}_name`;
    const values = {
      [column.logicalName]: id,
      ...(table.columns.has(named) ? { [named]: content.name } : {}),
    };
    updateRow(world, session, table, row, writing(values));
  });
  return id;
}

function dropContent(world: World, row: Row, column: Column): void {
  const id = valueIn(row, column.logicalName);
  const old = typeof id === "string" ? world.store.get(attachments(world), id) : undefined;
  if (old) world.store.remove(attachments(world), old);
}

export function removeContent(world: World, session: Session, table: Table, row: Row, column: Column): void {
  world.store.transaction(() => {
    if (column.type === "file") dropContent(world, row, column);
    const named = `${column.logicalName}_name`;
    const none = { [column.logicalName]: null, ...(table.columns.has(named) ? { [named]: null } : {}) };
    const values = column.type === "image" ? { [column.logicalName]: null } : none;
    updateRow(world, session, table, row, writing(values));
  });
}

/** What a column holds, or undefined. */
export function contentOf(world: World, row: Row, column: Column): Content | undefined {
  const value = valueIn(row, column.logicalName);
  if (typeof value !== "string") return undefined;
  if (column.type === "image") {
    return {
      name: `${column.logicalName}.img`,
      mime: "application/octet-stream",
      bytes: Buffer.from(value, "base64"),
    };
  }
  const file = world.store.get(attachments(world), value);
  if (!file) return undefined;
  const bytes = Buffer.from(String(valueIn(file, "body")), "base64");
  return { name: String(valueIn(file, "filename")), mime: String(valueIn(file, "mimetype")), bytes };
}
