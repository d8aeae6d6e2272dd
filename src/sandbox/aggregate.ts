import { canonical, divide, plus } from "./decimal.ts";
import { noJoins } from "./elastic.ts";
import { querySyntax, Refusal, unknownQueryProperty } from "./errors.ts";
import { parseFilter } from "./filter.ts";
import { compareValues, compilePredicate } from "./predicate.ts";
import { jsonValue, readValue } from "./represent.ts";
import type { Row, Value } from "./row.ts";
import { propertyName, type Table } from "./schema.ts";
import { requireReadable } from "./security/check.ts";
import type { Column } from "./tables/column.ts";
import { splitList } from "./view.ts";
import type { Session, World } from "./world.ts";

/** `$apply` on one table: filter, groupby and aggregate (page: webapi/query/aggregate-data). Joins and dates are refused. */

type Method = "sum" | "average" | "min" | "max" | "countdistinct" | "count";

interface Aggregate {
  readonly column: Column | undefined;
  readonly method: Method;
  readonly alias: string;
}

interface Plan {
  readonly filter: string | undefined;
  readonly by: readonly Column[];
  readonly aggregates: readonly Aggregate[];
}

const METHODS = new Set<string>(["sum", "average", "min", "max", "countdistinct"]);
const NUMBERS = new Set(["integer", "bigint", "decimal", "double", "money"]);
/** Page: aggregate-data: more rows than this are not aggregated. */
const MOST_ROWS = 50_000;

const unsupported = (text: string) =>
  new Refusal(400, "0x80060888", `The transformation '${text.slice(0, 100)}' is not supported.`);

function columnOf(world: World, table: Table, name: string): Column {
  const column = table.properties.get(name);
  if (!column?.forRead) {
    if (name.includes("/")) throw table.elastic ? noJoins() : unsupported(name);
    throw unknownQueryProperty(world.rules, table.logicalName, name);
  }
  requireReadable(world, column);
  return column;
}

function aggregateOf(world: World, table: Table, text: string): Aggregate {
  const match = /^([\w$/]+)(?:\s+with\s+(\w+))?\s+as\s+(\w+)$/.exec(text);
  if (!match) throw querySyntax(`Syntax error in the aggregate expression '${text.slice(0, 100)}'.`);
  const [, name = "", method, alias = ""] = match;
  if (name === "$count" && method === undefined) return { column: undefined, method: "count", alias };
  if (method === undefined || !METHODS.has(method)) throw unsupported(text);
  const column = columnOf(world, table, name);
  if ((method === "sum" || method === "average") && !NUMBERS.has(column.type)) throw unsupported(text);
  return { column, method: method as Method, alias };
}

const inside = (text: string, name: string): string | undefined =>
  text.startsWith(`${name}(`) && text.endsWith(")") ? text.slice(name.length + 1, -1) : undefined;

function planOf(world: World, table: Table, apply: string): Plan {
  let filter: string | undefined;
  let plan: Plan | undefined;
  for (const step of splitList(apply, "/")) {
    const condition = inside(step, "filter");
    if (condition !== undefined && filter === undefined && !plan) {
      filter = condition;
      continue;
    }
    if (plan) throw unsupported(step);
    const alone = inside(step, "aggregate");
    const grouped = inside(step, "groupby");
    const [names, more, extra] = grouped === undefined ? [] : splitList(grouped);
    const list = names?.startsWith("(") && names.endsWith(")") ? names.slice(1, -1) : undefined;
    const rest = more === undefined ? "" : inside(more, "aggregate");
    if (alone === undefined && (list === undefined || rest === undefined || extra !== undefined)) {
      throw unsupported(step);
    }
    plan = {
      filter,
      by: list === undefined ? [] : splitList(list).map((name) => columnOf(world, table, name)),
      aggregates: splitList(alone ?? rest ?? "").map((text) => aggregateOf(world, table, text)),
    };
  }
  if (!plan) throw unsupported(apply);
  return { ...plan, filter };
}

const text = (value: Value): string =>
  typeof value === "object" && value !== null ? value.id : String(value);

function result(world: World, { column, method }: Aggregate, rows: readonly Row[]): string {
  if (method === "count" || column === undefined) return String(rows.length);
  const values = rows.map((row) => readValue(world, column, row)).filter((value) => value !== null);
  if (method === "countdistinct") return String(new Set(values.map(text)).size);
  const [first] = values;
  if (first === undefined) return "null";
  if (method === "min" || method === "max") {
    const sign = method === "min" ? 1 : -1;
    const best = values.reduce((a, b) => (compareValues(world, column, a, b) * sign <= 0 ? a : b), first);
    return jsonValue(column, best);
  }
  const sum = values.map((value) => canonical(text(value)) ?? "0").reduce(plus, "0");
  return method === "sum" ? sum : divide(sum, String(values.length), 10);
}

/** Answers `GET set?$apply=…`. */
export function aggregateRows(
  world: World,
  session: Session,
  table: Table,
  query: ReadonlyMap<string, string>,
): string {
  const other = [...query.keys()].find((name) => name.startsWith("$") && name !== "$apply");
  if (other !== undefined) throw unsupported(`${other} with $apply`);
  const plan = planOf(world, table, query.get("$apply") ?? "");
  const test =
    plan.filter === undefined
      ? undefined
      : compilePredicate(world, table, parseFilter(plan.filter, query), session).test;
  const groups = new Map<string, Row[]>();
  let seen = 0;
  for (const row of world.store.rows(table).values()) {
    if (test && !test(row)) continue;
    seen += 1;
    if (seen > MOST_ROWS) {
      throw new Refusal(
        400,
        "0x8004e023",
        "The maximum record limit is exceeded. Reduce the number of records.",
      );
    }
    const key = JSON.stringify(plan.by.map((column) => text(readValue(world, column, row))));
    const known = groups.get(key);
    if (known) known.push(row);
    else groups.set(key, [row]);
  }
  if (plan.by.length === 0 && groups.size === 0) groups.set("", []);
  const items = [...groups.values()].map((rows) => {
    const named = plan.by.map((column) => {
      const value = rows[0] ? readValue(world, column, rows[0]) : null;
      return `"${propertyName(column)}":${jsonValue(column, value)}`;
    });
    const computed = plan.aggregates.map((one) => `"${one.alias}":${result(world, one, rows)}`);
    return `{${[...named, ...computed].join(",")}}`;
  });
  const names = [...plan.by.map(propertyName), ...plan.aggregates.map((one) => one.alias)];
  const context = `${session.root}$metadata#${table.set}(${names.join(",")})`;
  return `{"@odata.context":${JSON.stringify(context)},"value":[${items.join(",")}]}`;
}
