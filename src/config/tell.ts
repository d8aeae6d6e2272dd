/** What is wrong with a value, in words for the person who wrote it. */
import type { ErrorObject } from "ajv/dist/2020.js";
import { choices, keysOf } from "./mistakes.ts";
import type { Schema } from "./schema.ts";
import { article, inYaml, keyWord, kindOf, listed, nearWord, shown, suggestion, typeWord } from "./words.ts";
import type { Path } from "./yaml.ts";

export interface Told {
  readonly path: Path;
  readonly part?: "key" | "value";
  /** What follows `config.` in the problem's code. */
  readonly code: "unknown_key" | "missing_key" | "wrong_type" | "wrong_value";
  readonly message: string;
  readonly remedy?: string;
}

/** `at` gives the schema of a path; `secretive` keeps the found values out of the words. */
export function tell(error: ErrorObject, at: (path: Path) => Schema, secretive: boolean): Told {
  const path = pathOf(error.instancePath);
  const { params } = error;
  const whole = path.length === 0 ? "The file" : `"${keyWord(path)}"`;
  const hidden = secretive || at(path).secret === true;
  const found = hidden ? "" : `, found ${shown(error.data)}`;
  const wrong = (should: string, allowed: readonly unknown[] = []): Told => ({
    path,
    code: "wrong_value",
    message: `${whole} should be ${should}${found}.`,
    ...(hidden ? {} : meant(error.data, allowed)),
  });
  switch (error.keyword) {
    case "additionalProperties":
      return unknownKey(String(params.additionalProperty), path, at(path), keysOf(error));
    case "required":
    case "dependentRequired":
      return missingKey(String(params.missingProperty), path, at);
    case "oneOf": {
      const keys = choices(error);
      return keys.length === 0
        ? { ...wrong(at(path).expected ?? "something else"), code: "wrong_type" }
        : choice(keys, path, at(path), params.passingSchemas === null);
    }
    case "discriminator":
      return wrongTag(String(params.tag), params.tagValue, path, at(path), secretive);
    case "type": {
      const should = at(path).expected ?? [params.type].flat().map(typeWord).join(" or ");
      return {
        path,
        code: "wrong_type",
        message: `${whole} should be ${should}, found ${kindOf(error.data)}.`,
      };
    }
    case "enum":
      return wrong(listed(params.allowedValues), params.allowedValues);
    case "const":
      return wrong(listed([params.allowedValue]), [params.allowedValue]);
    case "format":
      return wrong(
        at(path).expected ?? "an IANA time zone",
        params.format === "timezone" ? Intl.supportedValuesOf("timeZone") : [],
      );
    case "pattern": {
      const should = (error.parentSchema as Schema).expected ?? "written differently";
      if (error.propertyName === undefined) return wrong(should);
      const message = `"${error.propertyName}" should be ${should}.`;
      return { path: [...path, error.propertyName], part: "key", code: "wrong_value", message };
    }
    case "minLength":
    case "minItems":
    case "minProperties":
      return {
        path,
        code: "wrong_value",
        message: `${whole} is empty.`,
        remedy: example(keyWord(path), at(path)),
      };
    case "minimum":
      return wrong(`at least ${params.limit}`);
    case "maximum":
      return wrong(`at most ${params.limit}`);
    case "uniqueItems":
      return {
        path,
        code: "wrong_value",
        message: `${whole} names one thing twice.`,
        remedy: "Keep one of them.",
      };
    default:
      return wrong(`different (${error.keyword})`);
  }
}

function unknownKey(key: string, path: Path, schema: Schema, allowed: readonly string[]): Told {
  const message = `Unknown key "${key}"${inside(schema, path)}.`;
  return {
    path: [...path, key],
    part: "key",
    code: "unknown_key",
    message,
    remedy: suggestion(key, allowed),
  };
}

function missingKey(key: string, path: Path, at: (path: Path) => Schema): Told {
  const outer = at(path);
  const tags = outer.discriminator?.propertyName === key ? tagsOf(outer, key) : [];
  const remedy = tags.length > 0 ? `For example: ${key}: ${tags[0]}` : example(key, at([...path, key]));
  const message = `Missing required key "${key}"${inside(outer, path)}.`;
  return { path, part: "key", code: "missing_key", message, remedy };
}

/** Exactly one of several keys should be there; none is, or more than one. */
function choice(keys: readonly string[], path: Path, schema: Schema, none: boolean): Told {
  const where = inside(schema, path);
  return none
    ? {
        path,
        part: "key",
        code: "missing_key",
        message: `One of ${listed(keys)} is missing${where}.`,
        remedy: "Add one.",
      }
    : {
        path,
        part: "key",
        code: "wrong_value",
        message: `The keys ${listed(keys, "and")} exclude each other${where}.`,
        remedy: "Keep one of them.",
      };
}

function wrongTag(tag: string, value: unknown, path: Path, schema: Schema, secretive: boolean): Told {
  const tags = tagsOf(schema, tag);
  const found = secretive ? "" : `, found ${shown(value)}`;
  const message = `"${tag}" should be ${listed(tags)}${found}.`;
  return { path: [...path, tag], code: "wrong_value", message, ...(secretive ? {} : meant(value, tags)) };
}

function tagsOf(schema: Schema, tag: string): string[] {
  return (schema.oneOf ?? []).map((branch) => String(branch.properties?.[tag]?.const));
}

function inside(schema: Schema, path: Path): string {
  if (schema.title !== undefined) return ` in ${article(schema.title)}`;
  return path.length === 0 ? "" : ` in "${keyWord(path)}"`;
}

function example(key: string, schema: Schema): string {
  const [first] = schema.examples ?? [];
  return first === undefined ? `Give "${key}" a value.` : `For example: ${key}: ${inYaml(first)}`;
}

function meant(value: unknown, allowed: readonly unknown[]): { readonly remedy?: string } {
  const words = allowed.filter((word) => typeof word === "string");
  const near = typeof value === "string" ? nearWord(value, words) : undefined;
  return near === undefined ? {} : { remedy: near };
}

/** The path that a JSON pointer names. A key made of digits looks like an index, which does no harm. */
function pathOf(pointer: string): Path {
  return pointer
    .split("/")
    .slice(1)
    .map((step) => (/^\d+$/.test(step) ? Number(step) : step.replaceAll("~1", "/").replaceAll("~0", "~")));
}
