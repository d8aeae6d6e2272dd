/** TypeScript types and a JSON Schema of an object of the destination. Pure but for the library that is loaded. */
import type { FieldDescription, ObjectDescription } from "../ports.ts";

export interface ObjectTypes {
  readonly object: string;
  /** Name of the type. */
  readonly name: string;
  readonly typescript: string;
  readonly schema: JsonSchema;
}

export type JsonSchema = Readonly<Record<string, unknown>>;

export async function objectTypes(object: ObjectDescription): Promise<ObjectTypes> {
  const schema = schemaOf(object);
  const name = String(schema.title);
  const { compile } = await import("json-schema-to-typescript");
  // What others call their fields must not end a comment of ours.
  const harmless = JSON.parse(JSON.stringify(schema).replaceAll("*/", "* /")) as JsonSchema;
  const typescript = await compile(harmless, name, {
    additionalProperties: false,
    bannerComment: "",
    format: true,
    style: { printWidth: 110 },
  });
  return { object: object.name, name, typescript, schema };
}

/** `new_order` as `NewOrder`. */
export function typeName(object: string): string {
  const name = object
    .split(/[^A-Za-z0-9]+/)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join("");
  return /^[A-Za-z]/.test(name) ? name : `Object${name}`;
}

/** A record's fields under the names that a mapping uses; any of them may be left out. */
function schemaOf(object: ObjectDescription): JsonSchema {
  const keys = object.keys.map(({ fields }) => fields.join(" + "));
  const notes = [
    `${object.displayName}: a record of ${object.name}.`,
    `Primary id: ${object.primaryId}.`,
    ...(keys.length > 0 ? [`Alternate keys: ${keys.join("; ")}.`] : []),
  ];
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: typeName(object.name),
    description: notes.join("\n"),
    type: "object",
    additionalProperties: false,
    properties: Object.fromEntries(object.fields.map((field) => [field.name, propertyOf(field)])),
  };
}

function propertyOf(field: FieldDescription): JsonSchema {
  const { type, enum: values, ...rest } = field.value;
  const isWritable = field.creatable || field.updatable;
  const nullable = (list: unknown): unknown =>
    Array.isArray(list) && !field.required ? [...list, null] : list;
  return {
    ...(type === undefined ? {} : { type: field.required ? type : [type, "null"] }),
    ...(values === undefined ? {} : { enum: nullable(values) }),
    ...rest,
    description: describe(field),
    ...(isWritable ? {} : { readOnly: true }),
  };
}

function describe(field: FieldDescription): string {
  const isWritable = field.creatable || field.updatable;
  const when = isWritable ? (field.updatable ? "" : "Written on create alone.") : "Read only.";
  const targets = field.targets?.length ? `The id of a record of ${field.targets.join(" or ")}.` : "";
  const limits = field.limits ? `Takes ${field.limits}.` : "";
  const lines = [field.displayName, [limits, targets, when].filter(Boolean).join(" ")].filter(Boolean);
  const choices = (field.choices ?? []).map(({ value, label }) => `${value}: ${label}`);
  return [...lines, ...choices].join("\n");
}
