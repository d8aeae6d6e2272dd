/** Which kinds of values a column takes, and the function that writes them. Pure; made once per field. */
import type { ColumnKind } from "../../../src/sdk.ts";
import type { Attribute } from "../table.ts";
import { booleanCoercer, choiceCoercer, choicesCoercer } from "./choice.ts";
import { dateCoercer, momentCoercer } from "./date.ts";
import { fileCoercer } from "./file.ts";
import { imageCoercer } from "./image.ts";
import { decimalCoercer, doubleCoercer, wholeCoercer } from "./number.ts";
import { idCoercer, textCoercer } from "./text.ts";
import type { Coercer, CoercerOrWhy } from "./value-problem.ts";

const NUMBERS: readonly ColumnKind[] = ["integer", "decimal", "double", "text"];
const ANY: readonly ColumnKind[] = [
  "text",
  "boolean",
  "integer",
  "decimal",
  "double",
  "date",
  "timestamp",
  "uuid",
];

export interface CoercerOptions {
  /** Cuts text that is too long. */
  readonly truncate?: boolean | undefined;
  /** Of timestamps that carried no zone: the one whose clock showed them; their text is UTC. */
  readonly zone?: string | undefined;
}

/** The coercer from a kind of column to an attribute, or a clause that says why there is none. */
export function coercerOf(
  attribute: Attribute,
  kind: ColumnKind,
  { truncate = false, zone }: CoercerOptions = {},
): CoercerOrWhy {
  const { name, shape, secured } = attribute;
  if (truncate && shape.kind !== "text") return { why: "truncate is for text alone" };
  const takes = (kinds: readonly ColumnKind[], coerce: Coercer): CoercerOrWhy => {
    if (!kinds.includes(kind)) return { why: `it takes ${listed(kinds)}, not ${kind}` };
    return { coerce: secured ? discreet(coerce) : coerce };
  };
  switch (shape.kind) {
    case "text":
      return takes(ANY, textCoercer(name, { ...shape, truncate }));
    case "whole":
      return takes(NUMBERS, wholeCoercer(name, shape.least, shape.most));
    case "decimal":
      return takes(NUMBERS, decimalCoercer(name, shape));
    case "double":
      return takes(NUMBERS, doubleCoercer(name, shape));
    case "boolean":
      return takes(["boolean", "integer", "decimal", "text"], booleanCoercer(name, shape.choices));
    case "choice":
      return takes(["integer", "decimal", "text"], choiceCoercer(name, shape.choices));
    case "choices":
      return takes(["text", "integer", "decimal"], choicesCoercer(name, shape.choices));
    case "date":
      return takes(["date", "timestamp", "text"], dateCoercer(name, zone));
    case "moment":
      return takes(["date", "timestamp", "text"], momentCoercer(name, shape.isLocal ? undefined : zone));
    case "id":
      return takes(["uuid", "text"], idCoercer(name));
    case "image":
      return takes(["text"], imageCoercer(name, shape.mostBytes));
    case "file":
      return takes(["text"], fileCoercer(name, shape.mostBytes));
    case "lookup":
      return { why: "it is a lookup" };
    case "unsupported":
      return { why: shape.why };
  }
}

/** What a secured column holds is for the eyes of few: messages do without the value. */
function discreet(coerce: Coercer): Coercer {
  return (value) => {
    const made = coerce(value);
    if (typeof made === "string") return made;
    return { ...made, message: made.message.replace(/'.*'(?= (?:is|has|holds|names) )/s, "the value") };
  };
}

function listed(kinds: readonly ColumnKind[]): string {
  return kinds.length < 2 ? kinds.join("") : `${kinds.slice(0, -1).join(", ")} or ${kinds.at(-1)}`;
}
