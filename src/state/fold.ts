/**
 * How the outcomes of a run enter the state: deltas, never a rewrite. Pure SQL; every statement writes rows and
 * none is DDL, so that all of them are one transaction in every engine.
 */
import type { Dialect } from "../ports.ts";
import { canClaim } from "./diff.ts";
import { allEqual, type Contents, current, list, namesOf, type Shape, type Tables } from "./tables.ts";

const ACKNOWLEDGED = "o.status IN ('applied', 'unchanged')";
const UNANSWERED = "(o.status IS NULL OR o.status = 'deferred')";
const MOST_RUNS = 64;
const DAY_MS = 86_400_000;

export interface Fold {
  /** Number of this commit; larger than all before. */
  readonly run: number;
  readonly mapping: string;
  readonly nowMs: number;
}

/**
 * Whether every row that was staged was acknowledged whole, so that a first load needs no delta. Gives `plain` when
 * what was staged may become the snapshot as it lies, `ids` when there are ids to remember, else `no`.
 */
export function firstLoad({ staged, outcomes }: Tables): string {
  const whole = "status IN ('applied', 'unchanged') AND coalesce(owed, '') = ''";
  return `SELECT CASE WHEN (SELECT count(*) FROM ${staged}) <> (SELECT count(*) FROM ${outcomes} WHERE ${whole}) THEN 'no' WHEN EXISTS (SELECT 1 FROM ${outcomes} WHERE id IS NOT NULL) THEN 'ids' ELSE 'plain' END`;
}

/** The snapshot that a first load with ids makes. */
export function selectLoaded(dialect: Dialect, shape: Shape, { changes, outcomes }: Tables): string {
  const { all } = namesOf(dialect, shape);
  const columns = all.map((name, i) => `c.a${i} AS ${name}`);
  return `SELECT ${list([...columns, "o.id AS record_id"])} FROM ${changes} c JOIN ${outcomes} o ON o.seq = c.seq`;
}

/**
 * Folds outcomes into the snapshot's delta and the small tables beside it.
 *
 * A changed row without a certain answer keeps its old values and goes to `pending`, so that it is written again
 * even if the model has returned to the old value; an added one goes to `doubt`; a removal in doubt is marked, so
 * that the row is added again if it comes back. A rejected row waits for 1, 2, 4 … 64 runs, or a day.
 */
