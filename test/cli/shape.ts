import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { expect } from "vitest";

const ajv = new Ajv2020();

/** Holds what a command prints under `--json` to the schema of it. */
export function expectShape(name: string, value: unknown): void {
  const schema = JSON.parse(
    readFileSync(new URL(`../../spec/output/${name}.schema.json`, import.meta.url), "utf8"),
  );
  const validate = ajv.getSchema(name) ?? ajv.compile({ ...schema, $id: name });
  expect(validate(value), JSON.stringify(validate.errors, null, 2)).toBe(true);
}
