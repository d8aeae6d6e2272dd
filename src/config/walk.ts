/** Looking at a value and the schema that describes it side by side. */
import type { Schema } from "./schema.ts";
import type { Path } from "./yaml.ts";

/** A schema and the document that its `#/…` references start from. */
interface Scope {
  readonly schema: Schema;
  readonly root: Schema;
}

/** A value inside a config, with the schema of it. */
export interface Part {
  readonly path: Path;
  readonly value: unknown;
  readonly schema: Schema;
}

/** The schema of what stands, or could stand, at a path of a value. */
export function schemaAt(schema: Schema, value: unknown, path: Path): Schema {
  let here = settle({ schema, root: schema }, value);
  let inner = value;
  for (const step of path) {
    inner =
      typeof inner === "object" && inner !== null
        ? (inner as Record<string | number, unknown>)[step]
        : undefined;
    const next = typeof step === "number" ? here.schema.items : ofKey(here.schema, step);
    here = settle({ ...here, schema: next ?? {} }, inner);
  }
  const { oneOf } = here.schema;
  return oneOf === undefined
    ? here.schema
    : { ...here.schema, oneOf: oneOf.map((branch) => settleRef({ ...here, schema: branch }).schema) };
}

/** The values at a pattern of keys, in which `*` stands for every key or item. */
export function select(value: unknown, pattern: string): { readonly path: Path; readonly value: unknown }[] {
  let found: { path: Path; value: unknown }[] = [{ path: [], value }];
  for (const step of pattern.split(".")) {
    found = found.flatMap(({ path, value: outer }) =>
      (typeof outer === "object" && outer !== null ? Object.entries(outer) : [])
        .filter(([key]) => step === "*" || step === key)
        .map(([key, inner]) => ({ path: [...path, Array.isArray(outer) ? Number(key) : key], value: inner })),
    );
  }
  return found;
}

/** Every value inside a config whose schema is known, the outer before the inner. */
export function* parts(schema: Schema, value: unknown): Generator<Part> {
  yield* within({ schema, root: schema }, value, []);
}

function* within(scope: Scope, value: unknown, path: Path): Generator<Part> {
  const here = settle(scope, value);
  yield { path, value, schema: here.schema };
  if (Array.isArray(value)) {
    if (here.schema.items === undefined) return;
    for (const [index, item] of value.entries())
      yield* within({ ...here, schema: here.schema.items }, item, [...path, index]);
  } else if (isMapping(value)) {
    for (const [key, inner] of Object.entries(value)) {
      const schema = ofKey(here.schema, key);
      if (schema !== undefined) yield* within({ ...here, schema }, inner, [...path, key]);
    }
  }
}

/** A copy of a valid value in which every key that its schema has a default for is filled in. */
export function withDefaults<T>(schema: Schema, value: unknown): T {
  return filled({ schema, root: schema }, value) as T;
}

function filled(scope: Scope, value: unknown): unknown {
  const here = settle(scope, value);
  if (Array.isArray(value)) {
    const { items } = here.schema;
    return items === undefined ? value : value.map((item) => filled({ ...here, schema: items }, item));
  }
  if (!isMapping(value)) return value;
  const result: [string, unknown][] = [];
  for (const [key, inner] of Object.entries(value)) {
    const schema = ofKey(here.schema, key);
    result.push([key, schema === undefined ? inner : filled({ ...here, schema }, inner)]);
  }
  for (const [key, schema] of Object.entries(here.schema.properties ?? {})) {
    if (schema.default !== undefined && !Object.hasOwn(value, key))
      result.push([key, filled({ ...here, schema }, schema.default)]);
  }
  return Object.fromEntries(result);
}

/** Follows references, and the branch of a union that fits the value: by its tag, or by its type. */
function settle({ schema, root }: Scope, value: unknown): Scope {
  if (schema.$ref?.startsWith("#/$defs/")) {
    const { $ref, ...beside } = schema;
    const target = root.$defs?.[$ref.slice("#/$defs/".length)];
    if (target !== undefined) return settle({ schema: { ...target, ...beside }, root }, value);
  }
  const branches = (schema.oneOf ?? []).map((branch) => settleRef({ schema: branch, root }));
  const tag = schema.discriminator?.propertyName;
  const branch = branches.find(({ schema: candidate }) =>
    tag === undefined
      ? candidate.type !== undefined && hasType(value, candidate.type)
      : isMapping(value) && candidate.properties?.[tag]?.const === value[tag],
  );
  if (branch === undefined) return { schema, root };
  const { schema: chosen, root: inner } = settle(branch, value);
  return { schema: schema.examples ? { examples: schema.examples, ...chosen } : chosen, root: inner };
}

function settleRef({ schema, root }: Scope): Scope {
  const inner = schema.$id === undefined ? root : schema;
  const name = schema.$ref?.slice("#/$defs/".length);
  const target = name === undefined ? undefined : inner.$defs?.[name];
  return { schema: target ?? schema, root: inner };
}

function ofKey(schema: Schema, key: string): Schema | undefined {
  if (schema.properties !== undefined && Object.hasOwn(schema.properties, key)) return schema.properties[key];
  return typeof schema.additionalProperties === "object" ? schema.additionalProperties : undefined;
}

/** Whether a value is a mapping of YAML. */
export function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether a value is of one of the types of JSON Schema. */
export function hasType(value: unknown, types: string | readonly string[]): boolean {
  return [types].flat().some((type) => {
    if (type === "object") return isMapping(value);
    if (type === "array") return Array.isArray(value);
    if (type === "null") return value === null;
    if (type === "integer") return Number.isInteger(value);
    return typeof value === type;
  });
}
