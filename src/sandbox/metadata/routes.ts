import { noRoute, querySyntax, Refusal, unknownSet } from "../errors.ts";
import type { Preferences } from "../headers.ts";
import type { KeyText, Segment } from "../url.ts";
import type { Session, World } from "../world.ts";
import type { TableDefinition } from "./definitions.ts";
import { entityKind, GLOBAL_OPTION_SET, RELATIONSHIP } from "./kinds.ts";
import { type Document, definitionJson } from "./labels.ts";
import { CRM, checkMetadataOptions, type Kind, selectDocument, selectDocuments } from "./query.ts";

/**
 * Requests on definitions (pages: query-metadata-web-api; retrieve-metadata-name-metadataid; codes of the 404s:
 * web-service-error-codes, EntityDoesNotExist, AttributeDoesNotExist and ObjectDoesNotExist).
 */

/** The sets that hold definitions instead of rows. */
export const METADATA_SETS = new Set([
  "EntityDefinitions",
  "GlobalOptionSetDefinitions",
  "RelationshipDefinitions",
]);

/** The property and value by which a definition is addressed: `(LogicalName='x')` or `({guid})`. */
function addressed(key: KeyText, property: string): readonly [string, string] {
  if (key.kind === "value" && key.token.kind === "guid") return ["MetadataId", key.token.text.toLowerCase()];
  if (key.kind === "named" && key.parts.length === 1) {
    const [name, token] = key.parts[0]!;
    if (name === property && token.kind === "text") return [name, token.text];
    if (name === "MetadataId" && token.kind === "guid") return [name, token.text.toLowerCase()];
  }
  throw querySyntax();
}

const noEntity = (name: string) =>
  new Refusal(
    404,
    "0x80041102",
    `The entity with a name = '${name}' with namemapping = 'Logical' was not found in the MetadataCache.`,
  );

const noAttribute = (table: string, name: string) =>
  new Refusal(
    404,
    "0x80041103",
    `'${table}' entity doesn't contain attribute with Name = '${name}' and NameMapping = 'Logical'.`,
  );

const noDefinition = (set: string, name: string) =>
  new Refusal(404, "0x80040217", `${set} '${name}' does not exist.`);

export interface MetadataReply {
  readonly body: string;
  readonly contentType?: string;
}

interface Asked {
  readonly world: World;
  readonly session: Session;
  readonly query: ReadonlyMap<string, string>;
  readonly preferences: Preferences;
}

const VERSION = "Microsoft.Dynamics.CRM.globalmetadataversion";

const head = (asked: Asked, path: string): Document => ({
  "@odata.context": `${asked.session.root}$metadata#${path}`,
  ...(asked.preferences.annotation(VERSION) ? { [`@${VERSION}`]: asked.world.metadata.version() } : {}),
});

function collection(asked: Asked, path: string, kind: Kind, documents: readonly Document[]): MetadataReply {
  const value = selectDocuments(asked.world.rules, kind, documents, asked.query);
  return { body: definitionJson({ ...head(asked, path), value }) };
}

function single(asked: Asked, path: string, kind: Kind, document: Document): MetadataReply {
  const shaped = selectDocument(asked.world.rules, kind, document, asked.query);
  return { body: definitionJson({ ...head(asked, `${path}/$entity`), ...shaped }) };
}

/** One property of a definition or a part of it, bare with `$value`. */
function oneProperty(
  asked: Asked,
  path: string,
  kind: Kind,
  document: Document,
  rest: readonly Segment[],
): MetadataReply {
  checkMetadataOptions(asked.query);
  const bare = rest.at(-1)?.name === "$value";
  const names = (bare ? rest.slice(0, -1) : rest).map((segment) => segment.name);
  let value: unknown = document;
  for (const [depth, name] of names.entries()) {
    const known =
      depth === 0
        ? kind.properties.has(name) || Object.hasOwn(document, name)
        : isDocument(value) && Object.hasOwn(value, name);
    if (!known) throw unknownSet(asked.world.rules, name);
    const found: unknown = (value as Document)[name];
    value = depth === 0 && found === undefined ? (kind.fallback?.(document, name) ?? null) : found;
  }
  if (bare) {
    const text = isDocument(value) ? definitionJson(value) : String(value ?? "");
    return { body: text, contentType: "text/plain" };
  }
  return { body: definitionJson({ ...head(asked, `${path}/${names.join("/")}`), value }) };
}

const isDocument = (value: unknown): value is Document => typeof value === "object" && value !== null;

