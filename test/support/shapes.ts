import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { expect } from "vitest";

const ajv = new Ajv2020();

/** Holds what a command has printed under `--json` to its schema in `spec/output`. */
export function expectShape(name: string, value: unknown): void {
  const file = new URL(`../../spec/output/${name}.schema.json`, import.meta.url);
  const validate = ajv.compile(JSON.parse(readFileSync(file, "utf8")));
  expect(validate(value), JSON.stringify(validate.errors, null, 2)).toBe(true);
}
