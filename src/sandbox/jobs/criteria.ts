import { canonical, compare } from "../decimal.ts";
import { Refusal } from "../errors.ts";
import { entryOf, isObject, isText, type JsonObject, numberText } from "../json.ts";
import { readValue } from "../represent.ts";
import type { Row } from "../row.ts";
import { isLike } from "../scan.ts";
import type { Table } from "../schema.ts";
import { requireReadable } from "../security/check.ts";
import { fold } from "../shelf.ts";
import type { Column } from "../tables/column.ts";
import type { World } from "../world.ts";

/** The conditions of a QueryExpression and of FetchXML (page: queryexpression-overview; ConditionOperator). */
export interface Condition {
  readonly attribute: string;
  readonly operator: string;
  readonly values: readonly string[];
}

export interface Criteria {
  readonly operator: "And" | "Or";
  readonly conditions: readonly Condition[];
  readonly filters: readonly Criteria[];
}

type Test = (row: Row) => boolean;

const invalid = (message: string) => new Refusal(400, "0x80040203", message);

/** A value of a condition as text: plain, or `{ "Type": "System.String", "Value": "64" }`. */
function valueText(value: unknown): string {
  const inner = isObject(value) ? value.Value : value;
  if (isText(inner)) return inner;
  if (typeof inner === "boolean") return String(inner);
  const digits = numberText(inner);
  if (digits === undefined) throw invalid("A condition has a value that cannot be read.");
  return digits;
}

/** Reads `Criteria` of a QueryExpression as it stands in a request body. */
export function readCriteria(body: unknown, depth = 0): Criteria {
  if (body === undefined || body === null) return { operator: "And", conditions: [], filters: [] };
  if (!isObject(body) || depth > 20) throw invalid("Criteria is no filter expression.");
  const operator = body.FilterOperator ?? "And";
  if (operator !== "And" && operator !== "Or") throw invalid("FilterOperator is And or Or.");
  const list = (name: string): unknown[] => {
    const value = body[name] ?? [];
    if (!Array.isArray(value)) throw invalid(`${name} is no collection.`);
    return value;
  };
  return {
    operator,
    conditions: list("Conditions").map((item) => readCondition(item as JsonObject)),
    filters: list("Filters").map((item) => readCriteria(item, depth + 1)),
  };
}

function readCondition(item: unknown): Condition {
  if (!isObject(item) || !isText(item.AttributeName) || !isText(item.Operator)) {
    throw invalid("A condition needs AttributeName and Operator.");
  }
  const values = item.Values ?? [];
  if (!Array.isArray(values)) throw invalid("Values is no collection.");
  return { attribute: item.AttributeName, operator: item.Operator, values: values.map(valueText) };
}

function storedText(world: World, column: Column, row: Row): string | null {
  const value = readValue(world, column, row);
  if (value === null) return null;
  const text = typeof value === "object" ? value.id : String(value);
  return column.type === "string" || column.type === "memo" ? fold(world.rules, text) : text;
}

function wantedText(world: World, column: Column, text: string): string {
  if (column.type === "string" || column.type === "memo") return fold(world.rules, text);
  if (column.type === "boolean") return text === "1" ? "true" : text === "0" ? "false" : text.toLowerCase();
  if (column.type === "datetime") {
    const moment = new Date(text);
    if (Number.isNaN(moment.getTime())) throw invalid(`'${text}' is no date.`);
    const iso = `${moment.toISOString().slice(0, 19)}Z`;
    return column.behavior === "DateOnly" ? iso.slice(0, 10) : iso;
  }
  return canonical(text) ?? text.toLowerCase();
}

const NUMBERS = new Set(["integer", "bigint", "decimal", "double", "money", "choice", "state", "status"]);

const difference = (column: Column, a: string, b: string): number =>
  NUMBERS.has(column.type) ? compare(a, b) : a < b ? -1 : a > b ? 1 : 0;

/** The longest pattern that the database takes (page: LIKE (Transact-SQL): 8,000 bytes). */
const LONGEST_PATTERN = 4000;

const ORDERINGS: Readonly<Record<string, (d: number) => boolean>> = {
  Equal: (d) => d === 0,
  On: (d) => d === 0,
  NotEqual: (d) => d !== 0,
  GreaterThan: (d) => d > 0,
  GreaterEqual: (d) => d >= 0,
  OnOrAfter: (d) => d >= 0,
  LessThan: (d) => d < 0,
  LessEqual: (d) => d <= 0,
  OnOrBefore: (d) => d <= 0,
};
const LIKES: Readonly<Record<string, readonly [before: string, after: string, negated: boolean]>> = {
  Like: ["", "", false],
  NotLike: ["", "", true],
  Contains: ["%", "%", false],
  DoesNotContain: ["%", "%", true],
  BeginsWith: ["", "%", false],
  DoesNotBeginWith: ["", "%", true],
  EndsWith: ["%", "", false],
  DoesNotEndWith: ["%", "", true],
};

function conditionTest(world: World, table: Table, { attribute, operator, values }: Condition): Test {
  const column = table.columns.get(attribute);
  if (!column?.forRead) {
    throw new Refusal(
      400,
      "0x80041103",
      `'${table.logicalName}' entity doesn't contain attribute with Name = '${attribute}'.`,
    );
  }
  requireReadable(world, column);
  const read: (row: Row) => string | null = (row) => storedText(world, column, row);
  if (operator === "Null") return (row) => read(row) === null;
  if (operator === "NotNull") return (row) => read(row) !== null;
  const wanted = values.map((value) => wantedText(world, column, value));
  const [first, second] = wanted;
  if (first === undefined) throw invalid(`The condition on '${attribute}' has no value.`);
  const ordering = entryOf(ORDERINGS, operator);
  if (ordering) {
    return (row) => {
      const value = read(row);
      return value === null ? false : ordering(difference(column, value, first));
    };
  }
  const like = entryOf(LIKES, operator);
  if (like) {
    const [before, after, negated] = like;
    const pattern = (before + first + after).toLowerCase();
    if (pattern.length > LONGEST_PATTERN) throw invalid(`The pattern on '${attribute}' is too long.`);
    return (row) => {
      const value = read(row);
      return value === null ? false : isLike(value.toLowerCase(), pattern) !== negated;
    };
  }
  if (operator === "In" || operator === "NotIn") {
    const set = new Set(wanted);
    return (row) => {
      const value = read(row);
      return value === null ? false : set.has(value) === (operator === "In");
    };
  }
  if ((operator === "Between" || operator === "NotBetween") && second !== undefined) {
    return (row) => {
      const value = read(row);
      if (value === null) return false;
      const inside = difference(column, value, first) >= 0 && difference(column, value, second) <= 0;
      return inside === (operator === "Between");
    };
  }
  throw invalid(`The condition operator '${operator}' is not supported.`);
}

/** A filter as a test of rows; an empty one lets all through. */
export function compileCriteria(world: World, table: Table, criteria: Criteria): Test {
  const tests = [
    ...criteria.conditions.map((condition) => conditionTest(world, table, condition)),
    ...criteria.filters.map((filter) => compileCriteria(world, table, filter)),
  ];
  if (tests.length === 0) return () => true;
  return criteria.operator === "And"
    ? (row) => tests.every((test) => test(row))
    : (row) => tests.some((test) => test(row));
}
