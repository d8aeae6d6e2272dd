import type { Form } from "./forms.ts";
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

/** Where a column stands in the rows of one layout: asked for once, and not by name for each value. */
export interface Spot {
  readonly column: string;
  /** How its values are kept, if not as they are. */
  readonly form: Form | undefined;
  /** The place of its cell, or one of the three below. */
  place: number;
}

/** No row holds a value of the column yet. */
const UNUSED = -1;
/** Rows share its value. */
const SHARED = -2;
/** It says the id of the row. */
const ID = -3;

/** Which column stands where in the rows of one table. */
export interface Layout {
  /** The column that says the id of the row, where that is all that it says. */
  readonly primaryId: string | undefined;
  /** Spells the ids that the server made. */
  readonly ids: Serials;
  /** Those with cells, by place. */
  readonly columns: string[];
  readonly spots: Map<string, Spot>;
  readonly forms: ReadonlyMap<string, Form>;
  /** As many empty cells as columns are in use. */
  readonly blank: Cells;
  /** The columns that rows share, with the values of a new row that says nothing of them. */
  readonly defaults: Values;
  /** The same without any value: what is put in place says all there is. */
  readonly empty: Values;
  /** The sets of shared values in use, so that rows that agree share one. */
  readonly known: Map<string, Values>;
  /** The last one that differed from what its row started with. */
  last: Values;
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

export function newLayout(
  ids: Serials,
  primaryId: string | undefined,
  defaults: Values,
  forms: Layout["forms"],
): Layout {
  const shared = Object.keys(defaults);
  const empty = Object.fromEntries(shared.map((column) => [column, null]));
  const spot = (column: string, place: number): [string, Spot] => [
    column,
    { column, form: undefined, place },
  ];
  const spots = shared.map((column) => spot(column, SHARED));
  if (primaryId !== undefined) spots.push(spot(primaryId, ID));
  return {
    ids,
    primaryId,
    columns: [],
    spots: new Map(spots),
    forms,
    blank: [],
    defaults,
    empty,
    known: new Map(),
    last: empty,
  };
}

/** Where a column stands; it gets a cell when the first value comes. */
export function spotOf(layout: Layout, column: string): Spot {
  const known = layout.spots.get(column);
  if (known !== undefined) return known;
  const spot = { column, form: layout.forms.get(column), place: UNUSED };
  layout.spots.set(column, spot);
  return spot;
}

/** The value in a spot; undefined where the row holds none. */
export function valueAt(held: Held, { place, column, form }: Spot): Value | undefined {
  if (place >= 0) {
    const kept = held.cells[place];
    return form === undefined || kept === null || kept === undefined ? kept : form.show(kept, held);
  }
  if (place === SHARED) return held.shared[column];
  return place === ID ? held.id : undefined;
}

function isSame(a: Value | undefined, b: Value | undefined): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  return a.id === b.id && a.table === b.table;
}

/** Whether a row holds a value already; none and null are the same. */
export function holds(held: Held, spot: Spot, value: Value | undefined): boolean {
  const known = spot.place >= 0 ? held.cells[spot.place] : valueAt(held, spot);
  if (value === null || value === undefined) return known === null || known === undefined;
  return isSame(spot.form === undefined ? value : spot.form.keep(value), known);
}

/** The value of one column; undefined where the row holds none. */
export function valueIn(held: Held | undefined, column: string): Value | undefined {
  const spot = held?.layout.spots.get(column);
  return spot && valueAt(held as Held, spot);
}

/** All values of a row by name. */
export function valuesIn(held: Held): Record<string, Value> {
  const { id, layout, shared } = held;
  const values = { ...shared } as Record<string, Value>;
  if (layout.primaryId !== undefined && id !== undefined) values[layout.primaryId] = id;
  for (const column of layout.columns) {
    const value = valueIn(held, column);
    if (value !== undefined) values[column] = value;
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

/** Puts a value into a row in the making. The id is no value: the store says it. */
export function putAt(draft: Draft, spot: Spot, value: Value): void {
  const { place, column, form } = spot;
  if (place >= 0) draft.cells[place] = form === undefined || value === null ? value : form.keep(value);
  else if (place === UNUSED) {
    const { columns, blank } = draft.layout;
    spot.place = columns.push(column) - 1;
    blank.push(undefined);
    putAt(draft, spot, value);
  } else if (place === SHARED && !isSame(draft.shared[column], value)) {
    if (!draft.isOwn) draft.shared = { ...draft.shared };
    draft.isOwn = true;
    (draft.shared as Record<string, Value>)[column] = value;
  }
}

export const put = (draft: Draft, column: string, value: Value): void =>
  putAt(draft, spotOf(draft.layout, column), value);

const spelled = (value: Value | undefined): string =>
  typeof value === "object" && value !== null ? `${value.table} ${value.id}` : `${typeof value} ${value}`;

function agree(a: Values, b: Values): boolean {
  for (const column in a) if (!isSame(a[column], b[column])) return false;
  return true;
}

/** The shared values of a finished draft: those of other rows where they are the same. */
function sharedOf({ layout, shared, isOwn }: Draft): Values {
  if (!isOwn) return shared;
  // Nearly always those of the row before.
  if (agree(layout.last, shared)) return layout.last;
  let text = "";
  for (const column in layout.defaults) text += `${spelled(shared[column])}\u0000`;
  layout.last = layout.known.get(text) ?? shared;
  if (layout.last === shared && layout.known.size < MOST_KNOWN) layout.known.set(text, shared);
  return layout.last;
}

/** A draft that is done. */
export function finish(draft: Draft): Held {
  draft.shared = sharedOf(draft);
  return draft;
}
