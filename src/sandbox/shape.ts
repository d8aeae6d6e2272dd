import { type Counters, type Tally, tallyOf } from "./counters.ts";
import { composedIn } from "./forms.ts";
import { type Draft, holds, type Layout, putAt, type Spot, spotOf, type Value } from "./row.ts";
import type { Table } from "./schema.ts";
import type { Column } from "./tables/column.ts";
import type { Columns, Written } from "./written.ts";

/**
 * What follows from the names of the columns that a request writes, whatever their values: worked out once for the
 * thousand rows of a bulk message, which all name the same ones.
 */
export interface Shape {
  readonly layout: Layout;
  readonly columns: readonly string[];
  /** Where they stand, in their order. */
  readonly spots: readonly Spot[];
  /** How often a row came again with the value that it has, in their order. */
  readonly redundant: Tallies;
  readonly stamps: Stamps;
  readonly currency: Spot;
  readonly rate: Spot;
  readonly money: readonly Amount[];
  /** Every amount of the table: a new currency moves them all. */
  readonly allMoney: readonly Amount[];
  /** Something that the service stamps itself, or what it is to stamp in its place. */
  readonly writesStamps: boolean;
  readonly writesCurrency: boolean;
  readonly writesOwner: boolean;
  readonly writesState: boolean;
  /** Columns that the service puts together from others, of which one is written. */
  readonly composed: readonly Spot[];
}

/** What every change of a row looks at. */
type Stamps = Readonly<Record<"modifiedon" | "modifiedby" | "modifiedonbehalfby" | "statecode", Spot>>;

export interface Amount {
  readonly column: Column;
  /** Where it stands among what is written, or -1. */
  readonly place: number;
  readonly amount: Spot;
  readonly base: Spot;
}

interface Tallies {
  /** The counters that they belong to: after a reset there are others. */
  of: Map<string, Tally> | undefined;
  each: readonly Tally[];
}

const STAMPED = [
  "createdon",
  "createdby",
  "createdonbehalfby",
  "modifiedon",
  "modifiedby",
  "modifiedonbehalfby",
  "overriddencreatedon",
];

function compile(table: Table, layout: Layout, columns: readonly string[]): Shape {
  const at = (column: string): Spot => spotOf(layout, column);
  const writes = (column: string): boolean => columns.includes(column);
  const allMoney = table.money.map((column) => ({
    column,
    place: columns.indexOf(column.logicalName),
    amount: at(column.logicalName),
    base: at(`${column.logicalName}_base`),
  }));
  return {
    layout,
    columns,
    spots: columns.map(at),
    redundant: { of: undefined, each: [] },
    stamps: {
      modifiedon: at("modifiedon"),
      modifiedby: at("modifiedby"),
      modifiedonbehalfby: at("modifiedonbehalfby"),
      statecode: at("statecode"),
    },
    currency: at("transactioncurrencyid"),
    rate: at("exchangerate"),
    money: allMoney.filter(({ column }) => writes(column.logicalName)),
    allMoney,
    writesStamps: STAMPED.some(writes),
    writesCurrency: writes("transactioncurrencyid"),
    writesOwner: table.hasOwner && writes("ownerid"),
    writesState: writes("statecode") || writes("statuscode"),
    composed: composedIn(table)
      .filter(({ parts }) => parts.some(writes))
      .map(({ column }) => at(column)),
  };
}

/** No closure: it would cost each row as much as the comparison. */
function areSame(a: readonly string[], b: readonly string[]): boolean {
  if (a === b) return true;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return a.length === b.length;
}

/** The last shape of each layout: requests repeat themselves. */
const last = new WeakMap<Layout, Shape>();

export function shapeOf(table: Table, layout: Layout, { names }: Columns): Shape {
  const known = last.get(layout);
  if (known !== undefined && areSame(known.columns, names)) return known;
  const shape = compile(table, layout, names);
  last.set(layout, shape);
  return shape;
}

/** Puts what was written into a row in the making, of the shape's layout. */
export function fill(draft: Draft, { spots }: Shape, { values }: Written): void {
  for (let at = 0; at < spots.length; at++) putAt(draft, spots[at] as Spot, values[at] as Value);
}

/**
 * The same for a row that is there, whose values stay where they are equal: the new ones are garbage at once.
 * @returns whether any is another one; those that are not are counted
 */
export function change(
  draft: Draft,
  { spots }: Shape,
  { values }: Written,
  tallies: readonly Tally[],
): boolean {
  let hasChanged = false;
  for (let at = 0; at < spots.length; at++) {
    const spot = spots[at] as Spot;
    const value = values[at] as Value;
    if (holds(draft, spot, value)) (tallies[at] as Tally).count += 1;
    else {
      putAt(draft, spot, value);
      hasChanged = true;
    }
  }
  return hasChanged;
}

/** Where the counters count the values of a shape that were there already. */
export function talliesOf(table: Table, { columns, redundant }: Shape, counters: Counters): readonly Tally[] {
  if (redundant.of !== counters.redundant) {
    redundant.of = counters.redundant;
    redundant.each = columns.map((column) => tallyOf(counters.redundant, `${table.logicalName}.${column}`));
  }
  return redundant.each;
}
