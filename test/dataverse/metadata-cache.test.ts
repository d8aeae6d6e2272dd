/** Definitions kept between commands: few requests while they are good, and never a stale one. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openDataverse } from "../../connectors/dataverse/destination.ts";
import type { Cache } from "../../src/define.ts";
import type { Destination } from "../../src/ports.ts";
import { temporaryFolder } from "../support/project.ts";
import { type Bench, columnsOf, configOf, openBench, running, syncOf } from "./support/bench.ts";

interface Memory extends Cache {
  readonly texts: Map<string, string>;
}

function memory(): Memory {
  const texts = new Map<string, string>();
  return {
    texts,
    read: async (name) => texts.get(name),
    write: async (name, text) => void texts.set(name, text),
  };
}

/** A command of its own: what it asked and how many requests that took. */
async function command<T>(
  bench: Bench,
  cache: Cache,
  work: (destination: Destination) => Promise<T>,
): Promise<{ result: T; reads: number }> {
  await using destination = await openDataverse(configOf(bench.sandbox), { cache });
  const result = await work(destination);
  return { result, reads: destination.counters.reads };
}

const describeContact = (destination: Destination) => destination.describe("Contact", running());

const input = {
  object: "contact",
  columns: { id: "text", account: "text" },
  match: { new_customerid: "id" },
  fields: {
    parentcustomerid: {
      source: { column: "account" },
      lookup: { object: "account", by: "accountnumber", whenMissing: "reject" },
    },
  },
} as const;

const compileContact = async (destination: Destination) =>
  (await destination.compile(syncOf(input), columnsOf(input), running())).schemaVersion;

/** What a maker does to the definitions. */
async function alter(bench: Bench, method: "POST" | "DELETE", path: string, body?: unknown): Promise<void> {
  const init = body === undefined ? { method } : { method, body: JSON.stringify(body) };
  const made = await fetch(`${bench.sandbox.url}/sandbox/metadata${path}`, init);
  expect(made.ok, await made.text()).toBe(true);
}

const dropColumn = (bench: Bench, table: string, column: string) =>
  alter(bench, "DELETE", `?table=${table}&column=${column}`);

test("the first command reads in two requests, the next one asks whether all is still good", async () => {
  await using bench = await openBench();
  const cache = memory();
  const account = (destination: Destination) => destination.describe("new_tag", running());
  const first = await command(bench, cache, account);
  expect(first.reads).toBe(2);
  const second = await command(bench, cache, account);
  expect(second.reads).toBe(1);
  expect(second.result).toEqual(first.result);
});

test("a column that was taken away is gone, and the object's version is another", async () => {
  await using bench = await openBench();
  const cache = memory();
  const before = await command(bench, cache, compileContact);
  expect((await command(bench, cache, compileContact)).result).toBe(before.result);
  await dropColumn(bench, "contact", "new_score");
  const { result } = await command(bench, cache, describeContact);
  expect(result.fields.map(({ name }) => name)).not.toContain("new_score");
  expect((await command(bench, cache, compileContact)).result).not.toBe(before.result);
});

test("a version changes with what is looked up, and not with another table", async () => {
  await using bench = await openBench();
  const cache = memory();
  const { result: first } = await command(bench, cache, compileContact);
  await dropColumn(bench, "new_note", "new_priority");
  expect((await command(bench, cache, compileContact)).result).toBe(first);
  await dropColumn(bench, "account", "numberofemployees");
  expect((await command(bench, cache, compileContact)).result).not.toBe(first);
});

test("a key whose index is not built is asked for again, for one request", async () => {
  await using bench = await openBench();
  const cache = memory();
  const order = (destination: Destination) => destination.describe("new_order", running());
  const first = await command(bench, cache, order);
  const open = first.result.keys.find(({ status }) => status === "Pending");
  const again = await command(bench, cache, order);
  expect(again.reads).toBe(2);
  expect(again.result).toEqual(first.result);
  await alter(bench, "POST", "", { table: "new_order", key: open?.name, status: "Active" });
  const { result } = await command(bench, cache, order);
  expect(result.keys.find(({ name }) => name === open?.name)?.status).toBe("Active");
});

