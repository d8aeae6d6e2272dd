import { noContent, type Reply } from "../api.ts";
import { payloadError, Refusal } from "../errors.ts";
import { identify, requireRow } from "../keys.ts";
import { type Asked, requireCondition } from "../rows.ts";
import type { Column } from "../tables/column.ts";
import type { Segment } from "../url.ts";
import { requireSize } from "./size.ts";
import {
  CHUNK,
  contentOf,
  keepPart,
  openUpload,
  putContent,
  removeContent,
  sizeOf,
  type Upload,
} from "./store.ts";

/** Requests on a file or image column: `PATCH`, `GET …/$value`, `DELETE` (page: file-column-data). */

/** Bodies of this type arrive byte by byte, see `server.ts`. */
const bytesOf = (text: string): Buffer => Buffer.from(text, "latin1");

function requireBytes(asked: Asked): void {
  if (/^application\/octet-stream\b/i.test(asked.call.headers["content-type"] ?? "")) return;
  const { status, code } = asked.world.rules.wrongMediaType;
  throw new Refusal(status, code, "The request entity's media type is not supported for this resource.");
}

function fileName(asked: Asked): string {
  const name = asked.call.headers["x-ms-file-name"] ?? asked.target.query.get("x-ms-file-name");
  if (name) return name;
  throw payloadError(asked.table.set, "The header 'x-ms-file-name' is missing.");
}

/** Announces an upload: the reply says where its parts go. */
function announce(asked: Asked, column: Column, id: string): Reply {
  const { world, call, table } = asked;
  const token = openUpload(world, { table, id, column, name: fileName(asked) });
  const location = `${call.session.root}${table.set}(${id})/${column.logicalName}?sessiontoken=${token}`;
  const headers = { Location: location, "x-ms-chunk-size": String(CHUNK), "Accept-Ranges": "bytes" };
  return { status: 200, headers, body: "" };
}

const badRange = () => new Refusal(400, "0x80090006", "The range of the file block is not the next one.");

/** One part of an upload: 206, and 204 for the last. */
function takePart(asked: Asked, token: string): Reply {
  const { world, call } = asked;
  const upload: Upload | undefined = world.uploads.get(token);
  if (!upload) throw new Refusal(404, "0x80040217", "The upload does not exist.");
  requireBytes(asked);
  const range = /^bytes (\d{1,12})-(\d{1,12})\/(\d{1,12})$/.exec(call.headers["content-range"] ?? "");
  const bytes = bytesOf(call.body);
  const [from, to, total] = (range ?? []).slice(1).map(Number);
  const known = sizeOf(upload);
  if (from === undefined || to === undefined || total === undefined || from !== known) throw badRange();
  if (to - from + 1 !== bytes.length || to >= total) throw badRange();
  if (bytes.length > CHUNK) {
    throw new Refusal(400, "0x80090008", "The file block exceeds the maximum of 4 MB.");
  }
  requireSize(upload.column, total, false);
  keepPart(world, upload, String(from), bytes);
  if (to + 1 < total) return { status: 206, headers: {}, body: "" };
  world.uploads.delete(token);
  const row = requireRow(world, upload.table, { by: "id", id: upload.id });
  const content = {
    name: upload.name,
    mime: "application/octet-stream",
    bytes: Buffer.concat([...upload.parts.values()]),
  };
  putContent(world, call.session, upload.table, row, upload.column, content);
  return noContent();
}

/** `PATCH set(key)/column`: the bytes in one go, or the start of an upload in parts. */
export function writeFile(asked: Asked, key: Segment, column: Column): Reply {
  const { world, call, table, target } = asked;
  const token = target.query.get("sessiontoken");
  if (token !== undefined) return takePart(asked, token);
  const row = requireRow(world, table, identify(world, table, key.key));
  requireCondition(asked, row);
  if (call.headers["x-ms-transfer-mode"] === "chunked") return announce(asked, column, row.id);
  requireBytes(asked);
  const name = column.type === "image" ? column.logicalName : fileName(asked);
  const bytes = bytesOf(call.body);
  requireSize(column, bytes.length, true);
  putContent(world, call.session, table, row, column, { name, mime: "application/octet-stream", bytes });
  return noContent();
}

/** `GET set(key)/column/$value`, whole or a range of it. */
export function readFile(asked: Asked, key: Segment, column: Column): Reply {
  const { world, call, table } = asked;
  const row = requireRow(world, table, identify(world, table, key.key));
  const content = contentOf(world, row, column);
  if (!content) return noContent();
  const { bytes, name, mime } = content;
  const common = {
    "Content-Type": mime,
    "x-ms-file-name": name,
    "x-ms-file-size": String(bytes.length),
    "Accept-Ranges": "bytes",
  };
  const range = /^bytes=(\d{1,12})-(\d{0,12})$/.exec(call.headers.range ?? "");
  if (!range) return { status: 200, headers: common, body: bytes };
  const from = Number(range[1]);
  const to = Math.min(range[2] ? Number(range[2]) : from + CHUNK - 1, bytes.length - 1);
  if (from > to) throw new Refusal(416, "", "The requested range is not satisfiable.");
  const headers = { ...common, "Content-Range": `bytes ${from}-${to}/${bytes.length}` };
  return { status: 206, headers, body: bytes.subarray(from, to + 1) };
}

/** `DELETE set(key)/column` */
export function deleteFile(asked: Asked, key: Segment, column: Column): Reply {
  const { world, call, table } = asked;
  const row = requireRow(world, table, identify(world, table, key.key));
  requireCondition(asked, row);
  removeContent(world, call.session, table, row, column);
  return noContent();
}
