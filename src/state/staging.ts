/** What is staged, and which of its rows cannot be used: pure SQL. */
import type { Dialect } from "../ports.ts";
import { list, namesOf, type Shape, type Tables } from "./tables.ts";

/** @param values one expression per column, of the stored type */
export function createStaged(
  dialect: Dialect,
  shape: Shape,
  table: string,
  values: readonly string[],
  from: string,
): string {
  const { all } = namesOf(dialect, shape);
  const select = values.map((value, i) => `${value} AS ${all[i]}`);
  const id = `CAST(NULL AS ${dialect.types.text}) AS record_id`;
  return dialect.createTableAs(table, `SELECT ${list([...select, id])} FROM ${from}`);
}

interface Parts {
  readonly key: readonly string[];
  readonly match: readonly string[];
  readonly folded: readonly string[];
}

function partsOf(dialect: Dialect, shape: Shape, alias?: string): Parts {
  const { all, key } = namesOf(dialect, shape);
  const at = (name: string): string => (alias === undefined ? name : `${alias}.${name}`);
  const match = shape.match.map((i) => at(all[i]!));
  return {
    key: key.map(at),
    match,
    folded: shape.match.map((i, n) => dialect.folded(shape.columns[i]!, match[n]!)),
  };
}

const anyNull = (parts: readonly string[]): string =>
  list(
    parts.map((part) => `${part} IS NULL`),
    " OR ",
  );

/**
 * Whether some key or match value may be null or double: the cheap question before `selectRefused`. Groups by a
 * hash of 64 bits, so that a rare yes is nothing but a collision; a no is certain. Gives `true` or `false`.
 */
export function anyRefused(dialect: Dialect, shape: Shape, tables: Tables): string {
  const { key, match, folded } = partsOf(dialect, shape);
  // Rows equal in the key are equal in the folded match too when the match is the key.
  const covered = shape.match.length === shape.key.length && shape.match.every((i) => shape.key.includes(i));
  const unique = [...(folded.length > 0 ? [folded] : []), ...(covered ? [] : [key])];
  const tests = dialect.anyNullOrDouble
    ? unique.map((parts) => dialect.anyNullOrDouble!(tables.staged, parts))
    : [
        `EXISTS (SELECT 1 FROM ${tables.staged} WHERE ${anyNull([...new Set([...key, ...match])])})`,
        ...unique.map(
          (parts) =>
            `EXISTS (SELECT 1 FROM ${tables.staged} GROUP BY ${dialect.hash(parts)} HAVING count(*) > 1)`,
        ),
      ];
  return `SELECT CASE WHEN ${list(tests, " OR ")} THEN 'true' ELSE 'false' END`;
}

/** Rows whose primary key or match value is null, or a copy of another row's: all copies together. */
export function selectRefused(dialect: Dialect, shape: Shape, tables: Tables): string {
  const row = partsOf(dialect, shape, "t");
  const plain = partsOf(dialect, shape);
  const copies = (parts: readonly string[], as: string): string =>
    `(SELECT ${list(parts.map((part, n) => `${part} AS ${as}${n}`))} FROM ${tables.staged} WHERE NOT (${anyNull(parts)}) GROUP BY ${list(parts)} HAVING count(*) > 1)`;
  const equal = (parts: readonly string[], alias: string): string =>
    list(
      parts.map((part, n) => `${part} = ${alias}.${alias}${n}`),
      " AND ",
    );
  const hasMatch = row.folded.length > 0;
  const cases = [
    `WHEN ${anyNull(row.key)} THEN 'key.null'`,
    "WHEN dk.dk0 IS NOT NULL THEN 'key.double'",
    ...(hasMatch
      ? [`WHEN ${anyNull(row.match)} THEN 'match.null'`, "WHEN dm.dm0 IS NOT NULL THEN 'match.double'"]
      : []),
  ];
  const select = [
    ...row.key.map((part, n) => `${part} AS k${n}`),
    ...row.match.map((part, n) => `${part} AS m${n}`),
    `CASE ${list(cases, " ")} END AS code`,
  ];
  const joins = [
    `${tables.staged} t`,
    `LEFT JOIN ${copies(plain.key, "dk")} dk ON ${equal(row.key, "dk")}`,
    ...(hasMatch ? [`LEFT JOIN ${copies(plain.folded, "dm")} dm ON ${equal(row.folded, "dm")}`] : []),
  ];
  return `SELECT * FROM (SELECT ${list(select)} FROM ${list(joins, " ")}) r WHERE code IS NOT NULL`;
}

/** The refused rows as canonical text, in the order: code, key…, match…. */
export function refusedRows(dialect: Dialect, shape: Shape, tables: Tables): string {
  const text = (prefix: string, indexes: readonly number[]): string[] =>
    indexes.map((i, n) => dialect.toText(shape.columns[i]!, `${prefix}${n}`));
  return `SELECT ${list(["code", ...text("k", shape.key), ...text("m", shape.match)])} FROM ${tables.refused} ORDER BY ${list(shape.key.map((_, n) => `k${n}`))}`;
}
