/** Pictures as base64, in the row itself. Source: "Image columns". */
import type { Coercer } from "./value-problem.ts";
import { NULL, valueProblem } from "./value-problem.ts";

const DATA_URL = /^data:image\/[a-z+.-]+;base64,/i;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;
/** How JPEG, PNG, GIF and BMP begin. */
const HEADS = ["ffd8ff", "89504e47", "47494638", "424d"];

export function imageCoercer(field: string, mostBytes: number): Coercer {
  return (value) => {
    const text = value.replace(DATA_URL, "").replace(/\s+/g, "");
    if (text === "") return NULL;
    if (!BASE64.test(text) || text.length % 4 !== 0) {
      return valueProblem("not_base64", field, "the picture is no base64.", "Encode it with to_base64.");
    }
    const bytes = (text.length / 4) * 3 - (text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0);
    if (bytes > mostBytes) {
      return valueProblem(
        "too_large",
        field,
        `the picture has ${kilobytes(bytes)} KB; the column takes ${kilobytes(mostBytes)}.`,
        "Scale it down before it is synced.",
      );
    }
    const head = Buffer.from(text.slice(0, 8), "base64").toString("hex");
    if (HEADS.some((start) => head.startsWith(start))) return `"${text}"`;
    return valueProblem(
      "not_a_picture",
      field,
      "the bytes are no picture that the column takes.",
      "Give a JPEG, PNG, GIF or BMP.",
    );
  };
}

const kilobytes = (bytes: number): number => Math.ceil(bytes / 1024);
