import { expect, test } from "vitest";
import { type Batch, batches } from "../../connectors/dataverse/write/batching.ts";
import { bulkBody, partOf } from "../../connectors/dataverse/write/bodies.ts";
import { mapConcurrent } from "../../connectors/dataverse/write/concurrent.ts";
import type { FieldWrite, Operation, OperationKind } from "../../src/core/change.ts";
import fc from "../support/seeded.ts";
import { contact } from "./support/tables.ts";

let seq = 0;
function operation(kind: OperationKind, record: string, fields: readonly FieldWrite[]): Operation {
  const change = { kind: "added", seq: ++seq, key: [record], id: null, after: [] } as const;
  return { kind, change, record, fields, owed: [] };
}

const field = (json: string): FieldWrite => ({ field: "firstname", property: "firstname", json });

const someOperation = fc
  .tuple(fc.constantFrom<OperationKind>("update", "upsert"), fc.integer({ min: 0, max: 40 }), fc.boolean())
  .map(([kind, key, filled]) => operation(kind, `contacts(K='${key}')`, filled ? [field('"x"')] : []));

async function* stream(groups: readonly (readonly Operation[])[]) {
  yield* groups;
}

test("every operation is in one batch, in order within its kind, each record once per batch", async () => {
  const groups = fc.array(fc.array(someOperation, { maxLength: 30 }), { maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(groups, fc.integer({ min: 1, max: 12 }), async (input, most) => {
      const seen: Operation[] = [];
      for await (const { kind, operations } of batches(
        stream(input),
        () => most,
        () => false,
      )) {
        expect(operations.length).toBeGreaterThan(0);
        if (kind !== "none") {
          expect(operations.length).toBeLessThanOrEqual(most);
          expect(new Set(operations.map(({ record }) => record)).size).toBe(operations.length);
        }
        for (const item of operations) {
          const isEmptyUpdate = item.kind === "update" && item.fields.length === 0;
          expect(kind).toBe(isEmptyUpdate ? "none" : item.kind);
        }
        seen.push(...operations);
      }
      const all = input.flat();
      expect(new Set(seen)).toEqual(new Set(all));
      expect(seen).toHaveLength(all.length);
      for (const kind of ["update", "upsert"] as const) {
        const writes = (item: Operation) => item.kind === kind && item.fields.length > 0;
        expect(seen.filter(writes)).toEqual(all.filter(writes));
      }
    }),
  );
});

test("operations on one record are done in their order, those of different kinds too, and nobody waits for ever", async () => {
  const groups = fc.array(fc.array(someOperation, { maxLength: 30 }), { maxLength: 8 });
  const turns = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 10, maxLength: 10 });
  await fc.assert(
    fc.asyncProperty(groups, turns, fc.integer({ min: 1, max: 5 }), async (input, delays, width) => {
      const done: Operation[] = [];
      let sent = 0;
      const source = batches(
        stream(input),
        () => 6,
        () => false,
      );
      const work = async ({ kind, operations, turn, end }: Batch) => {
        if (kind === "none") return;
        await turn;
        for (let left = delays[sent++ % delays.length] ?? 0; left > 0; left--) await Promise.resolve();
        done.push(...operations);
        end();
      };
      for await (const _ of mapConcurrent(source, () => width, work));
      const writes = input.flat().filter(({ kind, fields }) => kind !== "update" || fields.length > 0);
      expect(done).toHaveLength(writes.length);
      for (const record of new Set(writes.map((one) => one.record))) {
        const isOfIt = (one: Operation) => one.record === record;
        expect(done.filter(isOfIt)).toEqual(writes.filter(isOfIt));
      }
    }),
  );
});

test("stops pulling when told, and still gives out what it has", async () => {
  let pulled = 0;
  async function* endless() {
    while (true) yield [operation("upsert", `contacts(k='${++pulled}')`, [field("1")])];
  }
  let stopped = false;
  const seen: Operation[] = [];
  for await (const { operations } of batches(
    endless(),
    () => 3,
    () => stopped,
  )) {
    seen.push(...operations);
    if (seen.length >= 6) stopped = true;
  }
  expect(seen).toHaveLength(pulled);
  expect(pulled).toBeLessThan(10);
});

test("bodies are JSON, whatever the values and the keys hold", () => {
  const values = fc.array(fc.tuple(fc.string({ unit: "grapheme", maxLength: 20 }), fc.jsonValue()), {
    minLength: 1,
    maxLength: 5,
  });
  fc.assert(
    fc.property(values, (list) => {
      const operations = list.map(([key, value]) =>
        operation("upsert", `contacts(k='${key.replaceAll("'", "''")}')`, [field(JSON.stringify(value))]),
      );
      const { Targets: targets } = JSON.parse(bulkBody(contact, operations)) as {
        Targets: Record<string, unknown>[];
      };
      expect(targets).toEqual(
        operations.map(({ record, fields }) => ({
          "@odata.type": "Microsoft.Dynamics.CRM.contact",
          "@odata.id": record,
          firstname: JSON.parse(fields[0]?.json ?? ""),
        })),
      );
      for (const item of operations) {
        const part = partOf(contact, item);
        expect(JSON.parse(part.body ?? "")).toEqual({ firstname: JSON.parse(item.fields[0]?.json ?? "") });
        expect(part.path).toMatch(/^\/api\/data\/v9\.2\/[!-~]+$/);
      }
    }),
  );
});

test("a record that is known by id is named by its primary key", () => {
  const id = "0a4ce4d6-5a54-4c2e-8a2e-6f6b31f22222";
  expect(bulkBody(contact, [operation("update", `contacts(${id})`, [field('"x"')])])).toBe(
    `{"Targets":[{"@odata.type":"Microsoft.Dynamics.CRM.contact","contactid":"${id}","firstname":"x"}]}`,
  );
});

test("addresses that differ in case alone are one record, in any script", async () => {
  const records = ["c(k='ab')", "c(k='Ab')", "c(k='ÄÖ')", "c(k='äö')", "c(k='b')"];
  const together: string[][] = [];
  for await (const { operations } of batches(
    stream([records.map((record) => operation("upsert", record, [field("1")]))]),
    () => 10,
    () => false,
  ))
    together.push(operations.map(({ record }) => record));
  expect(together).toEqual([["c(k='ab')"], ["c(k='Ab')", "c(k='ÄÖ')"], ["c(k='äö')", "c(k='b')"]]);
});
