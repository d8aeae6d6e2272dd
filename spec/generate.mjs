// Writes the TypeScript types of the config into src/config/generated, and the reference pages into docs, from the
// schemas beside this file.
// `node spec/generate.mjs --check` writes nothing and exits 1, naming the files that differ.
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { compile } from "json-schema-to-typescript";
import { configPage, errorsPage } from "./pages.mjs";

const here = new URL("./", import.meta.url);
const out = new URL("../src/config/generated/", here);
const check = process.argv.includes("--check");

const HEADER = (source) =>
  `// Made from spec/${source} by spec/generate.mjs: edit that file, not this one.\n` +
  "// Describes the config after its defaults have been filled in.\n";

/** The pages of docs/ that are made of the schemas and of the code. */
async function pages() {
  const json = async (name) => JSON.parse(await readFile(new URL(name, here), "utf8"));
  const names = (await readdir(new URL("connectors/", here))).filter((name) => name.endsWith(".schema.json"));
  const connectors = await Promise.all(names.sort().map((name) => json(`connectors/${name}`)));
  const service = await readFile(new URL("../connectors/dataverse/sender/problems.ts", here), "utf8");
  return {
    "config.md": configPage(await json("project.schema.json"), await json("model.schema.json"), connectors),
    "errors.md": errorsPage(await json("errors.json"), service, await json("exits.json")),
  };
}

/**
 * The schema as json-schema-to-typescript should see it. A property with a default is always there once defaults
 * are filled in, so it is required in the type. A `oneOf` that only says which keys exclude each other has no type
 * of its own.
 */
function forTypes(node, root = node) {
  if (Array.isArray(node)) return node.map((item) => forTypes(item, root));
  if (node === null || typeof node !== "object") return node;
  // What stands beside a reference would make a second type of it.
  if (root.$defs?.[node.$ref?.split("/").at(-1)]?.title) return { $ref: node.$ref };
  const {
    oneOf,
    if: _if,
    then: _then,
    else: _else,
    allOf: _allOf,
    dependentRequired: _dependent,
    ...rest
  } = node;
  const seen = Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, forTypes(value, root)]));
  if (oneOf?.some((branch) => Object.keys(branch).some((key) => key !== "required")))
    seen.oneOf = forTypes(oneOf, root);
  if (node.type === "object" && node.properties) {
    const filled = Object.keys(node.properties).filter((key) => node.properties[key].default !== undefined);
    seen.required = [...new Set([...(node.required ?? []), ...filled])];
  }
  return seen;
}

const schemas = [
  "project.schema.json",
  "model.schema.json",
  ...(await readdir(new URL("connectors/", here)))
    .filter((f) => f.endsWith(".schema.json"))
    .map((f) => `connectors/${f}`),
];
const stale = [];
await mkdir(out, { recursive: true });
for (const source of schemas.sort()) {
  const schema = JSON.parse(await readFile(new URL(source, here), "utf8"));
  const name = basename(source, ".schema.json");
  const types = await compile(forTypes(schema), name, {
    additionalProperties: false,
    ignoreMinAndMaxItems: true,
    bannerComment: HEADER(source),
    cwd: new URL("./", here).pathname,
  });
  const file = new URL(`${name}.ts`, out);
  const before = await readFile(file, "utf8").catch(() => "");
  if (before === types) continue;
  stale.push(`src/config/generated/${name}.ts`);
  if (!check) await writeFile(file, types);
}
for (const [name, text] of Object.entries(await pages())) {
  const file = new URL(`../docs/${name}`, here);
  const before = await readFile(file, "utf8").catch(() => "");
  if (before === text) continue;
  stale.push(`docs/${name}`);
  if (!check) await writeFile(file, text);
}
if (check && stale.length > 0) {
  process.stderr.write(`Not what the schemas say: ${stale.join(", ")}. Run "node spec/generate.mjs".\n`);
  process.exitCode = 1;
}
