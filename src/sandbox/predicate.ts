import { relatedReader } from "./collections.ts";
import { parseDate, parseMoment } from "./dates.ts";
import { canonical, compare } from "./decimal.ts";
import { noJoins } from "./elastic.ts";
import { Refusal, unknownQueryProperty } from "./errors.ts";
import type { Expression, Operand, Operator } from "./filter.ts";
import type { Token } from "./lexer.ts";
import { functionTest, functionValue } from "./query-functions.ts";
import { readValue } from "./represent.ts";
import type { Reference, Row, Value } from "./row.ts";
import { type AlternateKey, isLookup, type Table } from "./schema.ts";
import { requireReadable, requireRight, requireTied } from "./security/check.ts";
import { fold } from "./shelf.ts";
import type { Column } from "./tables/column.ts";
import { edmType } from "./validate.ts";
import type { Session, World } from "./world.ts";

export interface Predicate {
  readonly test: (row: Row) => boolean;
  /** Ids among which all matches are, when an index says so. */
  readonly candidates?: ReadonlySet<string>;
}

type Read = (row: Row) => Value;
interface Side {
  readonly column: Column;
  readonly read: Read;
  /** True when the column is of the table itself, so that an index may help. */
  readonly own: boolean;
}

const EDM_OF_LITERAL: Partial<Record<Token["kind"], string>> = {
  text: "Edm.String",
  number: "Edm.Int32",
  guid: "Edm.Guid",
  moment: "Edm.DateTimeOffset",
};

const incompatible = (column: Column, token: Token) =>
  new Refusal(
    400,
    "0x80060888",
    "A binary operator with incompatible types was detected. Found operand types " +
      `'${edmType(column)}' and '${EDM_OF_LITERAL[token.kind] ?? "Edm.Boolean"}' for operator kind 'Equal'.`,
  );

/** A path: a property of the table, or one step through a single-valued navigation property, which reads its target. */
function side(world: World, session: Session | undefined, table: Table, path: readonly string[]): Side {
  const [first = "", second, ...rest] = path;
  if (second === undefined) {
    const column = table.properties.get(first);
    if (!column?.forRead) throw unknownQueryProperty(world.rules, table.logicalName, first);
    requireReadable(world, column);
    return { column, own: true, read: (row) => readValue(world, column, row) };
  }
  if (table.elastic) throw noJoins();
  const navigation = table.navigation.get(first);
  const target = world.schema.tables.get(navigation?.targets[0] ?? "");
  if (!navigation || !target || rest.length > 0) {
    throw unknownQueryProperty(world.rules, table.logicalName, first);
  }
  requireReadable(world, navigation.column);
  if (session) requireRight(world, session, target, "read");
  const inner = side(world, session, target, [second]);
  return {
    column: inner.column,
    own: false,
    read(row) {
      const reference = readValue(world, navigation.column, row) as Reference | null;
      const other =
        reference?.table === target.logicalName ? world.store.get(target, reference.id) : undefined;
      return other ? inner.read(other) : null;
    },
  };
}

/** A literal in the form in which the column is compared; throws 400 when the types do not go together. */
function comparable(world: World, column: Column, token: Token): string | number | boolean {
  const wrong = () => incompatible(column, token);
  switch (column.type) {
    case "string":
    case "memo":
    case "choices":
    case "entityname":
    case "virtual":
      if (token.kind !== "text") throw wrong();
      return fold(world.rules, token.text);
    case "integer":
    case "double":
    case "choice":
    case "state":
    case "status":
      if (token.kind !== "number") throw wrong();
      return Number(token.text);
    case "bigint":
    case "decimal":
    case "money":
      if (token.kind !== "number") throw wrong();
      return canonical(token.text) ?? "0";
    case "boolean":
      if (token.kind !== "name" || (token.text !== "true" && token.text !== "false")) throw wrong();
      return token.text === "true";
    case "datetime": {
      const parsed =
        column.behavior === "DateOnly" ? parseDate(token.text) : parseMoment(token.text, false, false);
      if (token.kind !== "moment" || typeof parsed === "string") throw wrong();
      return parsed.value;
    }
    default:
      if (token.kind !== "guid") throw wrong();
      return token.text.toLowerCase();
  }
}

