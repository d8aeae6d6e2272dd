/** The diff: one statement, null-safe per column; its result is the record of intent. Pure SQL. */
import type { Value } from "../core/value.ts";
import type { Dialect } from "../ports.ts";
import { allEqual, type Contents, chain, current, list, namesOf, type Shape, type Tables } from "./tables.ts";

/** What a run asks of the diff. */
export interface Interest {
  /** Whether rows that differ from the snapshot matter: not in the modes that compare presence only. */
  readonly changed: boolean;
  /** Whether rows that have left the model matter. */
  readonly removed: boolean;
  /** Whether every known row is written again, whole. */
  readonly full: boolean;
  /** The mapping's fields. */
  readonly fields: readonly string[];
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
  /** Nothing is known yet: every row is new, and none needs to be compared. */
  readonly first: boolean;
  /** Keys, as canonical text: their rows are written again whatever is known of them, and no others. */
  readonly only?: readonly (readonly Value[])[];
}

/**
 * The rows of the table of changes. `kind` is `added`, `changed`, `removed`, or `waiting` (`waiting_removed`): rejected before,
 * the same since, and not due yet. A row that was added without an answer is known, but not surely: added again under
 * the same match value, or where a known row has that value, changed whole under another one, removed with a mark (`d:`) when it has left. `n:` marks an added row
 * that overwrites no record.
 */
