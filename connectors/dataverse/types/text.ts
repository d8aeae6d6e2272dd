/**
 * Text and ids. Limits: "Column definitions"; lengths count UTF-16 units. A format (e-mail, URL, phone, ticker) tells
 * forms how to show a text and holds no value to anything ("Data type format conversions"): the length is the limit.
 */
import { EMPTY_TEXT_IS_NULL } from "../unverified.ts";
import type { Coercer } from "./value-problem.ts";
import { isPlain, NULL, quoted, valueProblem } from "./value-problem.ts";

/** What XML cannot hold, the service refuses: control characters but tab, line feed and carriage return. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/;
/** Half of a surrogate pair: no character at all, and no UTF-8. */
const LONE_SURROGATE = /\p{Surrogate}/u;

export interface TextOptions {
  readonly longest?: number;
  /** Cuts what is too long. */
  readonly truncate?: boolean;
}

export function textCoercer(field: string, { longest = Infinity, truncate = false }: TextOptions): Coercer {
  return (value) => {
    if (value === "" && EMPTY_TEXT_IS_NULL) return NULL;
    const text = truncate ? cut(value, longest) : value;
    if (text.length > longest) {
      return valueProblem(
        "too_long",
        field,
        `${quoted(text)} has ${text.length} characters; the column takes ${longest}.`,
        "Shorten it in the model, or say truncate: true.",
      );
    }
    if (isPlain(text)) return `"${text}"`;
    if (CONTROL.test(text)) {
      return valueProblem(
        "control_characters",
        field,
        `${quoted(text)} holds control characters.`,
        "Remove them in the model.",
      );
    }
    if (LONE_SURROGATE.test(text)) {
      return valueProblem(
        "broken_text",
        field,
        `${quoted(text)} holds half a character.`,
        "Mend the text's encoding in the warehouse.",
      );
    }
    return JSON.stringify(text);
  };
}

/** The longest start of a text that fits, ending with a whole character as a reader counts them, if one fits. */
function cut(text: string, longest: number): string {
  if (text.length <= longest) return text;
  const end = GRAPHEMES.segment(text).containing(longest)?.index;
  return text.slice(0, end || longest);
}

const GRAPHEMES = new Intl.Segmenter(undefined, { granularity: "grapheme" });

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
