/** What a person sees, as text captures: at 80 and 120 columns, with and without colour. `vitest -u` takes new ones. */
import { describe, expect, test } from "vitest";
import type { Explanation } from "../../src/cli/explanation.ts";
import { fitted, painter } from "../../src/cli/render.ts";
import { showExplanation } from "../../src/cli/show-explanation.ts";
import { showRejects } from "../../src/cli/show-history.ts";
import { showPlan } from "../../src/cli/show-plan.ts";
import { nextSteps, showNotRun, showRun, summary } from "../../src/cli/show-sync.ts";
import { noOperations } from "../../src/core/change.ts";
import type { RejectEntry } from "../../src/state/history.ts";
import type { SampleOperation, SyncPlan, SyncRun } from "../../src/sync/report.ts";
import { backhaul } from "../support/cli.ts";

const run = "20261121T080000000Z-golden";
const organization = "11111111-2222-3333-4444-555555555555";
const id = (n: number): string => `contacts(00000000-0000-5000-8000-${String(n).padStart(12, "0")})`;
const rejections = {
  total: 7,
  byCode: { "value.too_long": 5, "lookup.missing": 2 },
  listed: [
    ...["C-1", "C-2", "C-3"].map((key) => ({
      key: [key],
      field: "jobtitle",
      code: "value.too_long",
      message:
        "jobtitle: 'Stellvertretende Leiterin der Stellvertretung…' has 155 characters; the column takes 100.",
      remedy: "Shorten it in the model, or say truncate: true.",
    })),
    {
      key: ["名前-9"],
      field: "parentcustomerid",
      code: "lookup.missing",
      message: "parentcustomerid: there is no account with accountnumber 'AC-99999'.",
      remedy: "Sync the parent first, correct the value, or set when_missing.",
    },
  ],
};
const samples: SampleOperation[] = [
  {
    kind: "create",
    key: ["C-100"],
    name: "Łucja Nowak",
    record: id(100),
    fields: [
      { field: "firstname", after: '"Łucja"' },
      { field: "description", after: `"${"A long text. ".repeat(20)}"` },
    ],
  },
  {
    kind: "update",
    key: ["C-101"],
    name: "山田 太郎",
    record: id(101),
    fields: [
      { field: "emailaddress1", before: '"old@example.com"', after: '"new.address@example.com"' },
      { field: "jobtitle", before: '"課長"', after: '"部長 👩‍💼"' },
      { field: "description", before: `"${"before ".repeat(30)}"`, after: '"short"' },
      { field: "new_score", after: "27.1809" },
      { field: "mobilephone", before: '"+49 30 1"', after: "null" },
    ],
  },
  ...[1, 2, 3].map((n) => ({
    kind: "delete" as const,
    key: [`C-00${n}`],
    name: n === 2 ? "A Person With An Uncommonly Long Name Indeed" : "Bo Li",
    record: id(n),
    fields: [],
  })),
];
const plan: SyncPlan = {
  sync: "contacts",
  model: "contacts",
  destination: "dynamics",
  organization,
  object: "contact",
  rows: 22_007,
  operations: { ...noOperations(), create: 12, update: 292, delete: 3 },
  fields: {
    emailaddress1: 132,
    jobtitle: 92,
    new_score: 60,
    parentcustomerid: 20,
    description: 9,
    mobilephone: 1,
  },
  updates: {
    emailaddress1: 120,
    jobtitle: 80,
    new_score: 60,
    parentcustomerid: 20,
    description: 9,
    mobilephone: 1,
  },
  unchanged: 21_690,
  waiting: 3,
  rejections,
  requests: 4,
  forecast: { seconds: 2.4, share: { requests: 0.001, execution: 0.005 } },
  samples,
  warnings: ["contact.birthdate shows a date but stores a moment: its day depends on the reader's zone."],
} as SyncPlan;
const stoppedProblem = {
  kind: "guard",
  code: "guard.removed",
  message:
    "3,000 of 22,007 rows that contacts knows would be removed (13.6 %), more than its guard allows (10 % and 50 rows); nothing was written.",
  remedy: "Look at the plan; if it is right, run again with --allow removed.",
} as const;
const done: SyncRun = {
  run,
  sync: "contacts",
  model: "contacts",
  destination: "dynamics",
  organization,
  object: "contact",
  started: "2026-11-21T08:00:00.000Z",
  seconds: 12.34,
  rows: 22_007,
  applied: 307,
  unchanged: 21_690,
  deferred: 0,
  waiting: 3,
  rejections,
  requests: { reads: 23, writes: 4, retries: 0, throttled: 0 },
  sending: {
    rowsPerSecond: 120,
    kinds: { UpdateMultiple: 3, CreateMultiple: 1, read: 23 },
    waits: {},
    retries: {},
    limits: {},
    isolation: { requests: 0, rows: 0 },
    load: { requests: 0.001, execution: 0.005, concurrency: 0.08 },
    forecast: { requests: 4, seconds: 2.4 },
    actual: { requests: 4, seconds: 2.6 },
  },
  warnings: [],
};
const stopped: SyncRun = {
  ...done,
  sync: "accounts",
  model: "accounts",
  object: "account",
  applied: 0,
  waiting: 0,
  rejections: { total: 0, byCode: {}, listed: [] },
  stopped: { ...stoppedProblem },
};
const rejects: RejectEntry[] = rejections.listed.map((entry) => ({
  run,
  sync: "contacts",
  organization,
  object: "contact",
  ...entry,
}));
const explanation: Explanation = {
  sync: "contacts",
  model: "contacts",
  object: "contact",
  destination: "dynamics",
  organization,
  key: ["C-101"],
  inModel: true,
  record: "00000000-0000-5000-8000-000000000101",
  fields: [
    { field: "new_customerid", column: "person_id", mapping: "finds the record", value: "C-101" },
    {
      field: "jobtitle",
      column: "title",
      mapping: "a null leaves the field alone",
      value: "部長",
      known: "課長",
      plan: { before: '"課長"', after: '"部長"' },
    },
    {
      field: "parentcustomerid",
      column: "account_number",
      mapping: "the account with this accountnumber; where there is none: reject",
      value: "AC-00412",
    },
    { field: "leadsourcecode", mapping: "the constant 1" },
  ],
  next: [
    { status: "update", record: id(101), fields: [{ field: "jobtitle", before: '"課長"', after: '"部長"' }] },
  ],
  changes: [
    {
      run,
      at: "2026-11-21T08:00:05.000Z",
      key: ["C-101"],
      kind: "changed",
      columns: { email: ["old@example.com", null] },
      id: "00000000-0000-5000-8000-000000000101",
      request: "99999999-8888-7777-6666-555555555555",
    },
  ],
  rejects: rejects.slice(0, 1),
  notes: [
    "Run 20261101T080000000Z-first wrote 22,007 rows; of a run the first 10,000 are kept one by one, so this row may have been written by it.",
  ],
};

