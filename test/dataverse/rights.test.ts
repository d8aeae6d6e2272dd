import { expect, test } from "vitest";
import { lackingOf, type Need } from "../../connectors/dataverse/compile/rights.ts";
import type { Problem } from "../../src/core/errors.ts";
import { DEFAULT_RULES, NO_OPTIONS, type SyncSpec, type WriteOptions } from "../../src/core/spec.ts";
import { type SandboxOptions, SEEDED } from "../../src/sandbox/index.ts";
import { type Bench, columnsOf, type MappingInput, openBench, running, syncOf } from "./support/bench.ts";
import { refusalOf } from "./support/refusal.ts";

/** What the users of a destination may do is asked before anything is written, and what they lack is named. */

const CLERK = { clientId: "7c0d9f0e-31fc-4a47-9b53-5a2f7a3c11dd", clientSecret: "clerk's" };
type Tables = NonNullable<NonNullable<SandboxOptions["roles"]>[number]["tables"]>;

const people: MappingInput = {
  columns: { number: "text", name: "text", credit: "decimal", account: "text", owner: "text" },
  match: { new_customerid: "number" },
  fields: {
    lastname: "name",
    creditlimit: "credit",
    parentcustomerid: {
      source: { column: "account" },
      lookup: { object: "account", by: "accountnumber", whenMissing: "reject" },
    },
    ownerid: {
      source: { column: "owner" },
      lookup: { object: "systemuser", by: "internalemailaddress", whenMissing: "reject" },
    },
  },
};

/** Everything that the mapping above needs. */
const ALL: Tables = {
  contact: ["read", "create", "write", "delete", "append", "assign"],
  account: ["read", "appendTo"],
  systemuser: ["read"],
  sdkmessagefilter: ["read"],
  sdkmessage: ["read"],
};

const clerkIn = (tenant: string) => ({
  type: "client_secret" as const,
  tenant,
  client_id: CLERK.clientId,
  client_secret: CLERK.clientSecret,
});

async function asClerk(
  tables: Tables,
  privileges: readonly string[] = [],
  more: Partial<SandboxOptions> = {},
): Promise<Bench> {
  const bench = await openBench(
    { users: [{ ...CLERK, roles: ["Clerk"] }], roles: [{ name: "Clerk", tables, privileges }], ...more },
    {
      config: ({ tenant }) => ({ auth: clerkIn(tenant) }),
    },
  );
  return bench;
}

type More = Omit<Partial<SyncSpec>, "rules" | "options"> & {
  readonly rules?: Partial<SyncSpec["rules"]>;
  readonly options?: Partial<WriteOptions>;
};
const compile = (bench: Bench, { rules, options, ...more }: More = {}, input: MappingInput = people) =>
  bench.destination.compile(
    {
      ...syncOf(input),
      mode: "mirror",
      onRemoved: "delete",
      ...more,
      rules: { ...DEFAULT_RULES, ...rules },
      options: { ...NO_OPTIONS, ...options },
    },
    columnsOf(input),
    running(),
  );

const told = ({ code, message, place }: Problem): unknown[] => [
  code,
  /prv\w+|secured column '\w+'/.exec(message)?.[0],
  place?.file,
];
const lacks = async (asking: Promise<unknown>) => (await refusalOf(asking)).problems.map(told);

test("whoever holds what the mapping needs is let through, with one request more", async () => {
  await using bench = await asClerk(ALL);
  const before = bench.destination.counters.reads;
  const { warnings } = await compile(bench);
  expect(warnings).toEqual([]);
  expect(bench.destination.counters.reads - before).toBeLessThanOrEqual(7);
  expect((await bench.counters()).refusals).toEqual({});
});

