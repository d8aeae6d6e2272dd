/** Every stable code of the code is documented, and every documented one is the code's. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import errors from "../spec/errors.json" with { type: "json" };

const root = new URL("../", import.meta.url).pathname;

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !name.startsWith("sandbox/") && !name.includes("generated/"))
    .map((name) => join(folder, name));
}

/** The codes that a text can give rise to: whole ones, and those that are put together of a family and a word. */
function codesIn(file: string, text: string): string[] {
  const found: string[] = [];
  const all = (pattern: RegExp, prefix = ""): void => {
    for (const match of text.matchAll(pattern)) found.push(`${prefix}${match[1]}`);
  };
  all(/\bcode: "([a-z]+\.\w+)"/g);
  all(/\bcode: [^,\n]*\? "([a-z]+\.\w+)"/g);
  all(
    /\b(?:fail\.(?:config|connection|deferred|bug)|problem|everyoneProblem|missing|refused|trouble)\(\s*"([a-z]+\.\w+)"/g,
  );
  all(
    /"((?:key|match|record|lookup|state|model|mapping|dataverse|auth|audience|member|schedule)\.[a-z]\w*)"(?!:)/g,
  );
  all(/valueProblem\(\s*"(\w+)"/g, "value.");
  if (file.endsWith("types/limits.ts")) all(/\blimit\(\s*"(\w+)"/g, "value.");
  if (/audience\/(lists|segments)\.ts$/.test(file)) all(/\brefusal\(\s*"(\w+)"/g, "audience.");
  if (file.endsWith("certificate.ts")) all(/\bwrong\(\s*"(\w+)"/g, "auth.");
  if (file.startsWith("src/config/")) {
    all(/\bcode: "([a-z_]+)"/g, "config.");
    all(/\bfinding\([^;]*?,\s*"(duplicate_name|[a-z]+_[a-z_]+|conflict)"/g, "config.");
  }
  if (file.endsWith("src/cli/errors.ts")) all(/^ {2}(E[A-Z]+): "/gm, "system.");
  return found;
}

/** Looks like a code, and is none: names of tables, spans and files. */
const OTHERS = new Set(["state.duckdb", "model.yml", "dataverse.ts"]);

const inCode = new Set(
  ["src", "connectors"]
    .flatMap(sources)
    .flatMap((file) => codesIn(file, readFileSync(join(root, file), "utf8")))
    .filter((code) => !OTHERS.has(code) && !/\.0x/.test(code)),
);
/** Put together from names that no pattern finds. */
const COMPOSED = [
  "guard.removed",
  "guard.changed",
  "cli.unknown_warehouse",
  "cli.unknown_destination",
  ...["unknown_host", "refused", "tls", "proxy", "connect_timeout", "timeout", "reset", "too_large"].map(
    (reason) => `dataverse.${reason}`,
  ),
];

describe("errors", () => {
  test("a code that the code has is in spec/errors.json", () => {
    expect([...inCode].filter((code) => !(code in errors)).sort()).toEqual([]);
  });

  test("a documented code is one that the code has", () => {
    const known = new Set([...inCode, ...COMPOSED]);
    expect(Object.keys(errors).filter((code) => !known.has(code))).toEqual([]);
  });

  test("a code that is planted is found missing", () => {
    const planted =
      'throw fail.config("planted.code", "It is.", "Take it out.");\nconst p = { code: "planted.too" };';
    expect(codesIn("src/x.ts", planted)).toEqual(expect.arrayContaining(["planted.code", "planted.too"]));
  });

  test("each says what it means and what to do, in sentences", () => {
    for (const [code, { means, remedy }] of Object.entries(errors))
      for (const text of [means, remedy]) expect(text, code).toMatch(/^[A-Z`].*\.$/);
  });
});
