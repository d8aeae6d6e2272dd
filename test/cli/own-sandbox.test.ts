import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { backhaul, orderProject, writeFiles } from "../support/cli.ts";
import { inDuckdb, temporaryFolder } from "../support/project.ts";

async function prepare(folder: string): Promise<void> {
  writeFiles(folder, {
    ...orderProject(),
    "backhaul.yml": `project: orders
warehouses:
  local: { type: duckdb, path: warehouse.duckdb }
destinations:
  dynamics: { type: dataverse, url: sandbox }
`,
  });
  await inDuckdb(
    `${folder}/warehouse.duckdb`,
    "CREATE TABLE orders AS SELECT i AS id, 'S-' || i AS number, 'n' || i AS name, 1 AS amount FROM range(20) t(i)",
  );
}

test("an address that a killed sandbox left behind is no address, whoever has its process id and port", async () => {
  using folder = temporaryFolder();
  await prepare(folder.path);
  const other = createServer((_, reply) => reply.end('{"organizationId":"another"}'));
  await new Promise<void>((done) => other.listen(0, "127.0.0.1", done));
  const { port } = other.address() as AddressInfo;
  const data = `${folder.path}/.backhaul/sandbox`;
  mkdirSync(data, { recursive: true });
  const left = { pid: process.pid, organization: "gone", tenant: "t", client_id: "c", client_secret: "s" };
  for (const url of [`http://127.0.0.1:${port}`, "http://127.0.0.1:1"]) {
    writeFileSync(`${data}/data.jsonl.address`, JSON.stringify({ ...left, url }));
    const { code, stdout, stderr } = await backhaul(["check", "--project", folder.path]);
    expect(code, stdout + stderr).toBe(0);
  }
  other.close();
});

test("of commands that start at once, all have the one sandbox until the last of them ends", async () => {
  using folder = temporaryFolder();
  await prepare(folder.path);
  const checks = await Promise.all([1, 2, 3].map(() => backhaul(["check", "--project", folder.path])));
  for (const { code, stdout, stderr } of checks) expect(code, stdout + stderr).toBe(0);
  // The one that stayed for the others is gone a moment later.
  const left = () =>
    readdirSync(`${folder.path}/.backhaul/sandbox`).filter((name) => /address|borrowed/.test(name));
  await expect.poll(left).toEqual([]);
});
