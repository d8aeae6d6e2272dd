/** Associations as a sync: rows tie two records by a many-to-many relationship, through the engine and at the wire. */
import { expect, test } from "vitest";
import type { AssociateSpec, SyncSpec } from "../../src/core/spec.ts";
import { DEFAULT_RULES } from "../../src/core/spec.ts";
import type { SandboxOptions } from "../../src/sandbox/index.ts";
import { keyProblem } from "../../src/sync/keys.ts";
import { planSyncs } from "../../src/sync/plan.ts";
import type { Prepared } from "../../src/sync/prepare.ts";
import { runSync } from "../../src/sync/run.ts";
import { inDuckdb, preparedOn, syncSpec, temporaryFolder } from "../support/project.ts";
import { type Bench, openBench } from "./support/bench.ts";
import { refusalOf } from "./support/refusal.ts";

const signal = new AbortController().signal;
const TAGS: AssociateSpec = {
  relationship: "new_account_tag",
  from: { object: "account", by: "accountnumber", column: "number" },
  to: { object: "new_tag", by: "new_name", column: "tag" },
  whenMissing: "reject",
};
const tagging = (more: Partial<SyncSpec> = {}): SyncSpec =>
  syncSpec({
    name: "tags",
    object: "account",
    match: [],
    fields: [],
    mode: "mirror",
    onRemoved: "remove_member",
    associate: TAGS,
    place: (...path) => ({ file: path.join(".") }),
    ...more,
  });

interface Here extends AsyncDisposable {
  readonly bench: Bench;
  prepare(pairs: readonly (readonly [string, string])[], sync?: SyncSpec): Promise<Prepared>;
  /** Names of what is tied, as `account-tag`. */
  ties(): Promise<string[]>;
}

async function here(options: SandboxOptions = {}, config?: Parameters<typeof openBench>[1]): Promise<Here> {
  const folder = temporaryFolder();
  const bench = await openBench(options, config);
  await inDuckdb(`${folder.path}/warehouse.duckdb`, "SELECT 1");
  await bench.seed(
    "account",
    ["A", "B", "C"].map((accountnumber) => ({ accountnumber, name: accountnumber })),
  );
  await bench.seed(
    "new_tag",
    ["x", "y", "O'Neil/1"].map((new_name) => ({ new_name })),
  );
  return {
    bench,
    prepare: (pairs, sync = tagging()) =>
      preparedOn({
        folder: folder.path,
        query: `SELECT number || '-' || tag AS id, number, tag FROM (VALUES ${[...pairs, ["none", "none"]]
          .map((pair) => `(${pair.map((text) => `'${text!.replaceAll("'", "''")}'`).join(", ")})`)
          .join(", ")}) t(number, tag) WHERE number <> 'none'`,
        primaryKey: ["id"],
        sync,
        destination: bench.destination,
      }),
    async ties() {
      const names = new Map(
        [...(await bench.stored("account")), ...(await bench.stored("new_tag"))].map(([id, row]) => [
          id,
          String(row.accountnumber ?? row.new_name),
        ]),
      );
      const rows = [...(await bench.stored("new_account_new_tag")).values()];
      return rows
        .map((row) => `${names.get(String(row.accountid))}-${names.get(String(row.new_tagid))}`)
        .sort();
    },
    async [Symbol.asyncDispose]() {
      await bench[Symbol.asyncDispose]();
      folder[Symbol.dispose]();
    },
  };
}

async function clean(bench: Bench): Promise<void> {
  const { refusals, ignored, redundant } = await bench.counters();
  expect({ refusals, ignored, redundant }).toEqual({ refusals: {}, ignored: {}, redundant: {} });
}

