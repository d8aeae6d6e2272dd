/** A project in a folder of its own, for one test. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import dataverse from "../../spec/connectors/dataverse.schema.json" with { type: "json" };
import duckdb from "../../spec/connectors/duckdb.schema.json" with { type: "json" };
import postgres from "../../spec/connectors/postgres.schema.json" with { type: "json" };
import { loadProject, type Project } from "../../src/config/load.ts";
import { type Problem, SyncError, sentence } from "../../src/core/errors.ts";

export const SCHEMAS = { warehouses: { duckdb, postgres }, destinations: { dataverse } };

/** The smallest project that is right; tests change one thing of it. */
export const RIGHT: Readonly<Record<string, string>> = {
  "backhaul.yml": `project: acme
warehouses:
  local: { type: duckdb, path: warehouse.duckdb }
destinations:
  dynamics:
    type: dataverse
    url: sandbox
`,
  "models/customers.yml": `model: customers
primary_key: customer_id
sql: customers.sql
syncs:
  - sync: customers_to_contacts
    destination: dynamics
    object: contact
    mode: upsert
    match: { new_customerid: customer_id }
    fields:
      firstname: first_name
`,
  "models/customers.sql": "SELECT * FROM customers\n",
};

/** A reference: `env:NAME` or `file:path` with what makes it one around it. */
export const ref = (inner: string): string => `$\{${inner}}`;

type Files = Readonly<Record<string, string | Uint8Array | undefined>>;

/** Writes the right project with some files changed, added or (`undefined`) left out. */
export async function folderOf(changes: Files = {}): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "backhaul-config-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  for (const [name, content] of Object.entries({ ...RIGHT, ...changes })) {
    if (content === undefined) continue;
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content);
  }
  return folder;
}

export async function load(changes: Files = {}): Promise<Project> {
  return loadProject(await folderOf(changes), { schemas: SCHEMAS });
}

/** A file of the right project with a piece of its text replaced. */
export function edit(file: string, from: string | RegExp, to: string): Record<string, string> {
  const before = RIGHT[file] ?? "";
  const after = before.replace(from, () => to);
  if (after === before) throw new Error(`${file} has no ${from}`);
  return { [file]: after };
}

/** What loading a project throws. */
export async function problemsOf(changes: Files): Promise<readonly Problem[]> {
  const error = await load(changes).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof SyncError) return error.problems;
  throw error ?? new Error("The project was loaded.");
}

/** The same as sentences, with the code in front. */
export async function sentencesOf(changes: Files): Promise<string[]> {
  return (await problemsOf(changes)).map((problem) => `${problem.code} ${sentence(problem)}`);
}
