import { expect, test } from "vitest";
import { keyPart } from "../../connectors/dataverse/compile/match.ts";
import { parsedExactly } from "../../connectors/dataverse/sender/json.ts";
import { DEFAULT_RULES, type SyncSpec } from "../../src/core/spec.ts";
import {
  added,
  type Bench,
  changed,
  columnsOf,
  type MappingInput,
  openStrictBench,
  running,
  syncOf,
  tallied,
  write,
} from "./support/bench.ts";
import { attribute } from "./support/tables.ts";

/** What is read back is compared with what would be written: digit by digit, and as the clock showed it. */

type More = Omit<Partial<SyncSpec>, "rules"> & { readonly rules?: Partial<SyncSpec["rules"]> };
const compile = (bench: Bench, input: MappingInput, { rules, ...more }: More = {}) =>
  bench.destination.compile(
    { ...syncOf(input), ...more, rules: { ...DEFAULT_RULES, ...rules } },
    columnsOf(input),
    running(),
  );

test.each([
  ['{"a":9223372036854775807}', { a: "9223372036854775807" }],
  ['{"a":[-0.12345678901234567,1]}', { a: ["-0.12345678901234567", 1] }],
  ['{"a": 12345678901.1234567890 }', { a: "12345678901.123456789" }],
  ['{"a":1.2345678901234567e-5}', { a: "0.000012345678901234567" }],
  ['{"a":"x:9223372036854775807","b":1}', { a: "x:9223372036854775807", b: 1 }],
  [
    '{"a":"\\"\\\\:9223372036854775807","b":922337203685477580}',
    { a: '"\\:9223372036854775807', b: "922337203685477580" },
  ],
  ['{"a":100000000000000,"b":null}', { a: 100_000_000_000_000, b: null }],
])("%s keeps its digits", (json, value) => {
  expect(parsedExactly(json)).toEqual(value);
});

test("a first run over numbers longer than a binary float's sends none that is right, and one that is not", async () => {
  await using bench = await openStrictBench();
  const weights = ["99999999.9999999999", "12345678.1234567891", "0.1234567891"];
  await bench.seed(
    "new_order",
    weights.map((new_weight, n) => ({ new_externalid: `O-${n}`, new_weight })),
  );
  const points = ["9223372036854775807", "-9223372036854775807", "9007199254740993"];
  await bench.seed(
    "contact",
    points.map((new_lifetimepoints, n) => ({ new_customerid: `C-${n}`, new_lifetimepoints })),
  );
  const orders = await compile(bench, {
    object: "new_order",
    columns: { number: "text", weight: "decimal" },
    match: { new_externalid: "number" },
    fields: { new_weight: "weight" },
  });
  const people = await compile(bench, {
    columns: { number: "text", points: "integer" },
    match: { new_customerid: "number" },
    fields: { new_lifetimepoints: "points" },
  });
  const right = await write(orders, added(weights.map((weight, n) => [`O-${n}`, weight])));
  expect(tallied(right)).toEqual({ unchanged: 3 });
  const other = points.map((point, n) => [`C-${n}`, n === 2 ? "9007199254740992" : point] as const);
  const result = await write(people, added(other));
  expect(tallied(result)).toEqual({ unchanged: 2, applied: 1 });
  const operations = result.planned.flatMap((plan) => (plan.status === "planned" ? [plan.operation] : []));
  expect(operations.map(({ fields }) => fields)).toEqual([
    [expect.objectContaining({ before: "9007199254740993", json: "9007199254740992" })],
  ]);
  const stored = await bench.stored("contact", "new_customerid");
  expect(stored.get("C-2")).toMatchObject({ new_lifetimepoints: "9007199254740992" });
});

test("an ignored inactive record keeps its key: the row is rejected by name, and nothing is sent", async () => {
  await using bench = await openStrictBench();
  const inactive = { statecode: 1, statuscode: 2 };
  const [id] = await bench.seed("contact", [{ new_customerid: "A", lastname: "Ann", ...inactive }]);
  const people: MappingInput = {
    columns: { number: "text", name: "text" },
    match: { new_customerid: "number" },
    fields: { lastname: "name" },
  };
  const rules = { matchInactive: "ignore" } as const;
  for (const mode of ["upsert", "insert"] as const) {
    const result = await write(await compile(bench, people, { mode, rules }), added([["a", "Ann"]]));
    expect(result.outcomes.get(1)).toMatchObject({
      status: "rejected",
      problem: { code: "match.inactive", message: expect.stringContaining(id!) },
    });
  }
  const missing = await write(await compile(bench, people, { mode: "update", rules }), added([["a", "Ann"]]));
  expect(missing.outcomes.get(1)).toMatchObject({ problem: { code: "record.not_found" } });
  // By a column that is no key a second record may have the value.
  const byName = { ...people, match: { lastname: "name" }, fields: { firstname: "number" } };
  const second = await write(await compile(bench, byName, { rules }), added([["a", "Ann"]]));
  expect(tallied(second)).toEqual({ applied: 1 });
  expect((await bench.stored("contact")).size).toBe(2);
  expect((await bench.counters()).operations.createMultiple).toBe(1);
});