test.each([
  ["contact", "read", "prvReadContact", "object"],
  ["contact", "create", "prvCreateContact", "mode"],
  ["contact", "write", "prvWriteContact", "mode"],
  ["contact", "delete", "prvDeleteContact", "on_removed"],
  ["contact", "append", "prvAppendContact", "fields.parentcustomerid"],
  ["contact", "assign", "prvAssignContact", "fields.ownerid"],
  ["account", "read", "prvReadAccount", "fields.parentcustomerid"],
  ["account", "appendTo", "prvAppendToAccount", "fields.parentcustomerid"],
] as const)("without %s.%s, %s is named at %s", async (table, right, privilege, place) => {
  const rest = { ...ALL, [table]: (ALL[table] as readonly string[]).filter((one) => one !== right) };
  await using bench = await asClerk(rest as Tables);
  const { problems } = await refusalOf(compile(bench));
  expect(problems.map(told)).toEqual([["dataverse.missing_privilege", privilege, place]]);
  expect(problems[0]).toMatchObject({ kind: "connection", remedy: expect.stringContaining(privilege) });
  expect(bench.destination.counters.writes).toBe(0);
});

test("a mode asks for what it does alone, and all that is missing is told at once", async () => {
  await using bench = await asClerk({ contact: ["append"] });
  const lookup: MappingInput = { ...people, fields: { lastname: "name" } };
  const update = { mode: "update", onRemoved: "keep" } as const;
  const insert = { mode: "insert", onRemoved: "keep" } as const;
  const key = "dataverse.missing_privilege";
  expect(await lacks(compile(bench, update, lookup))).toEqual([
    [key, "prvReadContact", "object"],
    [key, "prvWriteContact", "mode"],
  ]);
  expect(await lacks(compile(bench, { ...insert, rules: { adopt: false } }, lookup))).toEqual([
    [key, "prvCreateContact", "mode"],
  ]);
});

test("without read, adoption and if_empty are refused; a key finds its record without being read", async () => {
  await using bench = await asClerk({ contact: ["create", "write"] });
  const input: MappingInput = { ...people, fields: { lastname: "name" } };
  const upsert = { mode: "upsert", onRemoved: "keep" } as const;
  const adopting = await refusalOf(compile(bench, upsert, input));
  expect(adopting.problems[0]?.remedy).toContain("or say adopt: false");
  await compile(bench, { ...upsert, rules: { adopt: false } }, input);
  const careful: MappingInput = {
    ...input,
    fields: { lastname: { source: { column: "name" }, write: "if_empty" } },
  };
  expect(await lacks(compile(bench, { ...upsert, rules: { adopt: false } }, careful))).toEqual([
    ["dataverse.missing_privilege", "prvReadContact", "fields.lastname"],
  ]);
});

test("options name the privileges that they need", async () => {
  await using bench = await asClerk(ALL);
  const missing = (options: Partial<WriteOptions>) => lacks(compile(bench, { options }));
  const key = "dataverse.missing_privilege";
  expect(await missing({ bypassLogic: ["sync"] })).toEqual([
    [key, "prvBypassCustomBusinessLogic", "options.bypass_logic"],
  ]);
  expect(await missing({ bypassPlugins: true })).toEqual([
    [key, "prvBypassCustomPlugins", "options.bypass_plugins"],
  ]);
  // Page "Bypass Power Automate flows": no privilege is needed.
  await compile(bench, { options: { bypassFlows: true } });
  await using free = await asClerk(ALL, ["prvBypassCustomBusinessLogic"]);
  await compile(free, { options: { bypassLogic: ["sync", "async"] } });
});

test("impersonation needs its privilege, a user who is there, and the rights of both", async () => {
  await using bench = await asClerk(ALL);
  const users = [...(await bench.stored("systemuser")).values()];
  const objectId = String(users.find(({ id }) => id === SEEDED.ben)?.azureactivedirectoryobjectid);
  expect(await lacks(compile(bench, { options: { impersonate: objectId } }))).toEqual([
    ["dataverse.missing_privilege", "prvActOnBehalfOfAnotherUser", "options.impersonate"],
  ]);
  await using able = await asClerk(ALL, ["prvActOnBehalfOfAnotherUser"]);
  await compile(able, { options: { impersonate: objectId } });
  const nobody = "00000000-0000-0000-0000-000000000009";
  expect(await lacks(compile(able, { options: { impersonate: nobody } }))).toEqual([
    ["dataverse.unknown_user", undefined, "options.impersonate"],
  ]);
  await able.user({ id: SEEDED.ben, roles: [] });
  const { problems } = await refusalOf(compile(able, { options: { impersonate: objectId } }));
  expect(problems.every(({ message }) => message.includes(`The impersonated user ${SEEDED.ben} lacks`))).toBe(
    true,
  );
});

