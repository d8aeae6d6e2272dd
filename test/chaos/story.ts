/** Random stories: what a sync is told, what its model holds run by run, and what goes wrong meanwhile. */

import type { FieldSpec, SyncSpec } from "../../src/core/spec.ts";
import { DEFAULT_RULES } from "../../src/core/spec.ts";
import { FAULT_NAMES, type FaultName } from "../../src/sandbox/faults/actions.ts";
import { MODES, type ModeRow, type Row } from "../engine/history.ts";
import { syncSpec } from "../support/project.ts";
import fc from "../support/seeded.ts";

export interface Kill {
  /** What is counted: requests that leave, or statements on the state. */
  readonly by: "request" | "statement";
  readonly at: number;
  readonly torn: number;
}

export interface Step {
  readonly rows: readonly Row[];
  readonly trouble: {
    readonly seed: number;
    readonly rate: number;
    readonly kinds: readonly FaultName[];
  } | null;
  readonly kill: Kill | null;
}

export interface Story {
  readonly object: "contact" | "new_note";
  readonly mode: ModeRow;
  readonly match: "id" | "key" | "columns" | "none";
  readonly adopt: boolean;
  /** The definitions are read at every run. */
  readonly isCold: boolean;
  /** After the last run there is another one, which has nothing to do. */
  readonly isRepeated: boolean;
  readonly batchSize: number;
  readonly journalOutcomes: number;
  /** Rows of whose records somebody else has made one before. */
  readonly strangers: readonly number[];
  readonly steps: readonly Step[];
  readonly last: readonly Row[];
}

/** How a story's columns are spelled in the object. */
export interface Spelling {
  readonly identity: string;
  readonly name: string;
  readonly amount: string;
}

const SPELLINGS: Readonly<Record<Story["object"], Readonly<Record<Story["match"], Spelling>>>> = {
  contact: {
    id: { identity: "contactid", name: "firstname", amount: "numberofchildren" },
    key: { identity: "new_customerid", name: "firstname", amount: "numberofchildren" },
    columns: { identity: "employeeid", name: "firstname", amount: "numberofchildren" },
    none: { identity: "employeeid", name: "firstname", amount: "numberofchildren" },
  },
  // A table without bulk messages: everything goes by $batch.
  new_note: {
    id: { identity: "new_noteid", name: "new_text", amount: "new_priority" },
    key: { identity: "new_code", name: "new_text", amount: "new_priority" },
    columns: { identity: "new_name", name: "new_text", amount: "new_priority" },
    none: { identity: "new_name", name: "new_text", amount: "new_priority" },
  },
};

export const spellingOf = ({ object, match }: Pick<Story, "object" | "match">): Spelling =>
  SPELLINGS[object][match];

/** A name that a plug-in refuses, and an amount that no column takes. */
export const REFUSED = "Refused";
export const OUT_OF_RANGE = -1;

export const ROWS = 20;
const KEYS = Array.from({ length: ROWS }, (_, n) => n + 1);

/** A row's match value: the record's id where the match is by id. */
export const codeOf = (match: Story["match"], key: number): string =>
  match === "id" ? `00000000-0000-4000-8000-${String(key).padStart(12, "0")}` : `C${key}`;

const often = <T>(weight: number, usual: fc.Arbitrary<T>, rare: fc.Arbitrary<T>): fc.Arbitrary<T> =>
  fc.oneof({ weight, arbitrary: usual }, { weight: 1, arbitrary: rare });

const modelOf = (match: Story["match"]): fc.Arbitrary<Row[]> => {
  const row = (key: number) =>
    fc.record({
      id: fc.constant(key),
      code: fc.constant(codeOf(match, key)),
      name: often(9, fc.constantFrom("Ada", "O'Neil", "Zoë 😀", null), fc.constant(REFUSED)),
      amount: often(15, fc.constantFrom(0, 1, 7, null), fc.constant(OUT_OF_RANGE)),
    });
  const odd = fc.constantFrom<Row>(
    { id: 2, code: "C90", name: "double", amount: 1 },
    { id: 91, code: null, name: "without a match", amount: 1 },
  );
  return fc
    .tuple(
      fc.tuple(...KEYS.map((key) => often<Row | null>(3, row(key), fc.constant(null)))),
      match === "id" || match === "none" ? fc.constant(null) : often(4, fc.constant(null), odd),
    )
    .map(([rows, extra]) => {
      const regular = rows.filter((one) => one !== null);
      // A double needs a row that it is the double of.
      const isOdd = extra !== null && (extra.id !== 2 || regular.some(({ id }) => id === 2));
      return isOdd ? [...regular, extra] : regular;
    })
    .filter((rows) => rows.length > 0);
};

