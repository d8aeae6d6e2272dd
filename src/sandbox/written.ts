import type { Value, Values } from "./row.ts";

/** A list of columns that are written together: one object for all rows of a request that name the same ones. */
export interface Columns {
  readonly names: readonly string[];
  /** Where each of them stands. */
  readonly places: ReadonlyMap<string, number>;
  /** The lists that go on where this one ends, by the column that comes next. */
  readonly longer: Map<string, Columns>;
}

/** What a request writes to one row: values, checked and in stored form, each in the place of its column. */
export interface Written {
  columns: Columns;
  /** Undefined where there is room for a value that is still to come. */
  readonly values: (Value | undefined)[];
}

export const newColumns = (names: readonly string[]): Columns => ({
  names,
  places: new Map(names.map((name, at) => [name, at])),
  longer: new Map(),
});

/** Whether an object has these names and no others, in this order. */
export function hasNames(object: object, names: readonly string[]): boolean {
  let at = 0;
  for (const name in object) {
    if (names[at] !== name) return false;
    at += 1;
  }
  return at === names.length;
}

/** The columns that an object names: those of the row before where they are the same. */
export const columnsOf = (values: object, before?: Columns): Columns =>
  before !== undefined && hasNames(values, before.names) ? before : newColumns(Object.keys(values));

/** What the service itself writes. */
export const writing = (values: Values): Written => ({
  columns: columnsOf(values),
  values: Object.values(values),
});

export const NOTHING: Written = { columns: newColumns([]), values: [] };

/** What is written to a column; undefined when it is not named. */
export function valueFor({ columns, values }: Written, column: string): Value | undefined {
  const place = columns.places.get(column);
  return place === undefined ? undefined : values[place];
}

/** Writes one value more, or another one. */
export function setFor(written: Written, column: string, value: Value): void {
  const { names, places, longer } = written.columns;
  const place = places.get(column);
  if (place !== undefined) {
    written.values[place] = value;
    return;
  }
  const known = longer.get(column);
  const columns = known ?? newColumns([...names, column]);
  if (known === undefined) longer.set(column, columns);
  written.columns = columns;
  written.values.push(value);
}

/** All of it by name. */
export const valuesFor = ({ columns, values }: Written): Values =>
  Object.fromEntries(columns.names.map((name, at) => [name, values[at]]));
