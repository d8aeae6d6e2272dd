import { describe, expect, test } from "vitest";
import type { Problem } from "../../src/core/errors.ts";
import {
  added,
  changed,
  compile,
  type MappingInput,
  openBench,
  tallied,
  type Written,
  write,
} from "./support/bench.ts";

const people: MappingInput = {
  columns: { id: "text", first: "text", last: "text", email: "text", score: "decimal" },
  match: { new_customerid: "id" },
  fields: { firstname: "first", lastname: "last", emailaddress2: "email", new_score: "score" },
};

const rows = (count: number, first = "Ann") =>
  Array.from({ length: count }, (_, index) => [
    `C-${index}`,
    first,
    `Last ${index}`,
    `p${index}@example.com`,
    `${index}.5`,
  ]);

/** Codes of what was rejected or deferred, by position; the run itself must have ended well. */
function problems({ outcomes, error }: Written): Record<number, string> {
  expect(error).toBeUndefined();
  const found: Record<number, string> = {};
  for (const [seq, outcome] of outcomes)
    if ("problem" in outcome) found[seq] = (outcome.problem as Problem).code;
  return found;
}

describe("values arrive as they are", () => {
  test("each type, exact", async () => {
    await using bench = await openBench();
    await bench.seed("account", [{ accountnumber: "A-1", name: "Fabrikam" }]);
    const compiled = await compile(bench, {
      columns: {
        id: "text",
        note: "text",
        points: "integer",
        score: "decimal",
        income: "text",
        rate: "double",
        vip: "text",
        tier: "text",
        method: "text",
        born: "timestamp",
        bought: "timestamp",
        opens: "text",
        parent: "text",
        children: "integer",
      },
      match: { new_customerid: "id" },
      fields: {
        description: "note",
        new_lifetimepoints: "points",
        new_score: "score",
        annualincome: "income",
        new_engagement: "rate",
        new_isvip: "vip",
        new_tier: "tier",
        preferredcontactmethodcode: "method",
        birthdate: "born",
        new_lastpurchaseon: "bought",
        new_storeopensat: "opens",
        parentcustomerid: {
          source: { column: "parent" },
          lookup: { object: "account", by: "accountnumber", whenMissing: "reject" },
        },
        numberofchildren: { source: { column: "children" }, whenNull: "skip" },
        jobtitle: { source: { value: "Buyer" } },
      },
    });
    expect(compiled.object).toBe("contact");
    const note = 'O\'Neil said "100%"\n\t<b>& \\ 👍 𝕏</b>';
    const result = await write(
      compiled,
      added([
        [
          "C-1",
          note,
          "9007199254740993",
          "-99999.99995",
          "12345678901234.56785",
          "0.1",
          "Ja",
          "gold",
          "TELEFON",
          "1980-02-29T23:59:59Z",
          "2024-05-01T10:20:30.999999Z",
          "2024-05-01 08:00",
          " a-1 ".trimStart(),
          "3",
        ],
        ["C-2", "", null, null, null, null, null, null, null, null, null, null, null, null],
      ]),
    );
    expect(problems(result)).toEqual({});
    const stored = await bench.stored("contact", "new_customerid");
    const account = (await bench.stored("account", "accountnumber")).get("A-1");
    expect(stored.get("C-1")).toMatchObject({
      description: note,
      new_lifetimepoints: "9007199254740993",
      new_score: "-100000",
      annualincome: "12345678901234.57",
      new_engagement: 0.1,
      new_isvip: true,
      preferredcontactmethodcode: 3,
      birthdate: "1980-02-29",
      new_lastpurchaseon: "2024-05-01T10:20:30Z",
      new_storeopensat: "2024-05-01T08:00:00Z",
      parentcustomerid: { table: "account", id: account?.id },
      numberofchildren: 3,
      jobtitle: "Buyer",
    });
    expect(stored.get("C-2")).toMatchObject({ description: null, new_score: null, jobtitle: "Buyer" });
    const counters = await bench.counters();
    expect(counters.ignored).toEqual({});
    expect(counters.refusals).toEqual({});
    expect(counters.requests.upsertMultiple).toBe(1);
  });

  const HOSTILE = [
    "O'Neil",
    "''",
    "emoji 👍",
    "a,b=c",
    "(x)",
    "100%",
    "a/b",
    "O'Neil/x",
    "a\\b",
    "a&b",
    "a+b",
    "#1",
    "a?b",
    "a:b",
    "<x>",
    "*",
    "Ünï çødé",
    "a b",
    "$1",
    "@x",
    "a;b",
    '"q"',
    "[1]",
    "{2}",
  ];

  test.each(["slashes", "documented"] as const)(
    "keys of any kind, in a service that refuses %s",
    async (refused) => {
      await using bench = await openBench({ unverified: { refusedKeyCharacters: refused } });
      const compiled = await compile(bench, people);
      const first = await write(compiled, added(HOSTILE.map((key) => [key, "Ann", key, null, null])));
      expect(problems(first)).toEqual({});
      let stored = await bench.stored("contact", "new_customerid");
      expect([...stored.keys()].toSorted()).toEqual(HOSTILE.toSorted());
      for (const key of HOSTILE) expect(stored.get(key)).toMatchObject({ firstname: "Ann", lastname: key });
      // The same rows again, as a run would send them whose replies were lost: no doubles.
      const again = await write(compiled, added(HOSTILE.map((key) => [key, "Bob", key, null, null])));
      expect(problems(again)).toEqual({});
      // And an update of each, by its key alone.
      const update = HOSTILE.map((key, index) =>
        changed([key, "Bob", key, null, null], [key, "Cid", key, null, null], { seq: index + 1 }),
      );
      expect(problems(await write(compiled, update))).toEqual({});
      stored = await bench.stored("contact", "new_customerid");
      expect(stored.size).toBe(HOSTILE.length);
      for (const key of HOSTILE) expect(stored.get(key)).toMatchObject({ firstname: "Cid" });
      const counters = await bench.counters();
      expect(counters.ignored).toEqual({});
      expect(counters.refusals).toEqual({});
    },
  );

  test("a composite key, and a table named by its set", async () => {
    await using bench = await openBench();
    const compiled = await compile(bench, {
      object: "new_orders",
      columns: { order: "text", line: "integer", weight: "decimal" },
      match: { new_linenumber: "line", new_ordernumber: "order" },
      fields: { new_weight: "weight" },
    });
    expect(compiled.object).toBe("new_order");
    const lines = [
      ["O'1", "1", "0.0000000001"],
      ["O'1", "2", "2"],
      ["O/2", "1", "3"],
    ];
    expect(problems(await write(compiled, added(lines)))).toEqual({});
    expect(problems(await write(compiled, added(lines)))).toEqual({});
    const stored = [...(await bench.stored("new_order")).values()];
    expect(
      stored.map((row) => [row.new_ordernumber, String(row.new_linenumber), row.new_weight]).toSorted(),
    ).toEqual(lines);
  });
});