export function selectChanges(dialect: Dialect, shape: Shape, tables: Tables, parts: DiffParts): string {
  const { contents, first, refused, interest, patience, only } = parts;
  const { all, key, sameKey } = namesOf(dialect, shape);
  const text = dialect.types.text;
  const lit = dialect.literal;
  const lines = (items: readonly string[]): string => lit(items.map((item) => `${item}\n`).join(""));
  const doubt = contents.doubt && interest.changed;

  const isRemoved = `t.${key[0]} IS NULL`;
  const unknown = `s.${key[0]} IS NULL`;
  const unsure = "coalesce(s.unsure, false)";
  const revived = "coalesce(p.owed LIKE 'x:%', false)";
  const moved = shape.match
    .map((i) => {
      const fold = (table: string): string => dialect.folded(shape.columns[i]!, `${table}.${all[i]}`);
      return `${fold("t")} IS DISTINCT FROM ${fold("s")}`;
    })
    .join(" OR ");
  const isNew = doubt
    ? `(${unknown} OR (${unsure} AND (coalesce(s.shared, false) OR NOT (${moved || "1 = 0"}))))`
    : unknown;
  // Where nothing is ever changed, to write a row again is to add it again.
  const isAdded = only !== undefined && !interest.changed ? "1 = 1" : isNew;
  const kind = `CASE ${interest.removed ? `WHEN ${isRemoved} THEN 'removed' ` : ""}WHEN ${isAdded} THEN 'added' ELSE 'changed' END`;

  const after = (name: string): string =>
    interest.removed ? `CASE WHEN ${isRemoved} THEN s.${name} ELSE t.${name} END` : `t.${name}`;
  const compared = interest.changed ? all.map((_, i) => i).filter((i) => !shape.key.includes(i)) : [];
  const differing = compared.map(
    (i) =>
      `CASE WHEN t.${all[i]} IS DISTINCT FROM s.${all[i]} THEN ${lines([`c:${shape.columns[i]!.name}`])} ELSE '' END`,
  );
  const isChanged = `NOT (${interest.removed ? `${isRemoved} OR ` : ""}${isAdded})`;
  const fieldLines = (fields: readonly string[]): string => lines(fields.map((field) => `f:${field}`));
  const everything = fieldLines(interest.fields);
  const known = contents.pending ? "coalesce(p.owed, '')" : "''";
  const owed = [
    ...(interest.removed
      ? [`WHEN ${isRemoved} THEN ${doubt ? `CASE WHEN ${unsure} THEN ${lit("d:\n")} END` : "NULL"}`]
      : []),
    `WHEN ${isAdded} THEN ${interest.changed ? "NULL" : lit("n:\n")}`,
    ...(contents.pending ? [`WHEN ${revived} THEN p.owed || ${everything}`] : []),
    ...(doubt ? [`WHEN ${unsure} THEN ${lit("d:\n")} || ${everything}`] : []),
    `ELSE ${interest.full ? `${known} || ${everything}` : contents.pending ? "p.owed" : "NULL"}`,
  ];

  const keyOf = (n: number): string =>
    interest.removed ? `coalesce(t.${key[n]}, s.${key[n]})` : `t.${key[n]}`;
  const rows = refused
    ? `(SELECT * FROM ${tables.staged} WHERE ${list(
        key.map((name) => `${name} IS NOT NULL`),
        " AND ",
      )}) t`
    : `${tables.staged} t`;
  const refusedKeys = `(SELECT DISTINCT ${list(key.map((_, n) => `k${n}`))} FROM ${tables.refused})`;
  const joins = [
    rows,
    `${interest.removed ? "FULL" : "LEFT"} JOIN ${doubt ? withDoubt(dialect, shape, tables, contents) : current(dialect, shape, tables, contents)} s ON ${sameKey("t", "s")}`,
    ...(refused ? [`LEFT JOIN ${refusedKeys} r ON ${sameKey("t", (n) => `r.k${n}`)}`] : []),
    ...(contents.pending ? [`LEFT JOIN ${tables.pending} p ON ${sameKey("t", "p")}`] : []),
    ...(contents.waiting ? [`LEFT JOIN ${tables.waiting} w ON ${sameKey("w", keyOf)}`] : []),
  ];

  const wanted = [
    first ? "1 = 1" : unknown,
    ...(first ? [] : compared.map((i) => `t.${all[i]} IS DISTINCT FROM s.${all[i]}`)),
    ...(contents.pending ? ["p.owed IS NOT NULL"] : []),
    ...(doubt ? ["s.unsure"] : []),
    ...(interest.full || only !== undefined ? ["1 = 1"] : []),
    ...(interest.removed ? [isRemoved] : []),
  ];
  const isChosen = (only ?? []).map((parts) => {
    const equal = parts.map((part, n) => {
      const text = dialect.toText(shape.columns[shape.key[n]!]!, keyOf(n));
      return `${text} = ${lit(part ?? "")}`;
    });
    return `(${list(equal, " AND ")})`;
  });
  // Rows that wait are kept among the changes: what is not there waits no more.
  const chosen = `(${list(isChosen, " OR ")})`;
  const where = [
    `(${chain(wanted, " OR ")})`,
    ...(refused ? ["r.k0 IS NULL"] : []),
    ...(only === undefined ? [] : [contents.waiting ? `(${chosen} OR w.${key[0]} IS NOT NULL)` : chosen]),
  ].join(" AND ");

  const select = [
    `${contents.waiting ? waitingKind(kind) : kind} AS kind`,
    "s.record_id AS record_id",
    ...all.map((name, i) => `${after(name)} AS a${i}`),
    ...all.map((name, i) => `s.${name} AS b${i}`),
    `CASE WHEN ${isChanged} THEN ${differing.length === 0 ? "''" : chain(differing, " || ")} END AS differing`,
    `CAST(CASE ${list(owed, " ")} END AS ${text}) AS owed`,
    `${contents.waiting ? "coalesce(w.attempts, 0)" : "0"} AS attempts`,
  ];
  const changes = `(SELECT ${list(select)} FROM ${list(joins, " ")} WHERE ${where})`;
  const numbered = `SELECT ${dialect.rowNumber} AS seq, x.* FROM`;
  return dialect.numbersOnOneCore === true && !first
    ? `WITH x AS MATERIALIZED ${changes} ${numbered} x`
    : `${numbered} ${changes} x`;

  function waitingKind(otherwise: string): string {
    const equal = (side: string): string =>
      chain(
        all.map((name) => `${side}.${name} IS NOT DISTINCT FROM w.${name}`),
        " AND ",
      );
    const same = interest.removed
      ? `CASE WHEN ${isRemoved} THEN w.removed AND ${equal("s")} ELSE NOT w.removed AND ${equal("t")} END`
      : `NOT w.removed AND ${equal("t")}`;
    const waiting = interest.removed
      ? `CASE WHEN ${isRemoved} THEN 'waiting_removed' ELSE 'waiting' END`
      : "'waiting'";
    if (only !== undefined) return `CASE WHEN ${chosen} THEN ${otherwise} ELSE ${waiting} END`;
    return `CASE WHEN w.mapping = ${lit(patience.mapping)} AND w.due > ${patience.run} AND w.until_ms > ${patience.nowMs} AND (${same}) THEN ${waiting} ELSE ${otherwise} END`;
  }
}

