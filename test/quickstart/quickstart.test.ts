import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DuckDBInstance } from "@duckdb/node-api";
import { expect, onTestFinished, test } from "vitest";
import { EXPECTED_REJECTIONS, fillWarehouse } from "../../models/company.ts";
import { sandboxProcess } from "../support/cli.ts";
import { temporaryFolder } from "../support/project.ts";
import { readAll, signIn } from "./crm.ts";
import { copyProject, modelSql } from "./models.ts";
import { type Expected, expectedAccount, expectedContact, type ModelRow } from "./oracle.ts";

const QUICKSTART = fileURLToPath(new URL("../../dist/models/quickstart.js", import.meta.url));

function project(): string {
  const folder = temporaryFolder();
  onTestFinished(() => folder[Symbol.dispose]());
  copyProject(folder.path);
  return folder.path;
}

interface Played {
  readonly code: number | null;
  readonly output: string;
}

function play(folder: string, onOutput?: (output: string, child: ChildProcess) => void): Promise<Played> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [QUICKSTART, "--project", folder], {
      env: { ...process.env, NO_COLOR: "1" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (part: string) => {
        output += part;
        onOutput?.(output, child);
      });
    }
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, output }));
  });
}

async function rowsOf(file: string, query: string): Promise<ModelRow[]> {
  const instance = await DuckDBInstance.create(file);
  const connection = await instance.connect();
  try {
    return (await connection.runAndReadAll(query)).getRowObjectsJson() as ModelRow[];
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** Rejected rows are in no CRM. */
function landing(sync: string, rows: readonly ModelRow[], key: string): ModelRow[] {
  const rejected = new Set(EXPECTED_REJECTIONS.filter((row) => row.sync === sync).map((row) => row.key));
  return rows.filter((row) => !rejected.has(row[key] as string | null));
}

const byKey = (rows: readonly Expected[], key: string): Map<string, Expected> =>
  new Map(rows.map((row) => [row[key]!, row]));

/** The show takes half a minute on an idle machine; tests seldom have one. */
const PATIENCE = 300_000;

test("the show plays to its end, and the CRM then holds what the models say, field by field", {
  timeout: PATIENCE,
}, async () => {
  const folder = project();
  const { code, output } = await play(folder);
  expect(output).toContain("A third plan is empty");
  expect(code).toBe(0);
  expect(existsSync(join(folder, ".backhaul", "sandbox", "data.jsonl.address"))).toBe(false);

  const warehouse = join(folder, "warehouse.duckdb");
  await using sandbox = await sandboxProcess("--data", join(folder, ".backhaul", "sandbox", "data.jsonl"));
  const token = await signIn(sandbox);

  const accounts = landing("accounts", await rowsOf(warehouse, modelSql("accounts")), "account_number");
  const wantedAccounts = accounts.map(expectedAccount);
  const properties = Object.keys(wantedAccounts[0]!);
  const storedAccounts = await readAll(sandbox, token, "accounts", ["accountid", ...properties]);
  const parents = new Map(
    storedAccounts.map(({ accountid, accountnumber }) => [
      (JSON.parse(accountnumber!) as string).toLowerCase(),
      JSON.parse(accountid!) as string,
    ]),
  );
  const withoutId = storedAccounts.map(({ accountid: _, ...rest }) => rest);
  compare(withoutId, wantedAccounts, "accountnumber");

  // A mobile number that has become null stays in the CRM: what was there before has to be known.
  const original = join(folder, "original.duckdb");
  await fillWarehouse(original);
  const before = await rowsOf(original, "SELECT person_id, mobile FROM people");
  const mobiles = new Map(before.map(({ person_id, mobile }) => [person_id, mobile]));
  // The field keeps four places; DuckDB rounds a decimal half away from zero, and exactly.
  const query = `SELECT * REPLACE (round(score, 4) AS score) FROM (${modelSql("contacts")})`;
  const people = landing("contacts", await rowsOf(warehouse, query), "person_id");
  const wantedContacts = people.map((row) =>
    expectedContact(row, row.mobile ?? mobiles.get(row.person_id ?? null) ?? null, parents),
  );
  const storedContacts = await readAll(sandbox, token, "contacts", Object.keys(wantedContacts[0]!));
  compare(storedContacts, wantedContacts, "new_customerid");
});

/** Field by field; the first differences tell more than two thousand-row diffs. */
function compare(stored: readonly Expected[], wanted: readonly Expected[], key: string): void {
  expect(wanted.length).toBeGreaterThan(2_000);
  const [got, due] = [byKey(stored, key), byKey(wanted, key)];
  expect(stored.length).toBe(got.size);
  expect(new Set(got.keys())).toEqual(new Set(due.keys()));
  const differences: string[] = [];
  for (const [name, row] of due) {
    for (const [field, value] of Object.entries(row)) {
      const there = got.get(name)?.[field];
      if (there !== value) differences.push(`${name} ${field}: ${there} instead of ${value}`);
    }
  }
  expect(differences.slice(0, 20)).toEqual([]);
}

test("Ctrl-C in the middle of a run stops everything that was started", async () => {
  const folder = project();
  const address = join(folder, ".backhaul", "sandbox", "data.jsonl.address");
  let sandbox: number | undefined;
  const { code, output } = await play(folder, (soFar, child) => {
    if (sandbox !== undefined || !soFar.includes("accounts: writing")) return;
    sandbox = (JSON.parse(readFileSync(address, "utf8")) as { pid: number }).pid;
    child.kill("SIGINT");
  });
  expect(sandbox).toBeDefined();
  expect(output).not.toContain("What came of it");
  expect(code).toBe(130);
  expect(() => process.kill(sandbox!, 0)).toThrow("ESRCH");
  expect(existsSync(address)).toBe(false);
});

test("a sandbox that somebody runs on the project's data is left alone", async () => {
  const folder = project();
  const data = join(folder, ".backhaul", "sandbox", "data.jsonl");
  mkdirSync(join(folder, ".backhaul", "sandbox"), { recursive: true });
  writeFileSync(join(folder, "warehouse.duckdb"), "somebody's");
  await using sandbox = await sandboxProcess("--data", data);
  const { code, output } = await play(folder);
  expect(code).toBe(1);
  expect(output).toContain(`A sandbox of this project is running at ${sandbox.url}`);
  expect(existsSync(data)).toBe(true);
  expect(readFileSync(join(folder, "warehouse.duckdb"), "utf8")).toBe("somebody's");
});

test("a folder without a project is told in a sentence", async () => {
  const folder = temporaryFolder();
  onTestFinished(() => folder[Symbol.dispose]());
  const { code, output } = await play(folder.path);
  expect(code).toBe(1);
  expect(output.trim()).toBe(`There is no backhaul.yml in ${folder.path}.`);
});
