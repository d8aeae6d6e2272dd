/** A new user's path with the package as npm makes it: from an empty folder to a row that was mended. */
import { execFile } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { temporaryFolder } from "../support/project.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const exec = promisify(execFile);

/**
 * Installs the packed tarball, and nothing but it, into the folder: npm unpacks it, and the packages that it depends on
 * are those of the repository, each under the name that package.json says.
 */
async function install(folder: string): Promise<string> {
  const packed = await exec("npm", ["pack", "--ignore-scripts", "--silent", "--pack-destination", folder], {
    cwd: root,
  });
  const modules = join(folder, "node_modules");
  mkdirSync(modules, { recursive: true });
  await exec("tar", ["-xzf", join(folder, packed.stdout.trim().split("\n").at(-1)!), "-C", modules]);
  renameSync(join(modules, "package"), join(modules, "backhaul"));
  const { dependencies, bin } = JSON.parse(readFileSync(join(modules, "backhaul/package.json"), "utf8"));
  for (const name of Object.keys(dependencies)) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(root, "node_modules", name), join(modules, name));
  }
  return join(modules, "backhaul", bin.backhaul);
}

test("init, check, plan, run, change, plan, run, rejects, fix, retry: from an empty folder, with the packed package", async () => {
  using place = temporaryFolder();
  const bin = await install(place.path);
  const folder = join(place.path, "crm");
  mkdirSync(folder);
  const backhaul = async (...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> =>
    exec(process.execPath, [bin, ...args], {
      cwd: folder,
      env: { ...process.env, NO_COLOR: "1", COLUMNS: "100" },
    }).then(
      (ended) => ({ code: 0, ...ended }),
      (error) => ({ code: error.code, stdout: error.stdout, stderr: error.stderr }),
    );
  const done = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await backhaul(...args);
    expect(code, `${args.join(" ")}\n${stdout}${stderr}`).toBe(0);
    return stdout;
  };
  const csv = join(folder, "data/customers.csv");
  const change = (from: string, to: string): void => {
    const text = readFileSync(csv, "utf8");
    expect(text).toContain(from);
    writeFileSync(csv, text.replace(from, to));
  };

  expect(await done("init")).toContain("+ models/customers.yml");
  // The schema that an editor finds is the installed package's.
  expect(readFileSync(join(folder, "backhaul.yml"), "utf8")).toContain(
    "$schema=../node_modules/backhaul/dist/spec/editor/project.schema.json",
  );
  expect(await done("check")).toContain("✓ customers: customers");
  expect(await done("plan")).toContain("+ 10 records to create");
  expect(await done("run")).toContain("10 rows written");
  expect(await done("plan")).toContain("nothing to write");

  const tooLong = "Head of Everything ".repeat(8).trim();
  change("Plant Manager", "Plant Director");
  change("Quality Manager", tooLong);
  const planned = await backhaul("plan");
  expect(planned.code).toBe(1);
  expect(planned.stdout).toMatch(/jobtitle +"Plant Manager" → "Plant Director"/);
  expect(planned.stdout).toContain("value.too_long  1 row");
  const ran = await backhaul("run");
  expect(ran.code).toBe(1);
  expect(ran.stdout).toContain("1 row written");
  // The last lines say what to do next; each command is one.
  expect(ran.stdout.trimEnd().split("\n").slice(-4)).toEqual([
    "See why rows were rejected:",
    "  backhaul rejects --sync customers",
    "Mend them; the next run looks again, or at once:",
    "  backhaul retry customers",
  ]);
  const rejects = await done("rejects", "--sync", "customers");
  expect(rejects).toContain("C-008");
  expect(await done("rejects", "--csv", "--code", "value")).toMatch(
    /^\S+,customers,\S+,contact,C-008,jobtitle,value\.too_long,/m,
  );
  expect(await done("explain", "customers", "C-008", "jobtitle")).toContain("reject it: jobtitle");

  change(tooLong, "Quality Lead");
  expect(await done("retry", "customers")).toContain("1 row written");
  expect(await done("plan")).toContain("nothing to write");
  expect(JSON.parse(await done("runs", "--json")).runs).toHaveLength(3);
  expect(readdirSync(folder).sort()).toEqual([
    ".backhaul",
    ".gitignore",
    "backhaul.yml",
    "data",
    "models",
    "warehouse.duckdb",
  ]);
}, 600_000);
