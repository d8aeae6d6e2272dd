/** Random histories: tables and their edits, mappings that drift, faults, kills, guards and plans. */

import type { SyncSpec } from "../../src/core/spec.ts";
import type { Fault } from "../support/free-destination.ts";
import { syncSpec } from "../support/project.ts";
import fc from "../support/seeded.ts";

/** A row of the model; the key and the match value may be null, and may be another row's. */
export interface Row {
  readonly id: number | null;
  readonly code: string | null;
  readonly name: string | null;
  readonly amount: number | null;
}

export interface Mapping {
  readonly amount: "INTEGER" | "DECIMAL(18,4)" | "VARCHAR" | undefined;
  /** The column that the field `name` comes from. */
  readonly name: "name" | "other";
  readonly tag: string | undefined;
}

export interface Step {
  readonly rows: readonly Row[];
  readonly mapping: Mapping;
  readonly faults: readonly Fault[];
  readonly kill?: { readonly at: number; readonly when: "before" | "after"; readonly torn: number };
  readonly planned: boolean;
  readonly guarded: boolean;
}

export const MODES = [
  { mode: "insert", onRemoved: "keep" },
  { mode: "update", onRemoved: "keep" },
  { mode: "upsert", onRemoved: "keep" },
  { mode: "upsert", onRemoved: "deactivate" },
  { mode: "upsert", onRemoved: "delete" },
  { mode: "mirror", onRemoved: "delete" },
  { mode: "mirror", onRemoved: "deactivate" },
] as const;

export type ModeRow = (typeof MODES)[number];

export interface History {
  readonly mode: ModeRow;
  /** Match values of records that somebody else has made. */
  readonly seeds: readonly string[];
  readonly tellsIds: boolean;
  readonly batchSize: number;
  readonly journalOutcomes: number;
  readonly steps: readonly Step[];
  readonly last: Pick<Step, "rows" | "mapping">;
}

const KEYS = [1, 2, 3, 4, 5];
const often = <T>(weight: number, usual: fc.Arbitrary<T>, rare: fc.Arbitrary<T>): fc.Arbitrary<T> =>
  fc.oneof({ weight, arbitrary: usual }, { weight: 1, arbitrary: rare });

/** Match values: a row's own, or another's; case and spaces at the end do not count. */
const code = (own: number): fc.Arbitrary<string | null> =>
  often(
    12,
    fc
      .tuple(
        often(2, fc.constant(own), fc.constantFrom(...KEYS, 6)),
        often(
          4,
          fc.constant((s: string) => s),
          fc.constantFrom(
            (s: string) => `${s} `,
            (s: string) => s.toLowerCase(),
          ),
        ),
      )
      .map(([n, spelled]) => spelled(`C${n}`)),
    fc.constant(null),
  );

const row = (key: number): fc.Arbitrary<Row> =>
  fc.record({
    id: fc.constant(key),
    code: code(key),
    name: fc.constantFrom("Ada", "O'Neil", "", null),
    amount: fc.constantFrom(0, 1, -2, null),
  });

const odd = fc.record({
  id: fc.constantFrom(null, 1, 2, 7),
  code: fc.constantFrom("C1", "C2", "C7", null),
  name: fc.constant("odd"),
  amount: fc.constant(1),
});

const table: fc.Arbitrary<Row[]> = fc
  .tuple(
    fc.tuple(...KEYS.map((key) => often<Row | null>(3, row(key), fc.constant(null)))),
    often<Row[]>(5, fc.constant([]), fc.array(odd, { minLength: 1, maxLength: 2 })),
  )
  .map(([regular, spice]) => [...regular.filter((r) => r !== null), ...spice]);

const mapping: fc.Arbitrary<Mapping> = often(
  4,
  fc.constant<Mapping>({ amount: "INTEGER", name: "name", tag: "x" }),
  fc.record({
    amount: fc.constantFrom("INTEGER", "DECIMAL(18,4)", "VARCHAR", undefined),
    name: fc.constantFrom("name", "other"),
    tag: fc.constantFrom("x", "y", undefined),
  }),
);

const faults = fc.array(
  fc.constantFrom<Fault>(
    "ok",
    "ok",
    "ok",
    "owed",
    "rejected",
    "refused",
    "deferred",
    "lost-before",
    "lost-after",
    "throw",
  ),
  { maxLength: 8 },
);

const step: fc.Arbitrary<Step> = fc
  .record({
    rows: table,
    mapping,
    faults: often<Fault[]>(2, faults, fc.constant([])),
    kill: often<Step["kill"] | null>(
      1,
      fc.constant(null),
      fc.record({
        at: fc.nat(50),
        when: fc.constantFrom("before", "after"),
        torn: fc.double({ min: 0, max: 1, noNaN: true }),
      }),
    ),
    planned: often(2, fc.constant(false), fc.constant(true)),
    guarded: often(6, fc.constant(false), fc.constant(true)),
  })
  .map(({ kill, ...rest }): Step => (kill ? { ...rest, kill } : rest));

export const history: fc.Arbitrary<History> = fc.record({
  mode: fc.constantFrom(...MODES),
  seeds: fc.uniqueArray(fc.constantFrom("c1", "C2", "C3", "C6", "X9"), { maxLength: 3 }),
  tellsIds: fc.boolean(),
  batchSize: fc.constantFrom(1, 2, 100),
  journalOutcomes: fc.constantFrom(1, 2, 1_000),
  steps: fc.array(step, { minLength: 1, maxLength: 3 }),
  last: fc.record({ rows: table.filter((rows) => rows.length > 0), mapping }),
});

export function queryOf({ amount }: Mapping, table: string): string {
  return `SELECT id, code, name, CAST(amount AS ${amount ?? "INTEGER"}) AS amount, 'other' AS other FROM ${table}`;
}

export function specOf(
  name: string,
  { mode, onRemoved }: ModeRow,
  mapping: Mapping,
  guarded: boolean,
): SyncSpec {
  const limit = guarded ? { share: 0, rows: 0 } : { share: 1, rows: 1_000 };
  const column = (field: string, from: string) =>
    ({ field, source: { column: from }, whenNull: "clear" }) as const;
  return syncSpec({
    name,
    mode,
    onRemoved,
    match: [{ field: "code", column: "code" }],
    fields: [
      column("name", mapping.name),
      ...(mapping.amount === undefined ? [] : [column("amount", "amount")]),
      ...(mapping.tag === undefined
        ? []
        : [{ field: "tag", source: { value: mapping.tag }, whenNull: "clear" as const }]),
    ],
    guard: { removed: limit, changed: limit },
  });
}

/** What a record must hold for a row. */
export function fieldsOf(row: Row, mapping: Mapping): Record<string, string> {
  const { amount } = row;
  const text = mapping.amount === "DECIMAL(18,4)" ? amount?.toFixed(4) : amount?.toString();
  return {
    name: JSON.stringify(mapping.name === "name" ? row.name : "other"),
    ...(mapping.amount === undefined ? {} : { amount: JSON.stringify(text ?? null) }),
    ...(mapping.tag === undefined ? {} : { tag: JSON.stringify(mapping.tag) }),
  };
}
