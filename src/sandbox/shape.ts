import { type Draft, isCell, type Layout, placeIn, put, type Value } from "./row.ts";
import type { Table } from "./schema.ts";
import type { Column } from "./tables/column.ts";

/**
 * What follows from the names of the columns that a request writes, whatever their values: worked out once for the
 * thousand rows of a bulk message, which all name the same ones.
 */
export interface Shape {
  readonly columns: readonly string[];
  /** Where the columns stand in rows of this layout; -1 for those that rows share. */
  readonly places: readonly number[];
  readonly layout: Layout;
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

function compile(table: Table, layout: Layout, columns: readonly string[]): Shape {
  const allMoney = table.money.map((column) => ({ column, base: `${column.logicalName}_base` }));
  return {
    columns,
    places: columns.map((column) => (isCell(layout, column) ? placeIn(layout, column) : -1)),
    layout,
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

/** The last shape of each layout: requests repeat themselves. */
const last = new WeakMap<Layout, Shape>();

export function shapeOf(table: Table, layout: Layout, written: Readonly<Record<string, Value>>): Shape {
  const known = last.get(layout);
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
  const shape = compile(table, layout, Object.keys(written));
  last.set(layout, shape);
  return shape;
}

/** Puts what was written into a row in the making. */
export function fill(draft: Draft, shape: Shape, written: Readonly<Record<string, Value>>): void {
  const isSame = draft.layout === shape.layout;
  for (let at = 0; at < shape.columns.length; at++) {
    const column = shape.columns[at] as string;
    const place = shape.places[at] as number;
    if (isSame && place >= 0) draft.cells[place] = written[column];
    else put(draft, column, written[column] as Value);
  }
}
