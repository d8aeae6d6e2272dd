import type { Column } from "./column.ts";
import { bigint, housekeeping, primaryKey, READ_ONLY, table, text } from "./describe.ts";

/** Not an OData property: the bytes of a file travel by requests of their own. */
const body: Column = {
  ...(text("Body", 1_073_741_823, READ_ONLY)[0] as Column),
  odata: false,
  attributeOf: "fileattachmentid",
};

/** What file columns point at (page: fileattachment table reference). */
export const fileattachment = table("FileAttachment", 55, {
  primaryName: "filename",
  ownership: "None",
  bulk: false,
  changeTracking: false,
  columns: [
    primaryKey("FileAttachmentId"),
    text("FileName", 255, READ_ONLY),
    text("MimeType", 256, READ_ONLY),
    text("RegardingFieldName", 256, READ_ONLY),
    bigint("FileSizeInBytes", READ_ONLY),
    [body],
    housekeeping("fileattachment"),
  ],
});
