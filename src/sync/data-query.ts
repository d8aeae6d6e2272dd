/**
 * The data tests of a model as one query: every row gets, for each sync, the number of the first reason for which it
 * would be rejected, and the rows are counted by it. Values are tested as the canonical text that the destination
 * would be given, digit by digit, so that a limit is the same number in SQL as it is there. Pure.
 */
import type { Edge, FieldLimit } from "../core/field-limit.ts";
import type { Column } from "../core/value.ts";
import type { Dialect } from "../ports.ts";
import type { Shape } from "../state/tables.ts";

/** Why a row is refused before any field is looked at, in the order of looking. */
export const KEY_CODES = ["key.null", "key.double", "match.null", "match.double"] as const;

/** What a sync's rows are held to. */
export interface Subject {
  readonly shape: Shape;
  readonly limits: readonly FieldLimit[];
}

export interface DataQuery {
  readonly text: string;
  /** A number of a reason for each subject, null but for one; the rows; the smallest and the greatest primary key. */
  readonly columns: readonly Column[];
}

/** Between the parts of a primary key. */
export const BETWEEN_PARTS = "\u001f";

/** What JavaScript's `trim` takes away. */
const WHITE =
  "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff";
const CONTROL = "[\u0000\u0001-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]";
const NUMBER = "^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]{1,4})?$";
const UUID = "^[{]?[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}[}]?$";
const LEAP = "([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29";
const DAY = `([0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))|${LEAP})`;
const ZONE = "[+-][0-9]{2}(:?[0-9]{2})?";
const TIME = `([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.,][0-9]{1,9})?)?`;
const ISO = `^${DAY}([T ]${TIME}(Z|z|${ZONE})?)?$`;
/** Dates all the same, of years that are not written with four digits. */
const FAR = "^[+-]?[0-9]{5,}-|^-[0-9]+-|(^|[^A-Za-z0-9_])BC($|[^A-Za-z0-9_])";

const TEXT: Column = { name: "", kind: "text", sqlType: "text" };
const MOST_SAFE = String(Number.MAX_SAFE_INTEGER);

