/** What a person reads who mistypes, has a narrow terminal, or answers the questions of `init` wrongly. */
import { spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { line } from "../../src/cli/progress.ts";
import { BIN, backhaul } from "../support/cli.ts";
import { here } from "../support/command.ts";
import { temporaryFolder } from "../support/project.ts";

const WRONG: readonly (readonly [args: readonly string[], says: string])[] = [
  [["foo"], 'There is no command "foo".'],
  [["plan", "--limit", "x"], "--limit: expected an integer but received: x."],
  [["explain", "orders"], "Missing 1 required arg: key."],
  [["rejects", "--csv"], "--json=true cannot also be provided when using --csv."],
  [["apply", "no.plan"], "no.plan: no such file or directory."],
  [["runs", "--sync", "nosuch"], 'There is no sync "nosuch" in this project.'],
  [["plan", "--only-keys", "C-001", "--out", "no/x.plan"], "no/x.plan: no such file or directory."],
];

test("a mistyped command is told in one sentence with a remedy", async () => {
  using folder = temporaryFolder();
  await backhaul(["init", "--project", folder.path, "--yes"]);
  for (const [args, says] of WRONG) {
    const [command = "", ...rest] = args;
    const project = command === "foo" ? [] : ["--project", folder.path];
    // A plan starts the project's own sandbox, which is a process of the package's.
    const say = ["foo", "plan"].includes(command) ? backhaul : here;
    const { code, json } = await say([command, ...rest, ...project, "--json"]);
    const [{ message, remedy }] = json.error.problems;
    expect([code, message]).toEqual([2, says]);
    expect(remedy).toMatch(/\w.*\.$/);
  }
  const csv = await backhaul(["rejects", "--csv", "--sync", "nosuch", "--project", folder.path]);
  expect([csv.code, csv.stdout]).toEqual([2, ""]);
  const help = await backhaul(["help", "run"]);
  expect([help.code, help.stdout]).toEqual([0, (await backhaul(["run", "--help"])).stdout]);
});

test("a key that nothing has shows no values", async () => {
  using folder = temporaryFolder();
  await here(["init", "--project", folder.path, "--yes"]);
  const { code, stdout } = await backhaul(["explain", "customers", "C-999", "--project", folder.path]);
  expect(code).toBe(0);
  expect(stdout).toContain("The model has no such row, and none was written");
  expect(stdout).not.toContain("first_name");
});

test("a narrow progress line gives up its bar before its counts", () => {
  const progress = { sync: "s", phase: "write", done: 15_000, total: 30_000, rejected: 12 } as const;
  const words = "15,000/30,000  1,000/s  15 s left  12 rejected";
  expect(line(progress, 1_000)).toBe(`writing  ${"█".repeat(12)}${"░".repeat(12)} ${words}`);
  expect(line(progress, 1_000, 68)).toBe(`writing  ${"█".repeat(6)}${"░".repeat(6)} ${words}`);
  expect(line(progress, 1_000, 58)).toBe(`writing  ${words}`);
});

const hasTerminal = spawnSync("script", ["-qec", "true", "/dev/null"]).status === 0;

test.skipIf(!hasTerminal)(
  "init asks again on a terminal after a wrong answer",
  async () => {
    using folder = temporaryFolder();
    const command = `${process.execPath} ${BIN} init --project ${folder.path}`;
    const child = spawn("script", ["-qec", command, "/dev/null"], { stdio: ["pipe", "pipe", "ignore"] });
    let seen = "";
    child.stdout.on("data", (text: Buffer) => {
      seen += text.toString("utf8");
    });
    const ended = new Promise<number | null>((done) => child.once("close", done));
    const answer = async (question: RegExp, text: string) => {
      while (!question.test(seen)) await sleep(50);
      seen = "";
      child.stdin.write(`${text}\r`);
    };
    await answer(/Name of the project \[/, "7 days");
    await answer(/cannot be the name[\s\S]*Name of the project \[/, "acme");
    await answer(/Your warehouse/, "oracle");
    await answer(/There is no warehouse "oracle"[\s\S]*Your warehouse/, "postgres");
    await answer(/Address of your organisation/, "acme");
    await answer(/no address[\s\S]*Address of your organisation/, "");
    expect(await ended).toBe(0);
    const written = readFileSync(`${folder.path}/backhaul.yml`, "utf8");
    expect(written).toMatch(/^project: acme\b/m);
    expect(written).toMatch(/^ {2}pg: \{ type: postgres/m);
  },
  60_000,
);
