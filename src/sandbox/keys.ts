import { parseDate, parseMoment } from "./dates.ts";
import { canonical } from "./decimal.ts";
import { placeOf } from "./elastic.ts";
import {
  keyNotDefined,
  missingByKey,
  missingRow,
  payloadError,
  querySyntax,
  undeclaredProperty,
  unknownSet,
  wrongKeyParts,
} from "./errors.ts";
import type { Token } from "./lexer.ts";
import type { Reference, Row, Value } from "./row.ts";
import {
  type AlternateKey,
  isLookup,
  keyValues,
  type Navigation,
  propertyName,
  type Schema,
  type Table,
} from "./schema.ts";
import type { Column } from "./tables/column.ts";
import { belowRoot, decode, type KeyText, parsePath } from "./url.ts";
import type { Session, World } from "./world.ts";

/** How a request names a row (page: use-alternate-key-reference-record). */
export type Identity =
  | { readonly by: "id"; readonly id: string /** Of an elastic table. */; readonly partition?: string }
  | {
      readonly by: "key";
      readonly key: AlternateKey;
      /** In the order of its columns. */
      readonly values: readonly (Value | undefined)[];
    };

const REFUSED = { slashes: /[/\\]/, documented: /[/<>*%&:\\?+]/ };
/** Their primary key is inherited from `ownerid`, so it has no name of its own in a key. */
const UNNAMED_KEYS = new Set(["systemuser", "team"]);

/** A key value by the type of its column: text is quoted, everything else is bare. */
function keyValue(world: World, table: Table, column: Column, token: Token): Value {
  const wrong = () => wrongKeyParts(table.logicalName);
  switch (column.type) {
    case "string":
    case "memo":
      if (token.kind !== "text") throw wrong();
      if (REFUSED[world.rules.refusedKeyCharacters].test(token.text)) throw querySyntax();
      return token.text;
    case "integer":
    case "choice":
    case "state":
    case "status":
      if (token.kind !== "number" || !/^-?\d+$/.test(token.text)) throw wrong();
      return Number(token.text);
    case "decimal":
    case "money":
    case "bigint":
      if (token.kind !== "number") throw wrong();
      return canonical(token.text) ?? "0";
    case "datetime": {
      const parsed =
        column.behavior === "DateOnly" ? parseDate(token.text) : parseMoment(token.text, true, false);
      if (token.kind !== "moment" || typeof parsed === "string") throw wrong();
      if (token.text.includes(".") && world.rules.keyDateFractions === "refused") throw wrong();
      return parsed.value;
    }
    default:
      if (token.kind !== "guid") throw wrong();
      if (!isLookup(column)) return token.text.toLowerCase();
      return { table: column.targets?.[0] ?? "", id: token.text.toLowerCase() };
  }
}

/** `KeyForNoSqlEntityWithPKPartitionId`, the key that every elastic table has (page: use-elastic-tables). */
function partitionedId(
  table: Table,
  parts: Extract<KeyText, { kind: "named" }>["parts"],
): Identity | undefined {
  const named = new Map(parts);
  const id = named.get(table.primaryId);
  const partition = named.get("partitionid");
  if (named.size !== 2 || id?.kind !== "guid" || partition?.kind !== "text") return undefined;
  return { by: "id", id: id.text.toLowerCase(), partition: partition.text };
}

/** Reads a key predicate; throws 400 when it names no usable key. */
export function identify(world: World, table: Table, text: KeyText): Identity {
  const wrong = () => wrongKeyParts(table.logicalName);
  if (text.kind === "none") throw wrong();
  if (text.kind === "value") {
    if (text.token.kind !== "guid") throw wrong();
    return { by: "id", id: text.token.text.toLowerCase() };
  }
  const [first] = text.parts;
  if (text.parts.length === 1 && first?.[0] === table.primaryId && !UNNAMED_KEYS.has(table.logicalName)) {
    if (first[1].kind !== "guid") throw wrong();
    return { by: "id", id: first[1].text.toLowerCase() };
  }
  const partitioned = table.elastic ? partitionedId(table, text.parts) : undefined;
  if (partitioned) return partitioned;
  const values: Record<string, Value> = {};
  for (const [name, token] of text.parts) {
    const column = table.properties.get(name);
    if (!column || column.logicalName in values) throw wrong();
    values[column.logicalName] = keyValue(world, table, column, token);
  }
  const names = Object.keys(values);
  const same = (key: AlternateKey) =>
    key.columns.length === names.length && key.columns.every((column) => column in values);
  const key = table.activeKeys.find(same);
  if (key) return { by: "key", key, values: keyValues(key, values) };
  throw keyNotDefined(table.logicalName);
}

/** The row, or undefined. */
export function findRow(world: World, table: Table, identity: Identity): Row | undefined {
  if (identity.by === "id") {
    return world.store.get(table, table.elastic ? placeOf(identity.id, identity.partition) : identity.id);
  }
  return world.store.find(table, identity.key, identity.values);
}

export const missing = (world: World, table: Table, identity: Identity) =>
  identity.by === "id"
    ? missingRow(world.rules, table.logicalName, identity.id)
    : missingByKey(table.logicalName);

