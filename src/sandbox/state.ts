import { Refusal } from "./errors.ts";
import { type Draft, put, type Row, type Value, valueIn } from "./row.ts";
import type { Table } from "./schema.ts";
import type { Unverified } from "./unverified.ts";
import type { World } from "./world.ts";
import { valueFor, type Written } from "./written.ts";

/** State and status reason of a row (pages: special-update-operation-behavior; define-custom-state-model-transitions). */

const stateLabel = (table: Table, state: Value | undefined): string =>
  table.state?.options?.find((option) => option.value === state)?.label ?? String(state);

const invalidPair = (table: Table, status: Value | undefined, state: number, id: string) =>
  new Refusal(
    400,
    "0x80048408",
    `${status} is not a valid status code for state code ${table.schemaName}State.` +
      `${stateLabel(table, state)} on ${table.logicalName} with Id ${id}.`,
  );

const forbiddenTransition = (table: Table, id: string, state: Value | undefined) =>
  new Refusal(
    400,
    "0x8004f00e",
    `The ${table.logicalName} (Id=${id}) entity or component has attempted to transition from an invalid state: ` +
      `${stateLabel(table, state)}.`,
  );

/** Where a table says which reasons may follow, all others are refused. */
function checkTransition(table: Table, before: Row, next: Value | undefined): void {
  const from = valueIn(before, "statuscode");
  if (!table.enforceTransitions || next === from) return;
  const allowed = table.status?.options?.find((option) => option.value === from)?.next;
  if (allowed && !allowed.includes(next as number))
    throw forbiddenTransition(table, before.id, valueIn(before, "statecode"));
}

/**
 * Brings state and reason together: the state alone implies its default reason; a reason must belong to the state.
 * @param draft the row as it will be, changed in place
 * @param id what a refusal names; the next one when the row has none yet
 */
export function settleState(
  world: World,
  table: Table,
  draft: Draft,
  written: Written,
  id: string | undefined,
  before: Row | undefined,
): void {
  if (!table.state || !table.status) return;
  const state = (valueFor(written, "statecode") ?? valueIn(before, "statecode") ?? 0) as number;
  put(draft, "statecode", state);
  const reason = valueFor(written, "statuscode");
  if (reason !== undefined && reason !== null) {
    const option = table.status.options?.find((candidate) => candidate.value === reason);
    if (option?.state !== state) throw invalidPair(table, reason, state, id ?? world.store.newId());
  } else if (!before || valueIn(before, "statecode") !== state || reason === null) {
    const option = table.state.options?.find((candidate) => candidate.value === state);
    put(draft, "statuscode", option?.defaultStatus ?? null);
  }
  const status = valueIn(draft, "statuscode");
  if (before && status !== valueIn(before, "statuscode")) checkTransition(table, before, status);
}

/**
 * Tables with a lifecycle of their own are closed by their actions and not by a state that is written (page:
 * special-update-operation-behavior). The way back is open.
 */
export function refuseLifecycle(rules: Unverified, table: Table, row: Row, written: Written): void {
  const state = valueFor(written, "statecode");
  if (state === undefined || state === null || state === 0) return;
  if (state === valueIn(row, "statecode") || !rules.lifecycleTables.includes(table.logicalName)) return;
  throw new Refusal(
    400,
    "0x80040203",
    `This message can not be used to set the state of ${table.logicalName} to ${stateLabel(table, state)}.`,
  );
}

/** Inactive rows of some tables refuse every change but the way back (code 0x80040230). */
export function refuseInactive(rules: Unverified, table: Table, row: Row, written: Written): void {
  const state = valueIn(row, "statecode");
  if (!table.state || state === 0 || state === null || state === undefined) return;
  if (valueFor(written, "statecode") === 0 || !rules.inactiveRowsRefuse.includes(table.logicalName)) return;
  const isStateAlone = written.columns.names.every((name) => name === "statecode" || name === "statuscode");
  if (isStateAlone) return;
  throw new Refusal(400, "0x80040230", "The object cannot be updated because it is inactive.");
}
