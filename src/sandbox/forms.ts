import { packMoment, unpackMoment } from "./dates.ts";
import { canonicalNumber } from "./decimal.ts";
import type { Held, Value } from "./row.ts";
import { valueIn } from "./row.ts";
import type { Table } from "./schema.ts";
import type { Column } from "./tables/column.ts";

/**
 * In which form rows keep values that would weigh more than they say: amounts and moments are whole numbers where they
 * can be, names and addresses are put together when somebody reads them. Each value has one form, so that two that are
 * kept alike are alike.
 */
export interface Form {
  /** Values of the column are never null here. */
  readonly keep: (value: Value) => Value;
  readonly show: (kept: Value, row: Held) => Value;
}

/** Above it a number of hundredths is not exact any more. */
const MOST = 1e14;

/** A number of hundredths, or undefined where the number has more digits. */
export function hundredthsOf(value: number): number | undefined {
  const hundredths = Math.round(value * 100);
  return hundredths / 100 === value && Math.abs(hundredths) < MOST ? hundredths : undefined;
}

/** Exact numbers: as hundredths, or as text where they have more digits. */
const EXACT: Form = {
  keep(value) {
    if (typeof value === "number") return hundredthsOf(value) ?? canonicalNumber(value) ?? value;
    if (typeof value !== "string") return value;
    const hundredths = value.length < 15 ? hundredthsOf(Number(value)) : undefined;
    return hundredths !== undefined && canonicalNumber(hundredths / 100) === value ? hundredths : value;
  },
  show: (kept) => (typeof kept === "number" ? (canonicalNumber(kept / 100) as string) : kept),
};

/** Inexact numbers with so many places: as whole numbers, or as text where they have more. */
function inexact(column: Column): Form {
  const factor = 10 ** (column.precision ?? 5);
  return {
    keep(value) {
      if (typeof value !== "number") return value;
      const units = Math.round(value * factor);
      return units / factor === value ? units : String(value);
    },
    show: (kept) => (typeof kept === "number" ? kept / factor : Number(kept)),
  };
}

/** Moments of our time: their parts in one number. */
const MOMENTS: Form = {
  keep: (value) => (typeof value === "string" ? (packMoment(value) ?? value) : value),
  show: (kept) => (typeof kept === "number" ? unpackMoment(kept) : kept),
};

/** Kept in place of a text that is put together from other columns. */
export const OF_PARTS = true;

const composed = (join: (part: (column: string) => Value | undefined) => string): Form => ({
  keep: (value) => value,
  show: (kept, row) => (kept === OF_PARTS ? join((column) => valueIn(row, column)) || null : kept),
});

/** Two texts with something between them, or the one that there is. */
const joined = (a: Value | undefined, between: string, b: Value | undefined): string =>
  a && b ? `${a}${between}${b}` : String(a || b || "");

/** A column that the service puts together from others. */
export interface Composed {
  readonly column: string;
  readonly parts: readonly string[];
  readonly form: Form;
}

/** As a form shows it: lines, then city, region and code, then the country. */
const address = (name: string): Composed => {
  const at = (part: string): string => `${name}_${part}`;
  return {
    column: at("composite"),
    parts: ["line1", "line2", "line3", "city", "stateorprovince", "postalcode", "country"].map(at),
    form: composed((part) => {
      const region = joined(part(at("stateorprovince")), " ", part(at("postalcode")));
      const place = joined(part(at("city")), ", ", region);
      const lines = joined(joined(part(at("line1")), "\r\n", part(at("line2"))), "\r\n", part(at("line3")));
      return joined(joined(lines, "\r\n", place), "\r\n", part(at("country")));
    }),
  };
};

const COMPOSED: readonly Composed[] = [
  {
    column: "fullname",
    parts: ["firstname", "lastname"],
    form: composed((part) => joined(part("firstname"), " ", part("lastname"))),
  },
  address("address1"),
  address("address2"),
];

/** Those of a table. */
export const composedIn = (table: Table): readonly Composed[] =>
  COMPOSED.filter(({ column }) => table.columns.has(column));

/** The moments that the rows of one request have in common are one text anyway. */
const STAMPS = new Set(["createdon", "modifiedon"]);

function formOf(column: Column): Form | undefined {
  if (column.type === "money" || column.type === "decimal") return EXACT;
  if (column.type === "double") return inexact(column);
  return column.type === "datetime" && !STAMPS.has(column.logicalName) ? MOMENTS : undefined;
}

/** The form of each column of a table that does not keep its values as they are. */
export function formsOf(table: Table): ReadonlyMap<string, Form> {
  const forms = new Map(composedIn(table).map(({ column, form }) => [column, form]));
  for (const column of table.columns.values()) {
    const form = formOf(column);
    if (form && !forms.has(column.logicalName)) forms.set(column.logicalName, form);
  }
  return forms;
}
