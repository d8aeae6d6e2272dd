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

const TAG = /<(\/?)([\w-]+)((?:\s+[\w-]+\s*=\s*(?:"[^"]*"|'[^']*'))*)\s*(\/?)>([^<]*)/g;
const ATTRIBUTE = /([\w-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g;
const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };
const decoded = (text: string): string =>
  text.replace(/&(amp|lt|gt|quot|apos);/g, (whole, name: string) => ENTITIES[name] ?? whole);

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
  let condition: { attribute: string; operator: string; values: string[] } | undefined;
  for (const [, closing, name, rawAttributes = "", selfClosing, text = ""] of xml.matchAll(TAG)) {
    const given = new Map(
      [...rawAttributes.matchAll(ATTRIBUTE)].map((match) => [match[1]!, decoded(match[2] ?? match[3] ?? "")]),
    );
    if (name === "link-entity") throw invalid("Link entities are not supported here.");
    if (closing) {
      if (name === "filter" && stack.length > 1) stack.pop();
      if (name === "condition") condition = undefined;
      continue;
    }
    if (name === "entity") entity = given.get("name");
    if (name === "filter" && !selfClosing) {
      const filter: Open = {
        operator: given.get("type") === "or" ? "Or" : "And",
        conditions: [],
        filters: [],
      };
      (stack.at(-1) as Open).filters.push(filter);
      stack.push(filter);
    }
    if (name === "condition") {
      const operator = entryOf(OPERATORS, given.get("operator") ?? "");
      if (!operator) throw invalid(`The operator '${given.get("operator") ?? ""}' is not supported.`);
      const value = given.get("value");
      condition = {
        attribute: given.get("attribute") ?? "",
        operator,
        values: value === undefined ? [] : [value],
      };
      (stack.at(-1) as Open).conditions.push(condition);
      if (selfClosing) condition = undefined;
    }
    if (name === "value") condition?.values.push(decoded(text.trim()));
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
