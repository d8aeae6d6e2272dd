import { Refusal } from "../errors.ts";
import type { Column } from "../tables/column.ts";

/** A request without chunks carries at most this much (page: file-column-data). */
const MOST_BYTES_AT_ONCE = 128 * 1024 * 1024;

/** @throws Refusal 0x80090001 above what the column, or one request, may hold */
export function requireSize(column: Column, size: number, inOneRequest: boolean): void {
  const most = (column.maxSizeKb ?? 32_768) * 1024;
  const limit = inOneRequest ? Math.min(most, MOST_BYTES_AT_ONCE) : most;
  if (size <= limit) return;
  const megabytes = Math.round(limit / 1024 / 1024);
  throw new Refusal(400, "0x80090001", `The file is larger than the allowed ${megabytes} MB.`);
}