function stored(world: World, column: Column, value: Value): string | number | boolean | null {
  if (value === null) return null;
  if (typeof value === "object") return value.id;
  if (typeof value !== "string") return value;
  return column.type === "string" || column.type === "memo" ? fold(world.rules, value) : value;
}

function order(column: Column, a: string | number | boolean, b: string | number | boolean): number {
  if (column.type === "decimal" || column.type === "money" || column.type === "bigint") {
    return compare(String(a), String(b));
  }
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Sorts as the service does: null first, text without case. */
export function compareValues(world: World, column: Column, a: Value, b: Value): number {
  const left = stored(world, column, a);
  const right = stored(world, column, b);
  if (left === null || right === null) return left === right ? 0 : left === null ? -1 : 1;
  return order(column, left, right);
}

const MIRRORED: Record<Operator, Operator> = { eq: "eq", ne: "ne", gt: "lt", ge: "le", lt: "gt", le: "ge" };
const HOLDS: Record<Operator, (difference: number) => boolean> = {
  eq: (difference) => difference === 0,
  ne: (difference) => difference !== 0,
  gt: (difference) => difference > 0,
  ge: (difference) => difference >= 0,
  lt: (difference) => difference < 0,
  le: (difference) => difference <= 0,
};

const isNull = (token: Token): boolean => token.kind === "name" && token.text === "null";

/** Ids that an index finds for `column = one of values`, or undefined when there is no index. */
function indexed(
  world: World,
  table: Table,
  target: Side,
  values: readonly string[],
): Set<string> | undefined {
  if (!target.own) return undefined;
  if (target.column.logicalName === table.primaryId) {
    if (table.elastic) return undefined; // several partitions may hold a row of one id
    return new Set(values.filter((id) => world.store.get(table, id)));
  }
  const usable = (key: AlternateKey) =>
    key.columns.length === 1 && key.columns[0] === target.column.logicalName;
  const key = table.activeKeys.find(usable);
  if (!key || target.column.type !== "string") return undefined;
  const rows = values.map((value) => world.store.find(table, key, [value]));
  return new Set(rows.flatMap((row) => (row ? [row.id] : [])));
}

function comparison(
  world: World,
  session: Session | undefined,
  table: Table,
  operator: Operator,
  left: Operand,
  right: Operand,
): Predicate {
  if (left.kind === "literal" && right.kind === "path") {
    return comparison(world, session, table, MIRRORED[operator], right, left);
  }
  if (left.kind === "literal") throw new Refusal(400, "0x80060888", "A comparison needs a property.");
  const target = side(world, session, table, left.path);
  const { column, read } = target;
  const holds = HOLDS[operator];
  if (right.kind === "path") {
    const other = side(world, session, table, right.path);
    return {
      test: (row) => {
        const a = stored(world, column, read(row));
        const b = stored(world, other.column, other.read(row));
        return a !== null && b !== null && holds(order(column, a, b));
      },
    };
  }
  if (isNull(right.token)) {
    if (operator === "eq") return { test: (row) => read(row) === null };
    if (operator === "ne") return { test: (row) => read(row) !== null };
    return { test: () => false };
  }
  const wanted = comparable(world, column, right.token);
  const matchesNull = operator === "ne" && world.rules.notEqualMatchesNull;
  const test = (row: Row): boolean => {
    const value = stored(world, column, read(row));
    return value === null ? matchesNull : holds(order(column, value, wanted));
  };
  const candidates = operator === "eq" ? indexed(world, table, target, [String(wanted)]) : undefined;
  return candidates ? { test, candidates } : { test };
}

function textTest(
  world: World,
  session: Session | undefined,
  table: Table,
  expression: Extract<Expression, { is: "text" }>,
): Predicate {
  const { subject, text, name } = expression;
  if (subject.kind !== "path" || text.kind !== "literal" || text.token.kind !== "text") {
    throw new Refusal(400, "0x80060888", `The arguments of '${name}' must be a property and a text.`);
  }
  const { column, read } = side(world, session, table, subject.path);
  if (column.type !== "string" && column.type !== "memo") throw incompatible(column, text.token);
  const sought = world.rules.textFoldsCase ? text.token.text.toLowerCase() : text.token.text;
  const has = { contains: "includes", startswith: "startsWith", endswith: "endsWith" } as const;
  const method = has[name];
  return {
    test: (row) => {
      const value = stored(world, column, read(row));
      return value !== null && String(value)[method](sought);
    },
  };
}

function member(
  world: World,
  table: Table,
  expression: Extract<Expression, { is: "member" }>,
  session: Session | undefined,
): Predicate {
  const { name, property, values } = expression;
  const byLogicalName = table.columns.get(property);
  const path = byLogicalName && isLookup(byLogicalName) ? [`_${property}_value`] : property.split("/");
  const target = side(world, session, table, path);
  const { column, read } = target;
  const test = functionTest(world, session, { table, column, read }, { name, values });
  if (name !== "In") return { test };
  const candidates = indexed(
    world,
    table,
    target,
    values.map((value) => functionValue(world, column, value)),
  );
  return candidates ? { test, candidates } : { test };
}

/** `any` and `all` over the rows of a collection (page: webapi/query/filter-rows, lambda operators). */
function lambda(
  world: World,
  table: Table,
  expression: Extract<Expression, { is: "lambda" }>,
  session: Session | undefined,
): Predicate {
  const [name = "", ...rest] = expression.path;
  if (table.elastic) throw noJoins();
  const collection = table.collections.get(name);
  const target = collection && world.schema.tables.get(collection.table);
  if (!collection || !target || rest.length > 0) {
    throw unknownQueryProperty(world.rules, table.logicalName, [name, ...rest].join("/"));
  }
  if (session) requireTied(world, session, collection);
  const related = relatedReader(world, table, collection);
  const inner = expression.inner && compilePredicate(world, target, expression.inner, session).test;
  if (!inner) return { test: (row) => related(row.id).length > 0 };
  return expression.quantifier === "any"
    ? { test: (row) => related(row.id).some(inner) }
    : { test: (row) => related(row.id).every(inner) };
}

/** Turns a filter into a test of rows of `table`. */
export function compilePredicate(
  world: World,
  table: Table,
  expression: Expression,
  session?: Session,
): Predicate {
  switch (expression.is) {
    case "and": {
      const parts = expression.parts.map((part) => compilePredicate(world, table, part, session));
      const test = (row: Row) => parts.every((part) => part.test(row));
      const sets = parts.flatMap((part) => (part.candidates ? [part.candidates] : []));
      const smallest = sets.sort((a, b) => a.size - b.size)[0];
      return smallest ? { test, candidates: smallest } : { test };
    }
    case "or": {
      const parts = expression.parts.map((part) => compilePredicate(world, table, part, session));
      const test = (row: Row) => parts.some((part) => part.test(row));
      if (!parts.every((part) => part.candidates)) return { test };
      return { test, candidates: new Set(parts.flatMap((part) => [...(part.candidates ?? [])])) };
    }
    case "not": {
      const inner = compilePredicate(world, table, expression.part, session);
      return { test: (row) => !inner.test(row) };
    }
    case "compare":
      return comparison(world, session, table, expression.operator, expression.left, expression.right);
    case "text":
      return textTest(world, session, table, expression);
    case "member":
      return member(world, table, expression, session);
    case "lambda":
      return lambda(world, table, expression, session);
    case "truth": {
      if (expression.operand.kind !== "path")
        throw new Refusal(400, "0x80060888", "A filter must be a condition.");
      const { column, read } = side(world, session, table, expression.operand.path);
      if (column.type !== "boolean") {
        throw new Refusal(
          400,
          "0x80060888",
          "The filter expression must evaluate to a single boolean value.",
        );
      }
      return { test: (row) => read(row) === true };
    }
  }
}
