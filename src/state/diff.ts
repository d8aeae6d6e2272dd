/** The diff: one statement, null-safe per column; its result is the record of intent. Pure SQL. */
import type { Dialect } from "../ports.ts";
import { type Contents, current, list, namesOf, type Shape, type Tables } from "./tables.ts";

/** What a run asks of the diff. */
export interface Interest {
  /** Whether rows that differ from the snapshot matter: not in the modes that compare presence only. */
  readonly changed: boolean;
  /** Whether rows that have left the model matter. */
  readonly removed: boolean;
  /** Fields that every known row owes: a run that writes everything again. */
  readonly owedByAll: readonly string[];
}

/** Tells rejected rows that are not due yet from those that are tried. */
export interface Patience {
  /** Fingerprint of the mapping: another mapping is another try. */
  readonly mapping: string;
  readonly run: number;
  readonly nowMs: number;
}

export interface DiffParts {
  readonly contents: Contents;
  readonly refused: boolean;
  readonly interest: Interest;
  readonly patience: Patience;
}

/**
 * The rows of the table of changes. `kind` is `added`, `changed`, `removed`, or `waiting` (`waiting_removed`): rejected before,
 * the same since, and not due yet. A new row that was sent before, without an answer, under another match value is a change of
 * that record, whole; a row whose removal is in doubt is added again.
 */
export function selectChanges(dialect: Dialect, shape: Shape, tables: Tables, parts: DiffParts): string {
  const { contents, refused, interest, patience } = parts;
  const { all, key, sameKey } = namesOf(dialect, shape);
  const text = dialect.types.text;
  const lit = dialect.literal;
  const lines = (items: readonly string[]): string => lit(items.map((item) => `${item}\n`).join(""));
  const doubt = contents.doubt && interest.changed;

  const unknown = `s.${key[0]} IS NULL`;
  const unremoved = contents.pending ? `coalesce(p.owed LIKE 'x:%', false)` : undefined;
  const isNew = doubt ? `(${unknown} AND d.${key[0]} IS NULL)` : unknown;
  const isAdded = unremoved ? `(${isNew} OR ${unremoved})` : isNew;
  const isRemoved = `t.${key[0]} IS NULL`;
  const kind = `CASE ${interest.removed ? `WHEN ${isRemoved} THEN 'removed' ` : ""}WHEN ${isAdded} THEN 'added' ELSE 'changed' END`;

  const after = (name: string): string =>
    interest.removed ? `CASE WHEN ${isRemoved} THEN s.${name} ELSE t.${name} END` : `t.${name}`;
  const before = (name: string): string =>
    doubt ? `CASE WHEN ${unknown} THEN d.${name} ELSE s.${name} END` : `s.${name}`;
  const compared = interest.changed ? all.map((_, i) => i).filter((i) => !shape.key.includes(i)) : [];
  const differing = compared.map(
    (i) =>
      `CASE WHEN t.${all[i]} IS DISTINCT FROM ${before(all[i]!)} THEN ${lines([`c:${shape.columns[i]!.name}`])} ELSE '' END`,
  );
  const nothing = `CAST(NULL AS ${text})`;
  const isChanged = `NOT (${interest.removed ? `${isRemoved} OR ` : ""}${isAdded})`;
  const everything = lines(shape.columns.map(({ name }) => `c:${name}`));
  const byAll = lines(interest.owedByAll.map((field) => `f:${field}`));
  const owed = [
    ...(interest.removed ? [`WHEN ${isRemoved} THEN ${nothing}`] : []),
    ...(unremoved ? [`WHEN ${unremoved} THEN p.owed`] : []),
    `WHEN ${isNew} THEN ${nothing}`,
    ...(doubt ? [`WHEN ${unknown} THEN ${everything}`] : []),
    ...(interest.owedByAll.length > 0
      ? [`ELSE ${contents.pending ? "coalesce(p.owed, '')" : "''"} || ${byAll}`]
      : [`ELSE ${contents.pending ? "p.owed" : nothing}`]),
  ];

  const keyOf = (n: number): string =>
    interest.removed ? `coalesce(t.${key[n]}, s.${key[n]})` : `t.${key[n]}`;
  const rows = refused
    ? `(SELECT * FROM ${tables.staged} WHERE ${list(
        key.map((name) => `${name} IS NOT NULL`),
        " AND ",
      )}) t`
    : `${tables.staged} t`;
  const moved = shape.match
    .map((i) => {
      const fold = (table: string): string => dialect.folded(shape.columns[i]!, `${table}.${all[i]}`);
      return `${fold("t")} IS DISTINCT FROM ${fold("d")}`;
    })
    .join(" OR ");
  const refusedKeys = `(SELECT DISTINCT ${list(key.map((_, n) => `k${n}`))} FROM ${tables.refused})`;
  const joins = [
    rows,
    `${interest.removed ? "FULL" : "LEFT"} JOIN ${current(dialect, shape, tables, contents)} s ON ${sameKey("t", "s")}`,
    ...(refused ? [`LEFT JOIN ${refusedKeys} r ON ${sameKey("t", (n) => `r.k${n}`)}`] : []),
    ...(doubt ? [`LEFT JOIN ${tables.doubt} d ON ${sameKey("t", "d")} AND (${moved || "1 = 0"})`] : []),
    ...(contents.pending ? [`LEFT JOIN ${tables.pending} p ON ${sameKey("t", "p")}`] : []),
    ...(contents.waiting ? [`LEFT JOIN ${tables.waiting} w ON ${sameKey("w", keyOf)}`] : []),
  ];

  const wanted = [
    unknown,
    ...compared.map((i) => `t.${all[i]} IS DISTINCT FROM s.${all[i]}`),
    ...(contents.pending ? ["p.owed IS NOT NULL"] : []),
    ...(interest.owedByAll.length > 0 ? ["1 = 1"] : []),
    ...(interest.removed ? [isRemoved] : []),
  ];
  const where = `(${list(wanted, " OR ")})${refused ? " AND r.k0 IS NULL" : ""}`;

  const select = [
    `${contents.waiting ? waitingKind(kind) : kind} AS kind`,
    "s.record_id AS record_id",
    ...all.map((name, i) => `${after(name)} AS a${i}`),
    ...all.map((name, i) => `${before(name)} AS b${i}`),
    `CASE WHEN ${isChanged} THEN ${differing.length === 0 ? "''" : list(differing, " || ")} END AS differing`,
    `CASE ${list(owed, " ")} END AS owed`,
    `${contents.waiting ? "coalesce(w.attempts, 0)" : "0"} AS attempts`,
  ];
  return `SELECT ${dialect.rowNumber} AS seq, x.* FROM (SELECT ${list(select)} FROM ${list(joins, " ")} WHERE ${where}) x`;

  function waitingKind(otherwise: string): string {
    const equal = (side: string): string =>
      list(
        all.map((name) => `${side}.${name} IS NOT DISTINCT FROM w.${name}`),
        " AND ",
      );
    const same = interest.removed
      ? `CASE WHEN ${isRemoved} THEN w.removed AND ${equal("s")} ELSE NOT w.removed AND ${equal("t")} END`
      : `NOT w.removed AND ${equal("t")}`;
    const waiting = interest.removed
      ? `CASE WHEN ${isRemoved} THEN 'waiting_removed' ELSE 'waiting' END`
      : "'waiting'";
    return `CASE WHEN w.mapping = ${lit(patience.mapping)} AND w.due > ${patience.run} AND w.until_ms > ${patience.nowMs} AND (${same}) THEN ${waiting} ELSE ${otherwise} END`;
  }
}

