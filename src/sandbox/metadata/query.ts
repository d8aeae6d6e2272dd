import { querySyntax, Refusal, unknownQueryProperty, unsupportedOption } from "../errors.ts";
import { type Expression, type Operand, parseFilter } from "../filter.ts";
import { splitList } from "../query.ts";
import type { Unverified } from "../unverified.ts";
import type { Document } from "./documents.ts";

/** A collection or a single definition, and what `$expand` may add to each. */
export interface Kind {
  readonly type: string;
  readonly expand: Readonly<Record<string, (document: Document) => Expansion>>;
  /** Properties that `$select` and `$filter` may name; derived types are not visible through the base type. */
  readonly properties?: ReadonlySet<string>;
  /** Names the derived type of a document in a mixed collection. */
  readonly derived?: (document: Document) => string | undefined;
}

export interface Expansion {
  readonly documents: readonly Document[] | Document | null;
  readonly kind: Kind;
}

/** Page: query-metadata-web-api. There is no paging, no ordering and no text function here. */
const ALLOWED = new Set(["$select", "$filter", "$expand"]);
const ENUMS = new Set(["AttributeType", "OwnershipType", "EntityKeyIndexStatus", "RelationshipType"]);

export function checkMetadataOptions(query: ReadonlyMap<string, string>): void {
  for (const name of query.keys()) {
    if (!name.startsWith("@") && !ALLOWED.has(name)) throw unsupportedOption(name);
  }
}

function property(document: Document, path: readonly string[]): unknown {
  let value: unknown = document;
  for (const name of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Document)[name];
  }
  return value;
}

function filterTest(
  rules: Unverified,
  kind: Kind,
  sample: Document,
  expression: Expression,
): (d: Document) => boolean {
  const known = kind.properties ?? new Set(Object.keys(sample));
  const pathOf = (operand: Operand): readonly string[] => {
    if (operand.kind !== "path") throw querySyntax();
    if (!known.has(operand.path[0] ?? ""))
      throw unknownQueryProperty(rules, kind.type, operand.path[0] ?? "");
    return operand.path;
  };
  switch (expression.is) {
    case "and":
    case "or": {
      const parts = expression.parts.map((part) => filterTest(rules, kind, sample, part));
      return expression.is === "and"
        ? (document) => parts.every((part) => part(document))
        : (document) => parts.some((part) => part(document));
    }
    case "not": {
      const inner = filterTest(rules, kind, sample, expression.part);
      return (document) => !inner(document);
    }
    case "text":
      throw new Refusal(
        400,
        "0x8006088a",
        `The "${expression.name}" function isn't supported for Metadata Entities.`,
      );
    case "member":
      throw new Refusal(
        400,
        "0x8006088a",
        `The "${expression.name}" function isn't supported for Metadata Entities.`,
      );
    case "truth": {
      const path = pathOf(expression.operand);
      return (document) => property(document, path) === true;
    }
    case "compare":
      return comparison(expression, pathOf(expression.left));
  }
}

function comparison(
  expression: Extract<Expression, { is: "compare" }>,
  path: readonly string[],
): (d: Document) => boolean {
  const { operator, right } = expression;
  if (right.kind !== "literal" || (operator !== "eq" && operator !== "ne")) {
    throw new Refusal(400, "0x8006088a", `The "${operator}" operator isn't supported for Metadata Entities.`);
  }
  const { token } = right;
  const isEnum = ENUMS.has(path[0] ?? "") || path.join("/") === "RequiredLevel/Value";
  if (isEnum && token.kind !== "enum" && !(token.kind === "name" && token.text === "null")) {
    throw querySyntax(
      `A binary operator with incompatible types was detected. Found operand types 'Microsoft.Dynamics.CRM.${path[0]}' and 'Edm.String' for operator kind 'Equal'.`,
    );
  }
  const wanted: unknown =
    token.kind === "number"
      ? Number(token.text)
      : token.kind === "name"
        ? { true: true, false: false, null: null }[token.text]
        : token.kind === "guid"
          ? token.text.toLowerCase()
          : token.text;
  return (document) => ((property(document, path) ?? null) === wanted) === (operator === "eq");
}

interface Options {
  readonly select: readonly string[] | undefined;
  readonly filter: Expression | undefined;
  readonly expand: readonly { readonly name: string; readonly options: Options }[];
}

function nestedOptions(text: string, aliases: ReadonlyMap<string, string>): Options {
  const query = new Map<string, string>();
  for (const part of splitList(text, ";")) {
    const equals = part.indexOf("=");
    if (equals < 0) throw querySyntax();
    query.set(part.slice(0, equals).trim(), part.slice(equals + 1));
  }
  return parseOptions(query, aliases);
}

function parseOptions(query: ReadonlyMap<string, string>, aliases: ReadonlyMap<string, string>): Options {
  checkMetadataOptions(query);
  const select = query.get("$select");
  const filter = query.get("$filter");
  return {
    select: select === undefined || select.trim() === "*" ? undefined : splitList(select),
    filter: filter === undefined ? undefined : parseFilter(filter, aliases),
    expand: splitList(query.get("$expand") ?? "").map((item) => {
      const match = /^(\w+)(?:\((.*)\))?$/s.exec(item);
      if (!match) throw querySyntax();
      return { name: match[1]!, options: nestedOptions(match[2] ?? "", aliases) };
    }),
  };
}

function shape(rules: Unverified, kind: Kind, document: Document, options: Options): Document {
  const known = kind.properties ?? new Set(Object.keys(document));
  const result: Record<string, unknown> = {};
  const derived = kind.derived?.(document);
  if (derived !== undefined) result["@odata.type"] = `#Microsoft.Dynamics.CRM.${derived}`;
  if (options.select) {
    for (const name of options.select) {
      if (!known.has(name)) throw unknownQueryProperty(rules, kind.type, name);
      result[name] = document[name];
    }
    if ("MetadataId" in document) result.MetadataId = document.MetadataId;
  } else {
    Object.assign(result, document);
  }
  for (const { name, options: inner } of options.expand) {
    const expand = kind.expand[name];
    if (!expand) throw unknownQueryProperty(rules, kind.type, name);
    const { documents, kind: innerKind } = expand(document);
    result[name] =
      documents === null
        ? null
        : Array.isArray(documents)
          ? apply(rules, innerKind, documents as readonly Document[], inner)
          : shape(rules, innerKind, documents as Document, inner);
  }
  return result;
}

function apply(rules: Unverified, kind: Kind, documents: readonly Document[], options: Options): Document[] {
  const [sample] = documents;
  const test = options.filter && filterTest(rules, kind, sample ?? {}, options.filter);
  const kept = test && sample ? documents.filter(test) : documents;
  return kept.map((document) => shape(rules, kind, document, options));
}

/** Filters, selects and expands; throws 400 for what metadata queries do not support. */
export function selectDocuments(
  rules: Unverified,
  kind: Kind,
  documents: readonly Document[],
  query: ReadonlyMap<string, string>,
): Document[] {
  return apply(rules, kind, documents, parseOptions(query, query));
}

export function selectDocument(
  rules: Unverified,
  kind: Kind,
  document: Document,
  query: ReadonlyMap<string, string>,
): Document {
  if (query.has("$filter")) throw unsupportedOption("$filter");
  return shape(rules, kind, document, parseOptions(query, query));
}
