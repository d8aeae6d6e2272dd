import { Refusal } from "../errors.ts";
import { isObject, type JsonObject } from "../json.ts";
import type { Token } from "../lexer.ts";
import type { KeyText } from "../url.ts";
import type { Session, World } from "../world.ts";
import type { AttributeDefinition, TableDefinition } from "./definitions.ts";
import { type Document, definitionJson } from "./labels.ts";
import { propertiesOf } from "./types.ts";

/** `RetrieveMetadataChanges` (pages: query-schema-definitions; cache-schema-data). */

const DAY = 86_400_000;
/** `Organization.ExpireSubscriptionsInDays`. */
const STAMP_DAYS = 90;

const invalid = (message: string) => new Refusal(400, "0x80040203", message);
const expired = () =>
  new Refusal(
    400,
    "0x80044352",
    "Version stamp associated with the client has expired. Please perform a full sync.",
  );

/** `5027348!11/20/2026 20:32:58`: the version of the definitions and when it was told. */
export function stampOf(world: World): string {
  const [date = "", time = ""] = world.now().toISOString().split("T");
  const [year, month, day] = date.split("-");
  return `${world.metadata.version()}!${month}/${day}/${year} ${time.slice(0, 8)}`;
}

const STAMP = /^(\d+)!(\d\d)\/(\d\d)\/(\d{4}) (\d\d:\d\d:\d\d)$/;

/** The version that a client knows. */
function versionIn(world: World, stamp: string): number {
  const match = STAMP.exec(stamp.trim());
  if (!match) throw invalid(`The ClientVersionStamp '${stamp.slice(0, 100)}' is not one of this service.`);
  const [, version, month, day, year, time] = match;
  const told = Date.parse(`${year}-${month}-${day}T${time}Z`);
  if (!(world.now().getTime() - told <= STAMP_DAYS * DAY)) throw expired();
  return Number(version);
}

type Test = (document: Document) => boolean;

/** A name or scalar; anything nested is refused, however deep it goes. */
function word(value: unknown): string {
  if (typeof value === "object" && value !== null)
    throw invalid("A name or value was expected, not a structure.");
  return String(value);
}

/** A value as the .NET type that is named beside it (page: query-schema-definitions). */
function wantedOf(value: unknown): readonly unknown[] {
  if (!isObject(value)) throw invalid("A condition needs a Value with Type and Value.");
  const type = word(value.Type);
  const text = value.Value;
  const list = type.endsWith("[]") && typeof text === "string" ? jsonList(text) : text;
  const convert = (item: unknown): unknown => {
    const plain = word(item);
    if (type === "System.Boolean") return plain.toLowerCase() === "true";
    if (type.startsWith("System.Int32")) return Number(plain);
    return typeof item === "string" && type.startsWith("System.Guid") ? plain.toLowerCase() : item;
  };
  return (Array.isArray(list) ? list : [list]).map(convert);
}