/**
 * Takes back removals of records that another row of the model has claimed by its match value: what is removed
 * would be that row's record.
 */
export function keepClaimed(dialect: Dialect, shape: Shape, tables: Tables): string | undefined {
  const others = shape.match.filter((i) => !shape.key.includes(i));
  if (others.length === 0) return undefined;
  const { all } = namesOf(dialect, shape);
  const fold = (i: number, expression: string): string => dialect.folded(shape.columns[i]!, expression);
  const claimed = `(SELECT DISTINCT ${list(shape.match.map((i, n) => `${fold(i, all[i]!)} AS f${n}`))} FROM ${tables.staged}) d`;
  return `DELETE FROM ${tables.changes} USING ${claimed} WHERE kind = 'removed' AND ${list(
    shape.match.map((i, n) => `${fold(i, `a${i}`)} = d.f${n}`),
    " AND ",
  )}`;
}

const texts = (dialect: Dialect, shape: Shape, prefix: string): string[] =>
  shape.columns.map((column, i) => dialect.toText(column, `${prefix}${i}`));

const seq = (dialect: Dialect): string => `CAST(seq AS ${dialect.types.text})`;

/** The added rows as canonical text, in the order: seq, id, after…. */
export function readAdded(dialect: Dialect, shape: Shape, tables: Tables): string {
  return `SELECT ${list([seq(dialect), "record_id", ...texts(dialect, shape, "a")])} FROM ${tables.changes} WHERE kind = 'added'`;
}

/** The removed rows as canonical text, in the order: seq, id, before…. */
export function readRemoved(dialect: Dialect, shape: Shape, tables: Tables): string {
  return `SELECT ${list([seq(dialect), "record_id", ...texts(dialect, shape, "b")])} FROM ${tables.changes} WHERE kind = 'removed'`;
}

/** The changed rows as canonical text, in the order: seq, id, differing, owed, after…, before…. */
export function readChanged(dialect: Dialect, shape: Shape, tables: Tables, which: "moves" | "rest"): string {
  const select = [
    seq(dialect),
    "record_id",
    "differing",
    "owed",
    ...texts(dialect, shape, "a"),
    ...texts(dialect, shape, "b"),
  ];
  const moved = shape.match.filter((i) => !shape.key.includes(i)).map((i) => `a${i} IS DISTINCT FROM b${i}`);
  const isMove = moved.length === 0 ? "1 = 0" : list(moved, " OR ");
  return `SELECT ${list(select)} FROM ${tables.changes} WHERE kind = 'changed' AND ${which === "moves" ? `(${isMove})` : `NOT (${isMove})`}`;
}

/** Counts of the changes by kind. */
export const countChanges = (dialect: Dialect, tables: Tables): string =>
  `SELECT kind, CAST(count(*) AS ${dialect.types.text}) FROM ${tables.changes} GROUP BY kind`;
