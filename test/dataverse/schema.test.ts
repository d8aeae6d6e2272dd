import { describe, expect, test } from "vitest";
import { SyncError } from "../../src/core/errors.ts";
import { type Bench, compile, type MappingInput, openBench, running } from "./support/bench.ts";

async function problems(bench: Bench, input: MappingInput): Promise<string[]> {
  try {
    await compile(bench, input);
    return [];
  } catch (error) {
    if (!(error instanceof SyncError)) throw error;
    expect(error.kind).toBe("config");
    return error.problems.map(({ place, code, message, remedy = "" }) =>
      `${place?.file} ${code} ${message} ${remedy}`.trim(),
    );
  }
}

const columns = { id: "text", name: "text", account: "text" } as const;

describe("what an organisation has", () => {
  test("tables are listed, and one is described, in few requests", async () => {
    await using bench = await openBench();
    const objects = await bench.destination.objects(running());
    expect(objects.find(({ name }) => name === "contact")).toEqual({
      name: "contact",
      displayName: "Contact",
      collection: "contacts",
    });
    const contact = await bench.destination.describe("contact", running());
    expect(bench.destination.counters).toMatchObject({ reads: 2, writes: 0 });
    expect(contact).toMatchObject({
      primaryId: "contactid",
      primaryName: "fullname",
      bulk: ["CreateMultiple", "UpdateMultiple", "UpsertMultiple"],
    });
    const field = (name: string) => contact.fields.find((candidate) => candidate.name === name);
    expect(field("firstname")).toMatchObject({
      type: "string",
      limits: "at most 50 characters",
      creatable: true,
    });
    expect(field("new_score")).toMatchObject({ limits: "-100000 to 100000, 4 decimals" });
    expect(field("parentcustomerid")).toMatchObject({ type: "customer", targets: ["account", "contact"] });
    expect(field("preferredcontactmethodcode")?.choices).toContainEqual({
      value: 3,
      label: "Phone",
      labels: ["Telefon"],
    });
    expect(field("createdon")).toMatchObject({ creatable: false, updatable: false });
    expect(field("parentcustomeridname")).toBeUndefined();
    expect((await bench.destination.describe("new_note", running())).bulk).toEqual([]);
  });

  test.each(["contact", "Contact", "contacts", "CONTACT"])("'%s' means contact", async (name) => {
    await using bench = await openBench();
    expect((await bench.destination.describe(name, running())).name).toBe("contact");
  });

  test("a table that is not there, with near names", async () => {
    await using bench = await openBench();
    await expect(bench.destination.describe("contcat", running())).rejects.toMatchObject({
      problems: [
        {
          kind: "config",
          code: "object.unknown",
          message: "The organisation has no table 'contcat'.",
          remedy: expect.stringContaining("'contact'"),
        },
      ],
    });
  });
});

describe("a mapping that cannot work is refused before anything is written", () => {
  test("every problem at once, each in its place", async () => {
    await using bench = await openBench();
    const found = await problems(bench, {
      columns,
      match: { emailaddress1: "id" },
      fields: {
        firstnme: "name",
        createdon: "name",
        fullname: "name",
        parentcustomerid: {
          source: { column: "account" },
          lookup: { object: "acount", by: "accountnumber", whenMissing: "reject" },
        },
      },
    });
    expect(found).toEqual([
      expect.stringMatching(/^fields\.firstnme mapping\.unknown_field .*Did you mean 'firstname'/),
      expect.stringMatching(/^fields\.createdon mapping\.not_writable /),
      expect.stringMatching(/^fields\.fullname mapping\.not_writable /),
      expect.stringMatching(/^fields\.parentcustomerid\.lookup\.object mapping\.unknown_object .*'account'/),
      expect.stringMatching(/^match mapping\.inactive_key .*'emailaddress1' is not active \(Failed\)/),
    ]);
    expect(bench.destination.counters.writes).toBe(0);
  });

  test("an object that is not there, in its place", async () => {
    await using bench = await openBench();
    expect(await problems(bench, { object: "contcts", columns, match: { x: "id" }, fields: {} })).toEqual([
      expect.stringMatching(/^object object\.unknown .*'contacts'/),
    ]);
  });

  test("a key whose index is not built yet", async () => {
    await using bench = await openBench();
    expect(
      await problems(bench, { object: "new_order", columns, match: { new_reference: "id" }, fields: {} }),
    ).toEqual([expect.stringMatching(/mapping\.inactive_key .*\(Pending\)\. Wait/)]);
  });
});

test("a field's fingerprint changes with its mapping alone", async () => {
  await using bench = await openBench();
  const input: MappingInput = { columns, match: { new_customerid: "id" }, fields: { firstname: "name" } };
  const [a, b, c] = await Promise.all([
    compile(bench, input),
    compile(bench, input),
    compile(bench, { ...input, fields: { firstname: { source: { column: "name" }, whenNull: "skip" } } }),
  ]);
  expect(a.fields).toEqual(b.fields);
  expect(a.fields).toEqual([
    { field: "firstname", columns: [1], awaits: [], fingerprint: expect.stringMatching(/^[0-9a-f]{16}$/) },
  ]);
  expect(a.fields[0]?.fingerprint).not.toBe(c.fields[0]?.fingerprint);
});