function jsonList(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function conditionTest(type: string, condition: unknown): Test {
  if (!isObject(condition)) throw invalid("A condition must be an object.");
  const name = word(condition.PropertyName);
  if (!propertiesOf(type)?.has(name)) throw invalid(`'${name}' is not a property of ${type}.`);
  const wanted = wantedOf(condition.Value);
  // Of a managed property its value is compared.
  const read = (document: Document): unknown => {
    const value = document[name];
    return isObject(value) && "Value" in value ? value.Value : (value ?? null);
  };
  const compare = (a: unknown, b: unknown): number =>
    typeof a === "number" && typeof b === "number" ? a - b : String(a) < String(b) ? -1 : a === b ? 0 : 1;
  switch (condition.ConditionOperator) {
    case "Equals":
      return (document) => read(document) === wanted[0];
    case "NotEquals":
      return (document) => read(document) !== wanted[0];
    case "In":
      return (document) => wanted.includes(read(document));
    case "NotIn":
      return (document) => !wanted.includes(read(document));
    case "GreaterThan":
      return (document) => compare(read(document), wanted[0]) > 0;
    case "LessThan":
      return (document) => compare(read(document), wanted[0]) < 0;
    default:
      throw invalid(`'${word(condition.ConditionOperator)}' is not a MetadataConditionOperator.`);
  }
}

const DEEPEST = 50;

function criteriaTest(type: string, criteria: unknown, depth = 0): Test {
  if (criteria === undefined || criteria === null) return () => true;
  if (!isObject(criteria) || depth > DEEPEST) throw invalid("The Criteria are no MetadataFilterExpression.");
  const list = (name: string): unknown[] => {
    const value = criteria[name] ?? [];
    if (!Array.isArray(value)) throw invalid(`'${name}' must be a list.`);
    return value;
  };
  const tests = [
    ...list("Conditions").map((condition) => conditionTest(type, condition)),
    ...list("Filters").map((filter) => criteriaTest(type, filter, depth + 1)),
  ];
  if (tests.length === 0) return () => true;
  return criteria.FilterOperator === "Or"
    ? (document) => tests.some((test) => test(document))
    : (document) => tests.every((test) => test(document));
}

/** Properties that come back whether they were asked for or not. */
const ALWAYS = new Set(["MetadataId", "LogicalName", "HasChanged"]);
const PARTS = [
  "Attributes",
  "Keys",
  "ManyToManyRelationships",
  "ManyToOneRelationships",
  "OneToManyRelationships",
] as const;

type Wants = (name: string) => boolean;

function wantsOf(expression: unknown, type: string): Wants {
  const properties = isObject(expression) ? expression.Properties : undefined;
  if (!isObject(properties)) return () => false;
  if (properties.AllProperties === true) return () => true;
  const names = new Set((Array.isArray(properties.PropertyNames) ? properties.PropertyNames : []).map(word));
  const known = propertiesOf(type);
  for (const name of names) {
    const isPart = (PARTS as readonly string[]).includes(name) || name.endsWith("OptionSet");
    if (type === "EntityMetadata" && !known?.has(name) && !isPart) {
      throw invalid(`'${name}' is not a property of ${type}.`);
    }
  }
  return (name) => names.has(name);
}

/** Every property comes back; what was not asked for is null (page: query-schema-definitions). */
function trimmed(document: Document, wants: Wants): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const name in document) {
    const empty = Array.isArray(document[name]) ? [] : null;
    result[name] = ALWAYS.has(name) || wants(name) ? document[name] : empty;
  }
  return result;
}

function attributeItem(attribute: AttributeDefinition, wants: Wants): Document {
  const { document, cast, optionSet, globalOptionSet } = attribute;
  const type = cast ? { "@odata.type": `#Microsoft.Dynamics.CRM.Complex${cast}` } : {};
  const sets = optionSet
    ? {
        OptionSet: wants("OptionSet") ? optionSet : null,
        GlobalOptionSet: wants("GlobalOptionSet") ? globalOptionSet : null,
      }
    : {};
  return { ...type, ...trimmed(document, wants), ...sets };
}

/** Keeps the labels of the languages that were asked for. */
function inLanguages(value: unknown, languages: readonly number[]): unknown {
  if (Array.isArray(value)) return value.map((item) => inLanguages(item, languages));
  if (!isObject(value)) return value;
  const result: Record<string, unknown> = {};
  for (const name in value) {
    const inner = value[name];
    result[name] =
      name === "LocalizedLabels" && Array.isArray(inner)
        ? inner.filter((item) => isObject(item) && languages.includes(Number(item.LanguageCode)))
        : inLanguages(inner, languages);
  }
  return result;
}

function tableItem(definition: TableDefinition, query: JsonObject, changed: boolean): Document {
  const wants = wantsOf(query, "EntityMetadata");
  const result = trimmed(definition.entity, wants);
  const mark = (item: Document): Document => (changed ? { ...item, HasChanged: true } : item);
  const part = (
    name: string,
    type: string,
    list: readonly Document[],
    asked: unknown,
  ): readonly Document[] => {
    if (!wants(name)) return [];
    const test = criteriaTest(type, isObject(asked) ? asked.Criteria : undefined);
    const inner = isObject(asked) ? wantsOf(asked, type) : () => true;
    return list.filter(test).map((item) => mark(trimmed(item, inner)));
  };
  const { AttributeQuery: attributes, KeyQuery: keys, RelationshipQuery: relationships } = query;
  if (wants("Attributes")) {
    const test = criteriaTest("AttributeMetadata", isObject(attributes) ? attributes.Criteria : undefined);
    const inner = isObject(attributes) ? wantsOf(attributes, "AttributeMetadata") : () => true;
    result.Attributes = definition.attributes
      .filter((item) => test(item.document))
      .map((item) => mark(attributeItem(item, inner)));
  } else result.Attributes = [];
  result.Keys = part("Keys", "EntityKeyMetadata", definition.keys, keys);
  for (const [name, type, list] of [
    ["ManyToManyRelationships", "ManyToManyRelationshipMetadata", definition.manyToMany],
    ["ManyToOneRelationships", "OneToManyRelationshipMetadata", definition.manyToOne],
    ["OneToManyRelationships", "OneToManyRelationshipMetadata", definition.oneToMany],
  ] as const) {
    result[name] = part(name, type, list, relationships);
  }
  return mark(result);
}

