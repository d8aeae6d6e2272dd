import type { Serials } from "./guid.ts";

/**
 * One row as it is kept. A million of them, of which most agree in most columns: what nearly all rows of a table have
 * in common (owner, state, defaults) is one object that they share, everything else stands in an array whose places
 * the table gives out as its columns come into use. Rows are never changed in place, so that taking a write back is
 * putting the old row back.
 */

export interface Reference {
  readonly table: string;
  readonly id: string;
}

/** Decimals, amounts and big integers are canonical text; dates are ISO text. */
export type Value = string | number | boolean | null | Reference;
export type Values = Readonly<Record<string, Value | undefined>>;
type Cells = (Value | undefined)[];

/** Which column stands where in the rows of one table. */
export interface Layout {
  /** The column that says the id of the row, where that is all that it says. */
  readonly primaryId: string | undefined;
  /** Spells the ids that the server made. */
  readonly ids: Serials;
  readonly columns: string[];
  readonly places: Map<string, number>;
  /** As many empty cells as columns are in use. */
  readonly blank: Cells;
  /** The columns that rows share, with the values of a new row that says nothing of them. */
  readonly defaults: Values;
  /** The same without any value: what is put in place says all there is. */
  readonly empty: Values;
  /** The sets of shared values in use, so that rows that agree share one. */
  readonly known: Map<string, Values>;
}

/** What a row holds, without what it is. */
export interface Held {
  readonly id?: string;
  readonly layout: Layout;
  readonly shared: Values;
  readonly cells: readonly (Value | undefined)[];
}

/** A row in its place. Most ids are the server's own: they follow from the order and are spelled on demand. */
export class Row implements Held {
  readonly version: number;
  /** Order of creation: the order of pages. */
  readonly order: number;
  /** Where it stands among the rows of its table. */
  readonly place: number;
  readonly layout: Layout;
  readonly shared: Values;
  readonly cells: readonly (Value | undefined)[];
  /** The id when somebody else chose it. */
  readonly givenId: string | undefined;

  constructor(givenId: string | undefined, version: number, order: number, place: number, held: Held) {
    this.givenId = givenId;
    this.version = version;
    this.order = order;
    this.place = place;
    this.layout = held.layout;
    this.shared = held.shared;
    this.cells = held.cells;
  }

  get id(): string {
    return this.givenId ?? this.layout.ids.idOf(this.order);
  }
}

/** A row in the making. */
export interface Draft extends Held {
  shared: Values;
  readonly cells: Cells;
  /** Set once `shared` is a copy that nobody else has. */
  isOwn: boolean;
}

/** Sets of shared values that are remembered; whoever has an owner of his own for each row shares nothing anyway. */
const MOST_KNOWN = 1000;

export const newLayout = (ids: Serials, primaryId: string | undefined, defaults: Values): Layout => ({
  ids,
  primaryId,
  columns: [],
  places: new Map(),
  blank: [],
  defaults,
  empty: Object.fromEntries(Object.keys(defaults).map((column) => [column, null])),
  known: new Map(),
});

/** Whether a column has a cell in each row, and is neither shared nor the id. */
export const isCell = (layout: Layout, column: string): boolean =>
  column !== layout.primaryId && !(column in layout.defaults);

/** The place of a column that has cells; it gets one when it has none. */
export function placeIn(layout: Layout, column: string): number {
  const known = layout.places.get(column);
  if (known !== undefined) return known;
  const place = layout.columns.push(column) - 1;
  layout.places.set(column, place);
  layout.blank.push(undefined);
  return place;
}

/** The value of one column; undefined where the row holds none. */
export function valueIn(held: Held | undefined, column: string): Value | undefined {
  if (held === undefined) return undefined;
  const { layout } = held;
  const place = layout.places.get(column);
  if (place !== undefined) return held.cells[place];
  return column === layout.primaryId ? held.id : held.shared[column];
}

/** All values of a row by name. */
export function valuesIn({ id, layout, shared, cells }: Held): Record<string, Value> {
  const values = { ...shared } as Record<string, Value>;
  if (layout.primaryId !== undefined && id !== undefined) values[layout.primaryId] = id;
  for (let place = 0; place < cells.length; place++) {
    const value = cells[place];
    if (value !== undefined) values[layout.columns[place] as string] = value;
  }
  return values;
}

/** A new row that says nothing yet. */
export const newDraft = (layout: Layout, shared = layout.defaults): Draft => ({
  layout,
  shared,
  cells: layout.blank.slice(),
  isOwn: false,
});

/** A row to be changed. */
export const draftOf = ({ layout, shared, cells }: Held): Draft => ({
  layout,
  shared,
  cells: cells.slice(),
  isOwn: false,
});

/** A row with these values and no others. */
export function draftWith(layout: Layout, values: Values): Draft {
  const draft = newDraft(layout, layout.empty);
  for (const column in values) {
    const value = values[column];
    if (value !== undefined) put(draft, column, value);
  }
  return draft;
}

export function put(draft: Draft, column: string, value: Value): void {
  const { layout } = draft;
  const place = layout.places.get(column);
  if (place !== undefined) draft.cells[place] = value;
  else if (column === layout.primaryId) return;
  else if (!(column in layout.defaults)) draft.cells[placeIn(layout, column)] = value;
  else if (draft.shared[column] !== value) {
    if (!draft.isOwn) draft.shared = { ...draft.shared };
    draft.isOwn = true;
    (draft.shared as Record<string, Value>)[column] = value;
  }
}

const spelled = (value: Value | undefined): string =>
  typeof value === "object" && value !== null ? `${value.table} ${value.id}` : `${typeof value} ${value}`;

/** The shared values of a finished draft: those of other rows where they are the same. */
export function sharedOf({ layout, shared, isOwn }: Draft): Values {
  if (!isOwn) return shared;
  let text = "";
  for (const column in layout.defaults) text += `${spelled(shared[column])}\u0000`;
  const known = layout.known.get(text);
  if (known) return known;
  if (layout.known.size < MOST_KNOWN) layout.known.set(text, shared);
  return shared;
}

/** What a finished draft holds. */
export const finish = (draft: Draft): Held => ({
  layout: draft.layout,
  shared: sharedOf(draft),
  cells: draft.cells,
});