export function foldOutcomes(
  dialect: Dialect,
  shape: Shape,
  tables: Tables,
  contents: Contents,
  { run, mapping, nowMs }: Fold,
): string[] {
  const { all, key, sameKey } = namesOf(dialect, shape);
  const { delta, pending, doubt, waiting } = tables;
  const answered = `${tables.changes} c JOIN ${tables.outcomes} o ON o.seq = c.seq`;
  const intended = `${tables.changes} c LEFT JOIN ${tables.outcomes} o ON o.seq = c.seq`;
  const keyAfter = shape.key.map((i) => `c.a${i}`);
  const keys = list(keyAfter.map((part, n) => `${part} AS k${n}`));
  const after = list(all.map((_, i) => `c.a${i}`));
  const isKey = allEqual(key, (n) => `d.k${n}`);
  const into = (table: string, columns: readonly string[], select: string): string =>
    `INSERT INTO ${table} (${list(columns)}) SELECT ${select}`;
  const forget = (table: string, from: string, where: string): string =>
    `DELETE FROM ${table} USING (SELECT ${keys} FROM ${from} WHERE ${where}) d WHERE ${isKey}`;
  const written = `${ACKNOWLEDGED} AND c.kind IN ('added', 'changed')`;
  const tried = "c.kind NOT LIKE 'waiting%'";
  const distance = `CASE ${[0, 1, 2, 3, 4, 5].map((n) => `WHEN c.attempts = ${n} THEN ${2 ** n}`).join(" ")} ELSE ${MOST_RUNS} END`;

  return [
    ...claims(),
    into(
      delta,
      ["commit_no", "gone", ...all, "record_id"],
      `${run}, false, ${after}, coalesce(o.id, c.record_id) FROM ${answered} WHERE ${written}`,
    ),
    into(
      delta,
      ["commit_no", "gone", ...key],
      `${run}, true, ${list(keyAfter)} FROM ${answered} WHERE ${ACKNOWLEDGED} AND c.kind = 'removed'`,
    ),
    // What another sync holds is that one's alone from here on.
    into(
      delta,
      ["commit_no", "gone", ...key],
      `${run}, true, ${list(keyAfter)} FROM ${tables.changes} c WHERE c.kind = 'released'`,
    ),
    forget(pending, intended, `${tried} AND (${ACKNOWLEDGED} OR ${UNANSWERED})`),
    into(
      pending,
      [...key, "owed"],
      `${list(keyAfter)}, o.owed FROM ${answered} WHERE ${written} AND coalesce(o.owed, '') <> ''`,
    ),
    into(
      pending,
      [...key, "owed"],
      `${list(keyAfter)}, coalesce(c.owed, '') || coalesce(c.differing, '') FROM ${intended} WHERE ${UNANSWERED} AND c.kind = 'changed'`,
    ),
    into(
      pending,
      [...key, "owed"],
      `${list(keyAfter)}, ${dialect.literal("x:\n")} FROM ${intended} WHERE ${UNANSWERED} AND c.kind = 'removed' AND c.owed IS NULL`,
    ),
    forget(doubt, intended, `${ACKNOWLEDGED} OR (${UNANSWERED} AND c.kind = 'added')`),
    into(doubt, all, `${after} FROM ${intended} WHERE ${UNANSWERED} AND c.kind = 'added'`),
    // What is no change any more waits for nothing; what still waits is among the changes.
    `DELETE FROM ${waiting} WHERE NOT EXISTS (SELECT 1 FROM ${tables.changes} c WHERE c.kind LIKE 'waiting%' AND ${sameKey(waiting, (n) => keyAfter[n]!)})`,
    into(
      waiting,
      [...all, "removed", "mapping", "attempts", "due", "until_ms"],
      `${after}, CASE WHEN c.kind = 'removed' THEN true ELSE false END, ${dialect.literal(mapping)}, c.attempts + 1, ${run} + ${distance}, ${nowMs + DAY_MS} FROM ${answered} WHERE o.status = 'rejected' AND o.waits`,
    ),
  ];

  /** A record belongs to the row that wrote it last: what the state says of it for another key is void. */
  function claims(): string[] {
    if (!canClaim(shape)) return [];
    const fold = (i: number, expression: string): string => dialect.folded(shape.columns[i]!, expression);
    const moved = list(
      shape.match.map((i) => `${fold(i, `c.a${i}`)} IS DISTINCT FROM ${fold(i, `c.b${i}`)}`),
      " OR ",
    );
    const wants = (from: string, where: string): string =>
      `SELECT ${keys}, ${list(shape.match.map((i, n) => `${fold(i, `c.a${i}`)} AS f${n}`))} FROM ${from} WHERE ${where}`;
    const claimed = wants(answered, `${written} AND (c.kind = 'added' OR ${moved})`);
    const holds = (table: string): string =>
      allEqual(
        shape.match.map((i) => fold(i, `${table}.${all[i]}`)),
        (n) => `d.f${n}`,
      );
    const own = `SELECT ${keys} FROM ${answered} WHERE ${ACKNOWLEDGED}`;
    const snapshot = current(dialect, shape, tables, contents);
    const heldByOthers = (wanted: string): string =>
      `FROM ${snapshot} s JOIN (${wanted}) d ON ${holds("s")} LEFT JOIN (${own}) w ON ${sameKey("s", (n) => `w.k${n}`)} WHERE w.k0 IS NULL`;
    const ofOthers = list(key.map((name) => `s.${name}`));
    // A record that another row may have overwritten is written whole if its own row is back.
    const endangered = heldByOthers(wants(intended, `${UNANSWERED} AND c.kind = 'added' AND c.owed IS NULL`));
    const endangeredKeys = `SELECT ${list(key.map((name, n) => `s.${name} AS k${n}`))} ${endangered}`;
    return [
      into(delta, ["commit_no", "gone", ...key], `${run}, true, ${ofOthers} ${heldByOthers(claimed)}`),
      `DELETE FROM ${doubt} USING (${claimed}) d WHERE ${holds(doubt)} AND NOT (${isKey})`,
      `DELETE FROM ${pending} USING (${endangeredKeys}) d WHERE ${isKey}`,
      into(pending, [...key, "owed"], `${ofOthers}, ${dialect.literal("x:\n")} ${endangered}`),
    ];
  }
}

/** Fields that are new or mapped anew are owed by every row of the snapshot, beside what it owes already. */
export function oweFields(
  dialect: Dialect,
  shape: Shape,
  tables: Tables,
  contents: Contents,
  fields: readonly string[],
): string[] {
  const { key, sameKey } = namesOf(dialect, shape);
  const owed = dialect.literal(fields.map((field) => `f:${field}\n`).join(""));
  const from = current(dialect, shape, tables, contents);
  return [
    `UPDATE ${tables.pending} SET owed = owed || ${owed}`,
    `INSERT INTO ${tables.pending} (${list([...key, "owed"])}) SELECT ${list(key.map((name) => `s.${name}`))}, ${owed} FROM ${from} s LEFT JOIN ${tables.pending} p ON ${sameKey("s", "p")} WHERE p.${key[0]} IS NULL`,
  ];
}