/**
 * What is known surely or not: the snapshot and the rows in doubt, which are never in both. A row in doubt is `shared`
 * where a known row has its match value: the record is that row's, so that this one has none to move.
 */
function withDoubt(dialect: Dialect, shape: Shape, tables: Tables, contents: Contents): string {
  const { all } = namesOf(dialect, shape);
  const nothing = `CAST(NULL AS ${dialect.types.text})`;
  const known = current(dialect, shape, tables, contents);
  const sure = `SELECT s.*, false AS unsure, false AS shared FROM ${known} s`;
  const unsure = (shared: string): string =>
    `SELECT ${list(all.map((name) => `d.${name}`))}, ${nothing} AS record_id, true AS unsure, ${shared} AS shared FROM ${tables.doubt} d`;
  if (!canClaim(shape)) return `(${sure} UNION ALL ${unsure("false")})`;
  const folded = (table: string): string[] => foldedMatch(dialect, shape, (i) => `${table}.${all[i]}`);
  const held = `SELECT DISTINCT ${list(folded("u").map((value, n) => `${value} AS f${n}`))} FROM ${tables.doubt} u JOIN ${known} v ON ${allEqual(folded("u"), (n) => folded("v")[n]!)}`;
  const isHeld = allEqual(folded("d"), (n) => `h.f${n}`);
  return `(${sure} UNION ALL ${unsure("h.f0 IS NOT NULL")} LEFT JOIN (${held}) h ON ${isHeld})`;
}

/** Folded values of the match, from the columns with a prefix (`a`, `b`) of the table of changes. */
const foldedMatch = (dialect: Dialect, shape: Shape, columns: (i: number) => string): string[] =>
  shape.match.map((i) => dialect.folded(shape.columns[i]!, columns(i)));

/** Whether a change, planned or waiting, gives a known record another match value, or another value of one of the sets. */
function isMove(dialect: Dialect, shape: Shape, sets: readonly (readonly number[])[] = []): string {
  const match = [...new Set([...shape.match, ...sets.flat()])];
  const after = foldedMatch(dialect, { ...shape, match }, (i) => `a${i}`);
  const before = foldedMatch(dialect, { ...shape, match }, (i) => `b${i}`);
  const moved = list(
    after.map((value, n) => `${value} IS DISTINCT FROM ${before[n]}`),
    " OR ",
  );
  return `kind IN ('changed', 'waiting') AND b${shape.key[0]} IS NOT NULL AND (${moved})`;
}

/** Whether a change's record may not be there: its removal (`x:`) or its creation (`d:`) had no answer. */
const isUncertain = ({ literal }: Dialect): string =>
  `coalesce(owed LIKE ${literal("x:%")} OR owed LIKE ${literal("d:%")}, false)`;

/** Whether match values can move at all: not where the key is the match. */
const canMove = (shape: Shape, sets: readonly (readonly number[])[] = []): boolean =>
  [...shape.match, ...sets.flat()].some((i) => !shape.key.includes(i));

/** Whether two keys can have one match value, one after another. */
export const canClaim = (shape: Shape): boolean =>
  canMove(shape) || (shape.match.length > 0 && shape.key.some((i) => !shape.match.includes(i)));

/**
 * Takes back removals of records that another row of the model claims by its match value: what is removed would be
 * that row's record. A row that surely has a record of its own, which gets that value, claims none.
 */