describe("only what changed travels", () => {
  test("updates carry the changed fields, by key and by id", async () => {
    await using bench = await openBench();
    const compiled = await compile(bench, people);
    await write(compiled, added(rows(3)));
    const ids = await bench.stored("contact", "new_customerid");
    await bench.resetCounters();
    const [a, b, c] = rows(3) as [string[], string[], string[]];
    const result = await write(compiled, [
      changed(a, [a[0]!, "Eve", a[2]!, a[3]!, a[4]!], { seq: 1 }),
      changed(b, [b[0]!, b[1]!, b[2]!, b[3]!, "7"], { seq: 2, id: String(ids.get("C-1")?.id) }),
      changed(c, [c[0]!, c[1]!, c[2]!, c[3]!, "2.50001"], { seq: 3 }),
    ]);
    expect(tallied(result)).toEqual({ applied: 2, unchanged: 1 });
    expect(result.outcomes.get(2)).toMatchObject({ id: ids.get("C-1")?.id });
    const counters = await bench.counters();
    expect(counters.requests).toMatchObject({ updateMultiple: 1 });
    expect(counters.redundant).toEqual({});
    expect(counters.rows.contact).toEqual({ update: 2 });
    const stored = await bench.stored("contact", "new_customerid");
    expect(stored.get("C-0")).toMatchObject({ firstname: "Eve", new_score: "0.5" });
    expect(stored.get("C-1")).toMatchObject({ firstname: "Ann", new_score: "7" });
  });

  test("a changed key renames the record, found by its id or by its old key", async () => {
    await using bench = await openBench();
    const compiled = await compile(bench, people);
    await write(compiled, added(rows(2)));
    const before = await bench.stored("contact", "new_customerid");
    const [a, b] = rows(2) as [string[], string[]];
    const result = await write(compiled, [
      changed(a, ["D-0", ...a.slice(1)], { seq: 1 }),
      changed(b, ["D/1", ...b.slice(1)], { seq: 2, id: String(before.get("C-1")?.id) }),
    ]);
    expect(tallied(result)).toEqual({ applied: 2 });
    const after = await bench.stored("contact", "new_customerid");
    expect([...after.keys()].toSorted()).toEqual(["D-0", "D/1"]);
    expect(after.get("D-0")?.id).toBe(before.get("C-0")?.id);
    expect(after.get("D/1")?.id).toBe(before.get("C-1")?.id);
  });

  test("a record that is gone is added again, whole", async () => {
    await using bench = await openBench();
    const compiled = await compile(bench, people);
    const [a, b, c] = rows(3) as [string[], string[], string[]];
    await write(compiled, added([c]));
    const result = await write(compiled, [
      changed(a, [a[0]!, "Eve", ...a.slice(2)], { seq: 1 }),
      changed(b, [b[0]!, "Eve", ...b.slice(2)], { seq: 2, id: "0a4ce4d6-5a54-4c2e-8a2e-6f6b31f22222" }),
      changed(c, [c[0]!, "Eve", ...c.slice(2)], { seq: 3 }),
    ]);
    expect(problems(result)).toEqual({});
    const stored = await bench.stored("contact", "new_customerid");
    expect([...stored.keys()].toSorted()).toEqual(["C-0", "C-1", "C-2"]);
    expect(stored.get("C-0")).toMatchObject({ firstname: "Eve", lastname: "Last 0", new_score: "0.5" });
    expect(stored.get("C-1")).toMatchObject({ firstname: "Eve", lastname: "Last 1" });
  });

  test("a match by the primary id never makes a record", async () => {
    await using bench = await openBench();
    const [id] = await bench.seed("contact", [{ lastname: "Old" }]);
    const compiled = await compile(bench, {
      columns: { id: "uuid", last: "text" },
      match: { contactid: "id" },
      fields: { lastname: "last" },
    });
    const result = await write(
      compiled,
      added([
        [id!, "New"],
        ["0a4ce4d6-5a54-4c2e-8a2e-6f6b31f22222", "Nobody"],
      ]),
    );
    expect(problems(result)).toEqual({ 2: "record.not_found" });
    expect([...(await bench.stored("contact", "lastname")).keys()]).toEqual(["New"]);
  });
});