test("what another organisation has kept, or somebody has damaged, is not taken", async () => {
  const cache = memory();
  const account = (destination: Destination) => destination.describe("account", running());
  await using bench = await openBench();
  const { result } = await command(bench, cache, account);
  expect(cache.texts.size).toBe(2);
  for (const [name, text] of [...cache.texts]) {
    const kept = JSON.parse(text);
    for (const damaged of [
      "",
      "null",
      text.slice(0, 100),
      JSON.stringify({ ...kept, organization: "other", replies: [] }),
      JSON.stringify({ ...kept, asked: "something else", replies: [] }),
    ]) {
      cache.texts.set(name, damaged);
      expect((await command(bench, cache, account)).result).toEqual(result);
    }
  }
});

test("what a disk does not keep costs requests alone", async () => {
  await using bench = await openBench();
  const deaf: Cache = { read: async () => undefined, write: async () => {} };
  const { result } = await command(bench, deaf, describeContact);
  expect(result.name).toBe("contact");
});

test("a sandbox that starts with other tables over the same data has another version", async () => {
  using folder = temporaryFolder();
  const data = join(folder.path, "data.jsonl");
  const cache = memory();
  const definition = await (async () => {
    await using bench = await openBench({ data });
    return (await command(bench, cache, describeContact)).result;
  })();
  const definitions = join(folder.path, "definitions");
  mkdirSync(definitions);
  const text = (value: string) => ({ Value: value });
  const column = { IsValidForCreate: true, IsValidForRead: true, IsValidForUpdate: true, AttributeOf: null };
  writeFileSync(
    join(definitions, "contact.json"),
    JSON.stringify({
      LogicalName: "contact",
      SchemaName: "Contact",
      EntitySetName: "contacts",
      PrimaryIdAttribute: "contactid",
      Attributes: [
        {
          ...column,
          LogicalName: "contactid",
          SchemaName: "ContactId",
          AttributeTypeName: text("UniqueidentifierType"),
        },
        {
          ...column,
          LogicalName: "new_only",
          SchemaName: "new_Only",
          MaxLength: 9,
          AttributeTypeName: text("StringType"),
        },
      ],
    }),
  );
  await using bench = await openBench({ data, metadata: definitions });
  const { result } = await command(bench, cache, describeContact);
  expect(definition.fields.length).toBeGreaterThan(50);
  expect(result.fields.map(({ name }) => name)).toEqual(["contactid", "new_only"]);
});

test("a sandbox that starts again on another port over the same data is known again", async () => {
  using folder = temporaryFolder();
  const data = join(folder.path, "data.jsonl");
  const cache = memory();
  const tag = (destination: Destination) => destination.describe("new_tag", running());
  for (const reads of [2, 1]) {
    await using bench = await openBench({ data });
    expect((await command(bench, cache, tag)).reads).toBe(reads);
  }
  expect(cache.texts.size).toBe(2);
});

test("a definition that a user may not read whole is not kept: a right that is given later counts at once", async () => {
  await using bench = await openBench();
  const cache = memory();
  const admin = (path: string, body: unknown) =>
    fetch(`${bench.sandbox.url}/sandbox/${path}`, { method: "POST", body: JSON.stringify(body) });
  const rights = async (messages: readonly string[]): Promise<void> => {
    const tables = { new_tag: "all", systemuser: ["read"], sdkmessage: messages, sdkmessagefilter: messages };
    await admin("roles", [{ name: "Writer", tables }]);
    const { clientId, clientSecret } = bench.sandbox;
    await admin("users", { clientId, clientSecret, roles: ["Writer"] });
  };
  const tag = (destination: Destination) => destination.describe("new_tag", running());
  await rights([]);
  const first = await command(bench, cache, tag);
  expect(first.result.bulk).toEqual([]);
  await rights(["read"]);
  const second = await command(bench, cache, tag);
  expect(second.result.bulk).toContain("CreateMultiple");
  expect((await command(bench, cache, tag)).reads).toBe(1);
});

test.each([
  ["without replies", { replies: [] }],
  ["with fewer replies", { replies: [{}] }],
  ["with replies that are none", { replies: Array.from({ length: 60 }, () => null) }],
])("a file %s counts as none", async (_, damage) => {
  await using bench = await openBench();
  const cache = memory();
  const tag = (destination: Destination) => destination.describe("new_tag", running());
  const { result } = await command(bench, cache, tag);
  for (const [name, text] of cache.texts)
    cache.texts.set(name, JSON.stringify({ ...JSON.parse(text), ...damage }));
  expect((await command(bench, cache, tag)).result).toEqual(result);
});