export function dataQuery(
  dialect: Dialect,
  model: string,
  subjects: readonly Subject[],
  timezone: string,
): DataQuery {
  const columns = [
    ...new Map(
      subjects.flatMap(({ shape }) => shape.columns).map((column) => [column.name, column]),
    ).values(),
  ];
  const at = (column: Column): number => columns.findIndex(({ name }) => name === column.name);
  const { fn, and, or } = words(dialect);
  const values = columns.map((column, i) => {
    const name = `backhaul_model.${dialect.quote(column.name)}`;
    return `${dialect.fromModel(column, name, timezone)} AS v${i}`;
  });
  let from = `SELECT ${values.join(", ")} FROM (\n${model}\n) AS backhaul_model`;
  const also = (expressions: readonly string[]): void => {
    if (expressions.length > 0)
      from = `SELECT p.*, ${expressions.join(", ")} FROM (${from}) p${dialect.fence}`;
  };

  const indexes = ({ columns: all }: Shape, parts: readonly number[]): number[] =>
    parts.map((part) => at(all[part]!));
  const copies = (parts: readonly string[]): string =>
    `${fn("count", "*")} OVER (PARTITION BY ${parts.join(", ")})`;
  const key = indexes(subjects[0]!.shape, subjects[0]!.shape.key);
  also([
    ...columns.map((column, i) => `${dialect.toText(column, `v${i}`)} AS t${i}`),
    `${copies(key.map((i) => `v${i}`))} AS key_copies`,
    ...subjects.flatMap(({ shape }, s) => {
      const match = indexes(shape, shape.match);
      return match.length === 0
        ? []
        : [`${copies(match.map((i) => dialect.folded(columns[i]!, `v${i}`)))} AS match_copies${s}`];
    }),
  ]);
  const tested = subjects.map(({ shape, limits }) =>
    limits.map(({ column, ...limit }) => ({
      ...limit,
      value: column === null ? null : at(shape.columns[column]!),
    })),
  );
  const used = (kinds: readonly string[]): number[] => [
    ...new Set(
      tested
        .flat()
        .flatMap(({ test, value }) => (value !== null && kinds.includes(test.kind) ? [value] : [])),
    ),
  ];
  also(columns.map((_, i) => `${trim(dialect, `t${i}`)} AS w${i}`));
  for (const level of digits(dialect, columns, used(["number", "whole", "range", "choice"]))) also(level);

  const nullIn = (parts: readonly number[]): string => or(parts.map((i) => `t${i} IS NULL`));
  const reasons = subjects.map(({ shape }, s) => {
    const match = indexes(shape, shape.match);
    const conditions: (readonly [number, string | null])[] = [
      [1, nullIn(key)],
      [2, "key_copies > 1"],
      ...(match.length === 0
        ? []
        : ([
            [3, nullIn(match)],
            [4, `match_copies${s} > 1`],
          ] as const)),
      ...tested[s]!.map((limit, i) => [KEY_CODES.length + 1 + i, failure(dialect, limit)] as const),
    ];
    const cases = conditions.flatMap(([reason, sql]) => (sql === null ? [] : [`WHEN ${sql} THEN ${reason}`]));
    return `CASE ${cases.join(" ")} ELSE 0 END AS r${s}`;
  });
  const shown = key.map((i) => `t${i}`).join(` || ${dialect.literal(BETWEEN_PARTS)} || `);
  const rows = `SELECT ${[...reasons, `${shown} AS k`].join(", ")} FROM (${from}) p`;
  const sets = subjects.map((_, s) => `r${s}`);
  const results = [...sets, `${fn("count", "*")} AS n`, `${fn("min", "k")} AS k1`, `${fn("max", "k")} AS k2`];
  return {
    text: `SELECT ${results.join(", ")} FROM (${rows}) q GROUP BY GROUPING SETS (${sets.map((set) => `(${set})`).join(", ")})`,
    columns: [
      ...[...sets, "n"].map((name): Column => ({ name, kind: "integer", sqlType: "integer" })),
      ...["k1", "k2"].map((name): Column => ({ name, kind: "text", sqlType: "text" })),
    ],
  };

  /** What is true of a value that does not pass; null for what SQL cannot tell. */
  function failure(
    { literal, finds, folded, utf16Length }: Dialect,
    { test, blank, value }: Omit<FieldLimit, "column"> & { readonly value: number | null },
  ): string | null {
    if (test.kind === "elsewhere") return null;
    if (value === null) return test.kind === "present" ? "TRUE" : null;
    const [t, w, x] = [`t${value}`, `w${value}`, `x${value}`];
    const list = (texts: readonly string[]): string => texts.map(literal).join(", ");
    const filled = `${w} <> ''`;
    switch (test.kind) {
      case "present":
        return or([`${t} IS NULL`, `${blank === "empty" ? t : w} = ''`]);
      case "length": {
        const length = fn("length", t);
        return and([
          `2 * ${length} > ${test.most}`,
          or([`${length} > ${test.most}`, `${utf16Length(t)} > ${test.most}`]),
        ]);
      }
      case "characters":
        return and([
          finds(t, CONTROL),
          ...(test.upTo === undefined ? [] : [`${utf16Length(t)} <= ${test.upTo}`]),
        ]);
      case "number":
        return and([filled, `${x} IS NULL`]);
      case "whole":
        return `b${value} <> ''`;
      case "range":
        return and([
          `${x} IS NOT NULL`,
          or([
            ...(test.below ? [beyond("below", test.below, value)] : []),
            ...(test.above ? [beyond("above", test.above, value)] : []),
          ]),
        ]);
      case "date":
        return and([filled, `NOT ${finds(w, ISO)}`, `NOT ${finds(t, FAR)}`]);
      case "days":
        return and([filled, or([`NOT ${finds(w, ISO)}`, outside(w, test.first, test.last)])]);
      case "noWord":
        return `${folded(TEXT, w)} IN (${list(test.words)})`;
      case "choice":
        return and([
          filled,
          ...(test.words.length > 0 ? [`${folded(TEXT, w)} NOT IN (${list(test.words)})`] : []),
          test.numbers === "whole"
            ? or([
                `${x} IS NULL`,
                `b${value} <> ''`,
                beyond("above", { at: MOST_SAFE, inclusive: false }, value),
                beyond("below", { at: `-${MOST_SAFE}`, inclusive: false }, value),
              ])
            : `coalesce(${plainNumber(value)}, '') NOT IN (${list(test.numbers)})`,
        ]);
      case "uuid":
        return and([filled, `NOT ${finds(w, UUID)}`]);
    }
  }

  function plainNumber(i: number): string {
    return `CASE WHEN a${i} = '' AND b${i} = '' THEN '0' WHEN b${i} = '' THEN ${minus(i)} || a${i} END`;
  }

  function minus(i: number): string {
    return `CASE WHEN ${fn("substr", `x${i}`, "1", "1")} = '-' THEN '-' ELSE '' END`;
  }

  /** Whether a number is beyond an edge, by its digits before (`a`) and behind (`b`) the point. */
  function beyond(side: "above" | "below", { at: edge, inclusive }: Edge, i: number): string {
    const [, sign = "", whole = "", fraction = ""] = /^(-?)0*(\d*)(?:\.(\d*?)0*)?$/.exec(edge) ?? [];
    const isZero = whole === "" && fraction === "";
    const isFar = (sign === "") === (side === "above");
    const isNegative = and([`${minus(i)} = '-'`, or([`a${i} <> ''`, `b${i} <> ''`])]);
    const isSide = side === "above" ? `NOT (${isNegative})` : isNegative;
    /** By size alone. */
    const larger = (orEqual: boolean): string => {
      const [a, length] = [`a${i}`, fn("length", `a${i}`)];
      const tail = `b${i} ${orEqual ? ">=" : ">"} ${dialect.literal(fraction)}`;
      const head = dialect.literal(whole);
      return or([
        `${length} > ${whole.length}`,
        and([`${length} = ${whole.length}`, or([`${a} > ${head}`, and([`${a} = ${head}`, tail])])]),
      ]);
    };
    if (isZero) {
      const isOther = side === "above" ? and([`NOT (${isNegative})`, larger(false)]) : isNegative;
      return inclusive ? or([isOther, and([`a${i} = ''`, `b${i} = ''`])]) : isOther;
    }
    if (isFar) return and([isSide, larger(inclusive)]);
    // Beyond an edge on the other side of zero is all but what lies further out on that side.
    const otherSide = side === "above" ? isNegative : `NOT (${isNegative})`;
    return `NOT ${and([otherSide, larger(!inclusive)])}`;
  }

  /** Whether an ISO text is a moment outside of two days in UTC, or a timestamp's text outside of two moments. */
  function outside(w: string, first: string, last: string): string {
    if (first.includes("T")) {
      const seconds = fn("substr", w, "1", "19");
      return or([`${seconds} < '${first.slice(0, 19)}'`, `${seconds} > '${last.slice(0, 19)}'`]);
    }
    const day = fn("substr", w, "1", "10");
    const rest = fn("substr", w, "12");
    const part = (sign: string): string => fn("split_part", rest, dialect.literal(sign), "2");
    const number = (text: string): string => `CAST(${text} AS INTEGER)`;
    const zone = fn("replace", `${part("+")} || ${part("-")}`, "':'", "''");
    const offset = `(${number(fn("substr", zone, "1", "2"))} * 60 + ${number(`'0' || ${fn("substr", zone, "3")}`)})`;
    const sign = `CASE WHEN ${part("-")} = '' THEN -1 ELSE 1 END`;
    const clock = `${number(fn("substr", rest, "1", "2"))} * 60 + ${number(fn("substr", rest, "4", "2"))}`;
    // A zone can move a moment by four days and a bit.
    const near = [-5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5];
    const minute = (origin: string): string =>
      `CASE ${day} ${near.map((n) => `WHEN '${moved(origin, n)}' THEN ${n * 1_440}`).join(" ")} END + ${clock} + ${sign} * ${offset}`;
    const days = (origin: string): string => near.map((n) => `'${moved(origin, n)}'`).join(", ");
    const hasZone = dialect.finds(w, `[T ][0-9:.,]+${ZONE}$`);
    return `CASE WHEN ${hasZone} AND ${day} IN (${days(first)}) THEN ${minute(first)} < 0 WHEN ${hasZone} AND ${day} IN (${days(last)}) THEN ${minute(last)} >= 1440 ELSE ${day} < '${first}' OR ${day} > '${last}' END`;
  }
}

