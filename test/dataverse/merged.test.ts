/** Records that were merged into others; the sandbox merges none, so that what is read is made up here. */
import { expect, test } from "vitest";
import type { Mapping } from "../../connectors/dataverse/compile/mapping.ts";
import { keyPart, matchBy } from "../../connectors/dataverse/compile/match.ts";
import { planChange } from "../../connectors/dataverse/plan/plan.ts";
import { openResolver } from "../../connectors/dataverse/plan/resolve.ts";
import type { Json, Service } from "../../connectors/dataverse/sender/service.ts";
import type { Table } from "../../connectors/dataverse/table.ts";
import { coercerOf } from "../../connectors/dataverse/types/coercer.ts";
import type { Change } from "../../src/core/change.ts";
import { DEFAULT_RULES, NO_OPTIONS } from "../../src/core/spec.ts";
import { attribute, contact } from "./support/tables.ts";

const [LOSER, WINNER, LAST] = [1, 2, 3].map((n) => `0000000${n}-5a54-4c2e-8a2e-6f6b31f22222`) as [
  string,
  string,
  string,
];
const table: Table = {
  ...contact,
  attributes: new Map([
    ...contact.attributes,
    ["merged", attribute("merged", { kind: "boolean", choices: [] })],
    ["masterid", attribute("masterid", { kind: "lookup", targets: ["contact"] })],
  ]),
};

function mapping(): Mapping {
  const key = keyPart(table.attributes.get("new_customerid")!, "text");
  const name = coercerOf(table.attributes.get("firstname")!, "text");
  if ("why" in key || "why" in name) throw new Error("no mapping");
  return {
    table,
    match: matchBy(table, "key", [{ ...key.part, column: 0 }]),
    fields: [
      {
        kind: "plain",
        field: "firstname",
        property: "firstname",
        column: 1,
        constant: null,
        whenNull: "clear",
        required: false,
        creatable: true,
        updatable: true,
        write: "always",
        coerce: name.coerce,
      },
    ],
    pair: null,
    rules: { ...DEFAULT_RULES, mode: "upsert", onRemoved: "keep" },
    options: NO_OPTIONS,
    deactivation: [],
    reactivation: [],
  };
}

const records: Record<string, Json> = {
  [LOSER]: { contactid: LOSER, new_customerid: "C", firstname: "Ann", merged: true, _masterid_value: WINNER },
  [WINNER]: { contactid: WINNER, new_customerid: null, firstname: "Bo", merged: true, _masterid_value: LAST },
  [LAST]: { contactid: LAST, new_customerid: null, firstname: "Cy", merged: false, _masterid_value: null },
};

/** Answers each query with the records that it names. */
const service = {
  queries: async (paths: readonly string[]) =>
    Object.values(records).filter((record) =>
      paths.some(
        (path) =>
          path.includes(record.contactid) ||
          (path.includes("@p1='new_customerid'") && record.new_customerid !== null),
      ),
    ),
} as unknown as Service;

async function planned(change: Change) {
  const context = { signal: new AbortController().signal, idSeed: ["test"] };
  const resolved = await openResolver(service, mapping())([change], context);
  return planChange(mapping(), change, resolved, context.idSeed);
}

test("a known record that was merged is written as the one that it ended in, and so is one that the match finds", async () => {
  const known: Change = {
    kind: "changed",
    seq: 1,
    key: ["1"],
    id: LOSER,
    before: ["C", "Ann"],
    after: ["C", "New"],
    columns: [1],
    pending: [],
  };
  const update = { kind: "update", record: `contacts(${LAST})` };
  expect(await planned(known)).toMatchObject({ status: "planned", operation: update });
  const added: Change = { kind: "added", seq: 1, key: ["1"], id: null, after: ["C", "New"] };
  expect(await planned(added)).toMatchObject({ status: "planned", operation: update });
});

test("records that are merged in a circle stand for themselves", async () => {
  const before = records[LAST];
  records[LAST] = { ...before, merged: true, _masterid_value: LOSER };
  try {
    const added: Change = { kind: "added", seq: 1, key: ["1"], id: null, after: ["C", "New"] };
    expect(await planned(added)).toMatchObject({ status: "planned", operation: { kind: "update" } });
  } finally {
    records[LAST] = before;
  }
});
