/** What the pages and the help say is so: links lead somewhere, commands and flags are there, examples run. */
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DESTINATION, type RunningSandbox, sandboxEnv, sandboxProcess, writeFiles } from "./support/cli.ts";
import { inProcess } from "./support/command.ts";
import { inDuckdb, temporaryFolder } from "./support/project.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, "oclif.manifest.json"), "utf8"));
const pages = [
  "README.md",
  ...readdirSync(join(root, "docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
];

describe.each(pages)("%s", (page) => {
  const text = readFileSync(join(root, page), "utf8");

  test("links lead somewhere", () => {
    const targets = [...text.matchAll(/\]\((?!https?:)([^)#\s]+)[^)]*\)/g)].map(([, target]) => target!);
    const missing = targets.filter((target) => !existsSync(resolve(root, dirname(page), target)));
    expect(missing).toEqual([]);
  });

  test("commands and flags are there", () => {
    for (const [line, name, rest] of text.matchAll(/(?<=^|`|npx )backhaul ([a-z]+)([^`\n]*)/gm)) {
      if (name === "autocomplete") continue;
      const command = manifest.commands[name!];
      expect(command, line).toBeDefined();
      const known = ["help", "project", ...Object.keys(command.flags)];
      for (const [, flag] of rest!.matchAll(/(?<=[\s[])--([a-z-]+)/g)) expect(known, line).toContain(flag);
    }
  });
});

describe("the examples of the help", () => {
  let sandbox: RunningSandbox;
  const folder = temporaryFolder();
  const before = process.cwd();
  const sync = (name: string, object: string, match: string, fields: string): string =>
    `  - sync: ${name}\n    destination: dynamics\n    object: ${object}\n    mode: upsert\n    match: ${match}\n    fields: ${fields}\n`;

  beforeAll(async () => {
    sandbox = await sandboxProcess();
    writeFiles(folder.path, {
      "backhaul.yml": `project: help\nwarehouses:\n  local: { type: duckdb, path: w.duckdb }\ndestinations:${DESTINATION}`,
      "models/accounts.yml": `model: accounts\nprimary_key: number\ntable: accounts\nsyncs:\n${sync("accounts", "account", "{ accountnumber: number }", "{ name: name }")}`,
      "models/customers.yml": "model: customers\nprimary_key: id\ntable: people\n",
      "models/contacts.yml": `model: contacts\nprimary_key: id\ntable: people\nsyncs:\n${sync("contacts", "contact", "{ new_customerid: id }", "{ lastname: name, emailaddress1: email, jobtitle: title }")}`,
      "models/lines.yml": `model: lines\nprimary_key: [so, pos]\ntable: lines\nsyncs:\n${sync("lines", "new_order", "{ new_externalid: number }", "{ new_name: so }")}`,
    });
    await inDuckdb(
      join(folder.path, "w.duckdb"),
      "CREATE TABLE accounts AS SELECT 'A-' || i AS number, 'Account ' || i AS name FROM range(3) t(i)",
      "CREATE TABLE people AS SELECT 'C-' || lpad(i::VARCHAR, 6, '0') AS id, 'Name ' || i AS name, 'p' || i || '@example.com' AS email, 'T' AS title FROM range(40, 45) t(i)",
      "CREATE TABLE lines AS SELECT 'SO-1' AS so, i::VARCHAR AS pos, 'SO-1/' || i AS number FROM range(4) t(i)",
    );
    mkdirSync(join(folder.path, "new"));
    process.chdir(folder.path);
  });
  afterAll(async () => {
    process.chdir(before);
    folder[Symbol.dispose]();
    await sandbox[Symbol.asyncDispose]();
  });

  /** Words as a shell has them; what goes into a file is printed. */
  const words = (example: string): string[] =>
    [...example.replace(/ > \S+$/, "").matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(
      ([, a, b, c]) => a ?? b ?? c ?? "",
    );
  /** These go on until they are told to stop; they have tests of their own. */
  const endless = ["sandbox", "schedule"];
  const order = ["init", "plan", "apply", "run", "retry", "explain"];
  const rank = (name: string): number => (order.indexOf(name) + order.length + 1) % (order.length + 1);
  const names = Object.keys(manifest.commands)
    .filter((name) => !endless.includes(name))
    .sort((a, b) => rank(a) - rank(b));

  test.each(names)("%s", async (name) => {
    const { args, examples } = manifest.commands[name];
    for (const example of examples as string[]) {
      const [bin, command, ...given] = words(
        example.replace("<%= config.bin %>", "backhaul").replace("<%= command.id %>", name),
      );
      expect([bin, command]).toEqual(["backhaul", name]);
      const more =
        name === "init" && !given.includes("--project")
          ? ["--project", `new/${examples.indexOf(example)}`]
          : [];
      const ended = await inProcess(
        () => import(`../src/commands/${name}.ts`),
        [...given, ...more],
        sandboxEnv(sandbox),
      );
      // A reset that nobody confirms forgets nothing.
      const isRefused = name === "reset" && !given.includes("--yes");
      expect(ended.code, `${example}\n${ended.stdout}`).toBe(isRefused ? 2 : 0);
    }
    expect(args).toBeDefined();
  });
});
