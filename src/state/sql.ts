/**
 * The statements of a run: what is staged, which keys are refused, what differs, and how acknowledged values
 * enter the snapshot. Pure: text in, text out.
 *
 * Tables, each in the catalog `base` (the snapshot's) or `work` (staged rows and changes; the same catalog in a
 * run, a scratch one in a plan):
 *
 * | table    | columns |
 * | -------- | ------- |
 * | snapshot | the sync's columns, `_backhaul_id` |
 * | pending  | the primary key, `_backhaul_owed`: `f:FIELD` owed by name, `c:COLUMN` in doubt |
 * | doubt    | the sync's columns: added rows without a certain answer, as they were sent |
 * | staged   | as snapshot |
 * | refused  | `_backhaul_row` (rowid of staged), `_backhaul_code` |
 * | changes  | `_backhaul_seq`, `_backhaul_kind`, `_backhaul_id`, after `a0…`, before `b0…`, `_backhaul_columns`, `_backhaul_owed` |
 */
import type { Column } from "../core/value.ts";
import { canonicalText, folded, literal, stored, storedType } from "./dialect.ts";

/** What the statements are made for: the sync's columns, which of them are the key, which find the record. */
export interface Shape {
  readonly columns: readonly Column[];
  readonly key: readonly number[];
  readonly match: readonly number[];
}

const list = (items: readonly string[], separator = ", "): string => items.join(separator);
const names = (shape: Shape, indexes?: readonly number[]): string[] =>
  (indexes ?? shape.columns.map((_, i) => i)).map((i) => stored(shape.columns[i]!));

export function createSnapshot(base: string, shape: Shape): string {
  const columns = shape.columns.map((column) => `${stored(column)} ${storedType(column)}`);
  return `CREATE TABLE ${base}.snapshot (${list([...columns, "_backhaul_id VARCHAR"])})`;
}

export function createDoubt(base: string, shape: Shape): string {
  const columns = shape.columns.map((column) => `${stored(column)} ${storedType(column)}`);
  return `CREATE TABLE ${base}.doubt (${list(columns)})`;
}

export function createPending(base: string, shape: Shape): string {
  const key = shape.key.map((i) => `${stored(shape.columns[i]!)} ${storedType(shape.columns[i]!)}`);
  return `CREATE TABLE ${base}.pending (${list([...key, "_backhaul_owed VARCHAR"])})`;
}

/** @param values one expression per column, of the stored type */
export function createStaged(work: string, shape: Shape, values: readonly string[], from: string): string {
  const select = values.map((value, i) => `${value} AS ${stored(shape.columns[i]!)}`);
  return `CREATE TABLE ${work}.staged AS SELECT ${list([...select, "NULL::VARCHAR AS _backhaul_id"])} FROM ${from}`;
}

/** Rows whose primary key or match value is null, or a copy of another row's: all copies together. */
export function createRefused(work: string, shape: Shape): string {
  const nulls = (indexes: readonly number[]): string =>
    names(shape, indexes)
      .map((name) => `${name} IS NULL`)
      .join(" OR ");
  const copies = (indexes: readonly number[], code: string, fold: boolean): string => {
    const parts = indexes.map((i) => {
      const name = stored(shape.columns[i]!);
      return fold ? folded(shape.columns[i]!, name) : name;
    });
    const as = parts.map((part, i) => `${part} AS k${i}`);
    const by = list(parts.map((_, i) => `k${i}`));
    return `SELECT s._backhaul_row, ${literal(code)} AS _backhaul_code FROM (SELECT rowid AS _backhaul_row, ${list(as)} FROM ${work}.staged) s SEMI JOIN (SELECT ${list(as)} FROM ${work}.staged WHERE NOT (${nulls(indexes)}) GROUP BY ALL HAVING count(*) > 1) d USING (${by})`;
  };
  const reasons = [
    `SELECT rowid AS _backhaul_row, 'key.null' AS _backhaul_code FROM ${work}.staged WHERE ${nulls(shape.key)}`,
    copies(shape.key, "key.double", false),
  ];
  const others = shape.match.filter((i) => !shape.key.includes(i));
  if (others.length > 0) {
    reasons.push(
      `SELECT rowid AS _backhaul_row, 'match.null' AS _backhaul_code FROM ${work}.staged WHERE ${nulls(others)}`,
    );
  }
  if (shape.match.length > 0) reasons.push(copies(shape.match, "match.double", true));
  return `CREATE TABLE ${work}.refused AS SELECT _backhaul_row, min(_backhaul_code) AS _backhaul_code FROM (${reasons.join(" UNION ALL ")}) r GROUP BY _backhaul_row`;
}

