import { moment, parseDate, parseMoment } from "./dates.ts";
import { canonical, compare } from "./decimal.ts";
import { Refusal } from "./errors.ts";
import { isGuid } from "./guid.ts";
import { entryOf } from "./json.ts";
import { type Reference, type Row, type Value, valueIn } from "./row.ts";
import type { Table } from "./schema.ts";
import { fold } from "./shelf.ts";
import type { Column } from "./tables/column.ts";
import type { Session, World } from "./world.ts";

/** `Microsoft.Dynamics.CRM.…` in a filter (page: web-api query functions). Values are always quoted. */
export interface FunctionCall {
  readonly name: string;
  readonly values: readonly string[];
}

export interface Subject {
  readonly table: Table;
  readonly column: Column;
  readonly read: (row: Row) => Value;
}

type Test = (row: Row) => boolean;

const unknown = (name: string) =>
  new Refusal(400, "0x80060888", `An unknown function with name 'Microsoft.Dynamics.CRM.${name}' was found.`);
const wrongValue = (column: Column, value: string) =>
  new Refusal(
    400,
    "0x80040203",
    `Condition for attribute '${column.logicalName}': '${value}' has a wrong type.`,
  );
const needsValue = (name: string) =>
  new Refusal(400, "0x80040203", `The function '${name}' needs a value of the right kind.`);

/** A stored value as functions compare it. */
export function comparableText(world: World, column: Column, value: Value): string | null {
  if (value === null) return null;
  const text = typeof value === "object" ? value.id : String(value);
  return column.type === "string" || column.type === "memo" ? fold(world.rules, text) : text;
}

/** A quoted value of a function in the same form. */
export function functionValue(world: World, column: Column, value: string): string {
  switch (column.type) {
    case "string":
    case "memo":
      return fold(world.rules, value);
    case "guid":
    case "lookup":
    case "customer":
    case "owner":
      if (!isGuid(value)) throw wrongValue(column, value);
      return value.toLowerCase();
    case "datetime": {
      const parsed = column.behavior === "DateOnly" ? parseDate(value) : parseMoment(value, false, false);
      if (typeof parsed === "string") throw wrongValue(column, value);
      return parsed.value;
    }
    case "boolean":
      return value === "1" ? "true" : value === "0" ? "false" : value;
    default: {
      const digits = canonical(value.trim());
      if (digits === undefined) throw wrongValue(column, value);
      return digits;
    }
  }
}

const NUMBERS = new Set(["integer", "bigint", "decimal", "double", "money", "choice", "state", "status"]);
const difference = (column: Column, a: string, b: string): number =>
  NUMBERS.has(column.type) ? compare(a, b) : a < b ? -1 : a > b ? 1 : 0;

type Span = readonly [from: Date | undefined, to: Date | undefined];

const DAY = 86_400_000;
const HOUR = 3_600_000;
const midnight = (date: Date, days = 0): Date =>
  new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate() + days));
const week = (date: Date, weeks = 0): Date => midnight(date, weeks * 7 - date.getUTCDay());
const month = (date: Date, months = 0): Date =>
  new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + months));
const year = (date: Date, years = 0): Date => new Date(Date.UTC(date.getUTCFullYear() + years, 0));
const shifted = (date: Date, months: number): Date =>
  new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + months, date.getUTCDate()));

/** So that what happens in this very second counts as past. */
const justAfter = (now: Date): Date => new Date(now.getTime() + 1000);

/** Spans of time around now, from inclusive to exclusive. */
const FIXED: Readonly<Record<string, (now: Date) => Span>> = {
  Today: (now) => [midnight(now), midnight(now, 1)],
  Yesterday: (now) => [midnight(now, -1), midnight(now)],
  Tomorrow: (now) => [midnight(now, 1), midnight(now, 2)],
  Last7Days: (now) => [midnight(now, -7), justAfter(now)],
  Next7Days: (now) => [now, midnight(now, 8)],
  LastWeek: (now) => [week(now, -1), week(now)],
  ThisWeek: (now) => [week(now), week(now, 1)],
  NextWeek: (now) => [week(now, 1), week(now, 2)],
  LastMonth: (now) => [month(now, -1), month(now)],
  ThisMonth: (now) => [month(now), month(now, 1)],
  NextMonth: (now) => [month(now, 1), month(now, 2)],
  LastYear: (now) => [year(now, -1), year(now)],
  ThisYear: (now) => [year(now), year(now, 1)],
  NextYear: (now) => [year(now, 1), year(now, 2)],
};

/** Whole units back or forth; days and longer start at midnight. */
const moved = (now: Date, unit: string, count: number): Date => {
  switch (unit) {
    case "Minutes":
      return new Date(now.getTime() + count * 60_000);
    case "Hours":
      return new Date(now.getTime() + count * HOUR);
    case "Weeks":
      return midnight(now, count * 7);
    case "Months":
      return shifted(now, count);
    case "Years":
      return shifted(now, count * 12);
    default:
      return midnight(now, count);
  }
};

function spanOf(name: string, now: Date, value: string | undefined): Span | undefined {
  const fixed = entryOf(FIXED, name);
  if (fixed) return fixed(now);
  const match = /^(Last|Next|OlderThan)X(Minutes|Hours|Days|Weeks|Months|Years)$/.exec(name);
  if (!match) return undefined;
  const count = Number(value);
  if (!Number.isInteger(count) || count < 1 || count > 100_000) throw needsValue(name);
  const [, way, unit = ""] = match;
  if (unit === "Minutes" && way !== "OlderThan") return undefined;
  if (way === "Last") return [moved(now, unit, -count), justAfter(now)];
  if (way === "OlderThan") return [undefined, moved(now, unit, -count)];
  const end = moved(now, unit, count);
  return [now, unit === "Hours" ? end : new Date(end.getTime() + DAY)];
}