test("a mirror ties what is new and unties what is gone; a second run sends nothing", async () => {
  await using it = await here();
  const first = await it.prepare([
    ["A", "x"],
    ["A", "y"],
    ["B", "O'Neil/1"],
  ]);
  const plans = [];
  for await (const plan of planSyncs([first], { signal })) plans.push(plan);
  expect(plans[0]).toMatchObject({ operations: { add_member: 3, remove_member: 0 }, requests: 1 });
  expect(await runSync(first, { signal })).toMatchObject({ applied: 3, requests: { writes: 1 } });
  expect(await it.ties()).toEqual(["A-x", "A-y", "B-O'Neil/1"]);
  expect(await runSync(first, { signal })).toMatchObject({ applied: 0, requests: { writes: 0 } });
  const second = await it.prepare([
    ["A", "y"],
    ["C", "x"],
    ["B", "O'Neil/1"],
  ]);
  expect(await runSync(second, { signal })).toMatchObject({ applied: 2, unchanged: 2 });
  expect(await it.ties()).toEqual(["A-y", "B-O'Neil/1", "C-x"]);
  expect((await it.bench.counters()).operations).toMatchObject({ associate: 4, disassociate: 1 });
  await clean(it.bench);
});

test("what is tied already is read and left alone, and a mirror unties nothing that it has never seen", async () => {
  await using it = await here();
  await runSync(
    await it.prepare(
      [
        ["A", "x"],
        ["B", "y"],
      ],
      tagging({ name: "earlier" }),
    ),
    { signal },
  );
  await it.bench.resetCounters();
  const run = await runSync(
    await it.prepare([
      ["A", "x"],
      ["A", "y"],
    ]),
    { signal },
  );
  expect(run).toMatchObject({ applied: 1, unchanged: 1 });
  expect(await it.ties()).toEqual(["A-x", "A-y", "B-y"]);
  await clean(it.bench);
});

test("without adoption a tie that is there counts as made; one that is gone counts as undone", async () => {
  await using it = await here();
  const blind = tagging({ rules: { ...DEFAULT_RULES, adopt: false } });
  const accounts = await it.bench.stored("account", "accountnumber");
  const tags = await it.bench.stored("new_tag", "new_name");
  const [a, b] = [accounts.get("A")?.id, accounts.get("B")?.id];
  const x = tags.get("x")?.id;
  const link = { "@odata.id": `${it.bench.sandbox.url}/api/data/v9.2/new_tags(${x})` };
  expect(await it.bench.call("POST", `accounts(${a})/new_account_tag/$ref`, link)).toBe(204);
  const run = await runSync(
    await it.prepare(
      [
        ["A", "x"],
        ["B", "x"],
        ["A", "y"],
      ],
      blind,
    ),
    { signal },
  );
  expect(run).toMatchObject({ applied: 3, rejections: { total: 0 } });
  expect(await it.ties()).toEqual(["A-x", "A-y", "B-x"]);
  expect(await it.bench.call("DELETE", `accounts(${b})/new_account_tag(${x})/$ref`)).toBe(204);
  const gone = await runSync(await it.prepare([["A", "y"]], blind), { signal });
  expect(gone).toMatchObject({ applied: 2, rejections: { total: 0 }, deferred: 0 });
  expect(await it.ties()).toEqual(["A-y"]);
});

test("a tie that another sync keeps too is left", async () => {
  await using it = await here();
  const pairs = [["A", "x"]] as const;
  await runSync(await it.prepare(pairs, tagging({ name: "earlier" })), { signal });
  await runSync(await it.prepare([...pairs, ["B", "x"]]), { signal });
  await runSync(await it.prepare([["B", "x"]]), { signal });
  expect(await it.ties()).toEqual(["A-x", "B-x"]);
});

test("the mode add never unties", async () => {
  await using it = await here();
  const add = tagging({ mode: "add", onRemoved: "keep" });
  await runSync(
    await it.prepare(
      [
        ["A", "x"],
        ["B", "x"],
      ],
      add,
    ),
    { signal },
  );
  expect(await runSync(await it.prepare([["C", "x"]], add), { signal })).toMatchObject({ applied: 1 });
  expect(await it.ties()).toEqual(["A-x", "B-x", "C-x"]);
});