export function keepClaimed(dialect: Dialect, shape: Shape, tables: Tables): string | undefined {
  if (!canClaim(shape)) return undefined;
  const { all, key } = namesOf(dialect, shape);
  const folded = foldedMatch(dialect, shape, (i) => all[i]!).map((value, n) => `${value} AS f${n}`);
  const movers = `SELECT ${list(shape.key.map((i, n) => `a${i} AS k${n}`))} FROM ${tables.changes} WHERE ${isMove(dialect, shape)} AND NOT ${isUncertain(dialect)}`;
  const sameKey = allEqual(
    key.map((name) => `t.${name}`),
    (n) => `m.k${n}`,
  );
  const claimed = `(SELECT DISTINCT ${list(folded)} FROM ${tables.staged} t LEFT JOIN (${movers}) m ON ${sameKey} WHERE m.k0 IS NULL) d`;
  return `DELETE FROM ${tables.changes} USING ${claimed} WHERE kind = 'removed' AND ${allEqual(
    foldedMatch(dialect, shape, (i) => `a${i}`),
    (n) => `d.f${n}`,
  )}`;
}

/** Match values that records keep for now, as canonical text: their rows wait for another one, or are refused. */
export function readHeld(
  dialect: Dialect,
  shape: Shape,
  tables: Tables,
  contents: Contents,
  refused: boolean,
): string | undefined {
  const { all, key, sameKey } = namesOf(dialect, shape);
  const values = (column: (i: number) => string): string =>
    list(shape.match.map((i) => dialect.toText(shape.columns[i]!, column(i))));
  const keys = `SELECT DISTINCT ${list(key.map((_, n) => `k${n}`))} FROM ${tables.refused}`;
  // A record that may be gone keeps nobody out: its row is written whole anyway.
  const lasting = contents.pending
    ? ` LEFT JOIN ${tables.pending} p ON ${sameKey("s", "p")} WHERE NOT coalesce(p.owed LIKE 'x:%', false)`
    : "";
  const parts = [
    ...(contents.waiting
      ? [
          `SELECT ${values((i) => `b${i}`)} FROM ${tables.changes} WHERE kind = 'waiting' AND ${isMove(dialect, shape)}`,
        ]
      : []),
    ...(refused
      ? [
          `SELECT ${values((i) => `s.${all[i]}`)} FROM ${current(dialect, shape, tables, contents)} s JOIN (${keys}) r ON ${sameKey("s", (n) => `r.k${n}`)}${lasting}`,
        ]
      : []),
  ];
  return parts.length > 0 && canMove(shape) ? list(parts, " UNION ALL ") : undefined;
}

const texts = (dialect: Dialect, shape: Shape, prefix: string): string[] =>
  shape.columns.map((column, i) => dialect.toText(column, `${prefix}${i}`));

const seq = (dialect: Dialect): string => `CAST(seq AS ${dialect.types.text})`;

/** The added rows as canonical text, in the order: seq, id, after…. */
export function readAdded(dialect: Dialect, shape: Shape, tables: Tables): string {
  return `SELECT ${list([seq(dialect), "record_id", ...texts(dialect, shape, "a")])} FROM ${tables.changes} WHERE kind = 'added'`;
}

/** The removed rows as canonical text, in the order: seq, id, owed, before…. */
export function readRemoved(dialect: Dialect, shape: Shape, tables: Tables): string {
  return `SELECT ${list([seq(dialect), "record_id", "owed", ...texts(dialect, shape, "b")])} FROM ${tables.changes} WHERE kind = 'removed'`;
}

/** The changed rows as canonical text, in the order: seq, id, differing, owed, after…, before…. */
export function readChanged(
  dialect: Dialect,
  shape: Shape,
  tables: Tables,
  which: "moves" | "rest",
  sets: readonly (readonly number[])[] = [],
): string {
  const select = [
    seq(dialect),
    "record_id",
    "differing",
    "owed",
    ...texts(dialect, shape, "a"),
    ...texts(dialect, shape, "b"),
  ];
  const moves = canMove(shape, sets) ? isMove(dialect, shape, sets) : "1 = 0";
  return `SELECT ${list(select)} FROM ${tables.changes} WHERE kind = 'changed' AND ${which === "moves" ? moves : `NOT (${moves})`}`;
}

/** Counts of the changes by kind. */
export const countChanges = (dialect: Dialect, tables: Tables): string =>
  `SELECT kind, CAST(count(*) AS ${dialect.types.text}) FROM ${tables.changes} GROUP BY kind`;
