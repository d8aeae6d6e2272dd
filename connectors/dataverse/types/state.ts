/**
 * State and status reason, which the platform keeps together. Sources: "Special update operation behavior": both are
 * sent, since a state alone implies its own reason unaudited; "Define custom state model transitions". Pure.
 */
import type { FieldWrite, Problem } from "../../../src/sdk.ts";
import type { Attribute, Choice, Table } from "../table.ts";
import { CLOSED_BY_ACTION } from "../unverified.ts";
import { NULL, valueProblem } from "./value-problem.ts";

/** What of a table's pair is known: the columns' names and how their values belong together. */
export interface StatePair {
  readonly state: string;
  readonly reason: string;
  readonly states: ReadonlyMap<string, Choice>;
  readonly reasons: ReadonlyMap<string, Choice>;
  /** An action of the table's own closes a record (`WinOpportunity`); a state that is written only opens it again. */
  readonly isClosedByAction: boolean;
}

/** The pair of a table, where it has both columns and says which reasons belong to which state. */
export function statePairOf(table: Table): StatePair | null {
  const all = [...table.attributes.values()];
  const state = all.find(({ type }) => type === "State");
  const reason = all.find(({ type }) => type === "Status");
  if (!state?.updatable || !reason?.updatable) return null;
  const states = choicesBy(state);
  const reasons = choicesBy(reason);
  if (states.size === 0 || [...reasons.values()].some((choice) => choice.state === undefined)) return null;
  const isClosedByAction = CLOSED_BY_ACTION.includes(table.name);
  return { state: state.name, reason: reason.name, states, reasons, isClosedByAction };
}

function choicesBy({ shape }: Attribute): Map<string, Choice> {
  return new Map(
    shape.kind === "choice" ? shape.choices.map((choice) => [String(choice.value), choice]) : [],
  );
}

/** What a row means a record's pair to be, as JSON; undefined where the mapping has none. */
export interface Meant {
  readonly state: string | undefined;
  readonly reason: string | undefined;
}

/** Whether a record that is made of a row begins in the state that it is meant to have, or why there is none. */
export function beginsRight(pair: StatePair, meant: Meant): boolean | Problem {
  const implied = meant.reason === undefined ? undefined : pair.reasons.get(meant.reason)?.state;
  if (meant.state !== undefined && implied !== undefined && meant.state !== String(implied)) {
    return apart(pair, meant.state, meant.reason ?? NULL);
  }
  const state = meant.state ?? (implied === undefined ? undefined : String(implied));
  return state === undefined || pair.states.get(state)?.isFirst === true;
}

/**
 * Completes what an update writes of a pair.
 *
 * @param writes what is written
 * @param meant the row's own values of the pair
 * @param before the status reason that was written last, as JSON, if known
 * @returns the writes, the pair's at the end; or why the two do not go together
 */
export function withPair(
  pair: StatePair,
  writes: readonly FieldWrite[],
  meant: Meant,
  before: string | undefined,
): readonly FieldWrite[] | Problem {
  const written = (name: string) => writes.find(({ field }) => field === name);
  if (!written(pair.state) && !written(pair.reason)) return writes;
  const implied = meant.reason === undefined ? undefined : pair.reasons.get(meant.reason)?.state;
  const state = meant.state ?? (implied === undefined ? undefined : String(implied));
  const reason = meant.reason ?? impliedReason(pair, state);
  if (state === undefined || state === NULL || reason === undefined || reason === NULL) return writes;
  if (implied !== undefined && state !== String(implied)) return apart(pair, state, reason);
  if (before !== undefined && before !== reason) {
    const { next } = pair.reasons.get(before) ?? {};
    if (next && !next.includes(Number(reason))) return noWay(pair, before, reason);
  }
  const isKept = before !== undefined && String(pair.reasons.get(before)?.state) === state;
  if (pair.isClosedByAction && !isKept && state !== "0") return notWritten(pair, state);
  return [
    ...writes.filter(({ field }) => field !== pair.state && field !== pair.reason),
    ...(isKept ? [] : [{ ...written(pair.state), field: pair.state, property: pair.state, json: state }]),
    { ...written(pair.reason), field: pair.reason, property: pair.reason, json: reason },
  ];
}

function impliedReason({ states }: StatePair, state: string | undefined): string | undefined {
  const reason = state === undefined ? undefined : states.get(state)?.reason;
  return reason === undefined ? undefined : String(reason);
}

const label = (choices: ReadonlyMap<string, Choice>, json: string): string =>
  `'${choices.get(json)?.label || json}'`;

function apart(pair: StatePair, state: string, reason: string): Problem {
  const belongs = label(pair.states, String(pair.reasons.get(reason)?.state));
  return valueProblem(
    "state_and_reason",
    pair.reason,
    `${label(pair.reasons, reason)} belongs to ${belongs}, not to ${label(pair.states, state)}.`,
    `Give a reason of that state, or map ${pair.reason} alone: it brings its state along.`,
  );
}

function notWritten({ state: field, states }: StatePair, state: string): Problem {
  return valueProblem(
    "closed_by_action",
    field,
    `a record becomes ${label(states, state)} by an action of its table, not by a state that is written.`,
    "Leave the state of closed records to Dynamics: map it where it is open, or not at all.",
  );
}

function noWay({ reason: field, reasons }: StatePair, from: string, to: string): Problem {
  const allowed = (reasons.get(from)?.next ?? []).map((value) => label(reasons, String(value)));
  return valueProblem(
    "no_transition",
    field,
    `the table does not let ${label(reasons, from)} become ${label(reasons, to)}.`,
    allowed.length === 0
      ? `Nothing may follow ${label(reasons, from)}.`
      : `What may follow is ${allowed.join(", ")}.`,
  );
}
