/** Files as base64, sent by requests of their own. Source: "File column data". */
import type { Coercer } from "./value-problem.ts";
import { NULL, valueProblem } from "./value-problem.ts";

const DATA_URL = /^data:[a-z0-9.+-]+\/[a-z0-9.+-]+;base64,/i;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** Base64 without anything around it, as JSON. */
export function fileCoercer(field: string, mostBytes: number): Coercer {
  return (value) => {
    const text = value.replace(DATA_URL, "").replace(/\s+/g, "");
    if (text === "") return NULL;
    if (!BASE64.test(text) || text.length % 4 !== 0)
      return valueProblem("not_base64", field, "the file is no base64.", "Encode it with to_base64.");
    const bytes = bytesOf(text);
    if (bytes <= mostBytes) return `"${text}"`;
    return valueProblem(
      "too_large",
      field,
      `the file has ${kilobytes(bytes)} KB; the column takes ${kilobytes(mostBytes)}.`,
      "Leave it out of the model, or let the column take more.",
    );
  };
}

export const bytesOf = (base64: string): number =>
  (base64.length / 4) * 3 - (base64.endsWith("==") ? 2 : base64.endsWith("=") ? 1 : 0);

export const kilobytes = (bytes: number): number => Math.ceil(bytes / 1024);
