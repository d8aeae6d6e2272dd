/** The tables of a sync's state, and how its columns are named in them. */
import { createHash } from "node:crypto";
import type { Column } from "../core/value.ts";
import type { Dialect, StateEngine } from "../ports.ts";

/** What the statements are made for: the sync's columns, which of them are the key, which find the record. */
export interface Shape {
  readonly columns: readonly Column[];
  readonly key: readonly number[];
  readonly match: readonly number[];
}

/**
 * The tables, qualified and quoted. The snapshot is `base` overlaid with `delta`: a commit appends to the delta
 * and never rewrites the base.
 *
 * | table    | columns |
 * | -------- | ------- |
 * | base     | the sync's columns, `record_id` |
 * | delta    | `commit_no`, `gone`, the sync's columns, `record_id`; the last commit of a key counts |
 * | pending  | the primary key, `owed`: lines `f:FIELD` (owed), `c:COLUMN` (in doubt), `w:` first (for the run's second wave), `x:` first (the record may be gone or another row's) |
 * | doubt    | the sync's columns: added rows without a certain answer, as they were sent |
 * | waiting  | the sync's columns as they were rejected, `removed`, `mapping`, `attempts`, `due` (run), `until_ms` |
 * | staged   | as base: the model's result |
 * | refused  | the primary key `k0…`, the match `m0…`, `code` |
 * | changes  | `seq`, `kind`, `record_id`, after `a0…`, before `b0…`, `differing` (lines `c:COLUMN`), `owed`, `attempts` |
 * | outcomes | `seq`, `status`, `id`, `owed`, `waits` |
 */
export interface Tables {
  readonly base: string;
  readonly delta: string;
  readonly pending: string;
  readonly doubt: string;
  readonly waiting: string;
  readonly staged: string;
  readonly refused: string;
  readonly changes: string;
  readonly outcomes: string;
}

/** Which of the small tables have rows; a statement leaves out the others. */
export interface Contents {
  readonly delta: boolean;
  readonly pending: boolean;
  readonly doubt: boolean;
  readonly waiting: boolean;
}

export const list = (items: readonly string[], separator = ", "): string => items.join(separator);

const MOST_IN_CHAIN = 100;

/** A chain of any length as groups of groups: DuckDB refuses an expression that is more than a thousand deep. */
export function chain(items: readonly string[], separator: string): string {
  if (items.length <= MOST_IN_CHAIN) return list(items, separator);
  const groups: string[] = [];
  for (let at = 0; at < items.length; at += MOST_IN_CHAIN)
    groups.push(`(${list(items.slice(at, at + MOST_IN_CHAIN), separator)})`);
  return chain(groups, separator);
}

/** That each expression equals its other one, which is told by its place. */
export const allEqual = (expressions: readonly string[], other: (n: number) => string): string =>
  list(
    expressions.map((expression, n) => `${expression} = ${other(n)}`),
    " AND ",
  );

/** The statements' way to a shape's columns, in one dialect. */
export interface Names {
  readonly all: readonly string[];
  readonly key: readonly string[];
  /** `LEFT.key = RIGHT.key` for all parts; a side is an alias, or a function of the part's number. */
  sameKey(left: Side, right: Side): string;
}

type Side = string | ((part: number) => string);

/** PostgreSQL keeps 63 bytes of a name and drops the rest without a word. */
const NAME_BYTES = 63;

/** The name under which the state keeps a column of the model: none of the state's own. */
export function storedName({ name }: { readonly name: string }): string {
  const plain = `m_${name}`;
  if (Buffer.byteLength(plain) <= NAME_BYTES) return plain;
  const hash = createHash("sha256").update(name).digest("hex").slice(0, 12);
  return `m_${name.replaceAll(/[^A-Za-z0-9_]/g, "").slice(0, 40)}_${hash}`;
}

export function namesOf(dialect: Dialect, shape: Shape): Names {
  const all = shape.columns.map((column) => dialect.quote(storedName(column)));
  const key = shape.key.map((i) => all[i]!);
  const part = (side: Side, n: number): string => (typeof side === "string" ? `${side}.${key[n]}` : side(n));
  return {
    all,
    key,
    sameKey: (left, right) =>
      list(
        key.map((_, n) => `${part(left, n)} = ${part(right, n)}`),
        " AND ",
      ),
  };
}

/** The snapshot as something to select from: its columns and `record_id`. */
export function current(dialect: Dialect, shape: Shape, tables: Tables, contents: Contents): string {
  const { all, key, sameKey } = namesOf(dialect, shape);
  const columns = [...all, "record_id"];
  if (!contents.delta) return `(SELECT ${list(columns)} FROM ${tables.base})`;
  const of = (alias: string): string => list(columns.map((name) => `${alias}.${name}`));
  // No window: PostgreSQL would then join the whole snapshot in one process.
  const newest = `(SELECT ${list(key)}, max(commit_no) AS newest FROM ${tables.delta} GROUP BY ${list(key)}) l`;
  return `(SELECT ${of("b")} FROM ${tables.base} b WHERE NOT EXISTS (SELECT 1 FROM ${tables.delta} d WHERE ${sameKey("d", "b")}) UNION ALL SELECT ${of("n")} FROM ${tables.delta} n JOIN ${newest} ON ${sameKey("n", "l")} AND n.commit_no = l.newest WHERE NOT n.gone)`;
}

/** The empty tables that a sync starts with. */
export function createTables(dialect: Dialect, shape: Shape, tables: Tables): string[] {
  const { all } = namesOf(dialect, shape);
  const typed = (indexes: readonly number[]): string[] =>
    indexes.map((i) => `${all[i]} ${dialect.storedType(shape.columns[i]!)}`);
  const columns = typed(shape.columns.map((_, i) => i));
  const { text, integer, boolean } = dialect.types;
  const create = (table: string, parts: readonly string[]): string =>
    `CREATE TABLE IF NOT EXISTS ${table} (${list(parts)})`;
  return [
    create(tables.base, [...columns, `record_id ${text}`]),
    create(tables.delta, [`commit_no ${integer}`, `gone ${boolean}`, ...columns, `record_id ${text}`]),
    create(tables.pending, [...typed(shape.key), `owed ${text}`]),
    create(tables.doubt, columns),
    create(tables.waiting, [
      ...columns,
      `removed ${boolean}`,
      `mapping ${text}`,
      `attempts ${integer}`,
      `due ${integer}`,
      `until_ms ${integer}`,
    ]),
  ];
}

/** The journal's outcomes as a table; local state makes it of a file. */
export function createOutcomes(dialect: Dialect, table: string): string {
  const { text, integer, boolean } = dialect.types;
  return `CREATE TABLE IF NOT EXISTS ${table} (seq ${integer}, status ${text}, id ${text}, owed ${text}, waits ${boolean})`;
}

/** PostgreSQL's `IF NOT EXISTS` fails in the later one of two sessions that make the same at once: then it is there. */
export async function makeShared({ run }: Pick<StateEngine, "run">, sql: string): Promise<void> {
  await run(sql).catch(() => run(sql));
}
