import type { Table } from "./schema.ts";
import type { Value } from "./store.ts";
import type { Column } from "./tables/column.ts";

/**
 * What follows from the names of the columns that a request writes, whatever their values: worked out once for the
 * thousand rows of a bulk message, which all name the same ones.
 */
export interface Shape {
  readonly columns: readonly string[];
  /** `table.column`, as the counters name them. */
  readonly labels: readonly string[];
  readonly money: readonly Amount[];
  /** Every amount of the table: a new currency moves them all. */
  readonly allMoney: readonly Amount[];
  readonly writesName: boolean;
  readonly addresses: readonly Address[];
}

export interface Amount {
  readonly column: Column;
  readonly base: string;
}

/** A column that the service puts together from others. */
export interface Address {
  readonly composite: string;
  readonly parts: readonly string[];
}

const ADDRESS = ["line1", "line2", "line3", "city", "stateorprovince", "postalcode", "country"] as const;
const ADDRESSES: readonly Address[] = ["address1", "address2"].map((name) => ({
  composite: `${name}_composite`,
  parts: ADDRESS.map((part) => `${name}_${part}`),
}));

function compile(table: Table, columns: readonly string[]): Shape {
  const allMoney = table.money.map((column) => ({ column, base: `${column.logicalName}_base` }));
  return {
    columns,
    labels: columns.map((column) => `${table.logicalName}.${column}`),
    money: allMoney.filter(({ column }) => columns.includes(column.logicalName)),
    allMoney,
    writesName:
      table.columns.has("fullname") && (columns.includes("firstname") || columns.includes("lastname")),
    addresses: ADDRESSES.filter(
      ({ composite, parts }) => table.columns.has(composite) && parts.some((part) => columns.includes(part)),
    ),
  };
}

/** The last shape of each table: requests repeat themselves. */
const last = new WeakMap<Table, Shape>();

export function shapeOf(table: Table, written: Readonly<Record<string, Value>>): Shape {
  const known = last.get(table);
  if (known !== undefined) {
    const { columns } = known;
    let at = 0;
    for (const name in written) {
      if (columns[at] !== name) {
        at = -1;
        break;
      }
      at += 1;
    }
    if (at === columns.length) return known;
  }
  const shape = compile(table, Object.keys(written));
  last.set(table, shape);
  return shape;
}

/** Columns that the service fills in by itself on nearly every row. */
const ALWAYS = [
  "createdon",
  "modifiedon",
  "createdby",
  "modifiedby",
  "ownerid",
  "owninguser",
  "owningteam",
  "owningbusinessunit",
  "statecode",
  "statuscode",
  "transactioncurrencyid",
  "exchangerate",
  "partitionid",
];

/**
 * Rows as they are made. All rows of a table start as copies of one object that names the columns in use, so that
 * they share one layout: copying is then what makes writes fast, and columns that nobody uses cost nothing. A column
 * that a row does not hold reads as null.
 */
export interface Drafts {
  /** A new row with the values of a request. */
  readonly from: (
    shape: Shape,
    written: Readonly<Record<string, Value>>,
  ) => Record<string, Value | undefined>;
}

export function newDrafts(table: Table): Drafts {
  const first: Record<string, Value> = { [table.primaryId]: null };
  for (const name of ALWAYS) if (table.columns.has(name)) first[name] = null;
  for (const [name, value] of table.fallbacks) first[name] = value;
  // Parsed from text an object keeps the fast layout that adding property after property would lose.
  let blank = JSON.parse(JSON.stringify(first)) as Record<string, Value>;
  let fits: Shape | undefined;

  /** Makes room for all that rows of this shape will hold. */
  function widen(shape: Shape): void {
    fits = shape;
    const names = [
      ...shape.columns,
      ...shape.money.map(({ base }) => base),
      ...(shape.writesName ? ["fullname"] : []),
      ...shape.addresses.map(({ composite }) => composite),
    ].filter((name) => !(name in blank) && table.columns.has(name));
    if (names.length === 0) return;
    const more = Object.fromEntries(names.map((name) => [name, null]));
    blank = JSON.parse(JSON.stringify({ ...blank, ...more })) as Record<string, Value>;
  }

  return {
    from(shape, written) {
      if (shape !== fits) widen(shape);
      return { ...blank, ...written };
    },
  };
}
