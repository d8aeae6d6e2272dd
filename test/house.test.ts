import { spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));

interface Violation {
  readonly what: string;
  /** The folder of the planted file. */
  readonly folder: string;
  readonly source: string;
  readonly rule: string;
}

const importing = (what: string, folder: string, source: string): Violation => ({
  what,
  folder,
  source,
  rule: "lint/style/noRestrictedImports",
});

const violations: readonly Violation[] = [
  importing(
    "core imports the engine",
    "src/core",
    'import type { SyncRun } from "../sync/report.ts";\nexport type A = SyncRun;\n',
  ),
  importing(
    "core touches files",
    "src/core",
    'import { readFileSync } from "node:fs";\nexport const a = readFileSync;\n',
  ),
  importing("the state imports the engine", "src/state", 'export { runSync } from "../sync/run.ts";\n'),
  importing(
    "the engine imports a connector",
    "src/sync",
    'export const a = () => import("../../connectors/duckdb/index.ts");\n',
  ),
  importing("config imports the state", "src/config", 'export * from "../state/journal.ts";\n'),
  importing(
    "HTTP layers import a contract",
    "src/http",
    'import type { Warehouse } from "../ports.ts";\nexport type A = Warehouse;\n',
  ),
  importing(
    "a connector imports the engine",
    "connectors/duckdb",
    'export { quote } from "../../src/state/dialect.ts";\n',
  ),
  importing(
    "a connector imports another",
    "connectors/duckdb",
    'export { columnOf } from "../postgres/types.ts";\n',
  ),
  importing(
    "the sandbox imports core",
    "src/sandbox",
    'import type { Problem } from "../core/errors.ts";\nexport type A = Problem;\n',
  ),
  importing(
    "the CLI imports the sandbox",
    "src/cli",
    'export { startSandbox } from "../sandbox/index.ts";\n',
  ),
  importing("the schedule imports the engine", "src/schedule", 'export { runSync } from "../sync/run.ts";\n'),
  importing("alerts import the config", "src/alerts", 'export * from "../config/load.ts";\n'),
  importing("the log imports the CLI", "src/log", 'export * from "../cli/render.ts";\n'),
  importing("oclif in the engine", "src/sync", 'export { Command } from "@oclif/core/command";\n'),
  {
    what: "a cycle",
    folder: "src/core",
    source: 'import { b } from "./planted-other.ts";\nexport const a = (): unknown => b;\n',
    rule: "lint/suspicious/noImportCycles",
  },
];

const planted = violations.map(({ folder, source }, n) => ({ path: `${folder}/planted-${n}.ts`, source }));
const cycle = planted.at(-1)!.path.split("/").at(-1);
const other = {
  path: "src/core/planted-other.ts",
  source: `import { a } from "./${cycle}";\nexport const b = (): unknown => a;\n`,
};
const innocent = {
  path: "src/sync/planted-innocent.ts",
  source: 'export type { Problem } from "../core/errors.ts";\n',
};

/** The rules that the linter finds broken, by file; it is started once, as it reads the whole project every time. */
let broken: ReadonlyMap<string, readonly string[]>;
beforeAll(() => {
  const files = [...planted, other, innocent];
  try {
    for (const { path, source } of files) writeFileSync(`${root}${path}`, source);
    broken = lint(files.map(({ path }) => path));
  } finally {
    for (const { path } of files) rmSync(`${root}${path}`, { force: true });
  }
});

function lint(paths: readonly string[]): Map<string, string[]> {
  const biome = fileURLToPath(new URL("../node_modules/@biomejs/biome/bin/biome", import.meta.url));
  const options = ["--vcs-enabled=false", "--max-diagnostics=none", "--reporter=json"];
  const { stdout, stderr } = spawnSync(process.execPath, [biome, "lint", ...options, ...paths], {
    cwd: root,
    encoding: "utf8",
  });
  const found = new Map<string, string[]>(paths.map((path) => [path, []]));
  if (stdout === "") throw new Error(stderr);
  const { diagnostics } = JSON.parse(stdout) as {
    readonly diagnostics: readonly {
      readonly category: string;
      readonly location: { readonly path: string };
    }[];
  };
  for (const { category, location } of diagnostics) found.get(location.path)?.push(category);
  return found;
}

describe("the linter sees a violation of the import order", () => {
  test.each(violations.map(({ what, rule }, n) => [what, rule, planted[n]!.path]))("%s", (_, rule, path) => {
    expect(broken.get(path)).toContain(rule);
  });

  test("and nothing where nothing is wrong", () => {
    expect(broken.get(innocent.path)).toEqual([]);
  });
});
