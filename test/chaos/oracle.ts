/** What must be stored, and who must be rejected, after the last model has been run in peace. Knows nothing of the engine. */
import type { Row } from "../engine/history.ts";
import { codeOf, OUT_OF_RANGE, REFUSED, ROWS, type Story } from "./story.ts";

/** A stored record: what it is known by, what it holds, whether it is active. */
export interface Stored {
  readonly code: string | null;
  readonly name: string | null;
  readonly amount: number | null;
  readonly active: boolean;
}

export const THEIRS = "theirs";

export function check(holds: boolean, what: string, ...seen: readonly unknown[]): asserts holds {
  if (!holds) throw new Error([what, ...seen.map((part) => JSON.stringify(part))].join(" "));
}

const valuesOf = ({ name, amount }: Pick<Row, "name" | "amount">): string => JSON.stringify([name, amount]);

/** Keys of a model that cannot be written as it is, whatever the destination holds. */
export function hostile(model: readonly Row[]): Set<string> {
  const bad = model.filter(
    ({ id, code, name, amount }) =>
      code === null ||
      name === REFUSED ||
      amount === OUT_OF_RANGE ||
      model.filter((other) => other.id === id).length > 1,
  );
  return new Set(bad.map(({ id }) => String(id)));
}

/** Whether a sync makes the record of a row that has none. */
const makes = ({ mode, match }: Story): boolean => mode.mode !== "update" && match !== "id";

export interface Verdict {
  /** Keys that have to be rejected. */
  readonly must: ReadonlySet<string>;
  /** Keys that may be besides. */
  readonly may: ReadonlySet<string>;
}

/** Whom a run has to reject: hostile rows, and rows of whom there is no record and none may be made. */
export function rejects(told: Story, model: readonly Row[], isThere: (key: string) => boolean): Verdict {
  const must = hostile(model);
  const may = new Set<string>();
  for (const { id, code } of model) {
    const key = String(id);
    if (!makes(told) && !isThere(key)) must.add(key);
    // What is there is none of an insert's business, whatever the row holds.
    const isKept = told.mode.mode === "insert" && isThere(key) && code !== null;
    if (isKept && model.filter((other) => other.id === id).length === 1) {
      must.delete(key);
      may.add(key);
    }
  }
  return { must, may };
}

/** Holds the stored records against the story. */
export function judge(told: Story, models: readonly (readonly Row[])[], stored: readonly Stored[]): void {
  const { mode, match, strangers } = told;
  const last = models.at(-1)!;
  const bad = hostile(last);
  const versions = new Map<string, Set<string>>();
  for (const row of models.flat())
    versions.set(String(row.id), (versions.get(String(row.id)) ?? new Set()).add(valuesOf(row)));
  const byCode = new Map(stored.map((record) => [record.code, record]));
  check(byCode.size === stored.length, "a record is doubled", stored);

  for (let key = 1; key <= ROWS; key++) {
    const id = String(key);
    const record = byCode.get(codeOf(match, key));
    const row = last.find((one) => one.id === key && one.code === codeOf(match, key));
    const isStranger = strangers.includes(key);
    const isTheirs = record?.name === THEIRS && record.amount === null;
    const isVersion = record !== undefined && (versions.get(id)?.has(valuesOf(record)) ?? false);
    check(record?.name !== REFUSED && record?.amount !== OUT_OF_RANGE, "what is refused was stored", record);
    if (record) check(isVersion || (isStranger && isTheirs), "a record holds what no model held", record);
    if (record && !makes(told)) check(isStranger, "a record was made", record);
    if (isStranger && mode.onRemoved !== "delete") check(record !== undefined, "a record is gone", key);

    if (row === undefined) {
      // Left, or never there: what the sync has made goes. Somebody's goes once it was written, and an unread upsert
      // without an answer does not tell whose it was.
      const mayStay = isStranger || !told.adopt;
      if (record && mode.onRemoved === "delete") check(mayStay, "a record has not left", record);
      if (record && mode.onRemoved === "deactivate")
        check(!record.active || mayStay, "a record is still active", record);
      continue;
    }
    if (bad.has(id)) continue;
    if (mode.mode === "insert") {
      check(record !== undefined, "a row was not inserted", row);
      if (isStranger && match !== "none")
        check(isTheirs, "an insert has written a record that was there", record);
      continue;
    }
    if (!makes(told) && !isStranger) continue;
    if (record === undefined && !makes(told)) continue;
    check(record !== undefined, "a row was lost", row);
    check(valuesOf(record) === valuesOf(row), "a record differs from its row", record, row);
    check(record.active, "a row's record is inactive", record);
  }
  const known = new Set(Array.from({ length: ROWS }, (_, n) => codeOf(match, n + 1)));
  const others = stored.filter(({ code }) => code === null || !known.has(code));
  const isAlone = others.length === 1 && others[0]!.name === THEIRS && others[0]!.active;
  check(isAlone, "records that no row names", others);
}

/** A record that no model ever names. */
export const OTHER = "somebody";
