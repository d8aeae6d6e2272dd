import { Refusal } from "../errors.ts";
import { entryOf } from "../json.ts";
import type { Row } from "../row.ts";
import type { Table } from "../schema.ts";
import type { World } from "../world.ts";
import { type Condition, type Criteria, compileCriteria } from "./criteria.ts";

/** The FetchXML of a dynamic list: one entity with filters (page: fetchxml reference). Links are refused. */

const invalid = (message: string) => new Refusal(400, "0x80041100", message);

const OPERATORS: Readonly<Record<string, string>> = {
  eq: "Equal",
  ne: "NotEqual",
  neq: "NotEqual",
  gt: "GreaterThan",
  ge: "GreaterEqual",
  lt: "LessThan",
  le: "LessEqual",
  like: "Like",
  "not-like": "NotLike",
  in: "In",
  "not-in": "NotIn",
  between: "Between",
  null: "Null",
  "not-null": "NotNull",
  on: "On",
  "on-or-after": "OnOrAfter",
  "on-or-before": "OnOrBefore",
};

const QUOTED = `"[^"<]*"|'[^'<]*'`;
const ATTRIBUTE = new RegExp(String.raw`\s+([\w:-]+)\s*=\s*(${QUOTED})`, "g");
const COMMENT = "<!--(?:[^-]|-(?!-))*-->";
const COMMENTS = new RegExp(COMMENT, "g");
/** What may stand before the query. */
const PROLOGUE = new RegExp(String.raw`^\ufeff?(?:<\?xml\s[^<>]*\?>)?(?:\s|${COMMENT})*`);
/** A tag and the text behind it. */
const TAG = new RegExp(
  String.raw`<(\/?)([\w-]+)((?:\s+[\w:-]+\s*=\s*(?:${QUOTED}))*)\s*(\/?)>((?:[^<]+|${COMMENT})*)`,
  "y",
);

const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };
const invalidXml = () => invalid("Invalid XML.");
const decoded = (text: string): string =>
  text.replace(/&(?:(\w+)|#(\d{1,7})|#x([\da-fA-F]{1,6}));|&/g, (_whole, name, decimal, hex) => {
    if (name !== undefined && Object.hasOwn(ENTITIES, name)) return ENTITIES[name] as string;
    const code = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal);
    if (!(code > 0 && code <= 0x10ffff)) throw invalidXml();
    return String.fromCodePoint(code);
  });

/** Where each element may stand; an element that is not here is refused, as its meaning would be lost. */
const PARENTS: Readonly<Record<string, readonly string[]>> = {
  fetch: [""],
  entity: ["fetch"],
  attribute: ["entity"],
  "all-attributes": ["entity"],
  order: ["entity"],
  filter: ["entity", "filter"],
  condition: ["filter"],
  value: ["condition"],
};

type Tag =
  | { readonly is: "start"; readonly name: string; readonly given: ReadonlyMap<string, string>; text: string }
  | { readonly is: "end"; readonly name: string };

function attributesOf(text: string): ReadonlyMap<string, string> {
  const given = new Map<string, string>();
  for (const [, name = "", value = ""] of text.matchAll(ATTRIBUTE)) {
    if (given.has(name)) throw invalidXml();
    given.set(name, decoded(value.slice(1, -1)));
  }
  return given;
}

/** The elements of a query from start to end, each where it may stand; an empty one has an end too. */
function* tagsOf(xml: string): Iterable<Tag> {
  const open = [""];
  let at = PROLOGUE.exec(xml)?.[0].length ?? 0;
  let queries = 0;
  while (at < xml.length) {
    TAG.lastIndex = at;
    const match = TAG.exec(xml);
    if (!match) throw invalidXml();
    at = TAG.lastIndex;
    const [, closing, name = "", attributes = "", empty, behind = ""] = match;
    const content = behind.replace(COMMENTS, "");
    const parent = open.at(-1) as string;
    if (name === "link-entity") throw invalid("Link entities are not supported here.");
    if (closing) {
      if (open.length === 1 || open.pop() !== name || attributes !== "" || empty) throw invalidXml();
      yield { is: "end", name };
    } else {
      if (!entryOf(PARENTS, name)?.includes(parent)) throw invalidXml();
      if (parent === "" && ++queries > 1) throw invalidXml();
      if (!empty) open.push(name);
      yield { is: "start", name, given: attributesOf(attributes), text: empty ? "" : decoded(content) };
      if (empty) yield { is: "end", name };
    }
    const holdsText = !closing && !empty && name === "value";
    if (!holdsText && content.trim() !== "") throw invalidXml();
  }
  if (open.length > 1 || queries === 0) throw invalidXml();
}

interface Open {
  readonly operator: "And" | "Or";
  readonly conditions: Condition[];
  readonly filters: Criteria[];
}

/** Reads the filters of a query on one table. */
export function readFetch(xml: string): { readonly entity: string; readonly criteria: Criteria } {
  let entity: string | undefined;
  const root: Open = { operator: "And", conditions: [], filters: [] };
  const stack: Open[] = [root];
  let values: string[] = [];
  for (const tag of tagsOf(xml)) {
    if (tag.is === "end") {
      if (tag.name === "filter") stack.pop();
      continue;
    }
    const { name, given, text } = tag;
    if (name === "entity") {
      if (entity !== undefined) throw invalidXml();
      entity = given.get("name");
    }
    if (name === "filter") {
      const type = given.get("type") ?? "and";
      if (type !== "and" && type !== "or") throw invalidXml();
      const filter: Open = { operator: type === "or" ? "Or" : "And", conditions: [], filters: [] };
      (stack.at(-1) as Open).filters.push(filter);
      stack.push(filter);
    }
    if (name === "condition") {
      const operator = entryOf(OPERATORS, given.get("operator") ?? "");
      if (!operator) throw invalid(`The operator '${given.get("operator") ?? ""}' is not supported.`);
      const value = given.get("value");
      values = value === undefined ? [] : [value];
      (stack.at(-1) as Open).conditions.push({ attribute: given.get("attribute") ?? "", operator, values });
    }
    if (name === "value") values.push(text.trim());
  }
  if (entity === undefined) throw invalid("The query names no entity.");
  return { entity, criteria: root };
}

/** The rows of `table` that a FetchXML query finds. */
export function rowsOfFetch(world: World, table: Table, xml: string): Row[] {
  const { entity, criteria } = readFetch(xml);
  if (entity !== table.logicalName)
    throw invalid(`The query is on '${entity}', not on '${table.logicalName}'.`);
  const test = compileCriteria(world, table, criteria);
  return [...world.store.rows(table).values()].filter(test);
}
