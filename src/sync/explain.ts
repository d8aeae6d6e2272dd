/** The life of one row: what the model says of it, what the snapshot knows, and what a run would do with it now. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { allOf, type Change, type OperationKind, type Planned } from "../core/change.ts";
import { fail, type Problem, SyncError } from "../core/errors.ts";
import type { ModelSpec } from "../core/spec.ts";
import type { Value } from "../core/value.ts";
import type { Dialect } from "../ports.ts";
import type { State } from "../state/state.ts";
import { keyProblem } from "./keys.ts";
import { modeRules } from "./modes.ts";
import { openForPlan } from "./open.ts";
import { idSeedOf, type Prepared, queryOf } from "./prepare.ts";
import type { FieldChange } from "./report.ts";

/** What a run would do with the row now. */
export type NextStep =
  | { readonly status: "nothing"; readonly why: string }
  | {
      readonly status: OperationKind;
      readonly record: string;
      readonly fields: readonly FieldChange[];
    }
  | { readonly status: "rejected" | "waiting"; readonly problem?: Problem }
  /** The state is in use, or cannot be read. */
  | { readonly status: "unknown"; readonly why: string };

export interface ExplainedRow {
  /** Of each column that the sync maps; absent where the model has no such row. */
  readonly row?: Readonly<Record<string, Value>>;
  /** As they were last acknowledged; absent for a row that was never written, or where nothing is known. */
  readonly known?: Readonly<Record<string, Value>>;
  /** The record's id, where it is known. */
  readonly record?: string;
  /** One for each thing that a run would do. */
  readonly next: readonly NextStep[];
}

/** The rows of a model with one primary key, as a model of its own. */
function modelOfKey({ model, shape, warehouse }: Prepared, key: readonly string[]): ModelSpec {
  const dialect = dialectOf({ model, warehouse });
  // Of a membership the key goes on with its list and its member.
  const conditions = shape.key.slice(0, key.length).map((i, n) => {
    const column = shape.columns[i]!;
    const stored = dialect.fromModel(column, `backhaul_row.${dialect.quote(column.name)}`, model.timezone);
    return `${dialect.toText(column, stored)} = ${dialect.literal(key[n] ?? "")}`;
  });
  const query = `SELECT * FROM (\n${model.query}\n) AS backhaul_row WHERE ${conditions.join(" AND ")}`;
  return { ...model, query };
}

/** The rows of a model that have the match value of the row with this key, that one among them. */
function modelOfMatch(prepared: Prepared, key: readonly string[]): ModelSpec {
  const { model, shape } = prepared;
  const dialect = dialectOf(prepared);
  const folded = (i: number, alias: string): string => {
    const column = shape.columns[i]!;
    const value = dialect.fromModel(column, `${alias}.${dialect.quote(column.name)}`, model.timezone);
    return dialect.folded(column, value);
  };
  const same = shape.match.map((i) => `${folded(i, "backhaul_own")} = ${folded(i, "backhaul_row")}`);
  const own = `SELECT 1 FROM (\n${modelOfKey(prepared, key).query}\n) AS backhaul_own WHERE ${same.join(" AND ")}`;
  const query = `SELECT * FROM (\n${model.query}\n) AS backhaul_row WHERE EXISTS (${own})`;
  return { ...model, query };
}

function dialectOf({ model, warehouse }: Pick<Prepared, "model" | "warehouse">): Dialect {
  const dialect = warehouse.engine?.dialect;
  if (dialect !== undefined) return dialect;
  throw fail.config("explain.no_engine", `The warehouse ${model.warehouse} cannot look up one row.`);
}

