/** Text and ids. Limits: "Column definitions"; lengths count UTF-16 units. */
import { EMPTY_TEXT_IS_NULL } from "../unverified.ts";
import type { Coercer } from "./value-problem.ts";
import { NULL, quoted, valueProblem } from "./value-problem.ts";

/** What XML cannot hold, the service refuses: control characters but tab, line feed and carriage return. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/;
/** Half of a surrogate pair: no character at all, and no UTF-8. */
const LONE_SURROGATE = /\p{Surrogate}/u;

export function textCoercer(field: string, longest: number | undefined): Coercer {
  return (value) => {
    if (value === "" && EMPTY_TEXT_IS_NULL) return NULL;
    if (longest !== undefined && value.length > longest) {
      return valueProblem(
        "too_long",
        field,
        `${quoted(value)} has ${value.length} characters; the column takes ${longest}.`,
        "Shorten it in the model.",
      );
    }
    if (CONTROL.test(value)) {
      return valueProblem(
        "control_characters",
        field,
        `${quoted(value)} holds control characters.`,
        "Remove them in the model.",
      );
    }
    if (LONE_SURROGATE.test(value)) {
      return valueProblem(
        "broken_text",
        field,
        `${quoted(value)} holds half a character.`,
        "Mend the text's encoding in the warehouse.",
      );
    }
    return JSON.stringify(value);
  };
}

const GUID = /^\{?([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\}?$/;

export function idCoercer(field: string): Coercer {
  return (value) => {
    const text = value.trim().toLowerCase();
    if (text === "") return NULL;
    const id = GUID.exec(text)?.[1];
    if (id !== undefined) return `"${id}"`;
    return valueProblem(
      "not_an_id",
      field,
      `${quoted(value)} is no id.`,
      "Give ids as 8-4-4-4-12 hexadecimal digits.",
    );
  };
}
