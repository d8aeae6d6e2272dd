/** A new user's path with the package as npm makes it: from an empty folder to a row that was mended. */
import { execFile } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { temporaryFolder } from "../support/project.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const exec = promisify(execFile);

/**
 * Packs the package and lets npm install it into the folder, with what it depends on in the versions of the
 * repository's lock: so nothing is resolved anew, and `npm ci` takes from its cache what the repository's own has put
 * there. No development package is among them.
 */
async function install(folder: string): Promise<string> {
  const packed = await exec("npm", ["pack", "--ignore-scripts", "--silent", "--pack-destination", folder], {
    cwd: root,
  });
  const tarball = `file:${packed.stdout.trim().split("\n").at(-1)!}`;
  const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
  const { "": own, ...others } = packages as Record<string, { dev?: boolean; devOptional?: boolean }>;
  const needed = Object.entries(others).filter(([, { dev, devOptional }]) => !dev && !devOptional);
  const project = { name: "crm", dependencies: { backhaul: tarball } };
  const { devDependencies: _, name: __, ...backhaul } = own as Record<string, unknown>;
  const lock = {
    name: "crm",
    lockfileVersion: 3,
    packages: {
      "": project,
      "node_modules/backhaul": { ...backhaul, resolved: tarball },
      ...Object.fromEntries(needed),
    },
  };
  writeFileSync(join(folder, "package.json"), JSON.stringify(project));
  writeFileSync(join(folder, "package-lock.json"), JSON.stringify(lock));
  await exec("npm", ["ci", "--prefer-offline", "--no-audit", "--no-fund"], { cwd: folder });
  return join(folder, "node_modules/.bin/backhaul");
}

test("init, check, plan, run, change, plan, run, rejects, fix, retry: from an empty folder, with the packed package", async () => {
  using place = temporaryFolder();
  const bin = await install(place.path);
  const folder = join(place.path, "crm");
  mkdirSync(folder);
  let more: NodeJS.ProcessEnv = {};
  const backhaul = async (...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> =>
    exec(bin, args, {
      cwd: folder,
      env: { ...process.env, NO_COLOR: "1", COLUMNS: "100", ...more },
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
  const { devDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const sdkVersion = devDependencies["@opentelemetry/sdk-node"];
  // Telemetry is asked for, and its package is not installed: that is said, and nothing else is different.
  more = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1", BACKHAUL_LOG_FORMAT: "json" };
  const traced = await backhaul("runs", "--json");
  expect([traced.code, JSON.parse(traced.stdout).runs.length]).toEqual([0, 3]);
  const said = traced.stderr.split("\n").filter((line) => line.startsWith("{"));
  expect(said.map((line) => JSON.parse(line))).toMatchObject([
    {
      level: "warn",
      msg: "OpenTelemetry's variables are set, and its SDK is not installed",
      install: `npm install @opentelemetry/sdk-node@${sdkVersion}`,
    },
  ]);
  expect(readdirSync(folder).sort()).toEqual([
    ".backhaul",
    ".gitignore",
    "backhaul.yml",
    "data",
    "models",
    "warehouse.duckdb",
  ]);
}, 600_000);
