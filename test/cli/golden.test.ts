/** What a person sees, as text captures: at 80 and 120 columns, with and without colour. `vitest -u` takes new ones. */
import { execFile } from "node:child_process";
import { dirname } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import type { Explanation } from "../../src/cli/explanation.ts";
import { fitted, painter } from "../../src/cli/render.ts";
import { showExplanation } from "../../src/cli/show-explanation.ts";
import { showRejects, showRuns } from "../../src/cli/show-history.ts";
import { showPlan } from "../../src/cli/show-plan.ts";
import {
  nextSteps,
  nextStepsOfPlans,
  SECOND_WAVE,
  showNotRun,
  showRun,
  summary,
} from "../../src/cli/show-sync.ts";
import { noOperations } from "../../src/core/change.ts";
import type { RejectEntry, RunEntry } from "../../src/state/history.ts";
import type { SampleOperation, SyncPlan, SyncRun } from "../../src/sync/report.ts";
import { BIN } from "../support/cli.ts";

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
/** The plan of a sync that its guard would stop: nothing but what would go. */
const stoppedPlan: SyncPlan = {
  ...plan,
  operations: noOperations(),
  fields: {},
  updates: {},
  waiting: 0,
  rejections: { total: 0, byCode: {}, listed: [] },
  samples: samples.filter(({ kind }) => kind === "delete"),
  stopped: stoppedProblem,
  removals: 3_000,
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

const history: RunEntry[] = [
  { ...stopped, run: "20261121T090000000Z-golden", rejected: 0 },
  { ...done, rejected: 7 },
] as unknown as RunEntry[];

type View = { readonly paint: ReturnType<typeof painter>; readonly width: number };
const pictures: Record<string, (view: View) => string> = {
  plan: (view) => showPlan(plan, view),
  "plan-stopped": (view) =>
    [showPlan(stoppedPlan, view), ...nextStepsOfPlans([stoppedPlan], view)].join("\n"),
  run: (view) => {
    const notRun = { sync: "orders", after: "accounts", problems: [stoppedProblem] };
    const second = {
      ...done,
      rows: 20,
      applied: 20,
      unchanged: 0,
      waiting: 0,
      rejections: stopped.rejections,
    };
    const results = { runs: [stopped, done, second], notRun: [notRun] };
    return [
      showRun(stopped, view),
      showRun(done, view),
      showNotRun(notRun, view),
      showRun(second, view, SECOND_WAVE),
      summary(results.runs, view.width),
      nextSteps(results, false, view).join("\n"),
    ].join("\n\n");
  },
  runs: (view) => showRuns(history, view),
  rejects: (view) => showRejects(rejects, view),
  explain: (view) => showExplanation(explanation, view),
};

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours
const bare = (text: string): string => text.replace(/\u001b\[\d+m/g, "");

/** Only a word that has no space to break at may be wider. */
function expectWithin(text: string, width: number): void {
  for (const line of bare(text).split("\n"))
    expect(fitted(line, 1_000).width, line).toBeLessThanOrEqual(width);
}

const HELPS = ["all", "plan", "run", "rejects", "explain"] as const;

/** What `--help` prints, of all of them by one process. */
async function helps(width: number, ink: "plain" | "colour"): Promise<ReadonlyMap<string, string>> {
  const script = `import { run } from "@oclif/core/run";
    for (const name of ${JSON.stringify(HELPS)}) {
      process.stdout.write("\\0" + name + "\\n");
      const words = name === "all" ? ["--help"] : [name, "--help"];
      await run(words, ${JSON.stringify(pathToFileURL(BIN).href)}).catch((ended) => {
        if (ended.oclif?.exit !== 0) throw ended;
      });
    }`;
  const { NO_COLOR: _, FORCE_COLOR: __, ...env } = process.env;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script], {
    cwd: dirname(BIN),
    env: {
      ...env,
      OCLIF_COLUMNS: String(width),
      ...(ink === "plain" ? { NO_COLOR: "1" } : { FORCE_COLOR: "1" }),
    },
  });
  return new Map(
    stdout
      .split("\0")
      .slice(1)
      .map((part) => {
        const end = part.indexOf("\n");
        const text = part.slice(end + 1).replace(/backhaul\/\S+ \S+ node-\S+/, "backhaul/VERSION");
        return [part.slice(0, end), text] as const;
      }),
  );
}

describe.each([80, 120])("at %i columns", (width) => {
  describe.each(["plain", "colour"] as const)("%s", (ink) => {
    test.each(Object.keys(pictures))("%s", async (name) => {
      const paint = painter({ isTTY: ink === "colour" }, {});
      const text = pictures[name]!({ paint, width });
      expect(bare(text) === text).toBe(ink === "plain");
      expectWithin(text, width);
      await expect(`${text}\n`).toMatchFileSnapshot(`golden/${name}-${width}-${ink}.txt`);
    });

    test("help", async () => {
      const texts = await helps(width, ink);
      expect([...texts.keys()]).toEqual(HELPS);
      for (const [name, text] of texts) {
        expect(bare(text) === text).toBe(ink === "plain");
        if (name === "all") expect(bare(text)).toMatch(/EXIT CODES\n +0 .*\n +5 .*\n +70 .*\n +130 /s);
        await expect(text).toMatchFileSnapshot(`golden/help-${name}-${width}-${ink}.txt`);
      }
    });
  });
});

test("in a narrow terminal nothing is wider than it is", () => {
  const view = { paint: painter({}, {}), width: 40 };
  for (const name of ["runs", "run", "plan-stopped"]) expectWithin(pictures[name]!(view), 40);
  expect(pictures.runs!(view)).toContain("rejected 7");
});

test("of thousands of removals the first are named, and what to do stands below them", () => {
  const removed = Array.from({ length: 1_000 }, (_, i) => ({
    kind: "delete" as const,
    key: [`C-${i}`],
    record: id(i),
    fields: [],
  }));
  const lines = (limit: number): string[] =>
    showPlan({ ...stoppedPlan, samples: removed }, { paint: painter({}, {}), width: 120, limit }).split("\n");
  const named = (limit: number): number => lines(limit).filter((line) => line.startsWith("  - ")).length;
  expect([named(3), named(250)]).toEqual([100, 250]);
  expect(lines(3).filter((line) => line.includes("… and"))).toEqual([
    "    … and 2,900 more: --limit 3000 names them all",
  ]);
  expect(lines(3).at(-1)).toContain("run again with --allow removed.");
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