function moved(day: string, by: number): string {
  const text = new Date(Date.parse(day) + by * 86_400_000).toISOString();
  return text.slice(0, text.indexOf("T"));
}

interface Words {
  fn(name: string, ...args: readonly string[]): string;
  and(conditions: readonly string[]): string;
  or(conditions: readonly string[]): string;
}

function words({ system }: Dialect): Words {
  return {
    fn: (name, ...args) => `${system}${name}(${args.join(", ")})`,
    and: (conditions) => `(${conditions.join(" AND ")})`,
    or: (conditions) => `(${conditions.join(" OR ")})`,
  };
}

function trim(dialect: Dialect, text: string): string {
  const { fn } = words(dialect);
  const white = dialect.literal(WHITE);
  return fn("ltrim", fn("rtrim", text, white), white);
}

/**
 * The digits of numbers before and behind the point, without needless zeros, as `a` and `b`: one level of columns
 * after another. A text that is no number has none.
 */
function digits(dialect: Dialect, columns: readonly Column[], used: readonly number[]): string[][] {
  const { fn } = words(dialect);
  // The text of an exact number has neither an exponent nor a plus.
  const isExact = (i: number): boolean => columns[i]!.kind === "integer" || columns[i]!.kind === "decimal";
  const each = (made: (i: number) => readonly string[]): string[] =>
    used.filter((i) => !isExact(i)).flatMap(made);
  const exact = used.filter(isExact);
  const part = (i: number, n: "1" | "2"): string => fn("split_part", fn("ltrim", `x${i}`, "'-'"), "'.'", n);
  return [
    exact.map((i) => `CASE WHEN w${i} NOT IN ('NaN', 'Infinity', '-Infinity') THEN w${i} END AS x${i}`),
    exact.flatMap((i) => [
      `${fn("ltrim", part(i, "1"), "'0'")} AS a${i}`,
      `${fn("rtrim", part(i, "2"), "'0'")} AS b${i}`,
    ]),
    each((i) => [
      `CASE WHEN ${dialect.finds(`w${i}`, NUMBER)} THEN ${fn("replace", `w${i}`, "'E'", "'e'")} END AS x${i}`,
    ]),
    each((i) => [
      `${fn("split_part", fn("ltrim", `x${i}`, "'+-'"), "'e'", "1")} AS m${i}`,
      `${fn("split_part", `x${i}`, "'e'", "2")} AS e${i}`,
    ]),
    each((i) => [
      `${fn("split_part", `m${i}`, "'.'", "1")} || ${fn("split_part", `m${i}`, "'.'", "2")} AS d${i}`,
      `CAST(${fn("length", fn("split_part", `m${i}`, "'.'", "1"))} + CASE WHEN e${i} = '' THEN 0 ELSE CAST(${fn("ltrim", `e${i}`, "'+'")} AS INTEGER) END AS INTEGER) AS o${i}`,
    ]),
    each((i) => {
      const before = `CASE WHEN o${i} <= 0 THEN '' WHEN o${i} >= ${fn("length", `d${i}`)} THEN ${fn("rpad", `d${i}`, `o${i}`, "'0'")} ELSE ${fn("substr", `d${i}`, "1", `o${i}`)} END`;
      const behind = `CASE WHEN o${i} <= 0 THEN ${fn("repeat", "'0'", `-o${i}`)} || d${i} WHEN o${i} >= ${fn("length", `d${i}`)} THEN '' ELSE ${fn("substr", `d${i}`, `o${i} + 1`)} END`;
      return [`${fn("ltrim", before, "'0'")} AS a${i}`, `${fn("rtrim", behind, "'0'")} AS b${i}`];
    }),
  ];
}