test("a secured column that is mapped has to be open to the user", async () => {
  const secured = ["contact.creditlimit"];
  const profile = (...may: ("read" | "create" | "update")[]) => ({
    secured,
    profiles: [{ name: "p", users: [CLERK.clientId], columns: { "contact.creditlimit": may } }],
  });
  await using bench = await asClerk(ALL, [], { columns: profile("create", "update") });
  const { problems } = await refusalOf(compile(bench));
  expect(problems.map(({ code, message, field, place }) => [code, message, field, place?.file])).toEqual([
    [
      "dataverse.secured_column",
      expect.stringMatching(/^The user .* may not read the secured column 'creditlimit'\.$/),
      "creditlimit",
      "fields.creditlimit",
    ],
  ]);
  await compile(bench, { rules: { adopt: false } });
  await using open = await asClerk(ALL, [], { columns: profile("read", "create", "update") });
  await compile(open);
  await using admin = await openBench({ columns: { secured } });
  await compile(admin);
});

test("each of several users needs the rights", async () => {
  await using bench = await openBench(
    { users: [{ ...CLERK, roles: ["Clerk"] }], roles: [{ name: "Clerk", tables: { contact: ["read"] } }] },
    { config: ({ tenant }) => ({ users: [clerkIn(tenant)] }) },
  );
  const input: MappingInput = { ...people, fields: { lastname: "name" } };
  expect(await lacks(compile(bench, { mode: "upsert", onRemoved: "keep" }, input))).toEqual([
    ["dataverse.missing_privilege", "prvCreateContact", "mode"],
    ["dataverse.missing_privilege", "prvWriteContact", "mode"],
  ]);
});

test("how far a privilege reaches counts: read is for all or not at all, writing for a part is a warning", () => {
  const sync = syncOf(people);
  const need = (privilege: string, reach: Need["reach"]): Need => ({
    privilege,
    purpose: "to do",
    reach,
    path: ["mode"],
  });
  const needs = [need("prvReadX", "organisation"), need("prvWriteX", "records"), need("prvCreateX", "any")];
  const holding = (depth: "Basic" | "Local" | "Deep" | "Global" | "unknown") =>
    lackingOf(
      needs,
      [],
      { privileges: new Map(needs.map(({ privilege }) => [privilege, depth])), columns: null },
      "X",
      sync,
    );
  for (const depth of ["Basic", "Local", "Deep"] as const) {
    const { problems, warnings } = holding(depth);
    expect(problems.map(({ message }) => message)).toEqual([
      `X has the privilege prvReadX (to do) for a part of the organisation alone (${depth}).`,
    ]);
    expect(warnings).toEqual([
      `X has the privilege prvWriteX (to do) for a part of the organisation alone (${depth}): other records are refused.`,
    ]);
  }
  for (const depth of ["Global", "unknown"] as const)
    expect(holding(depth)).toEqual({ problems: [], warnings: [] });
});

test("a server that cannot be asked gets a warning, not a refusal", async () => {
  await using bench = await openBench();
  await bench.faults({
    on: { kind: "read", inBatch: true },
    do: { status: 404, code: "0x80060888", message: "Resource not found." },
    times: 100,
  });
  const input: MappingInput = { ...people, fields: { lastname: "name" } };
  const { warnings } = await compile(bench, {}, input);
  expect(warnings).toEqual([expect.stringContaining("could not be asked what it may do")]);
});
