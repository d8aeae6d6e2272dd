import { noContent, type Reply } from "../api.ts";
import { Refusal } from "../errors.ts";
import { type Handler, type Invocation, invalidParameter, replyWith, rowIn } from "../messages/invocation.ts";
import { requireSize } from "./size.ts";
import { CHUNK, keepPart, openUpload, putContent, sizeOf, type Upload } from "./store.ts";

/** An upload by actions: start, blocks, commit (page: file-column-data). */

function begin(invocation: Invocation): Reply {
  const { world, parameters } = invocation;
  const { table, row } = rowIn(invocation, "Target", parameters.Target);
  const column = table.columns.get(String(parameters.FileAttributeName));
  if (column?.type !== "file" && column?.type !== "image")
    throw invalidParameter(invocation, "FileAttributeName");
  const upload = { table, id: row.id, column, name: String(parameters.FileName) };
  const FileContinuationToken = openUpload(world, upload);
  return replyWith(invocation, { FileContinuationToken });
}

function uploadIn(invocation: Invocation): Upload {
  const upload = invocation.world.uploads.get(String(invocation.parameters.FileContinuationToken));
  if (!upload) throw invalidParameter(invocation, "FileContinuationToken");
  return upload;
}

function takeBlock(invocation: Invocation): Reply {
  const upload = uploadIn(invocation);
  const bytes = Buffer.from(String(invocation.parameters.BlockData), "base64");
  if (bytes.length > CHUNK) {
    throw new Refusal(400, "0x80090008", "The file block exceeds the maximum of 4 MB.");
  }
  requireSize(upload.column, sizeOf(upload) + bytes.length, false);
  keepPart(invocation.world, upload, String(invocation.parameters.BlockId), bytes);
  return noContent();
}

function commit(invocation: Invocation): Reply {
  const { world, session, parameters } = invocation;
  const upload = uploadIn(invocation);
  const blocks = (parameters.BlockList as string[]).map((id) => upload.parts.get(id));
  if (blocks.some((block) => block === undefined)) {
    throw new Refusal(400, "0x80090006", "Commit failed: the block list is invalid or blocks are missing.");
  }
  const bytes = Buffer.concat(blocks as Buffer[]);
  const row = world.store.get(upload.table, upload.id);
  if (!row) throw invalidParameter(invocation, "FileContinuationToken");
  world.uploads.delete(String(parameters.FileContinuationToken));
  const content = { name: String(parameters.FileName), mime: String(parameters.MimeType), bytes };
  const FileId = putContent(world, session, upload.table, row, upload.column, content);
  return replyWith(invocation, { FileId, FileSizeInBytes: bytes.length });
}

export const FILE_ACTIONS: Readonly<Record<string, Handler>> = {
  InitializeFileBlocksUpload: begin,
  UploadBlock: takeBlock,
  CommitFileBlocksUpload: commit,
};