/** In the Web API `Default` stands for the .NET value `Entity` (page: cache-schema-data). */
const KINDS = ["Default", "Attribute", "Relationship", "Label", "OptionSet"] as const;

function deletedSince(world: World, since: number | undefined, filters: string | undefined): Document {
  const asked = new Set((filters ?? "").split(",").map((name) => name.trim()));
  for (const name of asked) {
    if (name !== "" && name !== "All" && !(KINDS as readonly string[]).includes(name)) {
      throw invalid(`'${name}' is not one of DeletedMetadataFilters.`);
    }
  }
  const gone = since === undefined ? [] : world.metadata.changes.filter((change) => change.version > since);
  const found = KINDS.map((kind) => ({
    kind,
    ids:
      asked.has("All") || asked.has(kind)
        ? gone.flatMap((change) => change.deleted.filter((item) => item.what === kind).map((item) => item.id))
        : [],
  })).filter((item) => item.ids.length > 0);
  return {
    Count: found.length,
    IsReadOnly: false,
    Keys: found.map((item) => item.kind),
    Values: found.map((item) => ({ Items: item.ids })),
  };
}

const PARAMETERS = new Set([
  "Query",
  "DeletedMetadataFilters",
  "ClientVersionStamp",
  "AppModuleId",
  "RetrieveAllSettings",
]);

/** The parameters of the call: literals, or aliases whose values stand in the query. */
function argumentsOf(key: KeyText, query: ReadonlyMap<string, string>): Map<string, string> {
  if (key.kind === "value") throw invalid("Parameters of RetrieveMetadataChanges are named.");
  const found = new Map<string, string>();
  for (const [name, token] of key.kind === "named" ? key.parts : ([] as [string, Token][])) {
    if (!PARAMETERS.has(name)) throw invalid(`RetrieveMetadataChanges has no parameter '${name}'.`);
    const text = token.kind === "alias" ? query.get(token.text) : token.text;
    if (text !== undefined && text !== "null") found.set(name, text);
  }
  return found;
}

const unquoted = (text: string): string => text.replace(/^(?:[\w.]+)?'(.*)'$/s, "$1");

/** Answers the function; throws 0x80044352 for a stamp older than 90 days. */
export function retrieveMetadataChanges(
  world: World,
  session: Session,
  key: KeyText,
  query: ReadonlyMap<string, string>,
): string {
  const given = argumentsOf(key, query);
  let expression: unknown = {};
  try {
    expression = JSON.parse(given.get("Query") ?? '{"Properties":{"AllProperties":true}}');
  } catch {
    throw invalid("The Query is not JSON.");
  }
  if (!isObject(expression)) throw invalid("The Query is no EntityQueryExpression.");
  const asked = expression;
  const stamp = given.get("ClientVersionStamp");
  const since = stamp === undefined ? undefined : versionIn(world, unquoted(stamp));
  const filters = given.get("DeletedMetadataFilters");
  const test = criteriaTest("EntityMetadata", asked.Criteria);
  const changed = new Set(
    world.metadata.changes
      .filter((change) => since !== undefined && change.version > since)
      .flatMap((change) => change.changed),
  );
  const tables = world.metadata
    .definitions()
    .tables()
    .filter((item) => since === undefined || changed.has(item.table.logicalName))
    .filter((item) => test(item.entity));
  const items: unknown = tables.map((item) => tableItem(item, asked, since !== undefined));
  const labels = isObject(asked.LabelQuery) ? asked.LabelQuery.FilterLanguages : undefined;
  return definitionJson({
    "@odata.context": `${session.root}$metadata#Microsoft.Dynamics.CRM.RetrieveMetadataChangesResponse`,
    ServerVersionStamp: stampOf(world),
    DeletedMetadata: deletedSince(world, since, filters === undefined ? undefined : unquoted(filters)),
    EntityMetadata: Array.isArray(labels)
      ? inLanguages(
          items,
          labels.map((code) => Number(word(code))),
        )
      : items,
  });
}
