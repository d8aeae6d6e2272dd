import { relatedReader } from "./collections.ts";
import { noJoins } from "./elastic.ts";
import { querySyntax, unknownQueryProperty, unsupportedOption } from "./errors.ts";
import { parseFilter } from "./filter.ts";
import type { Preferences } from "./headers.ts";
import { tokenize } from "./lexer.ts";
import { compareValues, compilePredicate, type Predicate } from "./predicate.ts";
import { type Expansion, readValue, type View } from "./represent.ts";
import type { Row } from "./row.ts";
import type { Collection, Table } from "./schema.ts";
import { requireReadable, requireRight, requireTied } from "./security/check.ts";
import type { Column } from "./tables/column.ts";
import type { Session, World } from "./world.ts";

/** What a reader asks to see: columns, order, related rows (pages: webapi/query/select-columns, join-tables). */

/** Page: join-tables. Deeper nesting than a client sends; it bounds the recursion. */
const DEEPEST_EXPAND = 10;
/** Page: page-results; what is behind the link of an expanded collection. */
const LARGEST_EXPANSION = 5000;

/** Unknown options are refused by name; what does not start with `$` is refused too, but aliases pass. */
export function checkOptions(query: ReadonlyMap<string, string>, allowed: ReadonlySet<string>): void {
  for (const name of query.keys()) {
    if (!name.startsWith("@") && !allowed.has(name)) throw unsupportedOption(name);
  }
}

/** Splits at separators outside parentheses and quotes. */
export function splitList(text: string, separator = ","): string[] {
  const parts: string[] = [];
  let depth = 0;
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === "'") {
      at = text.indexOf("'", at + 1);
      if (at < 0) throw querySyntax();
    } else if (character === "(") depth += 1;
    else if (character === ")") depth -= 1;
    else if (character === separator && depth === 0) {
      parts.push(text.slice(from, at).trim());
      from = at + 1;
    }
  }
  if (depth !== 0) throw querySyntax();
  parts.push(text.slice(from).trim());
  return parts.filter((part) => part !== "");
}

export const countOf = (text: string | undefined, name: string): number | undefined => {
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text)) throw querySyntax(`Invalid value '${text}' for ${name} query option found.`);
  return Number(text);
};

/** The test that `$filter` asks for. */
export function filterOf(
  world: World,
  session: Session | undefined,
  table: Table,
  query: ReadonlyMap<string, string>,
): Predicate | undefined {
  const filter = query.get("$filter");
  return filter === undefined
    ? undefined
    : compilePredicate(world, table, parseFilter(filter, query), session);
}

function selected(world: World, table: Table, select: string | undefined): readonly Column[] {
  if (select === undefined || select.trim() === "*") return table.readable;
  const columns = new Set<Column>();
  const add = (name: string) => {
    const column = table.properties.get(name);
    if (!column?.forRead) throw unknownQueryProperty(world.rules, table.logicalName, name);
    columns.add(column);
    // Page: retrieve-entity-using-web-api: an amount brings its currency along.
    if (column.type === "money") {
      const currency = table.columns.get("transactioncurrencyid");
      if (currency) columns.add(currency);
    }
  };
  for (const name of splitList(select)) add(name);
  add(table.primaryId);
  return [...columns];
}

export type Ordering = readonly { readonly column: Column; readonly descending: boolean }[];

export function parseOrder(world: World, table: Table, text: string | undefined): Ordering {
  return splitList(text ?? "").map((item) => {
    const [name, direction, end] = tokenize(item);
    const column = table.properties.get(name?.text ?? "");
    if (!column?.forRead) throw unknownQueryProperty(world.rules, table.logicalName, name?.text ?? item);
    requireReadable(world, column);
    const word = direction?.kind === "end" ? "asc" : direction?.text;
    if ((word !== "asc" && word !== "desc") || (direction?.kind !== "end" && end?.kind !== "end")) {
      throw querySyntax();
    }
    return { column, descending: word === "desc" };
  });
}

/** Sorts rows as `$orderby` says, then by creation. */
export function comparison(world: World, ordering: Ordering): (a: Row, b: Row) => number {
  return (a, b) => {
    for (const { column, descending } of ordering) {
      const difference = compareValues(
        world,
        column,
        readValue(world, column, a),
        readValue(world, column, b),
      );
      if (difference !== 0) return descending ? -difference : difference;
    }
    return a.order - b.order;
  };
}

