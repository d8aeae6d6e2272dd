/** Which kinds of values a column takes, and the function that writes them. Pure; made once per field. */
import type { ColumnKind } from "../../../src/sdk.ts";
import type { Attribute } from "../table.ts";
import { booleanCoercer, choiceCoercer } from "./choice.ts";
import { dateCoercer, momentCoercer } from "./date.ts";
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

/** The coercer from a kind of column to an attribute, or a clause that says why there is none. */
export function coercerOf(attribute: Attribute, kind: ColumnKind): CoercerOrWhy {
  const { name, shape } = attribute;
  const takes = (kinds: readonly ColumnKind[], coerce: Coercer): CoercerOrWhy =>
    kinds.includes(kind) ? { coerce } : { why: `it takes ${listed(kinds)}, not ${kind}` };
  switch (shape.kind) {
    case "text":
      return takes(ANY, textCoercer(name, shape.longest));
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
    case "date":
      return takes(["date", "timestamp", "text"], dateCoercer(name));
    case "moment":
      return takes(["date", "timestamp", "text"], momentCoercer(name));
    case "id":
      return takes(["uuid", "text"], idCoercer(name));
    case "lookup":
      return { why: "it is a lookup" };
    case "unsupported":
      return { why: shape.why };
  }
}

function listed(kinds: readonly ColumnKind[]): string {
  return kinds.length < 2 ? kinds.join("") : `${kinds.slice(0, -1).join(", ")} or ${kinds.at(-1)}`;
}
