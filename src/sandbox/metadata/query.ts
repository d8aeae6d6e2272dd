import { querySyntax, Refusal, unknownQueryProperty, unsupportedOption } from "../errors.ts";
import { type Expression, type Operand, parseFilter } from "../filter.ts";
import type { Unverified } from "../unverified.ts";
import { splitList } from "../view.ts";
import { enumOf, METADATA_ENUMS } from "./enums.ts";
import type { Document } from "./labels.ts";

/** A type of definitions: what a query may name of it, and what `$expand` may add. */
export interface Kind {
  /** Name without namespace. */
  readonly type: string;
  /** Properties that `$select` and `$filter` may name; derived types are not visible through the base type. */
  readonly properties: ReadonlySet<string>;
  readonly expand: Readonly<Record<string, (document: Document) => Expansion>>;
  /** Names the derived type of a document where the kind is a base type. */
  readonly derived?: (document: Document) => string | undefined;
  /** The kind behind a type cast, and which documents are of it. */
  readonly cast?: (
    name: string,
  ) => { readonly kind: Kind; readonly fits: (document: Document) => boolean } | undefined;
  /** What a property says that a document, loaded from an older service, does not mention. */
  readonly fallback?: (document: Document, property: string) => unknown;
}

export interface Expansion {
  readonly documents: readonly Document[] | Document | null;
  readonly kind: Kind;
}

export const CRM = "Microsoft.Dynamics.CRM.";
/** Page: query-metadata-web-api. There is no paging, no ordering and no text function here. */
const ALLOWED = new Set(["$select", "$filter", "$expand"]);

export function checkMetadataOptions(query: ReadonlyMap<string, string>): void {
  for (const name of query.keys()) {
    if (!name.startsWith("@") && !ALLOWED.has(name)) throw unsupportedOption(name);
  }
}

function propertyOf(kind: Kind, document: Document, path: readonly string[]): unknown {
  const [first = "", ...rest] = path;
  let value: unknown = Object.hasOwn(document, first) ? document[first] : kind.fallback?.(document, first);
  for (const name of rest) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Document)[name];
  }
  return value;
}

const notHere = (name: string, what: "function" | "operator") =>
  new Refusal(400, "0x8006088a", `The "${name}" ${what} isn't supported for Metadata Entities.`);

type Test = (document: Document) => boolean;

function filterTest(rules: Unverified, kind: Kind, expression: Expression): Test {
  const pathOf = (operand: Operand): readonly string[] => {
    if (operand.kind !== "path") throw querySyntax();
    const first = operand.path[0] ?? "";
    if (!kind.properties.has(first)) throw unknownQueryProperty(rules, kind.type, first);
    return operand.path;
  };
  switch (expression.is) {
    case "and": {
      const parts = expression.parts.map((part) => filterTest(rules, kind, part));
      return (document) => parts.every((part) => part(document));
    }
    case "or": {
      const parts = expression.parts.map((part) => filterTest(rules, kind, part));
      return (document) => parts.some((part) => part(document));
    }
    case "not": {
      const inner = filterTest(rules, kind, expression.part);
      return (document) => !inner(document);
    }
    case "truth": {
      const path = pathOf(expression.operand);
      return (document) => propertyOf(kind, document, path) === true;
    }
    case "compare":
      return expression.left.kind === "literal" && expression.right.kind === "path"
        ? comparison(
            kind,
            { ...expression, left: expression.right, right: expression.left },
            pathOf(expression.right),
          )
        : comparison(kind, expression, pathOf(expression.left));
    default:
      throw notHere(expression.is === "lambda" ? expression.quantifier : expression.name, "function");
  }
}

type Comparison = Extract<Expression, { is: "compare" }>;

/** Page: query-metadata-web-api: an enum is compared with a literal of its type, never with plain text. */
function comparison(kind: Kind, expression: Comparison, path: readonly string[]): Test {
  const { operator, right } = expression;
  if (right.kind !== "literal" || (operator !== "eq" && operator !== "ne"))
    throw notHere(operator, "operator");
  const { token } = right;
  const isNull = token.kind === "name" && token.text === "null";
  const wanted = enumOf(kind.type, path);
  const given = token.kind === "enum" ? (token.type ?? "") : undefined;
  if (!isNull && (wanted ?? "") !== (given?.startsWith(CRM) ? given.slice(CRM.length) : (given ?? ""))) {
    const left = wanted === undefined ? "Edm.String" : `${CRM}${wanted}`;
    throw querySyntax(
      `A binary operator with incompatible types was detected. Found operand types '${left}' and '${given ?? "Edm.String"}' for operator kind 'Equal'.`,
    );
  }
  if (wanted !== undefined && !isNull && !Object.hasOwn(METADATA_ENUMS[wanted] ?? {}, token.text)) {
    throw querySyntax(`The string '${token.text}' is not a valid enumeration type constant.`);
  }
  const value: unknown =
    token.kind === "number"
      ? Number(token.text)
      : token.kind === "name"
        ? { true: true, false: false, null: null }[token.text]
        : token.kind === "guid"
          ? token.text.toLowerCase()
          : token.text;
  return (document) => ((propertyOf(kind, document, path) ?? null) === value) === (operator === "eq");
}

