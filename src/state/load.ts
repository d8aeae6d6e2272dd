/** Changes of a saved plan on their way into the table of changes, which makes them a run's intents. Pure SQL. */
import type { Change } from "../core/change.ts";
import type { Value } from "../core/value.ts";
import type { Dialect } from "../ports.ts";
import { type Contents, current, list, namesOf, type Shape, type Tables } from "./tables.ts";

/** Rows of one INSERT: Snowflake takes 16,384 in a VALUES clause ("VALUES", Snowflake documentation). */
export const LOADED_AT_ONCE = 1_000;

/** The table of changes, empty, as the diff would make it. */
export function createChanges(dialect: Dialect, shape: Shape, tables: Tables): string {
  const { text, integer } = dialect.types;
  const typed = (prefix: string): string[] =>
    shape.columns.map((column, i) => `${prefix}${i} ${dialect.storedType(column)}`);
  const columns = [
    `seq ${integer}`,
    `kind ${text}`,
    `record_id ${text}`,
    ...typed("a"),
    ...typed("b"),
    `differing ${text}`,
    `owed ${text}`,
    `attempts ${integer}`,
  ];
  return `CREATE TABLE ${tables.changes} (${list(columns)})`;
}

const columnsOf = (shape: Shape): string[] => [
  "seq",
  "kind",
  "record_id",
  ...shape.columns.map((_, i) => `a${i}`),
  ...shape.columns.map((_, i) => `b${i}`),
  "differing",
  "owed",
  "attempts",
];

/**
 * @param changes at least one
 * @param overwrites whether an added row may write a record that is there already
 */
export function insertChanges(
  dialect: Dialect,
  shape: Shape,
  tables: Tables,
  contents: Contents,
  changes: readonly Change[],
  overwrites: boolean,
): string {
  const { sameKey } = namesOf(dialect, shape);
  const rows = changes.map((change): Value[] => {
    const none = shape.columns.map(() => null);
    const before = change.kind === "added" ? none : change.before;
    const after = change.kind === "removed" ? change.before : change.after;
    const { differing, owed } = marksOf(shape, change, overwrites);
    return [String(change.seq), change.kind, change.id, ...after, ...before, differing, owed];
  });
  const typed = (prefix: string): string[] =>
    shape.columns.map((column, i) => dialect.fromText(column, asText(`n.${prefix}${i}`)));
  const select = [
    `CAST(n.seq AS ${dialect.types.integer})`,
    asText("n.kind"),
    asText("n.record_id"),
    ...typed("a"),
    ...typed("b"),
    asText("n.differing"),
    asText("n.owed"),
    contents.waiting ? "coalesce(w.attempts, 0)" : "0",
  ];
  const names = columnsOf(shape);
  const key = (part: number): string => typed("a")[shape.key[part]!]!;
  const join = contents.waiting ? ` LEFT JOIN ${tables.waiting} w ON ${sameKey("w", key)}` : "";
  return `INSERT INTO ${tables.changes} (${list(names)}) SELECT ${list(select)} FROM ${textRows(dialect, names.slice(0, -1), rows)} n${join}`;

  /** A column of nothing but NULL has no type of its own. */
  function asText(name: string): string {
    return `CAST(${name} AS ${dialect.types.text})`;
  }
}

function textRows(dialect: Dialect, names: readonly string[], rows: readonly (readonly Value[])[]): string {
  if (dialect.textRows !== undefined) return dialect.textRows(names, rows);
  const text = (value: Value): string => (value === null ? "NULL" : dialect.literal(value));
  const values = rows.map((row) => `(${list(row.map(text))})`);
  return `(SELECT * FROM (VALUES ${list(values)}) AS v (${list(names)}))`;
}

/** What the diff keeps of a change as lines; see `Tables`. */
function marksOf(
  shape: Shape,
  change: Change,
  overwrites: boolean,
): { readonly differing: Value; readonly owed: Value } {
  if (change.kind === "added") return { differing: null, owed: overwrites ? null : "n:\n" };
  if (change.kind === "removed") return { differing: null, owed: change.unsure ? "d:\n" : null };
  const matches = change.rematch ? shape.match : [];
  const owed = [
    ...change.pending.map((field) => `f:${field}\n`),
    ...matches.map((i) => `c:${shape.columns[i]!.name}\n`),
  ].join("");
  return {
    differing: change.columns.map((i) => `c:${shape.columns[i]!.name}\n`).join(""),
    owed: change.revived ? `x:\n${owed}` : change.doubted ? `d:\n${owed}` : owed || null,
  };
}

/** Rows that owe one of the fields to the run's second wave: changes of nothing but what they owe. */
export function insertSecondWave(
  dialect: Dialect,
  shape: Shape,
  tables: Tables,
  contents: Contents,
  fields: readonly string[],
): string {
  const { all, sameKey } = namesOf(dialect, shape);
  const values = list(all.map((name) => `s.${name}`));
  const owes = fields.map((field) => `p.owed LIKE ${dialect.literal(`%f:${field}\n%`)}`);
  const select = ["'changed'", "s.record_id", values, values, "''", "p.owed", "0"];
  return `INSERT INTO ${tables.changes} (${list(columnsOf(shape))}) SELECT ${dialect.rowNumber}, ${list(select)} FROM ${current(dialect, shape, tables, contents)} s JOIN ${tables.pending} p ON ${sameKey("s", "p")} WHERE p.owed LIKE ${dialect.literal("w:%")} AND (${list(owes, " OR ")})`;
}

/** Rows that wait for another try, and that the plan leaves alone, go on waiting. */
export function keepWaiting(dialect: Dialect, shape: Shape, tables: Tables): string {
  const { all, sameKey } = namesOf(dialect, shape);
  const key = (part: number): string => `c.a${shape.key[part]}`;
  const after = all.map((_, i) => `a${i}`);
  return `INSERT INTO ${tables.changes} (${list(["seq", "kind", ...after, "attempts"])}) SELECT 0, CASE WHEN w.removed THEN 'waiting_removed' ELSE 'waiting' END, ${list(all.map((name) => `w.${name}`))}, w.attempts FROM ${tables.waiting} w WHERE NOT EXISTS (SELECT 1 FROM ${tables.changes} c WHERE ${sameKey("w", key)})`;
}