export function requireRow(world: World, table: Table, identity: Identity): Row {
  const row = findRow(world, table, identity);
  if (!row) throw missing(world, table, identity);
  return row;
}

/** The key part of a row's address in the form that the request used (page: use-upsert-insert-update-record). */
export function keyUrl(identity: Identity): string {
  if (identity.by === "id") {
    const { partition, id } = identity;
    return partition === undefined ? id : `${id},partitionid='${encodeURIComponent(partition)}'`;
  }
  return identity.key.parts
    .map((column, at) => {
      const value = identity.values[at];
      const text = typeof value === "object" && value !== null ? value.id : String(value);
      const quoted = column.type === "string" || column.type === "memo";
      return `${propertyName(column)}=${quoted ? `'${encodeURIComponent(text.replaceAll("'", "''"))}'` : text}`;
    })
    .join(",");
}

/** A row of a table, as a body names it. */
interface Address {
  readonly table: Table;
  readonly identity: Identity;
}

const BY_ID = /^\/?(\w+)\(([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\)$/i;
/** By one text key that needs no decoding: what bulk messages are full of, read without the grammar. */
const BY_TEXT = /^\/?(\w+)\((\w+)='[^']*'\)$/;
/** What must be decoded, and what may have to be refused: the grammar sees to it. */
const NOT_PLAIN = new Set([..."'%#/<>*&:\\?+"].map((character) => character.charCodeAt(0)));
const isPlain = Array.from({ length: 128 }, (_, code) => !NOT_PLAIN.has(code));

/** Letter by letter: a key is too short for a regular expression to be worth its beginning. */
function hasPlainEnd(text: string, from: number, to: number): boolean {
  for (let at = from; at < to; at++) {
    const code = text.charCodeAt(at);
    if (code < 128 && !isPlain[code]) return false;
  }
  return true;
}

/** What stands before the value in the last such address: a thousand of them in a row differ in the value alone. */
interface Beginning {
  readonly text: string;
  readonly table: Table;
  readonly key: AlternateKey;
}
const beginnings = new WeakMap<Schema, Beginning>();

function beginningOf(world: World, address: string): Beginning | undefined {
  const last = beginnings.get(world.schema);
  // Found at once where it is; `startsWith` goes letter by letter.
  if (last && address.indexOf(last.text) === 0 && last.table.activeKeys.includes(last.key)) return last;
  const match = BY_TEXT.exec(address);
  const table = match && world.schema.sets.get(match[1] as string);
  const column = table?.properties.get(match?.[2] ?? "");
  const key = table?.activeKeys.find(({ parts }) => parts.length === 1 && parts[0] === column);
  if (!table || !key || (column?.type !== "string" && column?.type !== "memo")) return undefined;
  const text = [...address.slice(0, address.indexOf("'") + 1)].join(""); // no part of the address, which it would keep
  const beginning = { text, table, key };
  beginnings.set(world.schema, beginning);
  return beginning;
}

function plainAddress(world: World, text: string): Address | undefined {
  const end = text.length - 2;
  // They end with ') and begin like the one before.
  if (text.charCodeAt(end) !== 39 || text.charCodeAt(end + 1) !== 41) return undefined;
  const beginning = beginningOf(world, text);
  if (!beginning || !hasPlainEnd(text, beginning.text.length, end)) return undefined;
  const { table, key } = beginning;
  return { table, identity: { by: "key", key, values: [text.slice(beginning.text.length, end)] } };
}

/** Reads an entity address as it stands in a body: relative, with a leading slash, absolute, or `$1`. */
export function parseAddress(world: World, session: Session, text: string): Address {
  const plain = plainAddress(world, text);
  if (plain) return plain;
  let address = text;
  if (address.startsWith("$")) {
    const known = session.references?.get(address.slice(1));
    if (known === undefined) {
      throw payloadError(
        "",
        `Microsoft.OData.ODataException: Content-ID Reference: '${address}' does not exist in the batch context.`,
      );
    }
    address = known;
  }
  address = belowRoot(world.rules, session.root, address);
  const direct = BY_ID.exec(address);
  if (direct) {
    const table = world.schema.sets.get(direct[1]!);
    if (!table) throw unknownSet(world.rules, direct[1]!);
    return { table, identity: { by: "id", id: direct[2]!.toLowerCase() } };
  }
  // Seen live: a raw # breaks the parser, and %23 is not decoded.
  if (address.includes("#")) throw querySyntax();
  const kept = world.rules.bindKeepsEscapedHash ? address.replaceAll("%23", "%2523") : address;
  const [segment, extra] = parsePath(decode(kept.replace(/^\//, "")));
  if (!segment || extra) throw querySyntax();
  const table = world.schema.sets.get(segment.name);
  if (!table) throw unknownSet(world.rules, segment.name);
  return { table, identity: identify(world, table, segment.key) };
}

/** What an `@odata.bind` value points at; the row must exist (404 names the target's table). */
export function bindTarget(world: World, session: Session, navigation: Navigation, text: string): Reference {
  const address = parseAddress(world, session, text);
  if (!navigation.targets.includes(address.table.logicalName)) {
    throw undeclaredProperty(navigation.name);
  }
  const row = requireRow(world, address.table, address.identity);
  return { table: address.table.logicalName, id: row.id };
}
