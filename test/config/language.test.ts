/** The schemas hold the whole language; what does not run yet is refused by name. */
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import model from "../../spec/model.schema.json" with { type: "json" };
import project from "../../spec/project.schema.json" with { type: "json" };
import { compileSchemas } from "../../src/config/schema.ts";
import { edit, problemsOf, SCHEMAS } from "./project.ts";

const schemas = { project, model, ...SCHEMAS.warehouses, ...SCHEMAS.destinations };

interface Node {
  readonly [key: string]: unknown;
  readonly properties?: Readonly<Record<string, Node>>;
}

/** Every schema inside a schema that describes a mapping. */
function* mappings(node: unknown, path: string): Generator<[path: string, schema: Node]> {
  if (typeof node !== "object" || node === null) return;
  if ("properties" in node && "type" in node && node.type === "object") yield [path, node as Node];
  for (const [key, inner] of Object.entries(node)) yield* mappings(inner, `${path}/${key}`);
}

describe.each(Object.entries(schemas))("the schema of %s", (name, schema) => {
  test("closes every mapping, and describes every property in one sentence", () => {
    for (const [path, mapping] of mappings(schema, name)) {
      if (!path.endsWith("/connection")) expect(mapping.additionalProperties, path).toBe(false);
      for (const [key, property] of Object.entries(mapping.properties ?? {})) {
        const target =
          String(property.$ref ?? "")
            .split("/")
            .at(-1) ?? "";
        const defs = ("$defs" in schema ? schema.$defs : {}) as Record<string, Node>;
        expect(property.description ?? defs[target]?.description, `${path}/${key}`).toMatch(
          /^[A-Z][^.]*(\.[^ ][^.]*)*\.$/,
        );
      }
    }
  });
});

describe("what is not supported yet", () => {
  const sync = (line: string) => edit("models/customers.yml", "mode: upsert", `mode: upsert\n    ${line}`);

  test.each([
    [
      "A memory limit of a warehouse",
      edit("backhaul.yml", "warehouse.duckdb", "warehouse.duckdb, memory_limit: 1GB"),
    ],
  ])("%s is refused, and nothing else of it", async (feature, files) => {
    const problems = await problemsOf(files);
    expect(problems.map(({ code, message }) => `${code} ${message}`)).toEqual([
      `config.not_supported ${feature} is not supported yet.`,
    ]);
    expect(problems[0]?.place?.line).toBeGreaterThan(0);
    expect(problems[0]?.remedy).toMatch(/\.$/);
  });

  test("what stands for the default is allowed", async () => {
    for (const line of [
      "guard: { removed: { share: 10%, rows: 50 } }",
      "on_removed: keep",
      "adopt: true",
      "shared: true",
      "scope: managed",
    ])
      await expect(problemsOf(sync(line))).rejects.toThrow("The project was loaded.");
  });
});

describe("audiences", () => {
  const audience = (value: string, mode = "mode: mirror") =>
    edit("models/customers.yml", "object: contact\n    mode: upsert", `audience: ${value}\n    ${mode}`);

  test.each([
    ["{ list: VIP, member: contact }", "mode: mirror\n    scope: all\n    on_removed: remove_member"],
    ["{ list: { column: segment }, member: contact, create: true }", "mode: add"],
    ["{ list: { value: V, by: new_code }, member: lead, when_missing: skip }", "mode: remove"],
    ["{ segment: VIP, member: contact }", "mode: upsert\n    on_removed: keep"],
  ])("%s with %s", async (value, mode) => {
    await expect(problemsOf(audience(value, mode))).rejects.toThrow("The project was loaded.");
  });

  test.each([
    ["{ member: contact }", "mode: mirror"],
    ["{ list: VIP, segment: VIP, member: contact }", "mode: mirror"],
    ["{ list: VIP }", "mode: mirror"],
    ["{ list: { by: new_code }, member: contact }", "mode: mirror"],
    ["{ list: VIP, member: contact }", "mode: insert"],
    ["{ list: VIP, member: contact }", "mode: mirror\n    on_removed: keep"],
    ["{ list: VIP, member: contact }", "mode: upsert\n    on_removed: delete"],
    ["{ list: VIP, member: contact }", "mode: mirror\n    scope: everybody"],
  ])("%s with %s is refused", async (value, mode) => {
    expect(await problemsOf(audience(value, mode))).not.toEqual([]);
  });
});

describe("associations", () => {
  const END = "{ object: account, by: accountnumber, column: customer_id }";
  const associate = (value: string, mode: string) => ({
    "models/customers.yml": `model: customers
warehouse: local
primary_key: customer_id
sql: customers.sql
syncs:
  - sync: tags
    destination: dynamics
    associate: ${value}
    ${mode}
`,
  });
  const whole = `{ relationship: new_tags, from: ${END}, to: ${END} }`;

  test.each(["mode: add", "mode: mirror", "mode: mirror\n    on_removed: remove_member"])(
    "%s",
    async (mode) => {
      await expect(problemsOf(associate(whole, mode))).rejects.toThrow("The project was loaded.");
    },
  );

  test.each([
    [whole, "mode: upsert"],
    [whole, "mode: mirror\n    on_removed: delete"],
    [whole, "mode: add\n    object: contact"],
    [`{ relationship: new_tags, from: ${END} }`, "mode: add"],
    [`{ relationship: new_tags, from: ${END}, to: { object: new_tag, column: tag } }`, "mode: add"],
  ])("%s with %s is refused", async (value, mode) => {
    expect(await problemsOf(associate(value, mode))).not.toEqual([]);
  });
});

test("defaults and examples fit the schemas that they stand in", () => {
  const checkers = compileSchemas(SCHEMAS);
  expect(
    checkers.project.errors({
      project: "a",
      warehouses: { a: { type: "duckdb", path: "x" } },
      destinations: { b: { type: "dataverse", url: "sandbox" } },
    }),
  ).toEqual([]);
  const everything = {
    ...Object.fromEntries(
      Object.entries(model.properties).flatMap(([key, { ...schema }]) =>
        "examples" in schema ? [[key, (schema.examples as unknown[])[0]]] : [],
      ),
    ),
    table: undefined,
    dbt: undefined,
    syncs: [
      Object.fromEntries(
        Object.entries(model.$defs.sync.properties as Record<string, Node>)
          .filter(([key]) => key !== "audience" && key !== "associate")
          .flatMap(([key, schema]) => {
            const value = (schema.examples as unknown[] | undefined)?.[0] ?? schema.default;
            return value === undefined ? [] : [[key, value]];
          }),
      ),
    ],
  };
  expect(checkers.model.errors(JSON.parse(JSON.stringify(everything)))).toEqual([]);
});

test("the generated types are those of the schemas", async () => {
  const { execFile } = await import("node:child_process");
  const script = new URL("../../spec/generate.mjs", import.meta.url);
  const code = await new Promise((done) =>
    execFile(process.execPath, [script.pathname, "--check"], (error) => done(error?.code ?? 0)),
  );
  expect(code).toBe(0);
  expect(await readFile(new URL("../../src/config/generated/model.ts", import.meta.url), "utf8")).toMatch(
    /^\/\/ Made from spec/,
  );
});
