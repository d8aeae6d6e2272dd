/**
 * A stored value as another type, where it is the same value there; null where it is not. `pg_input_is_valid` is
 * too new to be relied on (PostgreSQL 16) and takes too much (`today` is a date to it): canonical texts are few
 * enough to be told by their form.
 */
import type { Column, ColumnKind } from "../../src/sdk.ts";
import { TYPES, textOf } from "./stored.ts";

const NUMBERS: readonly (ColumnKind | undefined)[] = ["integer", "decimal", "double"];
const INT8 = "-9223372036854775808 AND 9223372036854775807";
const NUMBER = "^-?[0-9]+([.][0-9]+)?(e[-+][0-9]{1,3})?$";

/** @param to not of kind text, unless `from` is too */
export function retyped(from: Column, to: Column, x: string): string {
  if (from.kind === to.kind) return x;
  if (NUMBERS.includes(from.kind) && NUMBERS.includes(to.kind)) return ofNumeric(to, asNumeric(from, x));
  if (from.kind === "date" && to.kind === "timestamp") {
    return `CASE WHEN ${x} < pg_catalog.date '294277-01-01' THEN (${x})::pg_catalog.timestamp END`;
  }
  if (from.kind === "timestamp" && to.kind === "date") {
    return `CASE WHEN ${x} = pg_catalog.date_trunc('day', ${x}) THEN (${x})::pg_catalog.date END`;
  }
  return fromCanonical(to, `(${textOf(from, x)})`);
}

function asNumeric({ kind }: Column, x: string): string {
  if (kind === "decimal") return `(${x})`;
  if (kind === "integer") return `(${x})::pg_catalog.numeric`;
  // By its shortest text: the cast itself keeps 15 digits.
  return `(CASE WHEN pg_catalog.abs(${x}) < pg_catalog.float8 'Infinity' THEN (${x})::pg_catalog.text::pg_catalog.numeric END)`;
}

function ofNumeric({ kind }: Column, n: string): string {
  if (kind === "decimal") return n;
  if (kind === "integer") {
    return `CASE WHEN ${n} BETWEEN ${INT8} THEN CASE WHEN ${n} = pg_catalog.trunc(${n}) THEN ${n}::pg_catalog.int8 END END`;
  }
  return `CASE WHEN ${n} = 0 OR pg_catalog.abs(${n}) BETWEEN 1e-300 AND 1e300 THEN CASE WHEN ${n}::pg_catalog.float8::pg_catalog.text::pg_catalog.numeric = ${n} THEN ${n}::pg_catalog.float8 END END`;
}

/** Only a text that is the value's own canonical one: the destination may hold it as it stood. */
function fromCanonical(to: Column, t: string): string {
  const value = `${t}::${TYPES[to.kind ?? "text"]}`;
  const same = `CASE WHEN ${textOf(to, value)} = ${t} THEN ${value} END`;
  const when = (...tests: readonly string[]): string =>
    tests.reduceRight((then, test) => `CASE WHEN ${test} THEN ${then} END`, same);
  switch (to.kind) {
    case "boolean":
      return when(`${t} IN ('true', 'false')`);
    case "integer":
      return when(`${t} ~ '^-?[0-9]{1,19}$'`, `${t}::pg_catalog.numeric BETWEEN ${INT8}`);
    case "decimal":
      return when(`pg_catalog.length(${t}) <= 1000`, `${t} ~ '${NUMBER}'`);
    case "double":
      return when(
        `pg_catalog.length(${t}) <= 1000`,
        `${t} ~ '${NUMBER}'`,
        `${t}::pg_catalog.numeric = 0 OR pg_catalog.abs(${t}::pg_catalog.numeric) BETWEEN 1e-300 AND 1e300`,
      );
    case "date":
      return when(`${t} ~ '^[0-9]{4}-(0[1-9]|1[0-2])-[0-9]{2}$'`, isDay(t));
    case "timestamp":
      return when(
        `${t} ~ '^[0-9]{4}-(0[1-9]|1[0-2])-[0-9]{2}T([01][0-9]|2[0-3])(:[0-5][0-9]){2}([.][0-9]{1,6})?Z$'`,
        isDay(t),
      );
    case "uuid":
      return when(`${t} ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'`);
    default:
      return t;
  }
}

/** Whether `YYYY-MM-DD…` names a day that there is. */
function isDay(t: string): string {
  const part = (from: number, digits: number): string =>
    `pg_catalog.substr(${t}, ${from}, ${digits})::pg_catalog.int4`;
  const year = part(1, 4);
  const days = `EXTRACT(day FROM pg_catalog.make_date(${year}, ${part(6, 2)}, 1) + pg_catalog.interval '1 month' - pg_catalog.interval '1 day')`;
  return `CASE WHEN ${year} > 0 THEN ${part(9, 2)} BETWEEN 1 AND ${days} ELSE false END`;
}
