/** What a column's value is, as JSON Schema: for people's programs, and for proposing mappings. Pure. */
import type { Attribute, Shape } from "../table.ts";

export function valueSchemaOf({ shape }: Pick<Attribute, "shape">): Readonly<Record<string, unknown>> {
  switch (shape.kind) {
    case "text":
      return { type: "string", ...(shape.longest === undefined ? {} : { maxLength: shape.longest }) };
    case "whole":
      return { type: "integer", ...range(shape) };
    case "decimal":
    case "double":
      return { type: "number", ...range(shape) };
    case "boolean":
      return { type: "boolean" };
    case "choice":
      return shape.choices.length === 0
        ? { type: "integer" }
        : { type: "integer", enum: shape.choices.map(({ value }) => value) };
    case "choices":
      return { type: "string", pattern: "^-?\\d+(, ?-?\\d+)*$" };
    case "date":
      return { type: "string", format: "date" };
    case "moment":
      return { type: "string", format: "date-time" };
    case "lookup":
    case "id":
      return { type: "string", format: "uuid" };
    case "image":
    case "file":
      return { type: "string", contentEncoding: "base64" };
    case "unsupported":
      return {};
  }
}

/** Limits that a float holds; one that it bends is left to the connector. */
function range({ least, most }: Extract<Shape, { kind: "whole" | "decimal" | "double" }>) {
  const exact = (limit: string | number | undefined): number | undefined => {
    const number = limit === undefined ? undefined : Number(limit);
    return number === undefined || Math.abs(number) > Number.MAX_SAFE_INTEGER ? undefined : number;
  };
  const [minimum, maximum] = [exact(least), exact(most)];
  return { ...(minimum === undefined ? {} : { minimum }), ...(maximum === undefined ? {} : { maximum }) };
}