/**
 * Whether some key or match value may be null or double: the cheap question before `createRefused`. Groups by a
 * hash of 64 bits, so that a rare yes is nothing but a collision; a no is certain.
 */
export function anyRefused(work: string, shape: Shape): string {
  const both = [...new Set([...shape.key, ...shape.match])];
  const nulls = names(shape, both).map((name) => `${name} IS NULL`);
  const doubled = (parts: readonly string[]): string =>
    `EXISTS (SELECT 1 FROM ${work}.staged GROUP BY hash(${list(parts)}) HAVING count(*) > 1)`;
  const tests = [`EXISTS (SELECT 1 FROM ${work}.staged WHERE ${nulls.join(" OR ")})`];
  const foldedMatch = shape.match.map((i) => folded(shape.columns[i]!, stored(shape.columns[i]!)));
  if (foldedMatch.length > 0) tests.push(doubled(foldedMatch));
  // Rows equal in the key are equal in the folded match too when the match is part of the key.
  const covered = shape.match.length === shape.key.length && shape.match.every((i) => shape.key.includes(i));
  if (!covered) tests.push(doubled(names(shape, shape.key)));
  return `SELECT ${tests.join(" OR ")}`;
}

export function refusedRows(work: string, shape: Shape): string {
  const key = shape.key.map((i) => canonicalText(shape.columns[i]!, `s.${stored(shape.columns[i]!)}`));
  const match = shape.match.map((i) => canonicalText(shape.columns[i]!, `s.${stored(shape.columns[i]!)}`));
  return `SELECT ${list(["r._backhaul_code", ...key, ...match])} FROM ${work}.refused r JOIN ${work}.staged s ON s.rowid = r._backhaul_row ORDER BY r._backhaul_row`;
}

export interface DiffParts {
  readonly base: string;
  readonly work: string;
  readonly refused: boolean;
  readonly pending: boolean;
  readonly doubt: boolean;
}

/**
 * The diff: one statement, null-safe per column; its result is the record of intent. A new row that was sent
 * before, without an answer, under another match value is a change of that record, whole.
 */
export function createChanges(shape: Shape, { base, work, refused, pending, doubt }: DiffParts): string {
  const all = names(shape);
  const key = names(shape, shape.key);
  const matching = (table: string): string => key.map((name) => `t.${name} = ${table}.${name}`).join(" AND ");
  const owedPerKey = `SELECT ${list(key)}, list(DISTINCT _backhaul_owed) AS _backhaul_owed FROM ${base}.pending GROUP BY ${list(key)}`;
  const compared = shape.columns.map((_, i) => i).filter((i) => !shape.key.includes(i));
  const unknown = `s.${key[0]} IS NULL`;
  const isNew = doubt ? `(${unknown} AND d.${key[0]} IS NULL)` : unknown;
  const before = (name: string): string =>
    doubt ? `CASE WHEN ${unknown} THEN d.${name} ELSE s.${name} END` : `s.${name}`;
  const changed = compared.map(
    (i) =>
      `CASE WHEN t.${all[i]} IS DISTINCT FROM ${before(all[i]!)} THEN ${literal(shape.columns[i]!.name)} END`,
  );
  const none = "NULL::VARCHAR[]";
  const everything = `[${list(shape.columns.map(({ name }) => literal(`c:${name}`)))}]`;
  const owed = [
    `WHEN ${isNew} THEN NULL`,
    ...(doubt ? [`WHEN ${unknown} THEN ${everything}`] : []),
    `ELSE ${pending ? "p._backhaul_owed" : none}`,
  ];
  const select = [
    "row_number() OVER () AS _backhaul_seq",
    `CASE WHEN ${isNew} THEN 'added' ELSE 'changed' END AS _backhaul_kind`,
    "s._backhaul_id AS _backhaul_id",
    ...all.map((name, i) => `t.${name} AS a${i}`),
    ...all.map((name, i) => `${before(name)} AS b${i}`),
    changed.length === 0
      ? `${none} AS _backhaul_columns`
      : `CASE WHEN ${isNew} THEN NULL ELSE list_filter([${list(changed)}], x -> x IS NOT NULL) END AS _backhaul_columns`,
    `CASE ${owed.join(" ")} END AS _backhaul_owed`,
  ];
  const fold = (table: string, i: number): string => folded(shape.columns[i]!, `${table}.${all[i]}`);
  const moved = shape.match.map((i) => `${fold("t", i)} IS DISTINCT FROM ${fold("d", i)}`).join(" OR ");
  const joins = [
    `${work}.staged t`,
    ...(refused ? [`ANTI JOIN ${work}.refused r ON t.rowid = r._backhaul_row`] : []),
    `LEFT JOIN ${base}.snapshot s ON ${matching("s")}`,
    ...(doubt ? [`LEFT JOIN ${base}.doubt d ON ${matching("d")} AND (${moved || "false"})`] : []),
    ...(pending ? [`LEFT JOIN (${owedPerKey}) p ON ${matching("p")}`] : []),
  ];
  const differs = compared.map((i) => `t.${all[i]} IS DISTINCT FROM s.${all[i]}`);
  const where = [unknown, ...differs, ...(pending ? ["p._backhaul_owed IS NOT NULL"] : [])].join(" OR ");
  return `CREATE TABLE ${work}.changes AS SELECT ${list(select)} FROM ${joins.join(" ")} WHERE ${where}`;
}