/**
 * Everything below a collection of definitions: the collection, a cast of it, one member by key, the member's cast, its
 * own collections and its properties.
 * @param missing the refusal for a key that names nothing
 */
function below(
  asked: Asked,
  path: string,
  { kind, documents }: { readonly kind: Kind; readonly documents: readonly Document[] },
  segment: Segment,
  rest: readonly Segment[],
  keyName: string,
  missing: (name: string) => Refusal,
): MetadataReply {
  const [next, ...others] = rest;
  const cast = next?.name.startsWith(CRM) ? kind.cast?.(next.name.slice(CRM.length)) : undefined;
  const castPath = cast ? `${path}/${next?.name}` : path;
  const seen = cast?.kind ?? kind;
  const tail = cast ? others : rest;
  if (segment.key.kind === "none") {
    // `…/Attributes/Microsoft.Dynamics.CRM.StringAttributeMetadata(LogicalName='x')`
    if (cast && next && next.key.kind !== "none") {
      return below(
        asked,
        castPath,
        { kind: seen, documents: documents.filter(cast.fits) },
        next,
        tail,
        keyName,
        missing,
      );
    }
    if (tail.length > 0) throw unknownSet(asked.world.rules, tail[0]!.name);
    return collection(asked, castPath, seen, cast ? documents.filter(cast.fits) : documents);
  }
  const [property, value] = addressed(segment.key, keyName);
  const found = documents.find((document) => document[property] === value);
  if (!found || (cast && !cast.fits(found))) throw missing(value);
  return member(asked, castPath, seen, found, tail);
}

function member(
  asked: Asked,
  path: string,
  kind: Kind,
  document: Document,
  rest: readonly Segment[],
): MetadataReply {
  const [next, ...tail] = rest;
  if (!next) return single(asked, path, kind, document);
  const expand = Object.hasOwn(kind.expand, next.name) ? kind.expand[next.name] : undefined;
  if (!expand) return oneProperty(asked, path, kind, document, rest);
  const expansion = expand(document);
  const inner = `${path}/${next.name}`;
  if (expansion.documents === null) throw noDefinition(next.name, String(document.LogicalName));
  if (!Array.isArray(expansion.documents)) {
    return member(asked, inner, expansion.kind, expansion.documents as Document, tail);
  }
  const list = { kind: expansion.kind, documents: expansion.documents as readonly Document[] };
  const keyName = next.name.endsWith("Relationships") ? "SchemaName" : "LogicalName";
  const missing = (name: string) =>
    next.name === "Attributes"
      ? noAttribute(String(document.LogicalName), name)
      : noRoute(`${inner}('${name}')`);
  return below(asked, inner, list, next, tail, keyName, missing);
}

function entities(asked: Asked, first: Segment, rest: readonly Segment[]): MetadataReply {
  const { definitions } = asked.world.metadata;
  const kind = entityKind(definitions());
  if (first.key.kind === "none") {
    if (rest.length > 0) throw unknownSet(asked.world.rules, rest[0]!.name);
    const documents = definitions()
      .tables()
      .map((item) => item.entity);
    return collection(asked, "EntityDefinitions", kind, documents);
  }
  const [property, value] = addressed(first.key, "LogicalName");
  const found: TableDefinition | undefined =
    property === "LogicalName"
      ? definitions().table(value)
      : definitions()
          .tables()
          .find((item) => item.entity[property] === value);
  if (!found) throw noEntity(value);
  const path = rest.length > 0 ? `EntityDefinitions('${found.table.logicalName}')` : "EntityDefinitions";
  return member(asked, path, kind, found.entity, rest);
}

/** Answers a GET below one of METADATA_SETS. */
export function readMetadata(
  world: World,
  session: Session,
  segments: readonly Segment[],
  query: ReadonlyMap<string, string>,
  preferences: Preferences,
): MetadataReply {
  const asked = { world, session, query, preferences };
  const [first, ...rest] = segments as [Segment, ...Segment[]];
  if (first.name === "EntityDefinitions") return entities(asked, first, rest);
  const isGlobal = first.name === "GlobalOptionSetDefinitions";
  const documents = isGlobal
    ? world.metadata.definitions().globalOptionSets()
    : world.metadata.definitions().relationships();
  const list = { kind: isGlobal ? GLOBAL_OPTION_SET : RELATIONSHIP, documents };
  const missing = (name: string) => noDefinition(first.name, name);
  return below(asked, first.name, list, first, rest, isGlobal ? "Name" : "SchemaName", missing);
}
