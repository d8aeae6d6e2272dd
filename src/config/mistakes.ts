/** Which of ajv's errors are mistakes of their own: several can come from one, and a union complains per branch. */
import type { ErrorObject } from "ajv/dist/2020.js";
import { nearest } from "../core/near.ts";
import { isReference } from "./reference.ts";
import type { Schema } from "./schema.ts";
import { isMapping } from "./walk.ts";

/** Keywords that look into a text, which is not known before its references are replaced. */
const OF_TEXT = new Set(["pattern", "enum", "const", "format", "minLength", "maxLength"]);

/** One error for each mistake. */
export function mistakes(errors: readonly ErrorObject[]): ErrorObject[] {
  const at = new Map<string, ErrorObject[]>();
  for (const error of errors) at.set(error.instancePath, [...(at.get(error.instancePath) ?? []), error]);
  return errors.filter((error) => {
    const here = at.get(error.instancePath) ?? [];
    if (OF_TEXT.has(error.keyword) && isReference(error.data)) return false;
    if (hidesOthers(here)) return isUnion(error);
    switch (error.keyword) {
      case "if":
      case "propertyNames":
        return false;
      case "type":
        return !here.some(isUnion);
      case "oneOf":
        return !isUnion(error) && isMapping(error.data) && !isMisspelt(choices(error), here);
      case "discriminator":
        return !isMapping(error.data) || Object.hasOwn(error.data, String(error.params.tag));
      case "required":
        return !isBranch(error) && !isMisspelt([String(error.params.missingProperty)], here);
      case "enum":
        return narrowest(here) === error;
      default:
        return true;
    }
  });
}

/** A union of types, such as text or a mapping. */
function isUnion(error: ErrorObject): boolean {
  return error.keyword === "oneOf" && choices(error).length === 0;
}

/** The keys of which exactly one should be there, when an error is about such a choice. */
export function choices(error: ErrorObject): string[] {
  const branches = error.schema as readonly Schema[];
  return branches.every((branch) => Object.keys(branch).join() === "required")
    ? branches.flatMap((branch) => branch.required ?? [])
    : [];
}

/** Whether a value fits no branch of a union, so that what the branches say of it does not matter. */
function hidesOthers(here: readonly ErrorObject[]): boolean {
  const union = here.find(isUnion);
  if (union === undefined) return false;
  return (
    here.filter(({ keyword }) => keyword === "type").length >= (union.schema as readonly Schema[]).length
  );
}

/** A `required` that is one branch of a choice of keys. */
function isBranch(error: ErrorObject): boolean {
  return /\/oneOf\/\d+\/required$/.test(error.schemaPath);
}

/** Whether a missing key is there in a wrong spelling, which is reported already. */
function isMisspelt(missing: readonly string[], here: readonly ErrorObject[]): boolean {
  return here
    .filter(({ keyword }) => keyword === "additionalProperties")
    .some((error) => missing.includes(nearest(String(error.params.additionalProperty), keysOf(error)) ?? ""));
}

/** The keys that are allowed where an error is. */
export function keysOf(error: ErrorObject): string[] {
  return Object.keys((error.parentSchema as Schema | undefined)?.properties ?? {});
}

/** Of several lists of allowed words, the shortest is the one that holds. */
function narrowest(here: readonly ErrorObject[]): ErrorObject | undefined {
  const lists = here.filter(({ keyword }) => keyword === "enum");
  return lists.sort((a, b) => a.params.allowedValues.length - b.params.allowedValues.length)[0];
}