/** The added rows as canonical text, in the order: seq, id, after…. */
export function readAdded(work: string, shape: Shape): string {
  const after = shape.columns.map((column, i) => canonicalText(column, `a${i}`));
  return `SELECT ${list(["_backhaul_seq::VARCHAR", "_backhaul_id", ...after])} FROM ${work}.changes WHERE _backhaul_kind = 'added'`;
}

/** The changed rows as canonical text, in the order: seq, id, columns and owed as JSON lists, after…, before…. */
export function readChanged(work: string, shape: Shape, which: "moves" | "rest"): string {
  const text = (prefix: string): string[] =>
    shape.columns.map((column, i) => canonicalText(column, `${prefix}${i}`));
  const json = (name: string): string => `to_json(${name})::VARCHAR`;
  const select = [
    "_backhaul_seq::VARCHAR",
    "_backhaul_id",
    json("_backhaul_columns"),
    json("_backhaul_owed"),
    ...text("a"),
    ...text("b"),
  ];
  const match = list(shape.match.map((i) => literal(shape.columns[i]!.name)));
  const isMove = match === "" ? "false" : `coalesce(list_has_any(_backhaul_columns, [${match}]), false)`;
  return `SELECT ${list(select)} FROM ${work}.changes WHERE _backhaul_kind = 'changed' AND ${which === "moves" ? isMove : `NOT ${isMove}`}`;
}

/** Outcomes from the journal; the header line has no `seq`. A damaged line is no outcome: its change is in doubt. */
export function createOutcomes(journal: string): string {
  return `CREATE OR REPLACE TEMP TABLE outcomes AS SELECT * FROM read_json(${literal(journal)}, format = 'newline_delimited', ignore_errors = true, columns = {seq: 'BIGINT', status: 'VARCHAR', id: 'VARCHAR', owed: 'VARCHAR[]'}) WHERE seq IS NOT NULL`;
}

const ACKNOWLEDGED = "o.status IN ('applied', 'unchanged')";
const UNANSWERED = "(o.status IS NULL OR o.status = 'deferred')";

/**
 * Folds acknowledged changes into the snapshot, as deltas. A changed row without a certain answer keeps its old
 * values and goes to `pending`, so that it is written again even if the model has returned to the old value.
 */