type View = { readonly paint: ReturnType<typeof painter>; readonly width: number };
const pictures: Record<string, (view: View) => string> = {
  plan: (view) => showPlan(plan, view),
  "plan-stopped": (view) => showPlan({ ...plan, stopped: stoppedProblem }, view),
  run: (view) => {
    const notRun = { sync: "orders", after: "accounts", problems: [stoppedProblem] };
    const results = { runs: [stopped, done], notRun: [notRun] };
    return [
      showRun(stopped, view),
      showRun(done, view),
      showNotRun(notRun, view),
      summary(results.runs),
      nextSteps(results, false, view).join("\n"),
    ].join("\n\n");
  },
  rejects: (view) => showRejects(rejects, view),
  explain: (view) => showExplanation(explanation, view),
};

describe.each([80, 120])("at %i columns", (width) => {
  describe.each(["plain", "colour"])("%s", (ink) => {
    test.each(Object.keys(pictures))("%s", async (name) => {
      const paint = painter({ isTTY: ink === "colour" }, {});
      const text = pictures[name]!({ paint, width });
      // biome-ignore lint/suspicious/noControlCharactersInRegex: colours
      const bare = text.replace(/\u001b\[\d+m/g, "");
      expect(bare === text).toBe(ink === "plain");
      // Only what has no space to break at may be wider: a table, or a word.
      for (const line of bare
        .split("\n")
        .filter((line) => !/^(sync|──|contacts {2}|accounts {2})/.test(line)))
        expect(fitted(line, 1_000).width, line).toBeLessThanOrEqual(width);
      await expect(`${text}\n`).toMatchFileSnapshot(`golden/${name}-${width}-${ink}.txt`);
    });
  });

  test.each([[], ["plan"], ["explain"]])("help %j", async (...command) => {
    const env = { OCLIF_COLUMNS: String(width), NO_COLOR: "1" };
    const { stdout, code } = await backhaul([...command.filter(Boolean), "--help"], { env });
    expect(code).toBe(0);
    const text = stdout.replace(/backhaul\/\S+ \S+ node-\S+/, "backhaul/VERSION");
    await expect(text).toMatchFileSnapshot(`golden/help-${command[0] ?? "all"}-${width}.txt`);
  });
});

test("colour is for terminals that want it", () => {
  const coloured = (isTTY: boolean, env: NodeJS.ProcessEnv): boolean =>
    painter({ isTTY }, env)("red", "x") !== "x";
  expect(coloured(true, {})).toBe(true);
  expect(coloured(false, {})).toBe(false);
  expect(coloured(true, { NO_COLOR: "1" })).toBe(false);
  expect(coloured(true, { TERM: "dumb" })).toBe(false);
  expect(coloured(false, { FORCE_COLOR: "1" })).toBe(true);
  expect(coloured(true, { FORCE_COLOR: "0" })).toBe(false);
  // Who asks for colours gets them, whatever else is set.
  expect(coloured(false, { FORCE_COLOR: "1", NO_COLOR: "1" })).toBe(true);
});