interface Nested {
  readonly name: string;
  readonly raw: readonly string[];
  readonly options: ReadonlyMap<string, string>;
}

/** `name($select=a;$expand=b($select=c))` */
function nestedIn(item: string, aliases: ReadonlyMap<string, string>): Nested {
  const match = /^(\w+)(?:\((.*)\))?$/s.exec(item);
  const options = new Map([...aliases].filter(([name]) => name.startsWith("@")));
  const raw = splitList(match?.[2] ?? "", ";");
  for (const option of raw) {
    const equals = option.indexOf("=");
    const name = option.slice(0, Math.max(equals, 0));
    if (options.has(name)) throw querySyntax(`Query option '${name}' was specified more than once.`);
    options.set(name, option.slice(equals + 1));
  }
  return { name: match?.[1] ?? item, raw, options };
}

const OF_ONE = new Set(["$select", "$expand"]);
const OF_MANY = new Set(["$select", "$expand", "$filter", "$orderby", "$top"]);

interface Asking {
  readonly world: World;
  readonly session: Session | undefined;
  readonly preferences: Preferences;
}

function expandMany(
  { world, session, preferences }: Asking,
  table: Table,
  collection: Collection,
  nested: Nested,
  depth: number,
): Expansion {
  checkOptions(nested.options, OF_MANY);
  const target = world.schema.tables.get(collection.table) as Table;
  if (session) requireTied(world, session, collection);
  const related = relatedReader(world, table, collection);
  const test = filterOf(world, session, target, nested.options)?.test;
  const order = comparison(world, parseOrder(world, target, nested.options.get("$orderby")));
  const top = Math.min(countOf(nested.options.get("$top"), "$top") ?? LARGEST_EXPANSION, LARGEST_EXPANSION);
  const view = viewOf(world, target, nested.options, preferences, session, depth + 1);
  const options = nested.raw.map((option) => {
    const equals = option.indexOf("=");
    return `${option.slice(0, equals)}=${encodeURIComponent(option.slice(equals + 1))}`;
  });
  const query = options.length > 0 ? `?${options.join("&")}` : "";
  const root = world.rules.expandedCollectionsHaveLinks ? session?.root : undefined;
  return {
    is: "many",
    property: collection.name,
    view,
    rows(row) {
      const rows = related(row.id);
      const wanted = test ? rows.filter(test) : [...rows];
      return wanted.sort(order).slice(0, top);
    },
    link: (row) =>
      root === undefined ? undefined : `${root}${table.set}(${row.id})/${collection.name}${query}`,
  };
}

function expansionOf(asking: Asking, table: Table, nested: Nested, depth: number): Expansion {
  const { world, session, preferences } = asking;
  if (depth > DEEPEST_EXPAND) throw querySyntax("The expand is nested too deeply.");
  const navigation = table.navigation.get(nested.name);
  const collection = table.collections.get(nested.name);
  if (!navigation && collection) return expandMany(asking, table, collection, nested, depth);
  const target = world.schema.tables.get(navigation?.targets[0] ?? "");
  if (!navigation || !target) throw unknownQueryProperty(world.rules, table.logicalName, nested.name);
  checkOptions(nested.options, OF_ONE);
  for (const name of session ? navigation.targets : []) {
    const other = world.schema.tables.get(name);
    if (other && session) requireRight(world, session, other, "read");
  }
  return {
    is: "one",
    property: navigation.name,
    column: navigation.column,
    target: navigation.relationship.target,
    view: viewOf(world, target, nested.options, preferences, session, depth + 1),
  };
}

/** What of a row a reader asked for. */
export function viewOf(
  world: World,
  table: Table,
  query: ReadonlyMap<string, string>,
  preferences: Preferences,
  session?: Session,
  depth = 0,
): View {
  if (table.elastic && query.has("$expand")) throw noJoins();
  const asking = { world, session, preferences };
  return {
    table,
    columns: selected(world, table, query.get("$select")),
    expand: splitList(query.get("$expand") ?? "").map((item) =>
      expansionOf(asking, table, nestedIn(item, query), depth),
    ),
    annotation: preferences.annotation,
  };
}