test("a record that is not there rejects its row alone, by side, or is waited for", async () => {
  await using it = await here();
  const pairs = [
    ["A", "x"],
    ["Z", "x"],
    ["A", "no"],
  ] as const;
  const run = await runSync(await it.prepare(pairs), { signal });
  expect(run).toMatchObject({ applied: 1, rejections: { byCode: { "lookup.missing": 2 } } });
  expect(run.rejections.listed.map(({ message }) => message).sort()).toEqual([
    "from: there is no account with accountnumber 'Z'.",
    "to: there is no new_tag with new_name 'no'.",
  ]);
  const patient = tagging({ name: "patient", associate: { ...TAGS, whenMissing: "skip" } });
  const prepared = await it.prepare([["B", "later"]], patient);
  expect(await runSync(prepared, { signal })).toMatchObject({ applied: 0, rejections: { total: 0 } });
  await it.bench.seed("new_tag", [{ new_name: "later" }]);
  expect(await runSync(prepared, { signal })).toMatchObject({ applied: 1 });
  expect(await it.ties()).toEqual(["A-x", "B-later"]);
});

test("the guard counts associations that would be undone", async () => {
  await using it = await here();
  const guard = { removed: { share: 0.1, rows: 1 } };
  await runSync(
    await it.prepare(
      [
        ["A", "x"],
        ["A", "y"],
        ["B", "x"],
      ],
      tagging({ guard }),
    ),
    { signal },
  );
  const run = await runSync(await it.prepare([["A", "x"]], tagging({ guard })), { signal });
  expect(run).toMatchObject({ applied: 0, stopped: { code: "guard.removed" } });
  expect(await it.ties()).toHaveLength(3);
});

test("a tie that is refused rejects its row, the others land", async () => {
  await using it = await here();
  await it.bench.faults({
    on: { kind: "associate", table: "account" },
    do: { status: 400, code: "0x80040265", message: "Not this one." },
    times: 1,
  });
  const run = await runSync(
    await it.prepare([
      ["A", "x"],
      ["B", "x"],
      ["C", "x"],
    ]),
    { signal },
  );
  expect(run).toMatchObject({ applied: 2, rejections: { total: 1 } });
  expect(run.rejections.listed[0]?.message).toContain("Not this one.");
});

test.each([
  [{ relationship: "new_account_tags" }, "associate.unknown_relationship", "associate.relationship"],
  [{ to: { ...TAGS.to, object: "contact", by: "lastname" } }, "associate.objects", "associate"],
  [{ to: { ...TAGS.to, object: "new_nothing" } }, "object.unknown", "associate.to.object"],
  [{ from: { ...TAGS.from, by: "nothing" } }, "mapping.lookup_by", "associate.from.by"],
] as const)("%j is refused before anything runs", async (more, code, place) => {
  await using it = await here();
  const sync = tagging({ associate: { ...TAGS, ...more } });
  const { problems } = await refusalOf(it.prepare([["A", "x"]], sync));
  expect(problems.map((problem) => [problem.code, problem.place?.file])).toEqual([[code, place]]);
});

test("the rights to tie are asked for", async () => {
  const CLERK = { clientId: "7c0d9f0e-31fc-4a47-9b53-5a2f7a3c11dd", clientSecret: "clerk's" };
  await using it = await here(
    {
      users: [{ ...CLERK, roles: ["Clerk"] }],
      roles: [{ name: "Clerk", tables: { account: ["read"], new_tag: ["read", "append"] } }],
    },
    {
      config: ({ tenant }) => ({
        auth: { type: "client_secret", tenant, client_id: CLERK.clientId, client_secret: CLERK.clientSecret },
      }),
    },
  );
  const { problems } = await refusalOf(it.prepare([["A", "x"]]));
  expect(problems.map(({ message, place }) => [/prv\w+/.exec(message)?.[0], place?.file])).toEqual([
    ["prvAppendAccount", "associate.from"],
    ["prvAppendTonew_tag", "associate.to"],
  ]);
});

test("a row that names no second record is told by its column", async () => {
  await using it = await here();
  const prepared = await it.prepare([["A", "x"]]);
  const key = prepared.shape.key.map((i) => (prepared.shape.columns[i]?.name === "tag" ? null : "A"));
  expect(keyProblem(prepared, { code: "key.null", key, match: [] })).toMatchObject({
    code: "match.null",
    message: "tag is null, so it cannot be told which record is meant.",
  });
});