/** Reads the model, the state and, for what has to be known of the record, the destination; writes nothing. */
export async function explainRow(
  whole: Prepared,
  key: readonly string[],
  signal: AbortSignal,
): Promise<ExplainedRow> {
  const prepared = { ...whole, model: modelOfKey(whole, key) };
  const row = await rowOf(prepared, signal);
  const scratch = mkdtempSync(join(tmpdir(), "backhaul-explain-"));
  try {
    const state = await openForPlan(prepared, scratch);
    try {
      const double = await doubleOf(whole, key, signal);
      if (double !== undefined) return { ...row, next: [{ status: "rejected", problem: double }] };
      return { ...row, ...(await nextOf(prepared, state, key, signal)) };
    } finally {
      await state[Symbol.asyncDispose]();
    }
  } catch (error) {
    if (!(error instanceof SyncError) || error.code !== "state.locked") throw error;
    const why = `${error.problems[0]!.message} What it does with this row is known when it has ended.`;
    return { ...row, next: [{ status: "unknown", why }] };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function rowOf(prepared: Prepared, signal: AbortSignal): Promise<Pick<ExplainedRow, "row">> {
  const { warehouse, model, shape } = prepared;
  const { columns } = shape;
  for await (const [first] of warehouse.access.rows(queryOf(model), columns, {
    timezone: model.timezone,
    signal,
  }))
    if (first !== undefined) return { row: named(prepared, first) };
  return {};
}

/** Why the row is not written, where another one has its match value too. */
async function doubleOf(
  prepared: Prepared,
  key: readonly string[],
  signal: AbortSignal,
): Promise<Problem | undefined> {
  const { warehouse, model, shape } = prepared;
  if (shape.match.length === 0) return undefined;
  const query = queryOf(modelOfMatch(prepared, key));
  const given = { timezone: model.timezone, signal };
  for await (const rows of warehouse.access.rows(query, shape.columns, given))
    for (const row of rows) {
      if (shape.key.slice(0, key.length).every((i, n) => row[i] === key[n])) continue;
      const match = shape.match.map((i) => row[i] ?? null);
      return keyProblem(prepared, { code: "match.double", key, match });
    }
  return undefined;
}

const named = ({ shape }: Prepared, row: readonly Value[]): Record<string, Value> =>
  Object.fromEntries(shape.columns.map(({ name }, i) => [name, row[i] ?? null]));

async function nextOf(
  prepared: Prepared,
  state: State,
  key: readonly string[],
  signal: AbortSignal,
): Promise<Omit<ExplainedRow, "row">> {
  const { model, sync, warehouse, compiled } = prepared;
  const rules = modeRules(sync);
  const rows = await state.stage(warehouse, queryOf(model), { timezone: model.timezone, signal });
  const [refused] = await state.refusals();
  if (refused !== undefined)
    return { next: [{ status: "rejected", problem: keyProblem(prepared, refused) }] };
  const wanted = { changed: true, removed: true, full: false };
  // Without a choice of keys only the one staged row takes part, as in a run: it may have to wait for its next try.
  const waiting =
    rows === 0 ? 0 : (await state.diff({ ...rules, removed: false, full: false, retry: false })).waiting;
  await state.diff({ ...wanted, retry: true, only: [key] });
  const change = await changeIn(state);
  const before = change === undefined || change.kind === "added" ? undefined : change.before;
  const known = {
    ...(before === undefined ? {} : { known: named(prepared, before) }),
    ...(change?.id ? { record: change.id } : {}),
  };
  const nothing = (why: string) => ({ ...known, next: [{ status: "nothing" as const, why }] });
  if (change === undefined) return nothing("Neither the model nor the state has a row with this key.");
  if (change.kind === "removed" && !rules.removed)
    return nothing(
      `The row has left the model; the record stays (on_removed: keep, or the mode ${sync.mode}).`,
    );
  if (change.kind === "changed" && !rules.changed)
    return nothing(`The mode ${sync.mode} never writes a known row again.`);
  const planned = await compiled.plan([change], { signal, idSeed: idSeedOf(prepared, state) });
  if (waiting > 0) {
    const problem = planned.find((item) => item.status === "rejected")?.problem;
    return { ...known, next: [{ status: "waiting", ...(problem ? { problem } : {}) }] };
  }
  return { ...known, next: planned.flatMap(stepsOf) };
}

async function changeIn(state: State): Promise<Change | undefined> {
  for (const changes of [state.removals(1), state.moves(1), state.changes(1)])
    for await (const [change] of changes) if (change !== undefined) return change;
  return undefined;
}

function stepsOf(planned: Planned): NextStep[] {
  switch (planned.status) {
    case "unchanged": {
      const why = planned.absent
        ? "There is no record, and none is to be made (on_missing: skip)."
        : "What the mapping makes of the row is what was last written, or what the record holds.";
      return [{ status: "nothing", why }];
    }
    case "rejected":
      return [{ status: "rejected", problem: planned.problem }];
    case "planned":
      return allOf(planned.operation).map(({ kind, record, fields }) => ({
        status: kind,
        record,
        fields: fields.map(({ field, before, json, shown }) => ({
          field,
          ...(before === undefined ? {} : { before }),
          after: shown ?? json,
        })),
      }));
  }
}