export function fold(base: string, shape: Shape): string[] {
  const key = names(shape, shape.key);
  const keyAfter = shape.key.map((i) => `c.a${i}`);
  const same = (table: string): string =>
    shape.key.map((i, n) => `${table}.${key[n]} = d.k${i}`).join(" AND ");
  const keysOf = list(shape.key.map((i) => `c.a${i} AS k${i}`));
  const others = shape.match.filter((i) => !shape.key.includes(i));
  const foldedAs = (expression: (i: number) => string): string[] =>
    others.map((i) => folded(shape.columns[i]!, expression(i)));
  const claimed = `(SELECT ${list([keysOf, ...foldedAs((i) => `c.a${i}`).map((part, n) => `${part} AS f${n}`)])} FROM ${base}.changes c JOIN outcomes o ON o.seq = c._backhaul_seq WHERE ${ACKNOWLEDGED})`;
  const unanswered = `(SELECT ${keysOf} FROM ${base}.changes c LEFT JOIN outcomes o ON o.seq = c._backhaul_seq WHERE c._backhaul_kind = 'added' AND ${UNANSWERED})`;
  const claims = foldedAs((i) => `s.${stored(shape.columns[i]!)}`).map((part, n) => `${part} = d.f${n}`);
  const done = `(SELECT ${keysOf} FROM ${base}.changes c JOIN outcomes o ON o.seq = c._backhaul_seq WHERE ${ACKNOWLEDGED} AND c._backhaul_kind = 'changed')`;
  return [
    `DELETE FROM ${base}.snapshot s USING ${done} d WHERE ${same("s")}`,
    `DELETE FROM ${base}.pending p USING ${done} d WHERE ${same("p")}`,
    // A record belongs to the row that wrote it last: what the snapshot says of it for another key is void.
    ...(others.length === 0
      ? []
      : [
          `DELETE FROM ${base}.snapshot s USING ${claimed} d WHERE ${claims.join(" AND ")} AND NOT (${same("s")})`,
        ]),
    `DELETE FROM ${base}.doubt s USING ${claimed} d WHERE ${same("s")}`,
    `DELETE FROM ${base}.doubt s USING ${unanswered} d WHERE ${same("s")}`,
    `INSERT INTO ${base}.doubt SELECT ${list(shape.columns.map((_, i) => `c.a${i}`))} FROM ${base}.changes c LEFT JOIN outcomes o ON o.seq = c._backhaul_seq WHERE c._backhaul_kind = 'added' AND ${UNANSWERED}`,
    `INSERT INTO ${base}.snapshot (${list([...names(shape), "_backhaul_id"])}) SELECT ${list(shape.columns.map((_, i) => `c.a${i}`))}, coalesce(o.id, c._backhaul_id) FROM ${base}.changes c JOIN outcomes o ON o.seq = c._backhaul_seq WHERE ${ACKNOWLEDGED}`,
    `INSERT INTO ${base}.pending (${list([...key, "_backhaul_owed"])}) SELECT ${list(keyAfter)}, 'f:' || unnest(o.owed) FROM ${base}.changes c JOIN outcomes o ON o.seq = c._backhaul_seq WHERE ${ACKNOWLEDGED} AND len(o.owed) > 0`,
    `INSERT INTO ${base}.pending (${list([...key, "_backhaul_owed"])}) SELECT ${list(keyAfter)}, 'c:' || unnest(c._backhaul_columns) FROM ${base}.changes c LEFT JOIN outcomes o ON o.seq = c._backhaul_seq WHERE c._backhaul_kind = 'changed' AND ${UNANSWERED}`,
  ];
}

/** True when nothing was there before and everything staged was acknowledged whole: then staged becomes the snapshot. */
export function isCleanFirstLoad(base: string): string {
  return `SELECT (SELECT count(*) FROM ${base}.snapshot) = 0 AND (SELECT count(*) FROM ${base}.pending) = 0 AND (SELECT count(*) FROM ${base}.doubt) = 0 AND (SELECT count(*) FROM ${base}.staged) = (SELECT count(*) FROM outcomes WHERE status IN ('applied', 'unchanged') AND id IS NULL AND coalesce(len(owed), 0) = 0)`;
}

/** Fields that are new or mapped anew are owed by every row of the snapshot. */
export function oweFields(base: string, shape: Shape, fields: readonly string[]): string {
  const key = list(names(shape, shape.key));
  const owed = fields.map((field) => literal(`f:${field}`));
  return `INSERT INTO ${base}.pending SELECT ${key}, unnest([${list(owed)}]) FROM ${base}.snapshot`;
}
