/** Replies that are easily taken for something else: nothing counts as written that is not, and nothing is refused that is. */
import { expect, test } from "vitest";
import { isGone } from "../../connectors/dataverse/write/outcomes.ts";
import type { Change, Operation } from "../../src/core/change.ts";
import { DEFAULT_RULES } from "../../src/core/spec.ts";
import {
  added,
  changed,
  columnsOf,
  compile,
  type MappingInput,
  openBench,
  running,
  syncOf,
  tallied,
  write,
} from "./support/bench.ts";

const people: MappingInput = {
  columns: { id: "text", last: "text" },
  match: { new_customerid: "id" },
  fields: { lastname: "last" },
};
const OTHER = "0a4ce4d6-5a54-4c2e-8a2e-6f6b31f22222";
/** What custom logic that misses another record says, and the service of a user on whose behalf nothing can be done. */
const MISSING = {
  status: 404,
  code: "0x80040217",
  message: `SystemUser With Id = ${OTHER} Does Not Exist`,
};
const UNKNOWN = {
  status: 404,
  code: "",
  message: "No HTTP resource was found that matches the request URI 'contacts'.",
};

test("a removal that was refused because another record is missing was not made", async () => {
  await using bench = await openBench();
  const ids = await bench.seed(
    "contact",
    [1, 2, 3].map((n) => ({ new_customerid: `C-${n}`, lastname: "Old" })),
  );
  const sync = { ...syncOf(people), mode: "mirror", onRemoved: "delete", rules: DEFAULT_RULES } as const;
  const compiled = await bench.destination.compile(sync, columnsOf(people), running());
  const removals = ids.map((id, at): Change => {
    return { kind: "removed", seq: at + 1, key: [`${at}`], id, before: [`C-${at + 1}`, "Old"] };
  });
  await bench.faults({ on: { kind: "delete" }, after: 1, do: MISSING });
  const result = await write(compiled, removals);
  expect(tallied(result)).toEqual({ applied: 2, rejected: 1 });
  expect([...(await bench.stored("contact", "new_customerid")).keys()]).toEqual(["C-2"]);
  await bench.faults({ on: { kind: "delete" }, do: UNKNOWN });
  expect((await write(compiled, [removals[1]!])).error?.kind).toBe("connection");
  expect((await bench.stored("contact")).size).toBe(1);
});

test("an update that was refused because another record is missing makes no second record", async () => {
  await using bench = await openBench();
  const [id = ""] = await bench.seed("contact", [{ new_customerid: "Moved", lastname: "Old" }]);
  const sync = { ...syncOf(people), rules: DEFAULT_RULES };
  const compiled = await bench.destination.compile(sync, columnsOf(people), running());
  await bench.faults(
    { on: { kind: "updateMultiple" }, do: MISSING },
    { on: { kind: "update" }, do: MISSING },
  );
  const result = await write(compiled, [changed(["C-1", "Old"], ["C-1", "New"], { id })]);
  expect(tallied(result)).toEqual({ rejected: 1 });
  expect((await bench.stored("contact")).size).toBe(1);
});

test("an upsert that another overtook, its own echo maybe, is written; one whose key is somebody else's is rejected", async () => {
  await using bench = await openBench();
  const compiled = await compile(bench, people);
  await bench.seed("contact", [{ new_customerid: "C-1", lastname: "Echo" }]);
  const taken = {
    status: 412,
    code: "0x80060892",
    message: "A record with matching key values already exists.",
  };
  await bench.faults(
    { on: { kind: "upsertMultiple" }, do: taken },
    { on: { kind: "upsert" }, times: 2, do: taken },
  );
  const result = await write(
    compiled,
    added([
      ["C-1", "New"],
      ["C-2", "Nobody"],
    ]),
  );
  expect(tallied(result)).toEqual({ applied: 1, rejected: 1 });
  expect(result.outcomes.get(2)).toMatchObject({ problem: { code: "dataverse.0x80060892" } });
  const stored = await bench.stored("contact", "new_customerid");
  expect([...stored].map(([key, { lastname }]) => [key, lastname])).toEqual([["C-1", "New"]]);
});

test("a create whose id is the server's and whose answer was lost is known by its key; another's key is told", async () => {
  await using bench = await openBench();
  const columns = { id: "text", last: "text", number: "text" } as const;
  const input: MappingInput = {
    object: "account",
    columns,
    match: { accountnumber: "id" },
    fields: { name: "last" },
  };
  for (const mode of ["upsert", "insert"] as const) {
    const rules = { ...DEFAULT_RULES, ids: "server" } as const;
    const sync = { ...syncOf(input), mode, rules };
    const compiled = await bench.destination.compile(sync, columnsOf(input), running());
    await bench.faults({ on: { kind: "createMultiple" }, do: "resetAfterCommit" });
    const result = await write(compiled, added([1, 2].map((n) => [`${mode} ${n}`, "New", null])));
    expect(tallied(result)).toEqual({ unchanged: 2 });
    const stored = await bench.stored("account", "accountnumber");
    expect(result.outcomes.get(2)).toMatchObject({ id: stored.get(`${mode} 2`)?.id });
    const taken = { status: 412, code: "0x80060892", message: "Another key is taken." };
    await bench.faults(
      { on: { kind: "createMultiple" }, times: 2, do: taken },
      { on: { kind: "create" }, times: 2, do: taken },
    );
    const refused = await write(compiled, added([[`${mode} 3`, "New", null]]));
    expect(refused.outcomes.get(1)).toMatchObject({
      status: "rejected",
      problem: { code: "dataverse.0x80060892" },
    });
  }
  expect((await bench.stored("account")).size).toBe(4);
});

const reply = (code: string, message: string) => ({
  kind: "reply" as const,
  status: 404,
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ error: { code, message } }),
});
const ID = "11111111-5a54-4c2e-8a2e-6f6b31f22222";
const operation = (record: string, more: Partial<Operation> = {}): Operation => ({
  kind: "delete",
  change: { kind: "removed", seq: 1, key: ["1"], id: null, before: [] },
  record,
  fields: [],
  owed: [],
  ...more,
});
const byId = operation(`contacts(${ID})`);
const byKey = operation("contacts(new_customerid='C-1')");
const byLookup = operation(`contacts(_parent_value=${OTHER})`);
const into = `accounts(${OTHER})/contact_customer_accounts`;
const tie = operation(`${into}(${ID})`, { kind: "remove_member", into });
const noId = (table: string, id: string) => reply("0x80040217", `${table} With Id = ${id} Does Not Exist`);
const noKey = (table: string) =>
  reply("0x80060891", `A record with the specified key values does not exist in ${table} entity`);

test.each([
  ["its own id", byId, noId("contact", ID), true],
  ["its own id, in capitals", byId, noId("Contact", ID.toUpperCase()), true],
  ["nobody", byId, reply("0x80040217", "The record does not exist."), true],
  ["another id", byId, noId("account", OTHER), false],
  ["a key, of a record that is known by its id", byId, noKey("contact"), false],
  ["its own key", byKey, noKey("contact"), true],
  ["its own key, which holds an id", byLookup, noKey("contact"), true],
  ["a key of another table", byKey, noKey("account"), false],
  ["an id of another table", byKey, noId("account", OTHER), false],
  ["an end of the tie", tie, noId("account", OTHER), true],
  ["neither end of the tie", tie, noId("systemuser", ID.replace("1", "2")), false],
])("a refusal that names %s", (_, one, refusal, gone) => {
  expect(isGone(one, refusal, "contact")).toBe(gone);
});
