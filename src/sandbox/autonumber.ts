import { randomInt } from "node:crypto";
import { valueIn } from "./row.ts";
import type { Table } from "./schema.ts";
import type { Column } from "./tables/column.ts";
import type { World } from "./world.ts";
import { setFor, valueFor, type Written } from "./written.ts";

/** Columns that number themselves (page: create-auto-number-attributes). */

/** The first number of a sequence; a number that was given once never comes again, rolled back or not. */
const SEED = 1000;
const PLACEHOLDER = /\{(SEQNUM|RANDSTRING|DATETIMEUTC):([^}]*)\}/g;
const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
/** Page: RANDSTRING takes one to six characters. */
const LONGEST_RANDOM = 6;

export type Sequences = Map<Column, number>;

function randomText(length: number): string {
  let text = "";
  for (let at = 0; at < length; at++) text += LETTERS[randomInt(LETTERS.length)];
  return text;
}

/** The parts of a date as .NET spells them: `yyyyMMddHHmmss`. */
function dated(format: string, now: Date): string {
  const iso = now.toISOString();
  const hour = now.getUTCHours() % 12 || 12;
  const parts: Readonly<Record<string, string>> = {
    yyyy: iso.slice(0, 4),
    yy: iso.slice(2, 4),
    MM: iso.slice(5, 7),
    dd: iso.slice(8, 10),
    HH: iso.slice(11, 13),
    hh: String(hour).padStart(2, "0"),
    mm: iso.slice(14, 16),
    ss: iso.slice(17, 19),
  };
  return format.replace(/yyyy|yy|MM|dd|HH|hh|mm|ss/g, (part) => parts[part] as string);
}

const literal = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** Where the number stands in a value of this format. */
function reader(format: string): RegExp | undefined {
  let pattern = "^";
  let from = 0;
  let hasNumber = false;
  for (const match of format.matchAll(PLACEHOLDER)) {
    const isNumber: boolean = match[1] === "SEQNUM" && !hasNumber;
    hasNumber ||= isNumber;
    pattern += literal(format.slice(from, match.index)) + (isNumber ? "(\\d+)" : ".+?");
    from = match.index + match[0].length;
  }
  return hasNumber ? new RegExp(`${pattern}${literal(format.slice(from))}$`) : undefined;
}

/** After a start the sequence goes on behind the numbers that are there. */
function lastNumber(world: World, table: Table, column: Column): number {
  const pattern = reader(column.autoNumber ?? "");
  let last = SEED - 1;
  if (!pattern) return last;
  for (const row of world.store.rows(table).values()) {
    const number = Number(pattern.exec(String(valueIn(row, column.logicalName) ?? ""))?.[1]);
    if (number > last) last = number;
  }
  return last;
}

function nextValue(world: World, table: Table, column: Column): string {
  return (column.autoNumber ?? "").replace(PLACEHOLDER, (_, kind: string, argument: string) => {
    if (kind === "RANDSTRING") {
      return randomText(Math.min(Math.max(Number(argument) || 1, 1), LONGEST_RANDOM));
    }
    if (kind === "DATETIMEUTC") return dated(argument, world.now());
    const number = (world.sequences.get(column) ?? lastNumber(world, table, column)) + 1;
    world.sequences.set(column, number);
    return String(number).padStart(Number(argument) || 1, "0");
  });
}

/** Fills the columns of a new row that number themselves; a value that was sent stays. */
export function fillNumbers(world: World, table: Table, written: Written): void {
  for (const column of table.numbered) {
    const name = column.logicalName;
    if ((valueFor(written, name) ?? null) === null) setFor(written, name, nextValue(world, table, column));
  }
}
