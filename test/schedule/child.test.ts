/** A run as a process: what its end is taken for. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { openLog } from "../../src/log/log.ts";
import { runAsChild } from "../../src/schedule/child.ts";
import { writeFiles } from "../support/cli.ts";
import { temporaryFolder } from "../support/project.ts";

test.each([
  ["throws", "throw new Error('Ada')", 70],
  ["cannot be loaded", "import 'nothing-of-this-name'", 70],
  ["says nothing", "process.exit(0)", 70],
  ["is killed", "process.kill(process.pid, 'SIGKILL')", 137],
])("a process that %s is no run that ended well", async (_, text, exit) => {
  using folder = temporaryFolder();
  writeFiles(folder.path, { "bin.mjs": text });
  const lines: string[] = [];
  const ended = await runAsChild("orders", {
    bin: join(folder.path, "bin.mjs"),
    folder: folder.path,
    env: process.env,
    log: openLog({ level: "info", format: "json", redact: (t) => t, write: (line) => void lines.push(line) }),
    signal: new AbortController().signal,
  });
  expect(ended).toMatchObject({ exit, problems: [{ code: "schedule.died" }] });
  expect(ended.run).toBeUndefined();
});

test("a run with rejected rows is one that ended well", async () => {
  using folder = temporaryFolder();
  const run = { run: "R", sync: "orders", rows: 1, rejections: { total: 1 } };
  writeFiles(folder.path, {
    "bin.mjs": `console.log(${JSON.stringify(JSON.stringify({ runs: [run], notRun: [] }))}); process.exitCode = 1;`,
  });
  const ended = await runAsChild("orders", {
    bin: join(folder.path, "bin.mjs"),
    folder: folder.path,
    env: process.env,
    log: openLog({ level: "silent", format: "json", redact: (t) => t, write: () => {} }),
    signal: new AbortController().signal,
  });
  expect(ended).toEqual({ exit: 1, run, problems: [] });
});