const trouble = fc.record({
  seed: fc.nat(1_000_000),
  rate: fc.constantFrom(0.05, 0.15, 0.3, 0.3),
  kinds: fc.oneof(
    { weight: 2, arbitrary: fc.constant([...FAULT_NAMES]) },
    // Silence and half answers: after these nobody knows what was written.
    {
      weight: 2,
      arbitrary: fc.constant<FaultName[]>([
        "truncated",
        "cutMultipart",
        "hangAfterCommit",
        "resetAfterCommit",
        "hang",
      ]),
    },
    { weight: 1, arbitrary: fc.subarray([...FAULT_NAMES], { minLength: 1, maxLength: 4 }) },
  ),
});

const kill = fc.record({
  by: fc.constantFrom("request" as const, "statement" as const),
  at: fc.nat(30),
  torn: fc.constantFrom(0, 0.5, 1),
});

const stepOf = (match: Story["match"], isPeaceful: boolean): fc.Arbitrary<Step> =>
  fc.record({
    rows: modelOf(match),
    trouble: isPeaceful ? fc.constant(null) : trouble,
    kill: isPeaceful ? fc.constant(null) : often<Kill | null>(1, fc.constant(null), kill),
  });

/** Updates need records to update; without a match nobody's record is known for another's. */
function strangersOf({ mode }: ModeRow, match: Story["match"]): { minLength?: number; maxLength: number } {
  if (match === "none") return { maxLength: 0 };
  return match === "id" || mode === "update" ? { minLength: ROWS - 4, maxLength: ROWS } : { maxLength: 4 };
}

const storyOf = ([mode, match, isKnown]: [ModeRow, Story["match"], boolean]): fc.Arbitrary<Story> =>
  fc.record({
    object: fc.constantFrom("contact" as const, "new_note" as const),
    mode: fc.constant(mode),
    match: fc.constant(match),
    // Columns that are no key are looked up, and a record that is not adopted has no id of ours to be known by.
    adopt: match === "columns" ? fc.constant(true) : often(2, fc.constant(true), fc.constant(false)),
    isCold: often(7, fc.constant(false), fc.constant(true)),
    isRepeated: often(2, fc.constant(false), fc.constant(true)),
    batchSize: fc.constantFrom(1, 1, 2, 5, 100),
    journalOutcomes: fc.constantFrom(1, 3, 1000),
    strangers: fc.subarray(KEYS, strangersOf(mode, match)),
    steps: fc
      .tuple(
        isKnown ? stepOf(match, true).map((step) => [step]) : fc.constant([]),
        fc.array(stepOf(match, false), { minLength: 1, maxLength: 2 }),
      )
      .map(([before, after]) => [...before, ...after]),
    last: modelOf(match),
  });

/** Every mode with every match that it can have, with ids that are known and ids that are not. */
export const story: fc.Arbitrary<Story> = fc
  .constantFrom(...MODES)
  .chain((mode) =>
    fc.tuple(
      fc.constant(mode),
      mode.mode === "insert"
        ? fc.constantFrom<Story["match"]>("key", "columns", "none")
        : fc.constantFrom<Story["match"]>("id", "key", "columns"),
      fc.boolean(),
    ),
  )
  .chain(storyOf);

export function specOf(told: Story): SyncSpec {
  const { object, mode, match, adopt } = told;
  const { identity, name, amount } = spellingOf(told);
  const column = (field: string, from: string): FieldSpec => ({
    field,
    source: { column: from },
    whenNull: "clear",
  });
  const unguarded = { share: 1, rows: 1000 };
  return syncSpec({
    object,
    mode: mode.mode,
    onRemoved: mode.onRemoved,
    match: match === "none" ? [] : [{ field: identity, column: "code" }],
    fields: [
      column(name, "name"),
      column(amount, "amount"),
      ...(match === "none" ? [column(identity, "code")] : []),
      ...(object === "contact"
        ? [{ field: "lastname", source: { value: "Doe" }, whenNull: "clear" as const }]
        : []),
    ],
    rules: { ...DEFAULT_RULES, adopt },
    guard: { removed: unguarded },
  });
}