describe("lookups", () => {
  const orders = (whenMissing: "reject" | "skip" | "clear"): MappingInput => ({
    object: "new_order",
    columns: { id: "text", account: "text" },
    match: { new_externalid: "id" },
    fields: {
      new_accountid: {
        source: { column: "account" },
        lookup: { object: "Account", by: "accountnumber", whenMissing },
      },
    },
  });

  test("parents are found in bulk, folded, and once", async () => {
    await using bench = await openBench();
    const parents = Array.from({ length: 1200 }, (_, index) => ({
      accountnumber: `A-${index}`,
      name: `N${index}`,
    }));
    await bench.seed("account", parents);
    const compiled = await compile(bench, orders("reject"));
    await bench.resetCounters();
    const changes = added(Array.from({ length: 3000 }, (_, index) => [`O-${index}`, `a-${index % 1200} `]));
    const result = await write(compiled, changes);
    expect(tallied(result)).toEqual({ applied: 3000 });
    const { requests } = await bench.counters();
    expect(requests.read).toBeLessThanOrEqual(5);
    const accounts = new Map([...(await bench.stored("account")).values()].map((row) => [row.id, row]));
    for (const row of (await bench.stored("new_order", "new_externalid")).values()) {
      const { id } = row.new_accountid as { id: string };
      const number = Number(String(row.new_externalid).slice(2)) % 1200;
      expect(accounts.get(id)).toMatchObject({ accountnumber: `A-${number}` });
    }
  });

  const parentsAreFound = async (keys: readonly string[]) => {
    await using bench = await openBench();
    await bench.seed(
      "account",
      keys.map((accountnumber) => ({ accountnumber, name: "x" })),
    );
    const compiled = await compile(bench, orders("reject"));
    const result = await write(compiled, added(keys.map((key, index) => [`O-${index}`, key])));
    expect(problems(result)).toEqual({});
    expect(tallied(result)).toEqual({ applied: keys.length });
  };

  test("a parent's key may hold anything", () =>
    parentsAreFound(['"x"', "a\\b/c", "100%&#?+", "ü, [1]", "👍", "a;b"]));

  test("a parent's key may hold a single quote", () => parentsAreFound(["O'Neil", "''"]));

  test.each([
    ["reject", { applied: 1, rejected: 1 }, undefined],
    ["skip", { applied: 2 }, ["new_accountid"]],
    ["clear", { applied: 2 }, undefined],
  ] as const)("a missing parent: %s", async (whenMissing, counts, owed) => {
    await using bench = await openBench();
    await bench.seed("account", [{ accountnumber: "A-1", name: "x" }]);
    const compiled = await compile(bench, orders(whenMissing));
    const result = await write(
      compiled,
      added([
        ["O-1", "A-1"],
        ["O-2", "A-2"],
      ]),
    );
    expect(tallied(result)).toEqual(counts);
    const outcome = result.outcomes.get(2);
    if (whenMissing === "reject") {
      expect(outcome).toMatchObject({
        problem: {
          code: "lookup.missing",
          message: "new_accountid: there is no account with accountnumber 'A-2'.",
        },
      });
    } else expect(outcome && "owed" in outcome ? outcome.owed : undefined).toEqual(owed);
    const row = (await bench.stored("new_order", "new_externalid")).get("O-2");
    if (whenMissing === "clear") expect(row?.new_accountid).toBeNull();
  });

  test("an owner is bound to a user", async () => {
    await using bench = await openBench();
    const { user } = await bench.destination.identify(new AbortController().signal);
    const compiled = await compile(bench, {
      columns: { id: "text", owner: "uuid" },
      match: { new_customerid: "id" },
      fields: {
        ownerid: {
          source: { column: "owner" },
          lookup: { object: "systemuser", by: "systemuserid", whenMissing: "reject" },
        },
      },
    });
    expect(problems(await write(compiled, added([["C-1", user]])))).toEqual({});
    const row = (await bench.stored("contact", "new_customerid")).get("C-1");
    expect(row?.ownerid).toEqual({ table: "systemuser", id: user });
  });
});