function dateTest(world: World, { column, read }: Subject, [from, to]: Span): Test {
  const text = (date: Date) => (column.behavior === "DateOnly" ? moment(date).slice(0, 10) : moment(date));
  // A day without a time counts whole when its midnight is inside.
  const first = from && text(from);
  const end = to && text(to);
  const includesEnd = column.behavior === "DateOnly" && to !== undefined && to.getTime() % DAY !== 0;
  return (row) => {
    const value = comparableText(world, column, read(row));
    if (value === null || (first !== undefined && value < first)) return false;
    return end === undefined || value < end || (includesEnd && value === end);
  };
}

/** `On` and its kin compare days. */
const DAYS: Readonly<Record<string, (d: number) => boolean>> = {
  On: (d) => d === 0,
  NotOn: (d) => d !== 0,
  OnOrAfter: (d) => d >= 0,
  OnOrBefore: (d) => d <= 0,
};

/** Who and where the asking user is. */
function identities(world: World, session: Session | undefined, name: string): Set<string> | undefined {
  const user = session?.user.id ?? "";
  const users = world.schema.tables.get("systemuser");
  const unit =
    users && (valueIn(world.store.get(users, user), "businessunitid") as Reference | null | undefined);
  const sets: Readonly<Record<string, readonly string[]>> = {
    EqualUserId: [user],
    NotEqualUserId: [user],
    EqualBusinessId: [unit?.id ?? world.organization.businessUnit.id],
    NotEqualBusinessId: [unit?.id ?? world.organization.businessUnit.id],
  };
  const found = entryOf(sets, name);
  return found && new Set(found);
}

/** Walks up the hierarchy of a table that points at itself (page: query-hierarchical-data). */
function hierarchyTest(world: World, { table, column, read }: Subject, call: FunctionCall): Test | undefined {
  const match = /^(Not)?(Above|Under)(OrEqual)?$/.exec(call.name);
  if (!match) return undefined;
  const parent = [...table.columns.values()].find(
    (one) =>
      one.type === "lookup" &&
      one.targets?.[0] === table.logicalName &&
      /^parent|master/.test(one.logicalName),
  );
  if (!parent || column.logicalName !== table.primaryId || (match[1] !== undefined && match[2] === "Above")) {
    throw unknown(call.name);
  }
  const wanted = functionValue(world, column, call.values[0] ?? "");
  const ancestors = (id: string): Set<string> => {
    const seen = new Set<string>();
    let at: string | undefined = id;
    while (at !== undefined) {
      const value: Value | undefined = valueIn(world.store.get(table, at), parent.logicalName);
      at = typeof value === "object" && value !== null && !seen.has(value.id) ? value.id : undefined;
      if (at !== undefined) seen.add(at);
    }
    return seen;
  };
  const [, negated, way, orEqual] = match;
  const above = way === "Above" ? ancestors(wanted) : undefined;
  return (row) => {
    const id = String(read(row));
    const holds = (orEqual && id === wanted) || (above ? above.has(id) : ancestors(id).has(wanted));
    return Boolean(holds) !== Boolean(negated);
  };
}

/**
 * The test of one function.
 * @throws Refusal 400 for one that there is not, or that does not suit the column
 */
export function functionTest(
  world: World,
  session: Session | undefined,
  subject: Subject,
  call: FunctionCall,
): Test {
  const { column, read } = subject;
  const { name, values } = call;
  const who = identities(world, session, name);
  if (who) {
    const negated = name.startsWith("Not");
    return (row) => who.has(comparableText(world, column, read(row)) ?? "") !== negated;
  }
  const tree = hierarchyTest(world, subject, call);
  if (tree) return tree;
  const span = spanOf(name, world.now(), values[0]);
  const day = entryOf(DAYS, name);
  if (span || day) {
    if (column.type !== "datetime") throw needsValue(name);
    if (span) return dateTest(world, subject, span);
    const wanted = functionValue(world, column, values[0] ?? "").slice(0, 10);
    return (row) => {
      const value = comparableText(world, column, read(row))?.slice(0, 10);
      return value !== undefined && day?.(value < wanted ? -1 : value > wanted ? 1 : 0) === true;
    };
  }
  const wanted = values.map((value) => functionValue(world, column, value));
  const value = (row: Row) => comparableText(world, column, read(row));
  switch (name) {
    case "In": {
      const set = new Set(wanted);
      return (row) => set.has(value(row) ?? "\u0000");
    }
    case "NotIn": {
      const set = new Set(wanted);
      return (row) => !set.has(value(row) ?? "\u0000");
    }
    case "Between":
    case "NotBetween": {
      const [low, high] = wanted;
      if (low === undefined || high === undefined || wanted.length !== 2) throw needsValue(name);
      return (row) => {
        const found = value(row);
        if (found === null) return false;
        const inside = difference(column, found, low) >= 0 && difference(column, found, high) <= 0;
        return inside === (name === "Between");
      };
    }
    case "ContainValues":
    case "DoesNotContainValues": {
      if (column.type !== "choices") throw needsValue(name);
      const set = new Set(wanted);
      const has = (row: Row) => (value(row) ?? "").split(",").some((part) => set.has(part));
      return (row) => has(row) === (name === "ContainValues");
    }
    default:
      throw unknown(name);
  }
}