interface Options {
  readonly select: readonly string[] | undefined;
  readonly filter: Expression | undefined;
  readonly expand: readonly {
    readonly name: string;
    readonly cast: string | undefined;
    readonly options: Options;
  }[];
}

const ITEM = /^(\w+)(?:\/Microsoft\.Dynamics\.CRM\.(\w+))?(?:\((.*)\))?$/s;

function nestedOptions(rules: Unverified, text: string, aliases: ReadonlyMap<string, string>): Options {
  const query = new Map<string, string>();
  for (const part of splitList(text, ";")) {
    const equals = part.indexOf("=");
    if (equals < 0) throw querySyntax();
    query.set(part.slice(0, equals).trim(), part.slice(equals + 1));
  }
  if (query.has("$expand") && !rules.metadataExpandMayNest) throw unsupportedOption("$expand");
  return parseOptions(rules, query, aliases);
}

function parseOptions(
  rules: Unverified,
  query: ReadonlyMap<string, string>,
  aliases: ReadonlyMap<string, string>,
): Options {
  checkMetadataOptions(query);
  const select = query.get("$select");
  const filter = query.get("$filter");
  return {
    select: select === undefined || select.trim() === "*" ? undefined : splitList(select),
    filter: filter === undefined ? undefined : parseFilter(filter, aliases),
    expand: splitList(query.get("$expand") ?? "").map((item) => {
      const match = ITEM.exec(item);
      if (!match) throw querySyntax();
      return { name: match[1]!, cast: match[2], options: nestedOptions(rules, match[3] ?? "", aliases) };
    }),
  };
}

function shape(rules: Unverified, kind: Kind, document: Document, options: Options): Document {
  const result: Record<string, unknown> = {};
  const derived = kind.derived?.(document);
  if (derived !== undefined) result["@odata.type"] = `#${CRM}${derived}`;
  if (options.select) {
    for (const name of options.select) result[name] = propertyOf(kind, document, [name]) ?? null;
    if ("MetadataId" in document) result.MetadataId = document.MetadataId;
  } else {
    Object.assign(result, document);
  }
  for (const { name, cast, options: inner } of options.expand) {
    const { documents, kind: plain } = (kind.expand[name] as Kind["expand"][string])(document);
    const seen = cast === undefined ? undefined : plain.cast?.(cast);
    if (cast !== undefined && !seen) throw unknownQueryProperty(rules, kind.type, `${CRM}${cast}`);
    const innerKind = seen?.kind ?? plain;
    if (documents === null) result[name] = null;
    else if (Array.isArray(documents)) {
      const list = documents as readonly Document[];
      result[name] = apply(rules, innerKind, seen ? list.filter(seen.fits) : list, inner);
    } else result[name] = shape(rules, innerKind, documents as Document, inner);
  }
  return result;
}

/** Names are checked against the type, not against what happens to be found. */
function checkNames(rules: Unverified, kind: Kind, options: Options): void {
  for (const name of options.select ?? []) {
    if (!kind.properties.has(name)) throw unknownQueryProperty(rules, kind.type, name);
  }
  for (const { name } of options.expand) {
    if (!Object.hasOwn(kind.expand, name)) throw unknownQueryProperty(rules, kind.type, name);
  }
}

function apply(rules: Unverified, kind: Kind, documents: readonly Document[], options: Options): Document[] {
  checkNames(rules, kind, options);
  const test = options.filter && filterTest(rules, kind, options.filter);
  const kept = test ? documents.filter(test) : documents;
  return kept.map((document) => shape(rules, kind, document, options));
}

/** Filters, selects and expands; throws 400 for what metadata queries do not support. */
export function selectDocuments(
  rules: Unverified,
  kind: Kind,
  documents: readonly Document[],
  query: ReadonlyMap<string, string>,
): Document[] {
  return apply(rules, kind, documents, parseOptions(rules, query, query));
}

export function selectDocument(
  rules: Unverified,
  kind: Kind,
  document: Document,
  query: ReadonlyMap<string, string>,
): Document {
  if (query.has("$filter")) throw unsupportedOption("$filter");
  const options = parseOptions(rules, query, query);
  checkNames(rules, kind, options);
  return shape(rules, kind, document, options);
}
