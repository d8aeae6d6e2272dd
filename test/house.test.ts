import { spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const planted: string[] = [];
afterAll(() => {
  for (const file of planted) rmSync(file, { force: true });
});

/** Runs the linter on a file that breaks one rule of the house. */
function lint(file: string, source: string): string {
  const path = `${root}${file}`;
  planted.push(path);
  writeFileSync(path, source);
  const biome = fileURLToPath(new URL("../node_modules/@biomejs/biome/bin/biome", import.meta.url));
  const { stdout, stderr } = spawnSync(process.execPath, [biome, "lint", "--vcs-enabled=false", path], {
    cwd: root,
    encoding: "utf8",
  });
  rmSync(path, { force: true });
  return stdout + stderr;
}

describe("the linter sees a violation of the import order", () => {
  test.each([
    [
      "core imports the engine",
      "src/core/planted.ts",
      'import type { SyncRun } from "../sync/report.ts";\nexport type A = SyncRun;\n',
    ],
    [
      "core touches files",
      "src/core/planted.ts",
      'import { readFileSync } from "node:fs";\nexport const a = readFileSync;\n',
    ],
    ["the state imports the engine", "src/state/planted.ts", 'export { runSync } from "../sync/run.ts";\n'],
    [
      "the engine imports a connector",
      "src/sync/planted.ts",
      'export const a = () => import("../../connectors/duckdb/index.ts");\n',
    ],
    ["config imports the state", "src/config/planted.ts", 'export * from "../state/journal.ts";\n'],
    [
      "HTTP layers import a contract",
      "src/http/planted.ts",
      'import type { Warehouse } from "../ports.ts";\nexport type A = Warehouse;\n',
    ],
    [
      "a connector imports the engine",
      "connectors/duckdb/planted.ts",
      'export { quote } from "../../src/state/dialect.ts";\n',
    ],
    [
      "a connector imports another",
      "connectors/duckdb/planted.ts",
      'export { columnOf } from "../postgres/types.ts";\n',
    ],
    [
      "the sandbox imports core",
      "src/sandbox/planted.ts",
      'import type { Problem } from "../core/errors.ts";\nexport type A = Problem;\n',
    ],
    [
      "the CLI imports the sandbox",
      "src/cli/planted.ts",
      'export { startSandbox } from "../sandbox/index.ts";\n',
    ],
    [
      "the schedule imports the engine",
      "src/schedule/planted.ts",
      'export { runSync } from "../sync/run.ts";\n',
    ],
    ["alerts import the config", "src/alerts/planted.ts", 'export * from "../config/load.ts";\n'],
    ["the log imports the CLI", "src/log/planted.ts", 'export * from "../cli/render.ts";\n'],
    ["oclif in the engine", "src/sync/planted.ts", 'export { Command } from "@oclif/core/command";\n'],
  ])("%s", (_, file, source) => {
    expect(lint(file, source)).toContain("noRestrictedImports");
  });

  test("a cycle", () => {
    const other = `${root}src/core/planted-b.ts`;
    planted.push(other);
    writeFileSync(other, 'import { a } from "./planted.ts";\nexport const b = (): unknown => a;\n');
    const output = lint(
      "src/core/planted.ts",
      'import { b } from "./planted-b.ts";\nexport const a = (): unknown => b;\n',
    );
    rmSync(other, { force: true });
    expect(output).toContain("noImportCycles");
  });

  test("and nothing where nothing is wrong", () => {
    expect(lint("src/sync/planted.ts", 'export type { Problem } from "../core/errors.ts";\n')).not.toContain(
      "noRestrictedImports",
    );
  });
});