test("what a new record cannot be given is written in a second wave where there is a value, and not where there is none", async () => {
  await using bench = await openStrictBench();
  const accounts: MappingInput = {
    object: "account",
    columns: { number: "text", used: "timestamp" },
    match: { accountnumber: "number" },
    fields: { name: "number", lastusedincampaign: "used" },
  };
  const at = "2024-05-01T10:00:00Z";
  const result = await write(
    await compile(bench, accounts),
    added([
      ["A", at],
      ["B", null],
    ]),
  );
  expect(result.planned).toMatchObject([
    { operation: { kind: "create", owed: ["lastusedincampaign"], later: [{ json: `"${at}"` }] } },
    { operation: { kind: "create", owed: [] } },
  ]);
});

test("amounts are there with the decimals of their currency, and are written again where that is another one", async () => {
  await using bench = await openStrictBench();
  const [yen] = await bench.seed("transactioncurrency", [
    {
      currencyname: "Yen",
      isocurrencycode: "JPY",
      currencysymbol: "¥",
      currencyprecision: 0,
      exchangerate: 1,
    },
  ]);
  const accounts: MappingInput = {
    object: "account",
    columns: { number: "text", credit: "decimal", currency: "text" },
    match: { accountnumber: "number" },
    fields: {
      creditlimit: "credit",
      transactioncurrencyid: {
        source: { column: "currency" },
        whenNull: "skip",
        lookup: { object: "transactioncurrency", by: "isocurrencycode", whenMissing: "reject" },
      },
    },
  };
  const wanted = [
    ["A", "1.005", null],
    ["B", "1000.4", "JPY"],
    ["C", "7", null],
  ];
  const create = await compile(bench, accounts);
  expect(tallied(await write(create, added(wanted)))).toEqual({ applied: 3 });
  const stored = await bench.stored("account", "accountnumber");
  expect(["A", "B"].map((key) => stored.get(key)?.creditlimit)).toEqual(["1.01", "1000"]);
  expect(stored.get("B")?.transactioncurrencyid).toMatchObject({ id: yen });
  const again = await compile(bench, accounts);
  expect(tallied(await write(again, added(wanted)))).toEqual({ unchanged: 3 });
  // A cent more is another amount, and so is a fraction in a currency that has them.
  const other = [
    ["A", "1.0151", null],
    ["B", "1000.4", "EUR"],
  ];
  const euro = stored.get("A")?.transactioncurrencyid as { id: string };
  const code = (await bench.stored("transactioncurrency")).get(euro.id)?.isocurrencycode as string;
  const moved = await write(
    await compile(bench, accounts),
    added(other.map((row) => row.map((one) => (one === "EUR" ? code : one)))),
  );
  expect(tallied(moved)).toEqual({ applied: 2 });
  const after = await bench.stored("account", "accountnumber");
  expect(["A", "B"].map((key) => after.get(key)?.creditlimit)).toEqual(["1.02", "1000.4"]);
});

test("who may not read currencies writes amounts as they are", async () => {
  await using bench = await openStrictBench("blind");
  const tables = { account: "all", systemuser: ["read"], sdkmessage: ["read"], sdkmessagefilter: ["read"] };
  await fetch(`${bench.sandbox.url}/sandbox/roles`, {
    method: "POST",
    body: JSON.stringify([{ name: "Narrow", tables }]),
  });
  const { clientId, clientSecret } = bench.sandbox;
  await fetch(`${bench.sandbox.url}/sandbox/users`, {
    method: "POST",
    body: JSON.stringify({ clientId, clientSecret, roles: ["Narrow"] }),
  });
  const accounts: MappingInput = {
    object: "account",
    columns: { number: "text", credit: "decimal" },
    match: { accountnumber: "number" },
    fields: { creditlimit: "credit" },
  };
  await write(await compile(bench, accounts), added([["A", "1.005"]]));
  expect(tallied(await write(await compile(bench, accounts), added([["A", "1.005"]])))).toEqual({
    applied: 1,
  });
});

test("a record that is read before it is changed, and is gone, is made again without an update that would be refused", async () => {
  await using bench = await openStrictBench();
  const [kept, anew] = await bench.seed("contact", [
    { new_customerid: "A", lastname: "Ann" },
    { new_customerid: "B", lastname: "Bea" },
  ]);
  const people = await compile(bench, {
    columns: { number: "text", name: "text" },
    match: { new_customerid: "number" },
    fields: { lastname: "name" },
  });
  await bench.resetCounters();
  const change = (key: string, seq: number, id: string) =>
    changed([key, "before"], [key, `After ${key}`], { id, seq });
  const gone = "00000000-0000-0000-0000-00000000000";
  const result = await write(people, [
    change("A", 1, kept!),
    change("B", 2, `${gone}2`), // others have removed it and made it anew
    change("C", 3, `${gone}3`),
  ]);
  expect(result.planned).toMatchObject([
    { operation: { kind: "update", record: `contacts(${kept})` } },
    { operation: { kind: "update", record: `contacts(${anew})` } },
    { operation: { kind: "create" } },
  ]);
  expect(tallied(result)).toEqual({ applied: 3 });
  const stored = await bench.stored("contact", "new_customerid");
  expect(["A", "B", "C"].map((key) => stored.get(key)?.lastname)).toEqual(["After A", "After B", "After C"]);
  expect((await bench.counters()).refusals).toEqual({});
});

test.each([
  { kind: "choices", choices: [] },
  { kind: "image", mostBytes: 1 },
  { kind: "file", mostBytes: 1 },
] as const)("nothing is looked for by a column of the shape $kind", (shape) => {
  expect(keyPart(attribute("field", shape), "text")).toHaveProperty("why");
});
