/** Operations of one write that touch one record keep their order, whatever happens to their requests. */
import { expect, test } from "vitest";
import type { OpenOptions } from "../../connectors/dataverse/destination.ts";
import type { Change } from "../../src/core/change.ts";
import { added, changed, compile, type MappingInput, openBench, tallied, write } from "./support/bench.ts";

const people: MappingInput = {
  columns: { id: "text", first: "text", last: "text" },
  match: { new_customerid: "id" },
  fields: { firstname: "first", lastname: "last" },
};
const notes: MappingInput = {
  object: "new_note",
  columns: { id: "text", text: "text" },
  match: { new_code: "id" },
  fields: { new_text: "text" },
};

/** The first request is sent again, after a pause in which any other overtakes it. */
const OVERTAKEN: OpenOptions = { schedule: { base: 60, cap: 120 } };
const DEADLOCKS = { times: 2, do: "deadlock" } as const;

/** Rows that have all found the record, because theirs were merged into it. */
const found = (id: string, count: number): Change[] =>
  Array.from({ length: count }, (_, at) =>
    changed([`C-${at}`, "Old", "Old"], [`C-${at}`, `New ${at + 1}`, "Old"], { id, seq: at + 1 }),
  );

const bench = (batch_size: number) => openBench({}, { ...OVERTAKEN, config: { batch_size } });

test("each in a request of its own, in bulk and by $batch: the last one wins", async () => {
  await using here = await bench(1);
  const [contact = ""] = await here.seed("contact", [{ new_customerid: "X", firstname: "Old" }]);
  const [note = ""] = await here.seed("new_note", [{ new_code: "X", new_text: "Old" }]);
  await here.faults({ on: { kind: "updateMultiple" }, ...DEADLOCKS });
  expect(tallied(await write(await compile(here, people), found(contact, 3)))).toEqual({ applied: 3 });
  expect((await here.stored("contact")).get(contact)).toMatchObject({ firstname: "New 3" });
  await here.faults({ on: { kind: "update" }, ...DEADLOCKS });
  expect(tallied(await write(await compile(here, notes), found(note, 2)))).toEqual({ applied: 2 });
  expect((await here.stored("new_note")).get(note)).toMatchObject({ new_text: "New 2" });
});

test("a record once in each request, and keys that the service takes for the same, in operations of several kinds", async () => {
  await using here = await bench(100);
  const [contact = ""] = await here.seed("contact", [{ new_customerid: "C-1", firstname: "Old" }]);
  const compiled = await compile(here, people);
  await here.faults({ on: { kind: "updateMultiple" }, ...DEADLOCKS });
  expect(tallied(await write(compiled, found(contact, 3)))).toEqual({ applied: 3 });
  expect((await here.stored("contact")).get(contact)).toMatchObject({ firstname: "New 3" });
  const rows: Change[] = [
    ...added([["C-9", "Nine", "N"]]),
    changed(["c-1 ", "Old", "Old"], ["c-1 ", "Updated", "Old"], { seq: 2 }),
    { ...added([["C-1", "Upserted", "U"]])[0]!, seq: 3 },
    changed(["C-1", "Old", "Old"], ["C-1", "Old", "Last"], { seq: 4 }),
  ];
  await here.faults({ on: { kind: "updateMultiple" }, ...DEADLOCKS });
  expect(tallied(await write(compiled, rows))).toEqual({ applied: 4 });
  const stored = await here.stored("contact");
  expect(stored.get(contact)).toMatchObject({ firstname: "Upserted", lastname: "Last" });
  expect(stored.size).toBe(2);
});