describe("a table without bulk messages", () => {
  const notes: MappingInput = {
    object: "new_note",
    columns: { id: "text", text: "text", priority: "integer" },
    match: { new_code: "id" },
    fields: { new_text: "text", new_priority: "priority" },
  };

  test("is written in batches, row by row", async () => {
    await using bench = await openBench();
    const compiled = await compile(bench, notes);
    await bench.plugins({ table: "new_note", column: "new_text", equals: "bad", message: "No bad notes." });
    await bench.resetCounters();
    const changes = added(
      Array.from({ length: 1200 }, (_, i) => [`N'${i}`, i === 700 ? "bad" : "good", "3"]),
    );
    const result = await write(compiled, changes);
    expect(tallied(result)).toEqual({ applied: 1199, rejected: 1 });
    expect(result.outcomes.get(701)).toMatchObject({
      problem: { code: "dataverse.0x80040265", message: expect.stringContaining("No bad notes.") },
    });
    const { requests } = await bench.counters();
    expect(requests.batch).toBeLessThanOrEqual(8);
    expect((await bench.stored("new_note", "new_code")).size).toBe(1199);
    const update = await write(compiled, [
      changed(["N'1", "good", "3"], ["N'1", "good", "4"], { seq: 1 }),
      changed(["N'9999", "good", "3"], ["N'9999", "good", "4"], { seq: 2 }),
      changed(["N/1", "good", "3"], ["N/1", "good", "4"], { seq: 3 }),
    ]);
    expect(problems(update)).toEqual({});
    const stored = await bench.stored("new_note", "new_code");
    expect(stored.get("N'1")).toMatchObject({ new_text: "good", new_priority: 4 });
    expect(stored.get("N'9999")).toMatchObject({ new_text: "good", new_priority: 4 });
    expect(stored.get("N/1")).toMatchObject({ new_text: "good", new_priority: 4 });
  });
});
